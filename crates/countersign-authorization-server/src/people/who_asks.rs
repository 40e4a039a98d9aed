//! Who asks, as far as that is known: OAuth 2.1 §7.3 and §7.11,
//! draft-ietf-oauth-client-id-metadata-document §6.
//!
//! The name of a client is its own claim, unless an administrator entered it. What
//! cannot be claimed is where the answer goes; so the host of it is always shown.

use countersign_oauth::ClientId;
use countersign_oauth::client_id_document::ClientIdUrl;
use countersign_oauth::display_text::DisplayText;
use countersign_oauth::redirect_uri::{RedirectKind, RedirectUri};
use countersign_oauth::web_uri::LoopbackHosts;

use crate::client::{Client, ClientSource};

/// How much of a redirection URI is shown.
const SHOWN_CHARACTERS: usize = 120;

/// A client, for a page.
#[derive(Debug)]
pub(super) struct WhoAsks {
    pub(super) name: String,
    /// The host of the document that describes it.
    pub(super) host: Option<String>,
    /// Whether nobody has checked its name.
    pub(super) is_unverified: bool,
    pub(super) destination: Destination,
    /// The redirection URI, cut if it is long; its beginning says where it leads.
    pub(super) address: String,
}

/// Where the answer goes.
#[derive(Debug)]
pub(super) enum Destination {
    /// To this host.
    Web(String),
    /// To a program on the computer of the person, at this host and port.
    Loopback(String),
    /// To whichever application has this scheme.
    Application(String),
}

/// What `client` is called.
pub(super) fn name_of(client: &Client) -> String {
    let named = client.facts.metadata.client_name.as_ref();
    named
        .map(|name| name.as_str().to_owned())
        .or_else(|| host_of(&client.id))
        .unwrap_or_else(|| "An application without a name".to_owned())
}

/// The host of a client whose id is the address of a document.
pub(super) fn host_of(id: &ClientId) -> Option<String> {
    if !ClientIdUrl::is_meant(id) {
        return None;
    }
    let url = ClientIdUrl::parse(id, LoopbackHosts::Allowed).ok()?;
    DisplayText::clean(url.host()).map(|host| host.as_str().to_owned())
}

impl WhoAsks {
    pub(super) fn new(client: &Client, redirect: &RedirectUri) -> Self {
        let text = redirect.as_str();
        let mut address: String = text.chars().take(SHOWN_CHARACTERS).collect();
        if address.len() < text.len() {
            address.push('…');
        }
        Self {
            name: name_of(client),
            host: host_of(&client.id),
            is_unverified: client.facts.source != ClientSource::Administrator,
            destination: destination(redirect),
            address,
        }
    }
}

fn destination(redirect: &RedirectUri) -> Destination {
    let authority = || redirect.authority().unwrap_or_default().to_owned();
    match redirect.kind() {
        RedirectKind::Web => Destination::Web(authority()),
        RedirectKind::Loopback => Destination::Loopback(authority()),
        _ => Destination::Application(redirect.scheme().to_owned()),
    }
}
