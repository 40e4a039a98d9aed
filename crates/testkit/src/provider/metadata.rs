//! Metadata documents and keys: OpenID Connect Discovery §3, RFC 7517 §5.

use serde_json::{Map, Value, json};

use super::behaviour::{Endpoint, PkceRule};
use super::engine::Core;
use super::fact::Addresses;
use super::misbehaviour::Misbehaviour;
use super::person::OTHER_TENANT;
use crate::fake_server::ScriptedAnswer;
use crate::issuer::key::TestKey;

/// The metadata document.
pub(super) fn document(core: &Core) -> ScriptedAnswer {
    let behaviour = &core.behaviour;
    let mut document = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            document.insert(name.to_owned(), value);
        }
    };
    put("issuer", core.metadata_issuer().map(Value::from));
    for (name, endpoint) in [
        ("authorization_endpoint", Endpoint::Authorization),
        ("token_endpoint", Endpoint::Token),
        ("userinfo_endpoint", Endpoint::Userinfo),
        ("introspection_endpoint", Endpoint::Introspection),
        ("revocation_endpoint", Endpoint::Revocation),
        ("jwks_uri", Endpoint::Jwks),
    ] {
        put(name, core.endpoint(endpoint).map(Value::from));
    }
    put("response_types_supported", Some(json!(["code"])));
    put("subject_types_supported", Some(json!(["public"])));
    let key = behaviour.id_token.as_ref().map(|format| format.key);
    let algorithm = key.map(|key| core.keys.key(key).algorithm().name());
    put(
        "id_token_signing_alg_values_supported",
        algorithm.map(|name| json!([name])),
    );
    put(
        "token_endpoint_auth_methods_supported",
        Some(json!(behaviour.client_authentication)),
    );
    if behaviour.pkce != PkceRule::Unknown {
        put("code_challenge_methods_supported", Some(json!(["S256"])));
    }
    if behaviour.sends_iss {
        let name = "authorization_response_iss_parameter_supported";
        put(name, Some(true.into()));
    }
    for (name, value) in &behaviour.metadata {
        put(name, Some(value.clone()));
    }
    json_answer(core, Endpoint::Discovery, Value::Object(document))
}

/// The JWK Set: all keys that sign something here.
pub(super) fn jwks(core: &Core) -> ScriptedAnswer {
    let mut keys = core.keys.jwks_value();
    if let Some(issuer) = key_issuer(core) {
        let all = keys.get_mut("keys").and_then(Value::as_array_mut);
        for key in all.into_iter().flatten().filter_map(Value::as_object_mut) {
            key.insert("issuer".to_owned(), issuer.clone().into());
        }
    }
    json_answer(core, Endpoint::Jwks, keys).header("cache-control", "public, max-age=3600")
}

/// Whose tokens the keys sign, where they say so.
fn key_issuer(core: &Core) -> Option<String> {
    let usual = core.behaviour.key_issuer.as_ref()?;
    let wrong = core.misbehaves(&Misbehaviour::KeysOfOtherTenant);
    let other = core.behaviour.issuer.as_ref().filter(|_| wrong);
    let issuer = other.map(|issuer| issuer.replace("{tenant}", OTHER_TENANT));
    Some(core.told(issuer.as_ref().unwrap_or(usual)))
}

/// Certificates by `kid`, as Google publishes them for Firebase.
pub(super) fn certificates(core: &Core) -> ScriptedAnswer {
    let certificate = |key: &TestKey| (key.kid().to_owned(), key.certificate_pem().into());
    let all: Map<String, Value> = core.keys.keys().iter().map(certificate).collect();
    json_answer(core, Endpoint::Certificates, Value::Object(all))
        .header("cache-control", "public, max-age=3600")
}

/// `answer` as JSON, after a test had its way with it.
pub(super) fn json_answer(core: &Core, endpoint: Endpoint, answer: Value) -> ScriptedAnswer {
    ScriptedAnswer::json(core.altered(endpoint, answer).to_string())
}
