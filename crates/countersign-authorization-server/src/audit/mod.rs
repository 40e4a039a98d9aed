//! What happened, for whoever watches: one event for each decision, with a stable
//! name and without secrets. Each becomes a [`countersign_audit::Record`].
//!
//! Each comes with the request that it belongs to and the address that the request came
//! from. A refusal of which nothing more is known is noted by its status, so that none
//! goes by unseen.

mod reason;
mod record;
mod stored;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_audit::{Sink, Text};
use countersign_oauth::client_authentication::ClientAuthenticationError;
use countersign_oauth::client_authentication::assertion::AssertionError;
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::time::Clock;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::{ApiKeyId, ClientId};
use countersign_store::GrantId;
use http::StatusCode;

pub use reason::AuditReason;
pub use stored::StoreSink;

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuditEvent {
    /// An authorization request was refused; the text says why exactly.
    AuthorizationRefused(AuditReason, String),
    /// A person consented and a code was issued; the text is the subject.
    CodeIssued(ClientId, GrantId, String),
    /// A person, or the server for them, said no.
    ConsentDenied(ClientId),
    /// A person pressed the same button once more, and the same answer was given again.
    AnswerRepeated(ClientId),
    /// Tokens were issued.
    TokensIssued(ClientId, GrantId, GrantType),
    /// An administrator made an access token to try a server with.
    TestTokenIssued(GrantId),
    /// A token request was refused; the grant is one that had ended, the code is what the
    /// client was told, and the text says why exactly.
    TokenRequestRefused(ClientId, Option<GrantId>, TokenErrorCode, String),
    /// A client did not authenticate.
    ClientRefused(Option<ClientId>, ClientRefusal),
    /// A code or refresh token was used again, and its grant was revoked.
    ReplayDetected(ClientId, GrantId),
    /// A code was withdrawn after too many failed redemptions.
    CodeWithdrawn(ClientId, GrantId),
    /// A token was revoked by its client.
    TokenRevoked(ClientId, GrantId),
    /// A client was refused the revocation of a token; the text says why exactly.
    RevocationRefused(ClientId, AuditReason, &'static str),
    /// A client was told nothing about an active token, because it is for another resource.
    IntrospectionRefused(ClientId),
    /// A client registered itself.
    ClientRegistered(ClientId),
    /// An administrator added, changed or deleted a client.
    ClientAdministered(ClientId, Administered),
    /// An administrator made a token with which one client can register itself.
    InitialAccessTokenIssued,
    /// An API key was made; the text is its owner, as the subject of tokens.
    ApiKeyCreated(ApiKeyId, String),
    /// An API key, the first, was replaced by another.
    ApiKeyRotated(ApiKeyId, ApiKeyId),
    /// An API key was revoked.
    ApiKeyRevoked(ApiKeyId),
    /// A registration was refused; the text says why exactly.
    RegistrationRefused(AuditReason, String),
    /// The signing key was changed; the text is the new key id.
    KeyRotated(String),
    /// A person logged in; the text is the subject.
    LoggedIn(String),
    /// A person allowed something and was sent to a provider to log in, or wants to see
    /// their account; the text is the name of the provider.
    SentUpstream(String, Option<ClientId>),
    /// A person logged in at a provider; the texts are its name and the subject here.
    LoggedInUpstream(String, String),
    /// A person who came back from a provider was not let in; the texts are its name and
    /// why exactly.
    UpstreamRefused(String, AuditReason, String),
    /// Somebody came to the address for people who come back from a provider, and is none
    /// of them or in the wrong browser; the texts are its name and why exactly.
    CallbackRefused(String, AuditReason, &'static str),
    /// The same browser sent the answer of a provider once more, and was told the same
    /// again; the text is the name of the provider.
    CallbackRepeated(String),
    /// A provider did not do what it should; the texts are its name and why exactly.
    UpstreamFailed(String, AuditReason, String),
    /// A person logged out; the text is the subject.
    LoggedOut(String),
    /// A login or a change of a password was refused; the text says why exactly.
    LoginRefused(AuditReason, &'static str),
    /// A person changed their password; the text is the subject.
    PasswordChanged(String),
    /// The first account was made; the text is the subject.
    AccountCreated(String),
    /// An administrator changed an account; the text is its subject.
    AccountAdministered(String, AccountChange),
    /// A link for the first account was used, had expired, or was none of ours.
    SetupRefused,
    /// A form was refused because another page or another login sent it.
    FormRefused,
    /// A person took back what they had allowed, or an administrator did.
    GrantRevoked(GrantId),
    /// A provider no longer accepts its tokens, and the grant that it stood behind was
    /// revoked; the text is the name of the provider.
    UpstreamEnded(GrantId, String),
    /// The tokens of a grant that has ended were revoked at the provider.
    UpstreamRevoked(GrantId, String),
    /// They could not be, for a week, and are forgotten.
    UpstreamNotRevoked(GrantId, String),
    /// A request was refused for its form, with this status (RFC 9110 §15.5).
    RequestRefused(StatusCode),
    /// Nothing could be decided; the text says why exactly.
    Unavailable(String),
}

/// What an administrator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Administered {
    /// It was added.
    Added,
    /// It was changed.
    Changed,
    /// It was deleted, with its grants.
    Deleted,
}

/// What an administrator did with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountChange {
    /// It was made.
    Added,
    /// It got another password; its sessions ended and its grants were revoked.
    PasswordSet,
    /// It was disabled; its sessions ended and its grants were revoked.
    Disabled,
    /// It can be used again.
    Enabled,
    /// It was deleted, with its sessions and grants.
    Deleted,
}

/// Why a client is not who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientRefusal {
    /// The credentials cannot be read, or are of another method.
    #[error(transparent)]
    Presented(#[from] ClientAuthenticationError),
    /// There is no such client.
    #[error("the client is unknown")]
    Unknown,
    /// The secret is another one, or has expired.
    #[error("the client secret is wrong or has expired")]
    Secret,
    /// The assertion is refused.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// The assertion was used before (RFC 7523 §3, 7).
    #[error("the client assertion was used before")]
    AssertionReplayed,
    /// The keys of the client are not to be had.
    #[error("the keys of the client cannot be read")]
    Keys,
    /// It is public, where a client must prove who it is.
    #[error("a public client may not do this")]
    Public,
    /// Too many attempts.
    #[error("too many failed attempts")]
    Throttled,
}

tokio::task_local! {
    /// The request that is answered.
    static CURRENT: Arc<Current>;
}

/// A request that is answered.
#[derive(Debug)]
struct Current {
    id: Option<Text>,
    address: Option<IpAddr>,
    was_noted: AtomicBool,
}

impl ClientRefusal {
    /// The reason as one stable word, for the audit log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Presented(_) => "malformed_credential",
            Self::Unknown => "unknown_client",
            Self::Secret => "wrong_secret",
            Self::Assertion(_) => "bad_assertion",
            Self::AssertionReplayed => "replayed_assertion",
            Self::Keys => "no_keys",
            Self::Public => "public_client",
            Self::Throttled => "rate_limited",
        }
    }
}

