//! The server: its parts, and which endpoint answers which path.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::jose::JwkSet;
use countersign_oauth::time::Clock;
use countersign_oauth::{ClientId, Secret, UnixTime};
use countersign_resource_server::limit::Verifications;
use countersign_store::{SealingKeys, Store};
use http::header::{ALLOW, RETRY_AFTER};
use http::{Request, StatusCode};
use http_body::Body;
use tokio::time::timeout;

use crate::audit::{AuditEvent, AuditTrail};
use crate::authorize::{Approval, PendingAuthorization};
use crate::claims::TokenClaims;
use crate::client::{Client, ClientIdDocuments, ClientPolicy};
use crate::confirmed::Confirmed;
use crate::endpoint_budgets::EndpointLimits;
use crate::endpoints;
use crate::exchange::{
    Answer, Frame, Incoming, Notice, Unread, accepts_html, not_found, notice, plain, read,
    throttled, unavailable,
};
use crate::grant::Granted;
use crate::grant_end::GrantEnder;
use crate::interaction::Interaction;
use crate::keys::Keyring;
use crate::machines::Machines;
use crate::paths::{Endpoint, Paths};
use crate::people::People;
use crate::possession::Possession;
use crate::random::{Random, draw_id};
use crate::settings::Settings;
use crate::token_manager::DynTokenManager;
use crate::unavailable::{PAUSE, Unavailable};
use crate::upstream::Upstream;
use crate::vault::Vault;
use countersign_audit::{RequestId, Text};

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(25);
/// How long an answer may take to be found.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// An OAuth 2.1 authorization server. Clones are the same server.
#[derive(Clone)]
pub struct AuthorizationServer(Arc<Inner>);

/// The parts of a server.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealing: Arc<SealingKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) keyring: Keyring,
    pub(crate) confirmed: Arc<Confirmed>,
    pub(crate) ender: Arc<GrantEnder>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) documents: Option<ClientIdDocuments>,
    pub(crate) interaction: Arc<dyn Interaction>,
    /// The pages of the interaction, if they are ours.
    pub(crate) people: Option<Arc<People>>,
    pub(crate) client_policy: Arc<dyn ClientPolicy>,
    pub(crate) token_manager: Option<Arc<dyn DynTokenManager>>,
    pub(crate) claims: Option<Arc<dyn TokenClaims>>,
    pub(crate) audit: AuditTrail,
    pub(crate) paths: Paths,
    pub(crate) endpoint_limits: EndpointLimits,
    /// Takes care that few assertions of clients are verified at once.
    pub(crate) verifications: Verifications,
    /// Judges proofs of possession, where tokens are bound to keys.
    pub(crate) possession: Option<Possession>,
    /// Who else is believed, and which client may exchange what.
    pub(crate) machines: Machines,
    /// The providers elsewhere at which people can log in.
    pub(crate) upstreams: Vec<Upstream>,
}

