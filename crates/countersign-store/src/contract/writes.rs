//! Writes happen wholly or not at all.

use std::sync::Arc;

use countersign_oauth::UnixTime;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, client, code, conflicts, grant, insert, invalid, live,
    refresh_token, spent,
};
use crate::{Conflict, Found, GrantId, Key, Sealed, Status, Store, Write};

pub(super) async fn an_insertion_over_a_record_changes_nothing(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let original = client("c").with_body(&"original")?;
    let ended = client("ended").expiring(at(10));
    let used = code("used", "g");
    store
        .write(
            insert([original.clone(), ended.clone(), grant("g"), used.clone()]),
            STANDARD_NOW,
        )
        .await?;
    store.redeem(&used.key, Vec::new(), None, at(1)).await?;

    let other = client("c").with_body(&"other")?.about("somebody".into());
    conflicts(store.insert(other, at(1)).await, Conflict::Exists)?;
    conflicts(store.insert(used.clone(), at(1)).await, Conflict::Exists)?;
    conflicts(store.insert(ended, at(11)).await, Conflict::Exists)?;

    let found = live(store.get(&original.key, at(1)).await?)?;
    ensure!(found == original, "the record was changed");
    spent(store.get(&used.key, at(1)).await?)?;
    Ok(())
}

pub(super) async fn several_writes_are_all_or_none(store: Arc<dyn Store>) -> Result<(), Violation> {
    let old = client("old").with_body(&"old")?;
    store
        .write(insert([old.clone(), client("taken")]), STANDARD_NOW)
        .await?;
    let changes = || -> Result<Vec<Write>, Violation> {
        Ok(vec![
            Write::Insert(client("new")),
            Write::Replace(old.clone().with_body(&"changed")?),
            Write::Insert(client("newer")),
        ])
    };
    let mut refused = changes()?;
    refused.push(Write::Remove(client("old").key));
    refused.push(Write::Insert(client("taken")));
    conflicts(store.write(refused, at(1)).await, Conflict::Exists)?;
    let found = live(store.get(&old.key, at(1)).await?)?;
    ensure!(found == old, "a refused list of writes changed a record");
    for new in ["new", "newer"] {
        let found = store.get(&client(new).key, at(1)).await?;
        ensure!(
            found == Found::Absent,
            "a refused list of writes added {new}"
        );
    }
    let twice = insert([client("twice"), client("twice")]);
    conflicts(store.write(twice, at(1)).await, Conflict::Exists)?;

    store.write(changes()?, at(1)).await?;
    let found = live(store.get(&old.key, at(1)).await?)?;
    ensure!(found.body::<String>()? == "changed", "a write is missing");
    for new in ["new", "newer"] {
        live(store.get(&client(new).key, at(1)).await?)?;
    }
    store.write(Vec::new(), at(1)).await?;
    Ok(())
}

pub(super) async fn a_replacement_needs_the_version_that_was_read(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let mut inserted = client("c");
    inserted.version = 9;
    inserted.status = Status::Revoked { at: at(0) };
    store.insert(inserted, STANDARD_NOW).await?;
    let first = live(store.get(&client("c").key, at(1)).await?)?;
    ensure!(
        first.version == 1,
        "it begins with version {}",
        first.version
    );

    let mut changed = first.clone().with_body(&"changed")?.about("new".into());
    changed.created_at = at(500);
    changed.sealed = Some(Sealed::from_bytes(vec![0, 255]));
    store.replace(changed.clone(), at(2)).await?;
    let second = live(store.get(&client("c").key, at(2)).await?)?;
    ensure!(second.version == 2, "its version is {}", second.version);
    changed.version = 2;
    changed.created_at = STANDARD_NOW;
    ensure!(
        second == changed,
        "something else was written than was given"
    );

    for version in [0, 1, 3, u64::MAX] {
        let mut stale = first.clone();
        stale.version = version;
        conflicts(store.replace(stale, at(3)).await, Conflict::Changed)?;
    }
    let found = live(store.get(&client("c").key, at(3)).await?)?;
    ensure!(found == second, "a stale replacement changed the record");
    Ok(())
}

pub(super) async fn what_is_not_live_is_not_replaced(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let used = code("used", "g");
    let ended = client("ended").expiring(at(10));
    store
        .write(
            insert([grant("g"), used.clone(), ended.clone()]),
            STANDARD_NOW,
        )
        .await?;
    store.redeem(&used.key, Vec::new(), None, at(1)).await?;
    conflicts(store.replace(used.clone(), at(2)).await, Conflict::Changed)?;
    conflicts(store.replace(ended, at(10)).await, Conflict::Changed)?;
    conflicts(
        store.replace(client("never"), at(2)).await,
        Conflict::Changed,
    )?;
    spent(store.get(&used.key, at(2)).await?)?;

    store.revoke_grant(&GrantId::new("g"), at(3)).await?;
    conflicts(store.replace(grant("g"), at(4)).await, Conflict::Changed)?;
    Ok(())
}

