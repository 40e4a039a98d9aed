//! What every client does, one step a function; a test decides which, in which order
//! and with what.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::oauth::form;
use countersign::oauth::pkce::CodeVerifier;
use serde_json::{Value, json};
use testkit::{Answer, Http, LegacyClient};

use super::world::RESOURCE;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const STATE: &str = "gXVXo0/iMD8WMolDHKxSTg==";

/// What a client does when nothing is where it looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It looks at the next place.
    GoesOn,
    /// The connection has failed.
    GivesUp,
}

/// One client on its way.
#[derive(Clone)]
pub(crate) struct Player {
    name: &'static str,
    http: Http,
    /// The address of the server as a person typed it.
    url: String,
    /// The metadata of the authorization server.
    pub(crate) metadata: Value,
    /// Its registration, or what stands for one.
    pub(crate) registration: Value,
}

/// What it was given.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scope: String,
}

/// The parameters of a challenge (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Debug)]
pub(crate) struct Challenge(BTreeMap<String, String>);

impl Challenge {
    fn parse(header: &str) -> Self {
        let parameters = header.strip_prefix("Bearer ").expect("a challenge");
        let pairs = parameters.split("\", ").map(|pair| {
            let (name, value) = pair.split_once("=\"").expect("a quoted value");
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        });
        Self(pairs.collect())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        let known = self.0.get(name);
        known.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

impl Player {
    pub(crate) fn new(name: &'static str, http: Http) -> Self {
        Self {
            name,
            http,
            url: RESOURCE.to_owned(),
            metadata: Value::Null,
            registration: Value::Null,
        }
    }

    /// The same, at another address.
    pub(crate) fn at(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self
    }

    /// The path and query of `url`, which must lead to this server.
    fn target<'a>(&self, url: &'a str) -> &'a str {
        let rest = url.strip_prefix("https://rs.test");
        let rest = rest.unwrap_or_else(|| panic!("{}: {url} is elsewhere", self.name));
        if rest.is_empty() { "/" } else { rest }
    }

    /// The first request, without a token, and the challenge that answers it.
    pub(crate) async fn challenge(&self) -> Challenge {
        let client = LegacyClient::new(self.http.clone(), self.target(&self.url));
        let answer = client.send("initialize", json!({})).await;
        assert_eq!(answer.status(), 401, "{}: {answer:?}", self.name);
        Challenge::parse(answer.challenge())
    }

    /// What is at the first of `urls` where something is.
    pub(crate) async fn find(&self, urls: &[&str], missing: Missing) -> Value {
        for url in urls {
            let request = self.http.get(self.target(url));
            let mut answer = request.header("accept", "application/json").send().await;
            if answer.status() == 200 {
                let media_type = answer.header("content-type").unwrap();
                assert!(media_type.starts_with("application/json"), "{media_type}");
                return answer.json().await;
            }
            assert_eq!(answer.status(), 404, "{}: {url}", self.name);
            assert!(
                missing == Missing::GoesOn,
                "{} gives up: {url} is not there",
                self.name
            );
        }
        panic!("{}: nothing at any of {urls:?}", self.name);
    }

    /// Finds the protected resource metadata at one of `urls` and the metadata of its
    /// authorization server at one of `server_urls`, and checks of both what clients check.
    pub(crate) async fn discover(
        &mut self,
        urls: &[&str],
        server_urls: &[&str],
        missing: Missing,
    ) -> Value {
        let resource = self.find(urls, missing).await;
        assert_eq!(resource["resource"], self.url.as_str(), "{}", self.name);
        let issuer = &resource["authorization_servers"][0];
        self.metadata = self.find(server_urls, missing).await;
        assert_eq!(&self.metadata["issuer"], issuer, "{}", self.name);
        let methods = &self.metadata["code_challenge_methods_supported"];
        assert_eq!(methods, &json!(["S256"]), "{}", self.name);
        resource
    }

    fn endpoint(&self, name: &str) -> String {
        let address = self.metadata[name].as_str();
        let address = address.unwrap_or_else(|| panic!("{}: no {name}", self.name));
        self.target(address).to_owned()
    }

    /// Registers as `document` (RFC 7591 §3).
    pub(crate) async fn register(&mut self, document: &Value) {
        let request = self.http.post(&self.endpoint("registration_endpoint"));
        let mut answer = request.json(document).send().await;
        assert_eq!(answer.status(), 201, "{}: {answer:?}", self.name);
        self.registration = answer.json().await;
    }

    pub(crate) fn client_id(&self) -> &str {
        self.registration["client_id"].as_str().unwrap()
    }

