//! Calls that race happen one after the other.

use std::sync::Arc;

use countersign_oauth::Lifetime;
use tokio::task::JoinSet;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, client, code, conflicts, grant, insert, live, refresh_token,
};
use crate::{Conflict, CounterKey, Found, GrantId, Index, Page, Store, StoreError};

/// How many calls race.
const RACERS: usize = 64;

/// Waits for every task.
async fn all<T: 'static>(mut tasks: JoinSet<T>) -> Result<Vec<T>, Violation> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(|error| Violation::new(format!("a call ended: {error}")))?);
    }
    Ok(results)
}

pub(super) async fn of_64_racing_redemptions_one_wins(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    store
        .write(insert([grant("g"), code("code", "g")]), STANDARD_NOW)
        .await?;
    let mut tasks = JoinSet::new();
    for racer in 0..RACERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let token = access_token(&format!("token {racer}"), "g");
            let key = code("code", "g").key;
            store.redeem(&key, insert([token]), None, at(1)).await
        });
    }
    let (mut winners, mut losers) = (0, 0);
    for found in all(tasks).await? {
        match found? {
            Found::Live(_) => winners += 1,
            Found::Spent(_) => losers += 1,
            Found::Absent => ensure!(false, "a racing redemption finds nothing"),
        }
    }
    ensure!(winners == 1, "{winners} of {RACERS} redemptions win");
    ensure!(
        losers == RACERS - 1,
        "{losers} of {RACERS} redemptions lose"
    );
    let mut tokens = 0;
    for racer in 0..RACERS {
        let key = access_token(&format!("token {racer}"), "g").key;
        tokens += usize::from(store.get(&key, at(1)).await? != Found::Absent);
    }
    ensure!(tokens == 1, "one code has become {tokens} tokens");
    Ok(())
}

pub(super) async fn a_refresh_that_races_with_a_revocation_leaves_nothing_alive(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    for round in 0..16 {
        let id = format!("g{round}");
        let old = refresh_token(&format!("old {round}"), &id);
        store
            .write(insert([grant(&id), old.clone()]), STANDARD_NOW)
            .await?;
        let refresh = tokio::spawn({
            let (store, id) = (Arc::clone(&store), id.clone());
            async move {
                let successors = insert([
                    refresh_token(&format!("new {round}"), &id),
                    access_token(&format!("access {round}"), &id),
                ]);
                store.redeem(&old.key, successors, None, at(1)).await
            }
        });
        let revocation = tokio::spawn({
            let (store, id) = (Arc::clone(&store), GrantId::new(&id));
            async move { store.revoke_grant(&id, at(1)).await }
        });
        let ended = |error| Violation::new(format!("a call ended: {error}"));
        let found = refresh.await.map_err(ended)??;
        let revoked = revocation.await.map_err(ended)??;
        let expected = match found {
            // The grant and both new tokens.
            Found::Live(_) => 3,
            // The grant and the old token.
            Found::Spent(_) => 2,
            Found::Absent => return Err(Violation::new("the refresh token is gone")),
        };
        ensure!(
            revoked == expected,
            "the revocation took {revoked} records, not {expected}"
        );
        let alive = store
            .list(&Index::Grant(GrantId::new(&id)), Page::first(10), at(1))
            .await?;
        ensure!(alive.records.is_empty(), "{:?} live on", alive.records);
    }
    Ok(())
}

pub(super) async fn of_racing_insertions_one_wins(store: Arc<dyn Store>) -> Result<(), Violation> {
    let mut tasks = JoinSet::new();
    for racer in 0..RACERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let record = client("same").with_body(&racer)?;
            match store.insert(record, STANDARD_NOW).await {
                Ok(()) => Ok(Some(racer)),
                Err(StoreError::Conflict(Conflict::Exists)) => Ok(None),
                Err(error) => Err(error),
            }
        });
    }
    let mut winners = Vec::new();
    for result in all(tasks).await? {
        winners.extend(result?);
    }
    ensure!(winners.len() == 1, "{} insertions win", winners.len());
    let kept = live(store.get(&client("same").key, STANDARD_NOW).await?)?;
    let kept: usize = kept.body()?;
    ensure!(winners.first() == Some(&kept), "a loser's record is kept");
    Ok(())
}

pub(super) async fn of_racing_replacements_one_wins(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    store.insert(client("same"), STANDARD_NOW).await?;
    let read = live(store.get(&client("same").key, STANDARD_NOW).await?)?;
    let mut tasks = JoinSet::new();
    for _ in 0..RACERS {
        let (store, read) = (Arc::clone(&store), read.clone());
        tasks.spawn(async move { store.replace(read, at(1)).await });
    }
    let mut winners = 0;
    for result in all(tasks).await? {
        match result {
            Ok(()) => winners += 1,
            refused => conflicts(refused, Conflict::Changed)?,
        }
    }
    ensure!(winners == 1, "{winners} replacements win");
    Ok(())
}

pub(super) async fn racing_hits_are_all_counted(store: Arc<dyn Store>) -> Result<(), Violation> {
    let mut tasks = JoinSet::new();
    for _ in 0..RACERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let counter = CounterKey::new("race", &[]);
            store
                .hit(&counter, Lifetime::from_secs(60), STANDARD_NOW)
                .await
        });
    }
    let mut counts = Vec::new();
    for hits in all(tasks).await? {
        counts.push(hits?.count);
    }
    counts.sort_unstable();
    ensure!(
        counts.iter().copied().eq(1..=RACERS as u64),
        "{RACERS} hits are counted as {counts:?}"
    );
    Ok(())
}
