//! The public keys: RFC 7517 §5.

use http::StatusCode;

use super::cors;
use super::metadata::publish;
use crate::exchange::{Answer, Incoming, json, not_found};
use crate::server::Inner;
use crate::settings::AccessTokenFormat;
use crate::unavailable::Unavailable;

pub(crate) async fn jwks(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    if inner.settings.access_token_format == AccessTokenFormat::Opaque {
        return Ok(not_found());
    }
    if let Some(answer) = cors::other_method(incoming, "GET, HEAD") {
        return Ok(answer);
    }
    let mut answer = json(StatusCode::OK, inner.keys().await?.document.clone());
    // Less than the time a new key is published before it signs.
    publish(&mut answer, "public, max-age=240");
    Ok(cors::open(answer))
}
