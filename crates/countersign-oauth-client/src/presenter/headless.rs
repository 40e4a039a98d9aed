//! No person at all: for tests, and for servers that answer without asking.

use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::fetch::Fetch;
use http::header::LOCATION;
use http::{Method, Request};
use url::Url;

use super::{CallbackParameters, Presenter, PresenterError, Presenting, Waiting};

/// How many redirects may lie between the request and the answer.
const MAX_REDIRECTS: usize = 5;

/// Asks for the authorization URL itself and follows redirects until one leads to the
/// redirect URI, where nothing listens. It works with servers that ask nobody.
#[derive(Clone, Debug)]
pub struct Headless {
    fetch: Arc<dyn Fetch>,
    redirect_uri: String,
}

impl Headless {
    /// Asks with `fetch`, and names `http://127.0.0.1:41721/callback` as redirect URI.
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self {
            fetch,
            redirect_uri: "http://127.0.0.1:41721/callback".to_owned(),
        }
    }

    /// Names `redirect_uri` instead.
    #[must_use]
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = redirect_uri.into();
        self
    }
}

impl Presenter for Headless {
    fn open(&self) -> Presenting<'_, Box<dyn Waiting>> {
        Box::pin(async {
            let waiting: Box<dyn Waiting> = Box::new(self.clone());
            Ok(waiting)
        })
    }
}

impl Waiting for Headless {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn present<'a>(self: Box<Self>, url: &'a Url) -> Presenting<'a, CallbackParameters> {
        Box::pin(async move {
            let mut at = url.clone();
            for _ in 0..=MAX_REDIRECTS {
                let location = self.ask(&at).await?;
                if let Some(answer) = self.answer_in(&location) {
                    return Ok(CallbackParameters::new(answer));
                }
                at = at.join(&location).map_err(|_| PresenterError::Address)?;
            }
            Err(PresenterError::Nobody)
        })
    }
}

impl Headless {
    async fn ask(&self, url: &Url) -> Result<String, PresenterError> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .body(Bytes::new())
            .map_err(|_| PresenterError::Address)?;
        let answer = self.fetch.fetch(request).await;
        let answer = answer.map_err(|error| PresenterError::Listener(error.to_string()))?;
        let location = answer.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        // A page for a person: nobody is here to read it.
        location.map(str::to_owned).ok_or(PresenterError::Nobody)
    }

    fn answer_in<'a>(&self, location: &'a str) -> Option<&'a str> {
        let rest = location.strip_prefix(&self.redirect_uri)?;
        let query = rest.strip_prefix('?')?;
        query.split('#').next()
    }
}
