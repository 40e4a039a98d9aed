//! What a tool gets: requests to the API of the provider, in the name of its caller.
//!
//! Neither the token of the provider nor the token that the MCP client presented can be
//! had here. The first is put into requests to the API of that provider and into nothing
//! else; a request that contains the second is not sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::Secret;
use countersign_resource_server::fetch::FetchError;
use countersign_store::GrantId;
use http::header::{AUTHORIZATION, HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Response, StatusCode, Uri};
use url::Url;

use super::provides::{PAUSE, was_not_sent};
use super::{Place, Trouble, Vault};
use crate::upstream::UpstreamTokens;

/// The way from a verified access token of this server to the providers behind its grant.
///
/// [`OwnTokens`](crate::OwnTokens) attaches it to the access tokens that it accepts:
/// `access_token.attachment::<UpstreamAccess>()` finds it.
#[derive(Clone)]
pub struct UpstreamAccess {
    vault: Arc<Vault>,
    grant: GrantId,
}

/// Sends requests to the API of a provider with the token that it issued for the grant of
/// the caller. Cloning is cheap.
#[derive(Clone)]
pub struct UpstreamClient {
    vault: Arc<Vault>,
    place: Place,
    /// What must not be in any request.
    presented: Option<Secret>,
}

/// Why a request was not answered by the provider. The texts name it as people know it,
/// and are written for them, except for the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamFailure {
    /// No provider of this name is configured.
    #[error("no upstream provider is called `{0}`: the names are those of the presets")]
    UnknownProvider(String),
    /// The person did not log in with this provider when they connected.
    #[error("This connection was not made with {0}. Connect again, and log in with {0}.")]
    NotConnected(String),
    /// The provider does not accept its tokens any more, or they have ended and nobody can
    /// refresh them. The grant has ended with them, so that the next request of the MCP
    /// client is answered with 401.
    #[error("{0} no longer allows this connection. Connect again, and log in with {0}.")]
    LogInAgain(String),
    /// The provider does not answer, or what it issued cannot be read or written; it can be
    /// tried again.
    #[error("{0} cannot be reached at the moment. Try again later.")]
    Unavailable(String),
    /// The target is no absolute URL, or not at the API of the provider.
    #[error("tokens of the provider may not be sent to this address")]
    Address,
    /// The request has a header of its own that authenticates, or names a host.
    #[error("the request has a header that is not its own to set: {0}")]
    Header(&'static str),
    /// The request contains the access token that the MCP client presented here.
    #[error("the request contains the access token of the MCP client, which is for this server")]
    PresentedToken,
}

impl UpstreamAccess {
    pub(crate) fn new(vault: &Arc<Vault>, grant: &GrantId) -> Self {
        Self {
            vault: Arc::clone(vault),
            grant: grant.clone(),
        }
    }

    /// A client for the API of the provider with this name, whose token was checked and,
    /// if need be, refreshed. `presented` is the access token that the caller presented
    /// here, which no request may contain.
    ///
    /// # Errors
    ///
    /// [`UpstreamFailure`] says why the caller cannot reach the provider.
    pub async fn client(
        &self,
        provider: &str,
        presented: Option<Secret>,
    ) -> Result<UpstreamClient, UpstreamFailure> {
        let known = self.vault.provider(provider);
        let known = known.ok_or_else(|| UpstreamFailure::UnknownProvider(provider.to_owned()))?;
        let client = UpstreamClient {
            vault: Arc::clone(&self.vault),
            place: self.vault.place(&self.grant, known),
            presented,
        };
        client.token(None).await?;
        Ok(client)
    }
}

impl UpstreamClient {
    /// The name of the provider, such as `github`.
    pub fn provider(&self) -> &str {
        self.place.provider.name()
    }

