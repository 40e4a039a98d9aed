//! The authorization server inside `countersign serve`: people log in in a browser, and
//! clients get tokens here.

use std::sync::{Arc, Mutex, PoisonError};

use countersign::authorization_server::settings::{AccessTokenFormat, Registration};
use countersign::authorization_server::{AuthorizationServerBuilder, Storage, Upstream};
use countersign::oauth::{ResourceUri, Secret};
use countersign::{
    ApiKeyAuth, AuditInStore, Configuration, ConfigurationError, EmbeddedAuth, Server,
};

use super::options::Serve;
use crate::SCOPE;
use crate::data::{DataDirectory, IfMissing};

/// The authorization server that is served.
pub(super) struct Embedded {
    /// Where people log in, if not with accounts of this server.
    providers: Vec<Upstream>,
    /// Whether they may log in with accounts of this server as well.
    local_accounts: bool,
    /// The header in which API keys are presented.
    api_keys: Option<String>,
    /// Learnt when the server starts.
    setup_link: Arc<Mutex<Option<Secret>>>,
}

impl Embedded {
    /// As `options` say, and where they say nothing about it, `settings`.
    pub(super) fn new(options: &Serve, settings: &Configuration) -> anyhow::Result<Self> {
        let (providers, local_accounts) = match options.login.first() {
            Some(_) => (options.login.upstreams()?, options.login.local_accounts),
            None => {
                let login = settings.login()?;
                (login.into_iter().collect(), settings.local_accounts())
            }
        };
        let said = match &options.api_keys {
            Some(header) => Some(header.as_str()),
            None => settings.api_keys_header()?,
        };
        Ok(Self {
            providers,
            local_accounts,
            api_keys: said.map(str::to_owned),
            setup_link: Arc::default(),
        })
    }

    /// Adds the authorization server that `options` describe to `server`.
    /// What no option says is taken from `settings`.
    pub(super) fn add_to(
        &self,
        server: Server,
        options: &Serve,
        settings: &Configuration,
    ) -> anyhow::Result<Server> {
        let (upstreams, local_accounts) = (self.providers.clone(), self.local_accounts);
        let directory = options.data.clone();
        let said = match options.says_who() {
            true => None,
            false => settings.auth_settings()?,
        };
        let setup_link = Arc::clone(&self.setup_link);
        let format = options.access_tokens.into();
        // What settings say about it counts where no option says something.
        let registration = said.is_none().then_some(options.registration.into());
        let mut auth = EmbeddedAuth::opening(move || opened(directory))
            .scope(SCOPE, "Call the tools greet and whoami")
            .optional_scope("admin", "Read the report for administrators")
            .configure(move |builder| {
                let builder = builder.service_name("countersign demo");
                let builder = upstreams
                    .into_iter()
                    .fold(builder, AuthorizationServerBuilder::upstream);
                let builder = match local_accounts {
                    true => builder.with_local_accounts(),
                    false => builder,
                };
                builder.settings(|settings| {
                    settings.access_token_format = format;
                    if let Some(registration) = registration {
                        settings.registration = registration;
                    }
                })
            })
            .on_setup_link(move |link| {
                let mut place = setup_link.lock().unwrap_or_else(PoisonError::into_inner);
                *place = Some(link.clone());
            });
        if let Some(said) = said {
            auth = auth.settings(said);
        }
        // Said by an option, or by settings where no option says anything about it.
        let settled = options.audit.is_none() && settings.audit_store();
        if options.audit_store || settled {
            let on_full = match options.audit_store {
                true => options.on_full(),
                false => settings.on_full()?,
            };
            let kept = AuditInStore::new().on_full(on_full);
            auth = auth.audit_in_store(kept.key_file(options.data.audit_key_file()));
        }
        if let Some(header) = &options.api_keys {
            auth = auth
                .api_keys(ApiKeyAuth::header(header))
                .configure(|builder| builder.api_keys_for_people([SCOPE, "admin"]));
        }
        if let Some(prefix) = &options.auth_prefix {
            auth = auth.prefix(prefix);
        }
        let ask = options.required_scopes().is_empty();
        Ok(server.auth(auth).challenge_scopes(ask.then_some(SCOPE)))
    }

    /// What people do first, and where everything is kept.
    pub(super) fn explained(&self, url: &str, options: &Serve) -> Vec<String> {
        let kept = options.data.shown();
        let mut lines = vec![format!("Accounts, clients and keys are kept in {kept}")];
        let prefix = options.auth_prefix.as_deref().unwrap_or_default();
        let resource = ResourceUri::parse(url).ok();
        let origin = resource.as_ref().map_or("", ResourceUri::origin);
        for provider in &self.providers {
            lines.push(format!(
                "\nPeople log in at {}. The redirect URI (callback URL) of your application there is:\n\n\
                 {origin}{prefix}/callback/{}",
                provider.display_name(),
                provider.name()
            ));
        }
        let link = self
            .setup_link
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = link.as_ref() {
            lines.push(format!(
                "\nThere is no account yet. Make the first one here, within a day:\n\n{}",
                link.reveal()
            ));
            lines.push(format!(
                "\nThen add {url} to an MCP client: it sends you to a browser to log in."
            ));
        } else {
            lines.push(format!(
                "\nAdd {url} to an MCP client: it sends you to a browser to log in.\n\
                 What is connected: {origin}{prefix}/account"
            ));
        }
        if let Some(header) = &self.api_keys {
            lines.push(format!(
                "\nPrograms send an API key in the header {header}; `countersign api-keys create` \
                 makes one."
            ));
        }
        lines
    }
}

/// The data in `directory`, which is made if it is not there.
async fn opened(directory: DataDirectory) -> Result<Storage, ConfigurationError> {
    let opened = async {
        // Before clients come, and with the names of the files.
        let data = directory.look_into(IfMissing::Create).await?;
        data.check_sealing_keys().await?;
        directory.storage(IfMissing::Create).await
    };
    let opened = opened.await;
    opened.map_err(|error| ConfigurationError::new(format!("{error:#}")))
}

/// Who may register a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RegistrationOption {
    /// Anybody, within limits
    Open,
    /// Whoever has a token of `countersign clients invite`
    Token,
    /// Nobody
    Closed,
}

impl From<RegistrationOption> for Registration {
    fn from(option: RegistrationOption) -> Self {
        match option {
            RegistrationOption::Open => Self::Open,
            RegistrationOption::Token => Self::InitialAccessToken,
            RegistrationOption::Closed => Self::Closed,
        }
    }
}

/// What access tokens look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TokenFormat {
    /// Signed (RFC 9068): others can verify them with the published keys
    Jwt,
    /// A random text that means something to this server alone
    Opaque,
}

impl From<TokenFormat> for AccessTokenFormat {
    fn from(option: TokenFormat) -> Self {
        match option {
            TokenFormat::Jwt => Self::Jwt,
            TokenFormat::Opaque => Self::Opaque,
        }
    }
}
