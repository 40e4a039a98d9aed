//! Dynamic registration: rows D1 to D13 and X1 to X3 of the attack corpus, RFC 7591.

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::client_metadata::{
    ClientMetadata, ClientMetadataError, ClientRules, ClientSecret, RegistrationResponse,
};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::redirect_uri::ApplicationType;
use countersign_oauth::{ClientId, ScopeSet, Secret, UnixTime};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::*;

fn rules() -> ClientRules {
    ClientRules::new(ScopeSet::parse("read write offline_access").unwrap())
}

fn register(document: &Value) -> Result<ClientMetadata, ClientMetadataError> {
    ClientMetadata::parse_registration(document.to_string().as_bytes(), &rules())
}

/// A minimal web client with `more` members.
fn web(more: Value) -> Value {
    let mut document = json!({"redirect_uris": ["https://good.example/cb"]});
    document
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    document
}

fn assert_reg(row: &str, document: &Value, code: &str) {
    let refusal = register(document).expect_err(&document.to_string());
    assert_eq!(refusal.code().as_str(), code, "{row}: {document}");
    assert_eq!(refusal.code().status(), 400);
}

#[test]
fn d2_a_body_that_is_no_strict_json_object_is_refused() {
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(64 * 1024));
    for body in [
        "not json",
        "[]",
        "",
        "redirect_uris=x",
        r#"{"redirect_uris":["https://good.example/cb"],"redirect_uris":[]}"#,
        deep.as_str(),
        long.as_str(),
    ] {
        let refusal = ClientMetadata::parse_registration(body.as_bytes(), &rules()).unwrap_err();
        assert_eq!(refusal.code().as_str(), "invalid_client_metadata");
    }
}

#[test]
fn as_40_d3_redirect_uris_that_are_missing_or_unfit_are_refused() {
    let many: Vec<_> = (0..101)
        .map(|number| format!("https://good.example/{number}"))
        .collect();
    let long = format!("https://good.example/{}", "a".repeat(2_048));
    for uris in [
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
        json!([null]),
        json!(1),
        json!(null),
        json!("https://good.example/cb"),
        json!(["https://good.example/cb", "http://evil.example/cb"]),
    ] {
        assert_reg(
            "D3",
            &json!({"redirect_uris": uris}),
            "invalid_redirect_uri",
        );
    }
    assert_reg("D3", &json!({}), "invalid_redirect_uri");
}

#[test]
fn d4_schemes_of_other_programs_are_refused() {
    for scheme in ["ms-msdt", "search-ms", "smb", "tel", "intent", "chrome"] {
        let document = json!({"redirect_uris": [format!("{scheme}:/x")]});
        assert_reg("D4", &document, "invalid_redirect_uri");
    }
    for uri in ["cursor://x/y", "com.example:/cb"] {
        let client = register(&json!({"redirect_uris": [uri]})).unwrap();
        assert_eq!(client.application_type, ApplicationType::Native);
    }
}

#[test]
fn as_40_l12_a_web_application_with_a_loopback_uri_is_refused() {
    let document = json!({"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "web"});
    assert_reg("L12", &document, "invalid_redirect_uri");
    for junk in [json!("browser"), json!(1)] {
        assert_reg(
            "AS-40",
            &web(json!({"application_type": junk})),
            "invalid_client_metadata",
        );
    }
}

#[test]
fn as_39_d6_grants_that_are_not_for_strangers_are_refused() {
    for more in [
        json!({"grant_types": ["password"]}),
        json!({"grant_types": ["authorization_code", "implicit"]}),
        json!({"grant_types": ["client_credentials"]}),
        json!({"response_types": ["token"]}),
        json!({"response_types": ["code", "id_token"]}),
        json!({"grant_types": ["authorization_code"], "response_types": []}),
        json!({"grant_types": ["refresh_token"]}),
        json!({"grant_types": []}),
        json!({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}),
        json!({"grant_types": "authorization_code"}),
        json!({"grant_types": [1]}),
    ] {
        assert_reg("D6", &web(more), "invalid_client_metadata");
    }
    // What an administrator allows may still not contradict itself.
    let mut rules = rules();
    rules.grant_types.push(GrantType::ClientCredentials);
    let parse = |document: Value| {
        ClientMetadata::parse_registration(document.to_string().as_bytes(), &rules)
    };
    let service = json!({"grant_types": ["client_credentials"]});
    assert_eq!(
        parse(service).unwrap().grant_types,
        [GrantType::ClientCredentials]
    );
    for document in [
        json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}),
        json!({"grant_types": ["client_credentials"], "response_types": ["code"]}),
    ] {
        assert_eq!(parse(document), Err(ClientMetadataError::Contradiction));
    }
}

