//! Lists, page by page.

use std::sync::Arc;

use countersign_oauth::UnixTime;

use super::Violation;
use super::samples::{
    STANDARD_NOW, access_token, at, client, code, grant, insert, live, refresh_token,
};
use crate::{ClientId, GrantId, Index, Key, Kind, Page, Record, Store, Subject};

/// Every record of `index`, in pages like `page`.
async fn all(store: &Arc<dyn Store>, index: &Index, page: Page) -> Result<Vec<Record>, Violation> {
    all_at(store, index, page, at(1)).await
}

async fn all_at(
    store: &Arc<dyn Store>,
    index: &Index,
    mut page: Page,
    now: UnixTime,
) -> Result<Vec<Record>, Violation> {
    let mut records = Vec::new();
    loop {
        let listed = store.list(index, page, now).await?;
        ensure!(
            listed.records.len() <= page.limit,
            "a page of {} has {} records",
            page.limit,
            listed.records.len()
        );
        records.extend(listed.records);
        let Some(next) = listed.next else {
            return Ok(records);
        };
        ensure!(Some(next) > page.after, "the next page is no later");
        page = page.after(next);
    }
}

pub(super) async fn pages_neither_skip_nor_repeat_under_changes(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let ids: Vec<String> = (0..20).map(|number| format!("c{number:02}")).collect();
    for id in ids.iter().rev() {
        store.insert(client(id), STANDARD_NOW).await?;
    }
    let index = Index::Kind(Kind::Client);
    let mut seen: Vec<Record> = Vec::new();
    let mut page = Page::first(3);
    let mut turn = 0;
    loop {
        let listed = store.list(&index, page, at(1)).await?;
        // Between two pages: one is added before all others by name, one that was
        // listed goes away, one that was listed is changed, and one is touched.
        store
            .insert(client(&format!("a{turn}")), STANDARD_NOW)
            .await?;
        if let [first, second, ..] = listed.records.as_slice() {
            store.remove(first.key.clone(), at(1)).await?;
            store.replace(second.clone(), at(1)).await?;
            store.touch(&second.key, None, at(1)).await?;
        }
        seen.extend(listed.records);
        turn += 1;
        ensure!(turn < 100, "the list does not end");
        match listed.next {
            // What is added in between may be listed; it must not go on for ever.
            Some(next) if turn < 12 => page = page.after(next),
            _ => break,
        }
    }
    let names: Vec<&str> = seen
        .iter()
        .map(|record| record.key.id())
        .filter(|id| id.starts_with('c'))
        .collect();
    let expected: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
    ensure!(names == expected, "listed are {names:?}");
    Ok(())
}

pub(super) async fn an_index_lists_its_own_alone(store: Arc<dyn Store>) -> Result<(), Violation> {
    let anna = Subject::new("anna");
    let tokens = |subject: &str, client: &str, grant: &str| {
        let mut record = access_token(&format!("{subject} {client} {grant}"), grant);
        record.subject = Some(subject.into());
        record.client = Some(client.into());
        record
    };
    let mut records = vec![grant("g"), grant("h"), grant("%")];
    for subject in ["anna", "ann", "Anna", "%", "anna\0"] {
        for client in ["one", "%"] {
            for id in ["g", "h", "%"] {
                records.push(tokens(subject, client, id));
            }
        }
    }
    records.push(refresh_token("refresh", "g").about(anna.clone()));
    records.push(client("one").about(anna.clone()));
    store.write(insert(records.clone()), STANDARD_NOW).await?;

    let of = |wanted: &dyn Fn(&Record) -> bool| -> Vec<Key> {
        let wanted = records.iter().filter(|record| wanted(record));
        wanted.map(|record| record.key.clone()).collect()
    };
    let is_token = |record: &Record| record.key.kind() == Kind::AccessToken;
    let one = ClientId::new("one");
    let cases = [
        (Index::Kind(Kind::AccessToken), of(&is_token)),
        (
            Index::Subject(Kind::AccessToken, anna.clone()),
            of(&|record| is_token(record) && record.subject.as_ref() == Some(&anna)),
        ),
        (
            Index::Client(Kind::AccessToken, one.clone()),
            of(&|record| is_token(record) && record.client.as_ref() == Some(&one)),
        ),
        (
            Index::Grant(GrantId::new("g")),
            of(&|record| record.grant == Some(GrantId::new("g"))),
        ),
        (Index::Subject(Kind::AccessToken, "nobody".into()), vec![]),
        (Index::Client(Kind::Client, one), vec![]),
        (Index::Grant(GrantId::new("unknown")), vec![]),
        (Index::Kind(Kind::SigningKey), vec![]),
    ];
    for (index, expected) in cases {
        for limit in [1, 2, 1000] {
            let listed: Vec<Key> = all(&store, &index, Page::first(limit))
                .await?
                .into_iter()
                .map(|record| record.key)
                .collect();
            ensure!(
                listed == expected,
                "{index:?} in pages of {limit} lists {listed:?}"
            );
        }
        let count = store.count(&index, 1000, at(1)).await?;
        ensure!(
            count == expected.len() as u64,
            "{index:?} counts {count}, not {}",
            expected.len()
        );
    }
    Ok(())
}

