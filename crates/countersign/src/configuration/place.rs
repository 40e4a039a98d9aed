//! Where a server is, as it is said outside of code.

use std::path::Path;

use countersign_resource_server::ConfigurationError;

use super::Configuration;
use super::setting::{BIND, CERTIFICATE, KEY, PUBLIC_URL};
use crate::Http;

impl Configuration {
    /// Where to listen, `host:port`, if it is said.
    pub fn bind(&self) -> Option<&str> {
        self.text(BIND)
    }

    /// The URL that clients use, path included, if it is said.
    pub fn public_url(&self) -> Option<&str> {
        self.text(PUBLIC_URL)
    }

    /// The files of the certificate chain and its private key (PEM), if they are said.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the one that is missing.
    pub fn tls(&self) -> Result<Option<(&Path, &Path)>, ConfigurationError> {
        let missing = |path: &str, beside: &str| {
            Err(ConfigurationError::new(format!(
                "{} is one half of what TLS needs: set {}",
                self.origin(beside),
                self.to_set(path, beside)
            )))
        };
        match (self.text(CERTIFICATE), self.text(KEY)) {
            (Some(certificate), Some(key)) => Ok(Some((Path::new(certificate), Path::new(key)))),
            (None, None) => Ok(None),
            (Some(_), None) => missing(KEY, CERTIFICATE),
            (None, Some(_)) => missing(CERTIFICATE, KEY),
        }
    }

    /// The place that is said, for [`crate::Server::serve`]; `bind` is where to listen if
    /// nothing is said about it.
    ///
    /// # Errors
    ///
    /// As [`Configuration::tls`].
    pub fn http(&self, bind: &str) -> Result<Http, ConfigurationError> {
        let mut http = Http::bind(self.bind().unwrap_or(bind));
        if let Some(url) = self.public_url() {
            http = http.public_url(url);
        }
        if let Some((certificate, key)) = self.tls()? {
            http = http.tls(certificate, key);
        }
        Ok(http)
    }
}
