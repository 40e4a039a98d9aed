//! `--login`: people log in at an identity provider, and clients get tokens here.
//!
//! With one provider the values of the options are its own, and may say whose they are.
//! With several each value must: `--login-client-id github=Iv1.0123`.

mod provider;
mod secret;

use anyhow::bail;
use clap::Args;
use countersign::authorization_server::Upstream;

use provider::Chosen;

/// Options that say something by being there.
const FLAGS: [&str; 2] = ["--login-public", "--login-allow-everyone"];

/// The options about identity providers.
#[derive(Debug, Args)]
pub(crate) struct LoginOptions {
    /// Let people log in at this identity provider instead of with accounts of this
    /// server: a name of `countersign providers list`, or a file. May be given again; then
    /// values below begin with the name of theirs, such as github=…
    #[arg(long = "login", value_name = "NAME|FILE")]
    pub(super) providers: Vec<String>,

    /// The client id of your application there
    #[arg(long = "login-client-id", value_name = "ID")]
    client_ids: Vec<String>,

    /// A file with the secret of your application
    /// [default: the environment, COUNTERSIGN_LOGIN_CLIENT_SECRET; with several providers
    /// COUNTERSIGN_LOGIN_CLIENT_SECRET_GITHUB and so on]
    #[arg(long = "login-client-secret-file", value_name = "FILE")]
    secret_files: Vec<String>,

    /// A file with the private key of your application (PEM, PKCS#8), instead of a secret
    #[arg(long = "login-private-key", value_name = "FILE")]
    private_keys: Vec<String>,

    /// A file with the certificate of that key (PEM), for a provider that finds the key by
    /// it, such as Entra; an RSA key signs PS256 then
    #[arg(long = "login-certificate", value_name = "FILE")]
    certificates: Vec<String>,

    /// The id (`kid`) under which the provider knows that key
    #[arg(long = "login-kid", value_name = "KID")]
    kids: Vec<String>,

    /// Your application has neither secret nor key
    #[arg(long = "login-public", value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    public: Vec<String>,

    /// A value that the provider's file asks for, such as domain=example.eu.auth0.com;
    /// `countersign providers show NAME` lists them
    #[arg(long = "login-set", value_name = "VARIABLE=VALUE")]
    variables: Vec<String>,

    /// Scopes to ask from the provider besides those of its file, separated by commas
    #[arg(long = "login-scope", value_name = "A,B")]
    scopes: Vec<String>,

    /// Let people of this organisation or e-mail domain log in
    #[arg(long = "login-allow-domain", value_name = "DOMAIN")]
    domains: Vec<String>,

    /// Let members of this group log in
    #[arg(long = "login-allow-group", value_name = "GROUP")]
    groups: Vec<String>,

    /// Let the person with this subject log in
    #[arg(long = "login-allow-subject", value_name = "SUBJECT")]
    subjects: Vec<String>,

    /// Let everybody log in who has an account there
    #[arg(long = "login-allow-everyone", value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    everyone: Vec<String>,

    /// Let tools send the provider's token to this origin too, such as
    /// https://api.example.com
    #[arg(long = "login-api-origin", value_name = "ORIGIN")]
    api_origins: Vec<String>,

    /// Let people choose accounts of this server on the login page as well
    #[arg(long = "login-local-accounts", requires = "providers")]
    pub(super) local_accounts: bool,

    /// Let the provider be plain http on this machine
    #[arg(long = "login-danger-allow-loopback", requires = "providers")]
    loopback: bool,
}

