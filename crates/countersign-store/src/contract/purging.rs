//! What may be taken away, and what must stay.

use std::sync::Arc;

use countersign_oauth::Lifetime;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, client, code, grant, insert, live, refresh_token, spent,
};
use crate::{CounterKey, Found, GrantId, Store};

pub(super) async fn spent_records_stay_until_their_grant_ends(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let (used, refresh) = (code("used", "g"), refresh_token("refresh", "h"));
    let records = [grant("g"), grant("h"), used.clone(), refresh.clone()];
    store.write(insert(records), STANDARD_NOW).await?;
    live(store.redeem(&used.key, Vec::new(), None, at(1)).await?)?;
    store.revoke_grant(&GrantId::new("h"), at(1)).await?;

    // The code ended at 60; its replay must be seen for as long as the grant lasts.
    let purged = store.purge(at(999)).await?;
    ensure!(
        purged == 0,
        "{purged} records are purged while their grants last"
    );
    for key in [&used.key, &refresh.key, &grant("h").key] {
        spent(store.get(key, at(999)).await?)?;
    }
    spent(store.redeem(&used.key, Vec::new(), None, at(999)).await?)?;

    let purged = store.purge(at(1000)).await?;
    ensure!(purged == 4, "{purged} of 4 records are purged at the end");
    for key in [&used.key, &refresh.key, &grant("g").key, &grant("h").key] {
        let found = store.get(key, at(1)).await?;
        ensure!(found == Found::Absent, "{key:?} is {found:?}");
    }
    Ok(())
}

pub(super) async fn a_purge_takes_only_what_may_go(store: Arc<dyn Store>) -> Result<(), Violation> {
    let stay = [
        client("endless"),
        client("long").expiring(at(101)),
        grant("g"),
        refresh_token("live", "g"),
    ];
    let mut endless_used = client("endless and used");
    endless_used.expires_at = None;
    let go = [
        client("short").expiring(at(100)),
        code("unused", "g"),
        grant("empty").expiring(at(100)),
    ];
    let spent_alone = client("used").expiring(at(100));
    let mut all: Vec<_> = stay.iter().chain(&go).cloned().collect();
    all.extend([endless_used.clone(), spent_alone.clone()]);
    store.write(insert(all), STANDARD_NOW).await?;
    for used in [&endless_used.key, &spent_alone.key] {
        live(store.redeem(used, Vec::new(), None, at(1)).await?)?;
    }
    store.purge(at(99)).await?;
    spent(store.get(&spent_alone.key, at(99)).await?)?;

    let purged = store.purge(at(100)).await?;
    ensure!(purged == 3, "{purged} records are purged in the end, not 3");
    for record in stay {
        let found = live(store.get(&record.key, at(100)).await?)?;
        ensure!(found == record, "the purge changed a record");
    }
    spent(store.get(&endless_used.key, at(100)).await?)?;
    for record in go.iter().chain([&spent_alone]) {
        let found = store.get(&record.key, at(1)).await?;
        ensure!(found == Found::Absent, "{:?} is still there", record.key);
    }
    Ok(())
}

pub(super) async fn a_purge_takes_more_than_one_step(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let records = 1203;
    for portion in 0..3 {
        let writes = insert(
            (0..records / 3)
                .map(|number| access_token(&format!("{portion} {number}"), "g").expiring(at(10))),
        );
        if portion == 0 {
            store.insert(grant("g"), STANDARD_NOW).await?;
        }
        store.write(writes, STANDARD_NOW).await?;
    }
    let counter = CounterKey::new("purged", &[]);
    store
        .hit(&counter, Lifetime::from_secs(10), STANDARD_NOW)
        .await?;
    let purged = store.purge(at(10)).await?;
    ensure!(purged == records, "{purged} of {records} are purged");
    let again = store.purge(at(10)).await?;
    ensure!(again == 0, "{again} more are purged by a second purge");
    let hits = store.hits(&counter, at(5)).await?;
    ensure!(hits.is_none(), "the ended window is still there");
    Ok(())
}
