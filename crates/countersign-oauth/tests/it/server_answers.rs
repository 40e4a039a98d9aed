//! What an authorization server answers: metadata, tokens, introspection, errors.

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::access_token_claims::{AccessTokenClaims, TYP};
use countersign_oauth::authorization_error::AuthorizationErrorCode;
use countersign_oauth::claims::{ClaimsPolicy, TypPolicy};
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::grant::{GrantState, GrantStep};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::introspection::{ActiveToken, Introspection};
use countersign_oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_oauth::server_metadata::ServerMetadata;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_response::{NO_STORE, TokenResponse};
use countersign_oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};
use serde_json::{Value, json};

use crate::fixtures::*;

fn issuer(text: &str) -> Issuer {
    Issuer::parse(text).unwrap()
}

fn metadata() -> ServerMetadata {
    ServerMetadata::new(
        issuer(ISSUER),
        "https://as.test/authorize",
        "https://as.test/token",
    )
}

fn json_of(metadata: &ServerMetadata) -> Value {
    serde_json::from_str(&metadata.to_json()).unwrap()
}

#[test]
fn as_44_c40_metadata_lists_nothing_that_is_not_offered() {
    let document = json_of(&metadata());
    assert_eq!(
        document,
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://as.test/authorize",
            "token_endpoint": "https://as.test/token",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    );
}

#[test]
fn as_03_as_05_as_06_as_07_as_21_metadata_lists_what_is_offered() {
    let mut metadata = metadata();
    metadata.jwks_uri = Some("https://as.test/jwks".to_owned());
    metadata.registration_endpoint = Some("https://as.test/register".to_owned());
    metadata.revocation_endpoint = Some("https://as.test/revoke".to_owned());
    metadata.introspection_endpoint = Some("https://as.test/introspect".to_owned());
    metadata.scopes_supported = ScopeSet::parse("write read").unwrap();
    metadata.grant_types = GrantType::ALL.to_vec();
    metadata.auth_methods = TokenEndpointAuthMethod::ALL.to_vec();
    metadata.auth_signing_algorithms = vec![Algorithm::ES256, Algorithm::HS256, Algorithm::EdDSA];
    metadata.client_id_documents = true;
    let document = json_of(&metadata);
    for (name, value) in [
        ("jwks_uri", json!("https://as.test/jwks")),
        ("registration_endpoint", json!("https://as.test/register")),
        ("scopes_supported", json!(["read", "write"])),
        ("client_id_metadata_document_supported", json!(true)),
        (
            "token_endpoint_auth_signing_alg_values_supported",
            json!(["ES256", "EdDSA"]),
        ),
        (
            "revocation_endpoint_auth_signing_alg_values_supported",
            json!(["ES256", "EdDSA"]),
        ),
        (
            "introspection_endpoint_auth_methods_supported",
            json!([
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt"
            ]),
        ),
        (
            "revocation_endpoint_auth_methods_supported",
            json!([
                "none",
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt"
            ]),
        ),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    for value in document.as_object().unwrap().values() {
        assert_ne!(value, &json!([]), "an empty array is left out");
    }
}

#[test]
fn as_44_signing_algorithms_are_not_listed_without_assertions() {
    let mut metadata = metadata();
    metadata.auth_signing_algorithms = vec![Algorithm::ES256];
    assert!(!metadata.to_json().contains("signing_alg"));
}

#[test]
fn as_02_as_03_metadata_is_found_at_the_root_the_inserted_path_and_the_openid_alias() {
    let oauth = "/.well-known/oauth-authorization-server";
    let openid = "/.well-known/openid-configuration";
    for bare in ["https://as.test", "https://as.test/"] {
        assert_eq!(ServerMetadata::paths(&issuer(bare)), [oauth, openid]);
    }
    for path in ["https://as.test/tenant/1", "https://as.test/tenant/1/"] {
        assert_eq!(
            ServerMetadata::paths(&issuer(path)),
            [
                "/.well-known/oauth-authorization-server/tenant/1",
                "/.well-known/openid-configuration/tenant/1",
                "/tenant/1/.well-known/openid-configuration",
                oauth,
                openid,
            ]
        );
    }
}

#[test]
fn as_24_as_28_c1_a_token_response_states_scope_and_resource_and_is_not_stored() {
    let mut response = TokenResponse::new(
        Secret::new("at"),
        Lifetime::from_hours(1),
        ScopeSet::parse("write read").unwrap(),
    );
    response.refresh_token = Some(Secret::new("rt"));
    response.resource = Some(ResourceUri::parse(AUDIENCE).unwrap());
    let document: Value = serde_json::from_str(response.to_json().reveal()).unwrap();
    assert_eq!(
        document,
        json!({
            "access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt",
            "scope": "read write", "resource": AUDIENCE,
        })
    );
    assert_eq!(
        NO_STORE,
        [("cache-control", "no-store"), ("pragma", "no-cache")]
    );
    assert!(!format!("{response:?}").contains("\"at\""));
    assert!(!format!("{response:?}").contains("\"rt\""));
}

#[test]
fn as_43_c39_nothing_is_said_about_an_inactive_token() {
    assert_eq!(Introspection::Inactive.to_json(), r#"{"active":false}"#);
}

#[test]
fn as_43_an_active_token_is_described() {
    let (now, end) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 60));
    let mut token = ActiveToken::new(ISSUER, "alice", "C1", now, end);
    token.scope = ScopeSet::parse("read").unwrap();
    token.aud = Some(AUDIENCE.to_owned());
    let document: Value =
        serde_json::from_str(&Introspection::Active(Box::new(token)).to_json()).unwrap();
    assert_eq!(
        document,
        json!({
            "active": true, "scope": "read", "client_id": "C1", "exp": NOW + 60, "iat": NOW,
            "sub": "alice", "aud": AUDIENCE, "iss": ISSUER, "token_type": "Bearer",
        })
    );
}

