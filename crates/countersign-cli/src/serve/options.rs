//! The options of `countersign serve`, and which of them go together.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use countersign::Http;
use countersign::oauth::jose::Algorithm;

/// Serve the demo tools greet, whoami and admin_report, with authentication.
///
/// Without options it makes a key pair in .countersign/ (if there is none), accepts
/// tokens signed with it, and prints how to call it.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
    pub(super) bind: String,

    /// The URL that clients use, path included; needed off loopback and behind a proxy
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,

    /// Accept tokens signed with this public key, PEM
    #[arg(long, value_name = "FILE", group = "keys")]
    pub(super) public_key: Option<PathBuf>,

    /// Accept tokens signed with the keys an issuer publishes here
    #[arg(long, value_name = "URL", group = "keys")]
    pub(super) jwks_url: Option<String>,

    /// Accept tokens signed with the secret in this file
    #[arg(long, value_name = "FILE", group = "keys")]
    pub(super) hmac_secret_file: Option<PathBuf>,

    /// The issuer that tokens must name [default with a public key: http://localhost:8000]
    #[arg(long, value_name = "ISSUER")]
    pub(super) issuer: Option<String>,

    /// The audience that tokens must name [default with a public key: my-mcp-server]
    #[arg(long, value_name = "AUDIENCE")]
    pub(super) audience: Option<String>,

    /// The accepted algorithms, separated by commas [default: those that fit the keys]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) algorithms: Vec<Algorithm>,

    /// Scopes that every token needs, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) required_scopes: Vec<String>,

    /// Serve TLS with this certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Speak over standard input and output instead of HTTP, without authentication
    #[arg(long)]
    stdio: bool,

    /// Let everybody call everything; on loopback addresses only
    #[arg(long)]
    pub(super) no_auth: bool,

    /// Let --jwks-url be plain http on this machine
    #[arg(long, requires = "jwks_url")]
    pub(super) danger_allow_loopback: bool,
}

/// Where to serve.
pub(super) enum Place {
    Stdio,
    Http(Box<Http>),
}

impl Serve {
    /// Checks which options were given together.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        if self.stdio {
            // MCP authorization: "Implementations using an STDIO transport SHOULD NOT
            // follow this specification".
            if let Some(option) = self.authentication_option() {
                bail!(
                    "stdio has no OAuth, authorization is for HTTP: leave out {option}, or --stdio"
                );
            }
            if let Some(option) = self.network_option() {
                bail!("stdio has no network: leave out {option}, or --stdio");
            }
            return Ok(Place::Stdio);
        }
        if self.no_auth {
            if let Some(option) = self.authentication_option() {
                bail!("{option} has no effect without authentication: leave it out, or --no-auth");
            }
            if !is_loopback(&self.bind) {
                bail!(
                    "--no-auth serves on loopback addresses only, and {} can be reached by others",
                    self.bind
                );
            }
        }
        let mut http = Http::bind(&self.bind);
        if let Some(url) = &self.public_url {
            http = http.public_url(url);
        } else if !is_loopback(&self.bind) {
            bail!(
                "{} can be reached by others: say with --public-url which URL they use",
                self.bind
            );
        }
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => {}
            (Some(certificate), Some(key)) => http = http.tls(certificate, key),
            (Some(_), None) => {
                bail!("--tls-cert needs --tls-key, the private key of the certificate")
            }
            (None, Some(_)) => bail!("--tls-key needs --tls-cert, the certificate of the key"),
        }
        Ok(Place::Http(Box::new(http)))
    }

    /// The scopes that every token needs.
    pub(super) fn required_scopes(&self) -> Vec<&str> {
        let scopes = self.required_scopes.iter().map(String::as_str);
        scopes.filter(|scope| !scope.is_empty()).collect()
    }

    fn authentication_option(&self) -> Option<&'static str> {
        [
            (self.public_key.is_some(), "--public-key"),
            (self.jwks_url.is_some(), "--jwks-url"),
            (self.hmac_secret_file.is_some(), "--hmac-secret-file"),
            (self.issuer.is_some(), "--issuer"),
            (self.audience.is_some(), "--audience"),
            (!self.algorithms.is_empty(), "--algorithms"),
            (!self.required_scopes.is_empty(), "--required-scopes"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }

    fn network_option(&self) -> Option<&'static str> {
        [
            (self.tls_cert.is_some(), "--tls-cert"),
            (self.tls_key.is_some(), "--tls-key"),
            (self.public_url.is_some(), "--public-url"),
            (self.bind != "127.0.0.1:8000", "--bind"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

/// Whether `address`, as it is written, is this machine only.
fn is_loopback(address: &str) -> bool {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let ip = literal.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}
