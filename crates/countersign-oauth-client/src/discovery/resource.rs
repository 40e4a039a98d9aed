//! The metadata of a protected resource: RFC 9728 §3 and §5.

use countersign_oauth::ResourceUri;
use countersign_oauth::protected_resource::{ProtectedResourceMetadata, WELL_KNOWN};
use countersign_oauth::received_challenge::ReceivedChallenge;
use countersign_oauth::received_resource::{ReceivedResource, ResourceMetadataError};

use super::document;
use crate::ask::Asker;
use crate::error::OAuthError;

const WHAT: &str = "the metadata of the server";

/// What the resource that is called as `server` says about itself; nothing if it
/// publishes nothing.
pub(super) async fn find(
    asker: &Asker,
    server: &ResourceUri,
    challenge: Option<&ReceivedChallenge>,
) -> Result<Option<ReceivedResource>, OAuthError> {
    if let Some(address) = challenge.and_then(ReceivedChallenge::resource_metadata) {
        asker.reach().judge(WHAT, address)?;
        let answer = asker.document("the server", address).await?;
        let status = answer.status().as_u16();
        let body = document(&answer).ok_or_else(|| {
            OAuthError::BadAnswer(format!(
                "{WHAT} is not where its challenge says: status {status}"
            ))
        })?;
        return read(body, server, address).map(Some);
    }
    let of_path = ProtectedResourceMetadata::new(server.clone()).address();
    let of_host = format!("{}{WELL_KNOWN}", server.origin());
    for address in [&of_path, &of_host] {
        let answer = asker.document("the server", address).await?;
        let Some(body) = document(&answer) else {
            if of_path == of_host {
                break;
            }
            continue;
        };
        match ReceivedResource::parse(body, server, address) {
            // Some sites answer with a page whatever is asked.
            Err(ResourceMetadataError::Json(_)) => {}
            Err(error) => return Err(OAuthError::BadAnswer(error.to_string())),
            Ok(found) => return Ok(Some(found)),
        }
    }
    Ok(None)
}

fn read(body: &[u8], server: &ResourceUri, address: &str) -> Result<ReceivedResource, OAuthError> {
    ReceivedResource::parse(body, server, address)
        .map_err(|error| OAuthError::BadAnswer(error.to_string()))
}
