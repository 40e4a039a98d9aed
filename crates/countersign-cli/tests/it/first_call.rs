//! From nothing to a tool that knows its caller.

use serde_json::{Value, json};

use crate::command::{Server, folder, run, run_with_input, shell};

fn token(folder: &std::path::Path, more: &[&str]) -> String {
    let fixed = [
        "token",
        "--key",
        ".countersign/private.pem",
        "--subject",
        "ada",
    ];
    let text = run(folder, &[&fixed, more].concat()).ok();
    text.trim_end().to_owned()
}

#[test]
fn the_two_pasted_lines_print_the_greeting() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut lines = server.printed.lines();
    let mint = lines.find(|line| line.starts_with("TOKEN=")).unwrap();
    let call = lines.next().unwrap();
    let answer = shell(folder.path(), &format!("{mint}\n{call}\n"));
    assert_eq!(
        answer.ok(),
        "Hello, World! Your userid is hello@world.com.\n"
    );
}

/// What there is to paste after the start.
fn pasted(server: &Server) -> String {
    let at = server.printed.find("TOKEN=").unwrap();
    server.printed[at..].replace("\nStop with Ctrl-C.", "")
}

#[test]
fn the_pasted_lines_name_what_differs_from_the_usual() {
    let folder = folder();
    let other = ["--issuer", "http://other's", "--audience", "else"];
    let scopes = ["--required-scopes", "a,b"];
    let keys = Server::with_key_pair(folder.path(), &[&other[..], &scopes].concat());
    let ours = Server::start(
        folder.path(),
        &[&["--data-dir", "it's here"], &scopes[..]].concat(),
    );
    for server in [keys, ours] {
        let answer = shell(folder.path(), &pasted(&server));
        assert_eq!(
            answer.ok(),
            "Hello, World! Your userid is hello@world.com.\n"
        );
    }
    assert!(folder.path().join("it's here/countersign.db").exists());
    assert!(!folder.path().join("countersign-data").exists());
}

#[test]
fn the_start_says_where_it_serves_and_which_tools() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut lines = server.printed.lines();
    assert_eq!(lines.next(), Some(&*format!("Serving at {}", server.url)));
    assert_eq!(
        lines.next(),
        Some("Available tools: greet, whoami, admin_report")
    );
    assert!(server.url.starts_with("http://localhost:") && server.url.ends_with("/mcp"));
}

/// What the README shows in its consoles is what happens.
#[test]
fn the_consoles_of_the_readme_show_the_truth() {
    let readme = include_str!("../../../../README.md");
    let blocks = readme.split("```console\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let transcript: String = blocks
        .filter(|text| text.contains("countersign call"))
        .collect();
    assert_eq!(
        transcript
            .lines()
            .filter(|line| line.starts_with("$ "))
            .count(),
        4
    );

    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let program = env!("CARGO_BIN_EXE_countersign");
    let commands = transcript
        .lines()
        .filter_map(|line| line.strip_prefix("$ "));
    let script: String = commands
        .map(|shown| {
            let typed = shown.replace("./target/release/countersign", program);
            let typed = typed.replace("http://localhost:8000/mcp", &server.url);
            // The README is about the usual port.
            let elsewhere = format!(" token --audience {} ", server.url);
            let typed = typed.replace(" token ", &elsewhere);
            format!("echo '$ {shown}'\n{typed}\n")
        })
        .collect();
    let answer = shell(folder.path(), &format!("exec 2>&1\n{script}"));
    assert_eq!(answer.stdout, transcript);
}

#[test]
fn whoami_answers_with_what_the_token_says() {
    let folder = folder();
    let server = Server::with_key_pair(folder.path(), &[]);
    let token = token(folder.path(), &["--scopes", "read,admin"]);
    let answer = run(
        folder.path(),
        &["call", &server.url, "whoami", "--token", &token, "--json"],
    );
    let mut answer: Value = serde_json::from_str(&answer.ok()).unwrap();
    let expires_at = answer.as_object_mut().unwrap().remove("expires_at");
    assert!(expires_at.unwrap().as_u64().unwrap() > 1_700_000_000);
    assert_eq!(
        answer,
        json!({
            "authenticated": true, "subject": "ada", "issuer": "http://localhost:8000",
            "client_id": "countersign-test", "scopes": ["admin", "read"],
        })
    );
}

#[test]
fn a_token_from_a_file_or_from_standard_input_does_as_well() {
    let folder = folder();
    let server = Server::with_key_pair(folder.path(), &[]);
    let token = token(folder.path(), &[]);
    std::fs::write(folder.path().join("token.txt"), format!("{token}\n")).unwrap();
    let call = ["call", &server.url, "greet", "name=you", "--token-file"];
    let from_file = run(folder.path(), &[&call[..], &["token.txt"]].concat());
    let from_input = run_with_input(folder.path(), &token, &[&call[..], &["-"]].concat());
    assert_eq!(from_file.ok(), "Hello, you! Your userid is ada.\n");
    assert_eq!(from_input.ok(), "Hello, you! Your userid is ada.\n");
}

#[test]
fn a_list_shows_what_the_caller_may_use_and_how_to_get_in() {
    let folder = folder();
    let server = Server::with_key_pair(folder.path(), &[]);
    let tools = |scopes: &[&str]| {
        let token = token(folder.path(), scopes);
        let listed = run(
            folder.path(),
            &["list", &server.url, "--token", &token, "--json"],
        )
        .ok();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["authentication"]["guard"], "required");
        assert_eq!(listed["authentication"]["resource"], *server.url);
        assert_eq!(listed["authentication"]["resource_matches"], true);
        assert_eq!(
            listed["authentication"]["authorization_servers"],
            json!(["http://localhost:8000"])
        );
        assert_eq!(listed["protocol_version"], "2026-07-28");
        let tools = listed["tools"].as_array().unwrap().iter();
        tools
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(tools(&[]), ["greet", "whoami"]);
    assert_eq!(
        tools(&["--scopes", "admin"]),
        ["greet", "whoami", "admin_report"]
    );

    let shut_out = run(folder.path(), &["list", &server.url]);
    assert_eq!(shut_out.code, 4);
    assert!(
        shut_out
            .stdout
            .starts_with("Authentication: a bearer token is needed\n")
    );
    assert!(
        shut_out
            .stdout
            .contains("issuer    http://localhost:8000\n")
    );
}

#[test]
fn m_16_without_authentication_everybody_is_greeted_and_a_warning_is_printed() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--no-auth"]);
    assert!(server.printed.contains("Available tools: greet, whoami\n"));
    let answer = run(folder.path(), &["call", &server.url, "greet", "name=you"]);
    assert_eq!(answer.ok(), "Hello, you! I do not know who you are.\n");
    let listed = run(folder.path(), &["list", &server.url]).ok();
    assert!(listed.contains("Authentication: none\n"), "{listed}");
    assert!(!folder.path().join("countersign-data").exists());
    let (code, logs) = server.signal("-INT");
    assert_eq!(code, Some(0));
    assert!(
        logs.contains("WARNING: no authentication: every program on this machine"),
        "{logs}"
    );
}

#[test]
fn a_signal_to_stop_ends_the_server_well() {
    for signal in ["-INT", "-TERM"] {
        let folder = folder();
        let keys = Server::with_key_pair(folder.path(), &[]);
        let ours = Server::start(folder.path(), &[]);
        for server in [keys, ours] {
            let (code, _) = server.signal(signal);
            assert_eq!(code, Some(0), "{signal}");
        }
    }
}
