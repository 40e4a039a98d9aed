//! Client authentication: RFC 6749 §2.3 and §3.2.1, RFC 7523 §2.2.
//!
//! Here is decided which client a request claims to be from and with what it
//! proves it, and whether that is the method the client registered. A client
//! has one method; another one is refused even with the right secret, because
//! the weakest of several would decide (RFC 6749 §2.3: "MUST NOT use more than
//! one authentication method in each request").
//!
//! Comparing secrets is for the store, which has their hashes alone; verifying
//! assertions is in [`assertion`].

pub mod assertion;
mod basic;
mod method;
#[cfg(feature = "sign")]
mod own;

use thiserror::Error;

use crate::form::{Form, Repeated};
use crate::jose::decode_unverified;
use crate::token_error::TokenErrorCode;
use crate::{ClientId, Secret, json};

pub use assertion::ASSERTION_TYPE;
pub use method::TokenEndpointAuthMethod;
#[cfg(feature = "sign")]
pub use own::{AssertionFacts, OwnClient, OwnProof};

/// Why a request does not authenticate its client, for the audit log.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthenticationError {
    /// A parameter or the `Authorization` header is included more than once.
    #[error("a parameter of client authentication is included more than once")]
    Repeated,
    /// More than one method is used (RFC 6749 §2.3).
    #[error("more than one way of client authentication is used")]
    SeveralMethods,
    /// The header and the body name different clients.
    #[error("the request names two different clients")]
    SeveralClients,
    /// No client is named at all.
    #[error("the request names no client")]
    NoClient,
    /// The `Authorization` header is not of the scheme Basic, or is malformed.
    #[error("the Authorization header is no Basic credential of a client")]
    Basic,
    /// `client_id` or the id in an assertion is no client id.
    #[error("the client id is malformed")]
    ClientId,
    /// The assertion is repeated, of another type, or cannot be decoded.
    #[error("the client assertion is repeated, of another type, or no signed token")]
    Assertion,
    /// The client registered another method (or none, or is public).
    #[error("the client registered another way of authentication")]
    MethodNotRegistered,
}

impl ClientAuthenticationError {
    /// The code that the client is told (RFC 6749 §5.2).
    pub const fn code(self) -> TokenErrorCode {
        match self {
            Self::Repeated | Self::SeveralMethods | Self::SeveralClients => {
                TokenErrorCode::InvalidRequest
            }
            Self::NoClient
            | Self::Basic
            | Self::ClientId
            | Self::Assertion
            | Self::MethodNotRegistered => TokenErrorCode::InvalidClient,
        }
    }
}

impl From<Repeated> for ClientAuthenticationError {
    fn from(_: Repeated) -> Self {
        Self::Repeated
    }
}

/// The client that a request claims to be from, and its proof. Nothing is verified.
#[derive(Clone, Debug)]
pub struct PresentedClient {
    client_id: ClientId,
    proof: ClientProof,
}

/// With what a client proves who it is.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a proof that is not verified would be a client that anyone can be"
)]
pub enum ClientProof {
    /// Nothing: a public client.
    None,
    /// A secret in the header (`client_secret_basic`).
    SecretBasic(Secret),
    /// A secret in the body (`client_secret_post`).
    SecretPost(Secret),
    /// A signed assertion (`private_key_jwt`).
    PrivateKeyJwt(Secret),
}

impl PresentedClient {
    /// Reads the values of all `Authorization` headers and the form of a request.
    ///
    /// # Errors
    ///
    /// [`ClientAuthenticationError`] if no single client or more than one method is presented.
    pub fn parse<'a, I>(authorization: I, form: &Form) -> Result<Self, ClientAuthenticationError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut headers = authorization.into_iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err(ClientAuthenticationError::Repeated);
        }
        let client_id = form.one("client_id")?;
        let secret = form.one("client_secret")?;
        let assertion = assertion_of(form)?;
        match (header, secret, assertion) {
            (None, None, None) => {
                let id = client_id.ok_or(ClientAuthenticationError::NoClient)?;
                Self::new(id, None, ClientProof::None)
            }
            (None, Some(secret), None) => {
                let id = client_id.ok_or(ClientAuthenticationError::NoClient)?;
                Self::new(id, None, ClientProof::SecretPost(Secret::new(secret)))
            }
            (None, None, Some(assertion)) => {
                let issuer = issuer_of(assertion)?;
                let proof = ClientProof::PrivateKeyJwt(Secret::new(assertion));
                // RFC 7521 §4.2: a `client_id` beside it "MUST identify the same client".
                Self::new(&issuer, client_id, proof)
                    .map_err(|_| ClientAuthenticationError::Assertion)
            }
            (Some(header), None, None) => {
                let (id, secret) = basic::parse(header).ok_or(ClientAuthenticationError::Basic)?;
                Self::new(&id, client_id, ClientProof::SecretBasic(secret))
            }
            _ => Err(ClientAuthenticationError::SeveralMethods),
        }
    }

    fn new(
        id: &str,
        beside: Option<&str>,
        proof: ClientProof,
    ) -> Result<Self, ClientAuthenticationError> {
        if beside.is_some_and(|beside| beside != id) {
            return Err(ClientAuthenticationError::SeveralClients);
        }
        let client_id = ClientId::parse(id).map_err(|_| ClientAuthenticationError::ClientId)?;
        Ok(Self { client_id, proof })
    }

    /// The client that the request claims to be from.
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// With what it proves that.
    pub const fn proof(&self) -> &ClientProof {
        &self.proof
    }

    /// The method of the proof.
    pub const fn method(&self) -> TokenEndpointAuthMethod {
        match self.proof {
            ClientProof::None => TokenEndpointAuthMethod::None,
            ClientProof::SecretBasic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            ClientProof::SecretPost(_) => TokenEndpointAuthMethod::ClientSecretPost,
            ClientProof::PrivateKeyJwt(_) => TokenEndpointAuthMethod::PrivateKeyJwt,
        }
    }

    /// Checks that the method is the one that the client registered.
    ///
    /// # Errors
    ///
    /// [`ClientAuthenticationError::MethodNotRegistered`] for every other one.
    pub fn check_method(
        &self,
        registered: TokenEndpointAuthMethod,
    ) -> Result<(), ClientAuthenticationError> {
        if self.method() == registered {
            Ok(())
        } else {
            Err(ClientAuthenticationError::MethodNotRegistered)
        }
    }
}

fn assertion_of(form: &Form) -> Result<Option<&str>, ClientAuthenticationError> {
    let refused = |_| ClientAuthenticationError::Assertion;
    let assertion = form.one("client_assertion").map_err(refused)?;
    match form.one("client_assertion_type").map_err(refused)? {
        None if assertion.is_none() => Ok(None),
        Some(ASSERTION_TYPE) if assertion.is_some() => Ok(assertion),
        _ => Err(ClientAuthenticationError::Assertion),
    }
}

/// Who claims to have made the assertion. It only says whose keys to verify with.
fn issuer_of(assertion: &str) -> Result<String, ClientAuthenticationError> {
    let claims = decode_unverified(assertion)
        .ok()
        .and_then(|token| json::parse_object(token.payload()).ok());
    claims
        .as_ref()
        .and_then(|claims| claims.get("iss")?.as_str().map(str::to_owned))
        .ok_or(ClientAuthenticationError::Assertion)
}
