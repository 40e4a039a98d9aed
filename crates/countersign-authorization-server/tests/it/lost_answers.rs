//! Refresh tokens that only their client can show, after the grace: an answer that nobody
//! used was lost, and a token whose successor was used is a stolen one (row C26).

use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::{Lifetime, RedirectUri, Secret};
use countersign_authorization_server::store::Kind;

use crate::dpop::{Prover, post, redemption, refreshing, without_nonces, world_of};
use crate::fixture::*;

const A_DAY: Lifetime = Lifetime::from_hours(24);

/// A person who is logged in with a client that has a key, and whose last answer was lost.
struct Lost {
    world: World,
    owner: Prover,
    /// What the client has.
    refresh: String,
    /// What it should have.
    access: String,
    successor: String,
}

impl Lost {
    async fn new() -> Self {
        let world = world_of(without_nonces()).await;
        let owner = Prover::new();
        let code = world.code("C1").await;
        let first = post(&world, &[&owner.proof(&world)], &redemption(&code)).await;
        let (_, refresh) = tokens_of(&first);
        let lost = post(&world, &[&owner.proof(&world)], &refreshing(&refresh)).await;
        let (access, successor) = tokens_of(&lost);
        world.clock.advance(Lifetime::from_mins(10));
        Self {
            world,
            owner,
            refresh,
            access,
            successor,
        }
    }

    async fn shows(&self, token: &str) -> Seen {
        self.shows_with(token, &[]).await
    }

    async fn shows_with(&self, token: &str, more: &[(&str, &str)]) -> Seen {
        let mut parameters = refreshing(token);
        parameters.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
        parameters.extend(more);
        post(&self.world, &[&self.owner.proof(&self.world)], &parameters).await
    }
}

/// The parameters with which C3 shows `token`.
fn of_c3<'a>(token: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "C3"),
        ("client_secret", secret),
    ]
}

#[tokio::test]
async fn c26_dp_04_a_token_older_than_the_last_one_ends_its_family_whoever_has_the_key() {
    let lost = Lost::new().await;
    let (access, newest) = tokens_of(&lost.shows(&lost.successor).await);
    lost.world.clock.advance(Lifetime::from_mins(1));
    lost.shows(&lost.refresh).await.assert_tok("invalid_grant");
    assert!(lost.world.saw("replay_detected"));
    for dead in [&lost.successor, &newest, &lost.refresh] {
        lost.shows(dead).await.assert_tok("invalid_grant");
    }
    assert!(!lost.world.is_active(&access).await && !lost.world.is_active(&lost.access).await);
}

#[tokio::test]
async fn c26_dp_04_nobody_else_gets_a_lost_answer_nor_ends_anything_with_the_token() {
    let lost = Lost::new().await;
    let (world, thief) = (&lost.world, Prover::new());
    post(world, &[], &refreshing(&lost.refresh))
        .await
        .assert_tok("invalid_grant");
    let stolen = post(world, &[&thief.proof(world)], &refreshing(&lost.refresh)).await;
    stolen.assert_tok("invalid_grant");
    let other = [("client_id", "C2")];
    let seen = lost.shows_with(&lost.refresh, &other).await;
    seen.assert_tok("invalid_grant");
    assert!(world.is_active(&lost.access).await && !world.saw("replay_detected"));
    tokens_of(&lost.shows(&lost.refresh).await);
}

#[tokio::test]
async fn as_31_c30_c31_c32_an_answer_anew_is_no_more_than_a_refresh() {
    let lost = Lost::new().await;
    for (more, error) in [
        (("scope", "read unknown"), "invalid_scope"),
        (("resource", "https://rs.test/mcp2"), "invalid_target"),
    ] {
        lost.shows_with(&lost.refresh, &[more])
            .await
            .assert_tok(error);
    }
    *lost.world.person.enabled.lock().unwrap() = false;
    lost.shows(&lost.refresh).await.assert_tok("invalid_grant");
    *lost.world.person.enabled.lock().unwrap() = true;
    assert!(lost.world.is_active(&lost.access).await);
    let narrow = lost.shows_with(&lost.refresh, &[("scope", "read")]).await;
    assert_eq!(narrow.json()["scope"], "read");
    assert_eq!(tokens_of(&narrow).1, lost.successor);
}

#[tokio::test]
async fn c28_a_lost_answer_of_a_grant_that_was_revoked_stays_lost() {
    let lost = Lost::new().await;
    let question = [("token", lost.successor.as_str()), ("client_id", "C1")];
    lost.world.post("/revoke", &question).await;
    for token in [&lost.refresh, &lost.successor] {
        lost.shows(token).await.assert_tok("invalid_grant");
    }
    assert_eq!(lost.world.count(Kind::AccessToken).await, 0);
    assert_eq!(lost.world.count(Kind::RefreshToken).await, 0);
}

