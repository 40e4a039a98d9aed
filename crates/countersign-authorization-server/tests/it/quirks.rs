//! Clients of the market as they behave, from discovery to a token and its refresh.
//! The call of a tool with that token is proven where the resource server is.

use countersign_authorization_server::oauth::pkce::CodeVerifier;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::fixture::*;

/// How one client goes through its login.
struct Client {
    name: &'static str,
    /// Where it looks for the metadata, in its order; the first answer of 200 counts.
    probes: &'static [&'static str],
    registration: Value,
    redirect_uri: &'static str,
    /// What it adds to the authorization request, also without a value.
    extras: &'static [(&'static str, &'static str)],
}

fn first_clients() -> Vec<Client> {
    let both = ["authorization_code", "refresh_token"];
    vec![
        Client {
            name: "Claude: asks for client_secret_post, probes paths that are not there",
            probes: &[
                "/.well-known/oauth-authorization-server/mcp",
                "/.well-known/oauth-authorization-server",
            ],
            registration: json!({
                "client_name": "Claude", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_post", "scope": "read write",
                "redirect_uris": ["https://claude.example/api/mcp/auth_callback"],
            }),
            redirect_uri: "https://claude.example/api/mcp/auth_callback",
            extras: &[("scope", "read write"), ("resource", RESOURCE)],
        },
        Client {
            name: "Claude Code: another loopback port at each login, no application_type",
            probes: &["/.well-known/oauth-authorization-server"],
            registration: json!({
                "client_name": "Claude Code", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "redirect_uris": ["http://localhost:3118/callback"],
            }),
            redirect_uri: "http://localhost:54321/callback",
            extras: &[("resource", RESOURCE)],
        },
        Client {
            name: "ChatGPT: an empty scope",
            probes: &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
            registration: json!({
                "client_name": "ChatGPT", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "scope": "",
                "redirect_uris": ["https://chat.example/connector/oauth/callback"],
            }),
            redirect_uri: "https://chat.example/connector/oauth/callback",
            extras: &[("scope", ""), ("resource", RESOURCE)],
        },
    ]
}

fn more_clients() -> Vec<Client> {
    let both = ["authorization_code", "refresh_token"];
    vec![
        Client {
            name: "VS Code: registers every grant type it knows",
            probes: &["/.well-known/oauth-authorization-server"],
            registration: json!({
                "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
                "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
                "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
                "redirect_uris": [
                    "https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect",
                    "http://127.0.0.1/", "http://127.0.0.1:33418/",
                ],
            }),
            redirect_uri: "http://127.0.0.1:40000/",
            extras: &[
                ("scope", "read"),
                ("prompt", "consent"),
                ("resource", RESOURCE),
            ],
        },
        Client {
            name: "Cursor: three addresses, one with a scheme of its own",
            probes: &["/.well-known/oauth-authorization-server"],
            registration: json!({
                "client_name": "Cursor", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "redirect_uris": [
                    "cursor://anysphere.cursor-mcp/oauth/callback",
                    "https://www.cursor.example/agents/mcp/oauth/callback", "http://localhost:8787/callback",
                ],
            }),
            redirect_uri: "cursor://anysphere.cursor-mcp/oauth/callback",
            extras: &[("resource", RESOURCE)],
        },
        Client {
            name: "Perplexity: a confidential client with the default method",
            probes: &["/.well-known/oauth-authorization-server"],
            registration: json!({
                "client_name": "Perplexity", "grant_types": both, "response_types": ["code"],
                "redirect_uris": ["https://www.perplexity.example/rest/connections/oauth_callback"],
            }),
            redirect_uri: "https://www.perplexity.example/rest/connections/oauth_callback",
            extras: &[],
        },
        Client {
            name: "A client of the SDKs: an empty secret, empty links",
            probes: &["/.well-known/oauth-authorization-server"],
            registration: json!({
                "client_name": "Inspector", "grant_types": both, "response_types": ["code"],
                "token_endpoint_auth_method": "none", "client_uri": "", "logo_uri": null, "contacts": [],
                "redirect_uris": ["http://localhost:6274/oauth/callback"],
            }),
            redirect_uri: "http://localhost:6274/oauth/callback",
            extras: &[("scope", ""), ("state", "")],
        },
    ]
}

