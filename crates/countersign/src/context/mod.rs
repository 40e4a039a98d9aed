//! What a call knows: who is calling, what was asked, and the way back to the client.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

mod ask;
mod client;
mod current;
mod elicitation_url;
mod exchange;
mod form;
mod inputs;
mod notify;
mod outbox;
mod question;
mod requirements;
mod seal;
mod state;
mod ticket;
#[cfg(feature = "authorization-server")]
mod upstream;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use countersign_resource_server::oauth::{ScopeSet, ScopeToken, Secret, UnixTime};
use countersign_resource_server::{AccessToken, Caller, SourceName};
use rmcp::RoleServer;
use rmcp::model::{GetExtensions, ServerNotification};
use rmcp::service::{OriginatingRequestId, Peer};
use tokio_util::sync::CancellationToken;

pub use ask::{Answers, Ask, Asks, Elicited};
pub(crate) use current::within;
pub use current::{current_context, get_access_token};
pub(crate) use inputs::{Inputs, Spent};
pub(crate) use outbox::Outbox;
pub(crate) use seal::Sealer;
pub use state::State;
pub(crate) use state::StateMap;
pub use ticket::UrlTickets;
#[cfg(feature = "authorization-server")]
pub use upstream::UpstreamClient;

use crate::ToolError;
use crate::front::Keeper;
use crate::protocol::{LoggingLevel, ProtocolVersion, RequestMetaObject};

/// One call: its caller, its request and its client.
///
/// Cloning is cheap. The caller comes from the verified token; nothing that the
/// client says about itself is in it.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    caller: Caller,
    request: RequestInfo,
    link: Link,
    home: Home,
    cancelled: OnceLock<CancellationToken>,
    meta: OnceLock<Box<RequestMetaObject>>,
    round: OnceLock<Box<Mutex<ask::Round>>>,
    private: AtomicBool,
}

/// What every call of one server shares.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) state: StateMap,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) spent: Spent,
}

/// How a call gets at what it shares with all others.
pub(crate) enum Home {
    /// By the server, kept alive by the connection.
    Server(Keeper),
    /// By itself.
    Shared(Arc<Shared>),
}

impl std::ops::Deref for Home {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        match self {
            Self::Server(keeper) => &keeper.0.core.shared,
            Self::Shared(shared) => shared,
        }
    }
}

/// The request behind a call.
#[derive(Debug)]
pub(crate) struct RequestInfo {
    /// The JSON text of the `id` member.
    pub(crate) id: Bytes,
    /// The method.
    pub(crate) method: &'static str,
    /// The version whose rules apply.
    pub(crate) protocol: ProtocolVersion,
    /// The JSON text of `params._meta`; empty if there is none.
    pub(crate) meta: Bytes,
    /// The name or URI of the component, as it was asked for; empty if there is none.
    pub(crate) component: Bytes,
    /// The JSON text of `params.arguments`; empty if there is none.
    pub(crate) arguments: Bytes,
    /// The answers to earlier questions, of [`Inputs::open`].
    pub(crate) inputs: Option<Box<Inputs>>,
    /// When the request came.
    pub(crate) received: UnixTime,
    /// What a legacy client chose with `logging/setLevel` in its session.
    pub(crate) log_level: Option<LoggingLevel>,
}

impl RequestInfo {
    /// A request without params: set those that there are.
    pub(crate) const fn new(
        id: Bytes,
        method: &'static str,
        protocol: ProtocolVersion,
        received: UnixTime,
    ) -> Self {
        Self {
            id,
            method,
            protocol,
            meta: Bytes::new(),
            component: Bytes::new(),
            arguments: Bytes::new(),
            inputs: None,
            received,
            log_level: None,
        }
    }
}

/// The way back to the client.
pub(crate) enum Link {
    /// The direct lane and the in-memory client: notifications are queued for the
    /// future that polls the handler.
    Direct(Outbox),
    /// A session of the SDK.
    Session(Peer<RoleServer>),
}

impl Context {
    pub(crate) fn new(caller: Caller, request: RequestInfo, link: Link, home: Home) -> Self {
        Self(Arc::new(Inner {
            caller,
            request,
            link,
            home,
            cancelled: OnceLock::new(),
            meta: OnceLock::new(),
            round: OnceLock::new(),
            private: AtomicBool::new(false),
        }))
    }

    /// Ends the call when `token` is cancelled.
    #[must_use]
    pub(crate) fn cancelled_by(self, token: CancellationToken) -> Self {
        // The cell is empty: the context was made a moment ago.
        let _ = self.0.cancelled.set(token);
        self
    }

    /// Who is calling.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The verified token of the caller; `None` for an anonymous one.
    pub fn access_token(&self) -> Option<&AccessToken> {
        self.0.caller.access_token()
    }

    /// The source of the verified token; `None` for an anonymous caller.
    pub fn source(&self) -> Option<&SourceName> {
        self.0.caller.source()
    }