impl LoginOptions {
    /// The first option that was given.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.lists()
            .into_iter()
            .find_map(|(name, values)| (!values.is_empty()).then_some(name))
    }

    fn lists(&self) -> [(&'static str, &[String]); 14] {
        [
            ("--login", &self.providers),
            ("--login-client-id", &self.client_ids),
            ("--login-client-secret-file", &self.secret_files),
            ("--login-private-key", &self.private_keys),
            ("--login-certificate", &self.certificates),
            ("--login-kid", &self.kids),
            ("--login-public", &self.public),
            ("--login-set", &self.variables),
            ("--login-scope", &self.scopes),
            ("--login-allow-domain", &self.domains),
            ("--login-allow-group", &self.groups),
            ("--login-allow-subject", &self.subjects),
            ("--login-allow-everyone", &self.everyone),
            ("--login-api-origin", &self.api_origins),
        ]
    }

    /// Checks what can be checked without a file.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.first() {
            Some(option) if self.providers.is_empty() => {
                bail!("{option} is about an identity provider: say with --login which one")
            }
            _ => Ok(()),
        }
    }

    /// The providers, as the options describe them.
    fn chosen(&self) -> anyhow::Result<Vec<Chosen>> {
        let mut all: Vec<Chosen> = Vec::new();
        for provider in &self.providers {
            all.push(Chosen::read(provider)?);
        }
        let names: Vec<String> = all.iter().map(|one| one.name().to_owned()).collect();
        for (option, values) in self.lists().into_iter().skip(1) {
            for value in values {
                let is_flag = FLAGS.contains(&option);
                let (name, value) = whose(option, is_flag, value, &names)?;
                let of_it = all.iter_mut().find(|one| one.name() == name);
                of_it.map_or(Ok(()), |one| one.take(option, value))?;
            }
        }
        Ok(all)
    }

    /// The providers, ready for people to log in.
    pub(super) fn upstreams(&self) -> anyhow::Result<Vec<Upstream>> {
        let chosen = self.chosen()?;
        let is_one_of_several = chosen.len() > 1;
        let all = chosen
            .iter()
            .map(|one| one.upstream(is_one_of_several, self.loopback));
        all.collect()
    }
}

/// The name of the provider that `value` is about, and the rest of it. The only provider
/// need not be named; a flag is about one without saying more.
fn whose<'a>(
    option: &str,
    is_flag: bool,
    value: &'a str,
    names: &'a [String],
) -> anyhow::Result<(&'a str, &'a str)> {
    let named = value.split_once('=');
    let named = named.or(is_flag.then_some((value, "")));
    let known = named.and_then(|(name, rest)| {
        let known = names.iter().find(|known| *known == name)?;
        Some((known.as_str(), rest))
    });
    match (known, names) {
        (Some(known), _) => Ok(known),
        (None, [name]) => Ok((name, value)),
        (None, _) => bail!(
            "{option}: there are several providers, say which one it is about: {option} {}={}",
            names.first().map_or("NAME", String::as_str),
            if value.is_empty() { "…" } else { value }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_several_providers_each_value_says_whose_it_is() {
        let names = ["github".to_owned(), "google".to_owned()];
        for value in ["", "Iv1", "github", "gitlab=x", "=x"] {
            let refused = whose("--login-client-id", false, value, &names).unwrap_err();
            assert!(refused.to_string().contains("several providers"), "{value}");
        }
        let refused = whose("--login-public", true, "gitlab", &names).unwrap_err();
        assert!(refused.to_string().contains("several providers"));
        let read = whose("--login-client-id", false, "google=a=b", &names).unwrap();
        assert_eq!(read, ("google", "a=b"));
        let read = whose("--login-public", true, "google", &names).unwrap();
        assert_eq!(read, ("google", ""));
    }

    #[test]
    fn the_only_provider_may_be_named_and_need_not() {
        let names = ["github".to_owned()];
        for (is_flag, value, rest) in [
            (true, "", ""),
            (true, "github", ""),
            // Nobody is asked about another one: this is refused as a value.
            (true, "google", "google"),
            (false, "a=b", "a=b"),
            (false, "github=a=b", "a=b"),
            (false, "github", "github"),
        ] {
            let read = whose("--login-x", is_flag, value, &names).unwrap();
            assert_eq!(read, ("github", rest), "{value}");
        }
    }
}
