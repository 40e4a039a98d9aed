//! Rows D1 to D13: documents that register a client, at the endpoint.

use bytes::Bytes;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey};
use countersign_authorization_server::store::{Key, Kind, Store as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::standing::Standing;
use crate::fixture::*;

async fn send(world: &World, content_type: &str, body: impl Into<Bytes>) -> Seen {
    let request = Request::post("/register").header("content-type", content_type);
    world
        .send(request.body(Full::from(body.into())).unwrap())
        .await
}

async fn register(world: &World, document: &Value) -> Seen {
    send(world, "application/json", document.to_string()).await
}

/// A minimal document of a web client with `more` members.
fn web(more: Value) -> Value {
    let mut document = json!({"redirect_uris": [CALLBACK]});
    let more = more.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(more);
    document
}

/// A public key, and the whole of it.
fn keys() -> (Value, Value) {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &random).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap();
    let public = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    let mut private = public.clone();
    private["d"] = private["x"].clone();
    (public, private)
}

/// The rows with the answer REG(e): the row, e, and the documents.
fn refused() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    const METADATA: &str = "invalid_client_metadata";
    const REDIRECT: &str = "invalid_redirect_uri";
    let many: Vec<_> = (0..101)
        .map(|n| format!("https://good.example/{n}"))
        .collect();
    let long = format!("https://good.example/{}", "a".repeat(2_048));
    let uris = [
        json!([]),
        json!(many),
        json!(["/cb"]),
        json!(["https://good.example/cb#x"]),
        json!(["javascript:alert(1)"]),
        json!(["data:text/html,x"]),
        json!(["https://*.good.example/cb"]),
        json!(["http://good.example/cb"]),
        json!(["https://user@good.example/cb"]),
        json!([long]),
        json!([1]),
        json!(null),
    ];
    let schemes = ["ms-msdt", "search-ms", "smb", "tel", "intent", "chrome"];
    let header = "eyJhbGciOiJub25lIn0";
    let mut rows = vec![
        (
            "D3",
            REDIRECT,
            uris.map(|uris| json!({"redirect_uris": uris})).into(),
        ),
        ("D3", REDIRECT, vec![json!({})]),
        (
            "D4",
            REDIRECT,
            schemes
                .map(|scheme| json!({"redirect_uris": [format!("{scheme}:/x")]}))
                .into(),
        ),
        (
            "D6",
            METADATA,
            vec![
                web(json!({"grant_types": ["password"]})),
                web(json!({"grant_types": ["authorization_code", "implicit"]})),
                web(json!({"grant_types": ["client_credentials"]})),
                web(json!({"response_types": ["token"]})),
                web(json!({"grant_types": ["refresh_token"]})),
                web(json!({"grant_types": ["authorization_code"], "response_types": []})),
            ],
        ),
        (
            "D7",
            METADATA,
            ["admin", "*", "unknown"]
                .map(|scope| web(json!({"scope": scope})))
                .into(),
        ),
        (
            "D10",
            "invalid_software_statement",
            vec![
                web(json!({"software_statement": "unsigned"})),
                web(json!({"software_statement": format!("{header}.e30.")})),
            ],
        ),
        (
            "D10",
            "unapproved_software_statement",
            vec![web(
                json!({"software_statement": "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"}),
            )],
        ),
    ];
    rows.extend(refused_keys());
    rows
}

/// Those of them that are about keys.
fn refused_keys() -> [(&'static str, &'static str, Vec<Value>); 2] {
    const METADATA: &str = "invalid_client_metadata";
    let (public, private) = keys();
    let with_keys = |keys: Value| {
        web(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": keys}}))
    };
    let with_address =
        |uri: &str| web(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri}));
    let mut both = with_address("https://good.example/jwks");
    both["jwks"] = json!({"keys": [public]});
    let weak = json!({"kty": "RSA", "e": "AQAB", "n": "_".repeat(86)});
    [
        (
            "D8",
            METADATA,
            vec![
                with_address("http://good.example/jwks"),
                with_address("https://169.254.169.254/jwks"),
                with_address("https://localhost/jwks"),
                both,
            ],
        ),
        (
            "D9",
            METADATA,
            vec![
                with_keys(json!([private])),
                with_keys(json!([public, {"kty": "oct", "k": "c2VjcmV0"}])),
                with_keys(json!([weak])),
                with_keys(json!(vec![public.clone(); 200])),
            ],
        ),
    ]
}

#[tokio::test]
async fn d3_to_d10_as_40_what_is_refused_is_not_stored() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for (row, error, documents) in refused() {
        for document in documents {
            let seen = register(&world, &document).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{row} {document}");
            assert_eq!(seen.json()["error"], error, "{row} {document}");
            assert_eq!(seen.header("cache-control"), Some("no-store"));
            standing.holds(row, &document.to_string(), &seen).await;
        }
    }
}

