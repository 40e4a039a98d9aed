//! What is off until it is set, and what stops the start: rows C42, CC-02, WI-03.

use countersign_authorization_server::oauth::jose::Algorithm;
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::{
    AuthorizationServer, AuthorizationServerBuilder, Headless, Storage, TokenExchange,
    TrustedIdentityProvider, Workload, WorkloadIssuer,
};
use serde_json::json;

use super::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn identity(issuer: &Issuer) -> TrustedIdentityProvider {
    TrustedIdentityProvider::new("acme", IDP).keys(issuer.keys())
}

fn workloads(issuer: &Issuer) -> WorkloadIssuer {
    WorkloadIssuer::new(PLATFORM)
        .keys(issuer.keys())
        .workload(Workload::new("ci", "W").claim("sub", "x"))
}

#[tokio::test]
async fn c42_a_grant_type_that_is_not_enabled_does_not_exist() {
    let world = machines(|builder| builder).await;
    for parameters in [
        [("grant_type", DEVICE), ("device_code", "x")],
        [("grant_type", JWT_BEARER), ("assertion", "a.b.c")],
        [("grant_type", JWT_BEARER), ("x", "y")],
        [("grant_type", EXCHANGE), ("subject_token", "x")],
        [("grant_type", EXCHANGE), ("x", "y")],
    ] {
        let seen = world.post_as("E", &parameters).await;
        seen.assert_tok("unsupported_grant_type");
    }
}

#[tokio::test]
async fn cc_03_a_client_that_proves_nothing_gets_no_token_of_its_own() {
    let world = machines(|builder| builder).await;
    let mut metadata = ClientMetadata::public(Vec::new());
    metadata.grant_types = vec![GrantType::ClientCredentials, GrantType::RefreshToken];
    world.add("public", facts(metadata.clone())).await;
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    let secret = Secret::new(SECRET);
    let confidential = facts(metadata).with_secret(&secret, None);
    world.add("own", confidential).await;
    let asked = [
        ("grant_type", "client_credentials"),
        ("resource", RESOURCE),
        ("client_id", "public"),
    ];
    let seen = world.post("/token", &asked).await;
    seen.assert_tok("unauthorized_client");
    let invented = basic("public", SECRET);
    let seen = world
        .post_with("/token", Some(&invented), &asked[..2])
        .await;
    assert_eq!(seen.status, 401, "{seen:?}");
    assert_eq!(world.count(Kind::Grant).await, 0);
    // Whoever authenticates names the resource, and gets nothing that lasts.
    for (resource, error) in [
        ("https://evil.test/mcp", "invalid_target"),
        ("x", "invalid_target"),
    ] {
        let asked = [asked[0], ("resource", resource)];
        world.post_as("own", &asked).await.assert_tok(error);
    }
    let seen = world.post_as("own", &asked[..2]).await;
    let token = only_access(&seen);
    assert!(seen.json()["expires_in"].as_u64().unwrap() <= 3_600);
    assert_eq!(world.told_about(&token).await["aud"], RESOURCE);
}

