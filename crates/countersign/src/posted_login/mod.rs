//! A login page of one's own that uses the scripts of a provider, such as those of
//! Firebase or Auth0, and hands the ID token over.
//!
//! The page is the application's, and so is what it does with the provider. The token
//! comes here by POST, never in an address (addresses are in histories and logs), from
//! the page that this server gave to that browser for the request that waits, and is
//! verified: signature, issuer, application, times. Who it is about is logged in, and
//! asked for consent as after every other login.

mod judge;
mod route;
mod sessions;

use std::fmt;
use std::sync::Arc;

use axum::routing::MethodRouter;
use countersign_authorization_server::oauth::jose::Algorithm;
use countersign_authorization_server::{Login, LoginStep, Person, Unavailable, Visitor};
use countersign_resource_server::fetch::{Fetch, Fetcher};
use countersign_resource_server::provider::Preset;
use countersign_resource_server::{Clock, ConfigurationError, SystemClock};

use crate::authentication::Authentication;
use crate::embedded::EmbeddedAuth;
use crate::front::RouteAccess;
use crate::server::Server;
use judge::Judge;
pub use judge::PostedIdentity;
use sessions::Sessions;

/// Makes the page.
type Page = dyn Fn(&SignIn<'_>) -> String + Send + Sync;
/// Says whether somebody may log in.
type Rule = dyn Fn(&PostedIdentity) -> bool + Send + Sync;

/// What the page has to send along.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignIn<'a> {
    /// Where the ID token is posted, as `application/x-www-form-urlencoded` with the
    /// fields `id_token` and `forgery_token`. A path of this server, to be written into
    /// the attribute `action` of a form as it is.
    pub action: &'a str,
    /// The value of the field `forgery_token`: letters, digits, `-` and `_`.
    pub forgery_token: &'a str,
    /// What the provider has to put into the ID token as `nonce`, where it can (Auth0);
    /// letters, digits, `-` and `_`.
    pub nonce: &'a str,
    /// What to say about the last attempt, if there was one.
    pub trouble: Option<&'a str>,
}

/// Logs people in with ID tokens that a page of the application posts: give it to
/// [`Server::auth`].
///
/// ```
/// use countersign::{EmbeddedAuth, PostedLogin, Server};
///
/// let login = PostedLogin::firebase("my-project")
///     .page(|form| {
///         format!(
///             r#"<!doctype html><title>Sign in</title>
///             <form method="post" action="{}">
///               <input type="hidden" name="forgery_token" value="{}">
///               <input type="hidden" name="id_token">
///             </form>
///             <script type="module" src="/sign-in.js"></script>"#,
///             form.action, form.forgery_token
///         )
///     })
///     .allow(|person| person.claim("email_verified") == Some(&true.into()));
/// let server = Server::new("Notes").auth(login.on(EmbeddedAuth::in_memory()));
/// ```
///
/// The page is at `/sign-in`. Its script signs the person in at the provider, puts the ID
/// token into the field `id_token` and submits the form.
///
/// An identity is the pair of issuer and subject, never an e-mail address. Logins are
/// kept in memory until the ID token ends: a restart asks people to sign in again.
#[must_use]
pub struct PostedLogin {
    judge: Result<Judge, ConfigurationError>,
    page: Option<Box<Page>>,
    rule: Option<Box<Rule>>,
    path: String,
    clock: Arc<dyn Clock>,
    fetch: Option<Arc<dyn Fetch>>,
    loopback: bool,
}

impl PostedLogin {
    /// ID tokens of the Firebase project `project_id`.
    pub fn firebase(project_id: impl Into<String>) -> Self {
        let project = project_id.into();
        let values = [("project_id".to_owned(), project.clone())];
        let preset = Preset::named("firebase")
            .ok_or_else(|| ConfigurationError::new("the preset firebase is not built in"));
        let judge = preset
            .and_then(|preset| preset.fill(&values.into_iter().collect()))
            .and_then(|provider| {
                let endpoints = provider.endpoints;
                let known = endpoints.issuer.zip(endpoints.jwks);
                let (issuer, keys) = known.ok_or_else(|| {
                    ConfigurationError::new("the preset firebase names no issuer or no keys")
                })?;
                Ok(Judge::new(issuer, project, keys).past("auth_time"))
            });
        Self::of(judge)
    }

    /// ID tokens that the Auth0 tenant at `domain`, such as `your-tenant.eu.auth0.com`,
    /// issues to the application `client_id`. The page has to pass [`SignIn::nonce`] on.
    pub fn auth0(domain: impl AsRef<str>, client_id: impl Into<String>) -> Self {
        let domain = domain.as_ref();
        let issuer = format!("https://{domain}/");
        let keys = format!("https://{domain}/.well-known/jwks.json");
        Self::issued_by(issuer, client_id, keys)
    }

