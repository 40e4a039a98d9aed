//! Accounts, clients, grants and keys at the command, without a server.

use serde_json::{Value, json};

use crate::command::{folder, run, run_with_input};

#[test]
fn accounts_are_added_listed_disabled_and_deleted() {
    let folder = folder();
    let users = |rest: &[&str]| run(folder.path(), &[&["users"], rest].concat());
    let add = |name: &str| run_with_input(folder.path(), "12345678\n", &["users", "add", name]);
    assert!(add("Ada").ok().starts_with("ada can log in now."));
    assert_eq!(
        add("ada").stderr,
        "error: there is an account ada already\n"
    );
    add("bob@example.com").ok();
    assert_eq!(
        users(&["disable", "bob"]).stderr,
        "error: there is no account bob: countersign users list shows those there are\n"
    );
    users(&["disable", "bob@example.com"]).ok();
    let printed = users(&["list"]).ok();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 3, "{printed}");
    assert!(lines[0].starts_with("NAME             STATE     SINCE (UTC)       SUBJECT"));
    assert!(
        lines[1].starts_with("ada              enabled   20"),
        "{printed}"
    );
    assert!(
        lines[2].starts_with("bob@example.com  disabled  20"),
        "{printed}"
    );

    let listed: Value = serde_json::from_str(&users(&["list", "--json"]).ok()).unwrap();
    let names = |listed: &Value| {
        let users = listed.as_array().unwrap().iter();
        let users = users.map(|user| (user["name"].clone(), user["disabled"].clone()));
        users.collect::<Vec<_>>()
    };
    assert_eq!(
        names(&listed),
        [
            (json!("ada"), json!(false)),
            (json!("bob@example.com"), json!(true))
        ]
    );
    users(&["delete", "ada"]).ok();
    assert_eq!(users(&["delete", "ada"]).code, 1);
    let enabled: Value =
        serde_json::from_str(&users(&["enable", "bob@example.com", "--json"]).ok()).unwrap();
    assert_eq!(enabled["disabled"], false);
    let listed: Value = serde_json::from_str(&users(&["list", "--json"]).ok()).unwrap();
    assert_eq!(names(&listed), [(json!("bob@example.com"), json!(false))]);
}

#[test]
fn h6_a_password_comes_from_a_file_or_standard_input_and_is_one_line() {
    let folder = folder();
    let add = |input: &str, rest: &[&str]| {
        run_with_input(
            folder.path(),
            input,
            &[&["users", "add", "ada"], rest].concat(),
        )
    };
    for (input, sentence) in [
        ("", "standard input: the password is empty"),
        ("\n", "standard input: the password is empty"),
        (
            "1234567\n",
            "standard input: a password has at least 8 characters",
        ),
        (
            "12345678\n12345678\n",
            "standard input: the password is longer than one line",
        ),
    ] {
        let answer = add(input, &[]);
        assert_eq!(
            (answer.code, answer.stderr),
            (1, format!("error: {sentence}\n"))
        );
    }
    let missing = add("12345678", &["--password-file", "none"]);
    assert_eq!(
        missing.stderr,
        "error: none: there is no such file or folder\n"
    );
    std::fs::write(folder.path().join("p"), "from a file\r\n").unwrap();
    let added = add("", &["--password-file", "p"]).ok();
    assert!(!added.contains("from a file"), "{added}");
    let files = std::fs::read_dir(folder.path().join("countersign-data")).unwrap();
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"from a file"));
    }
}

