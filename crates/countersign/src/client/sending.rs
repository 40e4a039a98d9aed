//! Requests with the credentials that an [`Authorizer`] has for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use countersign_oauth_client::{Authorizer, Next, Outgoing, Refused};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method, Request, StatusCode};
use url::Url;

use super::ClientError;
use super::challenge::ReceivedChallenge;
use super::wire::{Wire, WireAnswer};

/// A request that is refused is sent so many times more.
const MOST_RETRIES: u32 = 3;

/// Sends requests to one server, and to no other.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) wire: Arc<dyn Wire>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    /// Fields of every request.
    pub(super) headers: HeaderMap,
    pub(super) getting_credentials: GettingCredentials,
}

/// How many requests wait for credentials: a person may be at a login page, and the
/// server is not slow meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct GettingCredentials(Arc<AtomicUsize>);

impl GettingCredentials {
    fn begin(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Waiting(&self.0)
    }

    /// Whether any request waits.
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request, without credentials.
#[derive(Clone)]
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What it is about, such as `tools/call delete_user`.
    pub(super) operation: &'a str,
}

impl Sender {
    /// Sends `sending` until it is not refused any more, or the authorizer gives up.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unauthorized`], [`ClientError::Forbidden`] and
    /// [`ClientError::Authorization`] if there are no credentials that count;
    /// [`ClientError::Redirect`]; others if there is no answer.
    pub(super) async fn send(&self, sending: Sending<'_>) -> Result<WireAnswer, ClientError> {
        let outgoing = Outgoing::new(&sending.method, sending.url);
        let mut attempt = 0;
        loop {
            let shown = {
                let _waiting = self.getting_credentials.begin();
                self.authorizer.authorize(outgoing).await?
            };
            let answer = self.wire.exchange(self.request(&sending, &shown)?).await?;
            if !matches!(
                answer.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            ) {
                self.authorizer.answered(outgoing, &answer.headers);
                return match answer.status.is_redirection() {
                    true => Err(ClientError::Redirect(answer.status.as_u16())),
                    false => Ok(answer),
                };
            }
            let refused = Refused::new(
                outgoing,
                sending.operation,
                &shown,
                answer.status,
                &answer.headers,
                attempt,
            );
            if attempt >= MOST_RETRIES || self.refused(refused).await? != Next::Again {
                return Err(refusal(&answer));
            }
            attempt += 1;
        }
    }

    async fn refused(&self, refused: Refused<'_>) -> Result<Next, ClientError> {
        let _waiting = self.getting_credentials.begin();
        Ok(self.authorizer.refused(refused).await?)
    }

    fn request(
        &self,
        sending: &Sending<'_>,
        shown: &HeaderMap,
    ) -> Result<Request<Bytes>, ClientError> {
        let mut request = Request::new(sending.body.clone());
        *request.method_mut() = sending.method.clone();
        let url = sending.url.as_str();
        *request.uri_mut() = url.parse().map_err(|_| ClientError::Url(url.to_owned()))?;
        let headers = request.headers_mut();
        for fields in [&self.headers, &sending.headers] {
            headers.extend(fields.clone());
        }
        for (name, value) in shown {
            let mut value = value.clone();
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(request)
    }
}

/// What a 401 or 403 says.
fn refusal(answer: &WireAnswer) -> ClientError {
    let challenges = answer.headers.get_all(WWW_AUTHENTICATE);
    let challenges = challenges.iter().filter_map(|value| value.to_str().ok());
    let challenge = challenges.map(ReceivedChallenge::parse);
    let challenge = challenge
        .into_iter()
        .find(|challenge| *challenge != ReceivedChallenge::default());
    ClientError::from_status(answer.status.as_u16(), challenge.unwrap_or_default())
}