    /// ID tokens with this `issuer`, byte for byte, which it issues to the application
    /// `client_id` and signs with the keys at `jwks_url`. The page has to pass
    /// [`SignIn::nonce`] on.
    pub fn issued_by(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        jwks_url: impl Into<String>,
    ) -> Self {
        let judge = Judge::new(issuer.into(), client_id.into(), jwks_url.into());
        Self::of(Ok(judge.with_nonce()))
    }

    fn of(judge: Result<Judge, ConfigurationError>) -> Self {
        Self {
            judge,
            page: None,
            rule: None,
            path: "/sign-in".to_owned(),
            clock: Arc::new(SystemClock::default()),
            fetch: None,
            loopback: false,
        }
    }

    /// The page: HTML with what `make` is given in it.
    pub fn page(mut self, make: impl Fn(&SignIn<'_>) -> String + Send + Sync + 'static) -> Self {
        self.page = Some(Box::new(make));
        self
    }

    /// Where the page is: `/sign-in` unless set.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Whoever `rule` says yes to may log in.
    pub fn allow(mut self, rule: impl Fn(&PostedIdentity) -> bool + Send + Sync + 'static) -> Self {
        self.rule = Some(Box::new(rule));
        self
    }

    /// Whoever has an account at the provider may log in.
    ///
    /// # Security
    ///
    /// Where people can sign up by themselves that is everybody in the world.
    pub fn allow_everyone(self) -> Self {
        self.allow(|_| true)
    }

    /// The accepted algorithms (RFC 8725 §3.1), instead of RS256 alone. HMAC algorithms
    /// are never accepted.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.judge = self
            .judge
            .and_then(|judge| judge.algorithms(algorithms.into_iter().collect()));
        self
    }

    /// Judges lifetimes by `clock`; for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Fetches keys through `fetch`, for example a [`Fetcher`] with settings of its own.
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Lets the keys come from this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on the port can then log in as
    /// anybody.
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The login of `auth`, and its page beside it.
    pub fn on(self, auth: EmbeddedAuth) -> impl Authentication {
        OnServer { login: self, auth }
    }

    fn ready(self) -> Result<Ready, ConfigurationError> {
        let page = self.page.ok_or_else(|| {
            ConfigurationError::new(
                "the login has no page: make one with .page(…), whose script signs people in at \
                 the provider",
            )
        })?;
        let rule = self.rule.ok_or_else(|| {
            ConfigurationError::new(
                "who may log in is open: say .allow(…), or .allow_everyone() if everybody who has \
                 an account at the provider may",
            )
        })?;
        let fetch = match self.fetch {
            Some(fetch) => fetch,
            None if self.loopback => Arc::new(Fetcher::builder().danger_allow_loopback().build()?),
            None => Arc::new(Fetcher::builder().build()?),
        };
        Ok(Ready(Arc::new(Inner {
            judge: self.judge?.open(fetch)?,
            page,
            rule,
            path: self.path,
            clock: self.clock,
            sessions: Sessions::default(),
        })))
    }
}

impl fmt::Debug for PostedLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedLogin")
            .field("judge", &self.judge)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct OnServer {
    login: PostedLogin,
    auth: EmbeddedAuth,
}

impl Authentication for OnServer {
    fn add_to(self, mut server: Server) -> Server {
        match self.login.ready() {
            Ok(ready) => {
                let path = ready.0.path.clone();
                let server = server.route(&path, ready.route(), RouteAccess::Open);
                self.auth.login(ready).add_to(server)
            }
            Err(error) => {
                server.note(Err(error));
                server
            }
        }
    }
}

/// A login that works. Clones are the same one.
#[derive(Clone)]
struct Ready(Arc<Inner>);

struct Inner {
    judge: judge::Open,
    page: Box<Page>,
    rule: Box<Rule>,
    path: String,
    clock: Arc<dyn Clock>,
    sessions: Sessions,
}

impl Ready {
    fn route(&self) -> MethodRouter {
        route::route(self.clone())
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedLogin")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

impl Login for Ready {
    async fn log_in(&self, visitor: Visitor<'_>) -> Result<LoginStep, Unavailable> {
        use countersign_authorization_server::login::Freshness;

        let now = self.0.clock.now();
        let cookie = route::SESSION.iter().find_map(|name| visitor.cookie(name));
        let known = cookie.and_then(|secret| self.0.sessions.find(secret, now));
        Ok(match known {
            Some(identity) if visitor.freshness == Freshness::Any => {
                let name = identity.name().unwrap_or("you").to_owned();
                LoginStep::Known(Person::new(identity.key(), name))
            }
            _ => visitor.go_to(&self.0.path),
        })
    }
}
