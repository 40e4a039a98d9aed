//! The page of the application on which people sign in elsewhere, and what it posts.
//!
//! `GET` gives the page to a browser and, if it has none, the cookie that tells browsers
//! apart. `POST` takes the ID token if the page of that browser sends it, for the request
//! that waits (RFC 6749 §10.12): the field `forgery_token` is bound to the cookie and to
//! where to go on, and so is the nonce. Whoever it proves has an account here and is
//! logged in as after any other login; consent is asked where the browser is led on to.

use std::sync::Arc;

use countersign_oauth::form::{Form, encode};
use countersign_oauth::{Secret, UnixTime};
use countersign_resource_server::ConfigurationError;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;

use super::People;
use super::arrive::KeptOut;
use super::forgery::{Purpose, is_genuine, token};
use super::routes::is_own_page;
use super::same_origin;
use super::visit::{Visit, secret, value};
use crate::audit::{AuditEvent, AuditReason};
use crate::authorize::Welcome;
use crate::exchange::{Answer, Notice, plain, see_other};
use crate::server::AuthorizationServer;
use crate::sign_in::{Judgement, PostedToken, SignIn, SignInPage};
use crate::unavailable::Unavailable;
use crate::upstream::{UpstreamIdentity, is_provider_name};

const FAILED: &str = "That did not work. Please sign in again.";

impl People {
    /// Lets people sign in on `page`, instead of with accounts of this server that have
    /// passwords.
    #[must_use]
    pub fn sign_in_page(mut self, page: impl SignInPage) -> Self {
        self.sign_in = Some(Arc::new(page));
        self
    }

    /// Whether people sign in on a page of the application.
    pub(crate) fn has_sign_in_page(&self) -> bool {
        self.sign_in.is_some()
    }

    /// Where the page is, if there is one; refused is what cannot be told from other
    /// pages, or from other providers.
    pub(crate) fn check_sign_in(&self) -> Result<Option<String>, ConfigurationError> {
        let Some(page) = self.sign_in.as_deref() else {
            return Ok(None);
        };
        let (provider, path) = (page.provider(), page.path());
        if !is_provider_name(provider) {
            return Err(ConfigurationError::new(format!(
                "the provider of the sign-in page is called `{}`: its name must have 1 to 32 \
                 small letters, digits and hyphens",
                provider.escape_default()
            )));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if !path.starts_with('/') || path.len() > 128 || !path.bytes().all(fits) {
            return Err(ConfigurationError::new(format!(
                "the sign-in page is to be at `{}`: say a path such as /sign-in",
                path.escape_default()
            )));
        }
        if is_own_page(path) {
            return Err(ConfigurationError::new(format!(
                "the sign-in page is to be at `{path}`, where another page is: say another path"
            )));
        }
        Ok(Some(format!("{}{path}", self.base)))
    }

    /// The page, if `path` is where it is.
    pub(super) fn sign_in_at(&self, path: &str) -> Option<&dyn SignInPage> {
        self.sign_in.as_deref().filter(|page| page.path() == path)
    }

    /// Whether whoever logged in at `provider` did so on the page.
    pub(super) fn signs_in(&self, provider: &str) -> bool {
        let page = self.sign_in.as_deref();
        page.is_some_and(|page| page.provider() == provider)
    }
}

impl Visit<'_> {
    /// Leads to `page`, and from there to `return_to`.
    pub(super) fn to_sign_in(&self, page: &dyn SignInPage, return_to: &str) -> Answer {
        let (base, path, return_to) = (&self.people.base, page.path(), encode(return_to));
        see_other(&format!("{base}{path}?return_to={return_to}"))
    }

