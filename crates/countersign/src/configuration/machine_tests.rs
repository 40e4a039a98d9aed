//! What is said outside of code about tokens for programs, and what cannot hold together.

use super::tests::{SECRET, of, refusal};

const ISSUER: (&str, &str) = ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000");
const ACME: (&str, &str) = (
    "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ISSUER",
    "https://acme.okta.com",
);
const JOB: [(&str, &str); 3] = [
    (
        "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_ISSUER",
        "https://token.example",
    ),
    ("COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLIENT_ID", "W"),
    (
        "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS",
        "repository=acme/app,sub=repo:acme/app:*",
    ),
];
const EXCHANGE: [(&str, &str); 2] = [
    ("COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CLIENT_ID", "E"),
    (
        "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CALLS",
        "https://api.example/orders",
    ),
];

/// What a start says to `base` with these instead, or besides; an empty value takes one away.
fn refused(base: &[(&str, &str)], others: &[(&str, &str)]) -> String {
    let mut variables = [&[ISSUER], base].concat();
    variables.retain(|(name, _)| others.iter().all(|(other, _)| other != name));
    variables.extend(others.iter().filter(|(_, value)| !value.is_empty()));
    let refusal = refusal(&variables);
    assert!(refusal.is_some(), "{others:?} is taken");
    refusal.unwrap_or_default()
}

#[test]
fn whatever_is_missing_or_wrong_about_an_identity_provider_is_named() {
    for (others, told) in [
        (
            &[
                (ACME.0, ""),
                ("COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPES", "read"),
            ][..],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPES is about tokens of another issuer, and \
             nothing says which one: set COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ISSUER",
        ),
        (
            &[(ACME.0, "acme")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ISSUER: ",
        ),
        (&[(ACME.0, "http://localhost:8000")], "this server itself"),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_OTHER_ISSUER", ACME.1)],
            "name the same issuer: put what they say together",
        ),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPES", "a\"b")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPES: ",
        ),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ALGORITHMS", "HS256")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ALGORITHMS: another issuer signs with a private",
        ),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ALGORITHMS", "none")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_ALGORITHMS: none is no signature algorithm",
        ),
        (
            &[(
                "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_URL",
                "http://acme.example/jwks",
            )],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_URL: ",
        ),
        (
            &[(
                "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_FILE",
                "/nowhere/jwks.json",
            )],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_FILE: /nowhere/jwks.json cannot be read",
        ),
        (
            &[
                (
                    "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_URL",
                    "https://acme.example/jwks",
                ),
                (
                    "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_JWKS_FILE",
                    "/nowhere/jwks.json",
                ),
            ],
            "both say where the keys of the issuer are",
        ),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPE", "read")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_SCOPE is not known",
        ),
        (
            &[("COUNTERSIGN_IDENTITY_PROVIDERS_acme_SCOPES", "read")],
            "COUNTERSIGN_IDENTITY_PROVIDERS_acme_SCOPES is not known",
        ),
    ] {
        let said = refused(&[ACME], others);
        assert!(said.contains(told), "{others:?}: {said}");
    }
}

