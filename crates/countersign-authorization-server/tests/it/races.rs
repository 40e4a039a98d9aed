//! Requests that race at the endpoints of a server on SQLite: row C10 and C27 of the
//! attack corpus, round after round. `cargo xtask races` asks for ten thousand rounds.
//!
//! In every fourth round the requests are shared out to two servers on one file, as two
//! processes would be.

use std::sync::Arc;

use countersign_authorization_server::oauth::{Lifetime, Secret};
use countersign_authorization_server::store::sqlite::SqliteStore;
use countersign_authorization_server::store::{Found, Index, Key, Kind, Page, SecretHash};
use http::StatusCode;
use tempfile::TempDir;

use crate::fixture::*;

/// How many requests race.
const RACERS: usize = 64;

/// How many rounds of each race there are.
#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is for whoever starts it"
)]
fn rounds() -> usize {
    match std::env::var("COUNTERSIGN_RACE_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => 8,
    }
}

/// Two servers on one file, with one clock.
struct Arena {
    worlds: [Arc<World>; 2],
    _folder: TempDir,
}

impl Arena {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/as.db");
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let first = bare_world(store, settings(), |builder| builder);
        first.add_clients().await;
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let clock = Arc::new(first.clock.clone());
        let second = bare_world(store, settings(), |builder| builder.clock(clock));
        Self {
            worlds: [Arc::new(first), Arc::new(second)],
            _folder: folder,
        }
    }

    fn first(&self) -> &World {
        &self.worlds[0]
    }

    /// All requests that `request` makes for the numbers of the racers, at once.
    async fn race<F>(&self, round: usize, request: impl Fn(usize, Arc<World>) -> F) -> Vec<Seen>
    where
        F: Future<Output = Seen> + Send + 'static,
    {
        let tasks: Vec<_> = (0..RACERS)
            .map(|racer| {
                let server = if round % 4 == 3 { racer % 2 } else { 0 };
                tokio::spawn(request(racer, Arc::clone(&self.worlds[server])))
            })
            .collect();
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        seen
    }

    /// How many replays were noticed since this was asked last.
    fn replays(&self) -> usize {
        let mut replays = 0;
        for world in &self.worlds {
            let events = std::mem::take(&mut *world.events.0.lock().unwrap());
            let is_replay = |event: &&String| event.starts_with("replay_detected");
            replays += events.iter().filter(is_replay).count();
        }
        replays
    }

    /// The kinds of what is alive in the grant of which `refresh` is a token, used or not.
    async fn alive(&self, refresh: &str) -> Vec<Kind> {
        let world = self.first();
        let key = Key::refresh_token(SecretHash::of(&Secret::new(refresh)));
        let record = match world.store.get(&key, world.clock.now()).await.unwrap() {
            Found::Live(record) | Found::Spent(record) => record,
            Found::Absent => panic!("the refresh token is gone"),
        };
        let index = Index::Grant(record.grant.unwrap());
        let page = Page::first(Page::LONGEST);
        let listed = world.store.list(&index, page, world.clock.now()).await;
        let mut kinds: Vec<_> = listed
            .unwrap()
            .records
            .iter()
            .map(|one| one.key.kind())
            .collect();
        kinds.sort();
        kinds
    }
}

fn answered(seen: &[Seen], status: StatusCode) -> Vec<&Seen> {
    seen.iter().filter(|seen| seen.status == status).collect()
}