    /// `GET` of the page.
    pub(super) fn show_sign_in(&self, page: &dyn SignInPage) -> Answer {
        match self.goes_on_to() {
            Some(return_to) => self.sign_in_form(page, &return_to, None),
            None => self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED),
        }
    }

    /// Where in this site the browser goes on to: never in another one.
    fn goes_on_to(&self) -> Option<String> {
        let query = self.incoming.query().unwrap_or_default();
        let form = Form::parse(query.as_bytes()).ok()?;
        // RFC 6750 §5.3: what is in an address is in histories and logs.
        if form.sent("id_token") != Ok(None) {
            return None;
        }
        let address = form.one("return_to").ok()??;
        let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic());
        let is_inside = address.starts_with('/') && !address.starts_with("//");
        (is_plain && is_inside && !address.contains('\\')).then(|| address.to_owned())
    }

    fn sign_in_form(
        &self,
        page: &dyn SignInPage,
        return_to: &str,
        trouble: Option<&str>,
    ) -> Answer {
        let (base, path) = (&self.people.base, page.path());
        let html = page.html(&SignIn {
            action: &format!("{base}{path}?return_to={}", encode(return_to)),
            forgery_token: &token(&self.browser, Purpose::SignIn(return_to)),
            nonce: &token(&self.browser, Purpose::SignInNonce(return_to)),
            trouble,
        });
        let status = match trouble {
            None => StatusCode::OK,
            Some(_) => StatusCode::FORBIDDEN,
        };
        let mut answer = plain(status, "");
        *answer.body_mut() = Full::new(html.into());
        let headers: [(HeaderName, &'static str); 4] = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            // Without any, browsers would keep back the origin of the form too.
            (REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("x-frame-options"), "DENY"),
            // Which scripts may run is said by the page.
            (
                CONTENT_SECURITY_POLICY,
                "frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
            ),
        ];
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            answer.headers_mut().insert(name, value);
        }
        self.remember_browser(&mut answer);
        answer
    }

    /// `POST` of the page.
    pub(super) async fn sign_in(
        &self,
        page: &dyn SignInPage,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let malformed = || Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED));
        let Some(return_to) = self.goes_on_to() else {
            return malformed();
        };
        if !same_origin::allows(&self.incoming.headers, &self.people.origin) {
            return Ok(self.forged());
        }
        // The only thing in the target is where to go on.
        let incoming = self.incoming;
        let form = match Form::parse_post(incoming.content_type(), None, &incoming.body) {
            Ok(form) if !form.has_repeated(&[]) => form,
            _ => return malformed(),
        };
        let (purpose, sent) = (Purpose::SignIn(&return_to), value(&form, "forgery_token"));
        let is_ours = |browser| is_genuine(browser, purpose, sent);
        if !self.known_browser().is_some_and(is_ours) {
            return Ok(self.sign_in_form(page, &return_to, Some(FAILED)));
        }
        let inner = server.inner();
        let id_token = secret(&form, "id_token").unwrap_or_else(|| Secret::new(""));
        let nonce = Secret::new(token(&self.browser, Purpose::SignInNonce(&return_to)));
        let posted = PostedToken {
            id_token: &id_token,
            nonce: &nonce,
            now: inner.now(),
        };
        let (reason, detail) = match page.judge(posted).await? {
            Judgement::Known(identity, until) => {
                let signed_in = SignedIn {
                    identity: &identity,
                    until,
                };
                return self.welcome(page, server, signed_in, &return_to).await;
            }
            Judgement::NotAllowed(detail) => (AuditReason::NotAllowed, detail),
            Judgement::Refused(detail) => (AuditReason::NotProven, detail),
        };
        let event = AuditEvent::UpstreamRefused(page.provider().to_owned(), reason, detail);
        inner.audit.note(event);
        Ok(self.sign_in_form(page, &return_to, Some(FAILED)))
    }

    /// Logs the browser in, and leads it on to `return_to`.
    async fn welcome(
        &self,
        page: &dyn SignInPage,
        server: &AuthorizationServer,
        signed_in: SignedIn<'_>,
        return_to: &str,
    ) -> Result<Answer, Unavailable> {
        let (inner, accounts) = (server.inner(), &self.people.accounts);
        let provider = page.provider();
        let identity = signed_in.identity;
        let welcome = inner.welcome_to_account(accounts, provider, identity);
        let arriving = match welcome.await? {
            Welcome::In(arriving, _) => arriving,
            Welcome::Disabled | Welcome::Gone => {
                let said = "the account is disabled".to_owned();
                let event = AuditEvent::UpstreamRefused(
                    provider.to_owned(),
                    AuditReason::DisabledAccount,
                    said,
                );
                inner.audit.note(event);
                return Ok(self.kept_out_page(page.display_name(), KeptOut::Disabled, None));
            }
        };
        if let Some(before) = self.session() {
            accounts.end_session(before).await?;
        }
        let account = arriving.account;
        let subject = account.subject.clone();
        let until = Some(signed_in.until);
        let logged_in = accounts.begin_session(account, Some(provider), until);
        let logged_in = logged_in.await?;
        let event = AuditEvent::LoggedInUpstream(provider.to_owned(), subject);
        inner.audit.note(event);
        let mut answer = see_other(return_to);
        self.set_session(&mut answer, &logged_in);
        Ok(answer)
    }
}

/// Somebody who is known by an ID token that ends.
#[derive(Clone, Copy)]
struct SignedIn<'a> {
    identity: &'a UpstreamIdentity,
    until: UnixTime,
}
