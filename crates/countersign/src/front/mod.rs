//! The front: every HTTP request, from its first header to a lane.
//!
//! The order is the security property, and it is this function: [`App::respond`].
//!
//! 1. Host and Origin (`origin.rs`): 403 before anything else is looked at.
//!    At the paths of an embedded authorization server the host alone is judged, and
//!    the request is its own.
//! 2. Routes that are open by nature: health, protected resource metadata.
//! 3. Authentication ([`Gate`]), from the headers alone: the body is not read yet.
//! 4. The body under its cap (`body.rs`), the envelope (`envelope.rs`), the era
//!    (`era.rs`), the mirrored headers (`mirror.rs`).
//! 5. Policy, one action per request; then a lane (`message.rs`).

pub(crate) mod answer;
mod body;
mod calls;
mod cors;
pub(crate) mod envelope;
#[cfg(test)]
mod envelope_oracle;
pub(crate) mod era;
mod foreign;
mod forwarded;
pub(crate) mod http_sse;
mod in_lane;
pub(crate) mod limiting;
mod media_types;
mod message;
mod method;
mod mirror;
mod mirrored_arguments;
mod origin;
mod routes;
mod settings;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_audit::RequestId;
use countersign_resource_server::{AtOnce, Caller, Clock, Gate, Principal, Refusal, RequestHead};
use futures_util::FutureExt;
use http::request::Parts;
use http::{Method as HttpMethod, Request, Response, StatusCode};
use http_body::Body;

pub use body::{Answer, BoxError};
pub(crate) use era::Era;
use origin::ForeignName;
pub use routes::{RouteAccess, Routes};
pub(crate) use settings::{Limits, Place};

use crate::audit::{self, Ledger};
use crate::dispatch::Core;
use crate::embedded::Mounted;
use crate::metrics::{Levels, Metrics};
use crate::rmcp_lane::SessionLane;
use crate::telemetry::Operation;

/// A server that is ready to answer: a tower service over HTTP requests.
///
/// Cloning is cheap; every clone is the same server.
#[derive(Clone, Debug)]
pub struct App(pub(crate) Arc<Front>);

/// Keeps a server alive for the requests of one connection. Each connection has its
/// own, because a counter that all of them count in is never where it is needed.
pub(crate) type Keeper = Arc<App>;

#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) core: Arc<Core>,
    pub(crate) gate: Option<Gate>,
    /// The authorization server that is part of this one.
    pub(crate) issuing: Option<Mounted>,
    pub(crate) place: Place,
    pub(crate) routes: Routes,
    pub(crate) clock: Arc<dyn Clock>,
    /// The lane of the SDK: sessions, and streams that stay open.
    pub(crate) lane: SessionLane,
    /// Whether legacy clients get sessions.
    pub(crate) sessions: bool,
}

impl App {
    /// Ends every session and every stream without an end of its own of `principal`:
    /// it logged out, or its tokens were revoked. Returns how many there were.
    ///
    /// A call without a session that runs just now is let finish, until
    /// [`crate::Http::request_timeout`] at the latest.
    pub fn end_sessions_of(&self, principal: &Principal) -> usize {
        self.0.lane.end_sessions_of(principal)
    }

    /// Like [`Self::end_sessions_of`], for a subject, whichever client it used.
    pub fn end_sessions_of_subject(&self, issuer: &str, subject: &str) -> usize {
        self.0.lane.end_sessions_of_subject(issuer, subject)
    }

    /// The URL that clients use: the identifier of the resource (RFC 9728 §1.2).
    pub fn address(&self) -> &str {
        self.0.place.resource.as_str()
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.0.lane.open_sessions()
    }

