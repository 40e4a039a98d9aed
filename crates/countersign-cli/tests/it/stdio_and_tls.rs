//! The other ways to be reached.

use std::fs;

use crate::command::{Server, folder, run, run_trusting};

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
    let server = Server::start(
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
