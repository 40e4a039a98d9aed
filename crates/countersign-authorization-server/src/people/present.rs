//! Who is in front of the browser, whichever way they logged in.

use countersign_oauth::Secret;
use http::{Method, StatusCode};

use super::visit::Visit;
use crate::accounts::LoggedIn;
use crate::exchange::{Answer, Notice, see_other};
use crate::login::{Freshness, LoginStep, Visitor};
use crate::unavailable::Unavailable;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) subject: String,
    pub(super) name: String,
    /// What the forms of the account page are bound to.
    pub(super) forms: Secret,
    /// The provider where they logged in, if it was not here.
    pub(super) via: Option<String>,
    /// Whether they can change a password here.
    pub(super) has_password: bool,
}

/// Whether somebody is.
pub(super) enum Presence {
    Known(Present),
    /// Nobody, and our login page would find out who it is.
    Nobody,
    /// Nobody, and a login page elsewhere would, to which this leads.
    Elsewhere(Answer),
    /// Somebody who gets nothing.
    Refused,
}

impl From<&LoggedIn> for Present {
    fn from(logged_in: &LoggedIn) -> Self {
        Self {
            subject: logged_in.account.subject.clone(),
            name: logged_in.account.name().to_owned(),
            forms: logged_in.session.clone(),
            via: logged_in.via.clone(),
            has_password: logged_in.account.has_password(),
        }
    }
}

impl Visit<'_> {
    /// Who is logged in. A login elsewhere leads back to this request, if it is a GET,
    /// and else to the account page.
    pub(super) async fn presence(&self, freshness: Freshness) -> Result<Presence, Unavailable> {
        let Some(login) = &self.people.login else {
            let logged_in = match freshness {
                Freshness::Any => self.logged_in().await?,
                Freshness::Anew => None,
            };
            return Ok(match (&logged_in, &self.people.sign_in) {
                (Some(logged_in), _) => Presence::Known(logged_in.into()),
                (None, None) => Presence::Nobody,
                (None, Some(page)) => {
                    Presence::Elsewhere(self.to_sign_in(page.as_ref(), &self.return_to()))
                }
            });
        };
        let return_to = self.return_to();
        let visitor = Visitor {
            incoming: self.incoming,
            freshness,
            return_to: &return_to,
        };
        Ok(match login.log_in(visitor).await? {
            LoginStep::Known(person) => Presence::Known(Present {
                subject: person.subject,
                name: person.name,
                forms: self.browser.clone(),
                via: None,
                has_password: false,
            }),
            LoginStep::GoTo(address) => Presence::Elsewhere(see_other(&address)),
            LoginStep::Refuse => Presence::Refused,
        })
    }

    /// Where the account page is in this site.
    pub(super) fn account(&self) -> String {
        format!("{}/account", self.people.base)
    }

    /// The address of this request without the wish to log in again, which will have
    /// been fulfilled by then.
    fn return_to(&self) -> String {
        let uri = &self.incoming.uri;
        if self.incoming.method != Method::GET {
            return self.account();
        }
        let parameters = uri.query().unwrap_or_default().split('&');
        let kept: Vec<&str> = parameters
            .filter(|parameter| !parameter.starts_with("prompt="))
            .collect();
        match kept.join("&") {
            query if query.is_empty() => uri.path().to_owned(),
            query => format!("{}?{query}", uri.path()),
        }
    }

    /// For whom nothing can be done here.
    pub(super) fn nothing_here(&self) -> Answer {
        self.notice(StatusCode::NOT_FOUND, Notice::REFUSED)
    }
}
