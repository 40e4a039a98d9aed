//! The only file that makes codes and tokens: RFC 6749 §1.3.1, §1.4 and §1.5,
//! RFC 9068 §2.
//!
//! Each is 256 random bits, of which the store gets a hash, and a record that hangs
//! on its grant, so that revoking the grant ends it. A signed access token is
//! recorded for the same reason, under the hash of its whole text: its id is no
//! secret, and must not become one.

use countersign_oauth::access_token_claims::{AccessTokenClaims, TYP};
use countersign_oauth::bearer::Scheme;
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::grant::{GrantState, GrantStep, IllegalStep};
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::jose::sign_compact;
use countersign_oauth::pkce::CodeChallenge;
use countersign_oauth::redirect_uri::VerifiedRedirect;
use countersign_oauth::token_response::TokenResponse;
use countersign_oauth::{ScopeSet, Secret, UnixTime};
use countersign_store::{Key, Record, SecretHash, Write};

use crate::client::Client;
use crate::grant::{AccessTokenBody, CodeBody, Granted, RefreshTokenBody};
use crate::possession::Proof;
use crate::random::{draw_id, draw_secret};
use crate::server::Inner;
use crate::settings::AccessTokenFormat;
use crate::unavailable::Unavailable;

/// Whether the tokens come with a refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refreshable {
    /// They do, bound to the key of the proof if there is one: for public clients, which
    /// have nothing else that a thief would lack (RFC 9449 §5).
    WithKey,
    /// They do.
    Yes,
    No,
}

impl Refreshable {
    /// What refresh tokens of `client` are like.
    pub(crate) const fn of(client: &Client) -> Self {
        match client.is_confidential() {
            true => Self::Yes,
            false => Self::WithKey,
        }
    }
}

/// Tokens that exist as soon as `writes` are applied.
pub(crate) struct Issued {
    pub(crate) response: TokenResponse,
    pub(crate) writes: Vec<Write>,
}

impl Inner {
    /// A code for `granted`, bound to an address and a proof key (RFC 6749 §4.1.2),
    /// and the records of the code and of its grant.
    pub(crate) fn issue_code(
        &self,
        granted: &Granted,
        redirect: &VerifiedRedirect,
        code_challenge: CodeChallenge,
        dpop_jkt: Option<Thumbprint>,
    ) -> Result<(Secret, Vec<Write>), Unavailable> {
        let now = self.now();
        let code = draw_secret(self.random.as_ref())?;
        let key = Key::authorization_code(SecretHash::of(&code));
        let expires_at = now.saturating_add(self.settings.lifetimes.code);
        let record = self
            .hanging(key, granted, expires_at.min(granted.expires_at))
            .with_body(&CodeBody {
                grant: granted.body(),
                redirect_uri: redirect.uri().as_str().to_owned(),
                redirect_uri_was_sent: redirect.was_sent(),
                code_challenge,
                dpop_jkt,
            })?;
        let state = after_consent().map_err(|_| Unavailable::Login)?;
        let grant = self.grant_record(granted, state)?;
        Ok((code, vec![Write::Insert(grant), Write::Insert(record)]))
    }

    /// Tokens of `granted` that permit `scope`, a part of what was granted, bound to the key
    /// of `proof` if there is one, which is used up with them.
    pub(crate) async fn issue_tokens(
        &self,
        granted: &Granted,
        scope: ScopeSet,
        refreshable: Refreshable,
        proof: Option<&Proof>,
    ) -> Result<Issued, Unavailable> {
        let now = self.now();
        let end = now
            .saturating_add(self.settings.lifetimes.access_token)
            .min(granted.expires_at);
        let access_token = self
            .make_access_token(granted, &scope, proof, (now, end))
            .await?;
        let key = Key::access_token(SecretHash::of(&access_token));
        let record = self
            .hanging(key, granted, end)
            .with_body(&AccessTokenBody {
                resource: granted.resource.as_str().to_owned(),
                scope: scope.to_string(),
                act: granted.act.clone(),
                jkt: proof.map(Proof::key),
            })?;
        let mut writes = vec![Write::Insert(record)];
        writes.extend(proof.map(Proof::used));
        let mut response = TokenResponse::new(access_token, end.since(now), scope);
        response.resource = Some(granted.resource.clone());
        if proof.is_some() {
            response.token_type = Scheme::Dpop;
        }
        if refreshable != Refreshable::No {
            let token = draw_secret(self.random.as_ref())?;
            let key = Key::refresh_token(SecretHash::of(&token));
            let with_key = refreshable == Refreshable::WithKey;
            let body = RefreshTokenBody {
                grant: granted.body(),
                jkt: proof.filter(|_| with_key).map(Proof::key),
                answered: None,
            };
            let record = self.hanging(key, granted, self.refresh_token_end(granted));
            writes.push(Write::Insert(record.with_body(&body)?));
            response.refresh_token = Some(token);
        }
        Ok(Issued { response, writes })
    }

