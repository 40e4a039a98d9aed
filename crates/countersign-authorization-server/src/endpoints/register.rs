//! The registration endpoint: RFC 7591 §3.
//!
//! What strangers register is bounded in number, per network and in all, and ends within
//! a day if nobody uses it. Clients in use have no part in that: they neither count nor
//! make room. Whoever was invited is not counted either. Ids and secrets are made here; a secret is shown once.

use std::net::IpAddr;

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::client_metadata::{ClientMetadata, ClientSecret, RegistrationResponse};
use countersign_oauth::registration_error::RegistrationErrorCode;
use countersign_oauth::{ClientId, Credential, Lifetime, Secret, UnixTime, bearer};
use countersign_resource_server::limit::network::{of_one_stranger, shares_of};
use countersign_store::{CounterKey, Found, Key, Record, SecretHash, Write};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::cors;
use crate::audit::{AuditEvent, AuditReason};
use crate::client::{ClientFacts, ClientSource, record_of};
use crate::exchange::{Answer, Incoming, json, retry_after, throttled};
use crate::random::{draw_id, draw_secret};
use crate::server::Inner;
use crate::settings::Registration;
use crate::unavailable::Unavailable;

pub(crate) async fn register(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    if let Some(answer) = cors::other_method(incoming, "POST") {
        return Ok(answer);
    }
    answer(inner, incoming).await.map(cors::open)
}

async fn answer(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    let token = match inner.settings.registration {
        Registration::InitialAccessToken => match initial_access_token(inner, incoming).await? {
            Some(key) => Some(key),
            None => return refuse_stranger(inner, incoming).await,
        },
        Registration::Open | Registration::Closed => None,
    };
    if !is_json(incoming) {
        let sentence = "the body must be application/json";
        return Ok(refused(
            inner,
            RegistrationErrorCode::InvalidClientMetadata,
            sentence,
        ));
    }
    let rules = &inner.settings.client_rules;
    let metadata = match ClientMetadata::parse_registration(&incoming.body, rules) {
        Ok(metadata) => metadata,
        Err(error) => {
            let event = AuditEvent::RegistrationRefused(
                AuditReason::Registration(error.code()),
                error.to_string(),
            );
            inner.audit.note(event);
            return Ok(json(
                StatusCode::BAD_REQUEST,
                error.code().to_json(&error.to_string()),
            ));
        }
    };
    let policy = inner.client_policy.as_ref();
    if !policy.accepts_registration(&metadata, incoming.address) {
        return Ok(refused(
            inner,
            RegistrationErrorCode::InvalidClientMetadata,
            "this server does not accept this client",
        ));
    }
    if token.is_none()
        && let Some(until) = over_quota(inner, incoming.address).await?
    {
        return Ok(too_many(inner, until));
    }
    store(inner, metadata, token).await
}

async fn store(
    inner: &Inner,
    metadata: ClientMetadata,
    token: Option<Key>,
) -> Result<Answer, Unavailable> {
    let now = inner.now();
    let lifetimes = &inner.settings.lifetimes;
    let id = ClientId::parse(&draw_id(inner.random.as_ref())?).map_err(|_| Unavailable::Random)?;
    let mut facts = ClientFacts::new(metadata, ClientSource::Itself);
    let method = facts.metadata.token_endpoint_auth_method;
    let secret = match method {
        TokenEndpointAuthMethod::ClientSecretBasic | TokenEndpointAuthMethod::ClientSecretPost => {
            let expires_at = lifetimes.client_secret.map(|span| now.saturating_add(span));
            let secret = draw_secret(inner.random.as_ref())?;
            facts = facts.with_secret(&secret, expires_at);
            Some(ClientSecret::new(secret, expires_at))
        }
        TokenEndpointAuthMethod::None | TokenEndpointAuthMethod::PrivateKeyJwt => None,
    };
    let record: Record = record_of(&id, &facts, now)?;
    let record = record.expiring(now.saturating_add(lifetimes.unused_client));
    let writes = vec![Write::Insert(record)];
    match token {
        // The token is used up in the same step in which the client begins to exist.
        Some(key) => match inner.store.redeem(&key, writes, None, now).await? {
            Found::Live(_) => {}
            Found::Spent(_) | Found::Absent => return Ok(unauthorized(inner)),
        },
        None => inner.store.write(writes, now).await?,
    }
    inner.audit.note(AuditEvent::ClientRegistered(id.clone()));
    let response = RegistrationResponse::new(&id, now, secret.as_ref(), &facts.metadata);
    let body = response.to_json();
    Ok(json(StatusCode::CREATED, body.reveal().to_owned()))
}

/// The key of a live initial access token (RFC 7591 §3); it works once.
async fn initial_access_token(
    inner: &Inner,
    incoming: &Incoming,
) -> Result<Option<Key>, Unavailable> {
    let Ok(Credential::Presented(token)) = bearer::parse(incoming.authorization(), None) else {
        return Ok(None);
    };
    let key = Key::initial_access_token(SecretHash::of(&Secret::new(token)));
    let found = inner.store.get(&key, inner.now()).await?;
    Ok(found.live().map(|_| key))
}

/// Until when nobody at `address` can register, if that is so.
async fn over_quota(
    inner: &Inner,
    address: Option<IpAddr>,
) -> Result<Option<UnixTime>, Unavailable> {
    let settings = &inner.settings;
    if let Some(address) = of_one_stranger(address) {
        for (network, most) in shares_of(address, settings.registrations_per_hour) {
            let counter = CounterKey::new("registrations", &[&network]);
            let hour = Lifetime::from_hours(1);
            let until = inner.count_within(&counter, hour, most).await?;
            if until.is_some() {
                return Ok(until);
            }
        }
    }
    let counter = CounterKey::new("registrations", &[]);
    let window = settings.lifetimes.unused_client;
    let most = settings.most_new_clients;
    inner.count_within(&counter, window, most).await
}

fn is_json(incoming: &Incoming) -> bool {
    let media_type = incoming
        .content_type()
        .and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

fn refused(inner: &Inner, code: RegistrationErrorCode, sentence: &'static str) -> Answer {
    let reason = AuditReason::Registration(code);
    let event = AuditEvent::RegistrationRefused(reason, sentence.to_owned());
    inner.audit.note(event);
    json(StatusCode::BAD_REQUEST, code.to_json(sentence))
}

fn too_many(inner: &Inner, until: UnixTime) -> Answer {
    let sentence = "too many clients were registered; try again later";
    let event = AuditEvent::RegistrationRefused(AuditReason::RateLimited, sentence.to_owned());
    inner.audit.note(event);
    let code = RegistrationErrorCode::InvalidClientMetadata;
    let mut answer = json(StatusCode::TOO_MANY_REQUESTS, code.to_json(sentence));
    retry_after(&mut answer, until.since(inner.now()));
    answer
}

/// No initial access token that is known. Guesses are counted.
async fn refuse_stranger(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    let counted = inner.count_failed_authentication(None, incoming.address);
    let throttled_until = counted.await?;
    let answer = unauthorized(inner);
    Ok(throttled_until.map_or(answer, |until| throttled(until.since(inner.now()))))
}

fn unauthorized(inner: &Inner) -> Answer {
    let reason = "the initial access token is missing, unknown or was used";
    let event =
        AuditEvent::RegistrationRefused(AuditReason::NoInitialAccessToken, reason.to_owned());
    inner.audit.note(event);
    let mut answer = json(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_token"}"#);
    answer.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer error=\"invalid_token\""),
    );
    answer
}
