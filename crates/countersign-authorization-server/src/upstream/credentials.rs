//! How our application authenticates at a provider: RFC 6749 §2.3, RFC 7523 §2.2.

use std::fmt;

use bytes::Bytes;
use countersign_oauth::client_authentication::{
    AssertionFacts, OwnClient, TokenEndpointAuthMethod,
};
use countersign_oauth::parameters::Parameters;
use countersign_oauth::{Secret, UnixTime, form};
use countersign_resource_server::provider::AssertionAudience;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};

use super::error::UpstreamError;
use crate::random::{Random, draw_id};

/// Our application at the provider.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) client: OwnClient,
    /// Which audience assertions need; nothing if there are none.
    pub(super) audience: Option<AssertionAudience>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl Credentials {
    pub(super) const fn method(&self) -> TokenEndpointAuthMethod {
        self.client.method()
    }

    /// Which audience assertions need; nothing if there are none.
    pub(super) const fn assertion_audience(&self) -> Option<AssertionAudience> {
        self.audience
    }

    /// Adds to `parameters` what the method adds; returns the header that it needs.
    /// `audience` is for assertions.
    pub(super) fn apply(
        &self,
        parameters: &mut Parameters,
        audience: &str,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Option<HeaderValue>, UpstreamError> {
        let no_key = || UpstreamError::unavailable("the key of the application");
        let facts = AssertionFacts {
            audience,
            jti: &draw_id(random).map_err(|_| no_key())?,
            now,
            random: &aws_lc_rs::rand::SystemRandom::new(),
        };
        let header = self.client.apply(parameters, &facts);
        let header = header.map_err(|_| no_key())?;
        header.as_ref().map(header_value).transpose()
    }

    /// `Authorization: Basic` with the secret, however the application authenticates
    /// otherwise; nothing if there is no secret.
    pub(super) fn as_basic(&self) -> Result<Option<HeaderValue>, UpstreamError> {
        self.client
            .as_basic()
            .as_ref()
            .map(header_value)
            .transpose()
    }
}

/// The header `Authorization` with `credential`, kept out of logs.
pub(super) fn sensitive(scheme: &str, credential: &Secret) -> Result<HeaderValue, UpstreamError> {
    header_value(&Secret::new(format!("{scheme} {}", credential.reveal())))
}

fn header_value(text: &Secret) -> Result<HeaderValue, UpstreamError> {
    let mut value = HeaderValue::from_str(text.reveal())
        .map_err(|_| UpstreamError::BadAnswer("a credential is no header value".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Makes `parameters` the form in the body of `request`.
pub(super) fn write_form(
    parameters: &Parameters,
    request: &mut Request<Bytes>,
    header: Option<HeaderValue>,
) {
    *request.body_mut() = Bytes::from(parameters.encoded().reveal().to_owned());
    let form = HeaderValue::from_static(form::MEDIA_TYPE);
    request.headers_mut().insert(CONTENT_TYPE, form);
    if let Some(header) = header {
        request.headers_mut().insert(AUTHORIZATION, header);
    }
}
