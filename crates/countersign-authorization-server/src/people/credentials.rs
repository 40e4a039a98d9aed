//! Changing the password, and logging out.

use countersign_oauth::Secret;
use http::StatusCode;

use super::account::Said;
use super::present::Present;
use super::setup::{sentence, typed_twice};
use super::visit::{Posted, Visit, secret, value};
use crate::accounts::{AccountError, LoginOutcome};
use crate::audit::{AuditEvent, AuditReason};
use crate::exchange::Answer;
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

impl Visit<'_> {
    /// `POST /account/password`. Every login of the account ends, and this browser
    /// gets a new one.
    pub(super) async fn change_password(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let Posted { form, present } = match self.account_form().await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(*answer),
        };
        if !present.has_password {
            return Ok(self.forged());
        }
        let read = |name| secret(&form, name).unwrap_or_else(|| Secret::new(""));
        let (current, new) = (read("current_password"), read("new_password"));
        let refused = |reason, detail| {
            let event = AuditEvent::LoginRefused(reason, detail);
            server.inner().audit.note(event);
        };
        let accounts = &self.people.accounts;
        let subject = present.subject.as_str();
        let (status, problem) = match typed_twice(&form, new, "new_password_again") {
            Err(problem) => (StatusCode::BAD_REQUEST, problem),
            Ok(new) => {
                let session = &present.forms;
                match accounts
                    .change_password(subject, &current, &new, session)
                    .await
                {
                    Ok(LoginOutcome::Subject(_)) => {
                        return self.after_change(server, subject).await;
                    }
                    Ok(LoginOutcome::Refused) => {
                        refused(AuditReason::WrongPassword, "the current password is wrong");
                        let said = "The current password is wrong.";
                        (StatusCode::BAD_REQUEST, said.to_owned())
                    }
                    Ok(LoginOutcome::Throttled(_)) => {
                        refused(AuditReason::RateLimited, "too many attempts");
                        let sentence = "Too many attempts. Try again in some minutes.";
                        (StatusCode::TOO_MANY_REQUESTS, sentence.to_owned())
                    }
                    Err(AccountError::Unavailable(error)) => return Err(error),
                    Err(error) => (StatusCode::CONFLICT, sentence(&error)),
                }
            }
        };
        let said = Said {
            status,
            problem: Some(&problem),
            ..Said::default()
        };
        self.account_page(server, &present, said).await
    }

    async fn after_change(
        &self,
        server: &AuthorizationServer,
        subject: &str,
    ) -> Result<Answer, Unavailable> {
        let accounts = &self.people.accounts;
        let event = AuditEvent::PasswordChanged(subject.to_owned());
        server.inner().audit.note(event);
        let Some(account) = accounts.by_subject(subject).await? else {
            return Ok(self.to("/login"));
        };
        let logged_in = accounts.begin_session(account, None, None).await?;
        let said = Said::news("Your password was changed. All other browsers were logged out.");
        let mut answer = self
            .account_page(server, &Present::from(&logged_in), said)
            .await?;
        self.set_session(&mut answer, &logged_in);
        Ok(answer)
    }

    /// `POST /logout`: of this browser, or with `everywhere` of all of them.
    pub(super) async fn log_out(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let Posted { form, present } = match self.account_form().await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(*answer),
        };
        let accounts = &self.people.accounts;
        if value(&form, "everywhere").is_some() {
            let subject = present.subject.as_str();
            accounts.end_sessions(subject, false).await?;
        } else {
            accounts.end_session(&present.forms).await?;
        }
        let event = AuditEvent::LoggedOut(present.subject);
        server.inner().audit.note(event);
        let mut answer = self.to("/logout");
        self.clear_session(&mut answer);
        Ok(answer)
    }
}
