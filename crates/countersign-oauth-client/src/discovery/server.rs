//! The metadata of an authorization server: RFC 8414 §3, OpenID Connect Discovery §4.

use countersign_oauth::Issuer;
use countersign_oauth::received_metadata::{MetadataError, ReceivedMetadata};
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::server_metadata::{WELL_KNOWN, WELL_KNOWN_OPENID, issuer_path};

use super::document;
use crate::ask::Asker;
use crate::error::OAuthError;

const WHAT: &str = "the authorization server";

/// The documents of `issuer`, in the order of MCP: for an issuer with a path RFC 8414
/// inserted, OpenID inserted, OpenID appended; else RFC 8414, OpenID.
pub(super) fn places(issuer: &Issuer) -> Vec<String> {
    let path = issuer_path(issuer);
    let whole = issuer.as_str();
    let whole = whole.strip_suffix('/').unwrap_or(whole);
    let origin = whole.strip_suffix(path).unwrap_or(whole);
    let mut places = vec![
        format!("{origin}{WELL_KNOWN}{path}"),
        format!("{origin}{WELL_KNOWN_OPENID}{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{whole}{WELL_KNOWN_OPENID}"));
    }
    places
}

/// What `issuer` publishes about itself; nothing if it publishes nothing. A document of
/// another issuer is not looked behind (RFC 8414 §3.3).
pub(super) async fn find(
    asker: &Asker,
    issuer: &Issuer,
) -> Result<Option<(ReceivedMetadata, ReceivedOffer)>, OAuthError> {
    let loopback = asker.reach().loopback();
    for address in places(issuer) {
        let answer = asker.document(WHAT, &address).await?;
        let Some(body) = document(&answer) else {
            continue;
        };
        match ReceivedMetadata::parse(body, issuer.as_str(), loopback) {
            // Some sites answer with a page whatever is asked.
            Err(MetadataError::Json(_)) => {}
            Err(error) => return Err(refused(issuer, error)),
            Ok(metadata) => {
                let offer = ReceivedOffer::parse(body, loopback);
                return Ok(Some((metadata, offer.map_err(|e| refused(issuer, e))?)));
            }
        }
    }
    Ok(None)
}

fn refused(issuer: &Issuer, error: MetadataError) -> OAuthError {
    OAuthError::BadAnswer(format!("the authorization server {issuer}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl_05_the_places_are_looked_at_in_the_specified_order() {
        let places = |issuer| places(&Issuer::parse(issuer).unwrap());
        assert_eq!(
            places("https://as.test/tenant1"),
            [
                "https://as.test/.well-known/oauth-authorization-server/tenant1",
                "https://as.test/.well-known/openid-configuration/tenant1",
                "https://as.test/tenant1/.well-known/openid-configuration",
            ]
        );
        for bare in ["https://as.test", "https://as.test/"] {
            assert_eq!(
                places(bare),
                [
                    "https://as.test/.well-known/oauth-authorization-server",
                    "https://as.test/.well-known/openid-configuration",
                ]
            );
        }
    }
}
