//! One provider, as the options describe it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use countersign::authorization_server::Upstream;
use countersign::oauth::Secret;
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::jose::{Algorithm, SigningKey};
use countersign::provider::{Preset, Provider};

use super::{FLAGS, secret};
use crate::file;

/// A provider, and what was said about it.
pub(crate) struct Chosen {
    /// What `--login` says.
    told: String,
    preset: Preset,
    values: BTreeMap<&'static str, Vec<String>>,
}

/// The variable that every file knows without declaring it.
const CLIENT_ID: &str = "client_id";

impl Chosen {
    /// The provider called `told`, or the one in the file `told`.
    pub(super) fn read(told: &str) -> anyhow::Result<Self> {
        let preset = match Preset::named(told) {
            Some(preset) => preset,
            None if told.contains(['/', '\\', '.']) => {
                let text = file::text(Path::new(told))?;
                Preset::parse(&text).with_context(|| told.to_owned())?
            }
            None => bail!(
                "--login {told}: there is no provider of this name; `countersign providers list` \
                 lists them, and the name of a file has a dot or a slash in it"
            ),
        };
        Ok(Self {
            told: told.to_owned(),
            preset,
            values: BTreeMap::new(),
        })
    }

    /// Its name in addresses.
    pub(crate) fn name(&self) -> &str {
        self.preset.name()
    }

    /// Takes one value of `option`.
    pub(super) fn take(&mut self, option: &'static str, value: &str) -> anyhow::Result<()> {
        let is_flag = FLAGS.contains(&option);
        if value.is_empty() != is_flag {
            bail!(match is_flag {
                true => format!(
                    "{option} takes no value besides the name of a provider, which is {}",
                    self.name()
                ),
                false => format!("{option}: the value is missing"),
            });
        }
        let values = self.values.entry(option).or_default();
        let can_be_repeated = matches!(
            option,
            "--login-set"
                | "--login-scope"
                | "--login-allow-domain"
                | "--login-allow-group"
                | "--login-allow-subject"
                | "--login-api-origin"
        );
        if !values.is_empty() && !can_be_repeated {
            bail!("{option} is given twice");
        }
        values.push(value.to_owned());
        Ok(())
    }

    fn all(&self, option: &str) -> impl Iterator<Item = &str> {
        let values = self.values.get(option).into_iter().flatten();
        values.map(String::as_str)
    }

    fn one(&self, option: &str) -> Option<&str> {
        self.all(option).next()
    }

    fn says(&self, option: &str) -> bool {
        self.values.contains_key(option)
    }

    /// The provider, ready for people to log in.
    pub(super) fn upstream(
        &self,
        is_one_of_several: bool,
        danger_allow_loopback: bool,
    ) -> anyhow::Result<Upstream> {
        let told = &self.told;
        let Some(client_id) = self.one("--login-client-id") else {
            bail!(
                "--login {told}: the client id of your application there is missing: \
                 --login-client-id ID"
            );
        };
        let provider = self.filled(client_id)?;
        self.check_who(&provider)?;
        let mut builder = Upstream::builder(provider.clone(), client_id);
        builder = match self.proof(&provider, is_one_of_several)? {
            Proof::Secret(secret) => builder.secret(secret),
            Proof::Key(key) => builder.private_key(*key),
            Proof::Nothing => builder.public(),
        };
        builder = builder.scopes(self.all("--login-scope").flat_map(|text| text.split(',')));
        for domain in self.all("--login-allow-domain") {
            builder = builder.allow_domain(domain);
        }
        for group in self.all("--login-allow-group") {
            builder = builder.allow_group(group);
        }
        for subject in self.all("--login-allow-subject") {
            builder = builder.allow_subject(subject);
        }
        for origin in self.all("--login-api-origin") {
            builder = builder.api_origin(origin);
        }
        if self.says("--login-allow-everyone") {
            builder = builder.allow_everyone();
        }
        if danger_allow_loopback {
            builder = builder.danger_allow_loopback();
        }
        builder.build().with_context(|| format!("--login {told}"))
    }