    /// Sends the browser to the authorization endpoint and returns the answer.
    pub(crate) async fn ask(&self, redirect_uri: &str, extras: &[(&str, &str)]) -> Answer {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.client_id()),
            ("redirect_uri", redirect_uri),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", STATE),
        ];
        parameters.extend(extras);
        let endpoint = self.endpoint("authorization_endpoint");
        let target = format!("{endpoint}?{}", encoded(&parameters));
        self.http.get(&target).send().await
    }

    /// The code that comes back to `redirect_uri`, with `state` and `iss` as sent and
    /// as published.
    pub(crate) async fn code(&self, redirect_uri: &str, extras: &[(&str, &str)]) -> String {
        let answer = self.ask(redirect_uri, extras).await;
        let mut parameters = self.came_back(&answer, redirect_uri);
        let code = parameters.remove("code");
        code.unwrap_or_else(|| panic!("{}: {parameters:?}", self.name))
    }

    /// What the redirect to `redirect_uri` says.
    pub(crate) fn came_back(
        &self,
        answer: &Answer,
        redirect_uri: &str,
    ) -> BTreeMap<String, String> {
        let location = answer.header("location").unwrap_or_default();
        let query = location
            .strip_prefix(redirect_uri)
            .and_then(|rest| rest.strip_prefix('?'))
            .unwrap_or_else(|| panic!("{}: {answer:?}", self.name));
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let before = parameters.insert(name.into_owned(), value.into_owned());
            assert_eq!(before, None, "{}: {location}", self.name);
        }
        assert_eq!(parameters["state"], STATE, "{}", self.name);
        assert_eq!(self.metadata["issuer"], parameters["iss"].as_str());
        parameters
    }

    /// Sends `parameters` to the token endpoint, authenticated as it was registered.
    pub(crate) async fn post_token(&self, parameters: &[(&str, &str)]) -> Answer {
        let mut parameters = parameters.to_vec();
        let mut request = self.http.post(&self.endpoint("token_endpoint"));
        let secret = self.registration["client_secret"].as_str();
        match self.registration["token_endpoint_auth_method"].as_str() {
            Some("client_secret_basic") => {
                let both = format!("{}:{}", self.client_id(), secret.unwrap());
                request =
                    request.header("authorization", format!("Basic {}", STANDARD.encode(both)));
            }
            Some("client_secret_post") => {
                parameters.push(("client_id", self.client_id()));
                parameters.push(("client_secret", secret.unwrap()));
            }
            _ => parameters.push(("client_id", self.client_id())),
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(encoded(&parameters)).send().await
    }

    async fn tokens(&self, mut answer: Answer) -> Tokens {
        let (status, body) = (answer.status(), answer.json().await);
        assert_eq!(status, 200, "{}: {body}", self.name);
        assert_eq!(body["token_type"], "Bearer", "{}", self.name);
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Tokens {
            access: text("access_token").unwrap(),
            refresh: text("refresh_token"),
            scope: text("scope").unwrap(),
        }
    }

    /// What the token endpoint answers to `code`.
    pub(crate) async fn post_code(
        &self,
        code: &str,
        redirect_uri: &str,
        extras: &[(&str, &str)],
    ) -> Answer {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        parameters.extend(extras);
        self.post_token(&parameters).await
    }

    /// Redeems `code`.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        redirect_uri: &str,
        extras: &[(&str, &str)],
    ) -> Tokens {
        self.tokens(self.post_code(code, redirect_uri, extras).await)
            .await
    }

    /// Login and redemption, with `extras` in both requests.
    pub(crate) async fn log_in(&self, redirect_uri: &str, extras: &[(&str, &str)]) -> Tokens {
        let code = self.code(redirect_uri, extras).await;
        let resource = extras.iter().filter(|(name, _)| *name == "resource");
        let resource: Vec<_> = resource.copied().collect();
        self.redeem(&code, redirect_uri, &resource).await
    }

    pub(crate) async fn refresh(&self, tokens: &Tokens, extras: &[(&str, &str)]) -> Tokens {
        let refresh = tokens.refresh.as_deref().unwrap();
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
        parameters.extend(extras);
        self.tokens(self.post_token(&parameters).await).await
    }

    /// A session, and in it a call of `tool`; what it answers over HTTP.
    pub(crate) async fn call(&self, tokens: &Tokens, tool: &str) -> Answer {
        let path = self.target(&self.url);
        let mut client = LegacyClient::new(self.http.clone(), path).bearer(&tokens.access);
        client.initialize().await;
        client
            .send("tools/call", json!({ "name": tool, "arguments": {} }))
            .await
    }

    /// Calls `tool` and expects `said`.
    pub(crate) async fn hears(&self, tokens: &Tokens, tool: &str, said: &str) {
        let mut answer = self.call(tokens, tool).await;
        assert_eq!(answer.status(), 200, "{}: {answer:?}", self.name);
        let response = answer.response().await;
        let text = &response["result"]["content"][0]["text"];
        assert_eq!(text, said, "{}: {response}", self.name);
    }

    /// Calls `tool` and expects to be told which scopes it takes.
    pub(crate) async fn lacks(&self, tokens: &Tokens, tool: &str) -> Challenge {
        let answer = self.call(tokens, tool).await;
        assert_eq!(answer.status(), 403, "{}: {answer:?}", self.name);
        let challenge = Challenge::parse(answer.challenge());
        assert_eq!(challenge.text("error"), "insufficient_scope");
        challenge
    }
}

pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", form::encode(value)))
        .collect();
    pairs.join("&")
}
