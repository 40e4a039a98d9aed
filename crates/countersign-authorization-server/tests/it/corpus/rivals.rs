//! Row C11: redemptions beside what ends the grant, on a file.

use std::sync::Arc;

use countersign_authorization_server::oauth::ClientId;
use countersign_authorization_server::oauth::RedirectUri;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::store::sqlite::SqliteStore;

use crate::fixture::*;

/// What comes at the same time.
#[derive(Clone, Copy, Debug)]
enum Rival {
    RevokeAllOfTheUser,
    DeleteTheClient,
}

async fn end(world: &World, rival: Rival, client: &ClientId) {
    match rival {
        Rival::RevokeAllOfTheUser => {
            let of = GrantsOf::Subject("alice");
            for grant in world.server.grants(of, None).await.unwrap().entries {
                world.server.revoke_grant(&grant.id).await.unwrap();
            }
        }
        Rival::DeleteTheClient => world.server.delete_client(client).await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_after_all_was_revoked_no_redemption_leaves_a_token_alive() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data/as.db"))
        .await
        .unwrap();
    let world = Arc::new(bare_world(Arc::new(store), settings(), |builder| builder));
    world.add_clients().await;
    let (mut won, mut lost) = (0, 0);
    for round in 0..40 {
        for rival in [Rival::RevokeAllOfTheUser, Rival::DeleteTheClient] {
            let id = format!("R{round}{rival:?}");
            let metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
            world.add(&id, facts(metadata)).await;
            let code = world.code(&id).await;
            let (here, sent, client) = (world.clone(), code.clone(), id.clone());
            let redemption =
                tokio::spawn(async move { here.redeem(&sent, &[("client_id", &client)]).await });
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            end(&world, rival, &ClientId::parse(&id).unwrap()).await;
            let seen = redemption.await.unwrap();
            if seen.status == 200 {
                won += 1;
                let (access, refresh) = tokens_of(&seen);
                assert!(!world.is_active(&access).await, "{rival:?} {round}");
                let again = world.refresh(&refresh, &[("client_id", &id)]).await;
                assert!([400, 401].contains(&again.status.as_u16()), "{again:?}");
            } else {
                lost += 1;
            }
            let again = world.redeem(&code, &[("client_id", &id)]).await;
            assert!([400, 401].contains(&again.status.as_u16()), "{again:?}");
        }
    }
    assert_eq!(won + lost, 80);
}
