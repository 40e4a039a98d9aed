//! Error codes of dynamic client registration: RFC 7591 §3.2.2.

use crate::token_error::error_document;

/// A code of a client registration error response. The status is always 400.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the set is closed by RFC 7591 §3.2.2"
)]
pub enum RegistrationErrorCode {
    /// A redirection URI is missing or not acceptable.
    InvalidRedirectUri,
    /// Another value of the metadata is not acceptable.
    InvalidClientMetadata,
    /// The software statement is no signed statement.
    InvalidSoftwareStatement,
    /// The software statement is signed by nobody trusted here.
    UnapprovedSoftwareStatement,
}

impl RegistrationErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }

    /// The HTTP status that goes with the code (RFC 7591 §3.2.2).
    pub const fn status(self) -> u16 {
        400
    }

    /// The body of the answer (RFC 7591 §3.2.2), as JSON text.
    /// `description` is a fixed sentence of ours; never input.
    pub fn to_json(self, description: &str) -> String {
        error_document(self.as_str(), description)
    }
}