#[test]
fn d7_scopes_that_are_not_for_clients_are_dropped_or_refused() {
    for scope in ["admin", "*", "unknown", "a  b", "a\"b"] {
        assert_reg(
            "D7",
            &web(json!({"scope": scope})),
            "invalid_client_metadata",
        );
    }
    let client = register(&web(json!({"scope": "read admin *"}))).unwrap();
    assert_eq!(client.scope, Some(ScopeSet::parse("read").unwrap()));
    let of_server = ScopeSet::parse("read write admin").unwrap();
    assert_eq!(
        client.allowed_scopes(&of_server),
        ScopeSet::parse("read").unwrap()
    );
    assert_eq!(register(&web(json!({"scope": ""}))).unwrap().scope, None);
}

#[test]
fn d8_addresses_of_keys_that_must_not_be_fetched_are_refused() {
    for uri in [
        "http://good.example/jwks",
        "https://127.0.0.1/jwks",
        "https://localhost/jwks",
        "https://[::1]/jwks",
        "https://169.254.169.254/jwks",
        "https://10.0.0.1/jwks",
        "https://metadata.google.internal/jwks",
        "https://printer.local/jwks",
        "https://intranet/jwks",
        "https://user@good.example/jwks",
        "https://good.example/jwks#x",
        "https://0x7f.1/jwks",
        "file:///etc/passwd",
        "junk",
    ] {
        let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri});
        assert_reg("D8", &web(more), "invalid_client_metadata");
        // Also where it would not be used.
        assert_reg(
            "D8",
            &web(json!({"jwks_uri": uri})),
            "invalid_client_metadata",
        );
    }
    let key = E1.jwk(json!({}));
    let both = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key]}, "jwks_uri": "https://good.example/jwks",
    });
    assert_reg("D8", &web(both), "invalid_client_metadata");
    let neither = json!({"token_endpoint_auth_method": "private_key_jwt"});
    assert_reg("D8", &web(neither), "invalid_client_metadata");
}

#[test]
fn d9_keys_that_are_private_symmetric_weak_or_too_many_are_refused() {
    let good = E1.jwk(json!({}));
    let weak = json!({"kty": "RSA", "e": "AQAB", "n": encode([0xFF; 64])});
    let many: Vec<_> = (0..1_000).map(|_| good.clone()).collect();
    let some: Vec<_> = (0..21).map(|_| good.clone()).collect();
    for keys in [
        json!([E1.jwk(json!({"d": encode([1; 32])}))]),
        json!([good, {"kty": "oct", "k": encode([1; 32])}]),
        json!([weak]),
        json!([]),
        json!(many),
        json!(some),
        json!("junk"),
    ] {
        let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": keys}});
        assert_reg("D9", &web(more), "invalid_client_metadata");
    }
    let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [good]}});
    assert!(register(&web(more)).unwrap().jwks.is_some());
}

#[test]
fn d10_software_statements_are_refused_because_nobody_is_trusted_to_make_them() {
    let payload = json!({"iss": "https://evil.example", "client_name": "x"}).to_string();
    let signed = E1.token(r#"{"alg":"ES256","kid":"e1"}"#, &payload);
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&payload));
    for (statement, code) in [
        (json!("unsigned"), "invalid_software_statement"),
        (json!(unsigned), "invalid_software_statement"),
        (json!({"iss": "x"}), "invalid_software_statement"),
        (json!(signed), "unapproved_software_statement"),
    ] {
        assert_reg("D10", &web(json!({"software_statement": statement})), code);
    }
}

