//! Where a server is and with which token it is asked.

use std::time::Duration;

use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::uri::is_loopback_host;
use rmcp::service::{ClientLifecycleMode, serve_client_with_lifecycle};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use url::Url;

use super::{Client, ClientError, LIST_TIMEOUT, in_time};
use crate::protocol::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of an MCP server and the token to show there.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before connect() or authentication()"]
pub struct Endpoint {
    pub(super) url: Url,
    pub(super) token: Option<Secret>,
    plain_http: bool,
}

impl Endpoint {
    /// The server at `url`, for instance `https://example.com/mcp`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`] if it is no `http` or `https` URL, or has a user, a
    /// password or a fragment.
    pub fn parse(url: &str) -> Result<Self, ClientError> {
        let refused = || ClientError::Url(super::challenge::printable(url));
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let has_user = !parsed.username().is_empty() || parsed.password().is_some();
        if !matches!(parsed.scheme(), "http" | "https") || has_user || parsed.fragment().is_some() {
            return Err(if has_user {
                // What was typed there is a secret.
                ClientError::Url("the address".into())
            } else {
                refused()
            });
        }
        Ok(Self {
            url: parsed,
            token: None,
            plain_http: false,
        })
    }

    /// Shows `token` to the server, as `Authorization: Bearer` (RFC 6750 §2.1).
    pub fn token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// Allows plain `http` to other machines.
    ///
    /// # Security
    ///
    /// Everyone on the way reads the token and can use it.
    pub const fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// The address, as it is asked.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Greets the server and agrees on a protocol version.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; each variant is one sentence for people.
    pub async fn connect(&self) -> Result<Client, ClientError> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str());
        if let Some(token) = &self.token {
            config = config.auth_header(token.reveal());
        }
        let transport = StreamableHttpClientTransport::with_client(self.http_client()?, config);
        let implementation = Implementation::new("countersign", env!("CARGO_PKG_VERSION"));
        let info = ClientConfig::new(ClientCapabilities::default(), implementation);
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        in_time(LIST_TIMEOUT, async {
            let service = serve_client_with_lifecycle(info, transport, lifecycle).await?;
            Ok(Client { service })
        })
        .await
    }

    /// A client that follows no redirect, because the token would go along.
    #[expect(
        clippy::disallowed_methods,
        reason = "the guarded fetcher serves servers, which must not reach private networks; this \
                  client goes where its user points it"
    )]
    pub(super) fn http_client(&self) -> Result<reqwest::Client, ClientError> {
        let loopback = is_loopback_host(&self.url);
        if self.url.scheme() == "http" && !loopback && !self.plain_http {
            return Err(ClientError::PlainHttp(self.url.to_string()));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        if loopback {
            // A proxy elsewhere must not see what stays on this machine.
            builder = builder.no_proxy();
        }
        builder
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_no_web_address_is_refused() {
        for url in [
            "",
            "localhost:8000",
            "ftp://a.test",
            "http://",
            "https://a.test/#x",
        ] {
            assert!(
                matches!(Endpoint::parse(url), Err(ClientError::Url(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn h8_a_password_in_the_address_is_refused_and_not_repeated() {
        let refused = Endpoint::parse("https://user:canary@a.test/mcp").unwrap_err();
        assert!(!refused.to_string().contains("canary"));
    }

    #[tokio::test]
    async fn plain_http_to_another_machine_is_refused_unless_it_is_allowed() {
        let endpoint = Endpoint::parse("http://a.test/mcp").unwrap();
        assert!(matches!(
            endpoint.connect().await,
            Err(ClientError::PlainHttp(_))
        ));
        assert!(endpoint.danger_plain_http().http_client().is_ok());
        for url in [
            "http://localhost:1/mcp",
            "http://[::1]:1/mcp",
            "http://127.0.0.1:1/mcp",
        ] {
            assert!(Endpoint::parse(url).unwrap().http_client().is_ok());
        }
    }

    #[test]
    fn h1_debug_does_not_show_the_token() {
        let endpoint = Endpoint::parse("https://a.test/mcp")
            .unwrap()
            .token(Secret::new("canary"));
        assert!(!format!("{endpoint:?}").contains("canary"));
    }
}
