//! Rows R: addresses that are almost that of C1, at the authorization endpoint.

use countersign_authorization_server::oauth::RedirectUri;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::store::Kind;
use http::{Request, StatusCode};
use http_body_util::Full;
use testkit::corpus;

use super::Asked;
use super::standing::Standing;
use crate::fixture::*;

#[tokio::test]
async fn r1_to_r44_as_14_as_16_bp_07_an_address_that_is_almost_registered_sees_a_page() {
    let world = world().await;
    let public = |uri: &str| ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
    let other = public("https://other.example/cb");
    world.add("C9", facts(other)).await;
    let mut standing = Standing::of(&world).await;
    for (row, mutations) in corpus::REDIRECTS {
        for asked in *mutations {
            let seen = Asked::good().with("redirect_uri", asked).get(&world).await;
            seen.assert_page();
            standing.holds(row, asked, &seen).await;
        }
    }
}

#[tokio::test]
async fn r40_an_address_that_is_sent_twice_sees_a_page() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for other in ["https://evil.example/cb", CALLBACK, ""] {
        for asked in [
            Asked::good().and("redirect_uri", other),
            Asked::good().first("redirect_uri", other),
        ] {
            let seen = asked.get(&world).await;
            seen.assert_page();
            standing.holds("R40", other, &seen).await;
        }
    }
}

#[tokio::test]
async fn r42_the_query_of_an_address_is_compared_byte_for_byte() {
    let world = world().await;
    let registered = corpus::QUERY;
    let metadata = ClientMetadata::public(vec![RedirectUri::parse(registered).unwrap()]);
    world.add("C9", facts(metadata)).await;
    let ask = |uri| {
        Asked::good()
            .with("client_id", "C9")
            .with("redirect_uri", uri)
    };
    let mut standing = Standing::of(&world).await;
    for asked in corpus::QUERIES {
        let seen = ask(asked).get(&world).await;
        seen.assert_page();
        standing.holds("R42", asked, &seen).await;
    }
    let seen = ask(registered).get(&world).await;
    assert!(seen.redirect().contains_key("code"));
}

#[tokio::test]
async fn r45_an_address_without_end_is_refused() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    let long = format!("{CALLBACK}{}", "a".repeat(30_000));
    let seen = Asked::good().with("redirect_uri", &long).get(&world).await;
    seen.assert_page();
    standing.holds("R45", &long, &seen).await;
    // Beyond the bounds of targets and bodies it is not even read.
    let longer = Asked::good().with("redirect_uri", &long.repeat(2));
    let seen = longer.get(&world).await;
    assert_eq!(seen.status, StatusCode::URI_TOO_LONG);
    assert_eq!(seen.header("location"), None);
    let longest = format!("{CALLBACK}{}", "a".repeat(1 << 20));
    let asked = Asked::good().with("redirect_uri", &longest);
    let request = Request::post("/authorize")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(asked.text()));
    let seen = world.send(request.unwrap()).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.count(Kind::PendingAuthorization).await, 0);
}

#[tokio::test]
async fn r46_as_23_an_address_with_parameters_of_ours_gets_each_of_them_once() {
    let world = world().await;
    let registered = "https://good.example/cb?code=x&state=y&iss=z&error=e&keep=1";
    let metadata = ClientMetadata::public(vec![RedirectUri::parse(registered).unwrap()]);
    world.add("C9", facts(metadata)).await;
    let good = Asked::good()
        .with("client_id", "C9")
        .with("redirect_uri", registered);
    // `redirect` refuses a parameter that is repeated.
    let told = good.get(&world).await.redirect();
    assert_eq!(
        told.keys().collect::<Vec<_>>(),
        ["code", "iss", "keep", "state"]
    );
    assert_eq!((told["state"].as_str(), told["keep"].as_str()), ("s", "1"));
    assert_ne!(told["code"], "x");
    let changes = [("client_id", "C9"), ("redirect_uri", registered)];
    tokens_of(&world.redeem(&told["code"], &changes).await);
    let told = good.with("scope", "admin").get(&world).await.redirect();
    assert_eq!(told.keys().filter(|name| *name == "error").count(), 1);
    assert_eq!(told["error"], "invalid_scope");
    assert_eq!(told.get("code"), None);
}
