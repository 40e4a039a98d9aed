//! Tokens that come back to a resource server in the same process: RFC 9068 §4.

use countersign_authorization_server::OwnTokens;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{Lifetime, ResourceUri};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_resource_server::{PresentedToken, Reason, Verification, Verifier};
use serde_json::json;

use crate::fixture::*;

fn verifier(world: &World, resource: &str) -> OwnTokens {
    let resource = ResourceUri::parse(resource).unwrap();
    world.server.own_tokens(resource).unwrap()
}

async fn judge(world: &World, token: &str) -> Verification {
    let verifier = verifier(world, RESOURCE);
    let now = world.clock.now();
    verifier
        .verify(PresentedToken::new(token), now)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_revoked_token_is_rejected_from_the_next_request_on() {
    for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
        let mut settings = settings();
        settings.access_token_format = format;
        let world = world_with(settings, |builder| builder).await;
        let (access, refresh) = world.tokens().await;
        assert!(matches!(
            judge(&world, &access).await,
            Verification::Accepted(_)
        ));
        world
            .post("/revoke", &[("token", &refresh), ("client_id", "C1")])
            .await;
        let after = judge(&world, &access).await;
        match format {
            AccessTokenFormat::Jwt => {
                assert!(
                    matches!(after, Verification::Rejected(Reason::Inactive)),
                    "{after:?}"
                );
            }
            AccessTokenFormat::Opaque => assert!(matches!(after, Verification::NotMine)),
        }
    }
}

#[tokio::test]
async fn tokens_that_are_expired_forged_or_for_another_resource_are_rejected() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let elsewhere = verifier(&world, "https://rs.test/mcp2");
    let now = world.clock.now();
    let other = elsewhere
        .verify(PresentedToken::new(&access), now)
        .await
        .unwrap();
    assert!(
        matches!(other, Verification::Rejected(Reason::Claims(_))),
        "{other:?}"
    );
    // A key of somebody else, under our name.
    let pem =
        SigningKey::generate_pkcs8_pem(Algorithm::ES256, &aws_lc_rs::rand::SystemRandom::new())
            .unwrap();
    let forger = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap();
    let sign = |issuer: &str| {
        let claims = json!({"iss": issuer, "sub": "alice", "aud": RESOURCE, "exp": now.as_secs() + 60, "jti": "1", "client_id": "C1"});
        sign_compact(
            Some("at+jwt"),
            claims.to_string().as_bytes(),
            &forger,
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .unwrap()
    };
    let forged = judge(&world, &sign(ISSUER)).await;
    assert!(
        matches!(forged, Verification::Rejected(Reason::Signature(_))),
        "{forged:?}"
    );
    for foreign in [
        sign("https://other.test"),
        refresh,
        "junk".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert!(matches!(
            judge(&world, &foreign).await,
            Verification::NotMine
        ));
    }
    world.clock.advance(Lifetime::from_hours(1));
    let late = judge(&world, &access).await;
    assert!(
        matches!(late, Verification::Rejected(Reason::Claims(_))),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_good_token_says_who_it_is_and_what_it_permits() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let Verification::Accepted(token) = judge(&world, &access).await else {
        panic!("not accepted");
    };
    assert_eq!(
        (token.iss(), token.sub(), token.client_id()),
        (ISSUER, "alice", Some("C1"))
    );
    assert_eq!(token.aud(), [RESOURCE]);
    assert_eq!(token.scopes().to_string(), "read write");
    assert_eq!(
        token.exp(),
        Some(world.clock.now().saturating_add(Lifetime::from_hours(1)))
    );
}
