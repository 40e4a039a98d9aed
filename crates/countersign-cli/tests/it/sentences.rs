//! Every mistake is one sentence on standard error, and an exit code.

use std::fs;
use std::path::Path;

use countersign::keys::KeyPair;
use countersign::oauth::jose::Algorithm;
use tempfile::TempDir;

use crate::command::{Server, folder, run, run_with_input};
use crate::mistakes::{FAILURES, USAGE};

/// A folder with everything that a mistake can be made with.
fn workbench() -> TempDir {
    let folder = folder();
    let keys = KeyPair::generate(Algorithm::ES256).unwrap();
    keys.save(folder.path()).unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = certificate.cert.pem();
    for (name, content) in [
        ("short", "short secret".as_bytes()),
        ("long", "0123456789abcdef0123456789abcdef\n".as_bytes()),
        ("empty", b"\n"),
        ("noise", b"\x80\xff\0"),
        ("huge", "a".repeat(70_000).as_bytes()),
        ("cert.pem", certificate.as_bytes()),
        ("folder/file", b""),
        ("damaged/countersign.db", &[b'x'; 200]),
        ("damaged/countersign.db.keys", &[b'A'; 43]),
        ("halved/countersign.db", b""),
    ] {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        #[cfg(unix)]
        fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    folder
}

/// The command says `sentence` and nothing else.
fn assert_told(folder: &Path, arguments: &[&str], code: i32, sentence: &str) {
    let answer = run(folder, arguments);
    assert_eq!(answer.code, code, "{arguments:?}: {}", answer.stderr);
    assert_eq!(answer.stdout, "", "{arguments:?}");
    assert_eq!(
        answer.stderr,
        format!("error: {sentence}\n"),
        "{arguments:?}"
    );
}

#[test]
fn every_mistake_is_one_sentence_and_an_exit_code() {
    let folder = workbench();
    for (mistakes, code) in [(USAGE, 2), (FAILURES, 1)] {
        for (arguments, sentence) in mistakes {
            let arguments: Vec<_> = arguments.split(' ').collect();
            assert_told(folder.path(), &arguments, code, sentence);
        }
    }
}

#[test]
fn what_is_empty_or_has_a_blank_is_refused() {
    let folder = workbench();
    let list = ["list", "http://localhost:1/mcp", "--token"];
    let token = ["token", "--key", "private.pem", "--subject"];
    for (start, rest, code, sentence) in [
        (
            &list[..],
            &["a b"][..],
            1,
            "--token: this is not one bearer token",
        ),
        (&list, &[""], 1, "--token: the token is empty"),
        (
            &token,
            &["a", "--scopes", "a b"],
            1,
            "a scope is printable ASCII without space, quote or backslash",
        ),
        (
            &token,
            &[""],
            2,
            "a value is required for '--subject <SUBJECT>' but none was supplied (see --help)",
        ),
        (
            &["serve", "--bind"],
            &[""],
            2,
            "invalid value '' for '--bind <HOST:PORT>': write host:port, for example \
             127.0.0.1:8000 (see --help)",
        ),
        (
            &["serve", "--bind", "127.0.0.1:0", "--required-scopes"],
            &["a b"],
            1,
            "required scopes: a scope is one or more visible ASCII characters without blank, \
             quote and backslash",
        ),
        (
            &["serve", "--public-key", "public.pem", "--issuer"],
            &[""],
            1,
            "public.pem: an issuer or audience is empty; remove it or set its value",
        ),
    ] {
        let arguments = [start, rest].concat();
        assert_told(folder.path(), &arguments, code, sentence);
    }
}

#[test]
fn a_busy_port_is_said_with_its_address() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let address = server.authority();
    let answer = run(folder.path(), &["serve", "--bind", &address]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        format!(
            "error: cannot listen on {address}: another program listens there: stop it or choose \
             another port\n"
        )
    );
}

#[test]
fn what_a_server_refuses_is_one_sentence_and_exit_code_4() {
    let folder = folder();
    let server = Server::with_key_pair(folder.path(), &[]);
    let mint = [
        "token",
        "--key",
        ".countersign/private.pem",
        "--subject",
        "ada",
    ];
    let token = run(folder.path(), &mint).ok();
    let expired = run(
        folder.path(),
        &[&mint[..], &["--expires-in", "-5m"]].concat(),
    )
    .ok();
    let (token, expired) = (token.trim_end(), expired.trim_end());
    let call = |arguments: &[&str]| {
        let answer = run(folder.path(), &[&["call", &server.url], arguments].concat());
        assert_eq!(answer.stdout, "");
        (answer.code, answer.stderr)
    };
    assert_eq!(
        call(&["greet", "name=x"]),
        (4, "error: the server asks for a token (HTTP 401): log in with countersign login, or pass one with --token or --token-file\n"
                .into())
    );
    let (code, sentence) = call(&["greet", "name=x", "--token", expired]);
    assert_eq!(code, 4);
    assert!(sentence.starts_with("error: the server refuses the token (HTTP 401, invalid_token)"));
    assert_eq!(
        call(&["admin_report", "--token", token]),
        (
            4,
            "error: the token lacks a scope: admin is needed (HTTP 403)\n".into()
        )
    );
    for (arguments, sentence) in [
        (&["none"][..], "Unknown tool"),
        (&["greet"], "Invalid arguments: `name` is missing"),
        (
            &["greet", "name"],
            "`name` is no argument: write name=value, or name:=json",
        ),
        (
            &["greet", "name=a", "name=b"],
            "the argument `name` is given twice",
        ),
        (&["greet", "name:=a"], "name:=a is not JSON"),
    ] {
        let (code, told) = call(&[arguments, &["--token", token]].concat());
        assert_eq!(code, 1, "{arguments:?}");
        assert!(told.starts_with(&format!("error: {sentence}")), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
}

#[test]
fn a_secret_on_standard_input_is_not_repeated() {
    let folder = folder();
    let arguments = ["list", "http://localhost:1/mcp", "--token-file", "-"];
    let answer = run_with_input(folder.path(), "canary token", &arguments);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        "error: standard input: this is not one bearer token\n"
    );
}

#[test]
fn help_goes_to_standard_output_and_says_what_the_exit_codes_mean() {
    let folder = folder();
    let help = run(folder.path(), &["--help"]).ok();
    assert!(help.contains("Exit codes:"));
    for line in [
        "serve",
        "keygen",
        "token",
        "call",
        "list",
        "users",
        "users add",
        "users passwd",
        "clients",
        "clients add",
        "clients invite",
        "grants",
        "grants revoke",
        "keys",
        "keys rotate",
        "api-keys",
        "api-keys create",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        assert!(help.contains(&format!("\n  {}", words[0])), "{line}");
        let help = run(folder.path(), &[&words[..], &["--help"]].concat()).ok();
        assert!(help.contains("Usage: countersign "), "{help}");
    }
    let nothing = run(folder.path(), &[]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""));
    assert!(nothing.stderr.contains("Usage: countersign"));
}