async fn register(world: &World, endpoint: &str, document: &Value) -> Value {
    let request = Request::post(endpoint)
        .header("content-type", "application/json")
        .body(Full::from(document.to_string()));
    let seen = world.send(request.unwrap()).await;
    assert_eq!(seen.status, StatusCode::CREATED, "{seen:?}");
    seen.json()
}

/// A client that has found the server and registered.
struct Registered<'a> {
    client: &'a Client,
    metadata: Value,
    answer: Value,
}

impl Registered<'_> {
    fn path<'a>(metadata: &'a Value, name: &str) -> &'a str {
        let address = metadata[name].as_str().unwrap();
        address.strip_prefix(ISSUER).unwrap()
    }

    fn text(&self, name: &str) -> &str {
        self.answer[name].as_str().unwrap()
    }

    /// The code that comes back to the address of the client.
    async fn log_in(&self, world: &World) -> String {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.text("client_id")),
            ("redirect_uri", self.client.redirect_uri),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(self.client.extras);
        let endpoint = Self::path(&self.metadata, "authorization_endpoint");
        let seen = world
            .get(&format!("{endpoint}?{}", form(&parameters)))
            .await;
        let location = seen.header("location").unwrap_or_default();
        let name = self.client.name;
        assert!(
            location.starts_with(self.client.redirect_uri),
            "{name}: {seen:?}"
        );
        seen.redirect()["code"].clone()
    }

    /// The tokens for `parameters`, with the way of authentication that it was told.
    async fn ask(&self, world: &World, parameters: &[(&str, &str)]) -> (String, String) {
        let mut parameters = parameters.to_vec();
        let mut header = None;
        match self.text("token_endpoint_auth_method") {
            "client_secret_basic" => {
                header = Some(basic(self.text("client_id"), self.text("client_secret")));
            }
            "client_secret_post" => parameters.extend([
                ("client_id", self.text("client_id")),
                ("client_secret", self.text("client_secret")),
            ]),
            _ => parameters.extend([("client_id", self.text("client_id")), ("client_secret", "")]),
        }
        let endpoint = Self::path(&self.metadata, "token_endpoint");
        let seen = world
            .post_with(endpoint, header.as_deref(), &parameters)
            .await;
        assert_eq!(
            seen.status,
            StatusCode::OK,
            "{}: {seen:?}",
            self.client.name
        );
        tokens_of(&seen)
    }
}

async fn discover(world: &World, client: &Client) -> Value {
    for probe in client.probes {
        let seen = world.get(probe).await;
        if seen.status == StatusCode::OK {
            return seen.json();
        }
        assert_eq!(
            seen.status,
            StatusCode::NOT_FOUND,
            "{}: {probe}",
            client.name
        );
    }
    panic!("{}: no metadata", client.name);
}

#[tokio::test]
async fn clients_of_the_market_get_tokens_and_refresh_them() {
    for client in first_clients().into_iter().chain(more_clients()) {
        let world = world().await;
        let metadata = discover(&world, &client).await;
        let endpoint = Registered::path(&metadata, "registration_endpoint");
        let answer = register(&world, endpoint, &client.registration).await;
        let client = Registered {
            client: &client,
            metadata,
            answer,
        };
        let code = client.log_in(&world).await;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", client.client.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        let (access, refresh) = client.ask(&world, &parameters).await;
        assert!(world.is_active(&access).await, "{}", client.client.name);
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("resource", RESOURCE),
            ("scope", ""),
        ];
        let (access, _) = client.ask(&world, &parameters).await;
        assert!(world.is_active(&access).await, "{}", client.client.name);
    }
}

#[tokio::test]
async fn a_client_that_skips_registration_sees_a_page_that_says_so() {
    let world = world().await;
    let seen = world
        .authorize(&[("client_id", "the-id-at-another-server")])
        .await;
    seen.assert_page();
    assert!(seen.body.contains("unknown to this server"));
}
