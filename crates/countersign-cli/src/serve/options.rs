//! The options of `countersign serve`, and which of them go together.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use countersign::audit::{JsonLines, OnFull, Suspicion, TracingSink};
use countersign::oauth::jose::Algorithm;
use countersign::{Configuration, ConfiguredTokens, Http, Server};

use super::embedded::{RegistrationOption, TokenFormat};
use super::limits::LimitOptions;
use super::login::LoginOptions;
use crate::data::DataDirectory;
use crate::log::LogOption;
use crate::settings::SettingsFile;

const WHERE: &str = "Where to serve";
const LET_IN: &str = "Who is let in";
const ISSUING: &str = "The authorization server in it";
const LOGIN: &str = "Where people log in, if not with accounts of this server";
const WHO: &str = "Instead, to accept the tokens of another issuer";
const OFTEN: &str = "How often callers may ask";
/// Where it serves if nothing else is said.
const BIND: &str = "127.0.0.1:8000";

/// Serve the demo tools greet, whoami and admin_report, with authentication
#[derive(Debug, Args)]
#[command(after_help = "\
Without options it is a complete authorization server as well: it prints a link to make
the first account, and MCP clients that are given its URL send people to its login. All of
it is kept in countersign-data/, which `countersign users`, `clients`, `grants` and `keys`
manage.

Examples:
  countersign serve
  countersign serve --bind 127.0.0.1:9000 --public-url https://mcp.example.com/mcp
  countersign serve --login github --login-client-id Ov23liEXAMPLE --login-allow-group 9919
  countersign serve --public-key public.pem --required-scopes read
  countersign serve --jwks-url https://example.eu.auth0.com/.well-known/jwks.json \\
    --issuer https://example.eu.auth0.com/ --audience https://example.com/mcp")]
pub(crate) struct Serve {
    /// Listen here; port 0 takes a free one [default: 127.0.0.1:8000]
    #[arg(long, value_name = "HOST:PORT", value_parser = address, help_heading = WHERE)]
    pub(super) bind: Option<String>,

    #[command(flatten, next_help_heading = WHERE)]
    pub(super) settings: SettingsFile,

    /// The URL that clients use, path included, when others reach the server: through a
    /// proxy, or because --bind is no loopback address
    #[arg(long, value_name = "URL", help_heading = WHERE)]
    pub(super) public_url: Option<String>,

    /// Serve TLS with this certificate chain (PEM), read again when it changes
    #[arg(long, value_name = "FILE", help_heading = WHERE)]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = WHERE)]
    tls_key: Option<PathBuf>,

    /// Give clients of protocol versions up to 2025-11-25 a session, which this server
    /// does not need
    #[arg(long, help_heading = WHERE)]
    pub(super) sessions: bool,

    /// Count what is decided, for Prometheus, at http://HOST:PORT/metrics: a loopback
    /// address, because whoever reaches it may read
    #[arg(long, value_name = "HOST:PORT", value_parser = address, conflicts_with = "stdio", help_heading = WHERE)]
    pub(super) metrics: Option<String>,

