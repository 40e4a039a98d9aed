//! Servers of the revision of March 2025, before there was metadata of resources: the
//! issuer is the host of the server, and if it publishes nothing either, the endpoints
//! have fixed paths there.

use countersign_oauth::received_metadata::ReceivedMetadata;
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::{Issuer, ResourceUri};

use super::{Discovery, server};
use crate::ask::Asker;
use crate::error::OAuthError;

pub(super) async fn find(asker: &Asker, resource: &ResourceUri) -> Result<Discovery, OAuthError> {
    let origin = resource.origin();
    let issuer = Issuer::parse(origin).map_err(|error| {
        OAuthError::BadAnswer(format!("the host of the server is no issuer: {error}"))
    })?;
    let found = server::find(asker, &issuer).await?;
    let is_published = found.is_some();
    let (metadata, offer) = found.unwrap_or_else(|| fixed(&issuer));
    Ok(Discovery {
        resource: resource.clone(),
        issuer,
        metadata,
        offer,
        is_published,
        scopes: None,
        is_bound: false,
        takes_proofs: false,
    })
}

fn fixed(issuer: &Issuer) -> (ReceivedMetadata, ReceivedOffer) {
    let mut metadata = ReceivedMetadata::unpublished(issuer.as_str());
    metadata.authorization_endpoint = Some(format!("{issuer}/authorize"));
    metadata.token_endpoint = Some(format!("{issuer}/token"));
    let mut offer = ReceivedOffer::default();
    offer.registration_endpoint = Some(format!("{issuer}/register"));
    (metadata, offer)
}