#[test]
fn as_47_x3_links_that_are_no_web_addresses_are_refused() {
    for name in ["client_uri", "logo_uri", "tos_uri", "policy_uri"] {
        for uri in [
            "javascript:alert(1)",
            "data:text/html,<script>x</script>",
            "JaVaScRiPt:alert(1)",
            "https://good.example/\"onload=x",
            "https://good.example/'><script>",
            "//good.example",
            "https://user:pw@good.example/",
            "https://good.example/\nx",
            "ftp://good.example/",
            "/x",
        ] {
            assert_reg("X2/X3", &web(json!({name: uri})), "invalid_client_metadata");
        }
        assert_reg("X3", &web(json!({name: 1})), "invalid_client_metadata");
    }
}

#[test]
fn x1_names_are_cleaned_and_cut() {
    for (name, shown) in [
        ("  A\tnice\r\n client ", Some("A nice client")),
        ("\u{202e}knaB\u{202c}", Some("knaB")),
        ("Pay\u{200b}Pal\u{feff}\u{e0041}", Some("PayPal")),
        ("</title><script>{{7*7}}", Some("</title><script>{{7*7}}")),
        ("\u{200b}\u{2066}\0", None),
        ("\u{3164}", None),
        ("", None),
    ] {
        let client = register(&web(json!({"client_name": name}))).unwrap();
        assert_eq!(
            client.client_name.as_ref().map(|name| name.as_str()),
            shown,
            "{name:?}"
        );
    }
    let long = register(&web(json!({"client_name": "x".repeat(10 * 1024)}))).unwrap();
    assert_eq!(long.client_name.unwrap().as_str().len(), 100);
    for junk in [json!(1), json!(["x"]), json!("x".repeat(20 * 1024))] {
        assert_reg(
            "X1",
            &web(json!({"client_name": junk})),
            "invalid_client_metadata",
        );
    }
}

#[test]
fn d5_d13_members_that_only_this_server_sets_are_ignored() {
    let plain = register(&web(json!({}))).unwrap();
    let hostile = web(json!({
        "client_id": "admin", "client_secret": "x", "client_secret_expires_at": 0,
        "registration_access_token": "x", "trusted": true, "skip_consent": true, "first_party": true,
        "require_pkce": false, "redirect_uri_patterns": ["https://*"], "owner": "alice",
    }));
    assert_eq!(register(&hostile).unwrap(), plain);
    let stored = serde_json::to_value(&plain).unwrap();
    for (name, _) in stored.as_object().unwrap() {
        assert!(
            !name.starts_with("client_id") && !name.contains("secret"),
            "{name}"
        );
    }
}

#[test]
fn d11_unknown_members_do_not_grow_what_is_stored() {
    let mut document = web(json!({}));
    for number in 0..3_000 {
        document[format!("x{number}")] = json!(number);
    }
    for language in 0..500 {
        document[format!("client_name#x{language}")] = json!("name");
    }
    assert_eq!(
        register(&document).unwrap(),
        register(&web(json!({}))).unwrap()
    );
}

#[test]
fn as_40_d1_minimal_clients_are_registered_with_the_defaults_of_rfc_7591() {
    let client = register(&web(json!({}))).unwrap();
    assert_eq!(
        client.token_endpoint_auth_method,
        TokenEndpointAuthMethod::ClientSecretBasic
    );
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.application_type, ApplicationType::Web);
    let native = register(&json!({
        "redirect_uris": ["http://127.0.0.1:3000/cb"], "token_endpoint_auth_method": "none",
        "grant_types": ["refresh_token", "authorization_code"], "response_types": ["code"],
        "client_uri": null,
    }))
    .unwrap();
    assert_eq!(native.application_type, ApplicationType::Native);
    assert_eq!(
        native.grant_types,
        [GrantType::AuthorizationCode, GrantType::RefreshToken]
    );
}

