//! `countersign cimd`: client ID metadata documents.

use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use countersign::SystemClock;
use countersign::oauth::client_id_document::{self, ClientIdUrl};
use countersign::oauth::client_metadata::{ClientMetadata, ClientRules};
use countersign::oauth::web_uri::LoopbackHosts;
use countersign::oauth::{ClientId, ScopeSet, json};
use countersign::oauth_client::{Asker, Reach};
use serde_json::{Map, Value};
use url::Url;

use crate::log::LogOption;
use crate::{file, output, table};

/// Where programs on a person's machine are answered: any port counts (RFC 8252 §7.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1/callback", "http://[::1]/callback"];

/// Make and check client ID metadata documents, by which clients need no registration
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
The document is published at an https address, which is then the id of the client at every
authorization server that reads such documents.

Examples:
  countersign cimd create https://app.example.com/client.json --name \"My app\" > client.json
  countersign cimd validate client.json
  countersign cimd validate https://app.example.com/client.json"
)]
pub(crate) struct Cimd {
    #[command(flatten)]
    pub(crate) log: LogOption,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a document
    Create(Create),
    /// Check a document as an authorization server does
    Validate {
        /// A file, or the address at which the document is published
        #[arg(value_name = "FILE|URL")]
        source: String,
        /// Print JSON: what a server understands
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The https address at which it will be published
    url: String,

    /// What people are shown when they are asked for consent
    #[arg(long)]
    name: String,

    /// Where the client is answered; may be repeated
    /// [default: http://127.0.0.1/callback and http://[::1]/callback, on every port]
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,

    /// A page about the client
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,

    /// A picture of the client
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,

    /// The scopes that the client may ask for, separated by blanks
    #[arg(long)]
    scope: Option<String>,

    /// Where the public keys of the client are published, if it authenticates by
    /// private_key_jwt
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
}

impl Cimd {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Create(create) => {
                let document = Value::Object(create.document());
                let text = serde_json::to_vec(&document)?;
                judge(&create.url, &text)?;
                output::json(&document)
            }
            Action::Validate { source, json } => {
                let (id, text) = if source.contains("://") {
                    let text = fetched(&source).await?;
                    (source, text)
                } else {
                    let text = file::text(Path::new(&source))?.into_bytes();
                    (id_in(&text)?, text)
                };
                let metadata = judge(&id, &text)?;
                if json {
                    return output::json(&metadata);
                }
                output::foreign(&format!("The document of {id} is valid."))?;
                Ok(table::print_bare(told(&metadata))?)
            }
        }
    }
}

impl Create {
    fn document(&self) -> Map<String, Value> {
        let mut document = Map::new();
        let mut add = |name: &str, value: Value| document.insert(name.to_owned(), value);
        add("client_id", self.url.as_str().into());
        add("client_name", self.name.as_str().into());
        let redirect_uris = if self.redirect_uris.is_empty() {
            LOOPBACK.map(str::to_owned).to_vec()
        } else {
            self.redirect_uris.clone()
        };
        let is_native = redirect_uris.iter().any(|uri| !uri.starts_with("https://"));
        add("redirect_uris", redirect_uris.into());
        let kind = if is_native { "native" } else { "web" };
        add("application_type", kind.into());
        add(
            "grant_types",
            vec!["authorization_code", "refresh_token"].into(),
        );
        add("response_types", vec!["code"].into());
        let method = match self.jwks_uri {
            Some(_) => "private_key_jwt",
            None => "none",
        };
        add("token_endpoint_auth_method", method.into());
        for (name, value) in [
            ("jwks_uri", &self.jwks_uri),
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("scope", &self.scope),
        ] {
            if let Some(value) = value {
                add(name, value.as_str().into());
            }
        }
        document
    }
}

/// What an authorization server understands of the document `text` at `address`.
fn judge(address: &str, text: &[u8]) -> anyhow::Result<ClientMetadata> {
    let loopback = match Url::parse(address) {
        Ok(url) => Reach::of(&url).loopback(),
        Err(_) => LoopbackHosts::Refused,
    };
    let id = ClientId::parse(address)?;
    let url = ClientIdUrl::parse(&id, loopback).map_err(|_| {
        anyhow!(
            "{address} cannot be the id of a client: it must be https, with a host that has a name \
             and with a path, without port, query, fragment and dots"
        )
    })?;
    let mut rules = ClientRules::new(scopes_in(text));
    rules.loopback = loopback;
    Ok(client_id_document::parse(&url, text, &rules)?)
}

/// The scopes that the document names: which of them there are, only a server knows.
fn scopes_in(text: &[u8]) -> ScopeSet {
    let members = json::parse_object(text).unwrap_or_default();
    let scope = members.get("scope").and_then(Value::as_str);
    scope
        .and_then(|scope| ScopeSet::parse(scope).ok())
        .unwrap_or_default()
}

fn id_in(text: &[u8]) -> anyhow::Result<String> {
    let members = json::parse_object(text)
        .map_err(|error| anyhow!("the client metadata document cannot be read: {error}"))?;
    let id = members.get("client_id").and_then(Value::as_str);
    let id = id.ok_or_else(|| {
        anyhow!("the client metadata document has no client_id, which is its own address")
    })?;
    Ok(id.to_owned())
}

/// The document at `address`, asked for as authorization servers do.
async fn fetched(address: &str) -> anyhow::Result<Vec<u8>> {
    let url = Url::parse(address).map_err(|_| anyhow!("{address} is no address"))?;
    let reach = Reach::of(&url);
    let what = "the client metadata document";
    reach.judge(what, address)?;
    let clock = Arc::new(SystemClock::default());
    let asker = Asker::new(Arc::new(reach.fetcher()?), reach, clock);
    let answer = asker.document(what, address).await?;
    let media_type = answer.headers().get("content-type");
    let media_type = media_type.and_then(|value| value.to_str().ok());
    if answer.status().is_redirection() {
        bail!("{address} redirects elsewhere, which authorization servers do not follow");
    }
    client_id_document::check_answer(answer.status().as_u16(), media_type)?;
    Ok(answer.body().to_vec())
}

fn told(metadata: &ClientMetadata) -> Vec<[String; 2]> {
    let mut rows = vec![
        (
            "name",
            metadata.client_name.as_ref().map(ToString::to_string),
        ),
        (
            "authenticates",
            Some(metadata.token_endpoint_auth_method.as_str().to_owned()),
        ),
        ("scopes", metadata.scope.as_ref().map(ToString::to_string)),
        (
            "page",
            metadata.client_uri.as_ref().map(ToString::to_string),
        ),
        ("keys", metadata.jwks_uri.as_ref().map(ToString::to_string)),
    ];
    for uri in &metadata.redirect_uris {
        rows.push(("answered at", Some(uri.as_str().to_owned())));
    }
    rows.into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?]))
        .collect()
}