/// Adds to each event when it came about and in which request.
#[derive(Clone, Debug)]
pub(crate) struct AuditTrail {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AuditTrail {
    /// Notes `event`.
    pub(crate) fn note(&self, event: AuditEvent) {
        let current = CURRENT.try_with(|current| {
            current.was_noted.store(true, Ordering::Relaxed);
            (current.id.clone(), current.address)
        });
        let (request, address) = current.unwrap_or_default();
        let mut record = event.record(self.clock.now_millis());
        record.request = request;
        record.address = address;
        self.sink.note(record);
    }

    /// Whether something was noted of the request that is answered.
    pub(crate) fn has_noted() -> bool {
        let noted = |current: &Arc<Current>| current.was_noted.load(Ordering::Relaxed);
        CURRENT.try_with(noted).unwrap_or_default()
    }

    /// Lets `answering` be that of the request `id` from `address`.
    pub(crate) async fn within<T>(
        id: Option<Text>,
        address: Option<IpAddr>,
        answering: impl Future<Output = T>,
    ) -> T {
        let current = Current {
            id,
            address,
            was_noted: AtomicBool::new(false),
        };
        CURRENT.scope(Arc::new(current), answering).await
    }

    /// Lets `answering`, which is about to become a task of its own, be that of the request
    /// that is answered here.
    pub(crate) fn carried<T>(answering: impl Future<Output = T>) -> impl Future<Output = T> {
        let current = CURRENT.try_with(Arc::clone).ok();
        async move {
            match current {
                Some(current) => CURRENT.scope(current, answering).await,
                None => answering.await,
            }
        }
    }
}
