//! What a running server does by itself, and when it stops doing it.

use std::sync::Arc;

use countersign::authorization_server::Storage;
use countersign::authorization_server::store::{MemoryStore, SealingKeys, Store};
use countersign::{EmbeddedAuth, Http};
use countersign_oauth::{Lifetime, Secret};
use testkit::TestClock;

use super::client::Client;
use super::{PUBLIC, server};

fn keys(numbers: &[u8]) -> SealingKeys {
    let lines = numbers
        .iter()
        .map(|number| SealingKeys::text_of([*number; 32]));
    let text: String = lines.map(|line| line.reveal().to_owned()).collect();
    SealingKeys::parse(&Secret::new(text)).unwrap()
}

fn kept(store: &Arc<MemoryStore>, numbers: &[u8]) -> EmbeddedAuth {
    EmbeddedAuth::storage(Storage::new(store.clone(), keys(numbers)))
        .danger_approve_everything("alice")
}

fn place() -> Http {
    Http::bind("127.0.0.1:0").public_url(PUBLIC)
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_forgotten_by_the_running_server_and_by_no_other() {
    let (store, clock) = (Arc::new(MemoryStore::new()), TestClock::new());
    let running = server(kept(&store, &[1]), &clock)
        .start(place())
        .await
        .unwrap();
    let client = Client::discover(&testkit::Http::service(running.app())).await;
    assert!(!client.id.is_empty());
    let past = || tokio::time::sleep(std::time::Duration::from_secs(16 * 60));
    past().await;
    // It is still of use, and was not forgotten: its code can be asked for.
    client.tokens().await;
    clock.advance(Lifetime::from_hours(400 * 24));
    past().await;
    assert_eq!(store.purge(clock.now()).await.unwrap(), 0);

    let client = Client::discover(&testkit::Http::service(running.app())).await;
    assert!(!client.id.is_empty());
    running.stop().await;
    clock.advance(Lifetime::from_hours(400 * 24));
    past().await;
    assert_ne!(store.purge(clock.now()).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_new_sealing_key_the_copies_move_to_it_and_the_old_one_can_go() {
    let (store, clock) = (Arc::new(MemoryStore::new()), TestClock::new());
    let running = server(kept(&store, &[1]), &clock)
        .start(place())
        .await
        .unwrap();
    let client = Client::discover(&testkit::Http::service(running.app())).await;
    let (access, _) = client.tokens().await;
    running.stop().await;

    // The keys of somebody else do not start, whatever they would seal.
    let refused = server(kept(&store, &[2]), &clock).start(place()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not among the sealing keys"), "{refused}");

    let running = server(kept(&store, &[2, 1]), &clock)
        .start(place())
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    running.stop().await;
    let running = server(kept(&store, &[2]), &clock)
        .start(place())
        .await
        .unwrap();
    let client = Client {
        http: testkit::Http::service(running.app()),
        ..client
    };
    assert_eq!(client.call("whoami", &access).await.0, 200);
    client.tokens().await;
    running.stop().await;
}