    /// The end of a refresh token of `granted` that is used now or given out now.
    pub(crate) fn refresh_token_end(&self, granted: &Granted) -> UnixTime {
        let idle = self.settings.lifetimes.refresh_token;
        self.now().saturating_add(idle).min(granted.expires_at)
    }

    /// The record of a grant in `state`.
    pub(crate) fn grant_record(
        &self,
        granted: &Granted,
        state: GrantState,
    ) -> Result<Record, Unavailable> {
        Ok(Record::new(Key::grant(&granted.id), self.now())
            .in_state(state)
            .about(granted.store_subject())
            .of_client(granted.store_client())
            .expiring(granted.expires_at)
            .with_body(&granted.body())?)
    }

    async fn make_access_token(
        &self,
        granted: &Granted,
        scope: &ScopeSet,
        proof: Option<&Proof>,
        (now, end): (UnixTime, UnixTime),
    ) -> Result<Secret, Unavailable> {
        if self.settings.access_token_format == AccessTokenFormat::Opaque {
            return self
                .make_opaque_token(granted, scope, proof, (now, end))
                .await;
        }
        let jti = draw_id(self.random.as_ref())?;
        let mut claims = AccessTokenClaims::new(
            self.settings.issuer.clone(),
            granted.subject.as_str(),
            granted.resource.clone(),
            granted.client.clone(),
            now,
            end.since(now),
            jti,
        );
        claims.scope = scope.clone();
        claims.jkt = proof.map(Proof::key);
        claims.act.clone_from(&granted.act);
        if let Some(more) = &self.claims {
            more.add(&granted.subject, &mut claims.added);
        }
        let key = self.keys().await?.signing(now)?;
        let generator = aws_lc_rs::rand::SystemRandom::new();
        let token = sign_compact(Some(TYP), claims.to_json().as_bytes(), &key, &generator)
            .map_err(|_| Unavailable::SigningKey("the key cannot sign"))?;
        Ok(Secret::new(token))
    }

    async fn make_opaque_token(
        &self,
        granted: &Granted,
        scope: &ScopeSet,
        proof: Option<&Proof>,
        (now, end): (UnixTime, UnixTime),
    ) -> Result<Secret, Unavailable> {
        let Some(manager) = &self.token_manager else {
            return draw_secret(self.random.as_ref());
        };
        let (issuer, client) = (self.settings.issuer.as_str(), granted.client.as_str());
        let mut token = ActiveToken::new(issuer, granted.subject.as_str(), client, now, end);
        token.aud = Some(granted.resource.as_str().to_owned());
        token.scope = scope.clone();
        token.act.clone_from(&granted.act);
        if let Some(proof) = proof {
            token = token.bound_to(proof.key());
        }
        manager.generate(&token, &granted.id).await
    }

    fn hanging(&self, key: Key, granted: &Granted, end: UnixTime) -> Record {
        Record::new(key, self.now())
            .in_grant(granted.id.clone())
            .about(granted.store_subject())
            .of_client(granted.store_client())
            .expiring(end)
    }
}

/// The state of a grant of which a person has just been asked.
fn after_consent() -> Result<GrantState, IllegalStep> {
    GrantState::Pending
        .after(GrantStep::Consent)?
        .after(GrantStep::IssueCode)
}
