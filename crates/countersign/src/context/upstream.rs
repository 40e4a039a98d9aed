//! The way to the provider at which the caller logged in.

use bytes::Bytes;
use countersign_authorization_server::{UpstreamAccess, UpstreamFailure, vault};
use http::{Request, Response};

use super::Context;
use crate::ToolError;

/// Sends requests to the API of a provider in the name of the caller, who logged in there:
/// [`Context::upstream`] gives it. Cloning is cheap.
///
/// Neither the token of the provider nor that of the MCP client can be had from it. The
/// first goes to the API of its provider alone: to the origins that the provider's file
/// lists under `[api]`, and to those that were added to it with `api_origin`. A request
/// that contains the second is not sent. Everything goes through the guarded fetcher,
/// which follows no redirects.
#[derive(Clone, Debug)]
pub struct UpstreamClient(vault::UpstreamClient);

impl Context {
    /// The API of the provider called `provider`, such as `github`, at which the caller
    /// logged in. Its token was looked up and, if need be, refreshed.
    ///
    /// ```
    /// use countersign::{Context, ToolError, tool};
    ///
    /// /// Lists your repositories.
    /// #[tool(scopes("read"))]
    /// async fn repositories(context: Context) -> Result<String, ToolError> {
    ///     let github = context.upstream("github").await?;
    ///     let answer = github.get("https://api.github.com/user/repos").await?;
    ///     if !answer.status().is_success() {
    ///         return Err(ToolError::new("GitHub does not tell."));
    ///     }
    ///     Ok(String::from_utf8_lossy(answer.body()).into_owned())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ToolError`] whose text is for the person, if they did not log in there, if they
    /// have to log in again, or if the provider cannot be reached. It is an internal
    /// error if there is no provider of this name.
    ///
    /// # What the client sees
    ///
    /// HTTP 200 with an error result, as for every failure of a tool: the status is decided
    /// before the handler runs. If the provider has withdrawn what it issued, the grant of
    /// the caller has ended with it, so that the next request of the client is answered
    /// with 401 and its refresh with `invalid_grant`: it then asks the person to log in.
    pub async fn upstream(&self, provider: &str) -> Result<UpstreamClient, ToolError> {
        let access = self
            .access_token()
            .and_then(|token| token.attachment::<UpstreamAccess>());
        let Some(access) = access else {
            // Nobody logged in for this call, or not here.
            return Err(told(UpstreamFailure::NotConnected(provider.to_owned())));
        };
        let client = access.client(provider, self.token()).await;
        client.map(UpstreamClient).map_err(told)
    }
}

impl UpstreamClient {
    /// The name of the provider, such as `github`.
    pub fn provider(&self) -> &str {
        self.0.provider()
    }

    /// Ends the grant of the caller, and answers what to tell the person: to connect again.
    /// The next request of the MCP client is answered with 401.
    ///
    /// For an answer of the API that means that the token is good for nothing any more. Of
    /// a token that is refreshed this is noticed without it; of one that has neither an
    /// end nor a refresh token, as those of OAuth apps at GitHub, it is not.
    ///
    /// ```
    /// use countersign::{Context, ToolError, tool};
    ///
    /// /// Tells your name at GitHub.
    /// #[tool(scopes("read"))]
    /// async fn name(context: Context) -> Result<String, ToolError> {
    ///     let github = context.upstream("github").await?;
    ///     let answer = github.get("https://api.github.com/user").await?;
    ///     if answer.status() == 401 {
    ///         return Err(github.log_in_again().await);
    ///     }
    ///     Ok(String::from_utf8_lossy(answer.body()).into_owned())
    /// }
    /// ```
    pub async fn log_in_again(&self) -> ToolError {
        told(self.0.log_in_again().await)
    }

    /// Asks for `url`, an absolute URL at the API of the provider.
    ///
    /// # Errors
    ///
    /// As [`UpstreamClient::request`].
    pub async fn get(&self, url: &str) -> Result<Response<Bytes>, ToolError> {
        self.0.get(url).await.map_err(told)
    }

    /// Sends `request`, whose target is an absolute URL at the API of the provider, with
    /// the token as bearer (RFC 6750 §2.1). It must have no `Authorization` of its own.
    ///
    /// Every status is an answer, redirects too. A 401 to a token that is older than a
    /// minute is answered by refreshing it, if that is possible, and asking once more.
    ///
    /// # Errors
    ///
    /// A [`ToolError`] as of [`Context::upstream`]; an internal error for a request that
    /// may not be sent, with the reason in the log.
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ToolError> {
        self.0.request(request).await.map_err(told)
    }
}

/// What people can do something about is told; mistakes of the server are logged.
fn told(failure: UpstreamFailure) -> ToolError {
    match failure {
        UpstreamFailure::NotConnected(_)
        | UpstreamFailure::LogInAgain(_)
        | UpstreamFailure::Unavailable(_) => ToolError::new(failure.to_string()),
        _ => ToolError::internal(failure),
    }
}
