//! Who is calling: the verified credentials of a request, or nobody.

use std::net::IpAddr;
use std::sync::Arc;

use countersign_oauth::{ScopeSet, Secret};
use http::HeaderValue;

use crate::policy::rules::RuleSet;
use crate::{
    AccessToken, Presentation, Principal, Refusal, ScopeHierarchy, SourceName, SourceRule,
    WrongSource,
};

static NO_SCOPES: ScopeSet = ScopeSet::new();

/// The caller of one request. Identity comes from the verified token alone.
///
/// A request may carry credentials of several sources. One of them *acts*: who calls,
/// and with which scopes, is said by it alone. It is the one of the source that was
/// declared first, or where a component names sources, the first one that it names.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    first: Option<Held>,
    others: Option<Arc<[Held]>>,
    /// Which of them acts: 0 is the first.
    acting: usize,
    address: Option<IpAddr>,
    /// The rules that say which roles it has.
    rules: Option<Arc<RuleSet>>,
    /// A nonce for the next proof, which the answer should bring.
    nonce: Option<Box<HeaderValue>>,
}

/// A verified credential.
#[derive(Clone, Debug)]
struct Held {
    access_token: AccessToken,
    /// What the scopes of the token contain, if that is more than they say.
    contained: Option<Arc<ScopeSet>>,
    presented: Option<Presented>,
}

