//! What an event says, each thing under its name.

use std::borrow::Cow;

use super::{AccountChange, Administered, AuditEvent};

/// An event taken apart, for logs and databases.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditFields<'a> {
    /// Which event it is, such as `tokens_issued`; it stays the same over versions.
    pub event: &'static str,
    /// The same in words.
    pub sentence: &'static str,
    /// The id of the client.
    pub client: Option<&'a str>,
    /// The id of the grant.
    pub grant: Option<&'a str>,
    /// The subject of the person.
    pub subject: Option<&'a str>,
    /// Why something was refused. It can have words of a request in it: it must be
    /// escaped where it is written.
    pub reason: Option<Cow<'a, str>>,
    /// For which grant type tokens were issued.
    pub grant_type: Option<&'static str>,
    /// The id of the signing key, or of the API key.
    pub key: Option<&'a str>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The name of the upstream provider.
    pub provider: Option<&'a str>,
}

impl<'a> AuditFields<'a> {
    const fn of(event: &'static str, sentence: &'static str) -> Self {
        Self {
            event,
            sentence,
            client: None,
            grant: None,
            subject: None,
            reason: None,
            grant_type: None,
            key: None,
            status: None,
            provider: None,
        }
    }

    const fn provider(mut self, provider: &'a str) -> Self {
        self.provider = Some(provider);
        self
    }

    const fn client(mut self, client: &'a str) -> Self {
        self.client = Some(client);
        self
    }

    const fn grant(mut self, grant: &'a str) -> Self {
        self.grant = Some(grant);
        self
    }

    const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self
    }

    fn because(mut self, reason: impl Into<Cow<'a, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl AuditEvent {
    /// What is in this event.
    pub fn fields(&self) -> AuditFields<'_> {
        let (event, sentence) = self.words();
        let of = AuditFields::of(event, sentence);
        match self {
            Self::SetupRefused | Self::FormRefused | Self::InitialAccessTokenIssued => of,
            Self::AuthorizationRefused(reason)
            | Self::RegistrationRefused(reason)
            | Self::Unavailable(reason) => of.because(reason),
            Self::LoginRefused(reason) => of.because(*reason),
            Self::CodeIssued(client, grant, subject) => of
                .client(client.as_str())
                .grant(grant.as_str())
                .subject(subject),
            Self::ConsentDenied(client)
            | Self::AnswerRepeated(client)
            | Self::ClientRegistered(client)
            | Self::ClientAdministered(client, _) => of.client(client.as_str()),
            Self::ReplayDetected(client, grant)
            | Self::CodeWithdrawn(client, grant)
            | Self::TokenRevoked(client, grant) => of.client(client.as_str()).grant(grant.as_str()),
            Self::TokensIssued(client, grant, grant_type) => AuditFields {
                grant_type: Some(grant_type.as_str()),
                ..of.client(client.as_str()).grant(grant.as_str())
            },
            Self::TestTokenIssued(grant) | Self::GrantRevoked(grant) => of.grant(grant.as_str()),
            Self::UpstreamEnded(grant, provider)
            | Self::UpstreamRevoked(grant, provider)
            | Self::UpstreamNotRevoked(grant, provider) => {
                of.grant(grant.as_str()).provider(provider)
            }
            Self::TokenRequestRefused(client, reason) => of.client(client.as_str()).because(reason),
            Self::RevocationRefused(client, reason)
            | Self::IntrospectionRefused(client, reason) => {
                of.client(client.as_str()).because(*reason)
            }
            Self::SentUpstream(provider, client) => AuditFields {
                client: client.as_ref().map(|client| client.as_str()),
                ..of.provider(provider)
            },
            Self::LoggedInUpstream(provider, subject) => of.provider(provider).subject(subject),
            Self::UpstreamRefused(provider, reason) | Self::UpstreamFailed(provider, reason) => {
                of.provider(provider).because(reason)
            }
            Self::CallbackRepeated(provider) => of.provider(provider),
            Self::CallbackRefused(provider, reason) => of.provider(provider).because(*reason),
            Self::ClientRefused(client, refusal) => AuditFields {
                client: client.as_ref().map(|client| client.as_str()),
                ..of.because(refusal.to_string())
            },
            Self::LoggedIn(subject)
            | Self::LoggedOut(subject)
            | Self::PasswordChanged(subject)
            | Self::AccountCreated(subject)
            | Self::AccountAdministered(subject, _) => of.subject(subject),
            Self::KeyRotated(key) => AuditFields {
                key: Some(key),
                ..of
            },
            Self::ApiKeyCreated(key, owner) => AuditFields {
                key: Some(key.as_str()),
                ..of.subject(owner)
            },
            Self::ApiKeyRotated(old, new) => AuditFields {
                key: Some(old.as_str()),
                ..of.because(format!("{new} takes its place"))
            },
            Self::ApiKeyRevoked(key) => AuditFields {
                key: Some(key.as_str()),
                ..of
            },
            Self::RequestRefused(status) => AuditFields {
                status: Some(*status),
                ..of
            },
        }
    }

    /// Its name for programs, and what it is in words.
    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::AuthorizationRefused(_) => (
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
            Self::IntrospectionRefused(..) => (
                "introspection_refused",
                "a client was told nothing about a token",
            ),
            Self::ClientRegistered(_) => ("client_registered", "a client registered itself"),
            Self::ClientAdministered(_, done) => of_client(*done),
            Self::InitialAccessTokenIssued => (
                "initial_access_token_issued",
                "an administrator made a token for one registration",
            ),
            Self::RegistrationRefused(_) => ("registration_refused", "a registration was refused"),
            Self::ApiKeyCreated(..) => ("api_key_created", "an API key was made"),
            Self::ApiKeyRotated(..) => ("api_key_rotated", "an API key was replaced by another"),
            Self::ApiKeyRevoked(_) => ("api_key_revoked", "an API key was revoked"),
            Self::KeyRotated(_) => ("key_rotated", "there is a new signing key"),
            Self::LoggedIn(_) => ("logged_in", "a person logged in"),
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
            Self::LoggedOut(_) => ("logged_out", "a person logged out"),
            Self::LoginRefused(_) => ("login_refused", "a login or a new password was refused"),
            Self::PasswordChanged(_) => ("password_changed", "a person changed their password"),
            Self::AccountCreated(_) => ("account_created", "the first account was made"),
            Self::AccountAdministered(_, change) => of_account(*change),
            Self::SetupRefused => ("setup_refused", "a link for the first account was refused"),
            Self::FormRefused => (
                "form_refused",
                "a form of another page or login was refused",
            ),
            Self::GrantRevoked(_) => ("grant_revoked", "a grant was revoked"),
            Self::UpstreamEnded(..) => (
                "upstream_ended",
                "a provider no longer stands behind a grant, and it was revoked",
            ),
            Self::UpstreamRevoked(..) => (
                "upstream_revoked",
                "the tokens of a grant were revoked at the provider",
            ),
            Self::UpstreamNotRevoked(..) => (
                "upstream_not_revoked",
                "the tokens of a grant could not be revoked at the provider",
            ),
            Self::RequestRefused(_) => ("request_refused", "a request was refused"),
            Self::Unavailable(_) => ("unavailable", "nothing could be decided"),
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
