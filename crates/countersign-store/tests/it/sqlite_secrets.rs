//! What somebody finds who has stolen the files.

use std::fs;

use countersign_oauth::{Lifetime, Secret};
use countersign_store::contract::{STANDARD_NOW, grant};
use countersign_store::{
    Column, CounterKey, GrantId, Key, Record, SealingKeys, SecretHash, SqliteStore, Store, Write,
};

/// What must not be found, in clear or in an encoding that is as good.
const CANARIES: [&str; 8] = [
    "canary-code-5gQ",
    "canary-refresh-5gQ",
    "canary-access-5gQ",
    "canary-cookie-5gQ",
    "canary-client-secret-5gQ",
    "canary-private-key-5gQ",
    "canary-receipt-5gQ",
    "canary-address-5gQ",
];

#[tokio::test]
async fn h9_no_secret_is_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let [
        code,
        refresh,
        access,
        cookie,
        client_secret,
        private,
        receipt,
        address,
    ] = CANARIES;
    let hash = |text: &str| SecretHash::of(&Secret::new(text));
    let keys = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let end = STANDARD_NOW.saturating_add(Lifetime::from_secs(60));
    let hanging = |key: Key| {
        Record::new(key, STANDARD_NOW)
            .in_grant(GrantId::new("g"))
            .expiring(end)
    };

    let kid = Key::signing_key("kid");
    let sealed = keys
        .seal(&kid, Column::Sealed, private.as_bytes(), [1; 12])
        .unwrap();
    let code = Key::authorization_code(hash(code));
    let records = [
        grant("g"),
        hanging(code.clone()),
        hanging(Key::access_token(hash(access))),
        Record::new(Key::browser_session(hash(cookie)), STANDARD_NOW),
        Record::new(Key::client(&"client".into()), STANDARD_NOW)
            .with_body(&hash(client_secret))
            .unwrap(),
        Record::new(kid, STANDARD_NOW).with_sealed(sealed),
    ];
    store
        .write(records.map(Write::Insert).into(), STANDARD_NOW)
        .await
        .unwrap();
    let receipt = keys
        .seal(&code, Column::Receipt, receipt.as_bytes(), [2; 12])
        .unwrap();
    let successor = hanging(Key::refresh_token(hash(refresh)));
    store
        .redeem(
            &code,
            vec![Write::Insert(successor)],
            Some(receipt),
            STANDARD_NOW,
        )
        .await
        .unwrap();
    let counter = CounterKey::new("login", &[address]);
    store
        .hit(&counter, Lifetime::from_secs(60), STANDARD_NOW)
        .await
        .unwrap();

    // While it is open, with its log, and after it was closed.
    let mut searched = search(&data);
    store.close().await;
    searched += search(&data);
    assert!(searched > 20_000, "only {searched} bytes were searched");
}

fn search(folder: &std::path::Path) -> usize {
    let mut searched = 0;
    let mut found_client = false;
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        searched += bytes.len();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        found_client |= holds(b"client");
        for canary in CANARIES {
            assert!(!holds(canary.as_bytes()), "{canary} is there");
            let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!holds(hex.as_bytes()), "{canary} is there in hexadecimal");
            let core = &canary[7..canary.len() - 4];
            assert!(!holds(core.as_bytes()) || core.len() < 8, "{core} is there");
        }
    }
    assert!(found_client, "the search finds nothing at all");
    searched
}
