//! Who is calling: the verified token of a request, or nobody.

use std::net::IpAddr;
use std::sync::Arc;

use countersign_oauth::{ScopeSet, Secret};
use http::HeaderValue;

use crate::{AccessToken, Principal, ScopeHierarchy};

static NO_SCOPES: ScopeSet = ScopeSet::new();

/// The caller of one request. Identity comes from the verified token alone.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    access_token: Option<AccessToken>,
    /// What the scopes of the token contain, if that is more than they say.
    contained: Option<Arc<ScopeSet>>,
    authorization: Option<Presented>,
    address: Option<IpAddr>,
}

#[derive(Clone)]
struct Presented(HeaderValue);

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("redacted")
    }
}

impl Caller {
    /// Nobody in particular: no credential was presented.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The bearer of a verified token.
    pub fn authenticated(access_token: AccessToken) -> Self {
        Self {
            access_token: Some(access_token),
            ..Self::default()
        }
    }

    /// The bearer of a verified token at a resource whose scopes contain others.
    pub fn authenticated_under(access_token: AccessToken, hierarchy: &ScopeHierarchy) -> Self {
        let expanded = |token: &AccessToken| Arc::new(hierarchy.expanded(token.scopes()));
        Self {
            contained: (!hierarchy.is_empty()).then(|| expanded(&access_token)),
            ..Self::authenticated(access_token)
        }
    }

    /// Keeps the header that the token was read from.
    #[must_use]
    pub(crate) fn presented_in(mut self, authorization: HeaderValue) -> Self {
        self.authorization = Some(Presented(authorization));
        self
    }

    /// Notes the address of the peer; for limits and the audit, never for identity.
    #[must_use]
    pub const fn at(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// The verified token; `None` for an anonymous caller.
    pub const fn access_token(&self) -> Option<&AccessToken> {
        self.access_token.as_ref()
    }

    /// The text of the presented token, for a token exchange (RFC 8693 §2.1).
    ///
    /// # Security
    ///
    /// A token is for this server. Sending it to another one is forbidden by the
    /// MCP authorization specification.
    pub fn token(&self) -> Option<Secret> {
        let value = self.authorization.as_ref()?.0.to_str().ok()?;
        let (_, token) = value.split_once(' ')?;
        Some(Secret::new(token.trim_start_matches(' ')))
    }

    /// The scopes of the token with those that they contain ([`ScopeHierarchy`]); none
    /// for an anonymous caller.
    pub fn scopes(&self) -> &ScopeSet {
        if let Some(contained) = &self.contained {
            return contained;
        }
        self.access_token
            .as_ref()
            .map_or(&NO_SCOPES, AccessToken::scopes)
    }

    /// The OAuth client that acts, if the token names one.
    pub fn client_id(&self) -> Option<&str> {
        self.access_token.as_ref()?.client_id()
    }

    /// Issuer, subject and client of the token.
    pub fn principal(&self) -> Option<&Principal> {
        self.access_token.as_ref().map(AccessToken::principal)
    }

    /// The address of the peer, if the transport has one.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }
}
