//! Providers whose tokens are JWTs, and what is peculiar about each.

use countersign_resource_server::Gate;
use countersign_resource_server::oauth::{ScopeSet, UnixTime};
use http::HeaderMap;
use serde_json::{Value, json};
use testkit::{AUDIENCE, NOW, TestClock, TestIssuer, TokenBuilder};

use super::{Internet, built_in, filled, verifier};
use crate::protected::{admitted, assert_refused, bearer, challenge, gate_at, refused};

/// A gate for tokens of the preset `name`, whose keys are those of the test issuer.
fn gate(name: &str, values: &[(&str, &str)]) -> Gate {
    gate_for(built_in(name, values))
}

fn gate_for(mut provider: countersign_resource_server::provider::Provider) -> Gate {
    let keys = "https://keys.test/jwks";
    provider.endpoints.jwks = Some(keys.to_owned());
    let internet = Internet::default().with(keys, TestIssuer::as_test().jwks());
    gate_at(verifier(provider, &internet), &TestClock::new(), "")
}

fn issued(issuer: &str) -> TokenBuilder {
    TestIssuer::new(issuer).token().key("r1").typ("JWT")
}

async fn who(gate: &Gate, token: TokenBuilder) -> (String, String, Option<String>, String) {
    let caller = admitted(gate, &token.sign()).await;
    let token = caller.access_token().unwrap();
    (
        token.iss().to_owned(),
        token.sub().to_owned(),
        token.client_id().map(str::to_owned),
        token.scopes().to_string(),
    )
}

const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E";

fn cognito() -> Gate {
    let values = [
        ("region", "eu-central-1"),
        ("user_pool_id", "eu-central-1_Ab12Cd34E"),
        ("client_id", "app-1"),
    ];
    gate("cognito", &values)
}

fn of_pool() -> TokenBuilder {
    issued(POOL)
        .without("aud")
        .client_id("app-1")
        .claim("token_use", "access")
}