    fn filled(&self, client_id: &str) -> anyhow::Result<Provider> {
        let told = &self.told;
        let mut values = BTreeMap::from([(CLIENT_ID.to_owned(), client_id.to_owned())]);
        for text in self.all("--login-set") {
            let Some((name, value)) = text.split_once('=') else {
                bail!("--login-set {text}: write VARIABLE=VALUE");
            };
            if values.insert(name.to_owned(), value.to_owned()).is_some() {
                bail!("--login-set {name}: it has a value already");
            }
        }
        for (name, variable) in self.preset.variables() {
            let is_missing = !values.contains_key(name)
                && variable.default.is_none()
                && !variable.optional
                && name != CLIENT_ID;
            if is_missing {
                let example = variable.example.as_deref().unwrap_or("…");
                bail!(
                    "--login {told} needs {}: --login-set {name}={example}",
                    variable.description
                );
            }
        }
        let filled = self.preset.fill(&values);
        filled.with_context(|| format!("--login {told}"))
    }

    /// Anybody in the world can have an account at some providers.
    fn check_who(&self, provider: &Provider) -> anyhow::Result<()> {
        let rules = [
            "--login-allow-domain",
            "--login-allow-group",
            "--login-allow-subject",
        ];
        let rule = rules.into_iter().find(|option| self.says(option));
        let is_for_everyone = self.says("--login-allow-everyone");
        if let (Some(rule), true) = (rule, is_for_everyone) {
            bail!(
                "{rule} says who may log in, and --login-allow-everyone that all may: leave one out"
            );
        }
        if provider.safety.open_registration && rule.is_none() && !is_for_everyone {
            bail!(
                "--login {}: anybody can have an account at {}: say who may log in with \
                 --login-allow-domain, --login-allow-group or --login-allow-subject, or that all \
                 may with --login-allow-everyone",
                self.told,
                provider.display_name
            );
        }
        Ok(())
    }

    /// What proves to the provider that a request is from the application.
    fn proof(&self, provider: &Provider, is_one_of_several: bool) -> anyhow::Result<Proof> {
        let key = self.one("--login-private-key");
        let (file, is_public) = (
            self.one("--login-client-secret-file"),
            self.says("--login-public"),
        );
        let given = [
            (key.is_some(), "--login-private-key"),
            (file.is_some(), "--login-client-secret-file"),
            (is_public, "--login-public"),
        ];
        let mut given = given.into_iter().filter(|(given, _)| *given);
        if let (Some((_, one)), Some((_, other))) = (given.next(), given.next()) {
            bail!("{one} and {other} exclude each other: leave one out");
        }
        for option in ["--login-kid", "--login-certificate"] {
            if self.says(option) && key.is_none() {
                bail!("{option} needs --login-private-key, the key that it is about");
            }
        }
        if let Some(key) = key {
            return self
                .signing_key(Path::new(key))
                .map(|key| Proof::Key(Box::new(key)));
        }
        if is_public {
            return Ok(Proof::Nothing);
        }
        let variable = secret::variable(self.name(), is_one_of_several);
        let file = file.map(PathBuf::from);
        if let Some(secret) = secret::read(file.as_deref(), &variable)? {
            return Ok(Proof::Secret(secret));
        }
        let methods = provider
            .login
            .as_ref()
            .map(|login| &login.client_authentication);
        let can = |method| methods.is_some_and(|methods| methods.contains(&method));
        let mut sentence = format!(
            "--login {}: the secret of your application there is missing: set {variable}, or \
             name a file with --login-client-secret-file",
            self.told
        );
        if can(TokenEndpointAuthMethod::None) {
            sentence.push_str("; or say --login-public if it has none");
        }
        Err(anyhow!(sentence))
    }

    fn signing_key(&self, path: &Path) -> anyhow::Result<SigningKey> {
        let pem = Secret::new(file::text(path)?);
        let key = SigningKey::from_pkcs8_pem(&pem).with_context(|| path.display().to_string())?;
        let key = match self.one("--login-kid") {
            Some(id) => key.with_kid(id).context("--login-kid")?,
            None => key,
        };
        let Some(certificate) = self.one("--login-certificate") else {
            return Ok(key);
        };
        let pem = file::text(Path::new(certificate))?;
        let key = match key.algorithm() {
            // What Entra's documentation asks for.
            Algorithm::RS256 => key.with_algorithm(Algorithm::PS256)?,
            _ => key,
        };
        let certified = key.with_certificate(&pem);
        certified.with_context(|| format!("--login-certificate {certificate}"))
    }
}

/// How the application authenticates.
enum Proof {
    Secret(Secret),
    Key(Box<SigningKey>),
    Nothing,
}
