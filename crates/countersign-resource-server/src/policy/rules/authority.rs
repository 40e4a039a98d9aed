//! Who vouches for a subject, a client or a claim.

use std::fmt;
use std::sync::Arc;

use crate::{Caller, SourceName};

/// Who vouches for a name: two issuers may use the same one for different people, so a
/// condition about a subject, a client or a claim is always about those of one authority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authority {
    /// The issuer of the token (`iss`), byte for byte.
    Issuer(Arc<str>),
    /// The source of the server that verified the credential, whoever issued it.
    Source(SourceName),
}

impl Authority {
    /// The issuer `issuer`, as tokens name it.
    pub fn issuer(issuer: impl Into<Arc<str>>) -> Self {
        Self::Issuer(issuer.into())
    }

    /// The source `name` of the server, such as `api_key`.
    pub const fn source(name: SourceName) -> Self {
        Self::Source(name)
    }

    /// Whether it vouches for `caller`.
    pub(super) fn vouches_for(&self, caller: &Caller) -> bool {
        let Some(token) = caller.access_token() else {
            return false;
        };
        match self {
            Self::Issuer(issuer) => token.iss() == &**issuer,
            Self::Source(source) => token.source() == source,
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer(issuer) => f.write_str(issuer),
            Self::Source(source) => write!(f, "the source {source}"),
        }
    }
}
