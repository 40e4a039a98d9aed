//! Reading a request: one copy of each header that decides, a body under a cap.

use std::net::IpAddr;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Request, Uri};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{MAX_BODY_BYTES, MAX_TARGET_BYTES};

/// A request that was read whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Incoming {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, at most [`MAX_BODY_BYTES`].
    pub body: Bytes,
    /// Where it came from, if whoever accepted the connection put an [`IpAddr`] into
    /// the extensions.
    pub address: Option<IpAddr>,
}

/// Why a request was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// The target is too long: 414.
    Target,
    /// The body is too long: 413.
    Body,
    /// The body broke off: 400.
    Broken,
}

pub(crate) async fn read<B>(request: Request<B>) -> Result<Incoming, Unread>
where
    B: Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or(0, |text| text.as_str().len());
    if target > MAX_TARGET_BYTES {
        return Err(Unread::Target);
    }
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(Unread::Body);
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.as_mut().frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > MAX_BODY_BYTES {
            return Err(Unread::Body);
        }
        whole.extend_from_slice(&data);
    }
    Ok(Incoming {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: whole.freeze(),
        address: parts.extensions.get::<IpAddr>().copied(),
    })
}

impl Incoming {
    /// The part of the target behind `?`.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// The `Content-Type`, if there is exactly one that is ASCII.
    pub fn content_type(&self) -> Option<&str> {
        self.only(&CONTENT_TYPE)
    }

    /// Whether a person looks at the answer: browsers ask for HTML.
    pub(crate) fn accepts_html(&self) -> bool {
        accepts_html(&self.headers)
    }

    /// The values of all `Authorization` headers.
    pub fn authorization(&self) -> impl Iterator<Item = &[u8]> {
        self.headers
            .get_all(AUTHORIZATION)
            .iter()
            .map(http::HeaderValue::as_bytes)
    }

    fn only(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

/// Whether `Accept` names HTML (RFC 9110 §12.5.1). A wildcard does not: programs send it.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case("text/html"))
}
