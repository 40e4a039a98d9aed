//! The server: its parts, and which endpoint answers which path.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::jose::JwkSet;
use countersign_oauth::server_metadata::{ServerMetadata, issuer_path};
use countersign_oauth::time::Clock;
use countersign_oauth::{ClientId, Secret, UnixTime};
use countersign_resource_server::SystemClock;
use countersign_store::{SealingKeys, Store};
use http::{Request, StatusCode};
use http_body::Body;

use crate::audit::{Audit, AuditEvent, LogAudit};
use crate::authorize::{Approval, PendingAuthorization};
use crate::claims::{PlainClaims, TokenClaims};
use crate::client::{Client, ClientFacts, ClientIdDocuments};
use crate::endpoints;
use crate::exchange::{Answer, Incoming, Unread, not_found, plain, read, unavailable};
use crate::grant::Granted;
use crate::interaction::Interaction;
use crate::keys::Keyring;
use crate::random::{Random, SystemGenerator};
use crate::settings::Settings;
use crate::unavailable::Unavailable;

/// An OAuth 2.1 authorization server. Clones are the same server.
#[derive(Clone)]
pub struct AuthorizationServer(Arc<Inner>);

/// The parts of a server.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealing: SealingKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) keyring: Keyring,
    pub(crate) documents: Option<ClientIdDocuments>,
    pub(crate) interaction: Arc<dyn Interaction>,
    pub(crate) claims: Arc<dyn TokenClaims>,
    pub(crate) audit: Arc<dyn Audit>,
    /// The paths of the metadata document.
    metadata_paths: Vec<String>,
    /// What stands before the paths of the endpoints.
    base: String,
}

/// Puts a server together.
#[must_use = "a builder does nothing until build()"]
pub struct AuthorizationServerBuilder(Inner);

impl AuthorizationServer {
    /// Begins a server with `settings` that keeps its state in `store`, seals what
    /// must be read back with `sealing`, and asks people through `interaction`.
    pub fn builder(
        settings: Settings,
        store: Arc<dyn Store>,
        sealing: SealingKeys,
        interaction: Arc<dyn Interaction>,
    ) -> AuthorizationServerBuilder {
        let metadata_paths = ServerMetadata::paths(&settings.issuer);
        let base = format!("{}{}", issuer_path(&settings.issuer), settings.prefix);
        AuthorizationServerBuilder(Inner {
            settings,
            store,
            sealing,
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemGenerator::default()),
            keyring: Keyring::default(),
            documents: None,
            interaction,
            claims: Arc::new(PlainClaims::default()),
            audit: Arc::new(LogAudit::default()),
            metadata_paths,
            base,
        })
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Answers a request to any path of the server. Whoever accepts the connection
    /// puts the address of the client, a [`std::net::IpAddr`], into the extensions,
    /// and limits the time that a request may take.
    pub async fn respond<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
    {
        let incoming = match read(request).await {
            Ok(incoming) => incoming,
            Err(unread) => return too_much(unread),
        };
        match self.route(&incoming).await {
            Ok(answer) => answer,
            Err(error) => {
                self.0
                    .audit
                    .note(AuditEvent::Unavailable(error.to_string()));
                unavailable()
            }
        }
    }

    async fn route(&self, incoming: &Incoming) -> Result<Answer, Unavailable> {
        let inner = &self.0;
        let path = incoming.uri.path();
        if inner.metadata_paths.iter().any(|known| known == path) {
            return Ok(endpoints::metadata(inner, incoming));
        }
        match path.strip_prefix(inner.base.as_str()) {
            Some("/authorize") => inner.authorize(incoming).await,
            Some("/token") => endpoints::token(inner, incoming).await,
            Some("/register") => endpoints::register(inner, incoming).await,
            Some("/revoke") => endpoints::revoke(inner, incoming).await,
            Some("/introspect") => endpoints::introspect(inner, incoming).await,
            Some("/jwks") => endpoints::jwks(inner, incoming).await,
            _ => {
                let answer = inner.interaction.respond(incoming, self).await?;
                Ok(answer.unwrap_or_else(not_found))
            }
        }
    }