#[tokio::test]
async fn at_cognito_the_client_id_stands_for_the_audience() {
    let gate = cognito();
    for (token, what) in [
        (of_pool().client_id("app-2"), "another application"),
        (of_pool().without("client_id"), "no application"),
        (of_pool().claim("client_id", json!([])), "a list of nobody"),
        (
            of_pool().without("client_id").aud("app-1"),
            "an audience instead",
        ),
        (of_pool().claim("token_use", "id"), "an ID token"),
        (of_pool().without("token_use"), "no use"),
        (
            of_pool().aud("https://elsewhere.test"),
            "for another service",
        ),
        (
            of_pool().signed_by(TestIssuer::stranger().key("r1")),
            "stranger",
        ),
        (of_pool().key("e1"), "another algorithm"),
        (of_pool().unsecured(), "alg none"),
        (of_pool().iss(&POOL.replace("34E", "34F")), "another pool"),
        (of_pool().iss(&format!("{POOL}/")), "a slash more"),
        (of_pool().without("iss"), "no issuer"),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    let seen = who(&gate, of_pool().scopes("orders/read")).await;
    let client = Some("app-1".to_owned());
    assert_eq!(
        seen,
        (
            POOL.to_owned(),
            "alice".to_owned(),
            client,
            "orders/read".to_owned()
        )
    );
    // With the resource that the token was asked for (RFC 8707) it is as good.
    admitted(&gate, &of_pool().aud("app-1").sign()).await;
}

const TENANT: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const OTHER: &str = "00000000-1111-2222-3333-444444444444";

fn entra_issuer(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn of_tenant(tenant: &str) -> TokenBuilder {
    issued(&entra_issuer(tenant))
        .aud("api://app-1")
        .without("client_id")
        .claim("tid", tenant)
        .claim("ver", "2.0")
        .claim("oid", "o-1")
        .claim("azp", "client-7")
        .claim("scp", "Notes.Read Notes.Write")
        .sub("pairwise")
}

#[tokio::test]
async fn a80_entra_tokens_of_other_tenants_and_issuers_are_refused() {
    let gate = gate("entra", &[("tenant", TENANT), ("client_id", "app-1")]);
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    for (token, what) in [
        (of_tenant(OTHER), "another tenant"),
        (
            of_tenant(TENANT).iss(&entra_issuer(OTHER)),
            "another issuer",
        ),
        (
            of_tenant(TENANT).claim("tid", OTHER),
            "the claim of another tenant",
        ),
        (of_tenant(TENANT).without("tid"), "no tenant"),
        (of_tenant(TENANT).iss(&v1).claim("ver", "1.0"), "version 1"),
        (of_tenant(TENANT).iss(&v1), "the issuer of version 1"),
        (of_tenant("{tenantid}"), "the template itself"),
        (of_tenant(TENANT).aud("api://app-2"), "another application"),
        (of_tenant(TENANT).without("oid"), "no object id"),
        (
            of_tenant(TENANT).claim("oid", json!({})),
            "an object as object id",
        ),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    let guest = of_tenant(TENANT)
        .claim("email", "ceo@contoso.test")
        .claim("preferred_username", "ceo@contoso.test")
        .claim("upn", "ceo@contoso.test")
        .claim("oid", "guest-1");
    let seen = who(&gate, guest).await;
    assert_eq!(seen.0, entra_issuer(TENANT));
    assert_eq!(seen.1, "guest-1");
    assert_eq!(seen.2.as_deref(), Some("client-7"));
    assert_eq!(seen.3, "Notes.Read Notes.Write");
}

#[tokio::test]
async fn entra_is_asked_for_scopes_with_their_prefix_and_names_them_without() {
    let mut provider = built_in("entra", &[("tenant", TENANT), ("client_id", "app-1")]);
    let keys = "https://keys.test/jwks";
    provider.endpoints.jwks = Some(keys.to_owned());
    let internet = Internet::default().with(keys, TestIssuer::as_test().jwks());
    let needed = ScopeSet::parse("Notes.Write").unwrap();
    let entra = verifier(provider, &internet).required_scopes(needed);
    let gate = gate_at(entra, &TestClock::new(), "Notes.Read");
    admitted(&gate, &of_tenant(TENANT).sign()).await;

    let asked = "scope=\"api://app-1/Notes.Read api://app-1/Notes.Write\"";
    let answer = refused(&gate, &HeaderMap::new()).await;
    assert!(challenge(&answer).contains(asked), "{answer:?}");
    for scp in ["", "Notes.Read", "api://app-1/Notes.Read Notes.Write"] {
        let token = of_tenant(TENANT).claim("scp", scp).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_eq!(answer.status(), 403, "{scp}");
        assert!(challenge(&answer).contains(asked), "{scp}: {answer:?}");
    }
    let document: Value = serde_json::from_slice(&gate.metadata_document()).unwrap();
    let supported = ["api://app-1/Notes.Read", "api://app-1/Notes.Write"];
    assert_eq!(document["scopes_supported"], json!(supported));
    // What a handler compares is the name in the token.
    assert_eq!(gate.required_scopes().to_string(), "Notes.Read Notes.Write");
}

#[tokio::test]
async fn a80_an_issuer_per_tenant_is_compared_with_the_claim_of_the_same_token() {
    let text = r#"
        name = "many"
        display_name = "Many"
        documentation = "https://many.test/docs"
        [endpoints]
        jwks = "https://many.test/jwks"
        [tokens]
        kind = "jwt"
        issuers = ["https://many.test/{claim:tid}/v2.0", "https://solo.test"]
        [tokens.audience]
        resource = true
        [safety]
        audience_bound = true
        open_registration = false
    "#;
    let gate = gate_for(filled(text, &[]));
    let of = |issuer: &str, tenant: Value| issued(issuer).claim("tid", tenant);
    let good = "https://many.test/t-1/v2.0";
    for (token, what) in [
        (of(good, json!("t-2")), "the claim says another"),
        (of(good, json!(null)), "no claim"),
        (of(good, json!(["t-1"])), "a list"),
        (
            of("https://many.test/{tid}/v2.0", json!("{tid}")),
            "the template",
        ),
        (
            of("https://many.test/a/b/v2.0", json!("a/b")),
            "a path as tenant",
        ),
        (of("https://many.test/../v2.0", json!("..")), "a way up"),
        (of("https://many.test//v2.0", json!("")), "an empty tenant"),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    assert_eq!(who(&gate, of(good, json!("t-1"))).await.0, good);
    assert_eq!(
        who(&gate, issued("https://solo.test")).await.0,
        "https://solo.test"
    );
}

#[tokio::test]
async fn a80_a_key_of_one_tenant_verifies_no_token_of_another() {
    let text = r#"
        name = "many"
        display_name = "Many"
        documentation = "https://many.test/docs"
        [endpoints]
        jwks = "https://many.test/jwks"
        [tokens]
        kind = "jwt"
        issuers = ["https://many.test/{claim:tid}/v2.0"]
        [tokens.audience]
        resource = true
        [safety]
        audience_bound = true
        open_registration = false
    "#;
    for (of, of_one, of_two) in [
        (json!("https://many.test/t-1/v2.0"), true, false),
        (json!("https://many.test/{tenantid}/v2.0"), true, true),
        (json!("https://many.test/{tenantid}"), false, false),
        (json!("https://other.test/{tenantid}/v2.0"), false, false),
    ] {
        let mut set = TestIssuer::as_test().jwks_value();
        for key in set["keys"].as_array_mut().unwrap() {
            key["issuer"] = of.clone();
        }
        let internet = Internet::default().with("https://many.test/jwks", set.to_string());
        let provider = filled(text, &[]);
        let verifier =
            verifier(provider, &internet).authorization_server("https://many.test/common");
        let gate = gate_at(verifier, &TestClock::new(), "");
        for (tenant, good) in [("t-1", of_one), ("t-2", of_two)] {
            let issuer = format!("https://many.test/{tenant}/v2.0");
            let token = issued(&issuer).claim("tid", tenant).sign();
            match good {
                true => drop(admitted(&gate, &token).await),
                false => assert_refused(&gate, &token, &format!("{of} {tenant}")).await,
            }
        }
    }
}

#[tokio::test]
async fn at_auth0_permissions_count_and_the_audience_is_the_api() {
    let values = [
        ("domain", "t.eu.auth0.test"),
        ("audience", "https://api.t.test"),
    ];
    let gate = gate("auth0", &values);
    let of = || issued("https://t.eu.auth0.test/").aud("https://api.t.test");
    for (token, what) in [
        (of().aud("https://t.eu.auth0.test/userinfo"), "for userinfo"),
        (of().aud("https://api.t.test/"), "a slash more"),
        (of().without("aud"), "an opaque kind"),
        (
            of().iss("https://t.eu.auth0.test"),
            "an issuer without its slash",
        ),
        (of().claim("aud", json!([7])), "a number"),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    let token = of()
        .scopes("openid read")
        .claim("permissions", json!(["write", "a b", "write"]));
    assert_eq!(who(&gate, token).await.3, "openid read write");
    // Bound to this server by its own address as well.
    admitted(&gate, &of().aud(AUDIENCE).sign()).await;
}

#[tokio::test]
async fn at_scalekit_both_spellings_of_the_issuer_are_accepted_and_no_third() {
    let environment = "https://acme.scalekit.test";
    let values = [("environment_url", environment), ("resource_id", "res_1")];
    let gate = gate("scalekit", &values);
    let long = format!("{environment}/resources/res_1");
    for issuer in [environment, &long] {
        let seen = who(&gate, issued(issuer).aud("res_1")).await;
        assert_eq!(seen.0, issuer);
        assert_refused(&gate, &issued(issuer).aud("res_2").sign(), issuer).await;
    }
    for issuer in [
        &format!("{environment}/resources/res_2"),
        &format!("{environment}/"),
    ] {
        assert_refused(&gate, &issued(issuer).aud("res_1").sign(), issuer).await;
    }
    let advertised = &gate.metadata().authorization_servers;
    assert_eq!(advertised.len(), 1);
    assert_eq!(advertised[0].as_str(), long);
}

#[tokio::test]
async fn at_keycloak_other_kinds_of_tokens_of_the_realm_are_refused() {
    let realm = "https://kc.test/realms/main";
    let gate = gate("keycloak", &[("realm_url", realm), ("audience", "mcp")]);
    let of = || {
        issued(realm)
            .aud("mcp")
            .claim("typ", "Bearer")
            .claim("azp", "web")
    };
    for (token, what) in [
        (of().claim("typ", "ID"), "an ID token"),
        (of().claim("typ", "Refresh"), "a refresh token"),
        (of().without("typ"), "no type"),
        (of().aud("account"), "another audience"),
        (
            of().claim("cnf", json!({ "x5t#S256": "a" })),
            "bound to a key",
        ),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    assert_eq!(who(&gate, of()).await.2.as_deref(), Some("web"));
}

#[tokio::test]
async fn at_okta_people_are_their_uid_and_scopes_are_a_list() {
    let issuer = "https://t.okta.test/oauth2/default";
    let gate = gate("okta", &[("issuer", issuer), ("audience", "api://default")]);
    let of = || {
        issued(issuer)
            .aud("api://default")
            .without("client_id")
            .sub("alice@t.test")
            .claim("uid", "00u1")
            .claim("cid", "0oa1")
            .claim("scp", json!(["notes", "offline_access"]))
    };
    assert_refused(&gate, &of().without("uid").sign(), "no uid").await;
    assert_refused(&gate, &of().claim("uid", "").sign(), "an empty uid").await;
    let seen = who(&gate, of()).await;
    assert_eq!(seen.1, "00u1");
    assert_eq!(seen.2.as_deref(), Some("0oa1"));
    assert_eq!(seen.3, "notes offline_access");
}

#[tokio::test]
async fn m_10_m_40_firebase_tokens_are_verified_to_the_last_rule() {
    let issuer = "https://securetoken.google.com/notes-1";
    let gate = gate("firebase", &[("project_id", "notes-1")]);
    let of = || {
        issued(issuer)
            .aud("notes-1")
            .without("client_id")
            .claim("auth_time", NOW.as_secs() - 60)
    };
    let late = NOW.as_secs() + 61;
    for (token, what) in [
        (of().unsecured(), "unsigned"),
        (of().signed_by(TestIssuer::stranger().key("r1")), "stranger"),
        (of().key("e1"), "another algorithm"),
        (
            of().iss("https://securetoken.google.com/notes-2"),
            "another project",
        ),
        (of().aud("notes-2"), "for another project"),
        (of().without("aud"), "for nobody"),
        (of().sub(""), "an empty subject"),
        (of().without("sub"), "no subject"),
        (of().claim("auth_time", late), "a login in the future"),
        (of().claim("auth_time", "1"), "a text as time"),
        (of().without("auth_time"), "no login"),
        (of().exp(UnixTime::from_secs(NOW.as_secs() - 61)), "expired"),
        (of().claim("iat", late), "from the future"),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    let seen = who(&gate, of()).await;
    assert_eq!(seen.0, issuer);
    assert_eq!(seen.1, "alice");
}
