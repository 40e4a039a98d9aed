//! An authorization server of its own, in the server that it protects.
//!
//! It answers beside the MCP endpoint, on the same address, and what it issues is
//! accepted there: looked up at each request, so that a revocation counts from the
//! next one on.

mod mounted;
mod opening;
mod registered;
mod store_log;
mod variables;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;

use countersign_authorization_server::{
    AuthSettings, AuthorizationServer, AuthorizationServerBuilder, Headless, Login, PreparedServer,
    Storage, TokenExchange, TrustedIdentityProvider, Upstream, WorkloadIssuer,
};
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::{ApiKeyAuth, ConfigurationError};

pub(crate) use mounted::Mounted;
pub(crate) use registered::Registered;
pub use store_log::AuditInStore;

use store_log::StoreLog;

use crate::authentication::Authentication;
use crate::front::App;
use crate::server::Server;

/// A change of the authorization server, made when the address is known.
type Change = Box<dyn FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder + Send>;

/// Opens what has to be waited for.
type Opening = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Opened> + Send>> + Send>;
type Opened = Result<Storage, ConfigurationError>;

/// Told the link with which the first account is made.
type Announcement = Box<dyn FnOnce(&Secret) + Send>;

/// An authorization server inside a [`Server`]: give it to [`Server::auth`].
///
/// ```no_run
/// use countersign::{EmbeddedAuth, Http, Server, tool};
///
/// /// Says who is calling.
/// #[tool(scopes("read"))]
/// async fn whoami(token: countersign::AccessToken) -> String {
///     token.sub().to_owned()
/// }
///
/// #[tokio::main]
/// async fn main() -> anyhow::Result<()> {
///     Server::new("Notes")
///         .auth(EmbeddedAuth::sqlite("app.db").scope("read", "Read your notes"))
///         .tool(whoami)
///         .serve(Http::bind("127.0.0.1:8000"))
///         .await?;
///     Ok(())
/// }
/// ```
///
/// The issuer is the origin of the address that clients use ([`crate::Http::public_url`]),
/// and tokens are for that address. Clients may ask for the scopes that the server and
/// its components need. Who describes itself by a document under its id (a client ID
/// metadata document) is accepted, and so is who registers itself. All of this can be
/// changed with [`EmbeddedAuth::configure`].
///
/// People log in with accounts of the server. As long as there is none, the first
/// start prints a link to make one; see [`EmbeddedAuth::on_setup_link`]. With
/// [`EmbeddedAuth::upstream`] they log in where they have an account already.
pub struct EmbeddedAuth {
    kept: Kept,
    issuer: Option<String>,
    headless: Option<Headless>,
    settings: Option<AuthSettings>,
    changes: Vec<Change>,
    /// Where the API keys that are made here are presented.
    api_keys: Vec<ApiKeyAuth>,
    /// Names of providers, and where they send people back to.
    registered: Vec<(String, Registered)>,
    announcement: Announcement,
    /// The audit log that is kept in the storage.
    log: Option<StoreLog>,
    /// The database, if it is known which one it is.
    #[cfg(feature = "sqlite")]
    database: Option<PathBuf>,
    /// What was judged before the storage was opened.
    prepared: Option<Box<PreparedServer>>,
}

/// Where the state is.
enum Kept {
    Memory,
    Later(Opening),
    Opened(Storage),
    Built(AuthorizationServer),
}

