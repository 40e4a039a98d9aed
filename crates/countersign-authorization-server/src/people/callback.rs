//! Where a provider sends people back to: RFC 6749 §4.1.2, §10.12, RFC 9207 §2.4.
//!
//! | order | check | if it fails |
//! |---|---|---|
//! | 1 | no parameter is repeated; one `state`; a code or an error, and not both | 400 |
//! | 2 | an attempt with this `state` is under way | 400 |
//! | 3 | it is one at this provider | 403 |
//! | 4 | this browser has its cookie, which it got when it consented | 403 |
//! | 5 | `iss`, if there is one or has to be, is that of the provider | 403 |
//! | 6 | the attempt ends now, and not before | 400 |
//!
//! What fails at 2 or 6 because the same browser sent the same a moment ago gets the same
//! answer (`once.rs`).
//!
//! Only then is anything sent to the provider. What fails before is a page of fixed
//! sentences: nothing of the request is on it, and nothing was used up, so that whoever
//! the attempt belongs to can still finish it.

use countersign_oauth::Secret;
use countersign_oauth::form::Form;
use http::StatusCode;

use super::visit::{Visit, value};
use crate::audit::{AuditEvent, AuditReason};
use crate::authorize::{Attempt, AttemptFor, Returned};
use crate::exchange::{Answer, Notice, retry_after};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::upstream::{Upstream, UpstreamError};

/// What a provider answers.
pub(super) enum ProviderAnswer {
    /// A code.
    Code(Secret),
    /// An error, and what the provider says about it.
    Error(String, Option<String>),
}

/// Why somebody who comes back is not let through.
#[derive(Clone, Copy)]
pub(super) enum CallbackRefusal {
    Malformed,
    Over,
    OtherProvider,
    OtherBrowser,
    OtherIssuer,
}

impl CallbackRefusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Over => StatusCode::BAD_REQUEST,
            Self::OtherProvider | Self::OtherBrowser | Self::OtherIssuer => StatusCode::FORBIDDEN,
        }
    }

    const fn notice(self) -> Notice {
        match self {
            Self::Malformed => Notice::CALLBACK_MALFORMED,
            Self::Over => Notice::CALLBACK_OVER,
            Self::OtherBrowser => Notice::CALLBACK_ELSEWHERE,
            Self::OtherProvider | Self::OtherIssuer => Notice::CALLBACK_FOREIGN,
        }
    }

    /// For the audit log.
    const fn reason(self) -> (AuditReason, &'static str) {
        match self {
            Self::Malformed => (AuditReason::MalformedCallback, "the answer is malformed"),
            Self::Over => (
                AuditReason::UnknownState,
                "the state is unknown, expired or used",
            ),
            Self::OtherProvider => (
                AuditReason::OtherProvider,
                "the state belongs to another provider",
            ),
            Self::OtherBrowser => (
                AuditReason::OtherBrowser,
                "the state belongs to another browser",
            ),
            Self::OtherIssuer => (AuditReason::OtherIssuer, "the answer is of another issuer"),
        }
    }
}

