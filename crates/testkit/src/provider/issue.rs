//! Tokens are made here: opaque ones, JWTs, ID tokens.

use countersign_oauth::{Lifetime, UnixTime};
use serde_json::{Value, json};

use super::behaviour::{AccessTokenFormat, JwtFormat};
use super::engine::Core;
use super::fact::{Fact, Scene};
use super::misbehaviour::{Misbehaviour, OTHER_CLIENT_ID, OTHER_ISSUER};
use super::person::{OTHER_TENANT, Person};
use super::scopes;
use super::state::{AccessToken, Grant, Refresh, RefreshToken};
use crate::issuer::key::{SignatureAlgorithm, TestKey};
use crate::issuer::token::TokenBuilder;

/// What a code or a refresh token was redeemed for.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) id_token: Option<String>,
}

/// Everything that scenes of one grant have in common.
pub(super) struct Setting {
    pub(super) person: Person,
    pub(super) grant: Grant,
    pub(super) scopes: Vec<String>,
    pub(super) client_id: String,
    pub(super) token: AccessToken,
}

impl Setting {
    /// That of the grant `index` and a token of it.
    pub(super) fn new(core: &Core, token: AccessToken) -> Self {
        let other = core.misbehaves(&Misbehaviour::OtherApplication);
        let state = core.state();
        let grant = state.grant(token.grant).clone();
        let person = state.person(&grant.person).expect("people stay");
        Self {
            scopes: scopes::told(&core.behaviour.scopes, &grant.asked.scopes),
            client_id: match other {
                true => OTHER_CLIENT_ID.to_owned(),
                false => grant.asked.client_id.clone(),
            },
            person,
            grant,
            token,
        }
    }

    /// That of the grant `index` before there is a token.
    pub(super) fn of_grant(core: &Core, index: usize) -> Self {
        let token = AccessToken {
            grant: index,
            token_id: String::new(),
            issued_at: core.clock.now(),
            expires_at: None,
            revoked: false,
        };
        Self::new(core, token)
    }

    pub(super) fn scene<'a>(&'a self, core: &'a Core) -> Scene<'a> {
        let asked = &self.grant.asked;
        let audience = match &asked.audience {
            Some(audience) if *audience == asked.client_id => Some(self.client_id.clone()),
            other => other.clone(),
        };
        Scene {
            behaviour: &core.behaviour,
            person: &self.person,
            client_id: &self.client_id,
            scopes: &self.scopes,
            granted: &self.grant.asked.scopes,
            group: None,
            issuer: core.issuer(&self.person),
            audience,
            nonce: asked.nonce.as_deref(),
            auth_time: self.grant.auth_time,
            issued_at: self.token.issued_at,
            expires_at: self.token.expires_at,
            now: core.clock.now(),
            token_id: &self.token.token_id,
            access_token: None,
            refresh_token: None,
            id_token: None,
            addresses: core,
        }
    }
}

/// Makes the tokens of the grant `index`. `refresh_token` is the one to repeat.
pub(super) fn tokens(
    core: &Core,
    index: usize,
    refresh_token: Option<String>,
    refreshed: bool,
) -> (Issued, Setting) {
    let now = core.clock.now();
    let seconds = core.behaviour.access_seconds;
    let record = AccessToken {
        grant: index,
        token_id: core.fresh("id-"),
        issued_at: now,
        expires_at: seconds.map(|seconds| now.saturating_add(Lifetime::from_secs(seconds))),
        revoked: false,
    };
    let setting = Setting::new(core, record.clone());
    let access_token = access_token(core, &setting);
    let refresh_token = match (
        refresh_token,
        refreshed || setting.grant.asked.refresh != Refresh::Yes,
    ) {
        (Some(repeated), _) => Some(repeated),
        (None, true) => None,
        (None, false) => Some(new_refresh_token(core, index)),
    };
    let wanted = core.behaviour.id_token_scope;
    let wanted = wanted.is_none_or(|scope| setting.grant.asked.scopes.iter().any(|s| s == scope));
    let format = core.behaviour.id_token.as_ref().filter(|_| wanted);
    let nonce = setting.grant.asked.nonce.as_deref().filter(|_| !refreshed);
    let id_token = format.map(|format| id_token(core, &setting, format, &access_token, nonce));
    core.state().access.insert(access_token.clone(), record);
    let issued = Issued {
        access_token,
        refresh_token,
        id_token,
    };
    (issued, setting)
}

/// Makes another refresh token of the grant `index`.
pub(super) fn new_refresh_token(core: &Core, index: usize) -> String {
    let token = core.fresh("refresh-");
    let record = RefreshToken {
        grant: index,
        used: false,
    };
    core.state().refresh.insert(token.clone(), record);
    token
}

