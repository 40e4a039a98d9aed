//! Who we are at an authorization server: an id that somebody registered before, the
//! address of a document about us, or dynamic registration (RFC 7591), in this order.

mod answer;
mod request;

use std::sync::Arc;

use countersign_oauth::client_authentication::{OwnClient, OwnProof, TokenEndpointAuthMethod};
use countersign_oauth::jose::SigningKey;
use countersign_oauth::{ClientId, Issuer, Secret, UnixTime};
use url::Url;

use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::store::{StoredClient, TokenStore};

/// One way to be known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Registration {
    /// Somebody registered us before, with one authorization server.
    PreRegistered {
        /// The id.
        client_id: ClientId,
        /// The secret, if there is one.
        secret: Option<Secret>,
        /// With which authorization server; if absent, with whichever the resource named
        /// when the id was first used.
        issuer: Option<Issuer>,
    },
    /// The address of a document about us is our id
    /// (draft-ietf-oauth-client-id-metadata-document §3).
    MetadataDocument(ClientId),
    /// We register ourselves (RFC 7591 §3).
    Dynamic,
}

/// What is said when we register.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registrar {
    /// What people know us as.
    pub client_name: String,
    /// The ways to be known, tried in this order.
    pub ways: Vec<Registration>,
    /// Our key, for servers that authenticate clients by keys (RFC 7523 §2.2).
    pub key: Option<Arc<SigningKey>>,
}

/// A client with what it proves itself with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KnownClient {
    /// The client.
    pub client: OwnClient,
    /// Its id.
    pub client_id: ClientId,
}

impl Registrar {
    /// The client at the authorization server of `discovery`, registered if need be.
    /// `redirect_uri` is where answers shall go.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] if the server wants a client that somebody has to
    /// register, or the registered one belongs to another server.
    pub async fn client(
        &self,
        asker: &Asker,
        store: &dyn TokenStore,
        discovery: &Discovery,
        redirect_uri: &str,
    ) -> Result<KnownClient, OAuthError> {
        check_redirect_uri(redirect_uri)?;
        let offer = &discovery.offer;
        for way in &self.ways {
            match way {
                Registration::PreRegistered {
                    client_id,
                    secret,
                    issuer,
                } => {
                    check_issuer(issuer.as_ref(), discovery)?;
                    return self.known(client_id, secret.as_ref(), discovery);
                }
                Registration::MetadataDocument(client_id) if offer.client_id_documents => {
                    return self.known(client_id, None, discovery);
                }
                Registration::Dynamic if offer.registration_endpoint.is_some() => {
                    let kept = store.client(&discovery.issuer).await?;
                    let kept = kept.filter(|kept| fits(kept, redirect_uri, asker.now()));
                    let client = match kept {
                        Some(kept) => kept,
                        None => {
                            let name = &self.client_name;
                            let client =
                                request::register(asker, discovery, name, redirect_uri).await?;
                            store.put_client(&client).await?;
                            client
                        }
                    };
                    return Ok(of_stored(&client));
                }
                Registration::MetadataDocument(_) | Registration::Dynamic => {}
            }
        }
        let issuer = &discovery.issuer;
        Err(OAuthError::Configuration(format!(
            "the authorization server {issuer} lets no client register itself in a way that this \
             one can: register a client there with the redirect URI {redirect_uri} and name it \
             with client_id(…)"
        )))
    }

    /// The client with the id `client_id` that got tokens from `discovery` before;
    /// nothing if what it proved itself with is gone.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if the store cannot be used or the settings do not fit.
    pub async fn earlier(
        &self,
        store: &dyn TokenStore,
        discovery: &Discovery,
        client_id: &ClientId,
    ) -> Result<Option<KnownClient>, OAuthError> {
        for way in &self.ways {
            match way {
                Registration::PreRegistered {
                    client_id: own,
                    secret,
                    issuer,
                } if own == client_id => {
                    check_issuer(issuer.as_ref(), discovery)?;
                    return self.known(own, secret.as_ref(), discovery).map(Some);
                }
                Registration::MetadataDocument(own) if own == client_id => {
                    return self.known(own, None, discovery).map(Some);
                }
                _ => {}
            }
        }
        let kept = store.client(&discovery.issuer).await?;
        let kept = kept.filter(|kept| kept.client_id == *client_id);
        Ok(kept.as_ref().map(of_stored))
    }

    /// Whether tokens of `client_id` from `issuer` may be used: where a client is named, no
    /// other one is.
    pub(crate) fn may_be(&self, issuer: &Issuer, client_id: &ClientId) -> bool {
        let named = self.ways.iter().find_map(|way| match way {
            Registration::PreRegistered {
                client_id, issuer, ..
            } => Some((client_id, issuer)),
            _ => None,
        });
        named.is_none_or(|(own, of)| own == client_id && of.as_ref().is_none_or(|of| of == issuer))
    }