impl EmbeddedAuth {
    /// Keeps everything in the SQLite database at `path`, and the keys that seal parts
    /// of it in a file beside it; see [`Storage::sqlite`]. Both are opened when the
    /// server starts ([`Server::start`], [`Server::serve`]). [`Server::into_app`] cannot
    /// wait for that: open the database before, and call [`EmbeddedAuth::storage`].
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let database = Some(path.clone());
        Self {
            database,
            ..Self::opening(move || Storage::sqlite(path))
        }
    }

    /// Keeps everything in the storage that `open` opens when the server starts. It is
    /// not called before the address is bound, so that a start that fails because of the
    /// address, or of what is said about the server, leaves nothing behind.
    pub fn opening<F>(open: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Storage, ConfigurationError>> + Send + 'static,
    {
        Self::keeping(Kept::Later(Box::new(move || Box::pin(open()))))
    }

    /// Keeps everything in the memory of the process: for tests. Every start begins
    /// with nothing, and clients have to register and people to log in again.
    pub fn in_memory() -> Self {
        Self::keeping(Kept::Memory)
    }

    /// Keeps everything in `storage`, which was opened before, such as one whose
    /// sealing keys come from the environment ([`Storage::sqlite_sealed`]).
    pub fn storage(storage: Storage) -> Self {
        Self::keeping(Kept::Opened(storage))
    }

    /// Mounts `server`, which was built before and must issue tokens for the address
    /// of this one. Nothing else can be said about it then.
    pub fn server(server: AuthorizationServer) -> Self {
        Self::keeping(Kept::Built(server))
    }

    fn keeping(kept: Kept) -> Self {
        Self {
            kept,
            issuer: None,
            headless: None,
            settings: None,
            changes: Vec::new(),
            api_keys: Vec::new(),
            registered: Vec::new(),
            announcement: Box::new(print),
            log: None,
            #[cfg(feature = "sqlite")]
            database: None,
            prepared: None,
        }
    }

    /// The issuer identifier (RFC 8414 §2), if it is not the origin of the address that
    /// clients use, with the [path that a proxy takes away](crate::Http::stripped_path).
    /// It must lead to this server.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Takes over `settings`: the issuer and what can be registered and revoked. Every
    /// token then needs the `required_scopes`, at this server too.
    #[must_use]
    pub fn settings(mut self, settings: AuthSettings) -> Self {
        self.issuer = Some(settings.issuer_url.clone());
        self.settings = Some(settings);
        self
    }

    /// Says on the consent page what the scope `name` permits, such as "Read your
    /// notes". It cannot be left out there.
    #[must_use]
    pub fn scope(self, name: impl Into<String>, sentence: impl Into<String>) -> Self {
        let (name, sentence) = (name.into(), sentence.into());
        self.configure(move |server| server.scope(&name, sentence))
    }

    /// As [`EmbeddedAuth::scope`], but the person decides whether to allow it.
    #[must_use]
    pub fn optional_scope(self, name: impl Into<String>, sentence: impl Into<String>) -> Self {
        let (name, sentence) = (name.into(), sentence.into());
        self.configure(move |server| server.optional_scope(&name, sentence))
    }

    /// Lets `login` find out who is in front of the browser, such as by the session of
    /// your application, instead of accounts of this server. People are asked for their
    /// consent as before.
    #[must_use]
    pub fn login(self, login: impl Login) -> Self {
        self.configure(|server| server.login(login))
    }

    /// Lets people log in at `upstream`, a provider where they have accounts already,
    /// instead of with accounts of this server. Called again, it adds a provider, and
    /// people choose. They are asked for their consent here before they are sent there,
    /// for every client and every time.
    ///
    /// At the provider, register the address of this server with `/callback/` and the
    /// name of the provider, such as `https://mcp.example.com/callback/github`.
    #[must_use]
    pub fn upstream(self, upstream: Upstream) -> Self {
        self.configure(|server| server.upstream(upstream))
    }

    /// The redirect URI that is registered at the provider `name`, byte for byte. If it
    /// is not where this server answers, the start is refused and says what to register.
    #[must_use]
    pub fn registered_redirect_uri(self, name: impl Into<String>, uri: impl Into<String>) -> Self {
        self.registered(name.into(), Registered::new(uri, "the redirect URI"))
    }

    pub(crate) fn registered(mut self, name: String, registered: Registered) -> Self {
        self.registered.push((name, registered));
        self
    }

    /// Lets people log in with accounts of this server beside the providers of
    /// [`EmbeddedAuth::upstream`].
    #[must_use]
    pub fn with_local_accounts(self) -> Self {
        self.configure(AuthorizationServerBuilder::with_local_accounts)
    }

    /// Accepts the API keys that were made here, presented as `keys` says:
    /// `ApiKeyAuth::header("X-API-Key")`. They are made with the command
    /// `countersign api-keys`, by
    /// [`AuthorizationServer::api_keys`](countersign_authorization_server::AuthorizationServer::api_keys),
    /// and by people for themselves where
    /// [`api_keys_for_people`](AuthorizationServerBuilder::api_keys_for_people) lets them.
    #[must_use]
    pub fn api_keys(mut self, keys: ApiKeyAuth) -> Self {
        self.api_keys.push(keys);
        self
    }

    /// Keeps the audit log in the storage as well: what [`Server::audit`] notes, chained, in
    /// the place where clients and grants are. Several processes may write it.
    ///
    /// It begins when the server starts ([`Server::start`], [`Server::serve`]);
    /// [`Server::into_app`], which waits for nothing, refuses it.
    #[must_use]
    pub fn audit_in_store(mut self, kept: AuditInStore) -> Self {
        self.log = Some(StoreLog::new(kept));
        self
    }

    /// The audit log in the storage, if there is to be one.
    pub(crate) const fn log(&self) -> Option<&StoreLog> {
        self.log.as_ref()
    }

    /// Whether it was said where API keys are presented.
    pub(crate) const fn takes_api_keys(&self) -> bool {
        !self.api_keys.is_empty()
    }

    /// Issues tokens to clients that present an identity assertion of `provider`, the
    /// identity provider of a company, without asking the person
    /// (draft-ietf-oauth-identity-assertion-authz-grant). Called again, it adds one.
    #[must_use]
    pub fn identity_assertions(self, provider: TrustedIdentityProvider) -> Self {
        self.configure(|server| server.identity_assertions(provider))
    }

    /// Issues tokens to programs that present the token that `issuer`, the platform on
    /// which they run, made for them (RFC 7523 §2.1). Called again, it adds a platform.
    #[must_use]
    pub fn workloads(self, issuer: WorkloadIssuer) -> Self {
        self.configure(|server| server.workloads(issuer))
    }

    /// Lets a client exchange access tokens as `exchange` says (RFC 8693): a server that
    /// calls another one for its caller. Called again, it adds another.
    #[must_use]
    pub fn token_exchange(self, exchange: TokenExchange) -> Self {
        self.configure(|server| server.token_exchange(exchange))
    }

    /// Puts `prefix`, such as `/auth`, before the paths of the endpoints and pages.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.configure(|server| server.settings(|settings| settings.prefix = prefix))
    }

    /// Changes anything else about the authorization server. What was said before, and
    /// what follows from the server that it is in, is set already.
    #[must_use]
    pub fn configure(
        mut self,
        change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder + Send + 'static,
    ) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Approves every request as `subject`, without login and consent: for tests from
    /// the first request to the last.
    ///
    /// # Security
    ///
    /// Whoever reaches the server gets tokens of `subject`. It starts on loopback only.
    #[must_use]
    pub fn danger_approve_everything(mut self, subject: impl Into<String>) -> Self {
        self.headless = Some(Headless::danger_approve_everything(subject));
        self
    }

    /// Hands the link with which the first account is made to `tell` when the server
    /// starts, instead of printing it to standard error. It is not called if there is
    /// an account.
    ///
    /// # Security
    ///
    /// Whoever has the link owns the server. It must not reach a log.
    #[must_use]
    pub fn on_setup_link(mut self, tell: impl FnOnce(&Secret) + Send + 'static) -> Self {
        self.announcement = Box::new(tell);
        self
    }
}

