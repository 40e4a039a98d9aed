//! `countersign token`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use countersign::keys::{SystemRandom, TestToken};
use countersign::oauth::Lifetime;
use countersign::{Clock, SystemClock};
use serde_json::Value;

use crate::span::Span;
use crate::{AUDIENCE, ISSUER, file, output};

const HOUR: i64 = 3_600;

/// Mint a token for tests and print it
#[derive(Debug, Args)]
#[command(after_help = "\
The token is a JWT access token (RFC 9068), alone on standard output. Whoever has the
private key can do this, so keep it to development.

Example:
  countersign call http://localhost:8000/mcp whoami \\
    --token \"$(countersign token --key private.pem --subject me --scopes read,admin)\"")]
pub(crate) struct Token {
    /// The private key, made by `countersign keygen` or `openssl genpkey`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Who the token is about (`sub`)
    #[arg(long, value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
    subject: String,

    /// Who issues it (`iss`)
    #[arg(long, value_name = "ISSUER", default_value = ISSUER, value_parser = NonEmptyStringValueParser::new())]
    issuer: String,

    /// The server it is for (`aud`); may be given several times
    #[arg(long, value_name = "AUDIENCE", default_value = AUDIENCE, value_parser = NonEmptyStringValueParser::new())]
    audience: Vec<String>,

    /// What it allows (`scope`), separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,

    /// How long it is valid: 45s, 30m, 1h, 2d; -5m expired five minutes ago
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "1h",
        allow_hyphen_values = true
    )]
    expires_in: Span,

    /// A further claim; the value is JSON if it reads as such, and otherwise text
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
}

impl Token {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let keys = file::key_pair(&self.key).map_err(file::key_error)?;
        let now = SystemClock::default().now();
        // An expired token was issued an hour before it expired.
        let (issued_at, lifetime) = if self.expires_in.0 > 0 {
            (now, self.expires_in.0)
        } else {
            let ago = HOUR.saturating_sub(self.expires_in.0);
            (now.saturating_sub(seconds(ago)), HOUR)
        };
        let mut token = TestToken::new(self.subject)
            .issuer(self.issuer)
            .scopes(self.scopes.iter().filter(|scope| !scope.is_empty()))
            .expires_in(seconds(lifetime));
        for audience in self.audience {
            token = token.audience(audience);
        }
        for claim in &self.claim {
            let (name, value) = claim
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .with_context(|| format!("--claim {claim}: write NAME=VALUE"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            token = token
                .claim(name, value)
                .with_context(|| format!("--claim {claim}"))?;
        }
        let token = token.sign(&keys, issued_at, &SystemRandom::new())?;
        Ok(output::line(token.reveal())?)
    }
}

fn seconds(span: i64) -> Lifetime {
    Lifetime::from_secs(span.unsigned_abs())
}
