//! A server of which everything was judged but what is in its storage. So a start that is
//! refused leaves nothing behind: the storage is opened last.

use std::sync::{Arc, OnceLock};

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::limit::Verifications;
use countersign_store::Store;

use crate::accounts::Accounts;
use crate::audit::AuditTrail;
use crate::builder::{AuthorizationServerBuilder, Change};
use crate::confirmed::Confirmed;
use crate::endpoint_budgets::EndpointLimits;
use crate::grant_end::GrantEnder;
use crate::interaction::Interaction;
use crate::keys::Keyring;
use crate::late_store::LateStore;
use crate::machines::Machines;
use crate::paths::{Endpoint, Paths};
use crate::people::{LocalAccounts, People};
use crate::possession::Possession;
use crate::server::{AuthorizationServer, Inner};
use crate::settings::Settings;
use crate::storage::Storage;
use crate::upstream::Upstream;
use crate::vault::{Provides, Vault, VaultParts};

/// A server without its storage, see [`AuthorizationServerBuilder::prepare`].
#[must_use = "it answers nobody before it is opened"]
pub struct PreparedServer {
    /// What is not taken over below.
    rest: AuthorizationServerBuilder,
    settings: Settings,
    machines: Machines,
    interaction: Arc<dyn Interaction>,
    people: Option<Arc<People>>,
    paths: Paths,
    endpoint_limits: EndpointLimits,
    possession: Option<Possession>,
    late: Arc<LateStore>,
}

impl AuthorizationServerBuilder {
    /// Judges everything that was said, without a storage: for whoever opens one only for a
    /// server that will start.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what contradicts itself.
    pub fn prepare(self) -> Result<PreparedServer, ConfigurationError> {
        let late = Arc::new(LateStore::default());
        self.prepared(Arc::clone(&late) as _, late)
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what is missing or contradicts itself.
    pub fn build(mut self) -> Result<AuthorizationServer, ConfigurationError> {
        self.check()?;
        let storage = self.storage.take().ok_or_else(no_storage)?;
        let store = Arc::clone(&storage.store);
        self.prepared(store, Arc::default())?.open(storage)
    }

    /// With accounts in `store`, which is `late` unless it is there already.
    fn prepared(
        mut self,
        store: Arc<dyn Store>,
        late: Arc<LateStore>,
    ) -> Result<PreparedServer, ConfigurationError> {
        let mut settings = self.check()?.clone();
        let machines = self.machines.open(&settings)?;
        machines.offer_to_clients(&mut settings);
        let (interaction, people) = match self.interaction.take() {
            Some(interaction) => (interaction, None),
            None => {
                let local_accounts = if self.upstreams.is_empty() || self.wants_local_accounts {
                    LocalAccounts::Offered
                } else {
                    LocalAccounts::NotOffered
                };
                let accounts = Accounts::new(store)
                    .clock(Arc::clone(&self.clock))
                    .random(Arc::clone(&self.random));
                let accounts = apply(accounts, std::mem::take(&mut self.accounts));
                let pages = std::mem::take(&mut self.pages);
                let people = apply(People::new(accounts, &settings), pages)
                    .upstreams(self.upstreams.clone(), local_accounts);
                check_ways(&people, &self.upstreams, self.wants_local_accounts)?;
                let people = Arc::new(people);
                let interaction: Arc<dyn Interaction> = people.clone();
                (interaction, Some(people))
            }
        };
        self.machines.check_people(interaction.as_ref())?;
        if let Some(accounts) = interaction.accounts() {
            accounts.check_free()?;
        }
        let mut paths = Paths::new(&settings, interaction.as_ref());
        check_sign_in(people.as_deref(), &mut paths)?;
        let endpoint_limits = EndpointLimits::new(&settings.budgets.endpoints)?;
        let possession = Possession::of(&settings, self.clock.now())?;
        Ok(PreparedServer {
            rest: self,
            settings,
            machines,
            interaction,
            people,
            paths,
            endpoint_limits,
            possession,
            late,
        })
    }
}

impl PreparedServer {
    /// Its settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The paths that it will answer, as [`AuthorizationServer::paths`].
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.all()
    }

