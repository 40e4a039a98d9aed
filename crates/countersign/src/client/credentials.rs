//! Credentials that need no engine: none at all, and one token.

use countersign_oauth_client::authorizer::Authorizing;
use countersign_oauth_client::{Authorizer, AuthorizerError, Next, Outgoing, Refused};
use countersign_resource_server::oauth::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nobody;

impl Authorizer for Nobody {
    fn authorize<'a>(&'a self, _: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        Box::pin(async { Ok(HeaderMap::new()) })
    }

    fn refused<'a>(&'a self, _: Refused<'a>) -> Authorizing<'a, Next> {
        Box::pin(async { Ok(Next::GiveUp) })
    }
}

/// Shows one token, which is as good as it is (RFC 6750 §2.1).
#[derive(Clone, Debug)]
pub(super) struct Bearer(pub(super) Secret);

impl Authorizer for Bearer {
    fn authorize<'a>(&'a self, _: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        Box::pin(async {
            let value = HeaderValue::try_from(format!("Bearer {}", self.0.reveal()));
            let mut value = value
                .map_err(|_| AuthorizerError("the token has characters of no token".into()))?;
            value.set_sensitive(true);
            Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
        })
    }

    fn refused<'a>(&'a self, _: Refused<'a>) -> Authorizing<'a, Next> {
        Box::pin(async { Ok(Next::GiveUp) })
    }
}
