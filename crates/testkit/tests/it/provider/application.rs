//! An application that logs people in at a fake provider, right by default.

use countersign_oauth::form::{self, Form};
use countersign_oauth::pkce::CodeVerifier;
use serde_json::Value;
use testkit::provider::Endpoint;
use testkit::{Answer, FakeProvider, Http};

/// The redirect URI of the application.
pub(super) const REDIRECT_URI: &str = "https://as.test/callback/idp";

/// A login of one person.
pub(super) struct Login<'a> {
    pub(super) provider: &'a FakeProvider,
    pub(super) authorize: Vec<(&'static str, String)>,
    pub(super) token: Vec<(&'static str, String)>,
    pub(super) authorization: Option<String>,
}

impl<'a> Login<'a> {
    /// One with PKCE, a nonce, and the client secret in the body.
    pub(super) fn new(provider: &'a FakeProvider, scope: &str) -> Self {
        let verifier = CodeVerifier::from_random([7; 32]);
        let text = |text: &str| text.to_owned();
        let id = text(provider.client_id());
        let mut token = vec![
            ("grant_type", text("authorization_code")),
            ("redirect_uri", text(REDIRECT_URI)),
            ("code_verifier", text(verifier.secret().reveal())),
            ("client_id", id.clone()),
        ];
        token.extend(
            provider
                .client_secret()
                .map(|secret| ("client_secret", text(secret))),
        );
        Self {
            provider,
            authorize: vec![
                ("response_type", text("code")),
                ("client_id", id),
                ("redirect_uri", text(REDIRECT_URI)),
                ("scope", text(scope)),
                ("state", text("state-1")),
                ("nonce", text("nonce-1")),
                ("code_challenge", text(verifier.challenge().as_str())),
                ("code_challenge_method", text("S256")),
            ],
            token,
            authorization: None,
        }
    }

    /// Authenticates as the provider names first.
    pub(super) fn with_the_method_it_prefers(mut self) -> Self {
        let methods = &self.provider.behaviour().client_authentication;
        if methods.first() == Some(&"client_secret_basic") {
            let secret = self.provider.client_secret().expect("it has one");
            self.authorization = Some(basic(self.provider.client_id(), secret));
            self.token.retain(|(name, _)| *name != "client_secret");
        }
        self
    }

    /// Sets or adds a parameter of the authorization request.
    pub(super) fn asking(mut self, name: &'static str, value: &str) -> Self {
        self.authorize.retain(|(known, _)| *known != name);
        self.authorize.push((name, value.to_owned()));
        self
    }

    /// Removes a parameter of both requests.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.authorize.retain(|(known, _)| *known != name);
        self.token.retain(|(known, _)| *known != name);
        self
    }

    /// Sets or adds a parameter of the token request.
    pub(super) fn redeeming(mut self, name: &'static str, value: &str) -> Self {
        self.token.retain(|(known, _)| *known != name);
        self.token.push((name, value.to_owned()));
        self
    }

    pub(super) fn location(&self) -> String {
        let endpoint = self.provider.url(Endpoint::Authorization).unwrap();
        format!("{endpoint}?{}", encoded(&self.authorize))
    }

    /// The callback of `person`.
    pub(super) async fn callback(&self, person: &str) -> String {
        self.provider.approve(&self.location(), person).await
    }

    /// Redeems `code` and gives the answer as it is.
    pub(super) async fn redeem(&self, code: &str) -> Answer {
        let mut form = self.token.clone();
        form.push(("code", code.to_owned()));
        post(
            self.provider,
            Endpoint::Token,
            &form,
            self.authorization.as_deref(),
        )
        .await
    }

    /// The whole login of `person`: the answer of the token endpoint.
    pub(super) async fn tokens(&self, person: &str) -> Value {
        let code = parameter(&self.callback(person).await, "code").expect("a code");
        self.redeem(&code).await.json().await
    }

    /// Uses a refresh token.
    pub(super) async fn refresh(&self, token: &str) -> Answer {
        let mut form = self.token.clone();
        form.retain(|(name, _)| name.starts_with("client_"));
        form.push(("grant_type", "refresh_token".to_owned()));
        form.push(("refresh_token", token.to_owned()));
        post(
            self.provider,
            Endpoint::Token,
            &form,
            self.authorization.as_deref(),
        )
        .await
    }
}

/// POST of a form to an endpoint, with an `Authorization` header or without.
pub(super) async fn post(
    provider: &FakeProvider,
    endpoint: Endpoint,
    form: &[(&'static str, String)],
    authorization: Option<&str>,
) -> Answer {
    let (http, target) = reach(&provider.url(endpoint).unwrap());
    let mut request = http
        .post(&target)
        .header("content-type", form::MEDIA_TYPE)
        .header("accept", "application/json")
        .body(encoded(form));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.send().await
}

/// GET with a bearer token.
pub(super) async fn get(url: &str, token: &str) -> Answer {
    let (http, target) = reach(url);
    http.get(&target).bearer(token).send().await
}

/// Splits a loopback URL.
pub(super) fn reach(url: &str) -> (Http, String) {
    let rest = url.strip_prefix("http://").expect("loopback");
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    (Http::socket(authority), format!("/{path}"))
}

/// A parameter of the query of `location`.
pub(super) fn parameter(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    let form = Form::parse(query.as_bytes()).unwrap();
    form.all(name).next().map(str::to_owned)
}

/// The claims of a JWT, not verified.
pub(super) fn claims(token: &str) -> Value {
    let token = countersign_oauth::jose::decode_unverified(token).expect("a JWT");
    serde_json::from_slice(token.payload()).unwrap()
}

fn encoded(pairs: &[(&'static str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={}", form::encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// `Authorization: Basic` of an id and a secret (RFC 6749 §2.3.1).
pub(super) fn basic(id: &str, secret: &str) -> String {
    use base64::Engine;
    let pair = format!("{}:{}", form::encode(id), form::encode(secret));
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}