pub(super) async fn spent_records_are_listed_on_request(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let records = [
        grant("g"),
        code("used", "g"),
        code("ended", "g").expiring(at(1)),
        refresh_token("live", "g"),
    ];
    store.write(insert(records), STANDARD_NOW).await?;
    let used = code("used", "g").key;
    live(store.redeem(&used, Vec::new(), None, STANDARD_NOW).await?)?;
    let index = Index::Grant(GrantId::new("g"));
    let live_alone = all(&store, &index, Page::first(10)).await?;
    ensure!(live_alone.len() == 1, "{live_alone:?} are listed as live");
    let with_spent = all(&store, &index, Page::first(1).with_spent()).await?;
    ensure!(
        with_spent.len() == 2 && with_spent.iter().any(|record| record.key == used),
        "{with_spent:?} are listed with the spent ones"
    );
    Ok(())
}

pub(super) async fn loose_upstream_tokens_are_those_that_no_live_grant_holds(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let tokens = |grant: &str, provider: &str| {
        let grant = GrantId::new(grant);
        Record::new(Key::upstream_tokens(&grant, provider), STANDARD_NOW)
    };
    let held = |id: &str, provider: &str| {
        let record = tokens(id, provider).in_grant(GrantId::new(id));
        record.expiring(at(500))
    };
    let records = [
        grant("live"),
        grant("revoked"),
        held("live", "in use"),
        held("revoked", "revoked"),
        tokens("gone", "on no grant"),
        held("live", "used up"),
        tokens("gone", "on no grant, and ends").expiring(at(600)),
        held("live", "expires soon").expiring(at(1)),
        // Nothing else is one of them.
        code("revoked", "revoked"),
        client("client"),
    ];
    store.write(insert(records.clone()), STANDARD_NOW).await?;
    let index = Index::LooseUpstreamTokens;
    let [_, _, _, _, on_none, used, ends, soon, ..] = &records;
    let (of_revoked, in_use) = (held("revoked", "revoked").key, held("live", "in use").key);
    live(
        store
            .redeem(&used.key, Vec::new(), None, STANDARD_NOW)
            .await?,
    )?;
    store
        .revoke_grant(&GrantId::new("revoked"), STANDARD_NOW)
        .await?;
    let expected = [
        of_revoked,
        on_none.key.clone(),
        used.key.clone(),
        ends.key.clone(),
    ];
    let with_soon: Vec<Key> = expected.iter().chain([&soon.key]).cloned().collect();
    for (now, expected) in [(0, expected.to_vec()), (1, with_soon.clone())] {
        for limit in [1, 2, 100] {
            for spent in [Page::first(limit), Page::first(limit).with_spent()] {
                let listed = all_at(&store, &index, spent, at(now)).await?;
                let keys: Vec<Key> = listed.into_iter().map(|record| record.key).collect();
                ensure!(keys == expected, "in pages of {limit} are listed {keys:?}");
            }
        }
    }
    let count = store.count(&index, u64::MAX, at(1)).await?;
    ensure!(count == 2, "{count} are live, not 2");
    // Those in use become loose with their end, and nobody has to touch them.
    let at_end = all_at(&store, &index, Page::first(100), at(500)).await?;
    ensure!(
        at_end.iter().any(|record| record.key == in_use),
        "{at_end:?}"
    );
    store.remove(on_none.key.clone(), at(1)).await?;
    let rest = all_at(&store, &index, Page::first(100), at(1)).await?;
    ensure!(rest.len() == with_soon.len() - 1, "{rest:?}");
    Ok(())
}

pub(super) async fn a_count_stops_where_it_is_told(store: Arc<dyn Store>) -> Result<(), Violation> {
    let writes = insert((0..5).map(|number| client(&format!("c{number}"))));
    store.write(writes, STANDARD_NOW).await?;
    for (most, expected) in [(0, 0), (1, 1), (5, 5), (6, 5), (u64::MAX, 5)] {
        let count = store.count(&Index::Kind(Kind::Client), most, at(1)).await?;
        ensure!(count == expected, "counting to {most} gives {count}");
    }
    Ok(())
}
