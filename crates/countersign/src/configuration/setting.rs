//! Everything that can be said outside of code: its name in the file, its variables, and
//! what a value of it looks like.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its place in the file, such as `auth.jwks_url`.
    pub(crate) path: &'static str,
    /// Its variable of the family `FASTMCP_AUTH_`, if it has one there.
    pub(crate) single: Option<&'static str>,
    /// Its variable of the family `FASTMCP_AUTH__`, if it has one there.
    pub(crate) double: Option<&'static str>,
    /// What a value looks like.
    pub(crate) kind: Kind,
    /// What it says, for people.
    pub(crate) about: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// The path of a file.
    File,
    /// Separated by commas in a variable.
    List,
    Switch,
    /// A whole number of seconds.
    Seconds,
    /// A text that is not shown; in the file it says where the text is.
    Secret,
}

impl Kind {
    /// What is expected, for a sentence that ends with it.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::File => "the path of a file",
            Self::List => "a list of texts",
            Self::Switch => "true or false",
            Self::Seconds => "a whole number of seconds",
            Self::Secret => {
                "a table that says where the secret is: { file = \"…\" }, { variable = \"…\" } or { command = [\"…\"] }"
            }
        }
    }
}

impl Setting {
    /// Its variable of the family `COUNTERSIGN_`.
    pub(crate) fn own_variable(&self) -> String {
        let path = self.path.replace('.', "_").to_ascii_uppercase();
        format!("{OWN}{path}")
    }

    /// The variable that guides name, or our own.
    pub(crate) fn best_variable(&self) -> String {
        self.single
            .or(self.double)
            .map_or_else(|| self.own_variable(), str::to_owned)
    }
}

/// What stands before variables of one family.
pub(crate) const OWN: &str = "COUNTERSIGN_";
pub(crate) const SINGLE: &str = "FASTMCP_AUTH_";
pub(crate) const DOUBLE: &str = "FASTMCP_AUTH__";

const fn setting(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    Setting {
        path,
        single: None,
        double: None,
        kind,
        about,
    }
}

impl Setting {
    const fn single(mut self, variable: &'static str) -> Self {
        self.single = Some(variable);
        self
    }

    const fn double(mut self, variable: &'static str) -> Self {
        self.double = Some(variable);
        self
    }
}

pub(crate) const BIND: &str = "server.bind";
pub(crate) const PUBLIC_URL: &str = "server.public_url";
pub(crate) const CERTIFICATE: &str = "tls.certificate";
pub(crate) const KEY: &str = "tls.key";
pub(crate) const ENABLED: &str = "auth.enabled";
pub(crate) const JWKS_URL: &str = "auth.jwks_url";
pub(crate) const PUBLIC_KEY: &str = "auth.public_key";
pub(crate) const SECRET_KEY: &str = "auth.secret_key";
pub(crate) const ISSUER: &str = "auth.issuer";
pub(crate) const AUDIENCE: &str = "auth.audience";
pub(crate) const ALGORITHMS: &str = "auth.algorithms";
pub(crate) const REQUIRED_SCOPES: &str = "auth.required_scopes";
pub(crate) const ISSUER_URL: &str = "issuing.issuer_url";
pub(crate) const SERVICE_DOCUMENTATION: &str = "issuing.service_documentation_url";
pub(crate) const REGISTRATION: &str = "issuing.registration.enabled";
pub(crate) const VALID_SCOPES: &str = "issuing.registration.valid_scopes";
pub(crate) const DEFAULT_SCOPES: &str = "issuing.registration.default_scopes";
pub(crate) const SECRET_EXPIRY: &str = "issuing.registration.client_secret_expiry_seconds";
pub(crate) const REVOCATION: &str = "issuing.revocation.enabled";
pub(crate) const DATABASE: &str = "issuing.database";
pub(crate) const API_KEYS: &str = "api_keys.header";
pub(crate) const API_KEYS_FOR_PEOPLE: &str = "api_keys.for_people";
pub(crate) const LOGIN_PROVIDER: &str = "login.provider";
pub(crate) const LOGIN_PROVIDER_FILE: &str = "login.provider_file";
pub(crate) const LOGIN_VALUES: &str = "login.values";
pub(crate) const LOGIN_CLIENT_ID: &str = "login.client_id";
pub(crate) const LOGIN_CLIENT_SECRET: &str = "login.client_secret";
pub(crate) const LOGIN_PUBLIC: &str = "login.public";
pub(crate) const LOGIN_SCOPES: &str = "login.scopes";
pub(crate) const LOGIN_DOMAINS: &str = "login.allow_domains";
pub(crate) const LOGIN_GROUPS: &str = "login.allow_groups";
pub(crate) const LOGIN_SUBJECTS: &str = "login.allow_subjects";
pub(crate) const LOGIN_EVERYONE: &str = "login.allow_everyone";
pub(crate) const LOCAL_ACCOUNTS: &str = "login.local_accounts";
pub(crate) const POLICY: &str = "policy.file";
pub(crate) const LIMIT_OF_USER: &str = "limits.user";
pub(crate) const LIMIT_OF_ADDRESS: &str = "limits.address";
pub(crate) const AUDIT: &str = "audit.file";
pub(crate) const AUDIT_STORE: &str = "audit.store";
pub(crate) const AUDIT_ON_FULL: &str = "audit.on_full";
pub(crate) const METRICS: &str = "metrics.bind";

