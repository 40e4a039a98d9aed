//! What happened, for whoever watches: one event for each decision, with a stable
//! reason and without secrets.

use std::fmt;

use countersign_oauth::ClientId;
use countersign_oauth::client_authentication::ClientAuthenticationError;
use countersign_oauth::client_authentication::assertion::AssertionError;
use countersign_oauth::grant_type::GrantType;
use countersign_store::GrantId;

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuditEvent {
    /// An authorization request was refused; the text is the reason.
    AuthorizationRefused(String),
    /// A person consented and a code was issued.
    CodeIssued(ClientId, GrantId),
    /// A person, or the server for them, said no.
    ConsentDenied(ClientId),
    /// Tokens were issued.
    TokensIssued(ClientId, GrantId, GrantType),
    /// An administrator made an access token to try a server with.
    TestTokenIssued(GrantId),
    /// A token request was refused; the text is the reason.
    TokenRequestRefused(ClientId, String),
    /// A client did not authenticate.
    ClientRefused(Option<ClientId>, ClientRefusal),
    /// A code or refresh token was used again, and its grant was revoked.
    ReplayDetected(ClientId, GrantId),
    /// A code was withdrawn after too many failed redemptions.
    CodeWithdrawn(ClientId, GrantId),
    /// A token was revoked by its client.
    TokenRevoked(ClientId, GrantId),
    /// A client registered itself.
    ClientRegistered(ClientId),
    /// A registration was refused; the text is the reason.
    RegistrationRefused(String),
    /// The signing key was changed; the text is the new key id.
    KeyRotated(String),
    /// A person logged in; the text is the subject.
    LoggedIn(String),
    /// A person logged out; the text is the subject.
    LoggedOut(String),
    /// A login or a change of a password was refused; the text is the reason.
    LoginRefused(&'static str),
    /// A person changed their password; the text is the subject.
    PasswordChanged(String),
    /// The first account was made; the text is the subject.
    AccountCreated(String),
    /// A link for the first account was used, had expired, or was none of ours.
    SetupRefused,
    /// A form was refused because another page or another login sent it.
    FormRefused,
    /// A person took back what they had allowed.
    GrantRevoked(GrantId),
    /// Nothing could be decided; the text is the reason.
    Unavailable(String),
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
    /// Too many attempts.
    #[error("too many failed attempts")]
    Throttled,
}

/// Takes events. It must not block.
pub trait Audit: fmt::Debug + Send + Sync + 'static {
    /// Notes `event`.
    fn note(&self, event: AuditEvent);
}

/// Writes events to the log.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LogAudit;

impl Audit for LogAudit {
    fn note(&self, event: AuditEvent) {
        match event {
            AuditEvent::ReplayDetected(..) | AuditEvent::CodeWithdrawn(..) => {
                tracing::warn!(target: "countersign::audit", ?event);
            }
            AuditEvent::Unavailable(_) => {
                tracing::error!(target: "countersign::audit", ?event);
            }
            _ => tracing::info!(target: "countersign::audit", ?event),
        }
    }
}
