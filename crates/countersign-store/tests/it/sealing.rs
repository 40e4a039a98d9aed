//! Sealed copies: what does not open, and what does.

use countersign_oauth::{Secret, UnixTime};
use countersign_store::seal::OpenError;
use countersign_store::{Column, Key, Sealed, SealingKeys, SecretHash};

fn keys(numbers: &[u8]) -> SealingKeys {
    let text: String = numbers
        .iter()
        .map(|number| SealingKeys::text_of([*number; 32]).reveal().to_owned())
        .collect();
    SealingKeys::parse(&Secret::new(text)).unwrap()
}

fn place() -> Key {
    Key::signing_key("one")
}

fn seal(keys: &SealingKeys, nonce: u8) -> Sealed {
    keys.seal(&place(), Column::Sealed, b"plain", [nonce; 12])
        .unwrap()
}

#[test]
fn f18_text_that_is_no_list_of_keys_is_refused_without_showing_it() {
    let good = SealingKeys::text_of([1; 32]).reveal().trim().to_owned();
    let bad = [
        String::new(),
        "# only a comment\n\n".to_owned(),
        good[1..].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        format!("{good}\n{good}"),
        format!("{good}\ncanary"),
        good.replace(|c: char| c.is_ascii_alphabetic(), "+"),
    ];
    for text in bad {
        let error = SealingKeys::parse(&Secret::new(text.clone())).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("canary") && !shown.contains(&good),
            "{shown}"
        );
    }
}

#[test]
fn f18_a_copy_opens_with_no_other_key() {
    let sealed = seal(&keys(&[1]), 9);
    let error = keys(&[2]).open(&place(), Column::Sealed, &sealed);
    assert_eq!(error, Err(OpenError::UnknownKey(keys(&[1]).newest_id())));
}

#[test]
fn f18_a_copy_that_was_altered_anywhere_does_not_open() {
    let keys = keys(&[1]);
    let sealed = seal(&keys, 9);
    for position in 0..sealed.as_bytes().len() {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[position] ^= 1;
        let opened = keys.open(&place(), Column::Sealed, &Sealed::from_bytes(bytes));
        assert!(opened.is_err(), "byte {position}");
    }
    for length in 0..sealed.as_bytes().len() {
        let bytes = sealed.as_bytes()[..length].to_vec();
        let opened = keys.open(&place(), Column::Sealed, &Sealed::from_bytes(bytes));
        assert!(opened.is_err(), "{length} bytes");
    }
}

#[test]
fn f18_a_copy_opens_in_no_other_place() {
    let keys = keys(&[1]);
    let sealed = seal(&keys, 9);
    let others = [
        (Key::signing_key("two"), Column::Sealed),
        (Key::signing_key(""), Column::Sealed),
        (Key::client(&"one".into()), Column::Sealed),
        (
            Key::access_token(SecretHash::of(&Secret::new("one"))),
            Column::Sealed,
        ),
        (place(), Column::Receipt),
    ];
    for (key, column) in others {
        assert_eq!(
            keys.open(&key, column, &sealed),
            Err(OpenError::Broken),
            "{key:?} {column:?}"
        );
    }
    assert_eq!(
        &*keys.open(&place(), Column::Sealed, &sealed).unwrap(),
        b"plain"
    );
}

#[test]
fn f18_after_a_rotation_old_copies_open_and_move_to_the_newest_key() {
    let old = seal(&keys(&[1]), 9);
    let rotated = keys(&[2, 1]);
    assert_eq!(
        &*rotated.open(&place(), Column::Sealed, &old).unwrap(),
        b"plain"
    );

    let moved = rotated
        .reseal(&place(), Column::Sealed, &old, [8; 12])
        .unwrap()
        .unwrap();
    assert_eq!(moved.key_id(), Some(rotated.newest_id()));
    assert_eq!(
        &*keys(&[2]).open(&place(), Column::Sealed, &moved).unwrap(),
        b"plain"
    );
    assert_eq!(
        rotated.reseal(&place(), Column::Sealed, &moved, [7; 12]),
        Ok(None)
    );
}

#[test]
fn f18_h7_key_files_that_others_may_read_or_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealing.keys");
    let missing = SealingKeys::from_file(&path).unwrap_err();
    assert!(missing.to_string().contains("sealing.keys"), "{missing}");

    let created = SealingKeys::create_file(&path, [1; 32]).unwrap();
    assert_eq!(
        SealingKeys::from_file(&path).unwrap().newest_id(),
        created.newest_id()
    );
    assert!(
        SealingKeys::create_file(&path, [2; 32]).is_err(),
        "it overwrites"
    );

    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);

        let link = folder.path().join("link.keys");
        symlink(&path, &link).unwrap();
        let error = SealingKeys::from_file(&link).unwrap_err();
        assert!(error.to_string().contains("regular file"), "{error}");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = SealingKeys::from_file(&path).unwrap_err();
        assert!(error.to_string().contains("0640"), "{error}");
    }
    assert!(SealingKeys::from_file(folder.path()).is_err());
}

