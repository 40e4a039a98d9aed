//! Checking claims, in the order of RFC 9068 §4.

use std::sync::Arc;

use super::error::ClaimsError;
use super::numeric_date::{self, Round};
use super::policy::{ClaimsPolicy, TypPolicy};
use crate::dpop::{Thumbprint, confirmed_key};
use crate::jose::Header;
use crate::json::{Json, JsonError, Object};
use crate::scope::{ScopeSet, ScopeToken};
use crate::time::UnixTime;

/// The longest subject, in bytes.
pub const MAX_SUBJECT_BYTES: usize = 1024;

/// The claims of a token that fits a [`ClaimsPolicy`].
///
/// The signature is not part of this: the caller verified it before.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// Who issued the token (RFC 7519 §4.1.1), as written.
    pub iss: Option<Arc<str>>,
    /// Whom the token is about (RFC 7519 §4.1.2). Unique only together with `iss`.
    pub sub: Arc<str>,
    /// Whom the token is meant for (RFC 7519 §4.1.3); empty if it does not say.
    pub aud: Vec<String>,
    /// When the token expires (RFC 7519 §4.1.4).
    pub exp: UnixTime,
    /// When the token starts to be valid (RFC 7519 §4.1.5).
    pub nbf: Option<UnixTime>,
    /// When the token was issued (RFC 7519 §4.1.6).
    pub iat: Option<UnixTime>,
    /// What the token permits (RFC 8693 §4.2); empty if it does not say.
    pub scopes: ScopeSet,
    /// The client the token was issued to: `client_id` (RFC 8693 §4.3), else `azp`.
    pub client_id: Option<Arc<str>>,
    /// The id of the token (RFC 7519 §4.1.7).
    pub jti: Option<Arc<str>>,
}

impl ClaimsPolicy {
    /// Checks a token whose signature is verified.
    ///
    /// `payload` is the decoded payload, `now` the time of the request.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`] says which rule is broken. An optional claim that is
    /// present must have the right type, also where nothing is expected of it.
    pub fn check(
        &self,
        header: &Header,
        payload: &[u8],
        now: UnixTime,
    ) -> Result<Claims, ClaimsError> {
        self.check_parsed(header, Object::parse(payload), None, now)
    }

