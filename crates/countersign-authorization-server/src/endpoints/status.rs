//! Whether the token of a request is good, for people and scripts that try things out:
//! no RFC knows it. It says to whoever presents a token what that token says.

use countersign_oauth::{Credential, Secret, bearer};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::cors;
use crate::exchange::{Answer, Incoming, json, throttled};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// `GET /auth/status`: `{"authenticated": true, "scopes": ["read"]}`, or 401 with
/// `{"authenticated": false}`.
pub(crate) async fn status(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    if let Some(answer) = cors::other_method(incoming, "GET, HEAD") {
        return Ok(answer);
    }
    let credential = bearer::parse(incoming.authorization(), incoming.query());
    let answer = match credential {
        Ok(Credential::Presented(token)) => match inner.active_token(&Secret::new(token)).await? {
            Some(token) => {
                let scopes: Vec<&str> = token.scope.iter().map(|scope| scope.as_str()).collect();
                let document = json!({ "authenticated": true, "scopes": scopes });
                json(StatusCode::OK, document.to_string())
            }
            None => {
                // Whoever has a token that is active is answered, however many guess.
                let counted = inner.count_failed_authentication(None, incoming.address);
                match counted.await? {
                    Some(until) => throttled(until.since(inner.now())),
                    None => refused(StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\""),
                }
            }
        },
        // RFC 6750 §3: no error code for a request without a token.
        Ok(Credential::NotPresented) => refused(StatusCode::UNAUTHORIZED, "Bearer"),
        // §3.1: "The resource server SHOULD respond with the HTTP 400 (Bad Request)".
        Err(_malformed) => refused(StatusCode::BAD_REQUEST, "Bearer error=\"invalid_request\""),
    };
    Ok(cors::open(answer))
}

fn refused(status: StatusCode, challenge: &'static str) -> Answer {
    let mut answer = json(status, r#"{"authenticated":false}"#);
    let challenge = HeaderValue::from_static(challenge);
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    answer
}
