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
