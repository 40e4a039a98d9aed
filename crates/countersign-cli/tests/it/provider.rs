//! An MCP server and its authorization server that do what a test says.

use countersign::oauth::form::encode;
use serde_json::{Value, json};
use testkit::{FakeIssuerServer, Http, ScriptedAnswer};
use url::Url;

pub(crate) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
pub(crate) const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
pub(crate) const REGISTER: &str = "/register";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const DEVICE: &str = "/device";

/// What nobody may ever see: it is in every answer that carries a secret.
pub(crate) const CANARY: &str = "canary";

/// Both, at one address, where all is well.
pub(crate) struct Provider {
    pub(crate) server: FakeIssuerServer,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let provider = Self {
            server: FakeIssuerServer::start().await,
        };
        let issuer = provider.server.url("");
        provider.json(
            RESOURCE_METADATA,
            &json!({ "resource": provider.url(), "authorization_servers": [issuer] }),
        );
        provider.publish(&json!({}));
        provider.json(
            REGISTER,
            &json!({ "client_id": "a-client", "token_endpoint_auth_method": "none" }),
        );
        provider.json(
            TOKEN,
            &json!({
                "access_token": format!("{CANARY}-access"),
                "refresh_token": format!("{CANARY}-refresh"),
                "token_type": "Bearer",
                "expires_in": 3600,
            }),
        );
        provider.json(
            DEVICE,
            &json!({
                "device_code": format!("{CANARY}-device"),
                "user_code": "WDJB-MJHT",
                "verification_uri": provider.server.url("/code"),
                "expires_in": 600,
                "interval": 1,
            }),
        );
        provider
    }

    /// The address of the MCP server.
    pub(crate) fn url(&self) -> String {
        self.server.url("/mcp")
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.server.address().to_string()
    }

    /// The metadata of the authorization server, with `changes`.
    pub(crate) fn publish(&self, changes: &Value) {
        let mut document = json!({
            "issuer": self.server.url(""),
            "authorization_endpoint": self.server.url("/authorize"),
            "token_endpoint": self.server.url(TOKEN),
            "registration_endpoint": self.server.url(REGISTER),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        self.json(SERVER_METADATA, &document);
    }

    /// Offers logins on other devices.
    pub(crate) fn offer_devices(&self) {
        let endpoint = self.server.url(DEVICE);
        self.publish(&json!({ "device_authorization_endpoint": endpoint }));
    }

    pub(crate) fn json(&self, path: &str, body: &Value) {
        self.server
            .answer(path, ScriptedAnswer::json(body.to_string()));
    }

    /// The error `code` at `path`, as RFC 6749 §5.2 writes it.
    pub(crate) fn refuse(&self, path: &str, code: &str) {
        self.server.answer(path, refusal(code));
    }
}

pub(crate) fn refusal(code: &str) -> ScriptedAnswer {
    ScriptedAnswer::json(json!({ "error": code }).to_string()).with_status(400)
}

/// A browser that was at `address` comes back with `parameters`, and is shown a page.
pub(crate) async fn come_back(address: &str, parameters: &[(&str, &str)]) -> String {
    let address = Url::parse(address).unwrap();
    let of = |name: &str| {
        let mut pairs = address.query_pairs();
        pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    let callback = Url::parse(&of("redirect_uri")).unwrap();
    let mut query = format!("state={}", encode(&of("state")));
    for (name, value) in parameters {
        query.push_str(&format!("&{name}={}", encode(value)));
    }
    let authority = format!("127.0.0.1:{}", callback.port().unwrap());
    let request = Http::socket(&authority).get(&format!("{}?{query}", callback.path()));
    request.send().await.text().await
}