impl Visit<'_> {
    /// `GET /callback/NAME`.
    pub(super) async fn call_back(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let Some((state, iss, returned)) = self.returned() else {
            return Ok(self.refuse_callback(upstream, server, CallbackRefusal::Malformed));
        };
        let inner = server.inner();
        let Some(attempt) = inner.attempt(&state).await? else {
            return self.call_back_again(upstream, server, &state).await;
        };
        if let Err(refusal) = self.check_attempt(upstream, &state, &attempt) {
            return Ok(self.refuse_callback(upstream, server, refusal));
        }
        match upstream.check_issuer(iss.as_deref(), inner.now()).await {
            Ok(()) => {}
            Err(UpstreamError::Unavailable(error)) => {
                let name = upstream.provider().name.clone();
                let event = AuditEvent::UpstreamFailed(
                    name,
                    AuditReason::ProviderUnavailable,
                    error.to_string(),
                );
                inner.audit.note(event);
                // The attempt goes on: to load this page again is to try again.
                let mut answer =
                    self.notice(StatusCode::SERVICE_UNAVAILABLE, Notice::CALLBACK_BUSY);
                retry_after(&mut answer, error.retry_after);
                return Ok(answer);
            }
            Err(_) => {
                let refusal = CallbackRefusal::OtherIssuer;
                return Ok(self.refuse_callback(upstream, server, refusal));
            }
        }
        let whole = self.whole_answer();
        if !inner.take_attempt(&state, &attempt, &whole).await? {
            return self.call_back_again(upstream, server, &state).await;
        }
        self.finish(upstream, server, (state, attempt), returned)
            .await
    }

    /// What the provider answers: the `state`, `iss`, and a code or an error.
    fn returned(&self) -> Option<(Secret, Option<String>, ProviderAnswer)> {
        let query = self.incoming.query().unwrap_or_default();
        let form = Form::parse(query.as_bytes()).ok()?;
        if form.has_repeated(&[]) {
            return None;
        }
        let state = value(&form, "state").map(Secret::new)?;
        let iss = value(&form, "iss").map(str::to_owned);
        let returned = match (value(&form, "code"), value(&form, "error")) {
            (Some(code), None) => ProviderAnswer::Code(Secret::new(code)),
            (None, Some(error)) => {
                let said = value(&form, "error_description").map(str::to_owned);
                ProviderAnswer::Error(error.to_owned(), said)
            }
            _ => return None,
        };
        Some((state, iss, returned))
    }

    /// Checks 3 and 4.
    fn check_attempt(
        &self,
        upstream: &Upstream,
        state: &Secret,
        attempt: &Attempt,
    ) -> Result<(), CallbackRefusal> {
        if attempt.provider != upstream.provider().name {
            return Err(CallbackRefusal::OtherProvider);
        }
        match self.attempt_cookie(state) {
            Some(cookie) if attempt.cookie.matches(&cookie) => Ok(()),
            _ => Err(CallbackRefusal::OtherBrowser),
        }
    }

    /// Exchanges `code`, which the provider sent for `attempt`.
    pub(super) async fn redeem(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        attempt: Attempt,
        code: &Secret,
    ) -> Result<Returned, Unavailable> {
        let inner = server.inner();
        let address = inner.callback_address(upstream);
        let pending = match &attempt.purpose {
            AttemptFor::Request(pending, _) => Some(pending.as_ref()),
            AttemptFor::Account => None,
        };
        let resource = pending.map(|pending| &pending.resource);
        let (now, random) = (inner.now(), inner.random.as_ref());
        let redeemed = upstream
            .redeem_code(&attempt.secrets, &address, code, resource, now, random)
            .await;
        match redeemed {
            Ok(arrival) => {
                self.arrive(upstream, server, attempt.purpose, &arrival)
                    .await
            }
            Err(error) => {
                let not_arrived = self.not_arrived(upstream, server, attempt.purpose, error);
                Ok(not_arrived.await?.into())
            }
        }
    }

    pub(super) fn refuse_callback(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        refusal: CallbackRefusal,
    ) -> Answer {
        let provider = upstream.provider().name.clone();
        let (reason, detail) = refusal.reason();
        let event = AuditEvent::CallbackRefused(provider, reason, detail);
        server.inner().audit.note(event);
        self.notice(refusal.status(), refusal.notice())
    }
}

impl Notice {
    const CALLBACK_MALFORMED: Self = Self {
        heading: "This login cannot be finished",
        sentence: "What came back with you is not the answer to a login. Nothing was shared.",
        advice: "Go back to the application and begin again.",
    };
    const CALLBACK_OVER: Self = Self {
        heading: "This login is over",
        sentence: "It was finished already, it took too long, or it was never begun here. Nothing \
                   more was shared.",
        advice: "If the application still waits, go back to it and begin again.",
    };
    const CALLBACK_ELSEWHERE: Self = Self {
        heading: "This login was not begun in this browser",
        sentence: "Access was allowed in another browser, or this one blocks cookies. Somebody \
                   may have sent you a link to make you log in for them. Nothing was shared.",
        advice: "If you have not just begun this yourself, close the page. If you have, go back \
                 to the application and begin again, all in one browser.",
    };
    const CALLBACK_FOREIGN: Self = Self {
        heading: "This login cannot be trusted",
        sentence: "The answer comes from somebody else than the one you were sent to. Nothing \
                   was shared.",
        advice: "Go back to the application and begin again.",
    };
    const CALLBACK_BUSY: Self = Self {
        heading: "This login needs a moment",
        sentence: "The provider where you have logged in does not answer. Nothing was shared yet.",
        advice: "Wait a moment and load this page again.",
    };
}
