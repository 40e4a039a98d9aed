//! Counters and their windows.

use std::sync::Arc;

use countersign_oauth::Lifetime;

use super::Violation;
use super::samples::{STANDARD_NOW, at};
use crate::{CounterKey, Hits, Store};

const MINUTE: Lifetime = Lifetime::from_mins(1);

pub(super) async fn a_window_begins_with_its_first_hit(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let counter = CounterKey::new("login", &["anna"]);
    let before = store.hits(&counter, STANDARD_NOW).await?;
    ensure!(
        before.is_none(),
        "a counter that was never hit says {before:?}"
    );
    // The time of each hit, and what it answers.
    let hits = [
        (10, 1, 70),
        (10, 2, 70),
        (69, 3, 70),
        (70, 1, 130),
        (500, 1, 560),
    ];
    for (now, count, until) in hits {
        let hit = store.hit(&counter, MINUTE, at(now)).await?;
        let expected = Hits {
            count,
            until: at(until),
        };
        ensure!(hit == expected, "the hit at {now} answers {hit:?}");
        let read = store.hits(&counter, at(now)).await?;
        ensure!(
            read == Some(expected),
            "after the hit at {now} it says {read:?}"
        );
    }
    let ended = store.hits(&counter, at(560)).await?;
    ensure!(ended.is_none(), "the window that ended says {ended:?}");

    store.hit(&counter, MINUTE, at(600)).await?;
    store.forget_hits(&counter).await?;
    store.forget_hits(&counter).await?;
    let forgotten = store.hits(&counter, at(600)).await?;
    ensure!(forgotten.is_none(), "what was forgotten says {forgotten:?}");
    let hit = store.hit(&counter, MINUTE, at(601)).await?;
    ensure!(hit.count == 1, "after forgetting it counts {}", hit.count);
    Ok(())
}

pub(super) async fn a_clock_that_goes_backwards_opens_no_window(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let counter = CounterKey::new("login", &["anna"]);
    // The time of each hit, and what it answers: nobody waits for the hour to come again.
    for (now, count, until) in [
        (3600, 1, 3660),
        (3590, 2, 3650),
        (0, 3, 60),
        (59, 4, 60),
        (60, 1, 120),
    ] {
        let hit = store.hit(&counter, MINUTE, at(now)).await?;
        ensure!(hit.count == count, "the hit at {now} counts {}", hit.count);
        ensure!(
            hit.until == at(until),
            "the hit at {now} ends {}",
            hit.until
        );
    }
    Ok(())
}

pub(super) async fn counters_are_kept_apart(store: Arc<dyn Store>) -> Result<(), Violation> {
    let counters = [
        CounterKey::new("login", &["anna"]),
        CounterKey::new("login", &["ann", "a"]),
        CounterKey::new("login", &["anna", ""]),
        CounterKey::new("login", &[]),
        CounterKey::new("loginanna", &[]),
        CounterKey::new("token", &["anna"]),
    ];
    for (number, counter) in counters.iter().enumerate() {
        for _ in 0..=number {
            store.hit(counter, MINUTE, STANDARD_NOW).await?;
        }
    }
    for (number, counter) in counters.iter().enumerate() {
        let hits = store.hits(counter, at(1)).await?.map(|hits| hits.count);
        ensure!(
            hits == Some(number as u64 + 1),
            "counter {number} counts {hits:?}"
        );
    }
    Ok(())
}