    /// The OAuth client that acts, from the verified token.
    pub fn client_id(&self) -> Option<&str> {
        self.0.caller.client_id()
    }

    /// The scopes of the verified token.
    pub fn scopes(&self) -> &ScopeSet {
        self.0.caller.scopes()
    }

    /// Goes on only if the verified token has every one of the scopes `required`,
    /// for a need that shows itself in the middle of a call. Scopes are compared as
    /// whole names, in their own case: none stands for another.
    ///
    /// ```
    /// use countersign::{Context, ToolError, tool};
    ///
    /// /// Reads a report, or writes it anew.
    /// #[tool]
    /// async fn report(rewrite: bool, context: Context) -> Result<&'static str, ToolError> {
    ///     if rewrite {
    ///         context.require_scopes(["report:write"])?;
    ///     }
    ///     Ok("All is well.")
    /// }
    /// ```
    ///
    /// # What the client sees
    ///
    /// HTTP 200, and in it an error result of the tool (of a resource or prompt: a
    /// JSON-RPC error) that names all of `required`. A 403 with the challenge of
    /// RFC 6750 §3.1, which makes clients ask for a token with more scopes, has to
    /// be decided before the handler runs: once that has sent a message, the status
    /// is on its way, and what it has done until then is done. So name scopes that
    /// every call needs on the component, `#[tool(scopes("report:write"))]`.
    ///
    /// # Errors
    ///
    /// [`ToolError::insufficient_scope`] if a scope is missing, or the caller is
    /// anonymous; an internal error if a name is outside the grammar (RFC 6749 §3.3).
    pub fn require_scopes<I>(&self, required: I) -> Result<(), ToolError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let required = ScopeSet::from_names(required)?;
        if self.scopes().is_superset(&required) {
            return Ok(());
        }
        Err(ToolError::insufficient_scope(
            required.iter().map(ScopeToken::as_str),
        ))
    }

    /// The text of the presented token; see [`Caller::token`] for what it must
    /// not be used for.
    pub fn token(&self) -> Option<Secret> {
        self.0.caller.token()
    }

    /// The JSON text of the request's `id`.
    pub fn request_id(&self) -> &str {
        std::str::from_utf8(&self.0.request.id).unwrap_or_default()
    }

    /// The method that was called, for example `tools/call`.
    pub fn method(&self) -> &'static str {
        self.0.request.method
    }

    /// The protocol version whose rules apply to this request.
    pub fn protocol_version(&self) -> &ProtocolVersion {
        &self.0.request.protocol
    }

    /// The metadata that the client sent with the request. It is not verified.
    pub fn meta(&self) -> &RequestMetaObject {
        self.0
            .meta
            .get_or_init(|| serde_json::from_slice(&self.0.request.meta).unwrap_or_default())
    }

    /// A value that the server was given with [`crate::Server::state`].
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.home.state.find()
    }

    /// Is cancelled when the client closes the connection or cancels the request.
    ///
    /// The handler itself is dropped then; the token is for work that it spawned.
    pub fn cancellation(&self) -> &CancellationToken {
        self.0.cancelled.get_or_init(CancellationToken::new)
    }

    /// Keeps the result of this call out of every cache of this server, such as
    /// [`crate::middleware::ResponseCaching`]: for a result that depends on more than
    /// the caller and the arguments, or that should not lie in memory.
    pub fn keep_private(&self) {
        self.0.private.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::keep_private`] was called.
    pub fn is_private(&self) -> bool {
        self.0.private.load(Ordering::Relaxed)
    }

    /// When the request came, by the clock of the server.
    pub fn received_at(&self) -> UnixTime {
        self.0.request.received
    }

    /// Whether the client was asked something in the course of this call, or answers
    /// came with it.
    pub(crate) fn has_asked(&self) -> bool {
        self.0.round.get().is_some() || self.0.request.inputs.is_some()
    }

    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        match &self.0.link {
            Link::Direct(outbox) => Some(outbox),
            Link::Session(_) => None,
        }
    }

    /// Sends a notification to the client that made this request.
    pub(crate) async fn emit(&self, mut notification: ServerNotification) {
        match &self.0.link {
            Link::Direct(outbox) => outbox.push(notification),
            Link::Session(peer) => {
                // So that a session puts it on the stream of this request.
                if let Ok(id) = serde_json::from_slice(&self.0.request.id) {
                    let related = OriginatingRequestId(id);
                    notification.extensions_mut().insert(related);
                }
                if let Err(error) = peer.send_notification(notification).await {
                    tracing::debug!(error = %error, "the client is gone");
                }
            }
        }
    }

    /// Ends everything that waits for [`Self::cancellation`].
    pub(crate) fn abandon(&self) {
        if let Some(token) = self.0.cancelled.get() {
            token.cancel();
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.0.caller)
            .field("method", &self.0.request.method)
            .finish_non_exhaustive()
    }
}
