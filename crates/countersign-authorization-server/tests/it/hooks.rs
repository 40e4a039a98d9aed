//! The hooks of operators: they object and they hear, and they let nobody in.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use countersign_authorization_server::claims::TokenClaims;
use countersign_authorization_server::oauth::access_token_claims::AddedClaims;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::introspection::ActiveToken;
use countersign_authorization_server::oauth::jose::decode_unverified;
use countersign_authorization_server::oauth::{ClientId, ResourceUri, Secret};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_authorization_server::store::GrantId;
use countersign_authorization_server::{
    AuthorizationServer, Client, ClientPolicy, Storage, TokenManager, Unavailable,
};
use countersign_resource_server::{PresentedToken, Verification, Verifier as _};
use serde_json::json;

use crate::fixture::*;

/// What the manager does, and what it has heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Will {
    #[default]
    Fine,
    Refuses,
    IsDown,
    MakesShortOnes,
}

#[derive(Debug, Default)]
struct State {
    will: Will,
    made: Vec<(String, String)>,
    revoked: Vec<String>,
    /// For which grant each token was made.
    grants: Vec<GrantId>,
    ended: Vec<GrantId>,
}

#[derive(Clone, Debug, Default)]
struct Manager(Arc<Mutex<State>>);

impl Manager {
    fn will(&self, will: Will) {
        self.0.lock().unwrap().will = will;
    }
}

impl TokenManager for Manager {
    async fn generate_access_token(
        &self,
        token: &ActiveToken,
        grant: &GrantId,
    ) -> Result<Secret, Unavailable> {
        let mut state = self.0.lock().unwrap();
        let number = state.made.len();
        let text = match state.will {
            Will::Fine | Will::Refuses => format!("app_{number:032}"),
            Will::IsDown => return Err(Unavailable::TokenManager("down")),
            Will::MakesShortOnes => format!("app_{number}"),
        };
        let said = format!("{} {} {}", token.sub, token.client_id, token.scope);
        state.made.push((text.clone(), said));
        state.grants.push(grant.clone());
        Ok(Secret::new(text))
    }

    async fn validate_token(&self, _: &Secret, _: &ActiveToken) -> Result<bool, Unavailable> {
        match self.0.lock().unwrap().will {
            Will::IsDown => Err(Unavailable::TokenManager("down")),
            will => Ok(will != Will::Refuses),
        }
    }

    async fn revoke_token(&self, text: &Secret) -> Result<(), Unavailable> {
        let mut state = self.0.lock().unwrap();
        state.revoked.push(text.reveal().to_owned());
        Ok(())
    }

    async fn end_grant(&self, grant: &GrantId) -> Result<(), Unavailable> {
        let mut state = self.0.lock().unwrap();
        if state.will == Will::IsDown {
            return Err(Unavailable::TokenManager("down"));
        }
        state.ended.push(grant.clone());
        Ok(())
    }
}

async fn managed() -> (World, Manager) {
    let manager = Manager::default();
    let given = manager.clone();
    let world = world_with(settings(), |builder| builder.token_manager(given)).await;
    (world, manager)
}

/// Whether our own resource server accepts `token`; nothing if it cannot be judged.
async fn accepts(world: &World, token: &str) -> Option<bool> {
    let resource = ResourceUri::parse(RESOURCE).unwrap();
    let verifier = world.server.own_tokens(resource).unwrap();
    let now = world.clock.now();
    let verdict = verifier.verify(PresentedToken::new(token), now).await;
    Some(matches!(verdict.ok()?, Verification::Accepted(_)))
}

#[tokio::test]
async fn m_28_a_token_manager_makes_tokens_may_refuse_them_and_revives_none() {
    let (world, manager) = managed().await;
    let (access, refresh) = world.tokens().await;
    let made = manager.0.lock().unwrap().made.clone();
    let said = "alice C1 read write".to_owned();
    assert_eq!(made, [(access.clone(), said)]);
    assert_eq!(accepts(&world, &access).await, Some(true));
    manager.will(Will::Refuses);
    assert_eq!(accepts(&world, &access).await, Some(false));
    manager.will(Will::IsDown);
    assert_eq!(accepts(&world, &access).await, None);
    manager.will(Will::Fine);
    assert_eq!(accepts(&world, &access).await, Some(true));

    let revocation = [("token", access.as_str()), ("client_id", "C1")];
    world.post("/revoke", &revocation).await;
    assert_eq!(
        manager.0.lock().unwrap().revoked,
        std::slice::from_ref(&access)
    );
    assert_eq!(accepts(&world, &access).await, Some(false));
    let (second, refresh) = tokens_of(&world.refresh(&refresh, &[]).await);
    assert_eq!(accepts(&world, &second).await, Some(true));
    // Its text is not known any more, and it ends all the same.
    let revocation = [("token", refresh.as_str()), ("client_id", "C1")];
    world.post("/revoke", &revocation).await;
    assert_eq!(accepts(&world, &second).await, Some(false));
}