    /// Send a span for each request, and what is counted, by OTLP over HTTP to this
    /// collector of OpenTelemetry, such as http://127.0.0.1:4318; https if it is elsewhere.
    /// OTEL_SERVICE_NAME and OTEL_EXPORTER_OTLP_HEADERS count
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "URL", conflicts_with = "stdio", help_heading = WHERE)]
    pub(super) otlp: Option<String>,

    /// Speak over standard input and output instead of HTTP, without authentication
    #[arg(long, help_heading = WHERE)]
    stdio: bool,

    #[command(flatten, next_help_heading = ISSUING)]
    pub(super) data: DataDirectory,

    /// Who may register a client: open is anybody, within limits; token is whoever has one
    /// of `countersign clients invite`; closed is nobody
    #[arg(long, value_name = "WHO", default_value = "open", hide_possible_values = true, help_heading = ISSUING)]
    pub(super) registration: RegistrationOption,

    /// What access tokens look like: jwt is signed (RFC 9068), so that others can verify it
    /// with the published keys; opaque means something to this server alone
    #[arg(long, value_name = "FORMAT", default_value = "jwt", hide_possible_values = true, help_heading = ISSUING)]
    pub(super) access_tokens: TokenFormat,

    /// Put this before the paths of its endpoints and pages, such as /auth
    #[arg(long, value_name = "PATH", help_heading = ISSUING)]
    pub(super) auth_prefix: Option<String>,

    /// Accept API keys in this header, besides tokens: those of `countersign api-keys`, and
    /// those that people make on their account page
    #[arg(
        long,
        value_name = "HEADER",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "X-API-Key",
        help_heading = ISSUING
    )]
    pub(super) api_keys: Option<String>,

    #[command(flatten, next_help_heading = LOGIN)]
    pub(super) login: LoginOptions,

    /// Note every decision in this file, and what the authorization server does: lines of
    /// JSON that cannot be changed unseen; see `countersign audit`
    #[arg(long, value_name = "FILE", help_heading = WHERE)]
    pub(super) audit: Option<PathBuf>,

    /// Note every decision in the database of the authorization server, which notes there
    /// what it does, and `countersign users`, `clients`, `grants` and so on what they do
    #[arg(long, help_heading = ISSUING)]
    pub(super) audit_store: bool,

    /// When nothing more can be noted: refuse answers 503, spool goes on and notes how much
    /// was lost [default: refuse]
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = WHERE)]
    pub(super) audit_on_full: Option<AuditOnFull>,

    /// Scopes that every token needs, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = LET_IN)]
    pub(super) required_scopes: Vec<String>,

    /// Decide by the rules in this file (TOML) who may call what; it is read again on
    /// SIGHUP. `countersign policy` checks and explains it
    #[arg(long, value_name = "FILE", help_heading = LET_IN)]
    pub(super) policy: Option<PathBuf>,

    /// Tokens that are bound to a key of the client (DPoP, RFC 9449): accepted takes them
    /// beside bearer tokens, required takes no others
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = LET_IN)]
    pub(super) dpop: Option<BoundTokens>,

    /// Let everybody on this machine call greet and whoami without a token
    #[arg(long, help_heading = LET_IN)]
    pub(super) no_auth: bool,

    /// With --no-auth: let everybody call who reaches --bind or --public-url, from other
    /// machines too
    #[arg(long, requires = "no_auth", help_heading = LET_IN)]
    pub(super) danger_open_to_everybody: bool,

    /// Accept tokens signed with the private key of this public key or certificate (PEM)
    #[arg(long, value_name = "FILE", group = "keys", help_heading = WHO)]
    pub(super) public_key: Option<PathBuf>,

    /// Accept tokens signed with the keys that an issuer publishes here
    #[arg(long, value_name = "URL", group = "keys", help_heading = WHO)]
    pub(super) jwks_url: Option<String>,

    /// Accept tokens signed with the secret in this file: at least 32 bytes of text, a
    /// line feed at the end is left out
    #[arg(long, value_name = "FILE", group = "keys", help_heading = WHO)]
    pub(super) hmac_secret_file: Option<PathBuf>,

    /// The issuer (`iss`) that tokens must name
    /// [default with a public key: http://localhost:8000]
    #[arg(long, value_name = "ISSUER", help_heading = WHO)]
    pub(super) issuer: Option<String>,

    /// The audience (`aud`) that tokens must name
    /// [default with a public key: my-mcp-server]
    #[arg(long, value_name = "AUDIENCE", help_heading = WHO)]
    pub(super) audience: Option<String>,

    /// The accepted algorithms, separated by commas, such as RS256,ES256
    /// [default: those that fit the keys; HS256 with a secret]
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = WHO)]
    pub(super) algorithms: Vec<Algorithm>,

    /// Let --jwks-url be plain http on this machine
    #[arg(long, requires = "jwks_url", help_heading = WHO)]
    pub(super) danger_allow_loopback: bool,

    #[command(flatten, next_help_heading = OFTEN)]
    pub(super) limits: LimitOptions,

    #[command(flatten, next_help_heading = None::<&'static str>)]
    pub(crate) log: LogOption,
}

/// What happens when the audit log takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AuditOnFull {
    Refuse,
    Spool,
}

/// Which tokens have to be bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BoundTokens {
    Accepted,
    Required,
}

impl BoundTokens {
    /// As the setting `dpop.bound_tokens` says it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Required => "required",
        }
    }
}