#[tokio::test]
async fn dp_05_a_whole_request_that_is_sent_again_late_gets_nothing() {
    let lost = Lost::new().await;
    let world = &lost.world;
    let proof = lost.owner.proof(world);
    let (access, _) = tokens_of(&post(world, &[&proof], &refreshing(&lost.refresh)).await);
    // Within the time in which the same answer is told again, and after it.
    for _ in 0..2 {
        let again = post(world, &[&proof], &refreshing(&lost.refresh)).await;
        again.assert_tok("invalid_dpop_proof");
        world.clock.advance(Lifetime::from_mins(1));
    }
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn as_31_c33_a_lost_answer_ends_when_it_is_idle() {
    let lost = Lost::new().await;
    lost.world.clock.advance(Lifetime::from_hours(30 * 24));
    lost.shows(&lost.refresh).await.assert_tok("invalid_grant");
    // Nobody stole anything.
    assert!(!lost.world.saw("replay_detected"));
}

#[tokio::test]
async fn c26_credentials_that_are_in_every_copy_of_an_application_protect_no_token() {
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretPost;
    metadata.application_type =
        countersign_authorization_server::oauth::redirect_uri::ApplicationType::Native;
    let shipped = facts(metadata).with_secret(&Secret::new(SECRET), None);
    world.replace("C3", shipped).await;
    let code = world.code("C3").await;
    let secret = [("client_id", "C3"), ("client_secret", SECRET)];
    let (_, first) = tokens_of(&world.redeem(&code, &secret).await);
    let (access, _) = tokens_of(&world.post("/token", &of_c3(&first, SECRET)).await);
    world.clock.advance(Lifetime::from_secs(10));
    let late = world.post("/token", &of_c3(&first, SECRET)).await;
    late.assert_tok("invalid_grant");
    assert!(world.saw("replay_detected") && !world.is_active(&access).await);
}

#[tokio::test]
async fn c27_dp_04_a_bound_client_that_lost_an_answer_gets_its_successor_however_late() {
    let lost = Lost::new().await;
    let world = &lost.world;
    world.clock.advance(A_DAY);
    let mut last = lost.access.clone();
    // It may get lost as often as it likes, and later than a token lives that is idle.
    for _ in 0..3 {
        world.clock.advance(Lifetime::from_hours(15 * 24));
        let (access, successor) = tokens_of(&lost.shows(&lost.refresh).await);
        assert_eq!(successor, lost.successor);
        assert!(world.is_active(&access).await && !world.is_active(&last).await);
        world.clock.advance(Lifetime::from_secs(9));
        // Two that ask at once get the same.
        let again = tokens_of(&lost.shows(&lost.refresh).await);
        assert_eq!(again, (access.clone(), successor));
        last = access;
        world.clock.advance(Lifetime::from_mins(5));
        let (access, _) = tokens_of(&lost.shows(&lost.refresh).await);
        assert!(!world.is_active(&last).await, "one access token at most");
        last = access;
    }
    assert_eq!(world.count(Kind::RefreshToken).await, 1);
    assert_eq!(world.count(Kind::AccessToken).await, 1);
    assert!(!world.saw("replay_detected"));
    let (_, next) = tokens_of(&lost.shows(&lost.successor).await);
    // Its successor was lost too.
    world.clock.advance(A_DAY);
    assert_eq!(tokens_of(&lost.shows(&lost.successor).await).1, next);
}

#[tokio::test]
async fn c27_a_confidential_client_that_lost_an_answer_gets_its_successor_however_late() {
    let world = world().await;
    let code = world.code("C3").await;
    let secret = [("client_id", "C3"), ("client_secret", SECRET)];
    let (_, first) = tokens_of(&world.redeem(&code, &secret).await);
    let (lost, second) = tokens_of(&world.post("/token", &of_c3(&first, SECRET)).await);
    world.clock.advance(Lifetime::from_mins(50));
    let stolen = world.post("/token", &of_c3(&first, "another")).await;
    stolen.assert_tok("invalid_client");
    assert!(world.is_active(&lost).await);
    let (access, again) = tokens_of(&world.post("/token", &of_c3(&first, SECRET)).await);
    assert_eq!(again, second);
    assert!(world.is_active(&access).await && !world.is_active(&lost).await);
    tokens_of(&world.post("/token", &of_c3(&second, SECRET)).await);
    world.clock.advance(Lifetime::from_secs(10));
    let late = world.post("/token", &of_c3(&first, SECRET)).await;
    late.assert_tok("invalid_grant");
    assert!(world.saw("replay_detected") && !world.is_active(&access).await);
}