pub(super) async fn a_removed_key_is_free(store: Arc<dyn Store>) -> Result<(), Violation> {
    let key = client("c").key;
    store
        .insert(client("c").with_body(&"first")?, STANDARD_NOW)
        .await?;
    store.remove(key.clone(), at(1)).await?;
    let found = store.get(&key, at(1)).await?;
    ensure!(found == Found::Absent, "it is still there");
    store.remove(key.clone(), at(1)).await?;

    store
        .insert(client("c").with_body(&"second")?, at(2))
        .await?;
    let moved = vec![
        Write::Remove(key.clone()),
        Write::Insert(client("c").with_body(&"third")?),
    ];
    store.write(moved, at(3)).await?;
    let found = live(store.get(&key, at(3)).await?)?;
    ensure!(
        found.body::<String>()? == "third",
        "the old record is there"
    );
    ensure!(found.version == 1, "the new record is not new");
    Ok(())
}

pub(super) async fn records_that_break_a_rule_are_refused(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    store.insert(grant("g"), STANDARD_NOW).await?;
    let mut endless_grant = grant("endless");
    endless_grant.expires_at = None;
    let mut endless = access_token("endless", "g");
    endless.expires_at = None;
    let nested = grant("nested").in_grant(GrantId::new("g"));
    let mut large = client("large");
    large.body = " ".repeat(crate::Record::LARGEST);
    for bad in [endless_grant, endless, nested, large] {
        let key: Key = bad.key.clone();
        invalid(store.insert(bad, STANDARD_NOW).await)?;
        let found = store.get(&key, STANDARD_NOW).await?;
        ensure!(found == Found::Absent, "{key:?} is there");
    }
    Ok(())
}

pub(super) async fn a_use_is_noted_with_the_writes_or_not_at_all(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let (used, code) = (grant("g"), code("code", "g"));
    store
        .write(insert([used.clone(), code.clone()]), STANDARD_NOW)
        .await?;
    let touch_of = |key: &Key, extend_to| Write::Touch {
        key: key.clone(),
        extend_to,
    };
    let touch = touch_of(&used.key, None);
    let refused = vec![touch.clone(), Write::Insert(code.clone())];
    conflicts(store.write(refused, at(5)).await, Conflict::Exists)?;
    let found = live(store.get(&used.key, at(6)).await?)?;
    ensure!(
        found.last_used_at.is_none(),
        "a use is noted without its writes"
    );

    let token = access_token("token", "g");
    let writes = vec![Write::Insert(token.clone()), touch.clone()];
    let redeemed = store.redeem(&code.key, writes, None, at(7)).await?;
    ensure!(matches!(redeemed, Found::Live(_)), "a code is not redeemed");
    live(store.get(&token.key, at(7)).await?)?;
    let found = live(store.get(&used.key, at(7)).await?)?;
    ensure!(
        (found.last_used_at, found.expires_at, found.version) == (Some(at(7)), used.expires_at, 1),
        "a use is noted as {found:?}"
    );

    // It moves an end, within the grant, also of what was written just before.
    let (brief, refresh) = (client("brief").expiring(at(20)), refresh_token("new", "g"));
    let short = refresh.clone().expiring(at(20));
    let writes = vec![
        Write::Insert(brief.clone()),
        touch_of(&brief.key, Some(at(30))),
        Write::Insert(short),
        touch_of(&refresh.key, Some(UnixTime::from_secs(u64::MAX))),
    ];
    store.write(writes, at(7)).await?;
    for (key, end) in [(brief.key, Some(at(30))), (refresh.key, used.expires_at)] {
        let found = live(store.get(&key, at(7)).await?)?;
        ensure!(found.expires_at == end, "an end is moved to {found:?}");
    }

    // It moves forward alone, and only what is live is used.
    store.write(vec![touch], at(3)).await?;
    let found = live(store.get(&used.key, at(7)).await?)?;
    ensure!(found.last_used_at == Some(at(7)), "a use moves back");
    let (used_up, never) = (code.key, client("never").key);
    for key in [&used_up, &never] {
        store.write(vec![touch_of(key, None)], at(8)).await?;
    }
    let found = spent(store.get(&used_up, at(8)).await?)?;
    ensure!(found.last_used_at.is_none(), "a spent record is used");
    let found = store.get(&never, at(8)).await?;
    ensure!(found == Found::Absent, "a use makes a record");
    Ok(())
}

pub(super) async fn what_shortens_a_grant_counts_for_what_is_written_after_it(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let long = grant("g");
    store.insert(long.clone(), STANDARD_NOW).await?;
    let short = long.clone().expiring(at(5));
    let writes = vec![
        Write::Insert(access_token("before", "g").expiring(at(10))),
        Write::Replace(short),
        Write::Insert(access_token("after", "g").expiring(at(10))),
    ];
    invalid(store.write(writes, at(1)).await)?;
    let found = live(store.get(&long.key, at(1)).await?)?;
    ensure!(found == long, "a refused list of writes changed a grant");
    Ok(())
}
