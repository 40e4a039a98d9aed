//! What is kept on this machine, as `whoami` and `tokens` show it.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret, UnixTime};
use countersign::oauth_client::{FileStore, StoredTokens, TokenKey, TokenStore as _, TokenType};
use serde_json::{Value, json};

use crate::command::{Login, Output, Server, folder, run, run_with_input};
use crate::person::Browser;

const PASSWORD: &str = "correct horse battery";
const CANARY: &str = "canary";
const FAR: UnixTime = UnixTime::from_secs(4_000_000_000);

/// Keeps tokens for `server` in the store of `home`.
async fn keep(home: &Path, server: &str, change: impl FnOnce(&mut StoredTokens)) {
    let key = TokenKey::new(
        Issuer::parse("https://as.example.com").unwrap(),
        ResourceUri::parse(server).unwrap(),
        ClientId::parse("a-client").unwrap(),
    );
    let mut tokens = StoredTokens::new(
        Secret::new(format!("{CANARY}-access")),
        TokenType::Bearer,
        ScopeSet::parse("notes notes:delete").unwrap(),
        UnixTime::from_secs(1_770_487_537),
    );
    tokens.expires_at = Some(FAR);
    change(&mut tokens);
    let store = FileStore::new(home.join("tokens"));
    let mut guard = store.exclusive(&key).await.unwrap();
    guard.put(&tokens).await.unwrap();
}

