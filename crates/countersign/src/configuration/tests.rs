//! The rules about what counts, and what cannot hold together.

use std::path::Path;

use super::authentication::Mode;
use super::*;
use crate::environment::tests::Variables;

pub(super) const SECRET: &str = "canary-canary-canary-canary-canary";

pub(super) fn of(variables: &[(&str, &str)]) -> Result<Configuration, ConfigurationError> {
    Configuration::from_environment(&Variables::of(variables))
}

/// What a start says to these variables; nothing if it starts.
pub(super) fn refusal(variables: &[(&str, &str)]) -> Option<String> {
    let checked = of(variables).and_then(|configuration| configuration.check());
    let told = checked.err().map(|error| error.to_string());
    assert!(!told.as_deref().unwrap_or_default().contains("canary"));
    told
}

#[test]
fn m_49_each_variable_alone_starts_or_says_what_to_set() {
    for (name, value, told) in [
        ("FASTMCP_AUTH_ENABLED", "false", None),
        (
            "FASTMCP_AUTH_ENABLED",
            "true",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        (
            "FASTMCP_AUTH_JWKS_URL",
            "https://a.example/jwks.json",
            Some("set FASTMCP_AUTH_ISSUER and FASTMCP_AUTH_AUDIENCE"),
        ),
        (
            "FASTMCP_AUTH_SECRET_KEY",
            SECRET,
            Some("set FASTMCP_AUTH_ISSUER"),
        ),
        (
            "FASTMCP_AUTH_ISSUER",
            "https://a.example",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        (
            "FASTMCP_AUTH_AUDIENCE",
            "me",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        (
            "FASTMCP_AUTH_ALGORITHMS",
            "RS256",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        (
            "FASTMCP_AUTH_REQUIRED_SCOPES",
            "a,b",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        (
            "FASTMCP_AUTH__REQUIRED_SCOPES",
            "a,b",
            Some("set FASTMCP_AUTH_JWKS_URL"),
        ),
        ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000", None),
        (
            "FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED",
            "true",
            Some("set FASTMCP_AUTH__ISSUER_URL"),
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__VALID_SCOPES",
            "a",
            Some("set FASTMCP_AUTH__ISSUER_URL"),
        ),
        (
            "COUNTERSIGN_AUTH_JWKS_URL",
            "https://a.example/jwks.json",
            Some("set COUNTERSIGN_AUTH_ISSUER and COUNTERSIGN_AUTH_AUDIENCE"),
        ),
    ] {
        match (refusal(&[(name, value)]), told) {
            (None, None) => {}
            (Some(said), Some(told)) => {
                assert!(said.contains(told), "{name}: {said}");
                assert!(said.contains(name), "{name}: {said}");
            }
            (said, _) => panic!("{name}={value}: {said:?}"),
        }
    }
}

#[test]
fn m_49_a_wrong_value_is_refused_with_the_name_of_its_variable() {
    let whole = [
        ("FASTMCP_AUTH_JWKS_URL", "https://a.example/jwks.json"),
        ("FASTMCP_AUTH_ISSUER", "https://a.example"),
    ];
    for (name, value) in [
        ("FASTMCP_AUTH_ENABLED", "maybe canary"),
        ("FASTMCP_AUTH_JWKS_URL", "http://a.example/jwks.json"),
        ("FASTMCP_AUTH_JWKS_URL", "not a url"),
        ("FASTMCP_AUTH_ISSUER", ","),
        ("FASTMCP_AUTH_AUDIENCE", " , "),
        ("FASTMCP_AUTH_ALGORITHMS", "none"),
        ("FASTMCP_AUTH_ALGORITHMS", "RS256,HS256"),
        ("FASTMCP_AUTH_ALGORITHMS", "HS256"),
        ("FASTMCP_AUTH_REQUIRED_SCOPES", "a\"b"),
        ("FASTMCP_AUTH_SECRET_KEY", "canary"),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__CLIENT_SECRET_EXPIRY_SECONDS",
            "a canary",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__ENABLED",
            "on canary",
        ),
        ("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED", "yes"),
        ("COUNTERSIGN_LIMITS_USER", "lots"),
        ("COUNTERSIGN_LIMITS_ADDRESS", "0/min"),
        ("COUNTERSIGN_AUDIT_ON_FULL", "spool"),
        ("FASTMCP_AUTH_ISSUERS", "x"),
        ("FASTMCP_AUTH__ISSUER", "x"),
        ("COUNTERSIGN_AUTH_ISSUERS", "x"),
    ] {
        let mut variables: Vec<_> = whole.iter().filter(|one| one.0 != name).copied().collect();
        variables.push((name, value));
        let said = refusal(&variables).unwrap_or_else(|| panic!("{name}={value} is taken"));
        assert!(said.contains(name), "{name}={value}: {said}");
    }
}

#[test]
fn m_49_the_documented_variables_make_a_verifier() {
    let configuration = of(&[
        ("FASTMCP_AUTH_ENABLED", "true"),
        ("FASTMCP_AUTH_JWKS_URL", "https://a.example/jwks.json"),
        ("FASTMCP_AUTH_ISSUER", "https://a.example"),
        ("FASTMCP_AUTH_AUDIENCE", "one, two"),
        ("FASTMCP_AUTH_ALGORITHMS", "RS256,ES256"),
        ("FASTMCP_AUTH_REQUIRED_SCOPES", "read, write"),
    ])
    .unwrap();
    assert_eq!(configuration.mode().unwrap(), Mode::Others("auth.jwks_url"));
    let scopes = configuration.required_scopes().unwrap();
    assert_eq!(scopes.to_string(), "read write");
    let said = configuration.check().unwrap().join("\n");
    assert!(said.contains("the audience one or two"), "{said}");
    assert!(said.contains("the issuer https://a.example"), "{said}");
}

#[test]
fn m_53_one_underscore_counts_more_than_two_and_both_more_than_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    let text = "[auth]\nrequired_scopes = [\"c\"]\nissuer = \"https://file.example\"\n";
    std::fs::write(&file, text).unwrap();
    let scopes = |variables: &[(&str, &str)]| {
        let environment = Variables::of(variables);
        let read = Configuration::from_environment(&environment).unwrap();
        let read = read.file_in(&file, &environment).unwrap();
        assert_eq!(read.list(setting::ISSUER), ["https://file.example"]);
        (read.required_scopes().unwrap().to_string(), read.print())
    };
    let both = [
        ("FASTMCP_AUTH_REQUIRED_SCOPES", "a"),
        ("FASTMCP_AUTH__REQUIRED_SCOPES", "b"),
    ];
    let (first, printed) = scopes(&both);
    assert_eq!(first, "a");
    for line in [
        "required_scopes = [\"a\"]  # FASTMCP_AUTH_REQUIRED_SCOPES",
        "# not: [\"b\"]  (FASTMCP_AUTH__REQUIRED_SCOPES counts less)",
        "# not: [\"c\"]  (",
        "countersign.toml:2 counts less)",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    assert_eq!(scopes(&both[1..]).0, "b");
    assert_eq!(scopes(&[]).0, "c");
}

#[test]
fn m_53_what_cannot_hold_together_is_refused_and_both_are_named() {
    let jwks = ("FASTMCP_AUTH_JWKS_URL", "https://a.example/jwks.json");
    for variables in [
        [jwks, ("FASTMCP_AUTH_SECRET_KEY", SECRET)],
        [jwks, ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000")],
        [
            jwks,
            ("COUNTERSIGN_AUTH_JWKS_URL", "https://b.example/jwks.json"),
        ],
        [
            ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000"),
            ("FASTMCP_AUTH_AUDIENCE", "me"),
        ],
    ] {
        let said = refusal(&variables).unwrap();
        assert!(said.contains("take one of them away"), "{said}");
        for (name, _) in variables {
            assert!(said.contains(name), "{said}");
        }
    }
    // Saying the same twice contradicts nothing.
    let same = [
        jwks,
        ("COUNTERSIGN_AUTH_JWKS_URL", jwks.1),
        ("FASTMCP_AUTH_ISSUER", "https://a.example"),
    ];
    assert_eq!(refusal(&same), None);
}

#[test]
fn what_happens_to_a_full_log_is_one_of_two_things() {
    let said = |on_full: &str| {
        refusal(&[
            ("COUNTERSIGN_AUDIT_FILE", "audit.jsonl"),
            ("COUNTERSIGN_AUDIT_ON_FULL", on_full),
        ])
    };
    assert_eq!((said("refuse"), said("spool")), (None, None));
    let told = said("forget").unwrap();
    assert!(
        told.contains("COUNTERSIGN_AUDIT_ON_FULL is neither"),
        "{told}"
    );
    let told = refusal(&[("COUNTERSIGN_POLICY_FILE", "/nowhere/rules.toml")]).unwrap();
    assert!(
        told.contains("/nowhere/rules.toml cannot be read"),
        "{told}"
    );
}

#[test]
fn m_49_switched_off_is_off_whatever_else_is_set() {
    let configuration = of(&[
        ("FASTMCP_AUTH_ENABLED", "false"),
        ("FASTMCP_AUTH_JWKS_URL", "https://a.example/jwks.json"),
    ])
    .unwrap();
    assert_eq!(configuration.mode().unwrap(), Mode::Off);
}

#[test]
fn h15_what_is_printed_has_no_secret_and_no_password_of_an_address() {
    let configuration = of(&[
        ("FASTMCP_AUTH_SECRET_KEY", SECRET),
        (
            "COUNTERSIGN_AUTH_JWKS_URL",
            "https://me:canary@a.example/jwks.json",
        ),
        ("FASTMCP_AUTH_ISSUER", "a\u{1b}[31mb"),
    ])
    .unwrap();
    let printed = configuration.print();
    assert!(!printed.contains("canary"), "{printed}");
    assert!(!format!("{configuration:?}").contains("canary-canary"));
    assert!(printed.contains("secret_key = (redacted)  # FASTMCP_AUTH_SECRET_KEY"));
    assert!(printed.contains("https://(redacted)@a.example/jwks.json"));
    assert!(!printed.contains('\u{1b}'));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let read =
        Configuration::default().file_in(Path::new("/nowhere/c.toml"), &Variables::default());
    let told = read.unwrap_err().to_string();
    assert!(told.starts_with("/nowhere/c.toml cannot be read"), "{told}");
}

const LOGIN: [(&str, &str); 4] = [
    ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000"),
    ("COUNTERSIGN_LOGIN_PROVIDER", "github"),
    ("COUNTERSIGN_LOGIN_CLIENT_ID", "app-1"),
    ("COUNTERSIGN_LOGIN_CLIENT_SECRET", "canary-secret"),
];

/// What a start says to the variables of a login with these instead, or besides.
fn refusal_of_login(others: &[(&str, &str)]) -> String {
    let mut variables = LOGIN.to_vec();
    variables.push(("COUNTERSIGN_LOGIN_ALLOW_GROUPS", "9919"));
    variables.retain(|(name, _)| others.iter().all(|(other, _)| other != name));
    variables.extend(others.iter().filter(|(_, value)| !value.is_empty()));
    refusal(&variables).unwrap_or_else(|| panic!("{others:?} is taken"))
}

#[test]
fn whatever_is_missing_or_wrong_about_a_login_is_named() {
    for (others, told) in [
        (
            ("COUNTERSIGN_LOGIN_PROVIDER", ""),
            "set COUNTERSIGN_LOGIN_PROVIDER",
        ),
        (
            ("COUNTERSIGN_LOGIN_PROVIDER", "gitbub"),
            "COUNTERSIGN_LOGIN_PROVIDER: there is no provider gitbub",
        ),
        (
            ("COUNTERSIGN_LOGIN_PROVIDER", "auth0"),
            "add domain=your-tenant.eu.auth0.com to COUNTERSIGN_LOGIN_VALUES",
        ),
        (
            ("COUNTERSIGN_LOGIN_PROVIDER_FILE", "mine.toml"),
            "COUNTERSIGN_LOGIN_PROVIDER_FILE both say",
        ),
        (
            ("COUNTERSIGN_LOGIN_CLIENT_ID", ""),
            "set COUNTERSIGN_LOGIN_CLIENT_ID",
        ),
        (
            ("COUNTERSIGN_LOGIN_CLIENT_ID", "canary id"),
            "COUNTERSIGN_LOGIN_CLIENT_ID: this is not",
        ),
        (
            ("COUNTERSIGN_LOGIN_CLIENT_SECRET", ""),
            "set COUNTERSIGN_LOGIN_CLIENT_SECRET",
        ),
        (
            ("COUNTERSIGN_LOGIN_CLIENT_SECRET", "canary\u{7}"),
            "COUNTERSIGN_LOGIN_CLIENT_SECRET: this is not",
        ),
        (
            ("COUNTERSIGN_LOGIN_PUBLIC", "true"),
            "COUNTERSIGN_LOGIN_PUBLIC says",
        ),
        (
            ("COUNTERSIGN_LOGIN_VALUES", "domain"),
            "COUNTERSIGN_LOGIN_VALUES: write each value as",
        ),
        (
            ("COUNTERSIGN_LOGIN_ALLOW_GROUPS", ""),
            "set one of COUNTERSIGN_LOGIN_ALLOW_DOMAINS",
        ),
        (
            ("COUNTERSIGN_LOGIN_ALLOW_EVERYONE", "true"),
            "COUNTERSIGN_LOGIN_ALLOW_EVERYONE that everybody may",
        ),
        (
            ("COUNTERSIGN_LOGIN_ALLOW_EVERYBODY", "true"),
            "COUNTERSIGN_LOGIN_ALLOW_EVERYBODY is not known",
        ),
        (
            ("FASTMCP_AUTH_ENABLED", "maybe"),
            "FASTMCP_AUTH_ENABLED is not",
        ),
    ] {
        let said = refusal_of_login(&[others]);
        assert!(said.contains(told), "{others:?}: {said}");
    }
    let told = refusal_of_login(&[
        ("FASTMCP_AUTH__ISSUER_URL", ""),
        ("FASTMCP_AUTH_ENABLED", "true"),
    ]);
    assert!(
        told.contains("set COUNTERSIGN_ISSUING_ISSUER_URL"),
        "{told}"
    );
    let told = refusal_of_login(&[
        ("FASTMCP_AUTH__ISSUER_URL", ""),
        ("FASTMCP_AUTH_SECRET_KEY", SECRET),
    ]);
    assert!(told.contains("take one of them away"), "{told}");
}

#[test]
fn a_login_says_where_and_who_in_words_and_prints_no_secret() {
    let mut variables = LOGIN.to_vec();
    variables.push(("COUNTERSIGN_LOGIN_ALLOW_GROUPS", "9919,4711"));
    variables.push(("COUNTERSIGN_LOGIN_CLIENT_SECRET_GOOGLE", "canary"));
    let configuration = of(&variables).unwrap();
    let said = configuration.check().unwrap().join("\n");
    let sentence = "People log in at GitHub. Allowed are members of the group 9919 or 4711.";
    assert!(said.contains(sentence), "{said}");
    let printed = configuration.print();
    assert!(!printed.contains("canary"), "{printed}");
    assert!(printed.contains("client_secret = (redacted)"), "{printed}");
}

#[test]
fn api_keys_and_metrics_are_refused_where_they_would_do_nothing() {
    let issuer = ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000");
    for (variables, told) in [
        (
            [issuer, ("COUNTERSIGN_API_KEYS_FOR_PEOPLE", "read")],
            "set COUNTERSIGN_API_KEYS_HEADER",
        ),
        (
            [issuer, ("COUNTERSIGN_API_KEYS_HEADER", "Authorization")],
            "COUNTERSIGN_API_KEYS_HEADER: ",
        ),
        (
            [issuer, ("COUNTERSIGN_API_KEYS_HEADERS", "X-API-Key")],
            "COUNTERSIGN_API_KEYS_HEADERS is not known",
        ),
        (
            [issuer, ("COUNTERSIGN_METRICS_BIND", "0.0.0.0:9464")],
            "COUNTERSIGN_METRICS_BIND is not an address of this machine",
        ),
        (
            [issuer, ("COUNTERSIGN_METRICS_BIND", "127.0.0.1")],
            "COUNTERSIGN_METRICS_BIND is not an address of this machine",
        ),
        (
            [
                ("COUNTERSIGN_API_KEYS_HEADER", "X-API-Key"),
                ("FASTMCP_AUTH_SECRET_KEY", SECRET),
            ],
            "take one of them away",
        ),
    ] {
        let said = refusal(&variables).unwrap_or_else(|| panic!("{variables:?} is taken"));
        assert!(said.contains(told), "{variables:?}: {said}");
    }
    let configuration = of(&[
        issuer,
        ("COUNTERSIGN_API_KEYS_HEADER", "X-API-Key"),
        ("COUNTERSIGN_API_KEYS_FOR_PEOPLE", "read"),
        ("COUNTERSIGN_METRICS_BIND", "127.0.0.1:9464"),
    ]);
    let said = configuration.unwrap().check().unwrap().join("\n");
    for words in ["in the header X-API-Key", "http://127.0.0.1:9464/metrics"] {
        assert!(said.contains(words), "{said}");
    }
}
