//! `countersign clients add`: RFC 7591 §2, with the rules for clients that register
//! themselves, and client credentials besides.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use countersign::authorization_server::{ClientFacts, ClientSource};
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::client_metadata::{ClientMetadata, ClientRules};
use countersign::oauth::grant_type::GrantType;
use countersign::oauth::{ResourceUri, ScopeSet};
use serde_json::{Map, Value, json};

use super::show;
use crate::data::Data;
use crate::{file, output};

/// Register a client, and print its id and, this once, its secret
#[derive(Debug, Args)]
pub(super) struct Add {
    /// What people are told about who asks
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Where people are sent back to, https or on this machine; may be given several
    /// times
    #[arg(
        long,
        value_name = "URI",
        required_unless_present_any = ["client_credentials", "assertions", "token_exchange"]
    )]
    redirect_uri: Vec<String>,

    /// Let it get tokens for itself, without a person (client credentials)
    #[arg(long)]
    client_credentials: bool,

    /// Let it get tokens for assertions of others: of the identity provider of a company, or
    /// of the platform on which it runs, as far as the server trusts them
    #[arg(long)]
    assertions: bool,

    /// Let it exchange the tokens with which it is called, as far as the server allows it
    #[arg(long)]
    token_exchange: bool,

    /// How it proves who it is: none, client_secret_basic, client_secret_post or
    /// private_key_jwt
    /// [default: none; client_secret_basic with --client-credentials or --token-exchange]
    #[arg(long, value_name = "METHOD", value_parser = method)]
    authentication: Option<TokenEndpointAuthMethod>,

    /// The public keys for private_key_jwt, as a JWK set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,

    /// Where it publishes its public keys for private_key_jwt
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,

    /// The scopes it may ask for, separated by commas [default: all of the server]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,

    /// A resource whose tokens it may introspect, because it serves it; may be given
    /// several times
    #[arg(long, value_name = "URL")]
    introspects: Vec<String>,
}

impl Add {
    pub(super) async fn run(self, data: &Data, json: bool) -> anyhow::Result<()> {
        let facts = self.facts()?;
        let metadata = facts.metadata.clone();
        let made = data.server.register_client(facts).await?;
        let secret = made.secret.as_ref().map(|secret| secret.reveal());
        if json {
            let client = data.server.client(&made.id).await?;
            let client = client.context("the client was deleted in this moment")?;
            let mut document = show::document(&client)?;
            if let Some(secret) = secret {
                document.insert("client_secret".to_owned(), secret.into());
            }
            return output::json(&document);
        }
        let name = metadata
            .client_name
            .as_ref()
            .map_or("", |name| name.as_str());
        output::foreign(&format!("The client {name} is registered.\n"))?;
        output::line(&format!("  client_id      {}", made.id))?;
        if let Some(secret) = secret {
            output::line(&format!("  client_secret  {secret}"))?;
            output::line("\nKeep the secret: it is not stored here and not shown again.")?;
        }
        Ok(())
    }

    fn facts(&self) -> anyhow::Result<ClientFacts> {
        let scopes = self.scopes.iter().filter(|scope| !scope.is_empty());
        let scopes = ScopeSet::from_names(scopes).context("--scopes")?;
        let mut rules = ClientRules::new(scopes.clone());
        let machines = [
            GrantType::ClientCredentials,
            GrantType::JwtBearer,
            GrantType::TokenExchange,
        ];
        rules.grant_types.extend(machines);
        let metadata = Value::Object(self.document(&scopes)?).to_string();
        let metadata = ClientMetadata::parse_registration(metadata.as_bytes(), &rules)?;
        if metadata.client_name.is_none() {
            bail!("--name: there is nothing in it that can be shown");
        }
        let mut facts = ClientFacts::new(metadata, ClientSource::Administrator);
        for resource in &self.introspects {
            let resource = ResourceUri::parse(resource)
                .with_context(|| format!("--introspects {resource}"))?;
            facts.introspects.push(resource.as_str().to_owned());
        }
        if !facts.introspects.is_empty()
            && facts.metadata.token_endpoint_auth_method == TokenEndpointAuthMethod::None
        {
            bail!(
                "--introspects needs a client that proves who it is: say --authentication client_secret_basic"
            );
        }
        Ok(facts)
    }

    /// As a client would send it.
    fn document(&self, scopes: &ScopeSet) -> anyhow::Result<Map<String, Value>> {
        let method = self.method();
        let uses_keys = method == TokenEndpointAuthMethod::PrivateKeyJwt;
        if uses_keys != (self.jwks_file.is_some() || self.jwks_uri.is_some()) {
            bail!(
                "private_key_jwt and its keys go together: say --authentication private_key_jwt and --jwks-file or --jwks-uri"
            );
        }
        if self.client_credentials && method == TokenEndpointAuthMethod::None {
            bail!(
                "--client-credentials needs a client that proves who it is: leave out --authentication none"
            );
        }
        if self.token_exchange && method == TokenEndpointAuthMethod::None {
            bail!(
                "--token-exchange needs a client that proves who it is: leave out --authentication none"
            );
        }
        let mut grant_types = Vec::new();
        if !self.redirect_uri.is_empty() {
            grant_types.extend([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        }
        if self.client_credentials {
            grant_types.push(GrantType::ClientCredentials);
        }
        if self.assertions {
            grant_types.push(GrantType::JwtBearer);
        }
        if self.token_exchange {
            grant_types.push(GrantType::TokenExchange);
        }
        let mut document = Map::new();
        let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
        set("client_name", json!(self.name));
        set("token_endpoint_auth_method", json!(method.as_str()));
        set("grant_types", json!(grant_types));
        set("redirect_uris", json!(self.redirect_uri));
        if self.redirect_uri.is_empty() {
            set("response_types", json!([]));
        }
        if !scopes.is_empty() {
            set("scope", json!(scopes.to_string()));
        }
        if let Some(uri) = &self.jwks_uri {
            set("jwks_uri", json!(uri));
        }
        if let Some(path) = &self.jwks_file {
            let jwks = serde_json::from_str(&file::text(path)?)
                .map_err(|error| anyhow!("{}: this is not JSON: {error}", path.display()))?;
            set("jwks", jwks);
        }
        Ok(document)
    }

    fn method(&self) -> TokenEndpointAuthMethod {
        self.authentication
            .unwrap_or(match self.client_credentials || self.token_exchange {
                true => TokenEndpointAuthMethod::ClientSecretBasic,
                false => TokenEndpointAuthMethod::None,
            })
    }
}

fn method(text: &str) -> Result<TokenEndpointAuthMethod, String> {
    TokenEndpointAuthMethod::parse(text).ok_or_else(|| {
        let all = TokenEndpointAuthMethod::ALL.map(TokenEndpointAuthMethod::as_str);
        format!("write one of {}", all.join(", "))
    })
}