impl Serve {
    /// `server`, with what it decides noted where that was said.
    pub(super) fn audited(&self, server: Server) -> anyhow::Result<Server> {
        let Some(file) = &self.audit else {
            return match (self.audit_on_full, self.audit_store) {
                (Some(_), false) => bail!(
                    "--audit-on-full is about the audit log: say with --audit or --audit-store \
                     where it is"
                ),
                (_, true) => Ok(server.audit(TracingSink::new()).suspicion(Suspicion::new())),
                (None, false) => Ok(server),
            };
        };
        let files = JsonLines::at(file).on_full(self.on_full());
        let server = server.audit_files(files).audit(TracingSink::new());
        Ok(server.suspicion(Suspicion::new()))
    }

    pub(super) fn on_full(&self) -> OnFull {
        match self.audit_on_full {
            None | Some(AuditOnFull::Refuse) => OnFull::Refuse,
            Some(AuditOnFull::Spool) => OnFull::Spool,
        }
    }
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
            if let Some(reached) = self.reached_by_others()
                && !self.danger_open_to_everybody
            {
                bail!(
                    "without authentication everybody who reaches {reached} could call everything: \
                     leave out --no-auth, or say --danger-open-to-everybody"
                );
            }
        }
        if !self.no_auth
            && !self.names_keys()
            && let Some(option) = self.issuer_option()
        {
            bail!(
                "{option} is about tokens of another issuer: say with --public-key, --jwks-url or \
                 --hmac-secret-file how they are verified"
            );
        }
        self.login.check()?;
        if self.names_keys()
            && let Some(option) = self.issuing_option()
        {
            bail!(
                "{option} is about the authorization server in it, and here another issuer makes \
                 the tokens: leave it out"
            );
        }
        let mut http = Http::bind(self.bind());
        if let Some(url) = &self.public_url {
            http = http.public_url(url);
        } else if !is_loopback(self.bind()) {
            bail!(
                "{} can be reached by others: say with --public-url which URL they use",
                self.bind()
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

    /// Where it listens.
    pub(super) fn bind(&self) -> &str {
        self.bind.as_deref().unwrap_or(BIND)
    }

    /// Whether it speaks over standard input and output, of which settings say nothing.
    pub(super) const fn is_stdio(&self) -> bool {
        self.stdio
    }

    /// Takes from `configuration` what no option says. Options count most.
    pub(super) fn take(&mut self, configuration: &Configuration) -> anyhow::Result<()> {
        if self.bind.is_none() {
            self.bind = configuration.bind().map(str::to_owned);
        }
        if self.metrics.is_none() {
            self.metrics = configuration.metrics_address()?.map(str::to_owned);
        }
        if self.public_url.is_none() {
            self.public_url = configuration.public_url().map(str::to_owned);
        }
        if let (None, None, Some((certificate, key))) =
            (&self.tls_cert, &self.tls_key, configuration.tls()?)
        {
            self.tls_cert = Some(certificate.to_owned());
            self.tls_key = Some(key.to_owned());
        }
        Ok(())
    }

    /// Whether what options say about the authorization server in it fits with `tokens`,
    /// whose tokens settings say are accepted.
    pub(super) fn fits(&self, tokens: ConfiguredTokens) -> anyhow::Result<()> {
        let issues = matches!(tokens, ConfiguredTokens::Ours | ConfiguredTokens::Unsaid);
        match self.issuing_option() {
            Some(option) if !issues => bail!(
                "{option} is about the authorization server in it, and the settings say that it \
                 issues no tokens: leave the option out, or see `countersign config print`"
            ),
            _ => Ok(()),
        }
    }

    /// Whether an option says who is let in.
    pub(super) fn says_who(&self) -> bool {
        let registers = self.registration != RegistrationOption::Open;
        let formats = self.access_tokens != TokenFormat::Jwt;
        let issues = registers || formats || self.login.first().is_some();
        self.no_auth || self.names_keys() || issues
    }

    /// The address that others than this machine may reach.
    fn reached_by_others(&self) -> Option<&str> {
        let public = self.public_url.as_deref();
        let public = public.filter(|url| !is_loopback(authority(url)));
        public.or_else(|| (!is_loopback(self.bind())).then(|| self.bind()))
    }

    /// The scopes that every token needs.
    pub(super) fn required_scopes(&self) -> Vec<&str> {
        let scopes = self.required_scopes.iter().map(String::as_str);
        scopes.filter(|scope| !scope.is_empty()).collect()
    }

    fn names_keys(&self) -> bool {
        self.public_key.is_some() || self.jwks_url.is_some() || self.hmac_secret_file.is_some()
    }

    /// What is said about the tokens of another issuer, besides whose keys.
    fn issuer_option(&self) -> Option<&'static str> {
        first([
            (self.issuer.is_some(), "--issuer"),
            (self.audience.is_some(), "--audience"),
            (!self.algorithms.is_empty(), "--algorithms"),
        ])
    }

    fn authentication_option(&self) -> Option<&'static str> {
        first([
            (self.public_key.is_some(), "--public-key"),
            (self.jwks_url.is_some(), "--jwks-url"),
            (self.hmac_secret_file.is_some(), "--hmac-secret-file"),
        ])
        .or_else(|| self.issuer_option())
        .or_else(|| {
            first([
                (!self.required_scopes.is_empty(), "--required-scopes"),
                (self.policy.is_some(), "--policy"),
                (self.dpop.is_some(), "--dpop"),
            ])
        })
        .or_else(|| self.issuing_option())
    }

    /// What is said about the authorization server in it.
    fn issuing_option(&self) -> Option<&'static str> {
        let registration = self.registration != RegistrationOption::Open;
        let data = self.data.options().first().map(|(name, _)| *name);
        data.or(first([
            (registration, "--registration"),
            (self.access_tokens != TokenFormat::Jwt, "--access-tokens"),
            (self.auth_prefix.is_some(), "--auth-prefix"),
            (self.api_keys.is_some(), "--api-keys"),
            (self.audit_store, "--audit-store"),
        ]))
        .or_else(|| self.login.first())
    }

    fn network_option(&self) -> Option<&'static str> {
        first([
            (self.tls_cert.is_some(), "--tls-cert"),
            (self.tls_key.is_some(), "--tls-key"),
            (self.public_url.is_some(), "--public-url"),
            (self.bind.is_some(), "--bind"),
            (self.sessions, "--sessions"),
        ])
        .or_else(|| self.limits.network_option())
    }
}