#[test]
fn as_26_c43_errors_have_registered_codes_and_fixed_printable_texts() {
    let codes = [
        TokenErrorCode::InvalidRequest,
        TokenErrorCode::InvalidClient,
        TokenErrorCode::InvalidGrant,
        TokenErrorCode::UnauthorizedClient,
        TokenErrorCode::UnsupportedGrantType,
        TokenErrorCode::InvalidScope,
        TokenErrorCode::InvalidTarget,
        TokenErrorCode::UnsupportedTokenType,
    ];
    for code in codes {
        let document: Value = serde_json::from_str(&code.to_json()).unwrap();
        assert_eq!(document["error"], code.as_str());
        let text = document["error_description"].as_str().unwrap();
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E
        assert!(
            text.bytes()
                .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E))
        );
        let status = if code == TokenErrorCode::InvalidClient {
            401
        } else {
            400
        };
        assert_eq!(code.status(), status);
    }
    assert_eq!(
        AuthorizationErrorCode::InvalidTarget.as_str(),
        "invalid_target"
    );
}

fn access_token() -> AccessTokenClaims {
    AccessTokenClaims::new(
        issuer(ISSUER),
        "alice",
        ResourceUri::parse(AUDIENCE).unwrap(),
        ClientId::parse("C1").unwrap(),
        UnixTime::from_secs(NOW),
        Lifetime::from_hours(1),
        "t1",
    )
}

#[test]
fn claims_that_the_server_decides_about_cannot_be_added() {
    let mut claims = access_token();
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "azp",
        "scope",
        "scp",
        "cnf",
        "act",
    ] {
        assert!(claims.added.add(name, json!("x")).is_err(), "{name}");
    }
    assert_eq!(claims.added.add("email", json!("a@b.example")), Ok(()));
    let payload: Value = serde_json::from_str(&claims.to_json()).unwrap();
    assert_eq!(payload["email"], "a@b.example");
    assert_eq!(payload["sub"], "alice");
}

#[test]
fn an_issued_access_token_is_accepted_by_the_rules_of_rfc_9068() {
    let mut claims = access_token();
    claims.scope = ScopeSet::parse("read").unwrap();
    let key = SigningKey::from_pkcs8_pem(&Secret::new(E1.pem))
        .unwrap()
        .with_kid("e1")
        .unwrap();
    let token = sign_compact(
        Some(TYP),
        claims.to_json().as_bytes(),
        &key,
        &SystemRandom::new(),
    )
    .unwrap();
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .typ(TypPolicy::AccessToken)
        .build()
        .unwrap();
    let accepted = judge_with(&token, issuer_keys(), &policy).unwrap();
    assert_eq!(accepted.sub.as_ref(), "alice");
    assert_eq!(accepted.aud, [AUDIENCE]);
    assert_eq!(accepted.client_id.as_deref(), Some("C1"));
    assert_eq!(accepted.jti.as_deref(), Some("t1"));
    assert_eq!(accepted.exp, UnixTime::from_secs(NOW + 3600));
    assert_eq!(accepted.scopes, ScopeSet::parse("read").unwrap());
}

#[test]
fn as_18_a_grant_only_moves_forward_and_revocation_is_its_end() {
    use GrantState as State;
    let steps = [
        GrantStep::Consent,
        GrantStep::IssueCode,
        GrantStep::RedeemCode,
        GrantStep::Refresh,
        GrantStep::Revoke,
    ];
    for state in State::ALL {
        for step in steps {
            let expected = match (state, step) {
                (State::Pending, GrantStep::Consent) => Some(State::Consented),
                (State::Consented, GrantStep::IssueCode) => Some(State::CodeIssued),
                (State::CodeIssued, GrantStep::RedeemCode) => Some(State::Active),
                (State::Active, GrantStep::Refresh) => Some(State::Active),
                (_, GrantStep::Revoke) => Some(State::Revoked),
                _ => None,
            };
            assert_eq!(state.after(step).ok(), expected, "{state} {step:?}");
            assert!(
                state.after(step).is_ok_and(|next| next < state).eq(&false),
                "{state} {step:?}"
            );
        }
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    assert_eq!(State::parse("ACTIVE"), None);
}
