//! API keys hang on no grant: they are withdrawn and replaced by themselves.

use std::sync::Arc;

use countersign_oauth::ApiKeyFormat;

use super::Violation;
use super::samples::{STANDARD_NOW, at, live, spent};
use crate::{ClientId, Found, Index, Key, Kind, Page, Record, Status, Store, Subject, Write};

/// The key that is made of `number`, without an owner.
fn key(number: u8) -> Record {
    let made = ApiKeyFormat::default().compose(&[number; ApiKeyFormat::RANDOM_BYTES]);
    Record::new(Key::api_key(&made.id), STANDARD_NOW)
}

pub(super) async fn a_key_that_is_replaced_ends_when_the_overlap_does(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let (old, new) = (key(1), key(2));
    store.insert(old.clone(), STANDARD_NOW).await?;
    let read = live(store.get(&old.key, at(1)).await?)?;
    // A use in between is no change.
    ensure!(
        store.touch(&old.key, None, at(2)).await?,
        "a live key is not touched"
    );
    let ending = read.expiring(at(60));
    store
        .write(
            vec![Write::Replace(ending), Write::Insert(new.clone())],
            at(3),
        )
        .await?;
    live(store.get(&new.key, at(3)).await?)?;
    live(store.get(&old.key, at(59)).await?)?;
    let found = store.get(&old.key, at(60)).await?;
    ensure!(found == Found::Absent, "after the overlap it is {found:?}");
    Ok(())
}

pub(super) async fn a_key_that_is_withdrawn_is_listed_as_spent_for_its_owner_alone(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    // A person and a service of the same name.
    let (person, service) = (
        key(1).about(Subject::new("anna")),
        key(2).of_client(ClientId::new("anna")),
    );
    let both = [person.clone(), service.clone()].map(Write::Insert);
    store.write(both.into(), STANDARD_NOW).await?;
    live(store.redeem(&person.key, Vec::new(), None, at(5)).await?)?;
    let status = spent(store.get(&person.key, at(5)).await?)?.status;
    ensure!(
        status
            == Status::Used {
                at: at(5),
                receipt: None
            },
        "a withdrawn key is {status:?}"
    );
    for (index, listed) in [
        (Index::Subject(Kind::ApiKey, "anna".into()), &person),
        (Index::Client(Kind::ApiKey, "anna".into()), &service),
    ] {
        let page = store
            .list(&index, Page::first(9).with_spent(), at(5))
            .await?;
        let found: Vec<_> = page.records.iter().map(|record| &record.key).collect();
        ensure!(found == [&listed.key], "{index:?} lists {found:?}");
    }
    let ended = store
        .redeem(&person.key, vec![Write::Insert(key(3))], None, at(6))
        .await?;
    spent(ended)?;
    let found = store.get(&key(3).key, at(6)).await?;
    ensure!(found == Found::Absent, "a withdrawn key has a successor");
    Ok(())
}
