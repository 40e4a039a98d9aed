//! `countersign token`.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign::{Clock, SystemClock};
use serde_json::Value;

use crate::data::{DataDirectory, IfMissing};
use crate::span::Span;
use crate::{AUDIENCE, ISSUER, RESOURCE, file, log, output};

const HOUR: i64 = 3_600;

/// Mint a token for tests and print it
#[derive(Debug, Args)]
#[command(after_help = "\
The token is a JWT access token (RFC 9068), alone on standard output. Without --key it is
one of `countersign serve`: `countersign grants list` shows it, and revoking its grant ends
it. With --key it is one of an issuer that has the private key. Whoever can read the data
directory or the key can do this, so keep them to yourself.

Examples:
  countersign call http://localhost:8000/mcp whoami \\
    --token \"$(countersign token --subject me --scopes admin)\"
  countersign token --key private.pem --subject me --expires-in 5m")]
pub(crate) struct Token {
    /// Sign with this private key, made by `countersign keygen` or `openssl genpkey`
    /// [default: a token of the authorization server in --data-dir]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Who the token is about (`sub`), whether there is an account or not; that of an account
    /// is in `countersign users list`
    #[arg(long, value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
    subject: String,

    /// Who issues it (`iss`) [default: http://localhost:8000; without --key the origin of
    /// --audience]
    #[arg(long, value_name = "ISSUER", value_parser = NonEmptyStringValueParser::new())]
    issuer: Option<String>,

    /// The server it is for (`aud`); with --key it may be given several times
    /// [default: my-mcp-server; without --key http://localhost:8000/mcp]
    #[arg(long, value_name = "AUDIENCE", value_parser = NonEmptyStringValueParser::new())]
    audience: Vec<String>,

    /// What it allows (`scope`), separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,

    /// How long it is valid: 45s, 30m, 1h, 2d; without --key at most 1h, and with it -5m
    /// expired five minutes ago
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "1h",
        allow_hyphen_values = true
    )]
    expires_in: Span,

    /// A further claim; the value is JSON if it reads as such, and otherwise text
    #[arg(long, value_name = "NAME=VALUE", requires = "key")]
    claim: Vec<String>,

    #[command(flatten)]
    directory: DataDirectory,
}

impl Token {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let token = match &self.key {
            Some(key) => self.signed(&file::key_pair(key).map_err(file::key_error)?)?,
            None => log::runtime()?.block_on(self.issued())?,
        };
        Ok(output::line(token.reveal())?)
    }

    /// A token of the authorization server in the data directory.
    async fn issued(&self) -> anyhow::Result<Secret> {
        let audience = match &*self.audience {
            [] => RESOURCE,
            [audience] => audience,
            _ => bail!("--audience is given twice, and a token without --key is for one server"),
        };
        let resource =
            ResourceUri::parse(audience).with_context(|| format!("--audience {audience}"))?;
        let issuer = self.issuer.as_deref().unwrap_or(resource.origin());
        if !(1..=HOUR).contains(&self.expires_in.0) {
            bail!("--expires-in: a token without --key is valid for 1s to 1h");
        }
        let scopes = self.scopes.iter().filter(|scope| !scope.is_empty());
        let scopes = ScopeSet::from_names(scopes).context("--scopes")?;
        let data = self.directory.open_as(IfMissing::Refuse, issuer, audience);
        let data = data.await?;
        data.check_sealing_keys().await?;
        let lifetime = seconds(self.expires_in.0);
        let token = data
            .server
            .issue_test_token(&self.subject, &resource, scopes, lifetime);
        token.await.map_err(|error| anyhow!(error))
    }

    /// A token that `keys` sign.
    fn signed(&self, keys: &KeyPair) -> anyhow::Result<Secret> {
        let now = SystemClock::default().now();
        // An expired token was issued an hour before it expired.
        let (issued_at, lifetime) = if self.expires_in.0 > 0 {
            (now, self.expires_in.0)
        } else {
            let ago = HOUR.saturating_sub(self.expires_in.0);
            (now.saturating_sub(seconds(ago)), HOUR)
        };
        let mut token = TestToken::new(&*self.subject)
            .issuer(self.issuer.as_deref().unwrap_or(ISSUER))
            .scopes(self.scopes.iter().filter(|scope| !scope.is_empty()))
            .expires_in(seconds(lifetime));
        if self.audience.is_empty() {
            token = token.audience(AUDIENCE);
        }
        for audience in &self.audience {
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
        Ok(token.sign(keys, issued_at, &SystemRandom::new())?)
    }
}

fn seconds(span: i64) -> Lifetime {
    Lifetime::from_secs(span.unsigned_abs())
}