/// The one pair of tokens that all answers with tokens have.
fn successor(seen: &[Seen]) -> Option<(String, String)> {
    let won = answered(seen, StatusCode::OK);
    let with_tokens = won.iter().filter(|seen| seen.body.contains("access_token"));
    let mut tokens: Vec<_> = with_tokens.map(|seen| tokens_of(seen)).collect();
    tokens.sort();
    tokens.dedup();
    assert!(tokens.len() <= 1, "one refresh token has become {tokens:?}");
    tokens.pop()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c10_of_64_redemptions_at_once_one_wins_and_the_replay_ends_its_family() {
    let arena = Arena::open().await;
    for round in 0..rounds() {
        let code = arena.first().code("C1").await;
        let seen = arena
            .race(round, |_, world| {
                let code = code.clone();
                async move { world.redeem(&code, &[]).await }
            })
            .await;
        let won = answered(&seen, StatusCode::OK);
        assert_eq!(won.len(), 1, "round {round}");
        let lost = seen.iter().filter(|seen| seen.status != StatusCode::OK);
        lost.for_each(|seen| seen.assert_tok("invalid_grant"));
        // The others had the proof too, so that somebody has stolen it.
        let (access, refresh) = tokens_of(won[0]);
        assert_eq!(arena.replays(), 1, "round {round}");
        assert_eq!(arena.alive(&refresh).await, [], "round {round}");
        assert!(!arena.first().is_active(&access).await);
        let seen = arena.first().refresh(&refresh, &[]).await;
        seen.assert_tok("invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c27_of_64_refreshes_at_once_one_wins_and_all_get_its_tokens() {
    let arena = Arena::open().await;
    for round in 0..rounds() {
        let (_, old) = arena.first().tokens().await;
        let seen = arena
            .race(round, |_, world| {
                let old = old.clone();
                async move { world.refresh(&old, &[]).await }
            })
            .await;
        assert_eq!(
            answered(&seen, StatusCode::OK).len(),
            RACERS,
            "round {round}"
        );
        let (access, new) = successor(&seen).unwrap();
        assert_ne!(new, old);
        assert_eq!(arena.replays(), 0, "round {round}");
        let both = [Kind::RefreshToken, Kind::AccessToken, Kind::AccessToken];
        assert_eq!(arena.alive(&old).await, both, "round {round}");
        assert!(arena.first().is_active(&access).await);
        // After the grace window the old token is a stolen one.
        arena.first().clock.advance(Lifetime::from_secs(10));
        let late = arena.first().refresh(&old, &[]).await;
        late.assert_tok("invalid_grant");
        assert_eq!((arena.replays(), arena.alive(&old).await), (1, Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c27_of_64_that_lost_an_answer_and_come_late_at_once_all_get_one() {
    let arena = Arena::open().await;
    let secret = [("client_id", "C3"), ("client_secret", SECRET)];
    for round in 0..rounds() {
        let code = arena.first().code("C3").await;
        let (_, old) = tokens_of(&arena.first().redeem(&code, &secret).await);
        let (lost, next) = tokens_of(&arena.first().refresh(&old, &secret).await);
        arena.first().clock.advance(Lifetime::from_mins(1));
        let seen = arena
            .race(round, |_, world| {
                let old = old.clone();
                async move { world.refresh(&old, &secret).await }
            })
            .await;
        let won = answered(&seen, StatusCode::OK);
        assert_eq!(won.len(), RACERS, "round {round}");
        let (access, new) = successor(&seen).unwrap();
        assert_eq!((new, arena.replays()), (next, 0), "round {round}");
        assert!(arena.first().is_active(&access).await);
        assert!(!arena.first().is_active(&lost).await);
        let alive = [Kind::RefreshToken, Kind::AccessToken, Kind::AccessToken];
        assert_eq!(arena.alive(&old).await, alive, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c27_of_63_refreshes_and_a_revocation_at_once_nothing_is_left_alive() {
    let arena = Arena::open().await;
    for round in 0..rounds() {
        let (access, old) = arena.first().tokens().await;
        let seen = arena
            .race(round, |racer, world| {
                let (old, revokes) = (old.clone(), racer == round % RACERS);
                async move {
                    if revokes {
                        let token = [("token", old.as_str()), ("client_id", "C1")];
                        world.post("/revoke", &token).await
                    } else {
                        world.refresh(&old, &[]).await
                    }
                }
            })
            .await;
        assert_eq!(seen[round % RACERS].status, StatusCode::OK, "round {round}");
        let lost = seen.iter().filter(|seen| seen.status != StatusCode::OK);
        lost.for_each(|seen| seen.assert_tok("invalid_grant"));
        assert_eq!(arena.replays(), 0, "round {round}");
        assert_eq!(arena.alive(&old).await, [], "round {round}");
        assert!(!arena.first().is_active(&access).await);
        if let Some((access, new)) = successor(&seen) {
            assert!(!arena.first().is_active(&access).await);
            let seen = arena.first().refresh(&new, &[]).await;
            seen.assert_tok("invalid_grant");
        }
        arena.replays();
    }
}