    /// What an access token of this server says, if it is active at this moment.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn active_token(&self, token: &Secret) -> Result<Option<ActiveToken>, Unavailable> {
        self.0.active_token(token).await
    }

    pub(crate) async fn verifying_keys(&self) -> Result<JwkSet, Unavailable> {
        Ok(self.0.keys().await?.verifying.clone())
    }

    /// The request that waits under `transaction`, for a page about it; nothing if it
    /// was answered or has expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn pending(
        &self,
        transaction: &Secret,
    ) -> Result<Option<PendingAuthorization>, Unavailable> {
        self.0.pending(transaction).await
    }

    /// The client with this id, for a page about it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, Unavailable> {
        self.0.find_client(id).await
    }

    /// Registers a client, as an administrator does.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if there is a client with this id.
    pub async fn add_client(&self, id: &ClientId, facts: &ClientFacts) -> Result<(), Unavailable> {
        self.0.add_client(id, facts).await
    }

    /// Changes a client, as an administrator does; it must exist.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if the client does not exist.
    pub async fn replace_client(
        &self,
        id: &ClientId,
        facts: &ClientFacts,
    ) -> Result<(), Unavailable> {
        self.0.replace_client(id, facts).await
    }

    /// Takes a client away, with every grant that it has.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is; some grants may be revoked by then.
    pub async fn delete_client(&self, id: &ClientId) -> Result<(), Unavailable> {
        self.0.delete_client(id).await
    }

    /// Answers the waiting request with a code for what the person agreed to.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    ///
    /// # Security
    ///
    /// The caller has authenticated the person, asked them, and made sure that the
    /// answer comes from the browser that has `transaction`.
    pub async fn approve(
        &self,
        transaction: &Secret,
        approval: Approval,
    ) -> Result<Answer, Unavailable> {
        self.0.approve(transaction, approval).await
    }

    /// Answers the waiting request with `access_denied`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn deny(&self, transaction: &Secret) -> Result<Answer, Unavailable> {
        self.0.deny(transaction).await
    }

    /// Forgets what nobody will ask for any more. Call it now and then.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn purge(&self) -> Result<u64, Unavailable> {
        Ok(self.0.store.purge(self.0.now()).await?)
    }

    /// Makes a new signing key, which signs in five minutes, and answers its id.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no key can be made.
    pub async fn rotate_keys(&self) -> Result<String, Unavailable> {
        self.0.rotate_keys().await
    }
}

impl AuthorizationServerBuilder {
    /// Reads the time from `clock`.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Draws codes, tokens, secrets and ids from `random`.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.0.random = random;
        self
    }

    /// Accepts client ids that are addresses of documents.
    pub fn client_id_documents(mut self, documents: ClientIdDocuments) -> Self {
        self.0.documents = Some(documents);
        self
    }

    /// Adds `claims` to access tokens that are signed.
    pub fn token_claims(mut self, claims: Arc<dyn TokenClaims>) -> Self {
        self.0.claims = claims;
        self
    }

    /// Tells `audit` what happens.
    pub fn audit(mut self, audit: Arc<dyn Audit>) -> Self {
        self.0.audit = audit;
        self
    }

    /// The server.
    pub fn build(self) -> AuthorizationServer {
        AuthorizationServer(Arc::new(self.0))
    }
}

impl Inner {
    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Whether the person still stands behind a grant.
    pub(crate) async fn still_allows(&self, granted: &Granted) -> Result<bool, Unavailable> {
        let (subject, client) = (granted.subject.as_str(), &granted.client);
        self.interaction.still_allows(subject, client).await
    }
}

fn too_much(unread: Unread) -> Answer {
    match unread {
        Unread::Target => plain(StatusCode::URI_TOO_LONG, "the target is too long"),
        Unread::Body => plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
        Unread::Broken => plain(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.0.settings.issuer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthorizationServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServerBuilder")
            .field("issuer", &self.0.settings.issuer)
            .finish_non_exhaustive()
    }
}
