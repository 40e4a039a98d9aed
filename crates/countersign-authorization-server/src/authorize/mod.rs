//! The authorization endpoint: RFC 6749 §3.1 and §4.1.1.
//!
//! | order | check | if it fails |
//! |---|---|---|
//! | 1 | the client is known | a page |
//! | 2 | the address is one of the client (RFC 6749 §3.1.2.3, RFC 9700 §2.1) | a page |
//! | 3 | no parameter is repeated (RFC 6749 §3.1), `state` is short | redirect |
//! | 4 | no request object (OpenID Connect Core §6) | redirect |
//! | 5 | `response_type` is `code`, and the client may use codes | redirect |
//! | 6 | there is an S256 challenge, also of confidential clients (RFC 7636 §4.3, RFC 9700 §2.1.1) | redirect |
//! | 7 | the resource is one of ours | redirect |
//! | 8 | the scopes are for this client | redirect |
//! | 9 | `prompt` has a meaning (OpenID Connect Core §3.1.2.1) | redirect |
//!
//! What a request can be judged by alone is in `countersign-oauth`, what this server
//! allows in `checks.rs`.
//!
//! A request that passes waits in the store for its person, and for nobody else,
//! under the hash of a secret of 256 bits that only the browser has.

mod again;
mod arrival;
mod attempt;
mod checks;
mod finish;
mod pending;
mod returned;

use countersign_oauth::UnixTime;
use countersign_oauth::authorization_request::{
    RequestRefusal, UnusableRequest, UnverifiedRequest, VerifiedRequest,
};
use countersign_oauth::authorization_response::AuthorizationResponse;
use http::{Method, StatusCode};

pub(crate) use again::AGAIN;
pub(crate) use arrival::{Issuing, Told, Welcome};
pub(crate) use attempt::{Attempt, AttemptFor, Departure, Leaving, Left, PATIENCE, tag_of};
pub use finish::Approval;
pub use pending::PendingAuthorization;
pub(crate) use returned::{Issued, Returned};

use crate::audit::{AuditEvent, AuditReason};
use crate::client::Client;
use crate::exchange::{Answer, Incoming, Notice, method_not_allowed, retry_after, see_other};
use crate::interaction::{Step, Waiting};
use crate::server::Inner;
use crate::unavailable::Unavailable;

impl Inner {
    /// Answers a request to the authorization endpoint.
    pub(crate) async fn authorize(&self, incoming: &Incoming) -> Result<Answer, Unavailable> {
        let parsed = match incoming.method {
            Method::GET => UnverifiedRequest::parse_get(incoming.query().unwrap_or_default()),
            Method::POST => UnverifiedRequest::parse_post(
                incoming.query(),
                incoming.content_type(),
                &incoming.body,
            ),
            _ => {
                let refusal = method_not_allowed("GET, POST");
                return Ok(self.in_words(incoming.accepts_html(), refusal));
            }
        };
        let request = match parsed {
            Ok(request) => request,
            Err(error) => return Ok(self.show(error)),
        };
        let (id, address) = (request.client_id(), incoming.address);
        let Some(client) = self.find_client_for(id, address).await? else {
            return Ok(self.show_unknown_client());
        };
        // Before this line errors are shown here; after it they go to the client.
        let metadata = &client.facts.metadata;
        let verified = request.verify_redirect(&metadata.redirect_uris, metadata.application_type);
        let request = match verified {
            Ok(request) => request,
            Err(error) => return Ok(self.show(error)),
        };
        match self.check(&request, &client) {
            Ok(pending) => self.wait(incoming, &request, &client, pending).await,
            Err(refusal) => Ok(self.refuse(&request, refusal)),
        }
    }

    /// The checks 3 to 9, in their order.
    fn check(
        &self,
        request: &VerifiedRequest,
        client: &Client,
    ) -> Result<PendingAuthorization, RequestRefusal> {
        request.check_parameters()?;
        request.check_request_object()?;
        checks::response_type(request, client)?;
        Ok(PendingAuthorization {
            client_id: client.id.clone(),
            redirect_uri: request.redirect().uri().clone(),
            redirect_uri_was_sent: request.redirect().was_sent(),
            state: request.state().map(str::to_owned),
            code_challenge: request.code_challenge()?,
            dpop_jkt: request.dpop_jkt()?,
            resource: checks::resource(request, &self.settings)?,
            scope: checks::scope(request, client, &self.settings)?,
            prompts: request.prompts()?,
        })
    }

    async fn wait(
        &self,
        incoming: &Incoming,
        request: &VerifiedRequest,
        client: &Client,
        pending: PendingAuthorization,
    ) -> Result<Answer, Unavailable> {
        if let Some(until) = self.count_authorization(incoming.address).await? {
            return Ok(self.show_throttled(until));
        }
        let transaction = self.remember_pending(&pending).await?;
        let waiting = Waiting {
            transaction: &transaction,
            authorization: &pending,
            client,
            incoming,
        };
        match self.interaction.begin(waiting).await? {
            Step::Show(answer) => Ok(answer),
            Step::Approve(approval) => self.approve(&transaction, approval).await,
            Step::Refuse(refusal) => {
                self.forget_pending(&transaction).await?;
                Ok(self.refuse(request, refusal))
            }
        }
    }

    fn refuse(&self, request: &VerifiedRequest, refusal: RequestRefusal) -> Answer {
        let event = AuditEvent::AuthorizationRefused(
            AuditReason::Authorization(refusal.code()),
            refusal.to_string(),
        );
        self.audit.note(event);
        let response: AuthorizationResponse<'_> = request.refuse(refusal, &self.settings.issuer);
        see_other(&response.location())
    }

    fn show(&self, error: UnusableRequest) -> Answer {
        let (notice, reason) = match error {
            UnusableRequest::Redirect(_) => {
                (Notice::FOREIGN_ADDRESS, AuditReason::ForeignRedirectUri)
            }
            UnusableRequest::ClientId => (Notice::NO_CLIENT, AuditReason::MalformedRequest),
            _ => (Notice::MALFORMED_REQUEST, AuditReason::MalformedRequest),
        };
        let event = AuditEvent::AuthorizationRefused(reason, error.to_string());
        self.audit.note(event);
        self.notice(StatusCode::BAD_REQUEST, notice)
    }

    fn show_throttled(&self, until: UnixTime) -> Answer {
        let event = AuditEvent::AuthorizationRefused(
            AuditReason::RateLimited,
            "too many requests".to_owned(),
        );
        self.audit.note(event);
        let mut answer = self.notice(StatusCode::TOO_MANY_REQUESTS, Notice::TOO_MANY);
        retry_after(&mut answer, until.since(self.now()));
        answer
    }

    fn show_unknown_client(&self) -> Answer {
        let event = AuditEvent::AuthorizationRefused(
            AuditReason::UnknownClient,
            "the client is unknown".to_owned(),
        );
        self.audit.note(event);
        self.notice(StatusCode::BAD_REQUEST, Notice::UNKNOWN_CLIENT)
    }
}