    /// The issuers that settings name.
    pub(crate) fn issuers(&self) -> Vec<Issuer> {
        let named = self.ways.iter().filter_map(|way| match way {
            Registration::PreRegistered { issuer, .. } => issuer.clone(),
            _ => None,
        });
        named.collect()
    }

    /// The id of a client that was registered before with a server that is not named.
    pub(crate) fn unplaced(&self) -> Option<&ClientId> {
        self.ways.iter().find_map(|way| match way {
            Registration::PreRegistered {
                client_id,
                issuer: None,
                ..
            } => Some(client_id),
            _ => None,
        })
    }

    fn known(
        &self,
        client_id: &ClientId,
        secret: Option<&Secret>,
        discovery: &Discovery,
    ) -> Result<KnownClient, OAuthError> {
        let proof = self.proof(secret, discovery)?;
        Ok(KnownClient {
            client: OwnClient::new(client_id.as_str(), proof),
            client_id: client_id.clone(),
        })
    }

    /// One method, which the server offers (RFC 6749 §2.3). Without a word about it, that
    /// is `client_secret_basic` (RFC 8414 §2).
    fn proof(
        &self,
        secret: Option<&Secret>,
        discovery: &Discovery,
    ) -> Result<OwnProof, OAuthError> {
        use TokenEndpointAuthMethod as Method;
        let offers = |method| match &discovery.offer.auth_methods {
            Some(methods) => methods.contains(&method),
            None => method == Method::ClientSecretBasic,
        };
        let issuer = &discovery.issuer;
        match (secret, &self.key) {
            (_, Some(key)) if offers(Method::PrivateKeyJwt) => {
                Ok(OwnProof::PrivateKeyJwt(Arc::clone(key)))
            }
            (Some(secret), _) if offers(Method::ClientSecretBasic) => {
                Ok(OwnProof::SecretBasic(secret.clone()))
            }
            (Some(secret), _) if offers(Method::ClientSecretPost) => {
                Ok(OwnProof::SecretPost(secret.clone()))
            }
            (Some(_), _) => Err(OAuthError::Configuration(format!(
                "the authorization server {issuer} takes no client secret: leave \
                 client_secret(…) out, or set private_key(…)"
            ))),
            // A public client sends its id and nothing else.
            (None, _) => Ok(OwnProof::None),
        }
    }
}

fn of_stored(client: &StoredClient) -> KnownClient {
    let secret = client.client_secret.clone();
    let proof = match (client.token_endpoint_auth_method, secret) {
        (TokenEndpointAuthMethod::ClientSecretBasic, Some(secret)) => OwnProof::SecretBasic(secret),
        (TokenEndpointAuthMethod::ClientSecretPost, Some(secret)) => OwnProof::SecretPost(secret),
        _ => OwnProof::None,
    };
    KnownClient {
        client: OwnClient::new(client.client_id.as_str(), proof),
        client_id: client.client_id.clone(),
    }
}

/// Whether a registered client can still be used, with answers to `redirect_uri`.
fn fits(client: &StoredClient, redirect_uri: &str, now: UnixTime) -> bool {
    let is_registered = client
        .redirect_uris
        .iter()
        .any(|known| is_same_redirect_uri(known, redirect_uri));
    is_registered && client.secret_expires_at.is_none_or(|end| now < end)
}

/// Whether answers to `one` may go to `other` too: the port of a loopback address does
/// not matter (RFC 8252 §7.3).
fn is_same_redirect_uri(one: &str, other: &str) -> bool {
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        if is_loopback(text) {
            url.set_port(None).ok()?;
        }
        Some(url)
    };
    one == other || without_port(one).is_some_and(|url| without_port(other) == Some(url))
}

fn is_loopback(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|url| countersign_oauth::uri::is_loopback_host(&url))
}

/// RFC 8252 §7 and §8.3, without schemes of apps: https, or loopback.
fn check_redirect_uri(redirect_uri: &str) -> Result<(), OAuthError> {
    let url = Url::parse(redirect_uri);
    let fits = url.is_ok_and(|url| {
        let is_bare = url.fragment().is_none() && url.username().is_empty();
        let is_safe =
            url.scheme() == "https" || (url.scheme() == "http" && is_loopback(redirect_uri));
        is_bare && is_safe && url.has_host()
    });
    if fits {
        return Ok(());
    }
    Err(OAuthError::Configuration(
        "answers must come back to an https address or to this machine: set another redirect URI"
            .to_owned(),
    ))
}

fn check_issuer(issuer: Option<&Issuer>, discovery: &Discovery) -> Result<(), OAuthError> {
    match issuer {
        Some(issuer) if *issuer != discovery.issuer => Err(OAuthError::Configuration(format!(
            "the client is registered with {issuer}, and the server now names the authorization \
             server {}: its credentials are not sent there; register a client there and name it \
             with client_id(…) and issuer(…)",
            discovery.issuer
        ))),
        _ => Ok(()),
    }
}