    /// Answers one request. `peer` is the address of the connection; a client may be
    /// behind it, see [`crate::Http::trusted_proxy`].
    pub async fn respond<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::respond_on(Arc::new(self.clone()), request, peer).await
    }

    /// Answers one request of the connection that has this `keeper`.
    pub(crate) fn respond_on<B>(
        keeper: Keeper,
        request: Request<B>,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Response<Answer>> + Send
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let (ledger, watched) = keeper.0.ledger(peer, &mut parts);
        let peer = forwarded::client(peer, &keeper.0.place.proxies, &parts.headers);
        // The arguments of an asynchronous function take their room twice.
        ledger.during(async move {
            let front = &*keeper.0;
            let underway = front.core.metrics.as_ref().map(Metrics::begin);
            let origin = match front.is_issuing(&parts) {
                // Its endpoints say by themselves whose scripts may read their answers.
                true => None,
                false => cors::readable_by(&front.place, &parts.headers),
            };
            // Verifiers, policies and routes are not ours. One that panics has let
            // nobody in, and its text stays here.
            let answer = front.answer(&keeper, &mut parts, body, peer);
            let answer = AssertUnwindSafe(answer).catch_unwind().await;
            let mut response = answer.unwrap_or_else(|_panic| {
                tracing::error!("a request panicked");
                audit::refused("internal_error", Some("it panicked".into()));
                answer::status(StatusCode::INTERNAL_SERVER_ERROR)
            });
            if let Some(origin) = origin {
                cors::allow(origin, response.headers_mut());
            }
            audit::answered(response.status());
            if let Some(underway) = underway {
                underway.answered(response.status());
            }
            if let Some(id) = watched {
                Box::pin(front.hold_back(&id)).await;
            }
            response
        })
    }
}