    /// Where the provider `name` is to send people back to; see
    /// [`AuthorizationServer::callback_address`].
    pub fn callback_address(&self, name: &str) -> Option<String> {
        let mut upstreams = self.rest.upstreams.iter();
        upstreams.find(|upstream| upstream.provider().name == name)?;
        Some(self.settings.address(&format!("/callback/{name}")))
    }

    /// The server, which keeps its state in `storage`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if its accounts were given to another server meanwhile.
    pub fn open(self, storage: Storage) -> Result<AuthorizationServer, ConfigurationError> {
        let rest = self.rest;
        let Storage { store, sealing, .. } = storage;
        self.late.open(Arc::clone(&store));
        let audit = AuditTrail {
            sink: rest.audit,
            clock: Arc::clone(&rest.clock),
        };
        let confirmed = Arc::new(Confirmed::default());
        let ender = Arc::new(GrantEnder {
            store: Arc::clone(&store),
            confirmed: Arc::clone(&confirmed),
            token_manager: rest.token_manager.clone(),
            vault: OnceLock::new(),
        });
        if let Some(accounts) = self.interaction.accounts() {
            accounts.join(audit.clone(), Arc::clone(&ender))?;
        }
        let sealing = Arc::new(sealing);
        let vault = Vault::new(VaultParts {
            store: Arc::clone(&store),
            sealing: Arc::clone(&sealing),
            clock: Arc::clone(&rest.clock),
            random: Arc::clone(&rest.random),
            ender: Arc::clone(&ender),
            audit: audit.clone(),
            providers: rest.upstreams.iter().map(provides).collect(),
        });
        Ok(AuthorizationServer::of(Inner {
            possession: self.possession,
            settings: self.settings,
            endpoint_limits: self.endpoint_limits,
            verifications: Verifications::default(),
            store,
            sealing,
            clock: rest.clock,
            random: rest.random,
            keyring: Keyring::default(),
            confirmed,
            ender,
            vault,
            documents: rest.documents,
            client_policy: rest.client_policy,
            token_manager: rest.token_manager,
            interaction: self.interaction,
            people: self.people,
            claims: rest.claims,
            audit,
            paths: self.paths,
            machines: self.machines,
            upstreams: rest.upstreams,
        }))
    }
}

impl std::fmt::Debug for PreparedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedServer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn provides(upstream: &Upstream) -> Arc<dyn Provides> {
    Arc::new(upstream.clone())
}

fn no_storage() -> ConfigurationError {
    ConfigurationError::new(
        "the authorization server has no storage: say where it keeps its state with \
         .storage(…)",
    )
}

/// A way to log in that would never be offered is not what anybody meant.
fn check_ways(
    people: &People,
    upstreams: &[Upstream],
    wants_local_accounts: bool,
) -> Result<(), ConfigurationError> {
    let has_upstreams = !upstreams.is_empty();
    let contradiction = if people.has_login_of_its_own() && has_upstreams {
        "people are to log in at an upstream provider, and by .login(…): leave one out"
    } else if people.has_login_of_its_own() && people.has_sign_in_page() {
        "people are to log in by .login(…), and on a sign-in page: leave one out"
    } else if people.has_sign_in_page() && has_upstreams {
        "people are to log in at an upstream provider, and on a sign-in page: leave one out"
    } else if people.has_sign_in_page() && wants_local_accounts {
        "people are to log in with local accounts, and on a sign-in page: leave one out"
    } else {
        return Ok(());
    };
    Err(ConfigurationError::new(contradiction))
}

/// The endpoints have their paths for themselves.
fn check_sign_in(people: Option<&People>, paths: &mut Paths) -> Result<(), ConfigurationError> {
    let place = people.map(People::check_sign_in).transpose()?.flatten();
    match place {
        Some(path) if paths.endpoint(&path) != Some(Endpoint::Page) => {
            Err(ConfigurationError::new(format!(
                "the sign-in page is to be at `{path}`, where an endpoint is: say another path"
            )))
        }
        Some(path) => {
            paths.sign_in_at(&path);
            Ok(())
        }
        None => Ok(()),
    }
}

fn apply<T>(begun: T, changes: Vec<Change<T>>) -> T {
    changes.into_iter().fold(begun, |made, change| change(made))
}
