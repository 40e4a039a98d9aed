//! The login page.

use askama::Template;
use countersign_oauth::Secret;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::consent::Asked;
use super::forgery::{Purpose, is_genuine, token};
use super::present::Present;
use super::set_out::Trouble;
use super::visit::{Visit, secret, value};
use super::ways::Provider;
use super::who_asks::name_of;
use crate::accounts::{LoginAttempt, LoginOutcome};
use crate::audit::{AuditEvent, AuditReason};
use crate::client::Client;
use crate::exchange::{Answer, Frame, Notice, page};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// Why the page is shown again.
#[derive(Debug)]
enum Problem {
    Refused,
    Throttled {
        minutes: u64,
    },
    /// A form came after the login had ended.
    Ended,
    /// It cannot be done at a provider now.
    Trouble(Trouble),
}

/// What the login page shows.
#[derive(Debug, Default)]
pub(super) struct Shown<'a> {
    transaction: Option<&'a Secret>,
    client: Option<String>,
    name: &'a str,
    problem: Option<Problem>,
}

impl<'a> Shown<'a> {
    /// For the request of `client` that waits under `transaction`.
    pub(super) fn waiting(transaction: &'a Secret, client: &Client) -> Self {
        Self {
            transaction: Some(transaction),
            client: Some(name_of(client)),
            ..Self::default()
        }
    }

    /// Because the login has ended.
    pub(super) fn ended() -> Self {
        Self::default().and_ended()
    }

    /// As it is, and because the login has ended.
    pub(super) fn and_ended(mut self) -> Self {
        self.problem = Some(Problem::Ended);
        self
    }

    /// As it is, and because of `trouble` with a provider.
    pub(super) fn and_trouble(mut self, trouble: Trouble) -> Self {
        self.problem = Some(Problem::Trouble(trouble));
        self
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    transaction: Option<&'a str>,
    client: Option<&'a str>,
    name: &'a str,
    problem: Option<String>,
    providers: Vec<Provider<'a>>,
    has_local_accounts: bool,
}

impl Visit<'_> {
    pub(super) fn login_page(&self, shown: Shown<'_>) -> Answer {
        let mut wait = None;
        let (status, problem) = match shown.problem {
            None => (StatusCode::OK, None),
            Some(Problem::Refused) => (
                StatusCode::BAD_REQUEST,
                Some("The name or the password is wrong.".to_owned()),
            ),
            Some(Problem::Throttled { minutes }) => {
                wait = Some(minutes.saturating_mul(60));
                let unit = if minutes == 1 { "minute" } else { "minutes" };
                let sentence = format!("Too many attempts. Try again in {minutes} {unit}.");
                (StatusCode::TOO_MANY_REQUESTS, Some(sentence))
            }
            Some(Problem::Trouble(trouble)) => {
                wait = trouble.wait();
                (trouble.status, Some(trouble.sentence))
            }
            Some(Problem::Ended) => (
                StatusCode::FORBIDDEN,
                Some(
                    "Your login has ended, and nothing was changed. Log in again to go on."
                        .to_owned(),
                ),
            ),
        };
        let template = LoginPage {
            frame: self.people.frame(),
            forgery_token: token(&self.browser, Purpose::Login(shown.transaction)),
            transaction: shown.transaction.map(Secret::reveal),
            client: shown.client.as_deref(),
            name: shown.name,
            problem,
            providers: self.people.providers(),
            has_local_accounts: self.people.has_local_accounts(),
        };
        let mut answer = page(status, &template);
        if let Some(seconds) = wait {
            let seconds = HeaderValue::from(seconds);
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
        self.remember_browser(&mut answer);
        answer
    }

    /// `GET /login`.
    pub(super) async fn show_login(&self) -> Result<Answer, Unavailable> {
        Ok(match self.logged_in().await? {
            Some(_) => self.to("/account"),
            None => match &self.people.sign_in {
                Some(page) => self.to_sign_in(page.as_ref(), &self.account()),
                None => self.login_page(Shown::default()),
            },
        })
    }

    /// `POST /login`.
    pub(super) async fn log_in(&self, server: &AuthorizationServer) -> Result<Answer, Unavailable> {
        let form = match self.form(&[]) {
            Ok(form) => form,
            Err(answer) => return Ok(*answer),
        };
        let transaction = secret(&form, "transaction");
        let (purpose, sent) = (
            Purpose::Login(transaction.as_ref()),
            value(&form, "forgery_token"),
        );
        if !self
            .known_browser()
            .is_some_and(|browser| is_genuine(browser, purpose, sent))
        {
            return Ok(self.forged());
        }
        let waiting = match &transaction {
            None => None,
            Some(transaction) => match self.find_waiting(server, transaction).await? {
                Some(found) => Some((transaction, found)),
                None => return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::GONE)),
            },
        };
        let name = value(&form, "name").unwrap_or_default();
        let password = secret(&form, "password").unwrap_or_else(|| Secret::new(""));
        let mut attempt = LoginAttempt::new(name, &password);
        attempt.browser = self.known_browser();
        attempt.address = self.incoming.address;
        let outcome = self.people.accounts.log_in(attempt).await?;
        let audit = &server.inner().audit;
        let subject = match outcome {
            LoginOutcome::Subject(subject) => subject,
            refused => {
                let (problem, reason, detail) = self.problem(&refused);
                audit.note(AuditEvent::LoginRefused(reason, detail));
                let client = waiting.as_ref().map(|(_, (_, client))| name_of(client));
                return Ok(self.login_page(Shown {
                    transaction: transaction.as_ref(),
                    client,
                    name,
                    problem: Some(problem),
                }));
            }
        };
        let Some(account) = self.people.accounts.by_subject(&subject).await? else {
            return Ok(self.forged());
        };
        if let Some(before) = self.session() {
            self.people.accounts.end_session(before).await?;
        }
        let logged_in = self
            .people
            .accounts
            .begin_session(account, None, None)
            .await?;
        audit.note(AuditEvent::LoggedIn(subject));
        let mut answer = match waiting {
            None => self.to("/account"),
            Some((transaction, (pending, client))) => {
                let asked = Asked {
                    transaction,
                    pending: &pending,
                    client: &client,
                };
                self.consent_page(&Present::from(&logged_in), asked)
            }
        };
        self.set_session(&mut answer, &logged_in);
        Ok(answer)
    }

    fn problem(&self, outcome: &LoginOutcome) -> (Problem, AuditReason, &'static str) {
        match outcome {
            LoginOutcome::Throttled(until) => {
                let seconds = until.since(self.people.accounts.now()).as_secs();
                let minutes = seconds.div_ceil(60).max(1);
                (
                    Problem::Throttled { minutes },
                    AuditReason::RateLimited,
                    "too many attempts",
                )
            }
            LoginOutcome::Refused | LoginOutcome::Subject(_) => (
                Problem::Refused,
                AuditReason::WrongPassword,
                "the name or the password is wrong",
            ),
        }
    }
}
