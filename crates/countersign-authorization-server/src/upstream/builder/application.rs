//! How our application authenticates: RFC 6749 §2.3.

use std::sync::Arc;

use countersign_oauth::client_authentication::{OwnClient, OwnProof, TokenEndpointAuthMethod};
use countersign_oauth::jose::{AlgorithmFamily, SigningKey};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::provider::{
    AssertionAudience, EndpointAuthentication, IdentitySource, IssuerRule, LoginProfile,
};

use super::{UpstreamBuilder, fault};
use crate::upstream::credentials::Credentials;

impl UpstreamBuilder {
    /// Makes the key name its certificate in what it signs.
    pub(super) fn certify(&mut self, name: &str) -> Result<(), ConfigurationError> {
        let Some(certificate) = self.certificate.take() else {
            return Ok(());
        };
        let Some(key) = self.key.take().and_then(Arc::into_inner) else {
            return Err(fault(
                name,
                "there is a certificate and no private key that it belongs to: set private_key or \
                 leave it out",
            ));
        };
        let certified = key.with_certificate(&certificate);
        let certified = certified.map_err(|error| fault(name, &format!("{error}: set its own")))?;
        self.key = Some(Arc::new(certified));
        Ok(())
    }

    pub(super) fn credentials(
        &self,
        name: &str,
        login: &LoginProfile,
    ) -> Result<Credentials, ConfigurationError> {
        let given = [self.secret.is_some(), self.key.is_some(), self.is_public];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(fault(
                name,
                "an application has a secret, a private key, or is public: set one of them",
            ));
        }
        if self.audience.is_some() && self.key.is_none() {
            return Err(fault(
                name,
                "there is an audience of assertions and no private key to sign them: set \
                 private_key or leave it out",
            ));
        }
        let method = self.chosen_method(name, login)?;
        if method == TokenEndpointAuthMethod::None && !login.pkce {
            return Err(fault(
                name,
                "a public application is protected by its proof key alone, and the provider knows \
                 none: set the secret of the application with secret(…)",
            ));
        }
        let mut audience = None;
        let proof = match (method, &self.secret) {
            (TokenEndpointAuthMethod::None, _) => OwnProof::None,
            (TokenEndpointAuthMethod::ClientSecretBasic, Some(secret)) => {
                OwnProof::SecretBasic(secret.clone())
            }
            (TokenEndpointAuthMethod::ClientSecretPost, Some(secret)) => {
                OwnProof::SecretPost(secret.clone())
            }
            (TokenEndpointAuthMethod::PrivateKeyJwt, _) => {
                let (key, of) = self.key_proof(name, login)?;
                audience = Some(of);
                OwnProof::PrivateKeyJwt(key)
            }
            (_, None) => {
                return Err(fault(
                    name,
                    &format!(
                        "the secret of the application is missing, which {method} needs: set it \
                         with secret(…)"
                    ),
                ));
            }
        };
        if method.has_secret() && self.secret.as_ref().is_none_or(|it| it.reveal().is_empty()) {
            return Err(fault(
                name,
                "the secret of the application is empty: set it",
            ));
        }
        let credentials = Credentials {
            client: OwnClient::new(self.client_id.clone(), proof),
            audience,
        };
        self.check_requests(name, login, &credentials)?;
        Ok(credentials)
    }

    fn chosen_method(
        &self,
        name: &str,
        login: &LoginProfile,
    ) -> Result<TokenEndpointAuthMethod, ConfigurationError> {
        let fits = |method: &TokenEndpointAuthMethod| match method {
            TokenEndpointAuthMethod::None => self.is_public,
            TokenEndpointAuthMethod::ClientSecretBasic
            | TokenEndpointAuthMethod::ClientSecretPost => self.secret.is_some(),
            TokenEndpointAuthMethod::PrivateKeyJwt => self.key.is_some(),
        };
        let known = &login.client_authentication;
        if let Some(method) = self.method {
            return if fits(&method) {
                Ok(method)
            } else {
                Err(fault(
                    name,
                    &format!(
                        "{method} does not fit what the application has: set secret(…) for the \
                         client_secret methods, private_key(…) for private_key_jwt, public() for \
                         none"
                    ),
                ))
            };
        }
        if let Some(method) = known.iter().copied().find(fits) {
            return Ok(method);
        }
        let names: Vec<&str> = known.iter().map(|method| method.as_str()).collect();
        let names = names.join(", ");
        let has_something = self.secret.is_some() || self.key.is_some() || self.is_public;
        let sentence = if has_something {
            format!(
                "it knows {names} alone, which does not fit what the application has: set what is \
                 needed, or another method with authentication(…)"
            )
        } else {
            format!(
                "the secret of the application is missing: set it with secret(…) (it knows \
                 {names})"
            )
        };
        Err(fault(name, &sentence))
    }

    fn key_proof(
        &self,
        name: &str,
        login: &LoginProfile,
    ) -> Result<(Arc<SigningKey>, AssertionAudience), ConfigurationError> {
        let Some(key) = &self.key else {
            return Err(fault(
                name,
                "private_key_jwt needs the private key of the application: set it with \
                 private_key(…)",
            ));
        };
        if key.algorithm().family() == AlgorithmFamily::Hmac {
            return Err(fault(
                name,
                "private_key_jwt needs a private key, and there is a shared secret: set an RSA, \
                 EC or Ed25519 key",
            ));
        }
        let audience = self.audience.unwrap_or(login.assertion_audience);
        let fixed = matches!(login.identity.issuer, IssuerRule::Fixed(_))
            && login.identity.source.is_signed();
        let has_issuer = self.provider.endpoints.issuer.is_some() || fixed;
        if audience == AssertionAudience::Issuer && !has_issuer {
            return Err(fault(
                name,
                "it has no issuer that assertions could be for: set endpoints.issuer in its file, \
                 or assertion_audience(TokenEndpoint)",
            ));
        }
        Ok((Arc::clone(key), audience))
    }

    /// RFC 7662 §2.1: whoever introspects authenticates.
    fn check_requests(
        &self,
        name: &str,
        login: &LoginProfile,
        credentials: &Credentials,
    ) -> Result<(), ConfigurationError> {
        let needs_secret = |how| how == EndpointAuthentication::ClientSecretBasic;
        let introspects = login.identity.source == IdentitySource::Introspection
            && needs_secret(self.provider.introspection.request.authentication);
        if introspects && !credentials.method().has_secret() {
            return Err(fault(
                name,
                "who logged in is asked with the secret of the application, and it has none: set \
                 it with secret(…)",
            ));
        }
        Ok(())
    }
}
