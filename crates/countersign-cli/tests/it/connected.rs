//! A client that knows nothing but the address of the MCP endpoint.

use countersign::oauth::form::encode;
use countersign::oauth::pkce::CodeVerifier;
use serde_json::{Value, json};
use testkit::{Http, ModernClient};

use crate::command::Server;
use crate::person::{Browser, Page};

pub(crate) const CALLBACK: &str = "http://127.0.0.1/callback";

/// What the client has found out and was given.
pub(crate) struct Client {
    http: Http,
    origin: String,
    metadata: Value,
    resource: String,
    scope: String,
    pub(crate) id: String,
}

/// Tokens, and those that succeed them.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Client {
    /// From the challenge of a 401 over both metadata documents to a registration.
    pub(crate) async fn register(server: &Server) -> Self {
        let mut client = Self::discover(server).await;
        let registered = client.registration(None).await;
        client.id = registered["client_id"].as_str().unwrap().to_owned();
        client
    }

    /// From the challenge of a 401 to both metadata documents.
    pub(crate) async fn discover(server: &Server) -> Self {
        let mut client = Self {
            http: Http::socket(&server.authority()),
            origin: server.url.strip_suffix("/mcp").unwrap().to_owned(),
            metadata: Value::Null,
            resource: String::new(),
            scope: String::new(),
            id: String::new(),
        };
        let endpoint = ModernClient::new(client.http.clone(), "/mcp");
        let refused = endpoint.send("tools/list", json!({})).await;
        assert_eq!(refused.status(), 401);
        let challenge = refused.challenge().to_owned();
        let part = |name: &str| {
            let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap()
        };
        let protected = client.json(part("resource_metadata")).await;
        client.resource = protected["resource"].as_str().unwrap().to_owned();
        client.scope = part("scope").to_owned();
        let issuer = protected["authorization_servers"][0].as_str().unwrap();
        let metadata = format!("{issuer}/.well-known/oauth-authorization-server");
        client.metadata = client.json(&metadata).await;
        assert_eq!(client.metadata["issuer"], issuer);
        client
    }

    async fn json(&self, address: &str) -> Value {
        let mut answer = self.http.get(self.path(address)).send().await;
        assert_eq!(answer.status(), 200, "{address}");
        answer.json().await
    }

    fn path<'a>(&self, address: &'a str) -> &'a str {
        address.strip_prefix(&self.origin).unwrap()
    }

    pub(crate) fn endpoint(&self, name: &str) -> Option<&str> {
        let address = self.metadata[format!("{name}_endpoint")].as_str()?;
        Some(self.path(address))
    }

    /// What the registration endpoint answers.
    pub(crate) async fn registration(&self, token: Option<&str>) -> Value {
        let mut request = self.http.post(self.endpoint("registration").unwrap());
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let metadata = json!({
            "client_name": "A client",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        request.json(&metadata).send().await.json().await
    }

    /// The page that the browser shows when the client asks for tokens.
    pub(crate) async fn ask(&self, browser: &mut Browser) -> Page {
        let challenge = verifier().challenge();
        let question = encoded(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("resource", &self.resource),
            ("state", "xyz"),
            ("scope", &self.scope),
        ]);
        let authorize = self.endpoint("authorization").unwrap();
        browser.open(&format!("{authorize}?{question}")).await
    }

    /// Tokens, from somebody who logs in as `name` and agrees.
    pub(crate) async fn connect(&self, name: &str, password: &str) -> Tokens {
        let mut browser = self.browser();
        let login = self.ask(&mut browser).await;
        let typed = [("name", name), ("password", password)];
        let consent = browser.submit(&login, &self.page("/login"), &typed).await;
        self.agree(&mut browser, &consent).await
    }

    /// A browser that has not been at this server.
    pub(crate) fn browser(&self) -> Browser {
        Browser::of(self.http.clone(), self.origin.clone())
    }

    /// Where somebody is led who sees `consent` and agrees.
    pub(crate) async fn allow(&self, browser: &mut Browser, consent: &Page) -> Page {
        assert_eq!(consent.status, 200, "{consent:?}");
        assert!(consent.body.contains("A client"), "{consent:?}");
        let allow = [("decision", "allow")];
        browser
            .submit(consent, &self.page("/consent"), &allow)
            .await
    }

    /// Tokens, from somebody who sees `consent` and agrees.
    pub(crate) async fn agree(&self, browser: &mut Browser, consent: &Page) -> Tokens {
        let redirect = self.allow(browser, consent).await;
        self.redeem(&redirect).await
    }

    /// Tokens for the code in `redirect`.
    pub(crate) async fn redeem(&self, redirect: &Page) -> Tokens {
        let answer = redirect.answer(CALLBACK);
        assert_eq!(answer["state"], "xyz");
        let verifier = verifier();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &answer["code"]),
            ("redirect_uri", CALLBACK),
            ("client_id", &self.id),
            ("code_verifier", verifier.secret().reveal()),
            ("resource", &self.resource),
        ];
        self.post(&form).await.unwrap()
    }

    /// The successors of `tokens`, or the error.
    pub(crate) async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Value> {
        self.post(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
            ("client_id", &self.id),
        ])
        .await
    }

    async fn post(&self, form: &[(&str, &str)]) -> Result<Tokens, Value> {
        let request = self
            .http
            .post(self.endpoint("token").unwrap())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(form));
        let mut answer = request.send().await;
        let body = answer.json().await;
        if answer.status() != 200 {
            return Err(body["error"].clone());
        }
        let token = |name: &str| body[name].as_str().unwrap().to_owned();
        Ok(Tokens {
            access: token("access_token"),
            refresh: token("refresh_token"),
        })
    }

    /// Who the server says is calling; nothing if it refuses the token.
    pub(crate) async fn whoami(&self, tokens: &Tokens) -> Option<Value> {
        let endpoint = ModernClient::new(self.http.clone(), "/mcp").bearer(&tokens.access);
        let params = json!({ "name": "whoami", "arguments": {} });
        let mut answer = endpoint.send("tools/call", params).await;
        if answer.status() == 401 {
            assert!(answer.challenge().contains("error=\"invalid_token\""));
            return None;
        }
        assert_eq!(answer.status(), 200);
        Some(answer.json().await["result"]["structuredContent"].clone())
    }

    /// The path of a page of the authorization server.
    fn page(&self, name: &str) -> String {
        let authorize = self.endpoint("authorization").unwrap();
        let prefix = authorize.strip_suffix("/authorize").unwrap();
        format!("{prefix}{name}")
    }
}

fn verifier() -> CodeVerifier {
    CodeVerifier::from_random([9; 32])
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
