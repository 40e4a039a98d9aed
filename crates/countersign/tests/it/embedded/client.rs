//! A client that knows nothing but the address of the MCP endpoint.

use countersign_oauth::form::encode;
use countersign_oauth::pkce::CodeVerifier;
use serde_json::{Value, json};
use testkit::{Http, ModernClient};

use crate::fixture::Seen;

const CALLBACK: &str = "http://127.0.0.1/callback";

/// What the client has found out and was given.
pub(crate) struct Client {
    pub(crate) http: Http,
    pub(crate) metadata: Value,
    pub(crate) resource: String,
    pub(crate) scope: String,
    pub(crate) id: String,
    /// Where it waits for answers.
    pub(crate) callback: String,
}

/// The path behind scheme and authority.
fn path(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let query = url.query().map(|query| format!("?{query}"));
    format!("{}{}", url.path(), query.unwrap_or_default())
}

/// The value of `name` in a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next().unwrap().to_owned())
}

pub(crate) async fn json_of(http: &Http, address: &str) -> Value {
    let seen = Seen::of(http.get(&path(address)).send().await).await;
    assert_eq!(seen.status, 200, "{address}: {}", seen.text());
    seen.json()
}

pub(crate) async fn post(http: &Http, address: &str, form: &[(&str, &str)]) -> Seen {
    let request = http
        .post(&path(address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(form));
    Seen::of(request.send().await).await
}

impl Client {
    /// From the challenge of a 401 over both metadata documents to a registration.
    pub(crate) async fn discover(http: &Http) -> Self {
        Self::discover_with(http, CALLBACK).await
    }

    /// The same by a client that waits at `callback` for the answers of people.
    pub(crate) async fn discover_with(http: &Http, callback: &str) -> Self {
        let endpoint = ModernClient::new(http.clone(), "/mcp");
        let refused = Seen::of(endpoint.send("tools/list", json!({})).await).await;
        assert_eq!(refused.status, 401);
        let challenge = refused.header("www-authenticate").unwrap();
        let protected = json_of(http, &parameter(challenge, "resource_metadata").unwrap()).await;
        let issuer = protected["authorization_servers"][0].as_str().unwrap();
        let well_known = format!("{issuer}/.well-known/oauth-authorization-server");
        let metadata = json_of(http, &well_known).await;
        assert_eq!(metadata["issuer"], issuer);
        let mut client = Self {
            http: http.clone(),
            resource: protected["resource"].as_str().unwrap().to_owned(),
            scope: parameter(challenge, "scope").unwrap_or_default(),
            metadata,
            id: String::new(),
            callback: callback.to_owned(),
        };
        client.id = client.register().await;
        client
    }

    pub(crate) fn endpoint(&self, name: &str) -> &str {
        self.metadata[format!("{name}_endpoint")].as_str().unwrap()
    }

    async fn register(&self) -> String {
        let metadata = json!({
            "client_name": "A client",
            "redirect_uris": [self.callback],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let request = self.http.post(&path(self.endpoint("registration")));
        let seen = Seen::of(request.json(&metadata).send().await).await;
        assert_eq!(seen.status, 201, "{}", seen.text());
        seen.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// The parameters of an authorization request.
    pub(crate) fn question(&self, verifier: &CodeVerifier) -> String {
        let challenge = verifier.challenge();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", self.callback.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("resource", &self.resource),
            ("state", "xyz"),
        ];
        if !self.scope.is_empty() {
            parameters.push(("scope", &self.scope));
        }
        encoded(&parameters)
    }

    /// Access and refresh token, from a person who agrees at once.
    pub(crate) async fn tokens(&self) -> (String, String) {
        let verifier = CodeVerifier::from_random([9; 32]);
        let authorize = path(self.endpoint("authorization"));
        let question = format!("{authorize}?{}", self.question(&verifier));
        let redirect = Seen::of(self.http.get(&question).send().await).await;
        assert_eq!(redirect.status, 303, "{}", redirect.text());
        let location = redirect.header("location").unwrap();
        self.redeem(location, &verifier).await
    }

    /// The tokens for the code in `location`, to which the browser was sent back.
    pub(crate) async fn redeem(&self, location: &str, verifier: &CodeVerifier) -> (String, String) {
        let location = url::Url::parse(location).unwrap();
        let answer = |name: &str| {
            let mut pairs = location.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        assert_eq!(answer("state"), "xyz");
        assert_eq!(answer("iss"), self.metadata["issuer"].as_str().unwrap());
        let seen = post(
            &self.http,
            self.endpoint("token"),
            &[
                ("grant_type", "authorization_code"),
                ("code", &answer("code")),
                ("redirect_uri", self.callback.as_str()),
                ("client_id", &self.id),
                ("code_verifier", verifier.secret().reveal()),
                ("resource", &self.resource),
            ],
        )
        .await;
        tokens_in(&seen)
    }

    /// The status of a refresh.
    pub(crate) async fn try_refresh(&self, token: &str) -> Seen {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &self.id),
        ];
        post(&self.http, self.endpoint("token"), &form).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> (String, String) {
        tokens_in(&self.try_refresh(token).await)
    }

    pub(crate) async fn revoke(&self, token: &str) {
        let form = [("token", token), ("client_id", &self.id)];
        let seen = post(&self.http, self.endpoint("revocation"), &form).await;
        assert_eq!(seen.status, 200, "{}", seen.text());
    }

    /// The status and the result of a call of `tool`.
    pub(crate) async fn call(&self, tool: &str, token: &str) -> (u16, Value) {
        let endpoint = ModernClient::new(self.http.clone(), "/mcp").bearer(token);
        let params = json!({ "name": tool, "arguments": {} });
        let seen = Seen::of(endpoint.send("tools/call", params).await).await;
        (seen.status, seen.json()["result"].clone())
    }
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn tokens_in(seen: &Seen) -> (String, String) {
    assert_eq!(seen.status, 200, "{}", seen.text());
    let tokens = seen.json();
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (token("access_token"), token("refresh_token"))
}