/// What a credential was read from.
#[derive(Clone)]
enum Presented {
    Bearer(HeaderValue),
    Whole(HeaderValue),
}

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
            first: Some(Held {
                access_token,
                contained: None,
                presented: None,
            }),
            ..Self::default()
        }
    }

    /// The bearer of a verified token at a resource whose scopes contain others.
    pub fn authenticated_under(access_token: AccessToken, hierarchy: &ScopeHierarchy) -> Self {
        let expanded = |token: &AccessToken| Arc::new(hierarchy.expanded(token.scopes()));
        let more = hierarchy.adds_to(access_token.scopes());
        let contained = more.then(|| expanded(&access_token));
        Self {
            first: Some(Held {
                access_token,
                contained,
                presented: None,
            }),
            ..Self::default()
        }
    }

    /// The same caller with the credentials of `other` behind its own.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if self.first.is_none() {
            return Self {
                address: self.address,
                ..other
            };
        }
        self.nonce = self.nonce.or(other.nonce.clone());
        let behind: Vec<Held> = self.held().skip(1).chain(other.held()).cloned().collect();
        self.others = (!behind.is_empty()).then(|| behind.into());
        self
    }

    /// With the roles that `rules` give it.
    #[must_use]
    pub fn under(mut self, rules: Arc<RuleSet>) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Puts a caller under `rules` who was under others: their roles, and what the scopes
    /// contain.
    pub(crate) fn put_under(&mut self, rules: &Arc<RuleSet>) {
        let is_under = |own: &Arc<RuleSet>| Arc::ptr_eq(own, rules);
        if self.is_anonymous() || self.rules.as_ref().is_some_and(is_under) {
            return;
        }
        let hierarchy = rules.hierarchy();
        let renewed = |held: &Held| {
            let scopes = held.access_token.scopes();
            let contained = hierarchy.adds_to(scopes);
            Held {
                contained: contained.then(|| Arc::new(hierarchy.expanded(scopes))),
                ..held.clone()
            }
        };
        self.first = self.first.as_ref().map(renewed);
        let others = self.others.as_ref();
        self.others = others.map(|others| others.iter().map(renewed).collect());
        self.rules = Some(Arc::clone(rules));
    }

    /// Whether the caller has the role `name`, by the rules of the server. Nobody has a
    /// role that is not defined, nor any where there are no rules.
    pub fn has_role(&self, name: &str) -> bool {
        let rules = self.rules.as_ref();
        rules.is_some_and(|rules| rules.has_role(self, name))
    }

    /// The roles that the caller has, by the rules of the server.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.as_ref().into_iter();
        rules.flat_map(|rules| rules.roles_of(self))
    }

    /// Keeps the header that the token was read from.
    #[must_use]
    pub(crate) fn presented(mut self, value: HeaderValue, at: &Presentation) -> Self {
        if let Some(first) = &mut self.first {
            first.presented = Some(match at {
                Presentation::Bearer | Presentation::Dpop => Presented::Bearer(value),
                Presentation::Header(_) => Presented::Whole(value),
            });
        }
        self
    }

    /// The answer to this caller should bring `nonce`.
    #[must_use]
    pub(crate) fn with_nonce(mut self, nonce: Option<HeaderValue>) -> Self {
        self.nonce = nonce.map(Box::new).or(self.nonce);
        self
    }

    /// A nonce for the next proof of the caller: whoever answers writes it into the field
    /// `DPoP-Nonce` (RFC 9449 §8.2, [`NONCE_FIELD`](countersign_oauth::dpop::NONCE_FIELD)).
    /// None while the one that the caller has is good for long.
    pub fn dpop_nonce(&self) -> Option<&HeaderValue> {
        self.nonce.as_deref()
    }

    /// Notes the address of the peer; for limits and the audit, never for identity.
    #[must_use]
    pub const fn at(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        let others = self.others.iter().flat_map(|others| others.iter());
        self.first.iter().chain(others)
    }

    fn acting(&self) -> Option<&Held> {
        match self.acting.checked_sub(1) {
            None => self.first.as_ref(),
            Some(place) => self.others.as_ref()?.get(place),
        }
    }

    /// Where the credential of the source `name` is, if there is one.
    pub(crate) fn position_of(&self, name: &str) -> Option<usize> {
        self.held()
            .position(|held| held.access_token.source() == name)
    }

    /// Lets the credential act that `rule` names. Without a rule the first one acts.
    ///
    /// # Errors
    ///
    /// [`WrongSource`] if there is none that it accepts; then nothing has changed.
    pub fn act_by(&mut self, rule: Option<&SourceRule>) -> Result<(), WrongSource> {
        self.acting = match rule {
            None => 0,
            Some(rule) => rule.acting(self)?.unwrap_or_default(),
        };
        Ok(())
    }

    /// The same, for an operation that needs `scopes` besides.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongSource`], with everything that the operation needs.
    pub fn act_for(&mut self, rule: &SourceRule, scopes: &ScopeSet) -> Result<(), Refusal> {
        let lacking = match self.act_by(Some(rule)) {
            Err(wrong) => wrong.with_scopes(scopes),
            Ok(()) if self.is_anonymous() && !scopes.is_empty() => {
                WrongSource::nobody(rule, scopes)
            }
            Ok(()) => return Ok(()),
        };
        Err(Refusal::WrongSource(lacking))
    }

    /// Whether no credential was presented.
    pub const fn is_anonymous(&self) -> bool {
        self.first.is_none()
    }

    /// The verified token that acts; `None` for an anonymous caller.
    pub fn access_token(&self) -> Option<&AccessToken> {
        self.acting().map(|held| &held.access_token)
    }

    /// Every verified credential of the request, in the order in which their sources
    /// were declared.
    pub fn credentials(&self) -> impl Iterator<Item = &AccessToken> {
        self.held().map(|held| &held.access_token)
    }

    /// The source of the credential that acts; `None` for an anonymous caller.
    pub fn source(&self) -> Option<&SourceName> {
        self.access_token().map(AccessToken::source)
    }

    /// The text of the credential that acts, for a token exchange (RFC 8693 §2.1).
    ///
    /// # Security
    ///
    /// A token is for this server. Sending it to another one is forbidden by the
    /// MCP authorization specification.
    pub fn token(&self) -> Option<Secret> {
        match self.acting()?.presented.as_ref()? {
            Presented::Whole(value) => value.to_str().ok().map(Secret::new),
            Presented::Bearer(value) => {
                let (_, token) = value.to_str().ok()?.split_once(' ')?;
                Some(Secret::new(token.trim_start_matches(' ')))
            }
        }
    }

    /// The scopes of the token with those that they contain ([`ScopeHierarchy`]); none
    /// for an anonymous caller.
    pub fn scopes(&self) -> &ScopeSet {
        let Some(acting) = self.acting() else {
            return &NO_SCOPES;
        };
        match &acting.contained {
            Some(contained) => contained,
            None => acting.access_token.scopes(),
        }
    }

    /// The OAuth client that acts, if the token names one.
    pub fn client_id(&self) -> Option<&str> {
        self.access_token()?.client_id()
    }

    /// Issuer, subject, client and source of the token that acts.
    pub fn principal(&self) -> Option<&Principal> {
        self.access_token().map(AccessToken::principal)
    }

    /// Who the first credential speaks for: the owner of what lasts longer than one
    /// request, whichever credential acts in it.
    pub fn owner(&self) -> Option<&Principal> {
        let first = self.first.as_ref()?;
        Some(first.access_token.principal())
    }

    /// The address of the peer, if the transport has one.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }
}
