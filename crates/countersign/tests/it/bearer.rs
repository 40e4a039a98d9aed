//! Bearer credentials over the whole pipeline: the outcome codes of rows A, as a
//! client of the MCP endpoint sees them.

use testkit::{NOW, SignatureAlgorithm};

use crate::fixture::{Expected, Fixture};

#[tokio::test]
async fn a1_a2_a4_a10_a12_what_is_no_bearer_credential_is_asked_for_one() {
    let fixture = Fixture::new();
    let token = fixture.token();
    fixture
        .attack("A1", fixture.call(), Expected::NoToken)
        .await;
    for authorization in [
        String::new(),
        format!("Basic {token}"),
        format!("DPoP {token}"),
    ] {
        let request = fixture.call_with(&authorization);
        fixture.attack("A2 A4", request, Expected::NoToken).await;
    }
    let query = fixture.http().post(&format!("/mcp?access_token={token}"));
    fixture.attack("A10", query, Expected::NoToken).await;
    let form = fixture
        .http()
        .post("/mcp")
        .body(format!("access_token={token}"));
    fixture.attack("A12", form, Expected::NoToken).await;
}

#[tokio::test]
async fn a3_a7_a8_a9_a11_a13_rs_29_a_malformed_credential_is_400() {
    let fixture = Fixture::new();
    let token = fixture.token();
    for authorization in [
        "Bearer".to_owned(),
        format!("Bearer\t{token}"),
        format!("Bearer {token}, Bearer x"),
        format!("Bearer {token} x"),
    ] {
        let request = fixture.call_with(&authorization);
        fixture
            .attack("A3 A7 A9 A13", request, Expected::BadRequest)
            .await;
    }
    let twice = fixture
        .call_with(format!("Bearer {token}"))
        .also("authorization", "Bearer x");
    fixture.attack("A8", twice, Expected::BadRequest).await;
    let both = fixture
        .http()
        .post(&format!("/mcp?access_token={token}"))
        .bearer(&token);
    fixture.attack("A11", both, Expected::BadRequest).await;
}

#[tokio::test]
async fn a26_a27_a52_a56_rs_13_rs_14_rs_21_a_token_that_is_not_good_is_401() {
    let fixture = Fixture::new();
    let issuer = &fixture.issuer;
    let public_key = issuer.key("r1").spki_pem();
    for (row, token) in [
        ("A26", issuer.token().scopes("read").unsecured().sign()),
        (
            "A27",
            issuer
                .token()
                .scopes("read")
                .mac(SignatureAlgorithm::HS256, public_key)
                .sign(),
        ),
        (
            "A52",
            issuer
                .token()
                .scopes("read")
                .exp(NOW.saturating_sub(countersign_oauth::Lifetime::from_secs(61)))
                .sign(),
        ),
        (
            "A56",
            issuer
                .token()
                .scopes("read")
                .aud("https://rs.test/mcp2")
                .sign(),
        ),
        ("A17", "a.b.c".to_owned()),
    ] {
        let request = fixture.call_with(format!("Bearer {token}"));
        let answer = fixture.attack(row, request, Expected::BadToken).await;
        assert_eq!(answer.text(), "{\"error\":\"invalid_token\"}", "{row}");
    }
}

#[tokio::test]
async fn a81_rs_25_rs_27_a_token_without_the_scope_is_403() {
    let fixture = Fixture::new();
    for token in [
        fixture.issuer.token().without("scope"),
        fixture.issuer.token().scopes("readwrite"),
    ] {
        let request = fixture.call_with(format!("Bearer {}", token.sign()));
        fixture
            .attack("A81", request, Expected::Scope("read"))
            .await;
    }
}
