//! Everything that can be said outside of code: its name in the file, its variables, and
//! what it is about.

use super::kind::setting;
pub(crate) use super::kind::{DOUBLE, Kind, OWN, SINGLE, Setting};

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
pub(crate) const RESOURCES: &str = "issuing.resources";
pub(crate) const MORE_SCOPES: &str = "issuing.scopes";
pub(crate) const DPOP: &str = "dpop.bound_tokens";
pub(crate) const DPOP_ALGORITHMS: &str = "dpop.algorithms";
pub(crate) const NONCE_LIFETIME: &str = "dpop.nonce_lifetime_seconds";
pub(crate) const NONCE_SECRET: &str = "dpop.nonce_secret";
pub(crate) const WITHOUT_NONCES: &str = "dpop.danger_without_nonces";
pub(crate) const IDP_ISSUER: &str = "identity_providers.*.issuer";
pub(crate) const IDP_JWKS_URL: &str = "identity_providers.*.jwks_url";
pub(crate) const IDP_JWKS_FILE: &str = "identity_providers.*.jwks_file";
pub(crate) const IDP_ALGORITHMS: &str = "identity_providers.*.algorithms";
pub(crate) const IDP_TENANT: &str = "identity_providers.*.tenant";
pub(crate) const IDP_SCOPES: &str = "identity_providers.*.scopes";
pub(crate) const WORKLOAD_ISSUER: &str = "workloads.*.issuer";
pub(crate) const WORKLOAD_JWKS_URL: &str = "workloads.*.jwks_url";
pub(crate) const WORKLOAD_JWKS_FILE: &str = "workloads.*.jwks_file";
pub(crate) const WORKLOAD_ALGORITHMS: &str = "workloads.*.algorithms";
pub(crate) const WORKLOAD_CLIENT: &str = "workloads.*.client_id";
pub(crate) const WORKLOAD_CLAIMS: &str = "workloads.*.claims";
pub(crate) const WORKLOAD_SCOPES: &str = "workloads.*.scopes";
pub(crate) const WORKLOAD_RESOURCES: &str = "workloads.*.resources";
pub(crate) const EXCHANGE_CLIENT: &str = "token_exchange.*.client_id";
pub(crate) const EXCHANGE_SERVED: &str = "token_exchange.*.serves";
pub(crate) const EXCHANGE_TARGET: &str = "token_exchange.*.calls";
pub(crate) const EXCHANGE_SCOPES: &str = "token_exchange.*.scopes";
pub(crate) const EXCHANGE_LIFETIME: &str = "token_exchange.*.lifetime_seconds";
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
        RESOURCES,
        Kind::List,
        "the other resources for which tokens are issued here (RFC 8707)",
    ),
    setting(
        MORE_SCOPES,
        Kind::List,
        "the scopes of those resources, which clients have to ask for",
    ),
    setting(
        DPOP,
        Kind::Text,
        "tokens that are bound to a key (DPoP): accepted beside bearer tokens, or required",
    ),
    setting(
        DPOP_ALGORITHMS,
        Kind::List,
        "what proofs of possession may be signed with",
    ),
    setting(
        NONCE_LIFETIME,
        Kind::Seconds,
        "how long a nonce for proofs of possession is good",
    ),
    setting(
        NONCE_SECRET,
        Kind::Secret,
        "the secret by which several nodes know the nonces of each other",
    ),
    setting(
        WITHOUT_NONCES,
        Kind::Switch,
        "whether proofs of possession need no nonce",
    ),
    setting(
        IDP_ISSUER,
        Kind::Text,
        "the identity provider whose assertions are accepted, its issuer identifier",
    ),
    setting(
        IDP_JWKS_URL,
        Kind::Text,
        "where it publishes its keys, if its metadata does not say that",
    ),
    setting(IDP_JWKS_FILE, Kind::File, "its public keys, a JWK Set"),
    setting(
        IDP_ALGORITHMS,
        Kind::List,
        "what its assertions may be signed with",
    ),
    setting(
        IDP_TENANT,
        Kind::Text,
        "the tenant whose people it vouches for, if it has several under that identifier",
    ),
    setting(
        IDP_SCOPES,
        Kind::List,
        "the scopes that its assertions give access to at most",
    ),
    setting(
        WORKLOAD_ISSUER,
        Kind::Text,
        "the platform that the workload runs on, its issuer identifier",
    ),
    setting(
        WORKLOAD_JWKS_URL,
        Kind::Text,
        "where the platform publishes its keys, if its metadata does not say that",
    ),
    setting(
        WORKLOAD_JWKS_FILE,
        Kind::File,
        "the public keys of the platform, a JWK Set",
    ),
    setting(
        WORKLOAD_ALGORITHMS,
        Kind::List,
        "what the tokens of the platform may be signed with",
    ),
    setting(
        WORKLOAD_CLIENT,
        Kind::Text,
        "the client as which the workload asks for tokens",
    ),
    setting(
        WORKLOAD_CLAIMS,
        Kind::List,
        "the claims by which the workload is known, each as claim=text",
    ),
    setting(
        WORKLOAD_SCOPES,
        Kind::List,
        "the scopes that the workload may have",
    ),
    setting(
        WORKLOAD_RESOURCES,
        Kind::List,
        "the resources that its tokens may be for",
    ),
    setting(
        EXCHANGE_CLIENT,
        Kind::Text,
        "the client that may exchange tokens (RFC 8693)",
    ),
    setting(
        EXCHANGE_SERVED,
        Kind::Text,
        "the resource that the client serves, if it is not this server",
    ),
    setting(
        EXCHANGE_TARGET,
        Kind::Text,
        "the resource that the client calls",
    ),
    setting(
        EXCHANGE_SCOPES,
        Kind::List,
        "the scopes that tokens got by the exchange may have",
    ),
    setting(
        EXCHANGE_LIFETIME,
        Kind::Seconds,
        "how long tokens got by the exchange are valid",
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

/// The setting at `path`, of the one with its name if it is one of a family.
pub(crate) fn at(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.is_at(path))
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
    fn no_variable_can_be_read_as_that_of_two_settings_of_a_family() {
        for setting in SETTINGS.iter().filter(|it| it.family().is_some()) {
            for name in ["a", "a-client", "url-1", "x-issuer-y"] {
                let place = super::super::kind::of(setting.path, name);
                assert!(setting.is_at(&place), "{place}");
                let variable = super::super::kind::variable_at(&place);
                let meant: Vec<_> = SETTINGS
                    .iter()
                    .filter_map(|it| it.set_by(&variable))
                    .collect();
                assert_eq!(meant, [place], "{variable}");
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
