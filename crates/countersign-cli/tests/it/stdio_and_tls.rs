//! The other ways to be reached.

use std::fs;

use crate::command::{Server, converse, folder, run, run_trusting};

#[test]
fn m_48_tls_serves_clients_that_trust_the_certificate_and_no_others() {
    let folder = folder();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.path().join("cert.pem");
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(
        folder.path().join("key.pem"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    let server = Server::with_key_pair(
        folder.path(),
        &["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
    );
    assert!(
        server.url.starts_with("https://localhost:"),
        "{}",
        server.url
    );
    let mint = [
        "token",
        "--key",
        ".countersign/private.pem",
        "--subject",
        "ada",
    ];
    let token = run(folder.path(), &mint).ok();
    let call = [
        "call",
        &server.url,
        "greet",
        "name=you",
        "--token",
        token.trim_end(),
    ];
    let refused = run(folder.path(), &call);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .starts_with("error: cannot trust the server's certificate or TLS: "),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.stderr.lines().count(), 1);
    let answer = run_trusting(folder.path(), &certificate, &call);
    assert_eq!(answer.ok(), "Hello, you! Your userid is ada.\n");
}

#[test]
fn a_client_over_stdio_is_served_in_both_eras_without_being_authenticated() {
    let folder = folder();
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
    let call = |more: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"greet\",\
             \"arguments\":{{\"name\":\"you\"}}{more}}}}}\n"
        )
    };
    let modern = call(&format!(",{meta}"));
    let legacy = [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        "\n",
        &call(""),
    ]
    .concat();
    for (input, answers) in [(modern, 1), (legacy, 2)] {
        let lines = converse(folder.path(), &input, answers);
        let last: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        assert_eq!(
            last["result"]["content"][0]["text"],
            "Hello, you! I do not know who you are."
        );
    }
    assert!(!folder.path().join("countersign-data").exists());
}
