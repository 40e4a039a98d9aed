//! `countersign policy`, and rules of a server that is told to read them again.

use serde_json::{Value, json};
use testkit::{Http, ModernClient, TestIssuer, TestKey};

use crate::command::{Server, folder, run};

const POLICY: &str = r#"
default = "scopes"
issuer = "http://localhost:8000"

[roles.support]
members = [{ subject = "alice" }]

[roles.admin]
claim = "groups"
any = ["admins"]
includes = ["support"]

[[rules]]
name = "support reads tickets"
effect = "allow"
who = { role = "support" }
what = { tools = ["ticket_*"] }

[[rules]]
name = "admins manage users"
effect = "allow"
who = { role = "admin", scope = "admin:write" }
what = { tools = ["delete_user"] }

[[rules]]
name = "trial accounts delete nothing"
effect = "deny"
who = { scope = "trial" }
what = { tools = ["delete_*"] }
"#;

#[test]
fn what_cannot_be_explained_is_refused_with_what_to_write() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("policy.toml", POLICY);
    write("bad.toml", "default = \"deny\"\n[[rules]]\nnmae = \"x\"\n");
    let two = POLICY.replace(
        "subject = \"alice\"",
        "subject = \"alice\", issuer = \"https://b.test\"",
    );
    write("two.toml", &two);
    for (arguments, told) in [
        (&["explain"] as &[&str], "--method"),
        (
            &["explain", "--tool", "x", "--resource", "y"],
            "cannot be used with",
        ),
        (&["explain", "--scope", "x", "--tool", "y"], "--subject"),
        (
            &["explain", "--tool", "x", "--policy", "none.toml"],
            "none.toml: there is no such file",
        ),
        (
            &["explain", "--tool", "x", "--policy", "bad.toml"],
            "bad.toml: line 3: rules.0.nmae",
        ),
        (
            &[
                "explain",
                "--subject",
                "alice",
                "--tool",
                "x",
                "--policy",
                "two.toml",
            ],
            "say with --issuer which of http://localhost:8000, https://b.test",
        ),
        (
            &["explain", "--subject", "a", "--role", "boss", "--tool", "x"],
            "there is no role boss: there are admin, support",
        ),
        (
            &["explain", "--subject", "a", "--claim", "x", "--tool", "x"],
            "such as groups=admins",
        ),
        (
            &[
                "explain",
                "--subject",
                "a",
                "--scope",
                "a\"b",
                "--tool",
                "x",
            ],
            "--scope",
        ),
        (&["check", "bad.toml"], "unknown field `nmae`"),
    ] {
        let arguments = [&["policy"], arguments].concat();
        let output = run(folder.path(), &arguments);
        assert_ne!(output.code, 0, "{arguments:?}");
        assert!(
            output.stderr.contains(told),
            "{arguments:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_decision_is_explained_like_a_colleague_would() {
    let folder = folder();
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    let explain = |arguments: &[&str]| {
        let arguments = [&["policy", "explain"], arguments].concat();
        run(folder.path(), &arguments).ok()
    };
    let told = explain(&["--subject", "alice", "--tool", "delete_user"]);
    assert_eq!(
        told,
        "No: alice may not call the tool delete_user.\n\n\
         - \"trial accounts delete nothing\" (line 25) denies it to others; alice does not have the\n  \
         scope trial.\n\
         - \"admins manage users\" (line 19) would allow it, but alice does not have the role admin\n  \
         and does not have the scope admin:write.\n\n\
         The client is answered 403, without the reason and without scopes: none would help.\n\n\
         I took alice to be of http://localhost:8000, the only issuer that the rules name.\n"
    );
    let told = explain(&[
        "--subject",
        "alice",
        "--role",
        "admin",
        "--tool",
        "delete_user",
    ]);
    assert!(
        told.starts_with(
            "Not with this token: alice may call the tool delete_user once it has the"
        ),
        "{told}"
    );
    assert!(told.contains("scope=\"admin:write\""), "{told}");
    assert!(
        told.contains("I supposed that alice is a member of admin."),
        "{told}"
    );
    let told = explain(&[
        "--subject",
        "bob",
        "--claim",
        "groups=staff",
        "--claim",
        "groups=admins",
        "--scope",
        "admin:write",
        "--tool",
        "delete_user",
        "--json",
    ]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["allowed"], true, "{told}");
    let told = explain(&["--tool", "ticket_read", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["denial"], "unauthenticated", "{told}");
    let told = explain(&["--subject", "eve", "--resource", "note://1"]);
    assert!(
        told.starts_with("Yes: eve may read the resource note://1.\n"),
        "{told}"
    );
    let told = explain(&[
        "--subject",
        "eve",
        "--resource",
        "note://1",
        "--needs",
        "notes",
    ]);
    assert!(
        told.contains("The resource itself asks for the scope notes; eve lacks notes."),
        "{told}"
    );
    let told = explain(&["--subject", "eve", "--method", "tools/list"]);
    assert!(told.starts_with("Yes: eve may send tools/list."), "{told}");
}

#[test]
fn a_file_is_checked_and_told_in_words() {
    let folder = folder();
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    let told = run(folder.path(), &["policy", "check", "policy.toml"]).ok();
    assert!(
        told.starts_with(
            "policy.toml can be used.\n\nWhat is open and what is closed\n- Tools are closed"
        ),
        "{told}"
    );
    assert!(
        told.contains("The role support belongs to alice of http://localhost:8000."),
        "{told}"
    );
    let told = run(folder.path(), &["policy", "check", "policy.toml", "--json"]).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["rules"].as_array().unwrap().len(), 3);
}

#[test]
fn rules_and_what_leaves_nobody_to_judge_do_not_go_together() {
    let folder = folder();
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    for option in ["--no-auth", "--stdio"] {
        let output = run(folder.path(), &["serve", option, "--policy", "policy.toml"]);
        assert_ne!(output.code, 0);
        assert!(
            output.stderr.contains("leave out --policy")
                || output.stderr.contains("--policy has no effect"),
            "{}",
            output.stderr
        );
    }
    let output = run(
        folder.path(),
        &["serve", "--policy", "none.toml", "--bind", "127.0.0.1:0"],
    );
    assert_ne!(output.code, 0);
    assert!(
        output.stderr.contains("none.toml cannot be read"),
        "{}",
        output.stderr
    );
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_reads_the_rules_again_and_a_bad_file_changes_nothing() {
    let folder = folder();
    let path = folder.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let issuer = TestIssuer::with_keys("http://localhost:8000", [TestKey::e1()]);
    let public = issuer.key("e1").spki_pem();
    std::fs::write(folder.path().join("public.pem"), public).unwrap();
    write("default = \"scopes\"\n");
    let arguments = ["--public-key", "public.pem", "--policy", "policy.toml"];
    let server = Server::start(folder.path(), &arguments);
    let token = issuer.token().aud("my-mcp-server");
    let token = token
        .iat(countersign::oauth::UnixTime::from_secs(1_700_000_000))
        .exp(countersign::oauth::UnixTime::from_secs(4_000_000_000))
        .sign();
    let client = ModernClient::new(Http::socket(&server.authority()), "/mcp").bearer(&token);
    let call = async || {
        let params = json!({ "name": "greet", "arguments": { "name": "World" } });
        client.send("tools/call", params).await.status()
    };
    // A signal is seen a moment later: the server is asked until it says what it should.
    let until = async |wanted: u16| {
        for _ in 0..10_000 {
            if call().await == wanted {
                return;
            }
        }
        panic!("never {wanted}");
    };
    assert_eq!(call().await, 200);
    write("default = \"deny\"\n");
    server.hang_up();
    until(403).await;
    write("default = \"scopes\"\n[[rule]]\n");
    server.hang_up();
    while !server.logged().contains("policy.toml: line 2") {
        assert_eq!(call().await, 403, "the rules of before");
    }
    assert_eq!(call().await, 403, "the rules of before");
    write("default = \"scopes\"\n");
    server.hang_up();
    until(200).await;
}
