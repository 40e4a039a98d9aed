//! Pages for people: login, consent, the account, and the first account.
//!
//! RFC 6749 §3.1 and §10.11 to §10.13, OAuth 2.1 §7.3, §7.10 and §7.11. Everything is
//! rendered here, without scripts. [`People`] is the [`Interaction`] that shows these
//! pages; whoever wants others implements that trait.
//!
//! | path | what it does | file |
//! |---|---|---|
//! | `/login` | asks for a name and a password, or where else to log in | `login.rs` |
//! | `/login/with` | takes that choice | `ways.rs` |
//! | `/consent` | takes the answer to a request that waits | `consent.rs`, `consent_via.rs`, `hand_over.rs` |
//! | `/callback/NAME` | where the provider NAME sends people back to | `callback.rs`, `once.rs`, `arrive.rs` |
//! | `/account`, `/account/revoke`, `/account/revoke-all` | what is connected, and ending it | `account.rs` |
//! | `/account/keys`, `/account/keys/rotate`, `/account/keys/revoke` | API keys, if people may make some | `api_keys.rs` |
//! | `/account/password`, `/logout` | the login itself | `credentials.rs`, `logged_out.rs` |
//! | `/setup` | makes the first account | `setup.rs` |
//! | `/sign-in`, or wherever it is | the page of the application that posts an ID token | `sign_in.rs` |
//!
//! Who logs in at an upstream provider is asked for consent first, and sent there from
//! the answer to it (`set_out.rs`); what comes back counts in that browser alone, once.
//!
//! A request that changes something comes from this origin (`same_origin.rs`), with a
//! token that is bound to the cookie of the browser and to what is answered
//! (`forgery.rs`), and is a POST. Consent is asked each time, whoever the client is;
//! nothing is remembered, so there is nothing to misuse.

mod account;
mod api_keys;
mod arrive;
mod calendar;
mod callback;
mod consent;
mod consent_via;
mod cookies;
mod credentials;
mod forgery;
mod hand_over;
mod html;
mod logged_out;
mod login;
mod once;
mod present;
mod routes;
mod same_origin;
mod scopes;
mod set_out;
mod setup;
mod sign_in;
mod visit;
mod ways;
mod who_asks;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_oauth::authorization_request::{Prompt, RequestRefusal};
use countersign_oauth::server_metadata::issuer_path;
use countersign_oauth::{ClientId, Secret};
use http::{Method, StatusCode};

use crate::accounts::{Account, Accounts};
use crate::audit::{AuditEvent, AuditTrail};
use crate::exchange::{Answer, Incoming, MAX_TARGET_BYTES, Notice, see_other};
use crate::interaction::{Interaction, InteractionFuture, Step, Waiting};
use crate::login::{DynLogin, Freshness, Login};
use crate::server::AuthorizationServer;
use crate::settings::{Lifetimes, Settings};
use crate::sign_in::SignInPage;
use crate::unavailable::Unavailable;
use crate::upstream::Upstream;
use consent::Asked;
use cookies::CookieNames;
use present::Presence;
use scopes::ScopeText;
use visit::Visit;
pub(crate) use ways::LocalAccounts;

/// Login with local accounts, and consent, on pages of this server.
#[derive(Clone, Debug)]
pub struct People {
    accounts: Accounts,
    /// Who logs people in instead of the accounts.
    login: Option<Arc<dyn DynLogin>>,
    /// A page of the application on which people sign in, instead of a login here.
    sign_in: Option<Arc<dyn SignInPage>>,
    /// The providers elsewhere at which people can log in.
    upstreams: Vec<Upstream>,
    local_accounts: LocalAccounts,
    name: String,
    scopes: BTreeMap<String, ScopeText>,
    introduction: Option<String>,
    /// What stands before the paths of the pages.
    base: String,
    /// The absolute address of the pages.
    address: String,
    /// As browsers send it in `Origin`.
    origin: String,
    cookies: CookieNames,
    lifetimes: Lifetimes,
    /// Whether people may make API keys.
    has_api_keys: bool,
}

impl People {
    /// Pages for `accounts` on the server with `settings`; the prefix, the issuer, the
    /// name of the service and the lifetimes are those of the server and must be final.
    ///
    /// # Security
    ///
    /// Cookies are `__Host-` cookies, which need `https`. If the issuer is `http`,
    /// which is accepted on loopback alone, they are cookies named
    /// `countersign-development-…` without that protection: any program that this
    /// machine serves on any port gets and sets them. For development.
    pub fn new(accounts: Accounts, settings: &Settings) -> Self {
        let path = issuer_path(&settings.issuer);
        let issuer = settings.issuer.as_str();
        let whole = issuer.strip_suffix('/').unwrap_or(issuer);
        let origin = whole.strip_suffix(path).unwrap_or(whole);
        let cookies = CookieNames::of(origin);
        if !cookies.are_protected() {
            tracing::warn!(
                %origin,
                "login cookies are not protected on http: for development alone"
            );
        }
        Self {
            accounts,
            login: None,
            sign_in: None,
            upstreams: Vec::new(),
            local_accounts: LocalAccounts::Offered,
            name: settings.display_name().to_owned(),
            scopes: BTreeMap::new(),
            introduction: None,
            base: format!("{path}{}", settings.prefix),
            address: settings.address(""),
            origin: origin.to_owned(),
            cookies,
            lifetimes: settings.lifetimes,
            has_api_keys: settings.api_keys.personal.is_some(),
        }
    }