#[test]
fn clients_of_the_market_are_registered_as_they_ask() {
    // One that offers every grant it knows, with several kinds of addresses.
    let editor = json!({
        "client_name": "An editor", "client_uri": "https://editor.example",
        "grant_types": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types": ["code"],
        "redirect_uris": [
            "https://editor.example/redirect", "http://localhost/", "http://127.0.0.1/",
            "http://localhost:33418/", "http://127.0.0.1:33418/", "cursor://editor/mcp/callback",
        ],
        "token_endpoint_auth_method": "none", "application_type": "native", "scope": "",
    });
    let client = register(&editor).unwrap();
    assert_eq!(client.redirect_uris.len(), 6);
    assert_eq!(
        client.grant_types,
        [GrantType::AuthorizationCode, GrantType::RefreshToken]
    );
    for method in ["client_secret_post", "client_secret_basic"] {
        let client = register(&web(json!({"token_endpoint_auth_method": method}))).unwrap();
        assert!(client.token_endpoint_auth_method.has_secret());
    }
    for method in ["client_secret_jwt", "tls_client_auth", "NONE", "junk"] {
        assert_reg(
            "AS-40",
            &web(json!({"token_endpoint_auth_method": method})),
            "invalid_client_metadata",
        );
    }
}

#[test]
fn as_40_the_answer_has_the_secret_once_and_all_that_was_registered() {
    let metadata = register(&web(json!({"client_name": "x", "scope": "read admin"}))).unwrap();
    let id = ClientId::parse("c-1").unwrap();
    let (now, later) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 86_400));
    let secret = ClientSecret::new(Secret::new("canary"), Some(later));
    let response = RegistrationResponse::new(&id, now, Some(&secret), &metadata);
    assert!(!format!("{response:?}").contains("canary"));
    let answer: Value = serde_json::from_str(response.to_json().reveal()).unwrap();
    assert_eq!(
        answer,
        json!({
            "client_id": "c-1", "client_id_issued_at": NOW, "client_secret": "canary",
            "client_secret_expires_at": NOW + 86_400, "response_types": ["code"],
            "redirect_uris": ["https://good.example/cb"], "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_basic", "application_type": "web",
            "client_name": "x", "scope": "read",
        })
    );
    // Without a secret there is no expiry; one that does not expire says 0.
    let public: Value = serde_json::from_str(
        RegistrationResponse::new(&id, now, None, &metadata)
            .to_json()
            .reveal(),
    )
    .unwrap();
    assert!(public.get("client_secret_expires_at").is_none());
    let lasting = ClientSecret::new(Secret::new("s"), None);
    let response = RegistrationResponse::new(&id, now, Some(&lasting), &metadata);
    let answer: Value = serde_json::from_str(response.to_json().reveal()).unwrap();
    assert_eq!(answer["client_secret_expires_at"], 0);
}

fn member() -> impl Strategy<Value = Value> {
    prop_oneof![
        "(https://[a-z.]{1,12}/|http://127.0.0.1:80/|none|code|authorization_code|refresh_token|read|web|native|)".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::collection::vec("(https://a\\.example/[a-z]|authorization_code|refresh_token|code|.{0,5})", 0..4)
            .prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_registered_is_consistent_and_can_be_stored(members in prop::collection::vec((prop::sample::select(vec![
        "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope", "client_name",
        "client_uri", "jwks_uri", "application_type", "contacts",
    ]), member()), 0..6)) {
        let mut document = web(json!({}));
        for (name, value) in members {
            document[name] = value;
        }
        if let Ok(client) = register(&document) {
            let stored = serde_json::to_string(&client).unwrap();
            prop_assert_eq!(serde_json::from_str::<ClientMetadata>(&stored).unwrap(), client.clone());
            let has = |kind| client.allows(kind);
            prop_assert!(!has(GrantType::ClientCredentials));
            prop_assert!(!has(GrantType::RefreshToken) || has(GrantType::AuthorizationCode));
            prop_assert!(!has(GrantType::AuthorizationCode) || !client.redirect_uris.is_empty());
            prop_assert!(client.scope.is_none_or(|scope| rules().scopes.is_superset(&scope) && !scope.is_empty()));
        }
    }
}
