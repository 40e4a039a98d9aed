//! Tokens for programs, as they are said outside of code: whose assertions are believed,
//! and which client may exchange what.

use std::collections::BTreeMap;
use std::fmt::Display;

use countersign_authorization_server::{
    AuthorizationServerBuilder, TokenExchange, TrustedIdentityProvider, Workload, WorkloadIssuer,
};
use countersign_resource_server::oauth::assertion_grant::ClaimRule;
use countersign_resource_server::oauth::jose::{Algorithm, AlgorithmFamily};
use countersign_resource_server::oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet};
use countersign_resource_server::{ConfigurationError, IssuerKeys, Keys, ReplaceableKeys};

use super::Configuration;
use super::kind::of;
use super::local_keys::{LocalKeys, Reread};
use super::setting::{
    EXCHANGE_CLIENT, EXCHANGE_LIFETIME, EXCHANGE_SCOPES, EXCHANGE_SERVED, EXCHANGE_TARGET,
    IDP_ALGORITHMS, IDP_ISSUER, IDP_JWKS_FILE, IDP_JWKS_URL, IDP_SCOPES, IDP_TENANT, ISSUER_URL,
    MORE_SCOPES, RESOURCES, WORKLOAD_ALGORITHMS, WORKLOAD_CLAIMS, WORKLOAD_CLIENT, WORKLOAD_ISSUER,
    WORKLOAD_JWKS_FILE, WORKLOAD_JWKS_URL, WORKLOAD_RESOURCES, WORKLOAD_SCOPES,
};

/// What reads keys again is given to this: what it reads, and whether that is watched.
pub(crate) type Reloading<'a> = &'a mut dyn FnMut(String, bool, Reread);

/// Where it is said whose keys an issuer has.
#[derive(Clone, Copy)]
struct IssuerPaths {
    issuer: &'static str,
    jwks_url: &'static str,
    jwks_file: &'static str,
    algorithms: &'static str,
}

const OF_PROVIDER: IssuerPaths = IssuerPaths {
    issuer: IDP_ISSUER,
    jwks_url: IDP_JWKS_URL,
    jwks_file: IDP_JWKS_FILE,
    algorithms: IDP_ALGORITHMS,
};

const OF_WORKLOAD: IssuerPaths = IssuerPaths {
    issuer: WORKLOAD_ISSUER,
    jwks_url: WORKLOAD_JWKS_URL,
    jwks_file: WORKLOAD_JWKS_FILE,
    algorithms: WORKLOAD_ALGORITHMS,
};

/// Which of the tokens of a server a client may exchange, and for what.
#[derive(Clone, Debug)]
struct Exchange {
    client: String,
    /// The resource that the client serves; this server itself if absent.
    served: Option<String>,
    target: String,
    scopes: Vec<String>,
    lifetime: Option<Lifetime>,
}

/// All of it, judged as far as that can be done without the server that it is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machines {
    resources: Vec<String>,
    scopes: ScopeSet,
    providers: Vec<TrustedIdentityProvider>,
    issuers: Vec<WorkloadIssuer>,
    exchanges: Vec<Exchange>,
}

impl Machines {
    /// Tells `builder`, which knows the address of the server already.
    pub(crate) fn put_into(
        self,
        builder: AuthorizationServerBuilder,
    ) -> AuthorizationServerBuilder {
        let mut own = None;
        let scopes = self.scopes;
        let builder = builder.settings(|settings| {
            own = settings
                .resources
                .first()
                .map(ResourceUri::as_str)
                .map(str::to_owned);
            settings.offer(scopes);
        });
        let own = own.unwrap_or_default();
        let resources = self.resources.into_iter();
        let builder = resources.fold(builder, AuthorizationServerBuilder::resource);
        let providers = self.providers.into_iter();
        let builder = providers.fold(builder, AuthorizationServerBuilder::identity_assertions);
        let issuers = self.issuers.into_iter();
        let builder = issuers.fold(builder, AuthorizationServerBuilder::workloads);
        self.exchanges.into_iter().fold(builder, |builder, it| {
            let served = it.served.unwrap_or_else(|| own.clone());
            let rule = TokenExchange::new(it.client, served, it.target).scopes(it.scopes);
            builder.token_exchange(match it.lifetime {
                Some(lifetime) => rule.lifetime(lifetime),
                None => rule,
            })
        })
    }
}

