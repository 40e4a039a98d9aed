//! Client ID metadata documents: rows D20 to D22, D31 to D33 of the attack corpus.

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::client_id_document::{self, ClientIdUrl, DocumentError};
use countersign_oauth::client_metadata::{ClientMetadata, ClientMetadataError, ClientRules};
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{ClientId, ScopeSet};
use serde_json::{Value, json};

use crate::fixtures::*;

const URL: &str = "https://client.example/id";

fn rules() -> ClientRules {
    ClientRules::new(ScopeSet::parse("read").unwrap())
}

fn document(changes: Value) -> Value {
    let mut document = json!({
        "client_id": URL, "client_name": "A client", "redirect_uris": ["http://127.0.0.1/cb"],
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

fn judge(document: &Value) -> Result<ClientMetadata, DocumentError> {
    let url = ClientIdUrl::parse(&ClientId::parse(URL).unwrap(), LoopbackHosts::Refused).unwrap();
    client_id_document::parse(&url, document.to_string().as_bytes(), &rules())
}

#[test]
fn as_09_d20_ids_that_are_no_address_of_a_document_are_refused() {
    let long = format!("{URL}{}", "a".repeat(2 * 1024));
    for text in [
        "http://client.example/id",
        "https://client.example",
        "https://client.example/",
        "https://client.example?x",
        "https://client.example/id#x",
        "https://user@client.example/id",
        "https://client.example/a/../id",
        "https://client.example/./id",
        "https://client.example/%2e%2e/id",
        "https://client.example/.%2E/id",
        "HTTPS://client.example/id",
        "https://CLIENT.example/id",
        "https:\\\\client.example\\id",
        "https://client.example\\@evil.example/id",
        "https://127.0.0.1/id",
        "https://[2606:4700:4700::1111]/id",
        "https://8.8.8.8/id",
        "https://2130706433/id",
        "https://localhost/id",
        "https://x.localhost/id",
        "https://intranet/id",
        "https:/client.example/id",
        "https:client.example/id",
        "https://client.example./id",
        "https://client.example:/id",
        "https://client.example:0/id",
        "c1",
        long.as_str(),
    ] {
        if let Ok(id) = ClientId::parse(text) {
            let parsed = ClientIdUrl::parse(&id, LoopbackHosts::Refused);
            assert!(parsed.is_err(), "{text}");
        }
    }
    // A tab is not even a client id.
    assert!(ClientId::parse("https://client.example/\tid").is_err());
}

#[test]
fn as_11_loopback_documents_are_only_for_servers_on_loopback() {
    for text in ["https://localhost:8443/id", "https://127.0.0.1/id"] {
        let id = ClientId::parse(text).unwrap();
        assert!(
            ClientIdUrl::parse(&id, LoopbackHosts::Refused).is_err(),
            "{text}"
        );
        assert!(
            ClientIdUrl::parse(&id, LoopbackHosts::Allowed).is_ok(),
            "{text}"
        );
    }
    let plain = ClientId::parse("http://localhost:8443/id").unwrap();
    assert!(ClientIdUrl::parse(&plain, LoopbackHosts::Allowed).is_err());
}

#[test]
fn as_09_addresses_of_documents_keep_their_spelling() {
    for text in [
        URL,
        "https://client.example:8443/a/b.json",
        "https://client.example/id?v=1",
    ] {
        let id = ClientId::parse(text).unwrap();
        let url = ClientIdUrl::parse(&id, LoopbackHosts::Refused).unwrap();
        assert_eq!((url.as_str(), url.host()), (text, "client.example"));
        assert!(ClientIdUrl::is_meant(&id));
    }
    assert!(!ClientIdUrl::is_meant(&ClientId::parse("c1").unwrap()));
}

#[test]
fn as_08_d21_a_document_that_names_another_id_is_refused() {
    for id in [
        json!("https://client.example/id/"),
        json!("https://client.example:443/id"),
        json!("https://client.example/ID"),
        json!("https://client.example/%69d"),
        json!("https://client.example/id?"),
        json!("https://other.example/id"),
        json!(1),
        json!(null),
    ] {
        assert_eq!(
            judge(&document(json!({"client_id": id}))),
            Err(DocumentError::ClientId),
            "{id}"
        );
    }
}

#[test]
fn as_10_d22_answers_that_are_no_document_are_refused() {
    for status in [201, 204, 206, 301, 302, 304, 404, 500] {
        let refusal = client_id_document::check_answer(status, Some("application/json"));
        assert_eq!(refusal, Err(DocumentError::Status), "{status}");
    }
    for media_type in [
        None,
        Some("text/html"),
        Some("text/json"),
        Some("application/jsonx"),
        Some(""),
    ] {
        let refusal = client_id_document::check_answer(200, media_type);
        assert_eq!(refusal, Err(DocumentError::MediaType), "{media_type:?}");
    }
    for media_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/client+json",
    ] {
        assert_eq!(
            client_id_document::check_answer(200, Some(media_type)),
            Ok(())
        );
    }
    let url = ClientIdUrl::parse(&ClientId::parse(URL).unwrap(), LoopbackHosts::Refused).unwrap();
    let good = document(json!({})).to_string();
    let padded = format!("{good}{}", " ".repeat(5 * 1024));
    for body in [
        "<html>",
        "[]",
        "",
        &format!("\u{feff}{good}"),
        &padded[..],
        r#"{"client_id":1,"client_id":2}"#,
    ] {
        let refused = client_id_document::parse(&url, body.as_bytes(), &rules());
        let expected = if body.len() > 5 * 1024 {
            "larger"
        } else {
            "cannot be read"
        };
        assert!(
            refused.unwrap_err().to_string().contains(expected),
            "{body}"
        );
    }
    for name in ["client_name", "redirect_uris"] {
        let mut document = document(json!({}));
        document.as_object_mut().unwrap().remove(name);
        assert!(judge(&document).is_err(), "{name}");
    }
    assert!(judge(&document(json!({"redirect_uris": []}))).is_err());
    assert_eq!(
        judge(&document(json!({"client_name": "\u{200b}"}))),
        Err(DocumentError::NameMissing)
    );
}

#[test]
fn as_12_d31_shared_secrets_are_refused() {
    for changes in [
        json!({"client_secret": "x"}),
        json!({"client_secret": null}),
        json!({"client_secret_expires_at": 0}),
    ] {
        assert_eq!(judge(&document(changes)), Err(DocumentError::Secret));
    }
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
    ] {
        let refusal = judge(&document(json!({"token_endpoint_auth_method": method})));
        assert_eq!(
            refusal,
            Err(DocumentError::Metadata(ClientMetadataError::AuthMethod)),
            "{method}"
        );
    }
}

#[test]
fn as_11_d32_keys_that_are_private_or_at_unfit_addresses_are_refused() {
    for changes in [
        json!({"jwks": {"keys": [E1.jwk(json!({"d": encode([1; 32])}))]}}),
        json!({"jwks": {"keys": [{"kty": "oct", "k": encode([1; 32])}]}}),
        json!({"jwks_uri": "https://127.0.0.1/jwks"}),
        json!({"jwks_uri": "http://client.example/jwks"}),
    ] {
        let mut changes = changes;
        changes["token_endpoint_auth_method"] = json!("private_key_jwt");
        assert!(judge(&document(changes)).is_err());
    }
    let keys = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://keys.example/jwks",
    });
    let client = judge(&document(keys)).unwrap();
    assert_eq!(
        client.token_endpoint_auth_method,
        TokenEndpointAuthMethod::PrivateKeyJwt
    );
    assert_eq!(
        client.jwks_uri.unwrap().as_str(),
        "https://keys.example/jwks"
    );
}

#[test]
fn a_document_for_every_server_is_read_for_what_is_offered_here() {
    let client = judge(&document(json!({
        "grant_types": [
            "authorization_code", "refresh_token", "client_credentials", "implicit",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types": ["code", "token"], "scope": "read everything", "application_type": "native",
        "software_statement": "x",
    })))
    .unwrap();
    assert_eq!(client.grant_types.len(), 2);
    assert_eq!(client.scope, Some(ScopeSet::parse("read").unwrap()));
    assert_eq!(
        client.token_endpoint_auth_method,
        TokenEndpointAuthMethod::None
    );
}