impl Front {
    /// Answers one request. The future has room for all that it may become, and is
    /// moved about before it runs: what is large stays where it is, and what is rare
    /// is in a box.
    async fn answer<B>(
        &self,
        keeper: &Keeper,
        parts: &mut Parts,
        body: B,
        peer: Option<IpAddr>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if parts.uri.path() == routes::HEALTH {
            return routes::health(&parts.method);
        }
        if self.is_unnotable() {
            return answer::unavailable();
        }
        if let Err(refused) = self.arrive(peer) {
            return *refused;
        }
        if let Some(issuing) = &self.issuing
            && self.is_issuing(parts)
        {
            return match self.place.names.check_host(parts) {
                Ok(()) => {
                    audit::noted_elsewhere();
                    Box::pin(issuing.respond(taken(parts), body, peer)).await
                }
                Err(foreign) => refuse_name(foreign),
            };
        }
        if let Err(foreign) = self.place.names.check(parts) {
            return refuse_name(foreign);
        }
        if let Some(gate) = &self.gate
            && routes::is_metadata(gate, parts.uri.path())
        {
            return routes::metadata(gate, &parts.method);
        }
        if cors::is_preflight(parts) {
            return cors::preflight(&self.place, &parts.headers);
        }
        if self.place.sse && http_sse::is_path(parts.uri.path()) {
            return Box::pin(self.http_sse(keeper, taken(parts), body, peer)).await;
        }
        if parts.uri.path() != self.place.path {
            return Box::pin(self.custom(taken(parts), body, peer)).await;
        }
        let caller = match self.admit(parts, peer).await {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        let nonce = caller.dpop_nonce().cloned();
        let response = match parts.method {
            HttpMethod::POST => self.posted(keeper, parts, body, caller).await,
            HttpMethod::GET | HttpMethod::DELETE => {
                Box::pin(self.session(taken(parts), caller)).await
            }
            _ => self.method_not_allowed(),
        };
        answer::bringing(nonce, response)
    }

    async fn posted<B>(
        &self,
        keeper: &Keeper,
        parts: &mut Parts,
        body: B,
        caller: Caller,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if !media_types::is_json(&parts.headers) {
            return answer::status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        if !media_types::accepts_both(&parts.headers) {
            return answer::status(StatusCode::NOT_ACCEPTABLE);
        }
        let limits = self.place.limits;
        match body::read(body, limits.body, limits.body_patience).await {
            Ok(body) => self.post(keeper, parts, body, caller).await,
            Err(why) => answer::unread(why),
        }
    }

    /// Whether the request is for the authorization server that is part of this one.
    fn is_issuing(&self, parts: &Parts) -> bool {
        let issuing = self.issuing.as_ref();
        issuing.is_some_and(|issuing| issuing.answers(parts.uri.path()))
    }

    /// Begins what is noted of the request in `parts`, which comes from `peer`.
    fn ledger(&self, peer: Option<IpAddr>, parts: &mut Parts) -> (Ledger, Option<RequestId>) {
        let Some(audit) = &self.core.audit else {
            let nothing = Operation::default();
            return (Ledger::open(None, &*self.clock, None, None, nothing), None);
        };
        let proxies = &self.place.proxies;
        let from_proxy = peer.is_some_and(|peer| forwarded::is_trusted(proxies, peer));
        let id = audit.request_id(&parts.headers, from_proxy);
        let address = forwarded::client(peer, proxies, &parts.headers);
        let telemetry = self.core.telemetry.as_ref();
        let operation = Operation::begin(telemetry, self.clock.now_millis());
        let ledger = Ledger::open(Some(audit), &*self.clock, Some(&id), address, operation);
        if self.is_issuing(parts) {
            parts.extensions.insert(id.clone());
        }
        (ledger, audit.suspicion.is_some().then_some(id))
    }

    /// Lets the answer to the request `id` wait if it is suspicious.
    async fn hold_back(&self, id: &RequestId) {
        let audit = self.core.audit.as_ref();
        if let Some(suspicion) = audit.and_then(|audit| audit.suspicion.as_ref()) {
            suspicion.hold_back(id).await;
        }
    }

    /// Whether nothing may be done because it could not be noted.
    fn is_unnotable(&self) -> bool {
        let audit = self.core.audit.as_ref();
        let full = audit.is_some_and(|audit| audit.sink.state().is_err());
        if full {
            audit::refused("audit_full", None);
        }
        full
    }

    /// Authentication, from the headers alone.
    async fn admit(&self, parts: &Parts, peer: Option<IpAddr>) -> Result<Caller, Response<Answer>> {
        let Some(gate) = &self.gate else {
            return Ok(with_address(Caller::anonymous(), peer));
        };
        let (head, now) = (self.head(parts), self.clock.now());
        let admitted = match gate.admit_at_once(head, now) {
            AtOnce::Said(admitted) => admitted,
            AtOnce::Ask(unverified) => match self.core.verifications.turn(peer).await {
                Some(_turn) => Box::pin(unverified.verify(now)).await,
                None => return Err(self.busy()),
            },
        };
        match admitted {
            Ok(caller) => {
                let caller = with_address(caller, peer);
                audit::called_by(&caller);
                Ok(caller)
            }
            Err(refusal) => Err(self.refuse_credential(&refusal, peer)),
        }
    }

    /// The head of a request, at the address that clients know: the endpoint is at that of
    /// the resource, wherever a proxy put it.
    fn head<'a>(&'a self, parts: &'a Parts) -> RequestHead<'a> {
        let head = RequestHead::of(parts);
        if parts.uri.path() == self.place.path {
            return head.at(&self.place.resource_path);
        }
        head.behind(&self.place.stripped)
    }

    /// The answer to a refused request. The reason goes to the log only.
    fn refuse(&self, refusal: &Refusal) -> Response<Answer> {
        tracing::info!(reason = %refusal, "refused: authentication or scope");
        audit::refused_with(refusal);
        match &self.gate {
            Some(gate) => gate.refuse(refusal).map(Answer::whole),
            None => answer::status(refusal.status()),
        }
    }

    fn method_not_allowed(&self) -> Response<Answer> {
        answer::method_not_allowed(if self.sessions {
            "GET, POST, DELETE"
        } else {
            "POST"
        })
    }

    /// How much there is at the moment.
    pub(crate) fn levels(&self) -> Levels {
        let gate = self.gate.as_ref();
        let (tokens, token_room) = gate.map_or((0, 0), Gate::remembered_tokens);
        Levels {
            sessions: self.lane.open_sessions(),
            streams: self.lane.open_streams(),
            tokens,
            token_room,
        }
    }

    /// Whether results may be shared between callers: nobody is told apart.
    fn is_public(&self) -> bool {
        self.gate.is_none()
    }
}

fn refuse_name(foreign: ForeignName) -> Response<Answer> {
    tracing::info!(reason = %foreign, "refused: host or origin");
    audit::refused(foreign.word(), Some(foreign.to_string().into()));
    answer::status(match foreign {
        ForeignName::HostMalformed => StatusCode::BAD_REQUEST,
        ForeignName::HostForeign | ForeignName::OriginForeign => StatusCode::FORBIDDEN,
    })
}

/// Takes the head of a request away from where it was.
fn taken(parts: &mut Parts) -> Parts {
    std::mem::replace(parts, Request::new(()).into_parts().0)
}

fn with_address(caller: Caller, peer: Option<IpAddr>) -> Caller {
    match peer {
        Some(address) => caller.at(address),
        None => caller,
    }
}

/// The address of the peer, when the server is called as a tower service: put it
/// into the extensions of the request.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a transparent wrapper")]
pub struct PeerAddress(pub IpAddr);

impl<B> tower_service::Service<Request<B>> for App
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let app = self.clone();
        let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
        Box::pin(async move { Ok(app.respond(request, peer).await) })
    }
}