impl AuthorizationServer {
    /// A server of the parts, which were checked.
    pub(crate) fn of(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Answers a request to any path of the server, within a minute. Whoever accepts
    /// the connection puts the address of the client, a [`std::net::IpAddr`], into the
    /// extensions.
    pub async fn respond<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
    {
        let address = request.extensions().get().copied();
        let named = request.extensions().get::<RequestId>().map(RequestId::text);
        let drawn = || draw_id(self.0.random.as_ref()).ok().map(Text::from);
        let id = named.or_else(drawn);
        AuditTrail::within(id, address, async {
            if self.0.audit.sink.state().is_err() {
                // What cannot be noted is not done.
                return unavailable(PAUSE);
            }
            let answer = self.answer(request).await;
            let status = answer.status();
            // What does not exist is no decision, and scanners ask for a lot of it.
            let is_refusal = status.is_client_error() && status != StatusCode::NOT_FOUND;
            if is_refusal && !AuditTrail::has_noted() {
                let event = AuditEvent::RequestRefused(status);
                self.0.audit.note(event);
            }
            answer
        })
        .await
    }

    async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
    {
        let inner = &self.0;
        let path = request.uri().path();
        let is_for_person = accepts_html(request.headers()) && !inner.is_api(path);
        let is_open = inner.is_open_to_pages(path);
        let address = request.extensions().get().copied();
        let endpoint = inner.paths.endpoint(path);
        let too_many =
            endpoint.and_then(|endpoint| inner.endpoint_limits.arrive(endpoint, path, address));
        if let Some(wait) = too_many {
            let answer = throttled(wait);
            return match is_open {
                true => endpoints::open_to_pages(answer),
                false => inner.in_words(is_for_person, answer),
            };
        }
        let answer = match timeout(BODY_PATIENCE, read(request)).await {
            Ok(Ok(incoming)) => {
                // A store that is given up on has done all of a call or nothing.
                let answered = timeout(ANSWER_PATIENCE, self.route(&incoming)).await;
                match answered.unwrap_or(Err(Unavailable::Slow)) {
                    Ok(answer) => return answer,
                    Err(error) => {
                        let event = AuditEvent::Unavailable(error.to_string());
                        inner.audit.note(event);
                        unavailable(error.retry_after())
                    }
                }
            }
            Ok(Err(unread)) => too_much(unread),
            Err(_elapsed) => plain(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
        };
        if is_open {
            // Without it a page could not tell "try again" from a connection that broke.
            return endpoints::open_to_pages(answer);
        }
        inner.in_words(is_for_person, answer)
    }

    async fn route(&self, incoming: &Incoming) -> Result<Answer, Unavailable> {
        let inner = &self.0;
        let path = incoming.uri.path();
        match inner.paths.endpoint(path) {
            Some(Endpoint::Metadata) => Ok(endpoints::metadata(inner, incoming)),
            Some(Endpoint::Authorize) => inner.authorize(incoming).await,
            Some(Endpoint::Token) => endpoints::token(inner, incoming).await,
            Some(Endpoint::Register) => endpoints::register(inner, incoming).await,
            Some(Endpoint::Revoke) => endpoints::revoke(inner, incoming).await,
            Some(Endpoint::Introspect) => endpoints::introspect(inner, incoming).await,
            Some(Endpoint::Jwks) => endpoints::jwks(inner, incoming).await,
            Some(Endpoint::Status) => endpoints::status(inner, incoming).await,
            Some(Endpoint::Page | Endpoint::SignIn) => {
                let answer = inner.interaction.respond(incoming, self).await?;
                let accepts_html = incoming.accepts_html();
                Ok(answer.unwrap_or_else(|| inner.in_words(accepts_html, not_found())))
            }
            None => Ok(inner.in_words(incoming.accepts_html(), not_found())),
        }
    }

    /// Whether `path` is one of this server: what a server in front asks before it
    /// hands a request on.
    pub fn answers(&self, path: &str) -> bool {
        self.0.paths.endpoint(path).is_some()
    }

    /// All paths of this server.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.paths.all()
    }

    /// The login and consent pages, if they are those of this crate: they have the
    /// accounts and make the link for the first one.
    pub fn people(&self) -> Option<&People> {
        self.0.people.as_deref()
    }

    /// Where the provider `name`, such as `github`, is to send people back to: what has to
    /// be registered there, byte for byte (RFC 6749 §3.1.2). Nothing if there is no such
    /// provider.
    pub fn callback_address(&self, name: &str) -> Option<String> {
        let upstream = self.0.upstream(name)?;
        Some(self.0.callback_address(upstream))
    }

    /// What an access token of this server says, if it is active at this moment.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn active_token(&self, token: &Secret) -> Result<Option<ActiveToken>, Unavailable> {
        self.0.active_token(token).await
    }

    pub(crate) async fn verifying_keys(&self) -> Result<JwkSet, Unavailable> {
        Ok(self.0.keys().await?.verifying.clone())
    }

