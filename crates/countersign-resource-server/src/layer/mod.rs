//! A [`Gate`] in front of any tower HTTP service.
//!
//! What was done before: nothing. A refused request never reaches the service,
//! and its body is never read.

mod metadata;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_oauth::ScopeSet;
use countersign_oauth::dpop::NONCE_FIELD;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Caller, ConfigurationError, Gate, Refusal, RequestHead, SourceName, SourceRule};

/// The body of an answer: that of the service, or a short one of the gate.
pub type AuthBody<B> = Either<B, Full<Bytes>>;

/// Puts a [`Gate`] in front of a service.
///
/// The service finds the [`Caller`] in the extensions of the request. It does
/// not see the `Authorization` header, nor others that credentials are in, so that it
/// cannot pass the token on by accident; [`Caller::token`] gives it out on purpose.
///
/// The layer also answers for the protected resource metadata (RFC 9728 §3), at
/// the root and with the path of the resource, without a token. Where it is around single
/// routes, it answers there only if there is a route for that address with the layer.
#[derive(Clone)]
pub struct AuthLayer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    gate: Arc<Gate>,
    sources: Option<SourceRule>,
    required_scopes: ScopeSet,
    keeps_authorization: bool,
    /// What something in front of the layer took away from the path.
    prefix: Arc<str>,
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("required_scopes", &self.0.required_scopes)
            .finish_non_exhaustive()
    }
}

impl AuthLayer {
    /// Lets through what `gate` admits.
    pub fn new(gate: impl Into<Arc<Gate>>) -> Self {
        Self(Arc::new(Settings {
            gate: gate.into(),
            sources: None,
            required_scopes: ScopeSet::new(),
            keeps_authorization: false,
            prefix: "".into(),
        }))
    }

    /// Everything behind this layer needs these scopes, besides those that the
    /// gate needs. An anonymous caller has none.
    #[must_use]
    pub fn required_scopes(&self, scopes: ScopeSet) -> Self {
        Self(Arc::new(Settings {
            required_scopes: scopes,
            ..Settings::clone(&self.0)
        }))
    }

    /// Something in front of this layer removes `prefix`, such as `/api`, from the beginning
    /// of paths: clients know the addresses with it, and make proofs of possession for those
    /// (RFC 9449 §4.3).
    #[must_use]
    pub fn behind(&self, prefix: &str) -> Self {
        Self(Arc::new(Settings {
            prefix: prefix.trim_end_matches('/').into(),
            ..Settings::clone(&self.0)
        }))
    }

    /// Everything behind this layer accepts callers of these sources only. The service
    /// finds the credential acting that the rule names.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the gate has no source of a name in the rule.
    pub fn sources(&self, rule: SourceRule) -> Result<Self, ConfigurationError> {
        let known: Vec<&str> = self.0.gate.sources().map(SourceName::as_str).collect();
        if rule.is_empty() || rule.names().any(|name| !known.contains(&name)) {
            return Err(ConfigurationError::new(format!(
                "the layer accepts callers of the source `{}`, and the gate has: {}",
                rule.to_string().escape_default(),
                known.join(", ")
            )));
        }
        Ok(Self(Arc::new(Settings {
            sources: Some(rule),
            ..Settings::clone(&self.0)
        })))
    }

    /// Leaves the `Authorization` header in the request, and others that credentials
    /// are in.
    ///
    /// # Security
    ///
    /// A service that passes its headers on then sends the caller's token to
    /// another server, which the MCP authorization specification forbids.
    #[must_use]
    pub fn danger_keep_authorization(&self) -> Self {
        Self(Arc::new(Settings {
            keeps_authorization: true,
            ..Settings::clone(&self.0)
        }))
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth {
            inner,
            settings: Arc::clone(&self.0),
        }
    }
}

/// A service behind a [`Gate`]; made by [`AuthLayer`].
#[derive(Clone)]
pub struct Auth<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> fmt::Debug for Auth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl Settings {
    /// The caller of a request, or the answer to whoever may not call.
    async fn admit(&self, request: RequestHead<'_>) -> Result<Caller, Response<Bytes>> {
        let now = self.gate.now();
        let outcome = self.gate.admit(request, now).await;
        outcome
            .and_then(|caller| self.check_scopes(caller))
            .map_err(|refusal| self.gate.refuse(&refusal))
    }

    fn check_scopes(&self, mut caller: Caller) -> Result<Caller, Refusal> {
        if let Some(rule) = &self.sources {
            caller.act_for(rule, &self.required_scopes)?;
        }
        if caller.scopes().is_superset(&self.required_scopes) {
            return Ok(caller);
        }
        Err(match caller.source() {
            Some(source) => {
                let needed = self.gate.required_scopes_of(source);
                Refusal::insufficient_scope(&caller, needed.union(&self.required_scopes))
            }
            None => {
                let needed = self.gate.required_scopes().union(&self.required_scopes);
                Refusal::Unauthenticated(needed)
            }
        })
    }
}

impl<S, A, B> Service<Request<A>> for Auth<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
    B: Body<Data = Bytes>,
{
    type Response = Response<AuthBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        // The one that was polled ready is called; its clone waits for its turn.
        let waiting = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, waiting);
        Box::pin(async move {
            let own = |answer: Response<Bytes>| answer.map(|body| Either::Right(Full::new(body)));
            if let Some(answer) = metadata::answer(&settings.gate, &request) {
                return Ok(own(answer));
            }
            let uri = request.uri();
            let head = RequestHead::new(request.method(), uri.path(), request.headers())
                .query(uri.query())
                .behind(&settings.prefix);
            let caller = match settings.admit(head).await {
                Ok(caller) => caller,
                Err(answer) => return Ok(own(answer)),
            };
            if !settings.keeps_authorization {
                settings.gate.conceal(request.headers_mut());
            }
            let nonce = caller.dpop_nonce().cloned();
            request.extensions_mut().insert(caller);
            let mut answer = ready.call(request).await?;
            if let Some(nonce) = nonce {
                answer.headers_mut().insert(NONCE_FIELD, nonce);
            }
            Ok(answer.map(Either::Left))
        })
    }
}