/// All of them, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(BIND, Kind::Text, "where to listen, host:port"),
    setting(
        PUBLIC_URL,
        Kind::Text,
        "the URL that clients use, path included",
    ),
    setting(CERTIFICATE, Kind::File, "the certificate chain (PEM)"),
    setting(KEY, Kind::File, "the private key of the certificate (PEM)"),
    setting(ENABLED, Kind::Switch, "whether callers need a token").single("FASTMCP_AUTH_ENABLED"),
    setting(
        JWKS_URL,
        Kind::Text,
        "where the issuer of the tokens publishes its keys",
    )
    .single("FASTMCP_AUTH_JWKS_URL"),
    setting(
        PUBLIC_KEY,
        Kind::File,
        "the public key or certificate that tokens are verified with (PEM)",
    ),
    setting(
        SECRET_KEY,
        Kind::Secret,
        "the secret that is shared with the issuer (HS256, HS384, HS512)",
    )
    .single("FASTMCP_AUTH_SECRET_KEY"),
    setting(ISSUER, Kind::List, "the issuers (iss) that are accepted")
        .single("FASTMCP_AUTH_ISSUER"),
    setting(
        AUDIENCE,
        Kind::List,
        "the audiences (aud), of which a token has to name one",
    )
    .single("FASTMCP_AUTH_AUDIENCE"),
    setting(
        ALGORITHMS,
        Kind::List,
        "the signature algorithms that are accepted",
    )
    .single("FASTMCP_AUTH_ALGORITHMS"),
    setting(
        REQUIRED_SCOPES,
        Kind::List,
        "the scopes that every token needs",
    )
    .single("FASTMCP_AUTH_REQUIRED_SCOPES")
    .double("FASTMCP_AUTH__REQUIRED_SCOPES"),
    setting(
        ISSUER_URL,
        Kind::Text,
        "the issuer that this server is, to issue tokens itself",
    )
    .double("FASTMCP_AUTH__ISSUER_URL"),
    setting(
        SERVICE_DOCUMENTATION,
        Kind::Text,
        "a page for developers of clients",
    )
    .double("FASTMCP_AUTH__SERVICE_DOCUMENTATION_URL"),
    setting(
        REGISTRATION,
        Kind::Switch,
        "whether clients may register themselves",
    )
    .double("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__ENABLED"),
    setting(
        VALID_SCOPES,
        Kind::List,
        "the scopes that clients may ask for",
    )
    .double("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__VALID_SCOPES"),
    setting(
        DEFAULT_SCOPES,
        Kind::List,
        "the scopes of requests that name none",
    )
    .double("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__DEFAULT_SCOPES"),
    setting(
        SECRET_EXPIRY,
        Kind::Seconds,
        "how long the secrets of clients are valid",
    )
    .double("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__CLIENT_SECRET_EXPIRY_SECONDS"),
    setting(
        REVOCATION,
        Kind::Switch,
        "whether clients may revoke their tokens",
    )
    .double("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED"),
    setting(
        DATABASE,
        Kind::File,
        "the database of the authorization server (SQLite)",
    ),
    setting(
        API_KEYS,
        Kind::Text,
        "the header in which API keys are accepted, such as X-API-Key",
    ),
    setting(
        API_KEYS_FOR_PEOPLE,
        Kind::List,
        "the scopes of API keys that people may make on their account page",
    ),
    setting(
        LOGIN_PROVIDER,
        Kind::Text,
        "the identity provider where people log in, such as github",
    ),
    setting(
        LOGIN_PROVIDER_FILE,
        Kind::File,
        "the same, by a file of your own about the provider",
    ),
    setting(
        LOGIN_VALUES,
        Kind::List,
        "what the provider's file asks for, each as variable=value",
    ),
    setting(
        LOGIN_CLIENT_ID,
        Kind::Text,
        "the id of the application at the provider",
    ),
    setting(
        LOGIN_CLIENT_SECRET,
        Kind::Secret,
        "the secret of the application at the provider",
    ),
    setting(
        LOGIN_PUBLIC,
        Kind::Switch,
        "whether the application has no secret",
    ),
    setting(
        LOGIN_SCOPES,
        Kind::List,
        "the scopes that are asked from the provider besides",
    ),
    setting(
        LOGIN_DOMAINS,
        Kind::List,
        "the organisations and e-mail domains whose people may log in",
    ),
    setting(
        LOGIN_GROUPS,
        Kind::List,
        "the groups whose members may log in",
    ),
    setting(
        LOGIN_SUBJECTS,
        Kind::List,
        "the people who may log in, as the provider calls them (sub)",
    ),
    setting(
        LOGIN_EVERYONE,
        Kind::Switch,
        "whether everybody with an account at the provider may log in",
    ),
    setting(
        LOCAL_ACCOUNTS,
        Kind::Switch,
        "whether people may log in with accounts of this server as well",
    ),
    setting(POLICY, Kind::File, "the rules that decide who may do what"),
    setting(
        LIMIT_OF_USER,
        Kind::Text,
        "how often each user may ask, such as 100/min",
    ),
    setting(
        LIMIT_OF_ADDRESS,
        Kind::Text,
        "how often each address may ask, before a token is looked at",
    ),
    setting(AUDIT, Kind::File, "the log in which decisions are noted"),
    setting(
        AUDIT_STORE,
        Kind::Switch,
        "whether decisions are noted in the database of the authorization server",
    ),
    setting(
        AUDIT_ON_FULL,
        Kind::Text,
        "what happens when nothing more can be noted: refuse or spool",
    ),
    setting(
        METRICS,
        Kind::Text,
        "where the numbers for Prometheus are served, host:port on this machine",
    ),
];

/// The setting at `path`.
pub(crate) fn at(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_settings_share_a_place_or_a_variable() {
        let mut names = BTreeSet::new();
        for setting in SETTINGS {
            assert!(names.insert(setting.path.to_owned()), "{}", setting.path);
            let given = [setting.single, setting.double].into_iter().flatten();
            let own = setting.own_variable();
            for name in given.map(str::to_owned).chain([own]) {
                assert!(names.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn each_family_is_told_by_how_its_names_begin() {
        for setting in SETTINGS {
            assert!(setting.single.is_none_or(|name| name.starts_with(SINGLE)));
            assert!(setting.single.is_none_or(|name| !name.starts_with(DOUBLE)));
            assert!(setting.double.is_none_or(|name| name.starts_with(DOUBLE)));
        }
    }
}
