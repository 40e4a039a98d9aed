//! The page of the link for the first account.

use askama::Template;
use countersign_oauth::Secret;
use countersign_oauth::form::Form;
use http::StatusCode;

use super::forgery::{Purpose, is_genuine, token};
use super::visit::{Visit, secret, value};
use crate::accounts::{AccountError, AccountName, Password};
use crate::audit::AuditEvent;
use crate::exchange::{Answer, Frame, Notice, page};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    token: &'a str,
    name: &'a str,
    name_problem: Option<String>,
    password_problem: Option<String>,
}

/// The new password `typed`, if the field `again` has it as well; nobody sees what
/// they type. A program that sends no such field has not mistyped it.
pub(super) fn typed_twice(form: &Form, typed: Secret, again: &str) -> Result<Password, String> {
    let repeated = value(form, again);
    let differs = repeated.is_some_and(|repeated| repeated != typed.reveal());
    let password = Password::new(typed).map_err(|error| sentence(&error))?;
    if differs {
        Err("The two passwords are not the same.".to_owned())
    } else {
        Ok(password)
    }
}

/// An error as a sentence.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).chain(['.']).collect()
}

/// What was wrong with what was typed.
#[derive(Debug, Default)]
struct Problems<'a> {
    name: &'a str,
    with_name: Option<String>,
    with_password: Option<String>,
}

impl Visit<'_> {
    fn setup_page(&self, link: &Secret, problems: Problems<'_>) -> Answer {
        let is_good = problems.with_name.is_none() && problems.with_password.is_none();
        let status = if is_good {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        let template = SetupPage {
            frame: self.people.frame(),
            forgery_token: token(&self.browser, Purpose::Setup(link)),
            token: link.reveal(),
            name: problems.name,
            name_problem: problems.with_name,
            password_problem: problems.with_password,
        };
        let mut answer = page(status, &template);
        self.remember_browser(&mut answer);
        answer
    }

    fn setup_is_over(&self) -> Answer {
        self.notice(StatusCode::GONE, Notice::SETUP_OVER)
    }

    /// `GET /setup`. It uses nothing up, so that a preview of the link is harmless.
    pub(super) async fn show_setup(&self) -> Result<Answer, Unavailable> {
        let query = self.incoming.query().unwrap_or_default();
        let link = Form::parse(query.as_bytes())
            .ok()
            .and_then(|form| secret(&form, "token"));
        match link {
            Some(link) if self.people.accounts.may_set_up(&link).await? => {
                Ok(self.setup_page(&link, Problems::default()))
            }
            _ => Ok(self.setup_is_over()),
        }
    }

    /// `POST /setup`.
    pub(super) async fn set_up(&self, server: &AuthorizationServer) -> Result<Answer, Unavailable> {
        let form = match self.form(&[]) {
            Ok(form) => form,
            Err(answer) => return Ok(*answer),
        };
        let Some(link) = secret(&form, "token") else {
            return Ok(self.setup_is_over());
        };
        let (purpose, sent) = (Purpose::Setup(&link), value(&form, "forgery_token"));
        let browser = self.known_browser();
        if !browser.is_some_and(|browser| is_genuine(browser, purpose, sent)) {
            return Ok(self.forged());
        }
        let accounts = &self.people.accounts;
        if !accounts.may_set_up(&link).await? {
            return Ok(self.setup_is_over());
        }
        let typed = value(&form, "name").unwrap_or_default();
        let password = secret(&form, "password").unwrap_or_else(|| Secret::new(""));
        let password = typed_twice(&form, password, "password_again");
        let (name, password) = match (AccountName::parse(typed), password) {
            (Ok(name), Ok(password)) => (name, password),
            (name, password) => {
                let problems = Problems {
                    name: typed,
                    with_name: name.err().map(|error| sentence(&error)),
                    with_password: password.err(),
                };
                return Ok(self.setup_page(&link, problems));
            }
        };
        let subject = match accounts.set_up(&link, &name, &password).await {
            Ok(subject) => subject,
            Err(AccountError::Unavailable(error)) => return Err(error),
            Err(_) => return Ok(self.setup_is_over()),
        };
        server
            .inner()
            .audit
            .note(AuditEvent::AccountCreated(subject.clone()));
        accounts.remember_browser(&self.browser, &subject).await?;
        let Some(account) = accounts.by_subject(&subject).await? else {
            return Ok(self.to("/login"));
        };
        let logged_in = accounts.begin_session(account, None, None).await?;
        let mut answer = self.to("/account");
        self.set_session(&mut answer, &logged_in);
        Ok(answer)
    }
}