/// The name of the first option that was given.
fn first<const N: usize>(options: [(bool, &'static str); N]) -> Option<&'static str> {
    let mut options = options.into_iter();
    options.find_map(|(given, name)| given.then_some(name))
}

/// `host:port`, not looked up yet.
fn address(text: &str) -> Result<String, &'static str> {
    let host_and_port = text.rsplit_once(':').filter(|(host, port)| {
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        !host.is_empty() && !is_bare_ipv6 && port.parse::<u16>().is_ok()
    });
    match host_and_port {
        Some(_) => Ok(text.to_owned()),
        None => Err("write host:port, for example 127.0.0.1:8000"),
    }
}

/// Host and port of an http or https URL; of anything else, all of it.
pub(super) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

/// Whether `address`, as it is written, is this machine only.
pub(super) fn is_loopback(address: &str) -> bool {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let ip = literal.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for text in [
            "",
            ":",
            "localhost",
            ":80",
            "::1",
            "[::1]",
            "a:",
            "a:65536",
            "a:-1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        for text in [
            "localhost:0",
            "127.0.0.1:8000",
            "[::1]:8000",
            "example.com:65535",
        ] {
            assert_eq!(address(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_others_reach_is_not_taken_for_this_machine() {
        for url in [
            "https://example.com/mcp",
            "https://localhost.example.com/mcp",
            "https://example.com/localhost",
            "http://localhost@example.com/mcp",
            "http://127.0.0.1@example.com:80",
            "http://10.0.0.1:8000/mcp",
            "http://[2001:db8::1]/mcp",
            "example.com",
            "",
        ] {
            assert!(!is_loopback(authority(url)), "{url}");
        }
        for url in [
            "http://localhost/mcp",
            "http://LOCALHOST:8000",
            "https://127.0.0.1:8443/mcp",
            "http://[::1]:8000/mcp?x",
        ] {
            assert!(is_loopback(authority(url)), "{url}");
        }
    }
}
