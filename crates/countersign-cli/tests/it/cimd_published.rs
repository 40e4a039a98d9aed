//! Client ID metadata documents at the address that they are published at, over https.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::command::{Output, folder, run, run_trusting};

type Pages = Arc<Mutex<HashMap<String, String>>>;

/// A site with a certificate of its own.
struct Site {
    home: TempDir,
    certificate: PathBuf,
    port: u16,
    pages: Pages,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let home = folder();
        let certificate = home.path().join("site.pem");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages = Pages::default();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&pages)));
        Self {
            home,
            certificate,
            port,
            pages,
            serving,
        }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Answers at `path` with `head`, the status and fields, and `body`.
    fn publish(&self, path: &str, head: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        self.pages.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn validate(&self, path: &str, options: &[&str]) -> Output {
        let url = self.url(path);
        let arguments = [&["cimd", "validate", url.as_str()], options].concat();
        run_trusting(self.home(), &self.certificate, &arguments)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, pages: Pages) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, pages) = (acceptor.clone(), Arc::clone(&pages));
        tokio::spawn(async move {
            // Who does not trust us hangs up in the middle.
            let Ok(mut stream) = acceptor.accept(socket).await else {
                return;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let answer = pages.lock().unwrap().get(path).cloned();
            let none = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let answer = answer.unwrap_or_else(|| none.to_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        });
    }
}

const JSON: &str = "200 OK\r\ncontent-type: application/json";

#[tokio::test(flavor = "multi_thread")]
async fn cl_09_a_document_that_is_published_as_it_was_made_is_valid() {
    let site = Site::start().await;
    let url = site.url("/client.json");
    let create = [
        "cimd", "create", &url, "--name", "My app", "--scope", "notes",
    ];
    let made = run(site.home(), &create).ok();
    for head in [
        JSON,
        "200 OK\r\ncontent-type: application/json; charset=utf-8",
    ] {
        site.publish("/client.json", head, &made);
        let told = site.validate("/client.json", &[]).ok();
        let first = format!("The document of {url} is valid.");
        assert_eq!(told.lines().next(), Some(first.as_str()));
        assert!(told.contains("My app") && told.contains("notes"), "{told}");
        let seen = site.validate("/client.json", &["--json"]).ok();
        let seen: Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["client_name"], "My app");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cl_09_what_is_wrong_with_a_published_document_is_said_in_one_sentence() {
    let site = Site::start().await;
    let url = site.url("/client.json");
    let made = run(site.home(), &["cimd", "create", &url, "--name", "My app"]).ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    let with = |name: &str, value: Value| {
        let mut document = made.clone();
        document[name] = value;
        document.to_string()
    };
    let elsewhere = format!("302 Found\r\nlocation: {}", site.url("/other.json"));
    for (head, body, sentence) in [
        (JSON, "<html>".to_owned(), "cannot be read"),
        (JSON, String::new(), "cannot be read"),
        ("404 Not Found", String::new(), "was not answered with 200"),
        ("500 Failure", String::new(), "has a failure (HTTP 500)"),
        (&elsewhere, String::new(), "redirects"),
        (
            "200 OK\r\ncontent-type: text/html",
            made.to_string(),
            "is not application/json",
        ),
        ("200 OK", made.to_string(), "is not application/json"),
        (
            JSON,
            with("client_id", json!(site.url("/other.json"))),
            "is not the address of the document",
        ),
        (
            JSON,
            with("client_id", json!(url.to_uppercase())),
            "is not the address of the document",
        ),
        (JSON, with("client_name", json!(null)), "has no client_name"),
        (
            JSON,
            with("client_secret", json!("canary")),
            "has a client secret",
        ),
        (
            JSON,
            with("redirect_uris", json!(["https://evil.test/*"])),
            "redirect",
        ),
        (
            JSON,
            with("padding", json!("x".repeat(6_000))),
            "larger than 5 KiB",
        ),
    ] {
        site.publish("/client.json", head, &body);
        let told = site.validate("/client.json", &[]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{sentence}");
        assert!(told.stderr.starts_with("error: "), "{}", told.stderr);
        assert!(
            told.stderr.contains(sentence),
            "{sentence}: {}",
            told.stderr
        );
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
        assert!(!told.stderr.contains("canary"), "{}", told.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cl_36_a_site_that_nobody_vouches_for_is_not_believed() {
    let site = Site::start().await;
    let told = run(
        site.home(),
        &["cimd", "validate", &site.url("/client.json")],
    );
    assert_eq!((told.code, told.stdout.as_str()), (1, ""));
    let expected = format!(
        "error: the client metadata document at localhost:{} cannot be trusted: its certificate or \
         its TLS is not accepted (SSL_CERT_FILE names a file of certificates to trust)\n",
        site.port
    );
    assert_eq!(told.stderr, expected);
}
