//! What the vault asks of a provider.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use countersign_oauth::{Lifetime, ResourceUri, Secret, UnixTime};
use countersign_resource_server::fetch::{FetchError, Fetching};
use url::Url;

use crate::random::Random;
use crate::upstream::{Upstream, UpstreamError, UpstreamTokens};

/// An answer of a provider on its way.
pub(crate) type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, No>> + Send + 'a>>;

/// What a request to a provider needs: when it is, and what its assertions are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) now: UnixTime,
    pub(crate) random: &'a dyn Random,
}

/// How long a provider is left alone that does not say it.
pub(super) const PAUSE: Lifetime = Lifetime::from_secs(5);

/// Why a provider did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum No {
    /// RFC 6749 §5.2, `invalid_grant`: it does not accept the token any more.
    #[error("the provider does not accept the token any more")]
    Ended,
    /// It does not answer, or refuses for a reason that is not the person's, such as
    /// `invalid_client`. Trying again makes sense after this time.
    #[error("the provider does not do it now")]
    Failed(Lifetime),
}

/// One upstream provider, as the vault needs it.
pub(crate) trait Provides: fmt::Debug + Send + Sync + 'static {
    /// The name in records and for tools, such as `github`.
    fn name(&self) -> &str;

    /// What people know it as, such as `GitHub`.
    fn display_name(&self) -> &str;

    /// New tokens for `refresh_token` (RFC 6749 §6), which was issued to reach `resource`.
    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        resource: &'a ResourceUri,
        at: Asked<'a>,
    ) -> Asking<'a, UpstreamTokens>;

    /// Whether giving back the tokens of one grant takes everything that the person
    /// allowed our application, for other clients too.
    fn ends_everything(&self) -> bool;

    /// Gives `tokens` back (RFC 7009 §2); nothing to do is done.
    fn revoke<'a>(&'a self, tokens: &'a UpstreamTokens, at: Asked<'a>) -> Asking<'a, ()>;

    /// Whether an access token may be sent to `url`.
    fn allows(&self, url: &Url) -> bool;

    /// Sends a request of a tool.
    fn fetch(&self, request: http::Request<Bytes>) -> Fetching<'_>;
}

impl Provides for Upstream {
    fn name(&self) -> &str {
        self.name()
    }

    fn display_name(&self) -> &str {
        self.display_name()
    }

    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        resource: &'a ResourceUri,
        at: Asked<'a>,
    ) -> Asking<'a, UpstreamTokens> {
        Box::pin(async move {
            let refreshed = self.refresh(refresh_token, Some(resource), at.now, at.random);
            refreshed.await.map_err(|error| no(self, &error))
        })
    }

    fn ends_everything(&self) -> bool {
        let login = self.provider().login.as_ref();
        login.is_some_and(|login| login.revocation.ends_everything)
    }

    fn revoke<'a>(&'a self, tokens: &'a UpstreamTokens, at: Asked<'a>) -> Asking<'a, ()> {
        Box::pin(async move {
            let revoked = self.revoke(tokens, at.now, at.random);
            revoked.await.map_err(|error| no(self, &error))
        })
    }

    fn allows(&self, url: &Url) -> bool {
        self.provider().api.allows(url)
    }

    fn fetch(&self, request: http::Request<Bytes>) -> Fetching<'_> {
        self.api_fetch().fetch(request)
    }
}

/// Only `invalid_grant` is about the person.
fn no(upstream: &Upstream, error: &UpstreamError) -> No {
    if error.is_invalid_grant() {
        return No::Ended;
    }
    tracing::warn!(provider = upstream.name(), %error, "a provider did not do what it was asked");
    No::Failed(error.retry_after().unwrap_or(PAUSE))
}

/// How a failed exchange is told apart: whether the address was refused before anything
/// was sent.
pub(super) const fn was_not_sent(error: FetchError) -> bool {
    matches!(
        error,
        FetchError::Target | FetchError::Scheme | FetchError::Port | FetchError::Address
    )
}