impl App {
    /// The authorization server in it, if there is one: to register clients, for example,
    /// or to list and revoke what people have granted.
    pub fn authorization_server(&self) -> Option<&AuthorizationServer> {
        self.0.issuing.as_ref().map(|mounted| &mounted.server)
    }
}

impl Authentication for EmbeddedAuth {
    fn add_to(self, mut server: Server) -> Server {
        if let Some(settings) = &self.settings {
            match settings.required_scope_set() {
                Ok(scopes) => server.required_scopes = server.required_scopes.union(&scopes),
                Err(error) => server.note(Err(error)),
            }
        }
        server.admission.declare();
        if let Some(log) = &self.log {
            server = server.audit(log.clone());
        }
        if server.embedded.replace(self).is_some() {
            server.note(Err(ConfigurationError::new(
                "there are two embedded authorization servers: leave one out",
            )));
        }
        server
    }
}

/// Whoever starts a server reads its output, and nobody else does.
#[expect(
    clippy::print_stderr,
    reason = "the link must not reach a log, and somebody has to see it"
)]
fn print(link: &Secret) {
    eprintln!(
        "There is no account yet. Make the first one here, within a day:\n\n    {}\n",
        link.reveal()
    );
}

impl fmt::Debug for EmbeddedAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedAuth")
            .field("issuer", &self.issuer)
            .field("headless", &self.headless)
            .finish_non_exhaustive()
    }
}