impl Configuration {
    /// What is said about tokens for programs, if anything is; files of keys are read, and
    /// `reloads` is given what reads them again.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    pub(crate) fn machines(
        &self,
        reloads: Reloading<'_>,
    ) -> Result<Option<Machines>, ConfigurationError> {
        let says_more = [RESOURCES, MORE_SCOPES]
            .iter()
            .any(|it| self.given(it).is_some());
        if !says_more && self.machines_origin().is_none() {
            return Ok(None);
        }
        let mut machines = Machines {
            resources: self.resources_at(RESOURCES)?,
            scopes: self.scopes_at(MORE_SCOPES)?,
            ..Machines::default()
        };
        let mut issuers = BTreeMap::new();
        for name in self.names_in("identity_providers") {
            let issuer = self.issuer_of(OF_PROVIDER, name)?;
            if let Some(other) = issuers.insert(issuer, name) {
                return Err(ConfigurationError::new(format!(
                    "{} and {} name the same issuer: put what they say together",
                    self.origin(&of(IDP_ISSUER, other)),
                    self.origin(&of(IDP_ISSUER, name))
                )));
            }
            machines
                .providers
                .push(self.provider(name, issuer, reloads)?);
        }
        machines.issuers = self.workload_issuers(reloads)?;
        for name in self.names_in("token_exchange") {
            machines.exchanges.push(self.exchange(name)?);
        }
        Ok(Some(machines))
    }

    fn provider(
        &self,
        name: &str,
        issuer: &str,
        reloads: Reloading<'_>,
    ) -> Result<TrustedIdentityProvider, ConfigurationError> {
        let mut provider = TrustedIdentityProvider::new(name, issuer);
        if let Some(keys) = self.keys_of(OF_PROVIDER, &[name], reloads)? {
            provider = provider.keys(keys);
        }
        if let Some(algorithms) = self.algorithms_of(OF_PROVIDER, &[name])? {
            provider = provider.algorithms(algorithms);
        }
        if let Some(tenant) = self.text(&of(IDP_TENANT, name)) {
            provider = provider.tenant(tenant);
        }
        let scopes = of(IDP_SCOPES, name);
        self.scopes_at(&scopes)?;
        Ok(match self.list(&scopes) {
            [] => provider,
            names => provider.scopes(names),
        })
    }

    /// The platforms, each with all of the workloads that name it.
    fn workload_issuers(
        &self,
        reloads: Reloading<'_>,
    ) -> Result<Vec<WorkloadIssuer>, ConfigurationError> {
        let mut platforms: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in self.names_in("workloads") {
            let issuer = self.issuer_of(OF_WORKLOAD, name)?;
            platforms.entry(issuer).or_default().push(name);
        }
        let mut issuers = Vec::new();
        for (issuer, names) in platforms {
            let mut platform = WorkloadIssuer::new(issuer);
            if let Some(keys) = self.keys_of(OF_WORKLOAD, &names, reloads)? {
                platform = platform.keys(keys);
            }
            if let Some(algorithms) = self.algorithms_of(OF_WORKLOAD, &names)? {
                platform = platform.algorithms(algorithms);
            }
            for name in names {
                platform = platform.workload(self.workload(name)?);
            }
            issuers.push(platform);
        }
        Ok(issuers)
    }

    fn workload(&self, name: &str) -> Result<Workload, ConfigurationError> {
        let client = self.client_at(&of(WORKLOAD_CLIENT, name), &of(WORKLOAD_ISSUER, name))?;
        let path = of(WORKLOAD_CLAIMS, name);
        let mut workload = Workload::new(name, client);
        for text in self.list(&path) {
            let Some((claim, pattern)) = text.split_once('=') else {
                let sentence = "write each claim as claim=text, such as repository=acme/app";
                return Err(self.at(&path, &sentence));
            };
            let judged = ClaimRule::like(claim, pattern);
            judged.map_err(|error| self.at(&path, &error))?;
            workload = workload.claim_like(claim, pattern);
        }
        if self.list(&path).is_empty() {
            return Err(ConfigurationError::new(format!(
                "{}: anybody on that platform would be taken for {name}: set {} to the claims by \
                 which it is known, such as repository=acme/app",
                self.origin(&of(WORKLOAD_ISSUER, name)),
                self.to_set(&path, &of(WORKLOAD_ISSUER, name))
            )));
        }
        let scopes = of(WORKLOAD_SCOPES, name);
        self.scopes_at(&scopes)?;
        let workload = workload.scopes(self.list(&scopes));
        let resources = self.resources_at(&of(WORKLOAD_RESOURCES, name))?;
        Ok(resources.into_iter().fold(workload, Workload::resource))
    }

    fn exchange(&self, name: &str) -> Result<Exchange, ConfigurationError> {
        let (client, target) = (of(EXCHANGE_CLIENT, name), of(EXCHANGE_TARGET, name));
        let first = self.first_of("token_exchange", name);
        let client = self.client_at(&client, &first)?;
        let Some(called) = self.resources_at(&target)?.pop() else {
            return Err(ConfigurationError::new(format!(
                "{} is about an exchange of tokens, and nothing says for which resource: set {}",
                self.origin(&first),
                self.to_set(&target, &first)
            )));
        };
        let served = of(EXCHANGE_SERVED, name);
        let serves = self.resources_at(&served)?.pop();
        if serves.as_ref() == Some(&called) {
            return Err(ConfigurationError::new(format!(
                "{} and {} name the same resource: a token for it is there already; set {} to the \
                 one that is called",
                self.origin(&served),
                self.origin(&target),
                self.to_set(&target, &target)
            )));
        }
        let (scopes, lifetime) = (of(EXCHANGE_SCOPES, name), of(EXCHANGE_LIFETIME, name));
        self.scopes_at(&scopes)?;
        if self.seconds(&lifetime) == Some(0) {
            return Err(self.at(
                &lifetime,
                &"its tokens would never be valid: set it to 1 or more",
            ));
        }
        Ok(Exchange {
            client,
            served: serves,
            target: called,
            scopes: self.list(&scopes).to_vec(),
            lifetime: self.seconds(&lifetime).map(Lifetime::from_secs),
        })
    }
}

