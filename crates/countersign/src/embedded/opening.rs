//! From what was said about an authorization server to one that answers: judged, opened,
//! mounted.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

use countersign_authorization_server::{
    AuthorizationServer, AuthorizationServerBuilder, ClientIdDocuments, DocumentTrust, Storage,
};
use countersign_resource_server::fetch::Fetcher;
use countersign_resource_server::{ApiKeyAuth, ConfigurationError, GateBuilder, SourceName};

use super::mounted::{self, Mounted, shortened};
use super::registered::check_registered;
use super::{EmbeddedAuth, Kept};
use crate::front::Place;
use crate::server::{Announced, Reach, Surroundings};

impl EmbeddedAuth {
    /// Judges everything that was said, for a server at `around`. Nothing is opened.
    pub(crate) fn judge(
        &mut self,
        around: &Surroundings<'_>,
    ) -> Result<Announced, ConfigurationError> {
        let (place, said_more) = (around.place, self.says_more());
        let mut sources = Vec::new();
        for auth in &self.api_keys {
            sources.push(auth.source()?.name().clone());
        }
        let paths = match &self.kept {
            Kept::Built(_) if said_more => {
                return Err(ConfigurationError::new(
                    "the authorization server was built before, and is told more now: say it to \
                     its builder instead of to EmbeddedAuth",
                ));
            }
            Kept::Built(_) if self.log.is_some() => return Err(built_before()),
            Kept::Built(server) => {
                mounted::check(server.settings(), place)?;
                shortened(server.paths(), &place.stripped)
            }
            Kept::Memory | Kept::Later(_) | Kept::Opened(_) => {
                let prepared = self.begin(around)?.prepare()?;
                mounted::check(prepared.settings(), place)?;
                check_registered(|name| prepared.callback_address(name), &self.registered)?;
                let paths = shortened(prepared.paths(), &place.stripped);
                self.prepared = Some(Box::new(prepared));
                paths
            }
        };
        Ok(Announced { paths, sources })
    }

    fn says_more(&self) -> bool {
        self.issuer.is_some() || self.headless.is_some() || !self.changes.is_empty()
    }

    /// Opens what has to be waited for.
    pub(crate) async fn open(mut self) -> Result<Self, ConfigurationError> {
        self.kept = match self.kept {
            Kept::Memory if self.log.is_some() => Kept::Opened(Storage::memory()?),
            Kept::Later(open) => Kept::Opened(open().await?),
            kept => kept,
        };
        self.noting().await
    }

    /// Whether there is nothing to wait for.
    pub(crate) fn check_open(&self) -> Result<(), ConfigurationError> {
        if let Some(log) = &self.log {
            log.check_begun()?;
        }
        match &self.kept {
            Kept::Later(_) => Err(ConfigurationError::new(
                "Server::into_app cannot wait for the database of the authorization server to be \
                 opened: open it before, with EmbeddedAuth::storage(Storage::sqlite(…).await?), \
                 or start the server with Server::start",
            )),
            _ => Ok(()),
        }
    }

    /// Begins the audit log, if it is to be kept in the storage that was opened.
    async fn noting(self) -> Result<Self, ConfigurationError> {
        let Some(log) = self.log.clone() else {
            return Ok(self);
        };
        let Kept::Opened(storage) = &self.kept else {
            return Err(built_before());
        };
        let journal = storage.journal().cloned();
        #[cfg(feature = "sqlite")]
        let beside = self.audit_key_file();
        #[cfg(not(feature = "sqlite"))]
        let beside = None;
        log.begin(journal, beside).await?;
        Ok(self)
    }

    /// Where the key of the audit log is, if it is known where the database is.
    #[cfg(feature = "sqlite")]
    fn audit_key_file(&self) -> Option<PathBuf> {
        self.database.as_deref().map(Storage::audit_key_file)
    }

    /// Everything about the authorization server but its storage.
    fn begin(
        &mut self,
        around: &Surroundings<'_>,
    ) -> Result<AuthorizationServerBuilder, ConfigurationError> {
        if self.headless.is_some() && around.reach == Reach::Others {
            return Err(ConfigurationError::new(
                "everybody would be logged in without being asked, and others reach this server: \
                 leave out .danger_approve_everything(…), or bind a loopback address",
            ));
        }
        let place = around.place;
        let issuer = self.issuer.take().unwrap_or_else(|| {
            let (origin, stripped) = (place.resource.origin(), &place.stripped);
            format!("{origin}{stripped}")
        });
        let documents = ClientIdDocuments::new(
            Arc::new(Fetcher::builder().build()?),
            DocumentTrust::AnyHost,
        );
        let scopes = around.scopes.clone();
        let mut builder = AuthorizationServer::builder(&issuer)
            .resource(place.resource.as_str())
            .settings(|settings| {
                settings.offer(scopes.all);
                settings.concealed_scopes = scopes.concealed;
                settings.default_scopes = scopes.default;
                settings.dpop.clone_from(&around.dpop);
            })
            .client_id_documents(documents)
            .clock(Arc::clone(&around.clock));
        if let Some(audit) = &around.audit {
            builder = builder.audit(Arc::clone(audit));
        }
        if let Some(settings) = &self.settings {
            builder = builder.auth_settings(settings);
        }
        if let Some(headless) = self.headless.take() {
            builder = builder.interaction(Arc::new(headless));
        }
        let changes = std::mem::take(&mut self.changes).into_iter();
        Ok(changes.fold(builder, |builder, change| change(builder)))
    }

    /// The authorization server that was judged and opened, at its place; the tokens that it
    /// issues are let through the gate, as those of `source`.
    pub(crate) fn mount(
        mut self,
        gate: GateBuilder,
        source: SourceName,
        place: &Place,
    ) -> Result<(GateBuilder, Mounted), ConfigurationError> {
        let log = self.log.take();
        let server = match (self.kept, self.prepared) {
            (Kept::Built(server), _) => server,
            (Kept::Opened(storage), Some(prepared)) => prepared.open(storage)?,
            (Kept::Memory, Some(prepared)) => prepared.open(Storage::memory()?)?,
            (_, None) | (Kept::Later(_), _) => {
                return Err(ConfigurationError::new(
                    "the authorization server was not opened before it was mounted",
                ));
            }
        };
        let (gate, mounted) = mounted::mount(server, (gate, source), place, self.announcement)?;
        accept_keys(gate, self.api_keys, mounted.noting_in(log))
    }
}

fn built_before() -> ConfigurationError {
    ConfigurationError::new(
        "the audit log is to be kept where the authorization server keeps its data, and that \
         server was built before: start a StoreSink, and give it to Server::audit",
    )
}

/// Lets the API keys of the server in `mounted` through the gate.
fn accept_keys(
    mut gate: GateBuilder,
    api_keys: Vec<ApiKeyAuth>,
    mounted: Mounted,
) -> Result<(GateBuilder, Mounted), ConfigurationError> {
    let format = &mounted.server.settings().api_keys.format;
    for auth in api_keys {
        let keys = mounted.server.api_keys();
        gate = gate.verifier(auth.keys(keys).format(format.clone()))?;
    }
    Ok((gate, mounted))
}
