//! Client ID metadata documents, made and checked.

use serde_json::{Value, json};

use crate::command::{folder, run};

const URL: &str = "https://app.example.com/client.json";

fn created(options: &[&str]) -> String {
    let start = ["cimd", "create", URL, "--name", "My app"];
    run(folder().path(), &[&start, options].concat()).ok()
}

#[test]
fn cl_09_a_document_that_is_made_is_one_that_is_accepted() {
    let folder = folder();
    for options in [
        &[][..],
        &["--redirect-uri", "https://app.example.com/callback"],
        &[
            "--scope",
            "notes notes:delete",
            "--client-uri",
            "https://app.example.com/about",
        ],
        &["--jwks-uri", "https://app.example.com/keys.json"],
        &["--logo-uri", "https://app.example.com/logo.png"],
    ] {
        let text = created(options);
        std::fs::write(folder.path().join("client.json"), &text).unwrap();
        let told = run(folder.path(), &["cimd", "validate", "client.json"]).ok();
        assert!(
            told.starts_with(&format!("The document of {URL} is valid.\n")),
            "{told}"
        );
        assert!(told.contains("My app"), "{told}");
        let seen = run(
            folder.path(),
            &["cimd", "validate", "client.json", "--json"],
        )
        .ok();
        let (made, seen): (Value, Value) = (
            serde_json::from_str(&text).unwrap(),
            serde_json::from_str(&seen).unwrap(),
        );
        assert_eq!(made["redirect_uris"], seen["redirect_uris"]);
        assert_eq!(made["client_id"], URL);
    }
    let native: Value = serde_json::from_str(&created(&[])).unwrap();
    assert_eq!(native["application_type"], "native");
    assert_eq!(native["token_endpoint_auth_method"], "none");
    let keys = created(&["--jwks-uri", "https://app.example.com/keys.json"]);
    let keys: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys["token_endpoint_auth_method"], "private_key_jwt");
}

#[test]
fn cl_09_a_document_that_no_server_would_take_is_refused_in_one_sentence() {
    let folder = folder();
    let good: Value = serde_json::from_str(&created(&[])).unwrap();
    let with = |name: &str, value: Value| {
        let mut document = good.clone();
        document[name] = value;
        document.to_string()
    };
    for (text, sentence) in [
        ("no JSON".to_owned(), "cannot be read"),
        ("{}".to_owned(), "has no client_id"),
        (
            with("client_id", json!("http://app.example.com/client.json")),
            "cannot be the id",
        ),
        (
            with("client_id", json!("https://app.example.com/")),
            "cannot be the id",
        ),
        (
            with("client_id", json!("https://10.0.0.1/client.json")),
            "cannot be the id",
        ),
        (with("client_name", json!(null)), "has no client_name"),
        (with("client_secret", json!("s")), "has a client secret"),
        (with("redirect_uris", json!([])), "redirect"),
        (
            with("redirect_uris", json!(["javascript:alert(1)"])),
            "redirect",
        ),
        (
            with("redirect_uris", json!(["http://app.example.com/callback"])),
            "redirect",
        ),
        (
            with("token_endpoint_auth_method", json!("client_secret_basic")),
            "auth_method",
        ),
        (
            with("padding", json!("x".repeat(6_000))),
            "larger than 5 KiB",
        ),
    ] {
        std::fs::write(folder.path().join("client.json"), &text).unwrap();
        let told = run(folder.path(), &["cimd", "validate", "client.json"]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{text}");
        assert!(
            told.stderr.contains(sentence),
            "{sentence}: {}",
            told.stderr
        );
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    }
    for (url, option, value) in [
        ("http://app.example.com/client.json", "--scope", "a"),
        ("https://app.example.com/", "--scope", "a"),
        (URL, "--redirect-uri", "javascript:alert(1)"),
        (URL, "--client-uri", "javascript:alert(1)"),
        (URL, "--jwks-uri", "http://app.example.com/keys"),
        (URL, "--scope", "a  b"),
    ] {
        let told = run(
            folder.path(),
            &["cimd", "create", url, "--name", "My app", option, value],
        );
        assert_eq!(
            (told.code, told.stdout.as_str()),
            (1, ""),
            "{url} {option} {value}"
        );
    }
}

#[test]
fn cl_42_a_document_is_asked_for_only_where_a_server_would() {
    for url in [
        "http://app.example.com/client.json",
        "https://10.0.0.1/client.json",
        "file:///etc/passwd",
        "ftp://app.example.com/client.json",
    ] {
        let told = run(folder().path(), &["cimd", "validate", url]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{url}");
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
        assert!(!told.stderr.contains("root:"), "{}", told.stderr);
    }
}
