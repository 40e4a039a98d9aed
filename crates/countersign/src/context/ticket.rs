//! Tickets for addresses that a person is asked to open: checklist CO-07.

use std::sync::Arc;

use countersign_resource_server::oauth::{Lifetime, UnixTime};

use super::Context;
use super::seal::{Binding, Sealer};
use crate::ToolError;

/// As long as an answer may take.
const LIFETIME: Lifetime = Lifetime::from_mins(10);

/// Checks the tickets of [`Context::url_ticket`] where the person arrives.
#[derive(Clone, Debug)]
pub struct UrlTickets(pub(crate) Arc<Sealer>);

impl UrlTickets {
    /// Whether `ticket` was made for the user `subject` of `issuer` and is not
    /// older than 10 minutes at the time `now`.
    ///
    /// # Security
    ///
    /// `issuer` and `subject` come from a login at the page itself, never from the
    /// request that brought the ticket: a link can be forwarded to somebody else.
    pub fn is_for(&self, ticket: &str, issuer: &str, subject: &str, now: UnixTime) -> bool {
        let Ok((_, opened)) = self.0.open(ticket, &Binding::ticket(issuer, subject)) else {
            return false;
        };
        <[u8; 8]>::try_from(opened).is_ok_and(|expiry| u64::from_be_bytes(expiry) > now.as_secs())
    }
}

impl Context {
    /// A text for the URL of [`Self::elicit_url`], by which the page knows, with
    /// [`UrlTickets::is_for`], that the person who arrives is this caller.
    ///
    /// Each call makes another one, so keep it with [`Self::remember`], or the
    /// question is another one when the handler runs again.
    ///
    /// # Errors
    ///
    /// If the caller is anonymous.
    pub fn url_ticket(&self) -> Result<String, ToolError> {
        let principal = self
            .caller()
            .principal()
            .ok_or_else(|| ToolError::internal("an anonymous caller cannot be recognised"))?;
        let expiry = self.0.request.received.saturating_add(LIFETIME).as_secs();
        self.0
            .home
            .sealer
            .seal(
                expiry.to_be_bytes().to_vec(),
                &Binding::ticket(&principal.issuer, &principal.subject),
            )
            .ok_or_else(|| ToolError::internal("the random generator failed"))
    }
}