    /// Checks a token whose signature is verified and whose payload was parsed before.
    ///
    /// `proven` is the key that whoever presents the token has proven to have
    /// ([`dpop::check`](crate::dpop::check)); a token that is bound to a key needs that
    /// one, and a token that is bound to none needs none.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_parsed(
        &self,
        header: &Header,
        payload: Result<Object<'_>, JsonError>,
        proven: Option<&Thumbprint>,
        now: UnixTime,
    ) -> Result<Claims, ClaimsError> {
        self.check_typ(header.typ.as_deref())?;
        let all = &payload.map_err(ClaimsError::Json)?;
        let known = &Known::among(all);
        check_binding(known.cnf, proven)?;
        refuse_other_kinds(known)?;
        let iss = self.check_issuer(known.iss)?;
        let aud = self.check_audience(known.aud)?;
        let (exp, nbf, iat) = self.check_times(known, now)?;
        let sub = check_subject(known.sub)?;
        let scopes = self.scopes(all)?;
        let client_id = optional_text(known.client_id, ClaimsError::ClientIdInvalid)?;
        let azp = optional_text(known.azp, ClaimsError::ClientIdInvalid)?;
        let jti = optional_text(known.jti, ClaimsError::TokenIdInvalid)?;
        if self
            .required
            .iter()
            .any(|name| all.get(name).is_none_or(Json::is_null))
        {
            return Err(ClaimsError::RequiredClaimMissing);
        }
        self.check_past(all, now)?;
        let client_id = client_id.or(azp).map(Arc::from);
        Ok(Claims {
            iss,
            sub,
            aud,
            exp,
            nbf,
            iat,
            scopes,
            client_id,
            jti: jti.map(Arc::from),
        })
    }

    /// RFC 9068 §4: "The resource server MUST verify that the 'typ' header value
    /// is 'at+jwt' or 'application/at+jwt' and reject tokens carrying any other value."
    fn check_typ(&self, typ: Option<&str>) -> Result<(), ClaimsError> {
        let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        let access_token = is("at+jwt") || is("application/at+jwt");
        let accepted = match self.typ {
            TypPolicy::AccessToken => access_token,
            TypPolicy::JwtOrAccessToken => access_token || typ.is_none() || is("JWT"),
        };
        if accepted {
            Ok(())
        } else {
            Err(ClaimsError::Type)
        }
    }

    /// RFC 7519 §4.1.1, RFC 9068 §4: the issuer "MUST exactly match".
    fn check_issuer(&self, iss: Option<&Json<'_>>) -> Result<Option<Arc<str>>, ClaimsError> {
        let iss = optional_text(iss, ClaimsError::IssuerInvalid)?;
        if self.issuers.is_empty() {
            return Ok(iss.map(Arc::from));
        }
        let iss = iss.ok_or(ClaimsError::IssuerMissing)?;
        let mut accepted = self.issuers.iter();
        let accepted = accepted.find(|accepted| accepted.as_ref() == iss);
        // All tokens of an issuer share its name.
        let accepted = accepted.ok_or(ClaimsError::IssuerMismatch)?;
        Ok(Some(Arc::clone(accepted)))
    }

    /// RFC 7519 §4.1.3: "If the principal processing the claim does not identify
    /// itself with a value in the 'aud' claim when this claim is present, then
    /// the JWT MUST be rejected."
    fn check_audience(&self, aud: Option<&Json<'_>>) -> Result<Vec<String>, ClaimsError> {
        let aud = match aud {
            None if self.audiences.is_empty() => return Ok(Vec::new()),
            None => return Err(ClaimsError::AudienceMissing),
            Some(Json::Text(one)) => vec![one.to_string()],
            Some(Json::Array(many)) => many
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or(ClaimsError::AudienceInvalid)?,
            Some(_) => return Err(ClaimsError::AudienceInvalid),
        };
        if aud.is_empty() || aud.iter().any(String::is_empty) {
            return Err(ClaimsError::AudienceInvalid);
        }
        let ours = |one: &String| self.audiences.contains(one);
        let fits = if self.other_audiences_refused {
            aud.iter().all(ours)
        } else {
            aud.iter().any(ours)
        };
        if self.audiences.is_empty() || fits {
            Ok(aud)
        } else {
            Err(ClaimsError::AudienceMismatch)
        }
    }

    /// RFC 7519 §4.1.4 to §4.1.6.
    fn check_times(
        &self,
        known: &Known<'_, '_>,
        now: UnixTime,
    ) -> Result<(UnixTime, Option<UnixTime>, Option<UnixTime>), ClaimsError> {
        let date = |value: Option<&Json<'_>>, round, error| {
            value
                .map(|value| match value {
                    Json::Number(number) => numeric_date::parse(number, round).ok_or(error),
                    _ => Err(error),
                })
                .transpose()
        };
        let exp = date(known.exp, Round::Down, ClaimsError::ExpiryInvalid)?;
        let exp = exp.ok_or(ClaimsError::ExpiryMissing)?;
        let nbf = date(known.nbf, Round::Up, ClaimsError::NotBeforeInvalid)?;
        let iat = date(known.iat, Round::Up, ClaimsError::IssuedAtInvalid)?;
        let latest_start = now.saturating_add(self.leeway);
        if now >= exp.saturating_add(self.leeway) {
            return Err(ClaimsError::Expired);
        }
        if nbf.is_some_and(|nbf| nbf > latest_start) {
            return Err(ClaimsError::NotYetValid);
        }
        if iat.is_some_and(|iat| iat > latest_start) {
            return Err(ClaimsError::IssuedInTheFuture);
        }
        if iat.is_some_and(|iat| iat > exp) {
            return Err(ClaimsError::IssuedAfterExpiry);
        }
        if let Some(longest) = self.max_lifetime {
            // Without `iat` the token may be as old as the leeway.
            if exp > iat.unwrap_or(latest_start).saturating_add(longest) {
                return Err(ClaimsError::LifetimeTooLong);
            }
        }
        Ok((exp, nbf, iat))
    }

    fn scopes(&self, all: &Object<'_>) -> Result<ScopeSet, ClaimsError> {
        let claim = self.scope_claims.iter().find_map(|name| all.get(name));
        match claim {
            None => Ok(ScopeSet::new()),
            // What is outside the grammar (RFC 6749 §3.3) grants nothing.
            Some(Json::Text(text)) => Ok(ScopeSet::parse(text).unwrap_or_default()),
            Some(Json::Array(names)) => names
                .iter()
                .map(|name| name.as_str().ok_or(ClaimsError::ScopeInvalid))
                .filter_map(|name| name.map(|name| ScopeToken::parse(name).ok()).transpose())
                .collect(),
            Some(_) => Err(ClaimsError::ScopeInvalid),
        }
    }

    fn check_past(&self, all: &Object<'_>, now: UnixTime) -> Result<(), ClaimsError> {
        let latest = now.saturating_add(self.leeway);
        let has_passed = |name: &String| match all.get(name) {
            Some(Json::Number(number)) => {
                numeric_date::parse(number, Round::Up).is_some_and(|time| time <= latest)
            }
            _ => false,
        };
        match self.past.iter().all(has_passed) {
            true => Ok(()),
            false => Err(ClaimsError::NotPast),
        }
    }
}

