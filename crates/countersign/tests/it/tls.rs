//! TLS in the process: slow handshakes (row E17 of the attack corpus), and
//! certificates that change while the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::client::{Client, ClientError};
use countersign::oauth::Secret;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::live::{BOUND, Live, until_closed, within};

/// Certificate and key in files, as an operator has them.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new pair and returns its certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificate(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    async fn serve(&self) -> Live {
        Live::with(|http| http.tls(self.certificate(), self.key())).await
    }
}

/// Connects as a client that trusts `certificate` and nothing else.
async fn connect(
    live: &Live,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    within(connector.connect(name, live.connect().await)).await
}

/// Sends a good call over HTTP/1 and returns whether it was answered.
async fn call(live: &Live, stream: &mut TlsStream<TcpStream>) -> bool {
    let (head, body) = live.call("greet", Some(&live.token()));
    let call = format!("{head}{body}");
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("Your userid is alice.") {
        let mut buffer = [0; 4096];
        match within(stream.read(&mut buffer)).await {
            Ok(length @ 1..) => said.extend(buffer.iter().take(length)),
            _ => return false,
        }
    }
    true
}

#[tokio::test(start_paused = true)]
async fn e17_a_handshake_that_does_not_go_on_is_given_up() {
    let files = Files::new();
    let certificate = files.renew();
    let live = files.serve().await;
    // A record of 512 bytes that holds the start of a ClientHello.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for bytes in [&b""[..], b"\x16", hello] {
        let mut socket = live.connect().await;
        socket.write_all(bytes).await.unwrap();
        let (_, after) = until_closed(&mut socket).await;
        assert!(after <= BOUND, "{bytes:?}: {after:?}");
    }
    // What is no TLS is refused at once.
    let mut socket = live.connect().await;
    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let (said, after) = until_closed(&mut socket).await;
    assert!(!said.contains("HTTP") && after < Duration::from_secs(1));
    // A handshake and then nothing.
    let mut stream = connect(&live, &certificate, b"http/1.1").await.unwrap();
    let before = tokio::time::Instant::now();
    let mut buffer = [0; 100];
    assert!(!matches!(within(stream.read(&mut buffer)).await, Ok(1..)));
    assert!(before.elapsed() <= BOUND, "{:?}", before.elapsed());
    let mut good = connect(&live, &certificate, b"http/1.1").await.unwrap();
    assert!(call(&live, &mut good).await);
}

#[tokio::test(start_paused = true)]
async fn e17_half_open_handshakes_make_room_for_a_client_with_a_request() {
    let files = Files::new();
    let certificate = files.renew();
    let live = Live::with(|http| {
        http.tls(files.certificate(), files.key())
            .max_connections(20)
    })
    .await;
    let before = tokio::time::Instant::now();
    let mut halves = Vec::new();
    for _ in 0..100 {
        halves.push(live.connect().await);
    }
    let mut good = connect(&live, &certificate, b"http/1.1").await.unwrap();
    assert!(call(&live, &mut good).await);
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn a_new_certificate_is_used_at_once_and_drops_no_connection() {
    let files = Files::new();
    let old = files.renew();
    let live = files.serve().await;
    let mut open = connect(&live, &old, b"http/1.1").await.unwrap();
    assert!(call(&live, &mut open).await);
    let new = files.renew();
    assert!(
        connect(&live, &new, b"http/1.1").await.is_err(),
        "not read yet"
    );
    live.running.reload().unwrap();
    assert!(
        connect(&live, &old, b"http/1.1").await.is_err(),
        "the old one"
    );
    let mut next = connect(&live, &new, b"http/1.1").await.unwrap();
    assert!(call(&live, &mut next).await);
    assert!(call(&live, &mut open).await, "the open connection goes on");
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_certificate_as_it_is() {
    let files = Files::new();
    let certificate = files.renew();
    let live = files.serve().await;
    let key = std::fs::read_to_string(files.key()).unwrap();
    let chain = std::fs::read_to_string(files.certificate()).unwrap();
    let other = Files::new();
    other.renew();
    let other = std::fs::read_to_string(other.key()).unwrap();
    for (what, chain, key) in [
        ("nothing", "", ""),
        ("half a file", &chain[..chain.len() / 2], key.as_str()),
        ("no key", chain.as_str(), ""),
        ("the key of another", chain.as_str(), other.as_str()),
        ("key for certificate", key.as_str(), key.as_str()),
    ] {
        std::fs::write(files.certificate(), chain).unwrap();
        std::fs::write(files.key(), key).unwrap();
        let error = live.running.reload().unwrap_err().to_string();
        assert!(!error.contains("PRIVATE KEY"), "{what}: {error}");
        let mut stream = connect(&live, &certificate, b"http/1.1").await.unwrap();
        assert!(call(&live, &mut stream).await, "{what}");
    }
    std::fs::remove_file(files.key()).unwrap();
    assert!(live.running.reload().is_err());
    assert!(connect(&live, &certificate, b"h2").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_renewed_is_noticed() {
    let files = Files::new();
    files.renew();
    let live = files.serve().await;
    let new = files.renew();
    assert!(
        connect(&live, &new, b"http/1.1").await.is_err(),
        "not read yet"
    );
    tokio::time::sleep(Duration::from_secs(11)).await;
    let mut stream = connect(&live, &new, b"http/1.1").await.unwrap();
    assert!(call(&live, &mut stream).await);
}

#[tokio::test]
async fn both_versions_of_http_are_offered_over_tls_and_others_are_not() {
    let files = Files::new();
    let certificate = files.renew();
    let live = files.serve().await;
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let stream = connect(&live, &certificate, protocol).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    }
    assert!(connect(&live, &certificate, b"spdy/3").await.is_err());
}

#[tokio::test]
async fn cl_36_our_client_sends_nothing_to_a_server_whose_certificate_nobody_vouches_for() {
    let files = Files::new();
    files.renew();
    let live = files.serve().await;
    let url = format!("https://localhost:{}/mcp", live.running.address().port());
    let refused = Client::connect(&url)
        .bearer(Secret::new("canary"))
        .await
        .unwrap_err();
    assert!(matches!(refused, ClientError::Tls(_)), "{refused}");
}
