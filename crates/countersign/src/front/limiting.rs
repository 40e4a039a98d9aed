//! How often callers may ask: each request is counted here, once, whatever it asks for and
//! whichever lane it goes to.
//!
//! Addresses are counted before anything is verified. Everybody else is counted when it is
//! known who they are, before any policy is asked: what is denied counts too, and so does
//! what makes no sense.

use std::net::IpAddr;

use countersign_resource_server::limit::{Exceeded, Refused, Slot};
use countersign_resource_server::oauth::Lifetime;
use countersign_resource_server::{Caller, Reason, Refusal, Unavailable};
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::envelope::Envelope;
use super::{Answer, Front, answer};
use crate::audit;
use crate::protocol::{ErrorCode, ErrorData};

/// The JSON-RPC code of a request that is one too many.
pub(crate) const RATE_LIMITED: ErrorCode = ErrorCode(-32000);

/// The JSON-RPC error of a request that is one too many.
pub(crate) fn error(exceeded: &Exceeded) -> ErrorData {
    ErrorData::new(RATE_LIMITED, exceeded.message().to_owned(), None)
}

/// What an envelope is about, as far as limits tell it apart.
type Asked<'a> = (Option<&'a str>, Option<&'a str>);

impl Front {
    /// Counts a request of which nothing is known but where it comes from.
    ///
    /// # Errors
    ///
    /// The answer to one that is too many.
    pub(super) fn arrive(&self, peer: Option<IpAddr>) -> Result<(), Box<Response<Answer>>> {
        let arrived = self.core.limiter.arrive(peer);
        arrived.map_err(|exceeded| Box::new(too_many(&exceeded, None)))
    }

    /// The answer to a request whose credential is refused, which counts if it is wrong.
    pub(super) fn refuse_credential(
        &self,
        refusal: &Refusal,
        peer: Option<IpAddr>,
    ) -> Response<Answer> {
        // What has a good signature was not guessed, and whoever comes with an expired token
        // has to be told so.
        let is_wrong = match refusal {
            Refusal::Malformed { .. } => true,
            Refusal::Rejected { reason, .. } => !matches!(
                reason,
                Reason::Expired | Reason::Audience | Reason::Claims(_)
            ),
            _ => false,
        };
        if is_wrong && let Err(exceeded) = self.core.limiter.fail(peer) {
            tracing::info!(reason = %refusal, "refused: too many wrong credentials");
            return too_many(&exceeded, None);
        }
        self.refuse(refusal)
    }

    /// The answer to a request that waited too long to be verified.
    pub(super) fn busy(&self) -> Response<Answer> {
        let retry_after = Lifetime::from_secs(1);
        let unavailable = Unavailable::new("a turn to be verified", retry_after);
        self.refuse(&Refusal::Unavailable(unavailable))
    }

    /// Counts a request without a message.
    ///
    /// # Errors
    ///
    /// The answer to one that is too many.
    pub(super) fn charge(&self, caller: &Caller) -> Result<(), Box<Response<Answer>>> {
        let charged = self.core.limiter.charge(caller, None);
        charged
            .map(drop)
            .map_err(|exceeded| Box::new(too_many(&exceeded, None)))
    }

    /// Counts a message. A place that it takes up goes with the request, through every
    /// lane, and is answered as well.
    ///
    /// # Errors
    ///
    /// The answer to one that is too many.
    pub(super) fn charge_message(
        &self,
        parts: &mut Parts,
        caller: &Caller,
        (id, component): Asked<'_>,
    ) -> Result<Option<Slot>, Box<Response<Answer>>> {
        match self.core.limiter.charge(caller, component) {
            Ok(None) => Ok(None),
            Ok(Some(slot)) => {
                parts.extensions.insert(slot.clone());
                Ok(Some(slot))
            }
            Err(exceeded) => Err(Box::new(too_many(&exceeded, id))),
        }
    }

    /// Counts a message where several servers count together.
    ///
    /// # Errors
    ///
    /// The answer to one that is too many, or that cannot be counted.
    pub(super) async fn share(
        &self,
        caller: &Caller,
        (id, component): Asked<'_>,
    ) -> Result<(), Response<Answer>> {
        let shared = self.core.limiter.share(caller, component).await;
        shared.map_err(|refused| match refused {
            Refused::Exceeded(exceeded) => too_many(&exceeded, id),
            Refused::Unavailable(unavailable) => self.refuse(&Refusal::Unavailable(unavailable)),
        })
    }

    /// The id of a message and the component that it names.
    pub(super) fn asked_of<'a>(&'a self, envelope: &'a Envelope<'_>) -> Asked<'a> {
        let Envelope::Request { id, method, params } = envelope else {
            return (None, None);
        };
        if !self.core.limiter.looks_at_components() {
            return (Some(id), None);
        }
        let members = params.as_ref().map(|params| params.members());
        let component = match &**method {
            "tools/call" | "prompts/get" => members.and_then(|members| members.name.as_deref()),
            "resources/read" => {
                let uri = members.and_then(|members| members.uri.as_deref());
                uri.map(|uri| self.core.resource_name(uri))
            }
            _ => None,
        };
        (Some(id), component)
    }
}

/// 429 (RFC 6585 §4) with the JSON text of the request's id, if it has one.
fn too_many(exceeded: &Exceeded, id: Option<&str>) -> Response<Answer> {
    tracing::info!(
        budget = exceeded.budget.as_str(),
        "refused: rate limit exceeded"
    );
    audit::refused("rate_limited", Some(exceeded.budget.as_str().into()));
    let mut response = answer::json(answer::error_text(id, &error(exceeded)));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = exceeded.retry_after.as_secs();
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}