#[tokio::test]
async fn d2_a_body_that_is_no_strict_document_is_refused() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    let good = web(json!({})).to_string();
    let twice = good.replacen('{', r#"{"redirect_uris":[],"#, 1);
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    for body in [
        "not json",
        &format!("[{good}]"),
        "",
        &twice,
        &deep,
        "\u{feff}{}",
    ] {
        let seen = send(&world, "application/json", body.to_owned()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body:.50}");
        assert_eq!(
            seen.json()["error"],
            "invalid_client_metadata",
            "{body:.50}"
        );
        standing.holds("D2", body, &seen).await;
    }
    for content_type in ["application/x-www-form-urlencoded", "text/plain", ""] {
        let seen = send(&world, content_type, good.clone()).await;
        assert_eq!(
            seen.json()["error"],
            "invalid_client_metadata",
            "{content_type}"
        );
        standing.holds("D2", content_type, &seen).await;
    }
    let long = format!("{good}{}", " ".repeat(64 * 1024));
    let seen = send(&world, "application/json", long).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.count(Kind::Client).await, 4);
}

#[tokio::test]
async fn d1_d4_as_40_minimal_clients_have_ids_that_were_made_here() {
    let world = world().await;
    let mut ids = Vec::new();
    for uri in [
        CALLBACK,
        "http://127.0.0.1/cb",
        "cursor://x/y",
        "com.example:/cb",
    ] {
        let seen = register(&world, &json!({"redirect_uris": [uri]})).await;
        assert_eq!(seen.status, StatusCode::CREATED, "{uri}");
        let id = seen.json()["client_id"].as_str().unwrap().to_owned();
        // 128 bits at least, and never the same again.
        assert!(id.len() >= 22 && !ids.contains(&id), "{id}");
        ids.push(id);
    }
}

#[tokio::test]
async fn d5_d13_members_that_are_ours_to_set_are_ignored() {
    let world = world().await;
    let hostile = web(json!({
        "client_id": "C1", "client_secret": "chosen", "client_secret_expires_at": 4_102_444_800_u64,
        "registration_access_token": "chosen", "trusted": true, "skip_consent": true,
        "first_party": true, "require_pkce": false, "redirect_uri_patterns": ["https://*"],
        "owner": "alice", "introspects": [RESOURCE], "source": "Administrator",
        "token_endpoint_auth_method": "client_secret_post",
    }));
    let answer = register(&world, &hostile).await.json();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    assert_ne!((id.as_str(), secret.as_str()), ("C1", "chosen"));
    assert_eq!(answer["client_secret_expires_at"], 0);
    for member in [
        "registration_access_token",
        "trusted",
        "skip_consent",
        "owner",
        "introspects",
    ] {
        assert_eq!(answer.get(member), None, "{member}");
    }
    // It is asked for its proof key, and serves no resource.
    let asked = super::Asked::good()
        .with("client_id", &id)
        .without("code_challenge");
    super::assert_red("D13", &asked.get(&world).await, "invalid_request");
    let (access, _) = world.tokens().await;
    let parameters = [
        ("token", access.as_str()),
        ("client_id", &id),
        ("client_secret", &secret),
    ];
    let seen = world.post("/introspect", &parameters).await;
    assert_eq!(seen.body, r#"{"active":false}"#);
    let chosen = [
        ("token", "x"),
        ("client_id", &id),
        ("client_secret", "chosen"),
    ];
    world
        .post("/revoke", &chosen)
        .await
        .assert_tok("invalid_client");
}

#[tokio::test]
async fn d7_a_scope_of_which_a_part_is_ours_is_narrowed_to_that_part() {
    let world = world().await;
    let document = web(json!({"scope": "read admin *", "token_endpoint_auth_method": "none"}));
    let answer = register(&world, &document).await.json();
    assert_eq!(answer["scope"], "read");
    let id = answer["client_id"].as_str().unwrap();
    let code = world.code(id).await;
    let seen = world.redeem(&code, &[("client_id", id)]).await;
    assert_eq!(seen.json()["scope"], "read");
    let asked = super::Asked::good()
        .with("client_id", id)
        .with("scope", "read write");
    super::assert_red("D7", &asked.get(&world).await, "invalid_scope");
}

#[tokio::test]
async fn d11_what_nobody_knows_is_not_stored() {
    let world = world().await;
    let stored = async |seen: &Seen| {
        assert_eq!(seen.status, StatusCode::CREATED, "{seen:?}");
        let id = seen.json()["client_id"].as_str().unwrap().into();
        let found = world.store.get(&Key::client(&id), world.clock.now()).await;
        found.unwrap().live().unwrap().body.len()
    };
    let plain = stored(&register(&world, &web(json!({}))).await).await;
    let mut members = web(json!({}));
    for number in 0..4_000 {
        members[format!("x{number}")] = json!(1);
    }
    let mut names = web(json!({}));
    for language in 0..500 {
        names[format!("client_name#x{language}")] = json!("A name in a language");
    }
    for document in [members, names] {
        // A secret of another hash is of the same length.
        let length = stored(&register(&world, &document).await).await;
        assert!(length.abs_diff(plain) < 64, "{length} and {plain}");
    }
}