#[test]
fn debug_shows_neither_keys_nor_plaintext() {
    let keys = keys(&[1]);
    let sealed = seal(&keys, 9);
    let record =
        countersign_store::Record::new(place(), UnixTime::from_secs(1)).with_sealed(sealed.clone());
    let shown = format!("{keys:?} {sealed:?} {record:?}");
    let line = SealingKeys::text_of([1; 32]);
    assert!(
        !shown.contains(line.reveal().trim()) && !shown.contains("plain"),
        "{shown}"
    );
}

mod stored {
    use countersign_store::seal::StoredSealError;
    use countersign_store::{Found, Kind, MemoryStore, Record, Store, Write};
    use testkit::random::SeededRandom;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const KINDS: [Kind; 2] = [Kind::SigningKey, Kind::OneTimeLink];

    fn id(number: u32) -> Key {
        Key::signing_key(&format!("kid {number:03}"))
    }

    /// 250 signing keys sealed with `keys`, and one record with nothing sealed.
    async fn filled(keys: &SealingKeys) -> MemoryStore {
        let store = MemoryStore::new();
        let mut writes = vec![Write::Insert(Record::new(Key::signing_key("bare"), NOW))];
        for number in 0..250 {
            let key = id(number);
            let nonce = *SecretHash::of(&Secret::new(key.id()))
                .to_text()
                .as_bytes()
                .first_chunk()
                .unwrap();
            let sealed = keys.seal(&key, Column::Sealed, key.id().as_bytes(), nonce);
            writes.push(Write::Insert(
                Record::new(key, NOW).with_sealed(sealed.unwrap()),
            ));
        }
        store.write(writes, NOW).await.unwrap();
        store
    }

    #[tokio::test]
    async fn f18_a_wrong_key_or_swapped_copies_are_found_before_the_start() {
        let store = filled(&keys(&[1])).await;
        let wrong = keys(&[2]).check_stored(&store, &KINDS, NOW).await;
        assert!(
            matches!(
                wrong,
                Err(StoredSealError::Unopened {
                    reason: OpenError::UnknownKey(_),
                    ..
                })
            ),
            "{wrong:?}"
        );
        let checked = keys(&[2, 1]).check_stored(&store, &KINDS, NOW).await;
        assert_eq!(checked.unwrap(), 250);

        let record = |number| {
            let store = &store;
            async move { store.get(&id(number), NOW).await.unwrap().live().unwrap() }
        };
        let (mut one, mut two) = (record(201).await, record(202).await);
        std::mem::swap(&mut one.sealed, &mut two.sealed);
        let writes = vec![Write::Replace(one), Write::Replace(two)];
        store.write(writes, NOW).await.unwrap();
        let error = keys(&[1])
            .check_stored(&store, &KINDS, NOW)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("kid 201"), "{error}");
        assert!(error.to_string().contains("the seal is broken"), "{error}");
    }

    #[tokio::test]
    async fn f18_after_a_rotation_everything_moves_to_the_newest_key() {
        let store = filled(&keys(&[1])).await;
        let rotated = keys(&[2, 1]);
        let nothing = || None;
        let failed = rotated.reseal_stored(&store, &KINDS, &nothing, NOW).await;
        assert!(matches!(failed, Err(StoredSealError::Random)));
        let random = SeededRandom::new(3);
        let draw = move || {
            let mut nonce = [0; 12];
            random.fill(&mut nonce);
            Some(nonce)
        };
        let moved = rotated.reseal_stored(&store, &KINDS, &draw, NOW).await;
        assert_eq!(moved.unwrap(), 250);
        let again = rotated.reseal_stored(&store, &KINDS, &draw, NOW).await;
        assert_eq!(again.unwrap(), 0);

        let newest = keys(&[2]);
        assert_eq!(newest.check_stored(&store, &KINDS, NOW).await.unwrap(), 250);
        for number in [0, 99, 100, 249] {
            let Found::Live(record) = store.get(&id(number), NOW).await.unwrap() else {
                panic!("{number} is gone");
            };
            let opened = newest.open(&record.key, Column::Sealed, &record.sealed.unwrap());
            assert_eq!(&*opened.unwrap(), record.key.id().as_bytes());
        }
    }
}