/// What is judged in each of them.
impl Configuration {
    fn at(&self, path: &str, sentence: &dyn Display) -> ConfigurationError {
        ConfigurationError::new(format!("{}: {sentence}", self.origin(path)))
    }

    /// The place of the first setting that is given of `name` in the family `section`.
    fn first_of(&self, section: &str, name: &str) -> String {
        let begins = format!("{section}.{name}.");
        let mut paths = self.given.keys();
        let first = paths.find(|path| path.starts_with(&begins));
        first.cloned().unwrap_or_default()
    }

    fn issuer_of(&self, paths: IssuerPaths, name: &str) -> Result<&str, ConfigurationError> {
        let path = of(paths.issuer, name);
        let Some(issuer) = self.text(&path) else {
            let section = paths.issuer.split('.').next().unwrap_or_default();
            let first = self.first_of(section, name);
            return Err(ConfigurationError::new(format!(
                "{} is about tokens of another issuer, and nothing says which one: set {} to its \
                 issuer identifier, such as https://idp.example.com",
                self.origin(&first),
                self.to_set(&path, &first)
            )));
        };
        Issuer::parse(issuer).map_err(|error| self.at(&path, &error))?;
        if self.text(ISSUER_URL) == Some(issuer) {
            return Err(ConfigurationError::new(format!(
                "{} and {} name the same issuer, this server itself: take the first one away",
                self.origin(&path),
                self.origin(ISSUER_URL)
            )));
        }
        Ok(issuer)
    }

    /// The one thing that those called `names` say at `path`.
    fn agreed<'a, T: PartialEq>(
        &'a self,
        path: &str,
        names: &[&str],
        read: impl Fn(&'a Self, &str) -> Option<T>,
    ) -> Result<Option<(String, T)>, ConfigurationError> {
        let mut agreed: Option<(String, T)> = None;
        for name in names {
            let place = of(path, name);
            let Some(said) = read(self, &place) else {
                continue;
            };
            match &agreed {
                None => agreed = Some((place, said)),
                Some((_, earlier)) if *earlier == said => {}
                Some((first, _)) => {
                    return Err(ConfigurationError::new(format!(
                        "{} and {} say different things about the keys of the same issuer: take \
                         one of them away",
                        self.origin(first),
                        self.origin(&place)
                    )));
                }
            }
        }
        Ok(agreed)
    }

    /// The public keys of the issuer that those called `names` have in common, if they are
    /// not where its metadata say.
    fn keys_of(
        &self,
        paths: IssuerPaths,
        names: &[&str],
        reloads: Reloading<'_>,
    ) -> Result<Option<Keys>, ConfigurationError> {
        let url = self.agreed(paths.jwks_url, names, Self::text)?;
        let file = self.agreed(paths.jwks_file, names, Self::text)?;
        let (place, keys) = match (url, file) {
            (None, None) => return Ok(None),
            (Some((url, _)), Some((file, _))) => {
                return Err(ConfigurationError::new(format!(
                    "{} and {} both say where the keys of the issuer are: take one of them away",
                    self.origin(&url),
                    self.origin(&file)
                )));
            }
            (Some((place, url)), None) => (place, Keys::jwks(url)),
            (None, Some((place, file))) => {
                let local = LocalKeys::key_set(file);
                let keys = local.read().map_err(|error| self.at(&place, &error))?;
                let keys = ReplaceableKeys::new(&keys).map_err(|error| self.at(&place, &error))?;
                let (what, again) = (self.origin(&place), keys.clone());
                reloads(what, true, Box::new(move || local.put_into(&again)));
                (place, Keys::replaceable(&keys))
            }
        };
        IssuerKeys::of(&keys, None).map_err(|error| self.at(&place, &error))?;
        Ok(Some(keys))
    }

