//! TLS of the fetcher: row D29 of the attack corpus, and what makes it succeed.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, StatusCode};
use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::guard_tests::Names;
use super::{Fetch, FetchError, Fetcher};

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self {
            params,
            key: KeyPair::generate().unwrap(),
        }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }
}

/// A TLS server on loopback that answers every request with 200, and the
/// names its clients asked for.
struct TlsServer {
    port: u16,
    names: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl TlsServer {
    /// With a certificate for `name` by `authority` (or by itself), up to `last_year`.
    async fn start(name: &str, authority: Option<&Authority>, last_year: i32) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = match authority {
            None => params.self_signed(&key).unwrap(),
            Some(authority) => {
                let issuer = Issuer::from_params(&authority.params, &authority.key);
                params.signed_by(&key, &issuer).unwrap()
            }
        };
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Arc::new(Mutex::new(Vec::new()));
        let accepting = tokio::spawn(serve(listener, acceptor, Arc::clone(&names)));
        Self {
            port,
            names,
            accepting,
        }
    }

    async fn fetched(&self, authority: &Authority) -> Result<StatusCode, FetchError> {
        let fetcher = Fetcher::builder()
            .danger_allow_loopback()
            .port(self.port)
            .root_certificate(authority.pem())
            .lookup(Names::resolving_to(&["127.0.0.1"]))
            .build()
            .unwrap();
        let request = Request::get(format!("https://as.test:{}/jwks", self.port));
        let answer = fetcher.fetch(request.body(Bytes::new()).unwrap()).await;
        answer.map(|answer| answer.status())
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, names: Arc<Mutex<Vec<String>>>) {
    while let Ok((socket, _)) = listener.accept().await {
        // A client that does not trust us hangs up in the middle.
        let Ok(mut stream) = acceptor.accept(socket).await else {
            continue;
        };
        let name = stream.get_ref().1.server_name().unwrap_or_default();
        names.lock().unwrap().push(name.to_owned());
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            .await;
        let _ = stream.shutdown().await;
    }
}

#[tokio::test]
async fn d27_d29_a_trusted_certificate_for_the_original_name_is_accepted() {
    let authority = Authority::new();
    let server = TlsServer::start("as.test", Some(&authority), 4000).await;
    assert_eq!(server.fetched(&authority).await, Ok(StatusCode::OK));
    assert_eq!(*server.names.lock().unwrap(), ["as.test"], "SNI");
}

#[tokio::test]
async fn d29_cl_36_a_certificate_that_proves_nothing_is_refused() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (what, server) in [
        ("self-signed", TlsServer::start("as.test", None, 4000).await),
        (
            "of another authority",
            TlsServer::start("as.test", Some(&stranger), 4000).await,
        ),
        (
            "expired",
            TlsServer::start("as.test", Some(&authority), 2000).await,
        ),
        (
            "for another name",
            TlsServer::start("evil.test", Some(&authority), 4000).await,
        ),
    ] {
        let outcome = server.fetched(&authority).await;
        assert_eq!(outcome, Err(FetchError::Untrusted), "{what}");
    }
}

#[test]
fn a_root_certificate_that_is_not_pem_stops_the_start() {
    let text = Fetcher::builder()
        .root_certificate("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----")
        .build()
        .unwrap_err()
        .to_string();
    assert!(text.contains("is not PEM"), "{text}");
}