fn json_of(home: &Path, arguments: &[&str]) -> Value {
    let printed = run(home, &[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&printed).unwrap()
}

fn assert_is_quiet(told: &Output) {
    let all = format!("{}{}", told.stdout, told.stderr);
    assert!(!all.contains(CANARY), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_asks_the_server_and_says_whom_it_takes_the_login_for() {
    let (place, home) = (folder(), folder());
    let add = ["users", "add", "ada"];
    let added = run_with_input(place.path(), &format!("{PASSWORD}\n"), &add).ok();
    let server = Server::start(place.path(), &[]);
    let (home, url) = (home.path(), server.url.clone());
    let mut login = Login::start(home, &["login", &url, "--no-browser"]);
    let mut browser = Browser::at(&server);
    let page = browser.open(&login.address()).await;
    let typed = [("name", "ada"), ("password", PASSWORD)];
    let consent = browser.submit(&page, "/login", &typed).await;
    let left = browser
        .submit(&consent, "/consent", &[("decision", "allow")])
        .await;
    login.type_in(&left.location.unwrap());
    assert_eq!(login.finished().code, 0);

    let told = run(home, &["whoami", &url]).ok();
    let person = told
        .lines()
        .find_map(|line| line.strip_prefix("  person  "));
    let person = person.unwrap().split(',').next().unwrap();
    assert!(added.contains(person), "{added}: {told}");
    assert!(told.contains("\n  server  accepts this login\n"), "{told}");
    assert!(
        told.contains("\n  proof   none: whoever has the token"),
        "{told}"
    );
    assert!(told.contains("refreshed by itself"), "{told}");
    let known = json_of(home, &["whoami", &url]);
    assert_eq!(
        (&known["accepted"], &known["person"]),
        (&json!(true), &json!(person))
    );
    assert_eq!(known["is_bound_to_key"], false);

    // Nobody is asked, and a server that is gone is said to be.
    assert_eq!(server.signal("-INT").0, Some(0));
    let known = json_of(home, &["whoami", &url, "--offline"]);
    assert_eq!(
        (&known["accepted"], &known["person"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(known["server"], *url);
    let told = run(home, &["whoami", &url]);
    assert_eq!(told.code, 1);
    assert!(
        told.stdout
            .contains("does not accept this login, or cannot be asked")
    );
    assert_eq!(
        told.stderr,
        "error: cannot reach the server: nobody listens there (connection refused)\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_the_server_refuses_is_said_to_be_over() {
    let (place, home) = (folder(), folder());
    let server = Server::start(place.path(), &[]);
    let (home, url) = (home.path(), server.url.as_str());
    keep(home, url, |_| {}).await;
    for arguments in [
        &["whoami", url][..],
        &["call", url, "whoami"],
        &["list", url],
    ] {
        let told = run(home, arguments);
        assert_eq!(told.code, 1, "{arguments:?}");
        assert_eq!(
            told.stderr,
            format!(
                "error: {url} asks for a login, and nobody is here to ask: log in with countersign \
                 login\n"
            )
        );
        assert_is_quiet(&told);
    }
    let known = run(home, &["whoami", url, "--json"]);
    let known: Value = serde_json::from_str(&known.stdout).unwrap();
    assert_eq!(known["accepted"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_whole_and_shown_without_themselves() {
    let home = folder();
    let home = home.path();
    let long = format!("https://mcp.example.com/{}", "long/".repeat(60));
    let bound = "https://bound.example.com/mcp";
    keep(home, &long, |tokens| {
        tokens.refresh_token = Some(Secret::new(format!("{CANARY}-refresh")));
    })
    .await;
    keep(home, bound, |tokens| {
        tokens.token_type = TokenType::Dpop;
        tokens.dpop_key = Some(Secret::new(format!("{CANARY}-key")));
        tokens.scopes = ScopeSet::default();
        tokens.expires_at = None;
    })
    .await;

    let listed = run(home, &["tokens", "list"]);
    assert_is_quiet(&listed);
    let listed = listed.ok();
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    let columns: Vec<_> = ["SERVER", "ISSUER", "SCOPES", "ENDS (UTC)", "REFRESHED"]
        .map(|name| lines[0].find(name).unwrap())
        .into();
    for (line, cells) in [
        (lines[1], [bound, "https://as.example.com", "-", "-", "no"]),
        (
            lines[2],
            [
                &long,
                "https://as.example.com",
                "notes notes:delete",
                "2096-10-02 07:06",
                "yes",
            ],
        ),
    ] {
        for (column, cell) in columns.iter().zip(cells) {
            assert!(line[*column..].starts_with(cell), "{cell}: {line}");
        }
    }

    let shown = run(home, &["tokens", "show", bound]);
    assert_is_quiet(&shown);
    for row in [
        "type           DPoP",
        "key            kept, 10 characters",
        "scopes         -",
    ] {
        assert!(shown.stdout.contains(row), "{row}: {}", shown.stdout);
    }
    let known = json_of(home, &["tokens", "show", &long]);
    assert_eq!(
        known,
        json!([{
            "server": long, "issuer": "https://as.example.com", "client_id": "a-client",
            "scopes": ["notes", "notes:delete"], "token_type": "Bearer",
            "obtained_at": 1_770_487_537, "expires_at": 4_000_000_000_u64,
            "has_refresh_token": true, "is_bound_to_key": false,
        }])
    );
    assert_eq!(
        json_of(home, &["tokens", "list"]).as_array().unwrap().len(),
        2
    );
}

/// The files of the records in `home`.
fn records(home: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(home.join("tokens")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| is_record(file)).collect();
    files.sort();
    files
}

fn is_record(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy();
    name.starts_with("tokens") && !name.ends_with(".lock")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_passed_over_with_a_warning() {
    let (home, other) = (folder(), folder());
    let (home, other) = (home.path(), other.path());
    let (one, two) = ("https://one.example.com/mcp", "https://two.example.com/mcp");
    for server in [one, two] {
        keep(home, server, |_| {}).await;
    }
    keep(other, one, |_| {}).await;
    let files = records(home);
    assert_eq!(files.len(), 2, "{files:?}");
    let whole = fs::read(&files[0]).unwrap();

    // One that is cut, one that is empty, and one that is longer than it was.
    for damage in [&whole[..whole.len() / 2], &[], &[&whole[..], b"x"].concat()] {
        fs::write(&files[0], damage).unwrap();
        let told = run(home, &["tokens", "list"]);
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert_eq!(told.stdout.lines().count(), 2, "{}", told.stdout);
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
        assert!(told.stderr.starts_with("warning: "), "{}", told.stderr);
    }
    fs::write(&files[0], &whole).unwrap();
    assert_eq!(
        json_of(home, &["tokens", "list"]).as_array().unwrap().len(),
        2
    );

    // A store that was made with another key, or has lost its own.
    let key = |home: &Path| {
        let files = fs::read_dir(home.join("tokens")).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files.find(|file| file.ends_with("key")).unwrap()
    };
    fs::copy(key(other), key(home)).unwrap();
    let stranger = run(home, &["tokens", "list"]);
    fs::remove_file(key(home)).unwrap();
    let keyless = run(home, &["tokens", "list"]);
    for told in [stranger, keyless] {
        assert_eq!((told.code, told.stdout.as_str()), (0, ""));
        let lines: Vec<_> = told.stderr.lines().collect();
        let (none, warnings) = lines.split_last().unwrap();
        assert_eq!(
            (*none, warnings.len()),
            ("There are no tokens.", 2),
            "{lines:?}"
        );
        assert!(
            warnings.iter().all(|line| line.starts_with("warning: ")),
            "{lines:?}"
        );
    }
    let told = run(home, &["whoami", one]);
    assert_eq!((told.code, told.stdout.as_str()), (1, ""));
    let expected =
        format!("error: nobody is logged in at {one}: log in with: countersign login {one}");
    assert_eq!(told.stderr.lines().last().unwrap(), expected);
}

#[test]
fn a_folder_that_cannot_be_a_store_is_one_sentence() {
    let home = folder();
    fs::write(home.path().join("file"), "").unwrap();
    for arguments in [
        &["tokens", "list", "--store", "file"][..],
        &["whoami", "https://a.test/mcp", "--store", "file"],
        &["logout", "--all", "--store", "file/x"],
    ] {
        let told = run(home.path(), arguments);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
        assert!(
            told.stderr
                .starts_with("error: the token store cannot be used: "),
            "{}",
            told.stderr
        );
    }
}