    /// Says on the consent page what `scope` permits, such as "Read your notes". It
    /// cannot be left out.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>, sentence: impl Into<String>) -> Self {
        let text = ScopeText::required(sentence.into());
        self.scopes.insert(scope.into(), text);
        self
    }

    /// As [`People::scope`], but the person decides whether to allow it.
    #[must_use]
    pub fn optional_scope(mut self, scope: impl Into<String>, sentence: impl Into<String>) -> Self {
        let text = ScopeText::optional(sentence.into());
        self.scopes.insert(scope.into(), text);
        self
    }

    /// Lets `login` find out who is in front of the browser, instead of the accounts of
    /// this server: there are no login page, no passwords and no first account then.
    #[must_use]
    pub fn login(mut self, login: impl Login) -> Self {
        self.login = Some(Arc::new(login));
        self
    }

    /// Adds a paragraph of your own to the consent page, as plain text.
    #[must_use]
    pub fn introduction(mut self, text: impl Into<String>) -> Self {
        self.introduction = Some(text.into());
        self
    }

    /// The accounts.
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// A new link with which the first account is made; nothing if there is an
    /// account, or if people log in elsewhere alone. It works once, for as long as
    /// [`AccountLifetimes::setup_link`](crate::accounts::AccountLifetimes::setup_link)
    /// says.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    ///
    /// # Security
    ///
    /// Whoever has the link owns the server. Show it to the operator alone.
    pub async fn setup_link(&self) -> Result<Option<Secret>, Unavailable> {
        if !self.has_local_accounts() {
            return Ok(None);
        }
        let token = self.accounts.setup_token().await?;
        Ok(token.map(|token| {
            let address = &self.address;
            Secret::new(format!("{address}/setup?token={}", token.reveal()))
        }))
    }

    async fn begin_waiting(&self, waiting: Waiting<'_>) -> Result<Step, Unavailable> {
        if let Some(again) = self.as_get(waiting.incoming) {
            return Ok(Step::Show(again));
        }
        let visit = Visit::new(self, waiting.incoming)?;
        let prompts = waiting.authorization.prompts;
        let again = prompts.contains(Prompt::Login) || prompts.contains(Prompt::SelectAccount);
        let freshness = if again {
            Freshness::Anew
        } else {
            Freshness::Any
        };
        let presence = visit.presence(freshness).await?;
        if prompts.contains(Prompt::None) {
            return Ok(Step::Refuse(match presence {
                Presence::Nobody | Presence::Elsewhere(_) => RequestRefusal::LoginNeeded,
                Presence::Known(_) => RequestRefusal::ConsentNeeded,
                Presence::Refused => RequestRefusal::Denied,
            }));
        }
        let asked = Asked {
            transaction: waiting.transaction,
            pending: waiting.authorization,
            client: waiting.client,
        };
        Ok(match presence {
            Presence::Known(present) => Step::Show(visit.ask(&present, asked)),
            Presence::Nobody => Step::Show(visit.ask_who(asked)),
            Presence::Elsewhere(answer) => Step::Show(answer),
            Presence::Refused => Step::Refuse(RequestRefusal::Denied),
        })
    }

    /// Browsers keep `SameSite=Lax` cookies back from the forms of other sites, so a
    /// request that is posted is sent again as a GET, which brings them.
    fn as_get(&self, incoming: &Incoming) -> Option<Answer> {
        let query = std::str::from_utf8(&incoming.body).ok()?;
        let fits =
            query.len() < MAX_TARGET_BYTES / 2 && query.bytes().all(|b| b.is_ascii_graphic());
        (incoming.method == Method::POST && fits)
            .then(|| see_other(&format!("{}/authorize?{query}", self.address)))
    }
}

impl Interaction for People {
    fn accounts(&self) -> Option<&Accounts> {
        Some(&self.accounts)
    }

    fn paths(&self) -> Vec<String> {
        self.pages()
    }

    fn begin<'a>(&'a self, waiting: Waiting<'a>) -> InteractionFuture<'a, Step> {
        Box::pin(self.begin_waiting(waiting))
    }

    fn respond<'a>(
        &'a self,
        incoming: &'a Incoming,
        server: &'a AuthorizationServer,
    ) -> InteractionFuture<'a, Option<Answer>> {
        Box::pin(async move {
            Ok(match self.route(incoming, server).await {
                Ok(answer) => {
                    // Each of these statuses has one meaning on our pages.
                    let event = match answer.as_ref().map(Answer::status) {
                        // More is known about some of them.
                        _ if AuditTrail::has_noted() => None,
                        Some(StatusCode::FORBIDDEN) => Some(AuditEvent::FormRefused),
                        Some(StatusCode::GONE) => Some(AuditEvent::SetupRefused),
                        _ => None,
                    };
                    if let Some(event) = event {
                        server.inner().audit.note(event);
                    }
                    answer
                }
                Err(error) => {
                    let event = AuditEvent::Unavailable(error.to_string());
                    server.inner().audit.note(event);
                    Some(self.notice(StatusCode::SERVICE_UNAVAILABLE, Notice::BUSY))
                }
            })
        })
    }

    fn still_allows<'a>(
        &'a self,
        subject: &'a str,
        client: &'a ClientId,
    ) -> InteractionFuture<'a, bool> {
        Box::pin(async move {
            if let Some(login) = &self.login {
                return login.still_allows(subject, client).await;
            }
            let account = self.accounts.by_subject(subject).await?;
            let may = |account: Account| account.is_enabled() && self.lets_in(&account);
            Ok(account.is_some_and(may))
        })
    }
}
