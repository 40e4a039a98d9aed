//! Calls that race happen one after the other.
//!
//! [`redemptions`] and [`revocations`] are the rounds of `cargo xtask races`; the cases of
//! the suite run a few of each.

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
    for round in 0..4 {
        redemptions(&[Arc::clone(&store)], round).await?;
    }
    Ok(())
}

pub(super) async fn a_refresh_that_races_with_a_revocation_leaves_nothing_alive(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let mut refreshed = 0;
    for round in 0..16 {
        refreshed += u64::from(revocations(&[Arc::clone(&store)], round).await?);
    }
    ensure!(refreshed <= 16, "{refreshed} refreshes in 16 rounds");
    Ok(())
}

/// One round: 64 calls redeem the same code, each with tokens of its own as successors.
///
/// `stores` are one store opened once or several times, and the racers take turns among
/// them; `round` must not have been run on it before.
///
/// # Errors
///
/// [`Violation`] unless exactly one call wins and its tokens alone are there.
pub async fn redemptions(stores: &[Arc<dyn Store>], round: u64) -> Result<(), Violation> {
    let id = format!("redemptions {round}");
    let name = move |racer: usize| format!("redeemed {round} {racer}");
    let first = code(&id, &id);
    let mut turns = stores.iter().cycle();
    let Some(store) = turns.next() else {
        return Err(Violation::new("there is no store to race on"));
    };
    store
        .write(insert([grant(&id), first.clone()]), STANDARD_NOW)
        .await?;
    let mut tasks = JoinSet::new();
    for (racer, store) in turns.take(RACERS).enumerate() {
        let (store, key, id) = (Arc::clone(store), first.key.clone(), id.clone());
        tasks.spawn(async move {
            let tokens = [
                access_token(&name(racer), &id),
                refresh_token(&name(racer), &id),
            ];
            (racer, store.redeem(&key, insert(tokens), None, at(1)).await)
        });
    }
    let mut winners = Vec::new();
    for (racer, found) in all(tasks).await? {
        match found? {
            Found::Live(_) => winners.push(racer),
            Found::Spent(_) => {}
            Found::Absent => return Err(Violation::new("a racing redemption finds nothing")),
        }
    }
    let &[winner] = winners.as_slice() else {
        let count = winners.len();
        return Err(Violation::new(format!(
            "{count} of {RACERS} redemptions win"
        )));
    };
    let index = Index::Grant(GrantId::new(&id));
    let alive = store
        .list(&index, Page::first(RACERS), at(1))
        .await?
        .records;
    let tokens = [
        access_token(&name(winner), &id),
        refresh_token(&name(winner), &id),
    ];
    ensure!(alive == tokens, "one code has become {alive:?}");
    Ok(())
}

/// One round: 63 calls refresh with the same token while one revokes its grant. True if
/// a refresh came before the revocation.
///
/// `stores` and `round` are as for [`redemptions`].
///
/// # Errors
///
/// [`Violation`] unless at most one call wins and nothing of the grant is alive in the
/// end.
pub async fn revocations(stores: &[Arc<dyn Store>], round: u64) -> Result<bool, Violation> {
    let id = format!("revocations {round}");
    let old = refresh_token(&id, &id);
    let mut turns = stores.iter().cycle();
    let Some(store) = turns.next() else {
        return Err(Violation::new("there is no store to race on"));
    };
    store
        .write(insert([grant(&id), old.clone()]), STANDARD_NOW)
        .await?;
    // It sets off first in every other round, and somewhere in the row in the others.
    let revoker = match round % 4 {
        0 | 2 => 0,
        1 => 1,
        _ => usize::try_from(round).unwrap_or(0) % RACERS,
    };
    let mut tasks = JoinSet::new();
    for (racer, store) in turns.take(RACERS).enumerate() {
        let (store, key, id) = (Arc::clone(store), old.key.clone(), id.clone());
        tasks.spawn(async move {
            if racer == revoker {
                let revoked = store.revoke_grant(&GrantId::new(&id), at(1)).await?;
                return Ok::<_, StoreError>((Some(revoked), None));
            }
            let name = format!("refreshed {round} {racer}");
            let tokens = [access_token(&name, &id), refresh_token(&name, &id)];
            let found = store.redeem(&key, insert(tokens), None, at(1)).await?;
            Ok((None, Some(found)))
        });
    }
    let (mut winners, mut revoked) = (0, 0);
    for result in all(tasks).await? {
        match result? {
            (_, Some(Found::Live(_))) => winners += 1,
            (_, Some(Found::Absent)) => {
                return Err(Violation::new("the refresh token is gone"));
            }
            (taken, _) => revoked += taken.unwrap_or(0),
        }
    }
    ensure!(winners <= 1, "{winners} refreshes win");
    // The grant and the old token, or the grant and both new ones.
    ensure!(
        revoked == 2 + winners,
        "after {winners} refreshes the revocation took {revoked} records"
    );
    let index = Index::Grant(GrantId::new(&id));
    let alive = store
        .list(&index, Page::first(RACERS), at(1))
        .await?
        .records;
    ensure!(alive.is_empty(), "{alive:?} live on");
    Ok(winners == 1)
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
