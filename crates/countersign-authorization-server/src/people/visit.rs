//! One request of a browser: its cookies, and what is checked before a form is read.

use countersign_oauth::Secret;
use countersign_oauth::form::Form;
use http::StatusCode;
use http::header::ALLOW;

use super::forgery::{Purpose, is_genuine};
use super::login::Shown;
use super::present::{Presence, Present};
use super::{People, cookies, same_origin};
use crate::accounts::LoggedIn;
use crate::exchange::{Answer, Incoming, Notice, method_not_allowed, see_other};
use crate::login::Freshness;
use crate::random::draw_secret;
use crate::unavailable::Unavailable;

/// A request, and the browser it comes from.
pub(super) struct Visit<'a> {
    pub(super) people: &'a People,
    pub(super) incoming: &'a Incoming,
    /// The cookie that tells browsers apart; drawn if there was none.
    pub(super) browser: Secret,
    browser_is_new: bool,
    session: Option<Secret>,
}

/// A form of the account page that whoever is logged in sent.
pub(super) struct Posted {
    pub(super) form: Form,
    pub(super) present: Present,
}

impl<'a> Visit<'a> {
    pub(super) fn new(people: &'a People, incoming: &'a Incoming) -> Result<Self, Unavailable> {
        let sent = cookies::read(&incoming.headers, &people.cookies.browser);
        let browser_is_new = sent.is_none();
        let browser = match sent {
            Some(browser) => browser,
            None => draw_secret(people.accounts.random_source())?,
        };
        let session = cookies::read(&incoming.headers, &people.cookies.session);
        Ok(Self {
            people,
            incoming,
            browser,
            browser_is_new,
            session,
        })
    }

    /// The browser, if it was seen before.
    pub(super) fn known_browser(&self) -> Option<&Secret> {
        (!self.browser_is_new).then_some(&self.browser)
    }

    /// The cookie of a login, valid or not.
    pub(super) const fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }

    /// Who is logged in with an account of this server, in a way that is still offered.
    pub(super) async fn logged_in(&self) -> Result<Option<LoggedIn>, Unavailable> {
        let Some(session) = &self.session else {
            return Ok(None);
        };
        let logged_in = self.people.accounts.logged_in(session).await?;
        let is_offered = |logged_in: &LoggedIn| match &logged_in.via {
            Some(via) => self.people.upstream(via).is_some() || self.people.signs_in(via),
            None => self.people.has_local_accounts(),
        };
        Ok(logged_in.filter(is_offered))
    }

    /// The form that was posted, if a page of this server posted it; `repeatable` are
    /// the parameters that may be repeated.
    pub(super) fn form(&self, repeatable: &[&str]) -> Result<Form, Box<Answer>> {
        let incoming = self.incoming;
        if !same_origin::allows(&incoming.headers, &self.people.origin) {
            return Err(Box::new(self.forged()));
        }
        let form = Form::parse_post(incoming.content_type(), incoming.query(), &incoming.body);
        match form {
            Ok(form) if !form.has_repeated(repeatable) => Ok(form),
            _ => Err(Box::new(
                self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED),
            )),
        }
    }

    /// The form that was posted on the account page, and who posted it.
    pub(super) async fn account_form(&self) -> Result<Result<Posted, Box<Answer>>, Unavailable> {
        self.account_form_with(&[]).await
    }

    /// The same; `repeatable` are the parameters that may be repeated.
    pub(super) async fn account_form_with(
        &self,
        repeatable: &[&str],
    ) -> Result<Result<Posted, Box<Answer>>, Unavailable> {
        let form = match self.form(repeatable) {
            Ok(form) => form,
            Err(answer) => return Ok(Err(answer)),
        };
        let present = match self.presence(Freshness::Any).await? {
            Presence::Known(present) => present,
            Presence::Nobody => return Ok(Err(Box::new(self.login_page(Shown::ended())))),
            Presence::Elsewhere(answer) => return Ok(Err(Box::new(answer))),
            Presence::Refused => return Ok(Err(Box::new(self.nothing_here()))),
        };
        let (purpose, sent) = (
            Purpose::Account(&present.subject),
            value(&form, "forgery_token"),
        );
        // Without a cookie of its own it was no page of ours.
        if self.browser_is_new || !is_genuine(&present.forms, purpose, sent) {
            return Ok(Err(Box::new(self.forged())));
        }
        Ok(Ok(Posted { form, present }))
    }

    pub(super) fn wrong_method(&self, allow: &'static str) -> Answer {
        let mut answer = method_not_allowed(allow);
        if self.incoming.accepts_html() {
            let headers = std::mem::take(answer.headers_mut());
            answer = self.notice(StatusCode::METHOD_NOT_ALLOWED, Notice::WRONG_METHOD);
            answer
                .headers_mut()
                .extend(headers.get(ALLOW).map(|value| (ALLOW, value.clone())));
        }
        answer
    }

    pub(super) fn forged(&self) -> Answer {
        self.notice(StatusCode::FORBIDDEN, Notice::FORGED)
    }

    pub(super) fn notice(&self, status: StatusCode, text: Notice) -> Answer {
        self.people.notice(status, text)
    }

    /// Sends the browser to one of our pages.
    pub(super) fn to(&self, page: &str) -> Answer {
        see_other(&format!("{}{page}", self.people.address))
    }

    /// Gives the browser its cookie, if it had none.
    pub(super) fn remember_browser(&self, answer: &mut Answer) {
        if self.browser_is_new {
            let (cookies, age) = (&self.people.cookies, self.people.accounts.device_lifetime());
            cookies.set(answer, &cookies.browser, &self.browser, Some(age));
        }
    }

    /// Logs the browser in with `logged_in`.
    pub(super) fn set_session(&self, answer: &mut Answer, logged_in: &LoggedIn) {
        let cookies = &self.people.cookies;
        cookies.set(answer, &cookies.session, &logged_in.session, None);
    }

    pub(super) fn clear_session(&self, answer: &mut Answer) {
        let cookies = &self.people.cookies;
        cookies.clear(answer, &cookies.session);
    }
}

/// The value of a parameter that is not repeated; the form was checked for that.
pub(super) fn value<'f>(form: &'f Form, name: &str) -> Option<&'f str> {
    form.one(name).ok().flatten()
}

/// As [`value`], for what must not be seen.
pub(super) fn secret(form: &Form, name: &str) -> Option<Secret> {
    value(form, name).map(Secret::new)
}