    /// The request that waits under `transaction`, for a page about it; nothing if it
    /// was answered or has expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn pending(
        &self,
        transaction: &Secret,
    ) -> Result<Option<PendingAuthorization>, Unavailable> {
        self.0.pending(transaction).await
    }

    /// The client with this id, for a page about it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, Unavailable> {
        self.0.find_client(id).await
    }

    /// Answers the waiting request with a code for what the person agreed to.
    ///
    /// The answer is a redirect. A page of your own whose form leads to it must not
    /// have a `form-action` in its Content Security Policy that forbids the address:
    /// browsers apply it to this redirect and to those that the client adds.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    ///
    /// # Security
    ///
    /// The caller has authenticated the person, asked them, and made sure that the
    /// answer comes from the browser that has `transaction`.
    pub async fn approve(
        &self,
        transaction: &Secret,
        approval: Approval,
    ) -> Result<Answer, Unavailable> {
        self.0.approve(transaction, approval).await
    }

    /// Answers the waiting request with `access_denied`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn deny(&self, transaction: &Secret) -> Result<Answer, Unavailable> {
        self.0.deny(transaction).await
    }

    /// Makes a new signing key, which signs in five minutes, and answers its id.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no key can be made.
    pub async fn rotate_keys(&self) -> Result<String, Unavailable> {
        self.0.rotate_keys().await
    }
}

impl Inner {
    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// A page that says `text`.
    pub(crate) fn notice(&self, status: StatusCode, text: Notice) -> Answer {
        if let Some(people) = &self.people {
            return people.notice(status, text);
        }
        let frame = Frame {
            server: self.settings.display_name(),
            base: "",
        };
        notice(frame, status, text, false)
    }

    /// Whether `path` is for programs alone.
    fn is_api(&self, path: &str) -> bool {
        let endpoint = self.paths.endpoint(path);
        !matches!(
            endpoint,
            Some(Endpoint::Authorize | Endpoint::Page | Endpoint::SignIn) | None
        )
    }

    /// Whether pages of other origins may call it (`endpoints/cors.rs`).
    fn is_open_to_pages(&self, path: &str) -> bool {
        use Endpoint::{Jwks, Metadata, Register, Revoke, Status, Token};
        let endpoint = self.paths.endpoint(path);
        matches!(
            endpoint,
            Some(Metadata | Token | Register | Revoke | Jwks | Status)
        )
    }

    /// A refusal that is written for programs, as a page if a person looks at it.
    pub(crate) fn in_words(&self, is_for_person: bool, answer: Answer) -> Answer {
        let text = match answer.status() {
            _ if !is_for_person => return answer,
            StatusCode::NOT_FOUND => Notice::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED => Notice::WRONG_METHOD,
            StatusCode::URI_TOO_LONG | StatusCode::PAYLOAD_TOO_LARGE => Notice::TOO_LONG,
            StatusCode::SERVICE_UNAVAILABLE => Notice::BUSY,
            StatusCode::TOO_MANY_REQUESTS => Notice::TOO_MANY,
            _ => return answer,
        };
        let mut page = self.notice(answer.status(), text);
        for name in [ALLOW, RETRY_AFTER] {
            if let Some(value) = answer.headers().get(&name) {
                page.headers_mut().insert(name, value.clone());
            }
        }
        page
    }

    /// Whether the person still stands behind a grant.
    pub(crate) async fn still_allows(&self, granted: &Granted) -> Result<bool, Unavailable> {
        let (subject, client) = (granted.subject.as_str(), &granted.client);
        self.interaction.still_allows(subject, client).await
    }
}

fn too_much(unread: Unread) -> Answer {
    match unread {
        Unread::Target => plain(StatusCode::URI_TOO_LONG, "the target is too long"),
        Unread::Body => plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
        Unread::Broken => plain(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.0.settings.issuer)
            .finish_non_exhaustive()
    }
}
