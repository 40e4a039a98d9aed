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

/// A client, for a page.
#[derive(Debug)]
pub(super) struct WhoAsks {
    pub(super) name: String,
    /// The host of the document that describes it.
    pub(super) host: Option<String>,
    /// Whether nobody has checked its name.
    pub(super) is_unverified: bool,
    pub(super) destination: Destination,
}

/// Where the answer goes.
#[derive(Debug)]
pub(super) enum Destination {
    /// To this host.
    Web(String),
    /// To a program on the computer of the person, at this host.
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
        Self {
            name: name_of(client),
            host: host_of(&client.id),
            is_unverified: client.facts.source != ClientSource::Administrator,
            destination: destination(redirect),
        }
    }
}

fn destination(redirect: &RedirectUri) -> Destination {
    let host = || redirect.host().unwrap_or_default().to_owned();
    match redirect.kind() {
        RedirectKind::Web => Destination::Web(host()),
        RedirectKind::Loopback => Destination::Loopback(host()),
        _ => Destination::Application(redirect.scheme().to_owned()),
    }
}

/// What `form-action` must permit, so that the answer reaches the client: browsers
/// apply it to the redirects after a form as well, to those of the client's own site
/// too, which may lead to another of its hosts.
pub(super) fn form_action(redirect: &RedirectUri) -> String {
    let scheme = redirect.scheme().to_ascii_lowercase();
    match redirect.kind() {
        RedirectKind::Loopback => {
            let text = redirect.as_str();
            let authority = text.find("://").map_or(0, |at| at + 3);
            let end = text
                .get(authority..)
                .and_then(|rest| rest.find(['/', '?', '#']))
                .map_or(text.len(), |at| authority + at);
            let origin = text.get(..end).unwrap_or_default();
            // Content Security Policy has no grammar for IPv6 addresses.
            if origin.contains('[') || !origin.bytes().all(is_plain) {
                format!("{scheme}:")
            } else {
                origin.to_owned()
            }
        }
        _ => format!("{scheme}:"),
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'.' | b'-')
}
