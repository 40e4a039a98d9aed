//! One request for tokens: RFC 6749 §3.2, with RFC 9449 §5 where a proof goes along.

use std::fmt;

use bytes::Bytes;
use countersign_oauth::client_authentication::OwnClient;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_tokens::{ReceivedTokenType, ReceivedTokens, TokenAnswer};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request};

use crate::ask::Asker;
use crate::error::{NoAnswer, OAuthError};

/// What the token endpoint is called in a sentence.
const WHAT: &str = "the token endpoint";

/// RFC 9449 §4.1.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Proves with each request for tokens that its sender has a key (RFC 9449 §5).
pub trait TokenProof: fmt::Debug + Send + Sync {
    /// The value of the header `DPoP` for a request with `method` to `address`. It is
    /// asked for each attempt, because a proof is used once.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if the key cannot sign.
    fn proof(&self, method: &Method, address: &str) -> Result<HeaderValue, OAuthError>;

    /// Told the header fields of each answer of `address`. Whether there is a nonce among
    /// them for the next proof (RFC 9449 §8).
    fn answered(&self, address: &str, headers: &HeaderMap) -> bool;
}

/// The token endpoint of one authorization server, for one client.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenEndpoint<'a> {
    /// Sends the request.
    pub asker: &'a Asker,
    /// Its address.
    pub address: &'a str,
    /// Whom assertions are for: the issuer (RFC 7523 §3).
    pub audience: &'a str,
    /// We, as its client.
    pub client: &'a OwnClient,
    /// Proves that we have a key; nothing for bearer tokens.
    pub proof: Option<&'a dyn TokenProof>,
}

impl<'a> TokenEndpoint<'a> {
    /// The endpoint at `address` of the issuer `audience`, asked as `client`.
    pub const fn new(
        asker: &'a Asker,
        address: &'a str,
        audience: &'a str,
        client: &'a OwnClient,
    ) -> Self {
        Self {
            asker,
            address,
            audience,
            client,
            proof: None,
        }
    }

    /// Sends with each request a proof of possession that `proof` makes (RFC 9449 §5).
    #[must_use]
    pub const fn proving(mut self, proof: &'a dyn TokenProof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Asks for tokens with the `parameters` of a grant, `grant_type` included. Client
    /// authentication is added: one method, that of the client.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Refused`] with the code of the server; every other error says that
    /// nothing is known about the grant, so it is kept. Nothing of an answer that is
    /// refused is remembered.
    pub async fn ask(&self, parameters: &Parameters) -> Result<ReceivedTokens, OAuthError> {
        let (tokens, may_repeat) = self.once(parameters).await?;
        match tokens {
            TokenAnswer::Issued(tokens) => Ok(*tokens),
            // RFC 9449 §8: the nonce that it names makes the same request good.
            TokenAnswer::Refused(refusal) if may_repeat && refusal.code == "use_dpop_nonce" => {
                match self.once(parameters).await?.0 {
                    TokenAnswer::Issued(tokens) => Ok(*tokens),
                    TokenAnswer::Refused(refusal) => Err(OAuthError::refused(WHAT, refusal)),
                }
            }
            TokenAnswer::Refused(refusal)
                if matches!(
                    refusal.code.as_str(),
                    "temporarily_unavailable" | "server_error"
                ) =>
            {
                Err(OAuthError::unreachable(WHAT, None, NoAnswer::Unavailable))
            }
            TokenAnswer::Refused(refusal) => Err(OAuthError::refused(WHAT, refusal)),
        }
    }

    /// The answer, and whether a new nonce came with it.
    async fn once(&self, parameters: &Parameters) -> Result<(TokenAnswer, bool), OAuthError> {
        let make = || self.request(parameters);
        let answer = self.asker.ask_anew(WHAT, make).await?;
        let has_nonce = self
            .proof
            .is_some_and(|proof| proof.answered(self.address, answer.headers()));
        let read = TokenAnswer::read(answer.status().as_u16(), answer.body());
        let read = read.map_err(|error| {
            OAuthError::BadAnswer(format!("the answer of {WHAT} is refused: {error}"))
        })?;
        if let TokenAnswer::Issued(tokens) = &read {
            self.check_type(tokens)?;
        }
        Ok((read, has_nonce))
    }

    /// A request of its own for each attempt: assertions and proofs count once.
    fn request(&self, parameters: &Parameters) -> Result<Request<Bytes>, OAuthError> {
        let place = (WHAT, self.address);
        let mut request = self
            .asker
            .request_of(self.client, self.audience, place, parameters)?;
        if let Some(proof) = self.proof {
            let value = proof.proof(&Method::POST, self.address)?;
            request.headers_mut().insert(DPOP, value);
        }
        Ok(request)
    }

    /// RFC 6749 §7.1: "The client MUST NOT use an access token if it does not understand
    /// the token type." A bound token is none that could be shown without its key.
    fn check_type(&self, tokens: &ReceivedTokens) -> Result<(), OAuthError> {
        if tokens.token_type == Some(ReceivedTokenType::Dpop) && self.proof.is_none() {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} issues a token that is bound to a key, which was not asked for"
            )));
        }
        Ok(())
    }
}
