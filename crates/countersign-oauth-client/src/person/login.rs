//! The person is asked, in a browser or on another device.

use std::sync::Arc;

use countersign_oauth::received_tokens::ReceivedTokens;
use countersign_oauth::{Lifetime, ScopeSet};

use super::{Binding, Current, Inner};
use crate::authorization::{AuthorizationRequest, Wanted};
use crate::callback;
use crate::device::DeviceAuthorization;
use crate::discovery::Discovery;
use crate::dpop::{ProofKey, Prover, check_bound, is_offered, is_wanted};
use crate::error::OAuthError;
use crate::presenter::Presenter;
use crate::refresh;
use crate::registration::KnownClient;
use crate::store::{TokenKey, TokenType};
use crate::token_endpoint::TokenProof;

/// Named at registration for a login on another device, where nothing comes back to.
const NOWHERE: &str = "http://127.0.0.1/callback";

impl Inner {
    /// Asks the person for `wanted` at the authorization server of `discovery`, and keeps
    /// the tokens.
    pub(super) async fn log_in(
        &self,
        discovery: &Discovery,
        wanted: &ScopeSet,
    ) -> Result<Current, OAuthError> {
        let presenter = self.presenter.as_deref().ok_or_else(|| {
            OAuthError::Person(format!(
                "{} asks for a login, and nobody is here to ask: log in first",
                self.server
            ))
        })?;
        self.check_clients(discovery).await?;
        let prover = self.prover_for(discovery)?;
        let prover = prover.as_ref();
        let (client, tokens) = match self.ask(presenter, discovery, wanted, prover).await {
            // A client that the server has forgotten is registered once more.
            Err(error) if error.is_invalid_client() && self.forget(discovery).await? => {
                self.ask(presenter, discovery, wanted, prover).await?
            }
            other => other?,
        };
        let key = TokenKey::new(
            discovery.issuer.clone(),
            self.server.clone(),
            client.client_id,
        );
        let mut tokens = refresh::kept(&tokens, wanted, None, self.asker.now())?;
        if self.must_bind(discovery) {
            check_bound(tokens.token_type)?;
        }
        let is_bound = tokens.token_type == TokenType::Dpop;
        if let Some(prover) = prover.filter(|_| is_bound) {
            tokens.dpop_key = Some(prover.key().pem().clone());
        }
        let mut guard = self.store.exclusive(&key).await?;
        guard.put(&tokens).await?;
        self.use_tokens(key, tokens)
    }

    /// Whether other tokens than bound ones are of no use.
    fn must_bind(&self, discovery: &Discovery) -> bool {
        self.binding == Binding::Always || discovery.is_bound
    }

    /// A fresh key, if tokens are to be bound to one: where the settings or the metadata
    /// of the server want it, or both servers offer it.
    fn prover_for(&self, discovery: &Discovery) -> Result<Option<Prover>, OAuthError> {
        let is_welcome = self.binding == Binding::WhereOffered
            && discovery.takes_proofs
            && is_offered(discovery);
        if !is_welcome && !is_wanted(self.binding == Binding::Always, discovery)? {
            return Ok(None);
        }
        let key = ProofKey::generate()?;
        Ok(Some(self.prover(Arc::new(key))))
    }

    async fn ask(
        &self,
        presenter: &dyn Presenter,
        discovery: &Discovery,
        wanted: &ScopeSet,
        prover: Option<&Prover>,
    ) -> Result<(KnownClient, ReceivedTokens), OAuthError> {
        let proof = prover.map(|prover| prover as &dyn TokenProof);
        if self.on_device {
            return self
                .ask_on_device(presenter, discovery, wanted, proof)
                .await;
        }
        let store = self.store.as_ref();
        let waiting = presenter.open().await?;
        let redirect_uri = waiting.redirect_uri().to_owned();
        let client = self
            .registrar
            .client(&self.asker, store, discovery, &redirect_uri)
            .await?;
        let thumbprint = prover.map(|prover| prover.key().thumbprint());
        let what =
            Wanted::new(client.client_id.as_str(), &redirect_uri, wanted).bound_to(thumbprint);
        let request = AuthorizationRequest::new(&self.asker, discovery, what)?;
        let answer = waiting.present(&request.url).await?;
        let code = callback::read(&request, &answer)?;
        let endpoint = refresh::endpoint(&self.asker, discovery, &client.client, proof)?;
        let tokens = endpoint.ask(&request.redemption(&code)).await?;
        Ok((client, tokens))
    }

    async fn ask_on_device(
        &self,
        presenter: &dyn Presenter,
        discovery: &Discovery,
        wanted: &ScopeSet,
        proof: Option<&dyn TokenProof>,
    ) -> Result<(KnownClient, ReceivedTokens), OAuthError> {
        let store = self.store.as_ref();
        let client = self
            .registrar
            .client(&self.asker, store, discovery, NOWHERE)
            .await?;
        let own = &client.client;
        let mut device = DeviceAuthorization::begin(&self.asker, discovery, own, wanted).await?;
        if let Some(longest) = presenter.max_wait() {
            device = device.within(Lifetime::from_secs(longest.as_secs()));
        }
        presenter.tell(&device.sentence());
        let tokens = device.wait(&self.asker, discovery, own, proof).await?;
        Ok((client, tokens))
    }

    /// Forgets a client that registered itself; `false` if there is none.
    async fn forget(&self, discovery: &Discovery) -> Result<bool, OAuthError> {
        let issuer = &discovery.issuer;
        let is_known = self.store.client(issuer).await?.is_some();
        if is_known {
            self.store.forget_client(issuer).await?;
        }
        Ok(is_known)
    }

    /// A client that was registered before belongs to the authorization server where it
    /// got tokens first, unless its settings name one (RFC 9700 §4.4).
    async fn check_clients(&self, discovery: &Discovery) -> Result<(), OAuthError> {
        let Some(client_id) = self.registrar.unplaced() else {
            return Ok(());
        };
        let keys = self.store.keys_for(&self.server).await?;
        let elsewhere = keys
            .iter()
            .find(|key| key.client == *client_id && key.issuer != discovery.issuer);
        match elsewhere {
            None => Ok(()),
            Some(key) => Err(OAuthError::Configuration(format!(
                "the client {client_id} got its tokens from {}, and the server now names the \
                 authorization server {}: its credentials are not sent there; register a client \
                 there and name it with client_id(…) and issuer(…)",
                key.issuer, discovery.issuer
            ))),
        }
    }
}
