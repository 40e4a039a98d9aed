//! TLS in the process, with certificates that are read again when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ServeError;

/// How often the files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// Accepts TLS connections with the newest certificate.
#[derive(Clone)]
pub(super) struct Acceptor(Arc<Inner>);

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Vec<u8>>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("certificate", &self.0.certificate)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Reads the PEM files and watches them from now on.
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Self, ServeError> {
        let (config, seen) = read(certificate, key)?;
        let acceptor = Self(Arc::new(Inner {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(config),
            seen: Mutex::new(seen),
        }));
        let watched = Arc::downgrade(&acceptor.0);
        tokio::spawn(async move {
            let mut rounds = tokio::time::interval(WATCH_EVERY);
            rounds.tick().await;
            loop {
                rounds.tick().await;
                let Some(inner) = watched.upgrade() else {
                    return;
                };
                if let Err(error) = Self(inner).reload() {
                    tracing::warn!(error = %error, "the new certificate is not used");
                }
            }
        });
        Ok(acceptor)
    }

    /// Reads the files again; what cannot be used leaves the old certificate in place.
    pub(super) fn reload(&self) -> Result<(), ServeError> {
        let (config, seen) = read(&self.0.certificate, &self.0.key)?;
        let mut last = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != seen {
            self.0.current.store(Arc::new(config));
            *last = seen;
            tracing::info!("the TLS certificate was read again");
        }
        Ok(())
    }

    /// The TLS handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.current.load_full())
            .accept(stream)
            .await
    }
}

/// The configuration made of the two files, and a digest of them.
fn read(certificate: &Path, key: &Path) -> Result<(ServerConfig, Vec<u8>), ServeError> {
    let certificate_pem = read_file("certificate", certificate)?;
    let key_pem = read_file("private key", key)?;
    let unusable = |what: &str, path: &Path| {
        ServeError::Tls(format!("{} has no usable {what} in PEM", path.display()))
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate_pem)
        .collect::<Result<_, _>>()
        .map_err(|_| unusable("certificate", certificate))?;
    if chain.is_empty() {
        return Err(unusable("certificate", certificate));
    }
    let private =
        PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| unusable("private key", key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ServeError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|_| {
            ServeError::Tls(format!(
                "the private key in {} does not belong to the certificate in {}",
                key.display(),
                certificate.display()
            ))
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let both = [certificate_pem, key_pem].concat();
    Ok((config, digest(&SHA256, &both).as_ref().to_vec()))
}

fn read_file(what: &str, path: &Path) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|error| {
        ServeError::Tls(format!(
            "the {what} {} cannot be read: {error}",
            path.display()
        ))
    })
}
