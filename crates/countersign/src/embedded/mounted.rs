//! The authorization server behind the front.
//!
//! What was done before: the host of the request is ours (`front/origin.rs`). The
//! origin was not looked at: browsers come here from the pages of clients, and each
//! endpoint says by itself whom it answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_authorization_server::{AuthorizationServer, Settings};
use countersign_resource_server::{ConfigurationError, GateBuilder, SourceName};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;

use super::Announcement;
use super::store_log::StoreLog;
use crate::front::{Answer, BoxError, Place};

/// How often house is kept.
const PERIOD: Duration = Duration::from_secs(15 * 60);

/// An authorization server that is part of a server.
pub(crate) struct Mounted {
    pub(crate) server: AuthorizationServer,
    /// What a proxy takes away from the paths of requests.
    stripped: String,
    /// Taken when it is made.
    announcement: Mutex<Option<Announcement>>,
    /// The audit log in its storage.
    log: Option<StoreLog>,
}

/// `server` at its place, and its tokens accepted by `gate`.
pub(super) fn mount(
    server: AuthorizationServer,
    (gate, source): (GateBuilder, SourceName),
    place: &Place,
    announcement: Announcement,
) -> Result<(GateBuilder, Mounted), ConfigurationError> {
    check(server.settings(), place)?;
    let own_tokens = server
        .own_tokens(place.resource.clone())
        .map_err(|error| ConfigurationError::new(error.to_string()))?;
    let gate = gate.source(source, own_tokens)?;
    let announcement = Mutex::new(Some(announcement));
    let mounted = Mounted {
        server,
        stripped: place.stripped.clone(),
        announcement,
        log: None,
    };
    Ok((gate, mounted))
}

/// Whether a server with these `settings` can be at this place.
pub(super) fn check(settings: &Settings, place: &Place) -> Result<(), ConfigurationError> {
    if !settings.resources.contains(&place.resource) {
        return Err(ConfigurationError::new(format!(
            "the authorization server issues no tokens for `{}`, which is where this server is: \
             add it with .resource(…)",
            place.resource.as_str()
        )));
    }
    check_issuer(settings.issuer.as_str(), place)
}

/// Clients read the metadata at the issuer, so it has to lead here.
fn check_issuer(issuer: &str, place: &Place) -> Result<(), ConfigurationError> {
    let behind = issuer
        .split_once("://")
        .map_or(issuer, |(_, behind)| behind);
    let host = behind.split('/').next().unwrap_or_default();
    if place.names.answers_to_host(host) {
        return Ok(());
    }
    Err(ConfigurationError::new(format!(
        "the issuer is `{issuer}`, and this server does not answer to the host `{host}`: set the \
         public URL that clients use, or allow the host"
    )))
}

/// `paths` as they are in requests, of which a proxy has `stripped` the beginning.
pub(super) fn shortened<'a>(paths: impl Iterator<Item = &'a str>, stripped: &str) -> Vec<String> {
    let shortened = |path: &str| path.strip_prefix(stripped).unwrap_or(path).to_owned();
    paths.map(shortened).collect()
}

impl Mounted {
    /// The same, where `log` is the audit log in the storage.
    pub(super) fn noting_in(mut self, log: Option<StoreLog>) -> Self {
        self.log = log;
        self
    }

    /// Writes what is left to write, after the last answer.
    pub(crate) async fn close(&self) {
        if let Some(log) = &self.log {
            log.close().await;
        }
    }

    pub(crate) fn answers(&self, path: &str) -> bool {
        self.server.answers(path) || self.whole(path).is_some()
    }

    /// The path that the client used, if a proxy took away its beginning.
    fn whole(&self, path: &str) -> Option<String> {
        if self.stripped.is_empty() || self.server.answers(path) {
            return None;
        }
        let whole = format!("{}{path}", self.stripped);
        self.server.answers(&whole).then_some(whole)
    }

    /// Answers a request to one of [`Mounted::paths`], under the bounds of the
    /// authorization server.
    pub(crate) async fn respond<B>(
        &self,
        mut parts: Parts,
        body: B,
        peer: Option<IpAddr>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Some(address) = peer {
            parts.extensions.insert(address);
        }
        if let Some(whole) = self.whole(parts.uri.path()) {
            let query = parts.uri.query().map(|query| format!("?{query}"));
            let target = format!("{whole}{}", query.unwrap_or_default());
            // Both parts of it were part of an address before.
            parts.uri = target.parse().unwrap_or(parts.uri);
        }
        let answer = self.server.respond(Request::from_parts(parts, body)).await;
        answer.map(Answer::stream)
    }

    /// What is done at the start, before anybody is answered: looks whether the sealing
    /// keys are the right ones, and tells how the first account is made, if there is none.
    pub(crate) async fn begin(&self) -> Result<(), ConfigurationError> {
        self.server
            .check_seals()
            .await
            .map_err(|error| ConfigurationError::new(error.to_string()))?;
        let Some(people) = self.server.people() else {
            return Ok(());
        };
        let link = people.setup_link().await.map_err(|error| {
            ConfigurationError::new(format!("whether there are accounts is not known: {error}"))
        })?;
        let announcement = self
            .announcement
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some(link), Some(announce)) = (link, announcement) {
            announce(&link);
        }
        Ok(())
    }
}

impl Mounted {
    /// What is done now and then, for as long as it is polled.
    pub(crate) fn keep_house(&self) -> impl Future<Output = ()> + Send + 'static {
        let server = self.server.clone();
        async move {
            loop {
                match server.keep_house().await {
                    Ok(done) => tracing::debug!(?done, "kept house"),
                    Err(error) => tracing::warn!(%error, "housekeeping waits"),
                }
                tokio::time::sleep(PERIOD).await;
            }
        }
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mounted").field(&self.server).finish()
    }
}
