//! Text is stored literally, whatever it says.

use std::sync::Arc;

use super::Violation;
use super::samples::{STANDARD_NOW, at, conflicts, grant, insert, live};
use crate::{
    ClientId, Conflict, Found, GrantId, Index, Key, Kind, Page, Record, Sealed, Store, Subject,
    Write,
};

/// Texts that are taken for something else wherever text is not kept apart from code.
const HOSTILE: [&str; 22] = [
    "",
    " ",
    "\0",
    "a\0b",
    "a",
    "A",
    "'",
    "''",
    "\"",
    "\\",
    "%",
    "_",
    "*",
    "[a-z]",
    "'; DROP TABLE records; --",
    "x' OR '1'='1",
    "?1",
    "\r\n\t\u{7f}",
    "\u{202e}txet desrever\u{202c}",
    "e\u{301}",
    "\u{e9}",
    "\u{fffd}\u{10ffff}\u{1f600}",
];

/// A client with `text` in every field that is text.
fn filled(text: &str) -> Result<Record, Violation> {
    Ok(Record::new(Key::client(&ClientId::new(text)), STANDARD_NOW)
        .in_grant(GrantId::new(text))
        .about(Subject::new(text))
        .of_client(ClientId::new(text))
        .expiring(at(100))
        .with_sealed(Sealed::from_bytes(text.as_bytes().to_vec()))
        .with_body(&text)?)
}

pub(super) async fn hostile_text_is_stored_literally(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    for text in HOSTILE {
        store
            .write(insert([grant(text), filled(text)?]), STANDARD_NOW)
            .await?;
    }
    for text in HOSTILE {
        let key = Key::client(&ClientId::new(text));
        let expected = filled(text)?;
        let found = live(store.get(&key, at(1)).await?)?;
        ensure!(found == expected, "{text:?} is not what was written");
        ensure!(found.body::<String>()? == text, "{text:?} is another body");
        conflicts(
            store.insert(expected.clone(), at(1)).await,
            Conflict::Exists,
        )?;
        for index in [
            Index::Subject(Kind::Client, Subject::new(text)),
            Index::Client(Kind::Client, ClientId::new(text)),
            Index::Grant(GrantId::new(text)),
        ] {
            let listed = store.list(&index, Page::first(100), at(1)).await?;
            ensure!(
                listed.records == [expected.clone()],
                "{index:?} lists {:?}",
                listed.records
            );
        }
    }
    // Whatever is done to one of them is done to no other.
    for (number, text) in HOSTILE.into_iter().enumerate() {
        let key = Key::client(&ClientId::new(text));
        let record = live(store.get(&key, at(1)).await?)?;
        match number % 3 {
            0 => store.write(vec![Write::Remove(key)], at(1)).await?,
            1 => {
                live(store.redeem(&key, Vec::new(), None, at(1)).await?)?;
            }
            _ => store.replace(record.with_body(&"changed")?, at(1)).await?,
        }
        for (other, text) in HOSTILE.into_iter().enumerate().skip(number + 1) {
            let found = store.get(&Key::client(&ClientId::new(text)), at(1)).await?;
            ensure!(
                live(found)? == filled(text)?,
                "what was done to text {number} was done to text {other}"
            );
        }
    }
    for (number, text) in HOSTILE.into_iter().enumerate() {
        let found = store.get(&Key::client(&ClientId::new(text)), at(1)).await?;
        let expected = match number % 3 {
            0 => found == Found::Absent,
            1 => matches!(found, Found::Spent(_)),
            _ => live(found)?.version == 2,
        };
        ensure!(expected, "text {number} is not what became of it");
    }
    Ok(())
}

pub(super) async fn a_mebibyte_in_every_field_is_stored(
    store: Arc<dyn Store>,
) -> Result<(), Violation> {
    let long = "\u{20ac}'".repeat(1024 * 1024 / 4);
    store
        .write(insert([grant(&long), filled(&long)?]), STANDARD_NOW)
        .await?;
    let key = Key::client(&ClientId::new(&long));
    let found = live(store.get(&key, at(1)).await?)?;
    ensure!(found == filled(&long)?, "it is not what was written");
    let mut other = long.clone();
    other.pop();
    let found = store
        .get(&Key::client(&ClientId::new(&other)), at(1))
        .await?;
    ensure!(
        found == Found::Absent,
        "a text that ends otherwise is found"
    );
    let revoked = store.revoke_grant(&GrantId::new(&long), at(1)).await?;
    ensure!(revoked == 2, "its grant has {revoked} records");
    Ok(())
}