/// The claims that have a meaning here, except those with names of the configuration.
#[derive(Default)]
struct Known<'o, 'a> {
    iss: Option<&'o Json<'a>>,
    sub: Option<&'o Json<'a>>,
    aud: Option<&'o Json<'a>>,
    exp: Option<&'o Json<'a>>,
    nbf: Option<&'o Json<'a>>,
    iat: Option<&'o Json<'a>>,
    jti: Option<&'o Json<'a>>,
    client_id: Option<&'o Json<'a>>,
    azp: Option<&'o Json<'a>>,
    typ: Option<&'o Json<'a>>,
    token_use: Option<&'o Json<'a>>,
    cnf: Option<&'o Json<'a>>,
    at_hash: Option<&'o Json<'a>>,
    c_hash: Option<&'o Json<'a>>,
}

impl<'o, 'a> Known<'o, 'a> {
    /// Goes through the claims once.
    fn among(all: &'o Object<'a>) -> Self {
        let mut known = Self::default();
        for (name, value) in all.iter() {
            let place = match name {
                "iss" => &mut known.iss,
                "sub" => &mut known.sub,
                "aud" => &mut known.aud,
                "exp" => &mut known.exp,
                "nbf" => &mut known.nbf,
                "iat" => &mut known.iat,
                "jti" => &mut known.jti,
                "client_id" => &mut known.client_id,
                "azp" => &mut known.azp,
                "typ" => &mut known.typ,
                "token_use" => &mut known.token_use,
                "cnf" => &mut known.cnf,
                "at_hash" => &mut known.at_hash,
                "c_hash" => &mut known.c_hash,
                _ => continue,
            };
            *place = Some(value);
        }
        known
    }
}

/// RFC 7800 §3.1: whoever presents a token with `cnf` must prove a key. RFC 9449 §7.1: "the
/// resource server MUST check that […] the access token is bound to the public key".
fn check_binding(cnf: Option<&Json<'_>>, proven: Option<&Thumbprint>) -> Result<(), ClaimsError> {
    let bound = match cnf {
        None => None,
        Some(_) if proven.is_none() => return Err(ClaimsError::SenderConstrained),
        Some(cnf) => Some(confirmed_key(cnf).map_err(|_| ClaimsError::ConfirmationInvalid)?),
    };
    ClaimsError::of_binding(bound.as_ref(), proven).map_or(Ok(()), Err)
}

/// RFC 8725 §3.12: the kinds of tokens of one issuer must exclude each other.
fn refuse_other_kinds(known: &Known<'_, '_>) -> Result<(), ClaimsError> {
    // OpenID Connect Core §2: hashes of the tokens issued beside an ID token.
    let is_id_token = known.at_hash.is_some() || known.c_hash.is_some();
    // Claims by which issuers without `typ` tell their tokens apart.
    let is_for_another_use = known
        .token_use
        .is_some_and(|kind| kind.as_str() != Some("access"));
    let declares_another = known
        .typ
        .and_then(Json::as_str)
        .is_some_and(|kind| matches!(kind, "ID" | "Refresh" | "Offline" | "Logout"));
    if is_id_token || is_for_another_use || declares_another {
        return Err(ClaimsError::OtherKindOfToken);
    }
    Ok(())
}

fn check_subject(sub: Option<&Json<'_>>) -> Result<Arc<str>, ClaimsError> {
    match sub {
        None => Err(ClaimsError::SubjectMissing),
        Some(Json::Text(sub))
            if (1..=MAX_SUBJECT_BYTES).contains(&sub.len()) && !sub.contains(char::is_control) =>
        {
            Ok(Arc::from(sub.as_ref()))
        }
        Some(_) => Err(ClaimsError::SubjectInvalid),
    }
}

fn optional_text<'o>(
    claim: Option<&'o Json<'_>>,
    otherwise: ClaimsError,
) -> Result<Option<&'o str>, ClaimsError> {
    match claim {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(otherwise),
    }
}