fn access_token(core: &Core, setting: &Setting) -> String {
    match &core.behaviour.access_token {
        AccessTokenFormat::Opaque(prefix) => core.fresh(prefix),
        AccessTokenFormat::Jwt(format) => jwt(core, &setting.scene(core), format).sign(),
        AccessTokenFormat::JwtForNamedAudience(format) => {
            match setting.grant.asked.audience_named {
                true => jwt(core, &setting.scene(core), format).sign(),
                false => core.fresh(""),
            }
        }
        AccessTokenFormat::JwtForApiScope(format) => {
            let scene = setting.scene(core);
            match scene.value(&Fact::ApiScopes) {
                Some(_) => jwt(core, &scene, format).sign(),
                None => core.fresh("eyJ-for-another-api."),
            }
        }
    }
}

fn jwt(core: &Core, scene: &Scene<'_>, format: &JwtFormat) -> TokenBuilder {
    let token = core.keys.token().key(format.key);
    let token = match format.typ {
        Some(typ) => token.typ(typ),
        None => token.without_header("typ"),
    };
    let names = ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"];
    let token = names.iter().fold(token, |token, name| token.without(name));
    let claims = scene.object(&format.claims);
    let claims = claims.as_object().cloned().unwrap_or_default();
    claims
        .into_iter()
        .fold(token, |token, (name, value)| token.claim(&name, value))
}

/// An ID token. One of a refresh has no nonce (OpenID Connect Core §12.2).
fn id_token(
    core: &Core,
    setting: &Setting,
    format: &JwtFormat,
    access_token: &str,
    nonce: Option<&str>,
) -> String {
    let mut scene = setting.scene(core);
    scene.nonce = nonce;
    scene.access_token = Some(access_token);
    // ID tokens are short-lived also where access tokens are not.
    let hour = Lifetime::from_hours(1);
    scene.expires_at = Some(scene.issued_at.saturating_add(hour));
    scene.audience = Some(setting.client_id.clone());
    let mut token = jwt(core, &scene, format);
    let all = core.state().misbehaviour.clone();
    for how in &all {
        token = spoiled(core, setting, token, how);
    }
    token.sign()
}

fn spoiled(
    core: &Core,
    setting: &Setting,
    token: TokenBuilder,
    how: &Misbehaviour,
) -> TokenBuilder {
    let now = setting.token.issued_at;
    let hour = Lifetime::from_hours(1);
    let client = setting.client_id.as_str();
    match how {
        Misbehaviour::WrongNonce => token.claim("nonce", "of-another-login"),
        Misbehaviour::NoNonce => token.without("nonce"),
        Misbehaviour::WrongAudience => token.aud(OTHER_CLIENT_ID),
        Misbehaviour::WrongAuthorizedParty => token
            .claim("aud", json!([client, OTHER_CLIENT_ID]))
            .claim("azp", OTHER_CLIENT_ID),
        Misbehaviour::WrongIssuer => token.iss(OTHER_ISSUER),
        Misbehaviour::Unsigned => token.unsecured(),
        Misbehaviour::StrangersKey => {
            let format = core.behaviour.id_token.as_ref();
            token.signed_by(&stranger(format.map_or("r1", |format| format.key)))
        }
        Misbehaviour::SignedWithClientSecret => {
            let application = core.state().application(&setting.grant.asked.client_id);
            let secret = application.and_then(|application| application.secret);
            token.mac(SignatureAlgorithm::HS256, secret.unwrap_or_default())
        }
        Misbehaviour::Expired => token
            .iat(now.saturating_sub(Lifetime::from_hours(2)))
            .exp(now.saturating_sub(hour)),
        Misbehaviour::NotYetValid => not_yet(token, now.saturating_add(hour)),
        Misbehaviour::OtherTenant => {
            let mut person = setting.person.clone();
            person.tenant = OTHER_TENANT.to_owned();
            let issuer = core.issuer(&person).unwrap_or_default();
            token.iss(&issuer).claim("tid", OTHER_TENANT)
        }
        Misbehaviour::WrongAccessTokenHash => token.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
        Misbehaviour::Claim(name, Some(value)) => token.claim(name, value.clone()),
        Misbehaviour::Claim(name, None) => token.without(name),
        _ => token,
    }
}

fn not_yet(token: TokenBuilder, from: UnixTime) -> TokenBuilder {
    token
        .nbf(from)
        .iat(from)
        .exp(from.saturating_add(Lifetime::from_hours(1)))
}

fn stranger(kid: &str) -> TestKey {
    match kid {
        "r1" => TestKey::stranger_r1(),
        "d1" => TestKey::stranger_d1(),
        _ => TestKey::stranger_e1(),
    }
}

/// The answer of the token endpoint.
pub(super) fn response(core: &Core, issued: &Issued, setting: &Setting) -> Value {
    let mut scene = setting.scene(core);
    scene.access_token = Some(&issued.access_token);
    scene.refresh_token = issued.refresh_token.as_deref();
    scene.id_token = issued.id_token.as_deref();
    scene.object(&core.behaviour.token_response)
}
