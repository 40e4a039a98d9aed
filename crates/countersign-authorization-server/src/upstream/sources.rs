//! Where it is said who logged in: the ID token, the userinfo endpoint, the introspection
//! endpoint, or an access token that is a JWT. OpenID Connect Core 1.0 §3.1.3.7 and §5.3,
//! RFC 7662 §2, RFC 9068 §4.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use countersign_oauth::claims::ClaimsPolicy;
use countersign_oauth::id_token::IdTokenRules;
use countersign_oauth::jose::VerifiedJws;
use countersign_oauth::{Lifetime, Secret, UnixTime, json};
use countersign_resource_server::IssuerKeys;
use countersign_resource_server::provider::{IdentitySource, IssuerRule, ListProfile};
use http::header::AUTHORIZATION;
use http::{Method, Response};
use serde_json::{Map, Value};

use super::credentials::sensitive;
use super::endpoint::{Endpoint, is_issuer};
use super::error::UpstreamError;
use super::identity::{self, UpstreamIdentity};
use super::token_endpoint::request;
use super::token_response::TokenAnswer;
use super::{AttemptSecrets, Upstream};
use crate::random::Random;

/// How far the clocks of provider and server may differ.
const LEEWAY: Lifetime = Lifetime::from_secs(60);

/// A document about a person, and who vouches for it.
struct Testimony {
    issuer: String,
    document: Value,
}

