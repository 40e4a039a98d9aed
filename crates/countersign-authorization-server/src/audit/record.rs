//! What an event says, each thing under its name.

use countersign_audit::{Outcome, Record, Severity};

use countersign_oauth::authorization_error::AuthorizationErrorCode;

use super::{AccountChange, Administered, AuditEvent, AuditReason};

impl AuditEvent {
    /// The record of this event at the time `at`, in milliseconds since 1970.
    pub fn record(&self, at: u64) -> Record {
        let (event, sentence) = self.words();
        let of = Record::new(event, sentence, at)
            .outcome(self.outcome())
            .severity(self.severity());
        let of = match self.reason() {
            Some(word) => of.reason(word),
            None => of,
        };
        match self {
            Self::SetupRefused | Self::FormRefused | Self::InitialAccessTokenIssued => of,
            Self::AuthorizationRefused(_, detail)
            | Self::RegistrationRefused(_, detail)
            | Self::Unavailable(detail) => of.detail(detail.clone()),
            Self::LoginRefused(_, detail) => of.detail(*detail),
            Self::CodeIssued(client, grant, subject) => of
                .client(client.as_str().to_owned())
                .grant(grant.as_str().to_owned())
                .subject(subject.clone()),
            Self::ConsentDenied(client)
            | Self::AnswerRepeated(client)
            | Self::ClientRegistered(client)
            | Self::IntrospectionRefused(client)
            | Self::ClientAdministered(client, _) => of.client(client.as_str().to_owned()),
            Self::ReplayDetected(client, grant)
            | Self::CodeWithdrawn(client, grant)
            | Self::TokenRevoked(client, grant) => of
                .client(client.as_str().to_owned())
                .grant(grant.as_str().to_owned()),
            Self::TokensIssued(client, grant, grant_type) => of
                .client(client.as_str().to_owned())
                .grant(grant.as_str().to_owned())
                .grant_type(grant_type.as_str()),
            Self::TestTokenIssued(grant) | Self::GrantRevoked(grant) => {
                of.grant(grant.as_str().to_owned())
            }
            Self::UpstreamEnded(grant, provider)
            | Self::UpstreamRevoked(grant, provider)
            | Self::UpstreamNotRevoked(grant, provider) => of
                .grant(grant.as_str().to_owned())
                .provider(provider.clone()),
            Self::TokenRequestRefused(client, grant, _, detail) => {
                let of = of.client(client.as_str().to_owned()).detail(detail.clone());
                match grant {
                    Some(grant) => of.grant(grant.as_str().to_owned()),
                    None => of,
                }
            }
            Self::RevocationRefused(client, _, detail) => {
                of.client(client.as_str().to_owned()).detail(*detail)
            }
            Self::ClientRefused(client, refusal) => {
                let of = of.detail(refusal.to_string());
                match client {
                    Some(client) => of.client(client.as_str().to_owned()),
                    None => of,
                }
            }
            Self::LoggedIn(subject)
            | Self::LoggedOut(subject)
            | Self::PasswordChanged(subject)
            | Self::AccountCreated(subject)
            | Self::AccountAdministered(subject, _) => of.subject(subject.clone()),
            Self::KeyRotated(key) => of.key(key.clone()),
            Self::ApiKeyCreated(key, owner) => {
                of.key(key.as_str().to_owned()).subject(owner.clone())
            }
            Self::ApiKeyRotated(old, new) => of
                .key(old.as_str().to_owned())
                .detail(format!("{new} takes its place")),
            Self::ApiKeyRevoked(key) => of.key(key.as_str().to_owned()),
            Self::RequestRefused(status) => of.status(status.as_u16()),
            Self::SentUpstream(..)
            | Self::LoggedInUpstream(..)
            | Self::UpstreamRefused(..)
            | Self::UpstreamFailed(..)
            | Self::CallbackRepeated(_)
            | Self::CallbackRefused(..) => self.at_provider(of),
        }
    }

    /// What is said about a login at a provider.
    fn at_provider(&self, of: Record) -> Record {
        match self {
            Self::SentUpstream(provider, client) => {
                let of = of.provider(provider.clone());
                match client {
                    Some(client) => of.client(client.as_str().to_owned()),
                    None => of,
                }
            }
            Self::LoggedInUpstream(provider, subject) => {
                of.provider(provider.clone()).subject(subject.clone())
            }
            Self::UpstreamRefused(provider, _, detail)
            | Self::UpstreamFailed(provider, _, detail) => {
                of.provider(provider.clone()).detail(detail.clone())
            }
            Self::CallbackRepeated(provider) => of.provider(provider.clone()),
            Self::CallbackRefused(provider, _, detail) => {
                of.provider(provider.clone()).detail(*detail)
            }
            _ => of,
        }
    }