#[test]
fn clients_are_added_with_a_secret_that_is_shown_once() {
    let folder = folder();
    let clients = |rest: &[&str]| run(folder.path(), &[&["clients"], rest].concat());
    let printed = clients(&[
        "add",
        "--name",
        "Our app",
        "--redirect-uri",
        "https://app.test/cb",
    ])
    .ok();
    assert!(printed.starts_with("The client Our app is registered.\n\n  client_id      "));
    assert!(!printed.contains("client_secret"), "{printed}");

    let redirect = [
        "--redirect-uri",
        "https://a.test/cb",
        "--redirect-uri",
        "https://b.test/cb",
    ];
    let add = [
        "add",
        "--name",
        "Web",
        "--authentication",
        "client_secret_basic",
    ];
    let printed = clients(&[&add[..], &redirect].concat()).ok();
    let value = |name: &str| {
        let (_, rest) = printed.split_once(name).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (id, secret) = (value("client_id "), value("client_secret "));
    assert_eq!(secret.len(), 43);

    let listed = clients(&["list"]).ok();
    let line = listed.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(line.contains("  Web  "), "{line}");
    assert!(line.contains("  added here "), "{line}");
    assert!(
        line.contains("  client_secret_basic  a.test b.test  20"),
        "{line}"
    );
    let shown = clients(&["show", &id]).ok();
    assert!(shown.contains("redirect_uris               https://a.test/cb https://b.test/cb\n"));
    assert!(!format!("{listed}{shown}").contains(&secret));

    assert!(
        clients(&["delete", &id])
            .ok()
            .starts_with("The client Web (")
    );
    assert_eq!(
        clients(&["show", &id]).stderr,
        format!("error: there is no client {id}: countersign clients list shows those there are\n")
    );
}

#[test]
fn clients_that_could_not_work_are_refused() {
    let folder = folder();
    let add = |rest: &[&str]| {
        run(
            folder.path(),
            &[&["clients", "add", "--name", "x"], rest].concat(),
        )
    };
    std::fs::write(folder.path().join("jwks"), "[").unwrap();
    std::fs::write(folder.path().join("empty"), r#"{"keys":[]}"#).unwrap();
    let credentials = "--client-credentials";
    for (arguments, sentence) in [
        (
            &["--redirect-uri", "http://a.test/cb"][..],
            "a redirect URI must use https; http is only for 127.0.0.1, [::1] and localhost",
        ),
        (
            &[credentials, "--authentication", "none"],
            "--client-credentials needs a client that proves who it is: leave out --authentication none",
        ),
        (
            &[credentials, "--authentication", "private_key_jwt"],
            "private_key_jwt and its keys go together: say --authentication private_key_jwt and --jwks-file or --jwks-uri",
        ),
        (
            &[credentials, "--jwks-uri", "https://a.test/jwks"],
            "private_key_jwt and its keys go together: say --authentication private_key_jwt and --jwks-file or --jwks-uri",
        ),
        (
            &[
                credentials,
                "--authentication",
                "private_key_jwt",
                "--jwks-file",
                "jwks",
            ],
            "jwks: this is not JSON: EOF while parsing a list at line 1 column 1",
        ),
        (
            &[
                credentials,
                "--authentication",
                "private_key_jwt",
                "--jwks-file",
                "empty",
            ],
            "jwks must have 1 to 20 public keys that are fit for signatures",
        ),
        (
            &[credentials, "--scopes", "a b"],
            "--scopes: a scope is one or more visible ASCII characters without blank, quote and backslash",
        ),
        (
            &[
                "--redirect-uri",
                "https://a.test/cb",
                "--introspects",
                "https://rs.test/mcp",
            ],
            "--introspects needs a client that proves who it is: say --authentication client_secret_basic",
        ),
        (
            &[credentials, "--introspects", "rs"],
            "--introspects rs: not an absolute URL",
        ),
    ] {
        let answer = add(arguments);
        assert_eq!(
            (answer.code, answer.stderr),
            (1, format!("error: {sentence}\n")),
            "{arguments:?}"
        );
    }
}

#[test]
fn keys_are_rotated_with_overlap() {
    let folder = folder();
    let keys = |rest: &[&str]| run(folder.path(), &[&["keys"], rest].concat());
    let rotated = keys(&["rotate"]).ok();
    let listed: Value = serde_json::from_str(&keys(&["list", "--json"]).ok()).unwrap();
    let states = |listed: &Value| {
        let keys = listed.as_array().unwrap().iter();
        let keys = keys.map(|key| key["state"].as_str().unwrap().to_owned());
        keys.collect::<Vec<_>>()
    };
    // On nothing, a key that signs is made first.
    assert_eq!(states(&listed), ["signs", "next"]);
    assert!(rotated.starts_with(&format!(
        "The new key {} signs from 20",
        listed[1]["kid"].as_str().unwrap()
    )));
    assert!(listed[0]["published_until"].as_u64() > listed[1]["signs_from"].as_u64());
    assert_eq!(listed[1]["published_until"], Value::Null);
    let printed = keys(&["list"]).ok();
    assert_eq!(printed.lines().count(), 3, "{printed}");
}

#[test]
fn test_tokens_are_grants_that_can_be_revoked() {
    let folder = folder();
    run(folder.path(), &["keys", "rotate"]).ok();
    let mint = ["token", "--subject", "hello@world.com", "--scopes", "a,b"];
    let token = run(folder.path(), &mint).ok();
    assert_eq!(token.trim_end().split('.').count(), 3);
    run(folder.path(), &["token", "--subject", "other"]).ok();

    let grants = |rest: &[&str]| run(folder.path(), &[&["grants"], rest].concat());
    let listed: Value = serde_json::from_str(&grants(&["list", "--json"]).ok()).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let listed = grants(&["list", "--user", "hello@world.com", "--json"]).ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["subject"], "hello@world.com");
    assert_eq!(listed[0]["scope"], "a b");
    assert_eq!(listed[0]["resource"], "http://localhost:8000/mcp");
    let id = listed[0]["id"].as_str().unwrap();

    let unknown = grants(&["revoke", id, "ffff"]);
    assert_eq!(
        unknown.stdout,
        "1 grant is revoked: none of its tokens is accepted any more.\n"
    );
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (
            1,
            "error: there is no grant ffff that counts: countersign grants list shows those there are\n"
        )
    );
    assert_eq!(grants(&["revoke", id]).code, 1);
    let rest = grants(&["revoke", "--client", "countersign-token"]).ok();
    assert_eq!(
        rest,
        "1 grant is revoked: none of its tokens is accepted any more.\n"
    );
    let nothing = grants(&["revoke", "--user", "other"]);
    assert_eq!(
        (nothing.code, nothing.stderr.as_str()),
        (
            1,
            "error: there is nothing to revoke: countersign grants list shows what there is\n"
        )
    );
    let empty = grants(&["list"]);
    assert_eq!(
        (empty.stdout.as_str(), empty.stderr.as_str()),
        ("", "There are no grants.\n")
    );
}
