//! Times decide to the second.

use std::sync::Arc;

use countersign_oauth::UnixTime;

use super::Violation;
use super::samples::{STANDARD_NOW, access_token, at, client, code, grant, insert, live, spent};
use crate::{Found, GrantId, Index, Kind, Page, Store};

pub(super) async fn a_record_ends_at_its_second(store: Arc<dyn Store>) -> Result<(), Violation> {
    let record = client("c").expiring(at(10));
    store.insert(record.clone(), STANDARD_NOW).await?;
    live(store.get(&record.key, at(9)).await?)?;
    let clients = Index::Kind(Kind::Client);
    for (second, alive) in [(9, 1), (10, 0), (11, 0)] {
        let count = store.count(&clients, 9, at(second)).await?;
        let listed = store.list(&clients, Page::first(9), at(second)).await?;
        ensure!(
            count == alive && listed.records.len() as u64 == alive,
            "{count} are counted and {} listed at second {second}",
            listed.records.len()
        );
    }
    for second in [10, 11] {
        let found = store.get(&record.key, at(second)).await?;
        ensure!(found == Found::Absent, "at second {second} it is {found:?}");
    }
    let found = store.redeem(&record.key, Vec::new(), None, at(10)).await?;
    ensure!(found == Found::Absent, "at its end it is redeemed");
    ensure!(
        !store.touch(&record.key, Some(at(99)), at(10)).await?,
        "at its end it is touched"
    );
    live(store.redeem(&record.key, Vec::new(), None, at(9)).await?)?;
    Ok(())
}

pub(super) async fn a_clock_that_goes_backwards_revives_nothing(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let (used, token, ended) = (
        code("used", "g"),
        access_token("token", "h"),
        client("ended").expiring(at(10)),
    );
    let records = [grant("g"), grant("h"), used.clone(), token.clone(), ended];
    store.write(insert(records), STANDARD_NOW).await?;
    live(store.redeem(&used.key, Vec::new(), None, at(50)).await?)?;
    store.revoke_grant(&GrantId::new("h"), at(50)).await?;
    store.purge(at(50)).await?;
    for earlier in [at(1), UnixTime::from_secs(0)] {
        spent(store.get(&used.key, earlier).await?)?;
        spent(store.redeem(&used.key, Vec::new(), None, earlier).await?)?;
        spent(store.get(&token.key, earlier).await?)?;
        let found = store.get(&client("ended").key, earlier).await?;
        ensure!(found == Found::Absent, "what was purged is back");
    }
    Ok(())
}

pub(super) async fn times_of_any_size_are_kept(store: Arc<dyn Store>) -> Result<(), Violation> {
    // The epoch, the ends of 31 and 32 bits and the second after them, and the end of
    // 63 bits.
    let times =
        [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000].map(UnixTime::from_secs);
    for (number, time) in times.into_iter().enumerate() {
        let mut record = client(&format!("c{number}"));
        record.created_at = time;
        record.expires_at = Some(UnixTime::from_secs(i64::MAX as u64));
        record.last_used_at = Some(time);
        store.insert(record.clone(), time).await?;
        let found = live(store.get(&record.key, time).await?)?;
        ensure!(found == record, "{found:?} is not what was written");
    }
    let endless = client("endless").expiring(UnixTime::from_secs(u64::MAX));
    store.insert(endless.clone(), STANDARD_NOW).await?;
    live(
        store
            .get(&endless.key, UnixTime::from_secs(1 << 62))
            .await?,
    )?;
    Ok(())
}

pub(super) async fn a_touch_moves_times_forward_alone(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let record = client("c").expiring(at(100));
    store.insert(record.clone(), STANDARD_NOW).await?;
    // Each touch, and what is recorded after it.
    let touches = [
        (20, None, 20, 100),
        (30, Some(200), 30, 200),
        (25, Some(150), 30, 200),
        (40, Some(0), 40, 200),
    ];
    for (now, extend_to, used, end) in touches {
        let touched = store.touch(&record.key, extend_to.map(at), at(now)).await?;
        ensure!(touched, "a live record is not touched");
        let found = live(store.get(&record.key, at(50)).await?)?;
        ensure!(
            found.last_used_at == Some(at(used)) && found.expires_at == Some(at(end)),
            "the touch at {now} left {:?} and {:?}",
            found.last_used_at,
            found.expires_at
        );
        ensure!(found.version == 1, "a touch changed the version");
    }
    let endless = client("endless");
    store.insert(endless.clone(), STANDARD_NOW).await?;
    store.touch(&endless.key, Some(at(10)), at(1)).await?;
    live(store.get(&endless.key, at(10)).await?)?;

    store.redeem(&record.key, Vec::new(), None, at(60)).await?;
    for key in [&record.key, &client("never").key] {
        let touched = store.touch(key, None, at(61)).await?;
        ensure!(!touched, "{key:?} is touched");
    }
    Ok(())
}