#[tokio::test]
async fn m_28_a_token_manager_hears_of_every_grant_that_is_ended() {
    let (world, manager) = managed().await;
    let ended = || std::mem::take(&mut manager.0.lock().unwrap().ended);
    let last = || manager.0.lock().unwrap().grants.last().cloned().unwrap();

    // By its client, with all tokens that were made for it.
    let (_, refresh) = world.tokens().await;
    let first = last();
    let (_, refresh) = tokens_of(&world.refresh(&refresh, &[]).await);
    assert_eq!((last(), ended()), (first.clone(), Vec::new()));
    let revocation = [("token", refresh.as_str()), ("client_id", "C1")];
    world.post("/revoke", &revocation).await;
    assert_eq!(ended(), [first]);

    // Because something was used twice.
    let code = world.code("C1").await;
    let (access, _) = tokens_of(&world.redeem(&code, &[]).await);
    world.redeem(&code, &[]).await.assert_tok("invalid_grant");
    assert_eq!(ended(), [last()]);
    assert_eq!(accepts(&world, &access).await, Some(false));

    // By an administrator, who is told if it cannot be noted, and does it again.
    let (access, _) = world.tokens().await;
    manager.will(Will::IsDown);
    world.server.revoke_grant(&last()).await.unwrap_err();
    manager.will(Will::Fine);
    assert_eq!(accepts(&world, &access).await, Some(false));
    world.server.revoke_grant(&last()).await.unwrap();
    assert_eq!(ended(), [last()]);

    // With the client.
    world.tokens().await;
    let client = ClientId::parse("C1").unwrap();
    world.server.delete_client(&client).await.unwrap();
    assert_eq!(ended(), [last()]);
}

#[tokio::test]
async fn m_28_a_token_manager_that_fails_or_makes_no_tokens_is_503_and_spends_nothing() {
    let (world, manager) = managed().await;
    let (_, refresh) = world.tokens().await;
    for will in [Will::IsDown, Will::MakesShortOnes] {
        manager.will(will);
        let answer = world.refresh(&refresh, &[]).await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    manager.will(Will::Fine);
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[test]
fn m_36_a_token_manager_beside_signed_tokens_stops_the_start() {
    let refused = AuthorizationServer::with_settings(settings())
        .storage(Storage::memory().unwrap())
        .token_manager(Manager::default())
        .settings(|settings| settings.access_token_format = AccessTokenFormat::Jwt)
        .build()
        .unwrap_err()
        .to_string();
    assert!(refused.contains("leave one out"), "{refused}");
}

/// Wants no client whose name says so, and none from this address.
#[derive(Debug, Default)]
struct Policy {
    refuses: Mutex<Option<String>>,
}

const UNWANTED: [u8; 4] = [192, 0, 2, 7];

impl ClientPolicy for Policy {
    fn accepts(&self, client: &Client) -> bool {
        self.refuses.lock().unwrap().as_deref() != Some(client.id.as_str())
    }

    fn accepts_registration(&self, metadata: &ClientMetadata, address: Option<IpAddr>) -> bool {
        let name = metadata.client_name.as_ref().map(ToString::to_string);
        address != Some(IpAddr::from(UNWANTED)) && name.as_deref() != Some("Unwanted")
    }
}

#[tokio::test]
async fn m_28_a_client_that_the_policy_refuses_is_unknown_everywhere() {
    let policy = Arc::new(Policy::default());
    let given = policy.clone();
    let world = world_with(settings(), |builder| builder.client_policy(given)).await;
    let (_, refresh) = world.tokens().await;
    *policy.refuses.lock().unwrap() = Some("C1".to_owned());
    world.authorize(&[]).await.assert_page();
    let refused = world.refresh(&refresh, &[]).await;
    refused.assert_tok("invalid_client");
    *policy.refuses.lock().unwrap() = None;
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[tokio::test]
async fn m_28_a_registration_that_the_policy_refuses_makes_no_client() {
    let policy = Arc::new(Policy::default());
    let world = world_with(settings(), |builder| builder.client_policy(policy)).await;
    let before = world
        .count(countersign_authorization_server::store::Kind::Client)
        .await;
    for (name, address, status) in [
        ("Unwanted", [198, 51, 100, 1], 400),
        ("Wanted", UNWANTED, 400),
        ("Wanted", [198, 51, 100, 1], 201),
    ] {
        let metadata = json!({ "client_name": name, "redirect_uris": [CALLBACK] });
        let request = http::Request::post("/register")
            .header("content-type", "application/json")
            .extension(IpAddr::from(address))
            .body(http_body_util::Full::new(metadata.to_string().into()));
        let answer = world.send(request.unwrap()).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 400 {
            assert_eq!(answer.json()["error"], "invalid_client_metadata");
        }
    }
    let after = world
        .count(countersign_authorization_server::store::Kind::Client)
        .await;
    assert_eq!(after, before + 1);
}

/// Says of which department somebody is, and tries to say who they are.
#[derive(Debug)]
struct Departments;

impl TokenClaims for Departments {
    fn add(&self, subject: &str, claims: &mut AddedClaims) {
        claims
            .add("department", json!(format!("of {subject}")))
            .unwrap();
        for name in ["iss", "sub", "aud", "exp", "scope", "client_id", "cnf"] {
            claims.add(name, json!("root")).unwrap_err();
        }
    }
}

#[tokio::test]
async fn claims_are_added_to_each_signed_token_and_decide_nothing_that_the_server_decides() {
    let world = world_with(settings(), |builder| {
        builder.token_claims(Arc::new(Departments))
    })
    .await;
    let (access, refresh) = world.tokens().await;
    let (again, _) = tokens_of(&world.refresh(&refresh, &[]).await);
    for token in [access, again] {
        let token = decode_unverified(&token).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(token.payload()).unwrap();
        assert_eq!(claims["department"], "of alice");
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["client_id"], "C1");
        assert!(!claims.to_string().contains("root"), "{claims}");
    }
}
