//! The lines with which clients learn of a server.

use serde_json::Value;

use crate::command::{folder, run};

fn lines(options: &[&str]) -> Vec<(String, String)> {
    let told = run(
        folder().path(),
        &[&["install"], options, &["--json"]].concat(),
    )
    .ok();
    let told: Vec<Value> = serde_json::from_str(&told).unwrap();
    let text = |line: &Value, member: &str| line[member].as_str().unwrap().to_owned();
    let pairs = told
        .iter()
        .map(|line| (text(line, "client"), text(line, "line")));
    pairs.collect()
}

#[test]
fn each_client_has_one_line() {
    let told = lines(&["https://mcp.example.com/mcp"]);
    let name = "mcp-example-com";
    let url = "https://mcp.example.com/mcp";
    for (client, line) in [
        (
            "Claude Code",
            format!("claude mcp add --transport http {name} {url}"),
        ),
        ("Codex", format!("codex mcp add {name} --url {url}")),
        (
            "Gemini CLI",
            format!("gemini mcp add --transport http {name} {url}"),
        ),
        (
            "VS Code",
            format!(r#"code --add-mcp '{{"name":"{name}","type":"http","url":"{url}"}}'"#),
        ),
    ] {
        assert!(
            told.contains(&(client.to_owned(), line.clone())),
            "{line}: {told:?}"
        );
    }
    let shown = run(folder().path(), &["install", url]).ok();
    assert_eq!(shown.lines().count(), told.len());
    for (client, line) in &told {
        assert!(shown.contains(client) && shown.contains(line), "{shown}");
    }
}

#[test]
fn the_link_of_cursor_carries_the_address() {
    let told = lines(&["http://localhost:8000/mcp?a=1&b=2", "--name", "notes"]);
    let (_, link) = told.iter().find(|(client, _)| client == "Cursor").unwrap();
    let link = url::Url::parse(link).unwrap();
    let of = |name: &str| {
        let mut pairs = link.query_pairs();
        pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    assert_eq!(of("name"), "notes");
    // {"url":"http://localhost:8000/mcp?a=1&b=2"}
    assert_eq!(
        of("config"),
        "eyJ1cmwiOiJodHRwOi8vbG9jYWxob3N0OjgwMDAvbWNwP2E9MSZiPTIifQ=="
    );
    let (_, line) = told.iter().find(|(client, _)| client == "Codex").unwrap();
    assert!(
        line.ends_with("'http://localhost:8000/mcp?a=1&b=2'"),
        "{line}"
    );
}

#[test]
fn i16_names_and_addresses_that_could_be_more_than_that_are_refused() {
    let folder = folder();
    for name in [
        "a b", "$(id)", "`id`", "a;id", "a|b", "a&b", "a'b", "a\"b", "a\\b", "a\nb", "--help",
        "-x", "../a", "a/b", ".", "", "é",
    ] {
        let option = format!("--name={name}");
        let told = run(folder.path(), &["install", "https://a.test/mcp", &option]);
        assert_eq!((told.code, &*told.stdout), (1, ""), "{name:?}");
        assert!(
            told.stderr.starts_with("error: the name of a server"),
            "{}",
            told.stderr
        );
    }
    for url in [
        "https://a.test/$(id)",
        "https://a.test/`id`",
        "https://a.test/;id",
        "https://a.test/'id'",
        "https://a.test/\"id\"",
        "https://a.test/ id",
        "https://a.test/\nid",
        "https://a.test/|id",
        "https://a.test/\\id",
        "https://user:canary@a.test/mcp",
        "https://a.test/#x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "a.test/mcp",
    ] {
        let told = run(folder.path(), &["install", url]);
        assert_eq!((told.code, &*told.stdout), (1, ""), "{url:?}");
        assert!(
            told.stderr.starts_with("error: the address "),
            "{}",
            told.stderr
        );
        assert!(!told.stderr.contains("canary"));
    }
}