#[tokio::test]
async fn cc_02_wi_03_the_metadata_name_what_is_configured_and_nothing_else() {
    let issuer = Issuer::new();
    let exchange = || TokenExchange::new("E", RESOURCE, UPSTREAM);
    type Change<'a> =
        Box<dyn FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder + 'a>;
    let cases: [(Change<'_>, bool, bool, bool); 4] = [
        (Box::new(|builder| builder), false, false, false),
        (
            Box::new(|builder| builder.identity_assertions(identity(&issuer))),
            true,
            false,
            true,
        ),
        (
            Box::new(|builder| builder.workloads(workloads(&issuer))),
            true,
            false,
            false,
        ),
        (
            Box::new(|builder| builder.token_exchange(exchange())),
            false,
            true,
            false,
        ),
    ];
    for (change, assertions, exchanges, profile) in cases {
        let world = machines(change).await;
        let seen = world.get("/.well-known/oauth-authorization-server").await;
        let metadata = seen.json();
        let names = metadata["grant_types_supported"].as_array().unwrap();
        let has = |name: &str| names.contains(&json!(name));
        assert!(has("authorization_code") && has("refresh_token") && has("client_credentials"));
        assert_eq!(has(JWT_BEARER), assertions);
        assert_eq!(has(EXCHANGE), exchanges);
        let profiles = &metadata["authorization_grant_profiles_supported"];
        let expected = json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
        assert_eq!(*profiles == expected, profile, "{profiles}");
        // CC-02: how clients authenticate, and with which algorithms.
        let methods = &metadata["token_endpoint_auth_methods_supported"];
        assert!(
            methods
                .as_array()
                .unwrap()
                .contains(&json!("private_key_jwt"))
        );
        let algorithms = &metadata["token_endpoint_auth_signing_alg_values_supported"];
        let algorithms = algorithms.as_array().unwrap();
        assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")));
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn what_cannot_be_meant_stops_the_start_with_a_sentence() {
    let issuer = Issuer::new();
    let begun = || AuthorizationServer::with_settings(two_resources());
    let hmac = Keys::hmac(Secret::new("x".repeat(32)), Algorithm::HS256);
    let of = |workload: Workload| {
        WorkloadIssuer::new(PLATFORM)
            .keys(issuer.keys())
            .workload(workload)
    };
    for (builder, sentence) in [
        (
            begun().identity_assertions(identity(&issuer).keys(hmac)),
            "shared secret",
        ),
        (
            begun().identity_assertions(TrustedIdentityProvider::new("acme", "http://idp.test")),
            "http://idp.test",
        ),
        (
            begun().identity_assertions(TrustedIdentityProvider::new("Acme Inc", IDP)),
            "small letters",
        ),
        (
            begun().identity_assertions(TrustedIdentityProvider::new("acme", ISSUER)),
            "this server itself",
        ),
        (
            begun().identity_assertions(identity(&issuer).algorithms([Algorithm::HS256])),
            "public keys",
        ),
        (
            begun().identity_assertions(identity(&issuer).algorithms([])),
            "public keys",
        ),
        (
            begun().identity_assertions(identity(&issuer).scopes(["admin"])),
            "admin",
        ),
        (
            begun()
                .identity_assertions(identity(&issuer))
                .identity_assertions(identity(&issuer)),
            "twice",
        ),
        (
            begun().workloads(WorkloadIssuer::new(PLATFORM).keys(issuer.keys())),
            ".workload(…)",
        ),
        (begun().workloads(of(Workload::new("ci", "W"))), ".claim(…)"),
        (
            begun().workloads(of(Workload::new("c i", "W").claim("sub", "x"))),
            "a service has a name",
        ),
        (
            begun().workloads(of(Workload::new("ci", "W").claim_like("sub", "*"))),
            "`*`",
        ),
        (
            begun().workloads(of(Workload::new("ci", "W").claim_like("sub", "a*b"))),
            "`*`",
        ),
        (
            begun().workloads(of(Workload::new("ci", "W").claim("sub", ""))),
            "a name and a text",
        ),
        (
            begun().workloads(of(Workload::new("ci", "W")
                .claim("sub", "x")
                .resource("https://rs.test/nothing"))),
            "no resource of this server",
        ),
        (
            begun().token_exchange(TokenExchange::new("E", RESOURCE, RESOURCE)),
            "name the one that it calls",
        ),
        (
            begun().token_exchange(TokenExchange::new("E", RESOURCE, "https://x.test")),
            "no resource of this server",
        ),
        (
            begun().token_exchange(TokenExchange::new("E", RESOURCE, UPSTREAM).scopes(["x"])),
            "`x`",
        ),
    ] {
        let error = builder.check().unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
    // People need accounts.
    let world = begun()
        .storage(Storage::memory().unwrap())
        .interaction(Arc::new(Headless::danger_approve_everything("alice")))
        .identity_assertions(identity(&issuer));
    let error = world.build().unwrap_err().to_string();
    assert!(error.contains("has no accounts"), "{error}");
}
