//! What hangs on a grant goes with it.

use std::sync::Arc;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, code, conflicts, grant, insert, invalid, live, refresh_token,
    spent,
};
use crate::{Conflict, Found, GrantId, GrantState, Sealed, Status, Store, Write};

pub(super) async fn a_revocation_takes_everything_of_the_grant(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let (first, token, refresh) = (
        code("code", "g"),
        access_token("token", "g"),
        refresh_token("refresh", "g"),
    );
    let writes = insert([grant("g"), first.clone(), token.clone(), refresh.clone()]);
    store.write(writes, STANDARD_NOW).await?;
    let receipt = Some(Sealed::from_bytes(b"receipt".to_vec()));
    live(store.redeem(&first.key, Vec::new(), receipt, at(1)).await?)?;

    let id = GrantId::new("g");
    let revoked = store.revoke_grant(&id, at(2)).await?;
    ensure!(revoked == 3, "it took {revoked} records, not 3");
    for key in [&first.key, &token.key, &refresh.key, &grant("g").key] {
        let status = spent(store.get(key, at(2)).await?)?.status;
        ensure!(
            status == Status::Revoked { at: at(2) },
            "{key:?} is {status:?}"
        );
        if *key != grant("g").key {
            spent(store.redeem(key, Vec::new(), None, at(2)).await?)?;
        }
    }
    let state = spent(store.get(&grant("g").key, at(2)).await?)?.grant_state();
    ensure!(state == Some(GrantState::Revoked), "the grant is {state:?}");

    let again = store.revoke_grant(&id, at(3)).await?;
    ensure!(again == 0, "a second revocation took {again} records");
    let status = spent(store.get(&token.key, at(3)).await?)?.status;
    ensure!(
        status == Status::Revoked { at: at(2) },
        "a second revocation changed the time to {status:?}"
    );
    Ok(())
}

pub(super) async fn a_revocation_leaves_other_grants_alone(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    // The ids are chosen to be taken for patterns, prefixes or one another.
    let ids = [
        "g", "g1", "G", "", "%", "g%", "*", "_", "g\0", " g", "grant",
    ];
    for id in ids {
        let records = [grant(id), access_token(&format!("token {id}"), id)];
        store.write(insert(records), STANDARD_NOW).await?;
    }
    for gone in ["%", "*", "g", ""] {
        let revoked = store.revoke_grant(&GrantId::new(gone), at(1)).await?;
        ensure!(revoked == 2, "revoking {gone:?} took {revoked} records");
    }
    for id in ids {
        let found = store
            .get(&access_token(&format!("token {id}"), id).key, at(1))
            .await?;
        if ["%", "*", "g", ""].contains(&id) {
            spent(found)?;
        } else {
            live(found)?;
        }
    }
    let unknown = store.revoke_grant(&GrantId::new("unknown"), at(1)).await?;
    ensure!(unknown == 0, "an unknown grant has {unknown} records");
    Ok(())
}

pub(super) async fn nothing_joins_a_grant_that_is_not_live(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let short = grant("short").expiring(at(10));
    let free = crate::Record::new(access_token("free", "g").key, STANDARD_NOW).expiring(at(20));
    store
        .write(
            insert([grant("revoked"), short, free.clone()]),
            STANDARD_NOW,
        )
        .await?;
    store.revoke_grant(&GrantId::new("revoked"), at(1)).await?;
    for (id, now) in [("revoked", 2), ("unknown", 2), ("short", 10)] {
        let token = access_token("token", id).expiring(at(10));
        conflicts(
            store.insert(token.clone(), at(now)).await,
            Conflict::GrantNotLive,
        )?;
        let found = store.get(&token.key, at(2)).await?;
        ensure!(found == Found::Absent, "the token of {id} is there");
        let joining = free.clone().in_grant(GrantId::new(id)).expiring(at(10));
        conflicts(
            store.replace(joining, at(now)).await,
            Conflict::GrantNotLive,
        )?;
    }
    Ok(())
}

pub(super) async fn nothing_outlives_its_grant(store: Arc<dyn Store>) -> Result<(), Violation> {
    store
        .write(
            insert([grant("g"), access_token("token", "g")]),
            STANDARD_NOW,
        )
        .await?;
    let long = refresh_token("long", "g").expiring(at(1001));
    invalid(store.insert(long, STANDARD_NOW).await)?;
    let longer = access_token("token", "g").expiring(at(1001));
    invalid(store.replace(longer, STANDARD_NOW).await)?;
    let key = access_token("token", "g").key;
    store.touch(&key, Some(at(5000)), at(1)).await?;
    let touched = live(store.get(&key, at(2)).await?)?;
    ensure!(
        touched.expires_at == Some(at(1000)),
        "a touch moved the end to {:?}",
        touched.expires_at
    );
    store
        .insert(refresh_token("equal", "g"), STANDARD_NOW)
        .await?;
    Ok(())
}

pub(super) async fn a_grant_is_not_removed(store: Arc<dyn Store>) -> Result<(), Violation> {
    let token = access_token("token", "g");
    store
        .write(insert([grant("g"), token.clone()]), STANDARD_NOW)
        .await?;
    let key = grant("g").key;
    let writes = vec![Write::Remove(token.key.clone()), Write::Remove(key.clone())];
    invalid(store.write(writes, at(1)).await)?;
    live(store.get(&key, at(1)).await?)?;
    live(store.get(&token.key, at(1)).await?)?;
    Ok(())
}
