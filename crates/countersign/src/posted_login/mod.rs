//! A login page of one's own that uses the scripts of a provider, such as those of
//! Firebase or Auth0, and hands the ID token over.
//!
//! The page is the application's, and so is what it does with the provider. The token
//! comes here by POST, never in an address (addresses are in histories and logs), from
//! the page that this server gave to that browser for the request that waits, and is
//! verified: signature, issuer, application, times. Who it is about has an account like
//! everybody, is logged in, and is asked for consent as after every other login: that is
//! done by the authorization server (its module `sign_in`); what is here judges tokens.

mod judge;

use std::fmt;
use std::sync::Arc;

use countersign_authorization_server::interaction::InteractionFuture;
use countersign_authorization_server::oauth::jose::Algorithm;
pub use countersign_authorization_server::sign_in::SignIn;
use countersign_authorization_server::sign_in::{Judgement, PostedToken, SignInPage};
use countersign_authorization_server::{AuthorizationServerBuilder, Unavailable};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::fetch::{Fetch, Fetcher};
use countersign_resource_server::provider::Preset;

use crate::authentication::Authentication;
use crate::embedded::EmbeddedAuth;
use crate::server::Server;
use judge::Judge;
pub use judge::PostedIdentity;

/// Makes the page.
type Page = dyn Fn(&SignIn<'_>) -> String + Send + Sync;
/// Says whether somebody may log in.
type Rule = dyn Fn(&PostedIdentity) -> bool + Send + Sync;

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
/// An identity is the pair of issuer and subject, never an e-mail address. It gets an
/// account with a subject of this server's own, named after the provider, such as
/// `firebase:x1y2`, `auth0:…`, or `oidc:…` for [`PostedLogin::issued_by`]: it is listed
/// with all accounts, and who is disabled there gets nothing more. A login ends with its
/// ID token, or before if it is not used.
#[must_use]
pub struct PostedLogin {
    provider: Called,
    judge: Result<Judge, ConfigurationError>,
    page: Option<Box<Page>>,
    rule: Option<Box<Rule>>,
    path: String,
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
        Self::of(Called("firebase", "Firebase"), judge)
    }

    /// ID tokens that the Auth0 tenant at `domain`, such as `your-tenant.eu.auth0.com`,
    /// issues to the application `client_id`. The page has to pass [`SignIn::nonce`] on.
    pub fn auth0(domain: impl AsRef<str>, client_id: impl Into<String>) -> Self {
        let domain = domain.as_ref();
        let issuer = format!("https://{domain}/");
        let keys = format!("https://{domain}/.well-known/jwks.json");
        let mut login = Self::issued_by(issuer, client_id, keys);
        login.provider = Called("auth0", "Auth0");
        login
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
        Self::of(
            Called("oidc", "your identity provider"),
            Ok(judge.with_nonce()),
        )
    }

    fn of(provider: Called, judge: Result<Judge, ConfigurationError>) -> Self {
        Self {
            provider,
            judge,
            page: None,
            rule: None,
            path: "/sign-in".to_owned(),
            fetch: None,
            loopback: false,
        }
    }

    /// The page: HTML with what `make` is given in it.
    pub fn page(mut self, make: impl Fn(&SignIn<'_>) -> String + Send + Sync + 'static) -> Self {
        self.page = Some(Box::new(make));
        self
    }

    /// Where the page is, after the prefix of the authorization server: `/sign-in` unless
    /// set.
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
        Ok(Ready {
            provider: self.provider,
            judge: self.judge?.open(fetch)?,
            page,
            rule,
            path: self.path,
        })
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
                let add = |server: AuthorizationServerBuilder| server.sign_in_page(ready);
                self.auth.configure(add).add_to(server)
            }
            Err(error) => {
                server.note(Err(error));
                server
            }
        }
    }
}

/// What a provider is called in the names of accounts, and by people.
#[derive(Clone, Copy, Debug)]
struct Called(&'static str, &'static str);

/// A login that works.
struct Ready {
    provider: Called,
    judge: judge::Open,
    page: Box<Page>,
    rule: Box<Rule>,
    path: String,
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedLogin")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SignInPage for Ready {
    fn provider(&self) -> &str {
        self.provider.0
    }

    fn display_name(&self) -> &str {
        self.provider.1
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn html(&self, form: &SignIn<'_>) -> String {
        (self.page)(form)
    }

    fn judge<'a>(&'a self, posted: PostedToken<'a>) -> InteractionFuture<'a, Judgement> {
        Box::pin(async move {
            let judged = self.judge.judge(posted.id_token, posted.nonce, posted.now);
            let (identity, until) = match judged.await {
                Ok(Ok(judged)) => judged,
                Ok(Err(reason)) => return Ok(Judgement::Refused(reason)),
                Err(unavailable) => {
                    tracing::warn!(%unavailable, "an ID token cannot be judged");
                    return Err(Unavailable::Fetch);
                }
            };
            if !(self.rule)(&identity) {
                let reason = "the rules of the operator do not let them in".to_owned();
                return Ok(Judgement::NotAllowed(reason));
            }
            Ok(Judgement::Known(identity.upstream(), until))
        })
    }
}
