//! A record is used once, and what comes of it comes with it.

use std::sync::Arc;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, code, conflicts, grant, insert, invalid, live, refresh_token,
    spent,
};
use crate::{Conflict, Found, GrantState, Sealed, Status, Store, Write};

pub(super) async fn a_second_redemption_finds_it_spent(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let old = refresh_token("old", "g");
    store
        .write(insert([grant("g"), old.clone()]), STANDARD_NOW)
        .await?;
    let receipt = Sealed::from_bytes(b"receipt".to_vec());
    let first = store
        .redeem(
            &old.key,
            insert([refresh_token("new", "g")]),
            Some(receipt.clone()),
            at(5),
        )
        .await?;
    ensure!(
        live(first)? == old,
        "the winner sees another record than was written"
    );
    let second = store
        .redeem(&old.key, insert([refresh_token("newer", "g")]), None, at(9))
        .await?;
    for found in [second, store.get(&old.key, at(9)).await?] {
        let status = spent(found)?.status;
        let expected = Status::Used {
            at: at(5),
            receipt: Some(receipt.clone()),
        };
        ensure!(status == expected, "the loser sees {status:?}");
    }
    live(store.get(&refresh_token("new", "g").key, at(9)).await?)?;
    let newer = store.get(&refresh_token("newer", "g").key, at(9)).await?;
    ensure!(newer == Found::Absent, "the loser's successor is there");
    Ok(())
}

pub(super) async fn what_is_absent_or_expired_is_not_redeemed(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    store
        .write(insert([grant("g"), code("late", "g")]), STANDARD_NOW)
        .await?;
    let token = access_token("token", "g");
    for key in [code("never", "g").key, code("late", "g").key] {
        let found = store
            .redeem(&key, insert([token.clone()]), None, at(60))
            .await?;
        ensure!(found == Found::Absent, "it is redeemed: {found:?}");
        let written = store.get(&token.key, at(60)).await?;
        ensure!(written == Found::Absent, "its successor is there");
    }
    live(store.get(&code("late", "g").key, at(59)).await?)?;
    Ok(())
}

pub(super) async fn a_conflicting_successor_leaves_the_record_live(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let taken = access_token("taken", "g");
    let first = code("code", "g");
    store
        .write(
            insert([grant("g"), first.clone(), taken.clone()]),
            STANDARD_NOW,
        )
        .await?;
    let new = refresh_token("new", "g");
    let mut changed = grant("g");
    changed.version = 7;
    let refused = [
        (vec![Write::Insert(taken.clone())], Conflict::Exists),
        (vec![Write::Replace(changed)], Conflict::Changed),
        (
            vec![Write::Insert(access_token("token", "no grant"))],
            Conflict::GrantNotLive,
        ),
    ];
    for (conflicting, conflict) in refused {
        let mut writes = insert([new.clone()]);
        writes.extend(conflicting);
        conflicts(
            store.redeem(&first.key, writes, None, at(1)).await,
            conflict,
        )?;
        let found = live(store.get(&first.key, at(1)).await?)?;
        ensure!(found == first, "the refused redemption changed the record");
        let found = store.get(&new.key, at(1)).await?;
        ensure!(found == Found::Absent, "half of the successors are there");
    }
    let mut endless = refresh_token("endless", "g");
    endless.expires_at = None;
    invalid(
        store
            .redeem(&first.key, insert([new.clone(), endless]), None, at(1))
            .await,
    )?;
    live(store.redeem(&first.key, insert([new]), None, at(1)).await?)?;
    Ok(())
}

pub(super) async fn a_redemption_without_successors_withdraws(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let token = access_token("token", "g");
    let other = access_token("other", "g");
    store
        .write(
            insert([grant("g"), token.clone(), other.clone()]),
            STANDARD_NOW,
        )
        .await?;
    live(store.redeem(&token.key, Vec::new(), None, at(1)).await?)?;
    spent(store.get(&token.key, at(1)).await?)?;
    live(store.get(&other.key, at(1)).await?)?;
    live(store.get(&grant("g").key, at(1)).await?)?;
    Ok(())
}

pub(super) async fn a_grant_is_not_redeemed(store: Arc<dyn Store>) -> Result<(), Violation> {
    store.insert(grant("g"), STANDARD_NOW).await?;
    invalid(store.redeem(&grant("g").key, Vec::new(), None, at(1)).await)?;
    live(store.get(&grant("g").key, at(1)).await?)?;
    Ok(())
}

pub(super) async fn a_grant_moves_on_with_the_redemption(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let first = code("code", "g");
    store
        .write(
            insert([grant("g").in_state(GrantState::CodeIssued), first.clone()]),
            STANDARD_NOW,
        )
        .await?;
    let moved = live(store.get(&grant("g").key, at(1)).await?)?
        .in_state(GrantState::Active)
        .expiring(at(5000));
    let long = refresh_token("long", "g").expiring(at(5000));
    let writes = vec![Write::Replace(moved), Write::Insert(long.clone())];
    live(store.redeem(&first.key, writes, None, at(1)).await?)?;
    let moved = live(store.get(&grant("g").key, at(1)).await?)?;
    ensure!(
        moved.grant_state() == Some(GrantState::Active) && moved.expires_at == Some(at(5000)),
        "the grant did not move on"
    );
    live(store.get(&long.key, at(4999)).await?)?;
    Ok(())
}