    /// Asks for `url`, an absolute URL at the API of the provider.
    ///
    /// # Errors
    ///
    /// As [`UpstreamClient::request`].
    pub async fn get(&self, url: &str) -> Result<Response<Bytes>, UpstreamFailure> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.parse().map_err(|_| UpstreamFailure::Address)?;
        self.request(request).await
    }

    /// Sends `request`, whose target is an absolute URL at the API of the provider, with
    /// the token as bearer (RFC 6750 §2.1). Every status is an answer, redirects too. If
    /// the provider answers 401 to a token that is older than a minute, and there is a
    /// refresh token, the token is refreshed and the request sent once more.
    ///
    /// # Errors
    ///
    /// [`UpstreamFailure`] says why there is no answer.
    pub async fn request(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, UpstreamFailure> {
        let request = self.check(request)?;
        let tokens = self.token(None).await?;
        let answer = self.send(request.clone(), &tokens).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || tokens.refresh_token.is_none() {
            return Ok(answer);
        }
        match self.token(Some(&tokens.access_token)).await {
            Ok(newer) if newer.access_token == tokens.access_token => Ok(answer),
            Ok(newer) => self.send(request, &newer).await,
            // The answer says more than that nothing could be done about it.
            Err(UpstreamFailure::Unavailable(_)) => Ok(answer),
            Err(failure) => Err(failure),
        }
    }

    /// Ends the grant of the caller, because the API has answered in a way that means that
    /// the token is good for nothing any more; answers what to tell the person. For tokens
    /// without an end and without a refresh token this is the only way to notice.
    pub async fn log_in_again(&self) -> UpstreamFailure {
        self.failure(self.vault.end(&self.place).await)
    }

    async fn token(&self, stale: Option<&Secret>) -> Result<Arc<UpstreamTokens>, UpstreamFailure> {
        let token = self.vault.token(self.place.clone(), stale).await;
        token.map_err(|trouble| self.failure(trouble))
    }

    async fn send(
        &self,
        mut request: Request<Bytes>,
        tokens: &UpstreamTokens,
    ) -> Result<Response<Bytes>, UpstreamFailure> {
        let bearer = Secret::new(format!("Bearer {}", tokens.access_token.reveal()));
        let mut bearer = HeaderValue::from_str(bearer.reveal())
            .map_err(|_| self.failure(Trouble::ProviderDown(PAUSE)))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let answer = self.place.provider.fetch(request).await;
        answer.map_err(|error: FetchError| {
            let provider = self.provider();
            tracing::warn!(provider, %error, "a request of a tool got no answer");
            if was_not_sent(error) {
                UpstreamFailure::Address
            } else {
                self.failure(Trouble::ProviderDown(PAUSE))
            }
        })
    }

    /// The request, if the token of the provider may be put into it. Its target is written
    /// anew from what was judged, so that nobody reads it differently.
    fn check(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, UpstreamFailure> {
        let target = request.uri().to_string();
        let mut url = Url::parse(&target).map_err(|_| UpstreamFailure::Address)?;
        if !self.place.provider.allows(&url) {
            return Err(UpstreamFailure::Address);
        }
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION, HOST] {
            if request.headers().contains_key(&name) {
                let name = match name {
                    AUTHORIZATION => "authorization",
                    HOST => "host",
                    _ => "proxy-authorization",
                };
                return Err(UpstreamFailure::Header(name));
            }
        }
        if let Some(presented) = &self.presented
            && contains_token(&request, &target, presented.reveal().as_bytes())
        {
            return Err(UpstreamFailure::PresentedToken);
        }
        url.set_fragment(None);
        let judged = url.as_str().parse::<Uri>();
        *request.uri_mut() = judged.map_err(|_| UpstreamFailure::Address)?;
        Ok(request)
    }

    fn failure(&self, trouble: Trouble) -> UpstreamFailure {
        let name = self.place.provider.display_name().to_owned();
        match trouble {
            Trouble::NotConnected => UpstreamFailure::NotConnected(name),
            Trouble::LogInAgain => UpstreamFailure::LogInAgain(name),
            Trouble::ProviderDown(_) | Trouble::StoreDown | Trouble::Busy => {
                UpstreamFailure::Unavailable(name)
            }
        }
    }
}

/// Whether `token` is anywhere in `request`.
fn contains_token(request: &Request<Bytes>, target: &str, token: &[u8]) -> bool {
    let is_in =
        |text: &[u8]| !token.is_empty() && text.windows(token.len()).any(|part| part == token);
    let mut headers = request.headers().values();
    is_in(target.as_bytes())
        || headers.any(|value| is_in(value.as_bytes()))
        || is_in(request.body())
}

impl fmt::Debug for UpstreamAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamAccess").finish_non_exhaustive()
    }
}

impl fmt::Debug for UpstreamClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamClient")
            .field("provider", &self.provider())
            .finish_non_exhaustive()
    }
}