impl Upstream {
    /// Finds out who logged in, and whether they may.
    pub(super) async fn identify(
        &self,
        answer: &TokenAnswer,
        attempt: &AttemptSecrets,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<UpstreamIdentity, UpstreamError> {
        let profile = &self.0.login.identity;
        let access_token = &answer.tokens.access_token;
        let id_token = self.id_token(answer, attempt, now).await?;
        let testimony = match (profile.source, id_token) {
            (IdentitySource::IdToken, Some(testimony)) => testimony,
            (IdentitySource::IdToken, None) => return Err(self.no_id_token()),
            (IdentitySource::Userinfo, id_token) => {
                self.userinfo(access_token, id_token.as_ref(), now).await?
            }
            (IdentitySource::Introspection, _) => {
                self.introspection(access_token, now, random).await?
            }
            (IdentitySource::AccessToken, _) => self.claims_of(access_token, now).await?,
        };
        let document = &testimony.document;
        if let Some(pin) = &profile.application
            && !pin.admits(document, self.client_id())
        {
            return Err(another_application());
        }
        let mut identity = identity::read(profile, testimony.issuer, document)?;
        let addresses = self.addresses(access_token).await?;
        identity
            .groups
            .extend(self.listed_groups(access_token).await?);
        let organisations = identity::organisations(profile, &identity, &addresses);
        if let Some(first) = organisations.first() {
            identity.domain = Some(first.as_str().to_owned());
        }
        self.0.rules.check(&identity, &organisations)?;
        Ok(identity)
    }

    /// The ID token, verified. There must be one where it says who it is, and where a nonce
    /// was sent that comes back in it; beside userinfo one is looked at if it came along.
    async fn id_token(
        &self,
        answer: &TokenAnswer,
        attempt: &AttemptSecrets,
        now: UnixTime,
    ) -> Result<Option<Testimony>, UpstreamError> {
        let source = self.0.login.identity.source;
        let is_needed = self.0.login.nonce || source == IdentitySource::IdToken;
        let Some(token) = &answer.id_token else {
            return if is_needed {
                Err(self.no_id_token())
            } else {
                Ok(None)
            };
        };
        let is_checked = source == IdentitySource::Userinfo
            && self.endpoint(Endpoint::Jwks, now).await?.is_some();
        if !is_needed && !is_checked {
            return Ok(None);
        }
        let access_token = &answer.tokens.access_token;
        let verified = self.verified_id_token(token, access_token, attempt, now);
        verified.await.map(Some)
    }

    fn no_id_token(&self) -> UpstreamError {
        let sentence = "the provider issues no ID token: is the scope openid asked?";
        self.0.asker.bad_answer(sentence)
    }

    async fn verified_id_token(
        &self,
        token: &Secret,
        access_token: &Secret,
        attempt: &AttemptSecrets,
        now: UnixTime,
    ) -> Result<Testimony, UpstreamError> {
        let signed = self.verified_jws(token, now).await?;
        let claims = claims_object(&signed)?;
        let issuer = self.expected_issuer(&claims, now).await?;
        self.check_key(&signed, &issuer)?;
        let rules = IdTokenRules {
            issuer: &issuer,
            client_id: self.client_id(),
            nonce: self.0.login.nonce.then_some(&attempt.nonce),
            access_token: Some(access_token),
            leeway: LEEWAY,
        };
        let checked = rules.check(signed.header(), &claims, now);
        checked.map_err(|error| UpstreamError::Identity(error.to_string()))?;
        Ok(Testimony {
            issuer,
            document: Value::Object(claims),
        })
    }

    /// RFC 9068 §4, without an audience of ours: the token is for the provider's own
    /// service, and counts because it was issued to our application a moment ago. Which
    /// it has to say (`client_id`, else `azp`).
    async fn claims_of(
        &self,
        access_token: &Secret,
        now: UnixTime,
    ) -> Result<Testimony, UpstreamError> {
        let signed = self.verified_jws(access_token, now).await?;
        let claims = claims_object(&signed)?;
        let issuer = self.expected_issuer(&claims, now).await?;
        self.check_key(&signed, &issuer)?;
        let policy = ClaimsPolicy::builder()
            .issuer(issuer.as_str())
            .leeway(LEEWAY)
            .build()
            .map_err(|error| UpstreamError::Identity(error.to_string()))?;
        let checked = policy.check(signed.header(), signed.payload(), now);
        let checked = checked.map_err(|error| UpstreamError::Identity(error.to_string()))?;
        let is_pinned = self.0.login.identity.application.is_some();
        if !is_pinned && checked.client_id.as_deref() != Some(self.client_id()) {
            return Err(another_application());
        }
        Ok(Testimony {
            issuer,
            document: Value::Object(claims),
        })
    }

    /// OpenID Connect Core §5.3.2: "The sub Claim in the UserInfo Response MUST be
    /// verified to exactly match the sub Claim in the ID Token; if they do not match, the
    /// UserInfo Response values MUST NOT be used."
    async fn userinfo(
        &self,
        access_token: &Secret,
        id_token: Option<&Testimony>,
        now: UnixTime,
    ) -> Result<Testimony, UpstreamError> {
        let address = self.needed(Endpoint::Userinfo, now).await?;
        let what = Endpoint::Userinfo.what();
        let answer = self.ask_with_bearer(what, &address, access_token).await?;
        let document = self.0.asker.expect_object(what, &answer)?;
        let issuer = match id_token {
            None => self.expected_issuer(&document, now).await?,
            Some(id_token) if document.get("sub") == id_token.document.get("sub") => {
                id_token.issuer.clone()
            }
            Some(_) => {
                return Err(UpstreamError::Identity(
                    "the userinfo endpoint describes somebody else than the ID token".to_owned(),
                ));
            }
        };
        Ok(Testimony {
            issuer,
            document: Value::Object(document),
        })
    }

    async fn introspection(
        &self,
        access_token: &Secret,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Testimony, UpstreamError> {
        let profile = &self.0.provider.introspection;
        let answer = self
            .ask_about_token(
                Endpoint::Introspection,
                &profile.request,
                access_token,
                now,
                random,
            )
            .await?;
        let what = Endpoint::Introspection.what();
        let inactive = || UpstreamError::Identity("the access token is not active".to_owned());
        if profile.active_by_status && answer.status().is_client_error() {
            return Err(inactive());
        }
        let document = Value::Object(self.0.asker.expect_object(what, &answer)?);
        if !profile.active_by_status && profile.active.find(&document) != Some(&Value::Bool(true)) {
            return Err(inactive());
        }
        // RFC 7662 §2.2: "client_id OPTIONAL". Where it is said it is ours.
        let is_pinned = self.0.login.identity.application.is_some();
        let client = document.get("client_id");
        if !is_pinned && client.is_some_and(|client| client != self.client_id()) {
            return Err(another_application());
        }
        let empty = Map::new();
        let members = document.as_object().unwrap_or(&empty);
        let issuer = self.expected_issuer(members, now).await?;
        let named = members.get("iss");
        if named.is_some_and(|named| *named != issuer) {
            return Err(UpstreamError::Identity(
                "the access token was issued by somebody else".to_owned(),
            ));
        }
        Ok(Testimony { issuer, document })
    }

    /// Who must vouch for somebody whose `claims` these are.
    async fn expected_issuer(
        &self,
        claims: &Map<String, Value>,
        now: UnixTime,
    ) -> Result<String, UpstreamError> {
        let rule = &self.0.login.identity.issuer;
        let metadata = match rule {
            IssuerRule::OfMetadata => self.issuer(now).await?,
            _ => None,
        };
        rule.expected(claims, metadata.as_deref()).ok_or_else(|| {
            UpstreamError::Identity("it is not certain who vouches for the person".to_owned())
        })
    }

    /// RFC 8725 §3.8: where tenants share a set of keys, a key that is that of one tenant
    /// speaks for no other.
    fn check_key(&self, signed: &VerifiedJws, issuer: &str) -> Result<(), UpstreamError> {
        let has_tenants = matches!(self.0.login.identity.issuer, IssuerRule::Template(_));
        match signed.key_issuer() {
            Some(of) if has_tenants && !is_issuer(issuer, of) => Err(UpstreamError::Identity(
                "the token is signed with a key of another tenant".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    async fn verified_jws(
        &self,
        token: &Secret,
        now: UnixTime,
    ) -> Result<VerifiedJws, UpstreamError> {
        let address = self.needed(Endpoint::Jwks, now).await?;
        let keys = self.keys(&address)?;
        let algorithms = &self.0.login.identity.algorithms;
        let verified = keys.verify(token.reveal(), algorithms, now).await?;
        verified.map_err(|error| UpstreamError::Identity(error.to_string()))
    }

    /// The keys at `address`, the same ones as long as the address stays.
    fn keys(&self, address: &str) -> Result<IssuerKeys, UpstreamError> {
        let mut known = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, keys)) = &*known
            && of == address
        {
            return Ok(keys.clone());
        }
        let keys = IssuerKeys::jwks(address, Arc::clone(self.0.asker.fetcher()));
        let keys = keys.map_err(|error| self.0.asker.bad_answer(&error.to_string()))?;
        *known = Some((address.to_owned(), keys.clone()));
        Ok(keys)
    }

    /// Verified addresses that the provider has elsewhere, if a rule depends on them.
    async fn addresses(&self, access_token: &Secret) -> Result<Vec<String>, UpstreamError> {
        match self.0.needed_email_list() {
            None => Ok(Vec::new()),
            Some(list) => {
                let what = "the e-mail addresses at the provider";
                self.list(what, list, access_token).await
            }
        }
    }

    /// Groups that the provider has elsewhere, if a rule depends on them.
    async fn listed_groups(&self, access_token: &Secret) -> Result<Vec<String>, UpstreamError> {
        match self.0.needed_group_list() {
            None => Ok(Vec::new()),
            Some(list) => {
                self.list("the groups at the provider", list, access_token)
                    .await
            }
        }
    }

    async fn list(
        &self,
        what: &str,
        list: &ListProfile,
        access_token: &Secret,
    ) -> Result<Vec<String>, UpstreamError> {
        let answer = self
            .ask_with_bearer(what, &list.endpoint, access_token)
            .await?;
        let document = self.0.asker.expect_json(what, &answer)?;
        list.values(&document).ok_or_else(|| {
            let sentence = format!("the answer about {what} is no list");
            self.0.asker.bad_answer(&sentence)
        })
    }

    async fn ask_with_bearer(
        &self,
        what: &str,
        address: &str,
        access_token: &Secret,
    ) -> Result<Response<Bytes>, UpstreamError> {
        let mut request = request(Method::GET, address)?;
        let bearer = sensitive("Bearer", access_token)?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
        self.0.asker.ask(what, request).await
    }
}

fn claims_object(signed: &VerifiedJws) -> Result<Map<String, Value>, UpstreamError> {
    json::parse_object(signed.payload())
        .map_err(|error| UpstreamError::Identity(format!("the claims cannot be read: {error}")))
}

fn another_application() -> UpstreamError {
    UpstreamError::Identity("the access token was issued to another application".to_owned())
}