    /// Why it was refused or failed, as one word of [`AuditReason::WORDS`].
    pub fn reason(&self) -> Option<&'static str> {
        let reason = match self {
            Self::AuthorizationRefused(reason, _)
            | Self::RegistrationRefused(reason, _)
            | Self::RevocationRefused(_, reason, _)
            | Self::LoginRefused(reason, _)
            | Self::CallbackRefused(_, reason, _)
            | Self::UpstreamRefused(_, reason, _)
            | Self::UpstreamFailed(_, reason, _) => *reason,
            Self::TokenRequestRefused(_, _, code, _) => AuditReason::Token(*code),
            Self::ClientRefused(_, refusal) => return Some(refusal.word()),
            Self::IntrospectionRefused(_) => AuditReason::OtherResource,
            Self::ConsentDenied(_) => {
                AuditReason::Authorization(AuthorizationErrorCode::AccessDenied)
            }
            Self::SetupRefused => AuditReason::UnusableLink,
            Self::FormRefused => AuditReason::ForgedForm,
            Self::RequestRefused(status) => AuditReason::Status(*status),
            Self::Unavailable(_) => AuditReason::Unavailable,
            Self::UpstreamNotRevoked(..) => AuditReason::ProviderUnavailable,
            _ => return None,
        };
        Some(reason.word())
    }

    /// What became of it.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::AuthorizationRefused(..)
            | Self::ConsentDenied(_)
            | Self::TokenRequestRefused(..)
            | Self::ClientRefused(..)
            | Self::RevocationRefused(..)
            | Self::IntrospectionRefused(_)
            | Self::RegistrationRefused(..)
            | Self::UpstreamRefused(..)
            | Self::CallbackRefused(..)
            | Self::LoginRefused(..)
            | Self::SetupRefused
            | Self::FormRefused
            | Self::RequestRefused(_) => Outcome::Refused,
            Self::UpstreamFailed(..) | Self::UpstreamNotRevoked(..) | Self::Unavailable(_) => {
                Outcome::Failed
            }
            Self::CodeIssued(..)
            | Self::AnswerRepeated(_)
            | Self::CallbackRepeated(_)
            | Self::TokensIssued(..)
            | Self::ClientRegistered(_)
            | Self::LoggedIn(_)
            | Self::LoggedInUpstream(..) => Outcome::Allowed,
            Self::TestTokenIssued(_)
            | Self::ReplayDetected(..)
            | Self::CodeWithdrawn(..)
            | Self::TokenRevoked(..)
            | Self::ClientAdministered(..)
            | Self::InitialAccessTokenIssued
            | Self::KeyRotated(_)
            | Self::ApiKeyCreated(..)
            | Self::ApiKeyRotated(..)
            | Self::ApiKeyRevoked(_)
            | Self::SentUpstream(..)
            | Self::LoggedOut(_)
            | Self::PasswordChanged(_)
            | Self::AccountCreated(_)
            | Self::AccountAdministered(..)
            | Self::GrantRevoked(_)
            | Self::UpstreamEnded(..)
            | Self::UpstreamRevoked(..) => Outcome::Noted,
        }
    }

    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::ReplayDetected(..) => Severity::Alert,
            Self::CodeWithdrawn(..)
            | Self::CallbackRefused(..)
            | Self::UpstreamFailed(..)
            | Self::UpstreamNotRevoked(..)
            | Self::Unavailable(_) => Severity::Warning,
            Self::TestTokenIssued(_)
            | Self::ClientAdministered(..)
            | Self::InitialAccessTokenIssued
            | Self::AccountCreated(_)
            | Self::AccountAdministered(..)
            | Self::PasswordChanged(_)
            | Self::KeyRotated(_)
            | Self::ApiKeyCreated(..)
            | Self::ApiKeyRotated(..)
            | Self::ApiKeyRevoked(_)
            | Self::UpstreamEnded(..) => Severity::Notice,
            _ => match self.outcome() {
                Outcome::Refused => Severity::Notice,
                _ => Severity::Info,
            },
        }
    }

    /// Its name for programs, and what it is in words.
    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::AuthorizationRefused(..) => (
                "authorization_refused",
                "an authorization request was refused",
            ),
            Self::CodeIssued(..) => ("code_issued", "a person consented and a code was issued"),
            Self::ConsentDenied(_) => ("consent_denied", "a person said no"),
            Self::AnswerRepeated(_) => ("answer_repeated", "a person gave the same answer twice"),
            Self::TokensIssued(..) => ("tokens_issued", "tokens were issued"),
            Self::TestTokenIssued(_) => {
                ("test_token_issued", "an administrator made an access token")
            }
            Self::TokenRequestRefused(..) => {
                ("token_request_refused", "a token request was refused")
            }
            Self::ClientRefused(..) => ("client_refused", "a client did not authenticate"),
            Self::ReplayDetected(..) => (
                "replay_detected",
                "something was used twice, and its grant was revoked",
            ),
            Self::CodeWithdrawn(..) => (
                "code_withdrawn",
                "a code was withdrawn after failed redemptions",
            ),
            Self::TokenRevoked(..) => ("token_revoked", "a client revoked a token"),
            Self::RevocationRefused(..) => ("revocation_refused", "a revocation was refused"),
            Self::IntrospectionRefused(_) => (
                "introspection_refused",
                "a client was told nothing about a token",
            ),
            Self::ClientRegistered(_) => ("client_registered", "a client registered itself"),
            Self::ClientAdministered(_, done) => of_client(*done),
            Self::InitialAccessTokenIssued => (
                "initial_access_token_issued",
                "an administrator made a token for one registration",
            ),
            Self::RegistrationRefused(..) => ("registration_refused", "a registration was refused"),
            Self::ApiKeyCreated(..) => ("api_key_created", "an API key was made"),
            Self::ApiKeyRotated(..) => ("api_key_rotated", "an API key was replaced by another"),
            Self::ApiKeyRevoked(_) => ("api_key_revoked", "an API key was revoked"),
            Self::KeyRotated(_) => ("key_rotated", "there is a new signing key"),
            Self::LoggedIn(_) => ("logged_in", "a person logged in"),
            Self::SentUpstream(..)
            | Self::LoggedInUpstream(..)
            | Self::UpstreamRefused(..)
            | Self::CallbackRepeated(_)
            | Self::CallbackRefused(..)
            | Self::UpstreamFailed(..)
            | Self::UpstreamEnded(..)
            | Self::UpstreamRevoked(..)
            | Self::UpstreamNotRevoked(..) => self.words_about_provider(),
            Self::LoggedOut(_) => ("logged_out", "a person logged out"),
            Self::LoginRefused(..) => ("login_refused", "a login or a new password was refused"),
            Self::PasswordChanged(_) => ("password_changed", "a person changed their password"),
            Self::AccountCreated(_) => ("account_created", "the first account was made"),
            Self::AccountAdministered(_, change) => of_account(*change),
            Self::SetupRefused => ("setup_refused", "a link for the first account was refused"),
            Self::FormRefused => (
                "form_refused",
                "a form of another page or login was refused",
            ),
            Self::GrantRevoked(_) => ("grant_revoked", "a grant was revoked"),
            Self::RequestRefused(_) => ("request_refused", "a request was refused"),
            Self::Unavailable(_) => ("unavailable", "nothing could be decided"),
        }
    }

    /// The same, of the events that have to do with a provider.
    const fn words_about_provider(&self) -> (&'static str, &'static str) {
        match self {
            Self::SentUpstream(..) => {
                ("sent_upstream", "a person was sent to a provider to log in")
            }
            Self::LoggedInUpstream(..) => {
                ("logged_in_upstream", "a person logged in at a provider")
            }
            Self::UpstreamRefused(..) => (
                "upstream_refused",
                "a person who came back from a provider was not let in",
            ),
            Self::CallbackRepeated(_) => (
                "callback_repeated",
                "a browser came back from a provider twice, and was told the same",
            ),
            Self::CallbackRefused(..) => (
                "callback_refused",
                "somebody came back from a provider who was not sent there",
            ),
            Self::UpstreamFailed(..) => ("upstream_failed", "a provider failed"),
            Self::UpstreamEnded(..) => (
                "upstream_ended",
                "a provider no longer stands behind a grant, and it was revoked",
            ),
            Self::UpstreamRevoked(..) => (
                "upstream_revoked",
                "the tokens of a grant were revoked at the provider",
            ),
            // The last of them.
            _ => (
                "upstream_not_revoked",
                "the tokens of a grant could not be revoked at the provider",
            ),
        }
    }
}

const fn of_account(change: AccountChange) -> (&'static str, &'static str) {
    match change {
        AccountChange::Added => ("account_added", "an administrator made an account"),
        AccountChange::PasswordSet => ("account_password_set", "an administrator set a password"),
        AccountChange::Disabled => ("account_disabled", "an administrator disabled an account"),
        AccountChange::Enabled => ("account_enabled", "an administrator enabled an account"),
        AccountChange::Deleted => ("account_deleted", "an administrator deleted an account"),
    }
}

const fn of_client(done: Administered) -> (&'static str, &'static str) {
    match done {
        Administered::Added => ("client_added", "an administrator registered a client"),
        Administered::Changed => ("client_changed", "an administrator changed a client"),
        Administered::Deleted => ("client_deleted", "an administrator deleted a client"),
    }
}