#[test]
fn whatever_is_missing_or_wrong_about_a_workload_is_named() {
    let other_job = [
        ("COUNTERSIGN_WORKLOADS_OTHER_ISSUER", JOB[0].1),
        ("COUNTERSIGN_WORKLOADS_OTHER_CLIENT_ID", "W"),
        ("COUNTERSIGN_WORKLOADS_OTHER_CLAIMS", "sub=other"),
        (
            "COUNTERSIGN_WORKLOADS_OTHER_JWKS_URL",
            "https://a.example/1",
        ),
        (
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_JWKS_URL",
            "https://a.example/2",
        ),
    ];
    for (others, told) in [
        (
            &[(JOB[0].0, "")][..],
            "nothing says which one: set COUNTERSIGN_WORKLOADS_DEPLOY_JOB_ISSUER",
        ),
        (
            &[(JOB[1].0, "")],
            "set COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLIENT_ID to the id",
        ),
        (
            &[(JOB[2].0, "")],
            "anybody on that platform would be taken for deploy-job: set \
             COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS to the claims",
        ),
        (
            &[(JOB[2].0, "repository")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS: write each claim as claim=text",
        ),
        (
            &[(JOB[2].0, "sub=*")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS: `*` may stand",
        ),
        (
            &[(JOB[2].0, "sub=repo:*:app")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS: `*` may stand",
        ),
        (
            &[(JOB[2].0, "=acme")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIMS: a rule about a claim needs",
        ),
        (
            &[("COUNTERSIGN_WORKLOADS_DEPLOY_JOB_RESOURCES", "orders")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_RESOURCES: ",
        ),
        (
            &[("COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIM", "sub=a")],
            "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_CLAIM is not known",
        ),
        (
            &other_job,
            "say different things about the keys of the same issuer",
        ),
    ] {
        let said = refused(&JOB, others);
        assert!(said.contains(told), "{others:?}: {said}");
    }
}

#[test]
fn whatever_is_missing_or_wrong_about_an_exchange_is_named() {
    for (others, told) in [
        (
            &[(EXCHANGE[0].0, "")][..],
            "nothing says which one: set COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CLIENT_ID",
        ),
        (
            &[(EXCHANGE[1].0, "")],
            "nothing says for which resource: set COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CALLS",
        ),
        (
            &[(EXCHANGE[1].0, "orders")],
            "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CALLS: ",
        ),
        (
            &[("COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_SERVES", EXCHANGE[1].1)],
            "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_CALLS name the same resource",
        ),
        (
            &[("COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_LIFETIME_SECONDS", "0")],
            "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_LIFETIME_SECONDS: its tokens would never",
        ),
        (
            &[(
                "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_LIFETIME_SECONDS",
                "a day",
            )],
            "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_LIFETIME_SECONDS is not a whole number",
        ),
        (
            &[("COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_SCOPES", "a\"b")],
            "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_SCOPES: ",
        ),
        (
            &[("COUNTERSIGN_ISSUING_RESOURCES", "orders")],
            "COUNTERSIGN_ISSUING_RESOURCES: ",
        ),
        (
            &[("COUNTERSIGN_ISSUING_SCOPES", "a\"b")],
            "COUNTERSIGN_ISSUING_SCOPES: ",
        ),
    ] {
        let said = refused(&EXCHANGE, others);
        assert!(said.contains(told), "{others:?}: {said}");
    }
}

#[test]
fn tokens_for_programs_are_refused_where_none_are_issued() {
    let resources = [("COUNTERSIGN_ISSUING_RESOURCES", "https://api.example")];
    for machines in [&[ACME][..], &JOB, &EXCHANGE, &resources] {
        let others = [
            ("FASTMCP_AUTH_SECRET_KEY", SECRET),
            ("FASTMCP_AUTH_ISSUER", "https://a.example"),
        ];
        let said = refusal(&[machines, &others].concat()).unwrap();
        assert!(said.contains("take one of them away"), "{said}");
        let enabled = [("FASTMCP_AUTH_ENABLED", "true")];
        let said = refusal(&[machines, &enabled].concat()).unwrap();
        assert!(
            said.contains("set COUNTERSIGN_ISSUING_ISSUER_URL"),
            "{said}"
        );
    }
}

#[test]
fn who_gets_tokens_without_a_browser_is_said_in_words_and_printed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    let text = "[identity_providers.acme]\nscopes = [\"read\"]\n\
                issuer = \"https://acme.okta.com\"\ntenant = \"t-1\"\n\
                [workloads.b]\nissuer = \"https://token.example\"\nclient_id = \"W\"\n\
                claims = [\"sub=b\"]\n\
                [workloads.a]\nissuer = \"https://token.example\"\nclient_id = \"W\"\n\
                claims = [\"sub=a,c\", \"/k8s/ns=prod\"]\nscopes = [\"read\", \"write\"]\n\
                [token_exchange.orders]\nclient_id = \"E\"\n\
                calls = \"https://api.example/orders\"\nscopes = [\"orders\"]\n";
    std::fs::write(&file, text).unwrap();
    let variables = [
        ISSUER,
        ("COUNTERSIGN_WORKLOADS_A_CLIENT_ID", "X"),
        (
            "COUNTERSIGN_ISSUING_RESOURCES",
            "https://api.example/orders",
        ),
    ];
    let configuration = of(&variables).unwrap().file(&file).unwrap();
    let said = configuration.check().unwrap().join("\n");
    for sentence in [
        "The identity provider https://acme.okta.com lets its people of the tenant t-1 in by \
         assertions (ID-JAG), which confidential clients present, for read at most",
        "A program with a token of the platform https://token.example that says sub=a,c and \
         /k8s/ns=prod is service:a, and gets tokens as the client X, for read and write.",
        "says sub=b is service:b, and gets tokens as the client W, without scopes.",
        "The client E may exchange tokens for this server that it is called with for tokens for \
         https://api.example/orders, for orders.",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let printed = configuration.print();
    let after = |text: &str| {
        printed
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {printed}"))
    };
    assert!(after("[issuing]") < after("[identity_providers.acme]"));
    let first = after("[workloads.a]\nissuer = \"https://token.example\"  # ");
    assert!(first < after("client_id = \"X\"  # COUNTERSIGN_WORKLOADS_A_CLIENT_ID\n# not: \"W\""));
    assert!(first < after("[workloads.b]"));
    assert_eq!(printed.matches("[workloads.a]").count(), 1, "{printed}");
}