    fn algorithms_of(
        &self,
        paths: IssuerPaths,
        names: &[&str],
    ) -> Result<Option<Vec<Algorithm>>, ConfigurationError> {
        let listed = |this: &Self, path: &str| {
            let names = this.list(path);
            (!names.is_empty()).then(|| names.to_vec())
        };
        let Some((place, _)) = self.agreed(paths.algorithms, names, listed)? else {
            return Ok(None);
        };
        let algorithms = self.algorithms_at(&place)?;
        let symmetric = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
        if algorithms.iter().any(symmetric) {
            let sentence = "another issuer signs with a private key: write algorithms for public \
                            keys, such as RS256 or ES256";
            return Err(self.at(&place, &sentence));
        }
        Ok(Some(algorithms))
    }

    fn client_at(&self, path: &str, beside: &str) -> Result<String, ConfigurationError> {
        let Some(client) = self.text(path) else {
            return Err(ConfigurationError::new(format!(
                "{} is about a client of this server, and nothing says which one: set {} to the id \
                 that `countersign clients add` printed",
                self.origin(beside),
                self.to_set(path, beside)
            )));
        };
        ClientId::parse(client).map_err(|error| self.at(path, &error))?;
        Ok(client.to_owned())
    }

    fn scopes_at(&self, path: &str) -> Result<ScopeSet, ConfigurationError> {
        ScopeSet::from_names(self.list(path)).map_err(|error| self.at(path, &error))
    }

    /// The identifiers of resources (RFC 8707 §2) at `path`, in a list or alone.
    fn resources_at(&self, path: &str) -> Result<Vec<String>, ConfigurationError> {
        let texts = self.list(path).iter().map(String::as_str);
        let texts: Vec<_> = texts.chain(self.text(path)).collect();
        for text in &texts {
            ResourceUri::parse(text).map_err(|error| self.at(path, &error))?;
        }
        Ok(texts.into_iter().map(str::to_owned).collect())
    }
}

/// In words.
impl Configuration {
    /// Who gets tokens without a browser.
    pub(super) fn say_machines(&self, said: &mut Vec<String>) -> Result<(), ConfigurationError> {
        if self.machines(&mut |_, _, _| ())?.is_none() {
            return Ok(());
        }
        let scopes = |path: &str| match self.list(path) {
            [] => "without scopes".to_owned(),
            names => format!("for {}", super::words::and(names)),
        };
        for name in self.names_in("identity_providers") {
            let limit = match self.list(&of(IDP_SCOPES, name)) {
                [] => "whatever the client may ask for".to_owned(),
                names => format!("{} at most", super::words::and(names)),
            };
            let people = match self.text(&of(IDP_TENANT, name)) {
                Some(tenant) => format!("its people of the tenant {tenant}"),
                None => "its people".to_owned(),
            };
            said.push(format!(
                "The identity provider {} lets {people} in by assertions (ID-JAG), which \
                 confidential clients present, for {limit}; nobody is asked. Whoever has its keys \
                 can act as any of them.",
                self.text(&of(IDP_ISSUER, name)).unwrap_or_default()
            ));
        }
        for name in self.names_in("workloads") {
            said.push(format!(
                "A program with a token of the platform {} that says {} is service:{name}, and \
                 gets tokens as the client {}, {}.",
                self.text(&of(WORKLOAD_ISSUER, name)).unwrap_or_default(),
                super::words::and(self.list(&of(WORKLOAD_CLAIMS, name))),
                self.text(&of(WORKLOAD_CLIENT, name)).unwrap_or_default(),
                scopes(&of(WORKLOAD_SCOPES, name))
            ));
        }
        for name in self.names_in("token_exchange") {
            said.push(format!(
                "The client {} may exchange tokens for {} that it is called with for tokens for \
                 {}, {}.",
                self.text(&of(EXCHANGE_CLIENT, name)).unwrap_or_default(),
                self.text(&of(EXCHANGE_SERVED, name))
                    .unwrap_or("this server"),
                self.text(&of(EXCHANGE_TARGET, name)).unwrap_or_default(),
                scopes(&of(EXCHANGE_SCOPES, name))
            ));
        }
        Ok(())
    }
}
