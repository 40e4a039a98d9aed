//! What the command takes from the environment and a file: rows M-49, M-50, M-53, and H15.

use testkit::{SignatureAlgorithm, TestIssuer, TestKey};

use crate::command::{Server, folder, run, run_in};

const SECRET: &str = "canary, a secret of at least 32 bytes";
const OTHER: &str = "canary, another secret of 32 bytes and more";
const ISSUER: &str = "https://as.test";

fn token(secret: &str) -> String {
    token_of("ada", secret)
}

fn token_of(subject: &str, secret: &str) -> String {
    let issuer = TestIssuer::with_keys(ISSUER, [TestKey::e1()]);
    let token = issuer.token();
    let token = token.mac(SignatureAlgorithm::HS256, secret).sub(subject);
    let token = token
        .iat(super::serve_options::PAST)
        .exp(super::serve_options::FUTURE);
    token.without_header("kid").sign()
}

/// What a start with `variables` alone says when it is refused.
fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = folder();
    let answer = run_in(
        folder.path(),
        variables,
        &["serve", "--bind", "127.0.0.1:0"],
    );
    assert_ne!(answer.code, 0, "{variables:?}: {}", answer.stdout);
    let sentence = answer.stderr.trim_end();
    assert_eq!(sentence.lines().count(), 1, "{variables:?}: {sentence}");
    assert!(!sentence.contains("canary"), "{sentence}");
    let left: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert!(left.is_empty(), "{variables:?} left {left:?}");
    sentence.to_owned()
}

/// The exit code of a call: 0, or 4 if it is refused.
fn call(server: &Server, token: &str) -> i32 {
    let folder = folder();
    let call = ["call", &server.url, "greet", "name=x", "--token", token];
    run(folder.path(), &call).code
}

#[test]
fn m_49_each_variable_alone_stops_the_start_and_says_what_to_set() {
    for (name, value, to_set) in [
        ("FASTMCP_AUTH_ENABLED", "true", "set FASTMCP_AUTH_JWKS_URL"),
        (
            "FASTMCP_AUTH_JWKS_URL",
            "https://as.test/jwks",
            "set FASTMCP_AUTH_ISSUER and FASTMCP_AUTH_AUDIENCE",
        ),
        ("FASTMCP_AUTH_SECRET_KEY", SECRET, "set FASTMCP_AUTH_ISSUER"),
        ("FASTMCP_AUTH_ISSUER", ISSUER, "set FASTMCP_AUTH_JWKS_URL"),
        ("FASTMCP_AUTH_AUDIENCE", "me", "set FASTMCP_AUTH_JWKS_URL"),
        (
            "FASTMCP_AUTH_ALGORITHMS",
            "RS256",
            "set FASTMCP_AUTH_JWKS_URL",
        ),
        (
            "FASTMCP_AUTH_REQUIRED_SCOPES",
            "a",
            "set FASTMCP_AUTH_JWKS_URL",
        ),
    ] {
        let sentence = refusal(&[(name, value)]);
        assert!(sentence.contains(name), "{sentence}");
        assert!(sentence.contains(to_set), "{sentence}");
    }
}

#[test]
fn m_49_authentication_that_is_switched_off_is_off_and_said_to_be() {
    let folder = folder();
    let server = Server::start_in(folder.path(), &[("FASTMCP_AUTH_ENABLED", "false")], &[]);
    let call = ["call", &server.url, "greet", "name=x"];
    run(folder.path(), &call).ok();
    let (_, log) = server.signal("-TERM");
    assert!(log.contains("no authentication"), "{log}");
    let public = [
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--public-url",
        "https://a.test/mcp",
    ];
    let answer = run_in(folder.path(), &[("FASTMCP_AUTH_ENABLED", "false")], &public);
    assert_ne!(answer.code, 0);
    assert!(
        answer.stderr.contains("https://a.test/mcp"),
        "{}",
        answer.stderr
    );
}

#[test]
fn m_50_each_nested_variable_alone_starts_or_says_what_to_set() {
    for (name, value) in [
        (
            "FASTMCP_AUTH__SERVICE_DOCUMENTATION_URL",
            "https://docs.test",
        ),
        ("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__ENABLED", "true"),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__VALID_SCOPES",
            "a",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__DEFAULT_SCOPES",
            "a",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__CLIENT_SECRET_EXPIRY_SECONDS",
            "86400",
        ),
        ("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED", "true"),
    ] {
        let sentence = refusal(&[(name, value)]);
        assert!(sentence.contains(name), "{sentence}");
        assert!(
            sentence.contains("set FASTMCP_AUTH__ISSUER_URL"),
            "{sentence}"
        );
    }
    let sentence = refusal(&[("FASTMCP_AUTH__REQUIRED_SCOPES", "a")]);
    assert!(sentence.contains("set FASTMCP_AUTH_JWKS_URL"), "{sentence}");
}

#[test]
fn m_50_a_named_issuer_issues_and_offers_what_is_switched_on_alone() {
    let folder = folder();
    let port = crate::command::free_port();
    let issuer = format!("http://localhost:{port}");
    let variables = [
        ("FASTMCP_AUTH__ISSUER_URL", &*issuer),
        ("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED", "true"),
    ];
    let bind = format!("127.0.0.1:{port}");
    let variables = [&variables[..], &[("COUNTERSIGN_SERVER_BIND", &*bind)]].concat();
    let server = Server::start_where_settings_say(folder.path(), &variables);
    let address = format!("{issuer}/.well-known/oauth-authorization-server");
    let http = testkit::Http::socket(&server.authority());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let metadata = runtime.block_on(async { http.get(&address).send().await.json().await });
    assert_eq!(metadata["issuer"], issuer);
    assert!(
        metadata.get("registration_endpoint").is_none(),
        "{metadata}"
    );
    assert!(metadata.get("revocation_endpoint").is_some(), "{metadata}");
}

#[test]
fn m_49_and_m_50_each_wrong_value_is_refused_by_the_name_of_its_variable() {
    let others = [
        ("FASTMCP_AUTH_JWKS_URL", "https://as.test/jwks"),
        ("FASTMCP_AUTH_ISSUER", ISSUER),
    ];
    let ours = [("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000")];
    for (name, value) in [
        ("FASTMCP_AUTH_ENABLED", "canary"),
        ("FASTMCP_AUTH_JWKS_URL", "ftp://as.test"),
        ("FASTMCP_AUTH_ISSUER", ","),
        ("FASTMCP_AUTH_AUDIENCE", ","),
        ("FASTMCP_AUTH_ALGORITHMS", "none"),
        ("FASTMCP_AUTH_REQUIRED_SCOPES", "a\\b"),
        ("FASTMCP_AUTH_ISSUERS", "x"),
    ] {
        let mut variables = others.to_vec();
        variables.retain(|(other, _)| *other != name);
        variables.push((name, value));
        let sentence = refusal(&variables);
        assert!(sentence.contains(name), "{name}={value}: {sentence}");
    }
    let secret = [
        ("FASTMCP_AUTH_SECRET_KEY", "canary"),
        ("FASTMCP_AUTH_ISSUER", ISSUER),
    ];
    let sentence = refusal(&secret);
    assert!(sentence.contains("FASTMCP_AUTH_SECRET_KEY"), "{sentence}");
    for (name, value) in [
        ("FASTMCP_AUTH__ISSUER_URL", "not a url"),
        ("FASTMCP_AUTH__SERVICE_DOCUMENTATION_URL", "not a url"),
        ("FASTMCP_AUTH__REQUIRED_SCOPES", "a\\b"),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__ENABLED",
            "perhaps",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__VALID_SCOPES",
            "a\\b",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__DEFAULT_SCOPES",
            "a\\b",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__CLIENT_SECRET_EXPIRY_SECONDS",
            "a day",
        ),
        ("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED", "perhaps"),
        ("FASTMCP_AUTH__ISSUER", "x"),
    ] {
        let mut variables = ours.to_vec();
        variables.retain(|(other, _)| *other != name);
        variables.push((name, value));
        let sentence = refusal(&variables);
        assert!(sentence.contains(name), "{name}={value}: {sentence}");
    }
}

#[test]
fn m_53_options_count_most_and_the_file_of_the_folder_is_read() {
    let folder = folder();
    let text = format!(
        "[server]\nbind = \"127.0.0.1:1\"\n[auth]\nissuer = \"{ISSUER}\"\nsecret_key = {{ file = \"secret\" }}\n"
    );
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    // Nobody can listen on port 1: the option counts.
    let server = Server::start(folder.path(), &[]);
    assert_eq!(call(&server, &token(SECRET)), 0);
    assert_eq!(call(&server, &token(OTHER)), 4);
    assert!(
        server.printed.contains("verified with a shared secret"),
        "{}",
        server.printed
    );
    drop(server);
    let none = run(folder.path(), &["serve", "--config", "none.toml"]);
    assert!(
        none.stderr.contains("none.toml cannot be read"),
        "{}",
        none.stderr
    );
}

#[cfg(unix)]
#[test]
fn m_52_a_secret_is_rotated_when_the_command_is_told_to_read_it_again() {
    let folder = folder();
    let text = format!(
        "[auth]\nissuer = \"{ISSUER}\"\nsecret_key = {{ command = [\"cat\", \"secret\"] }}\n"
    );
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(call(&server, &token(SECRET)), 0);
    std::fs::write(folder.path().join("secret"), OTHER).unwrap();
    assert_eq!(call(&server, &token(OTHER)), 4);
    server.hang_up();
    // Each round starts a process, which gives the server time.
    assert!((0..100).any(|_| call(&server, &token(OTHER)) == 0));
    assert_eq!(call(&server, &token(SECRET)), 4);
    let (code, log) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(!log.contains("canary"), "{log}");
}

#[test]
fn h15_what_config_prints_is_redacted_and_says_where_each_value_is_from() {
    let folder = folder();
    let text = format!("[auth]\nissuer = \"{ISSUER}\"\naudience = [\"a\", \"b\"]\n");
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    let variables = [
        ("FASTMCP_AUTH_SECRET_KEY", SECRET),
        ("FASTMCP_AUTH_AUDIENCE", "c"),
    ];
    let printed = run_in(folder.path(), &variables, &["config", "print"]).ok();
    assert_eq!(
        printed,
        format!(
            "[auth]\n\
             secret_key = (redacted)  # FASTMCP_AUTH_SECRET_KEY\n\
             issuer = [\"{ISSUER}\"]  # countersign.toml:2\n\
             audience = [\"c\"]  # FASTMCP_AUTH_AUDIENCE\n\
             # not: [\"a\", \"b\"]  (countersign.toml:3 counts less)\n"
        )
    );
    let said = run_in(folder.path(), &variables, &["config", "check"]).ok();
    assert!(!said.contains("canary"), "{said}");
    assert!(
        said.contains("Whoever knows that secret can issue tokens"),
        "{said}"
    );
}

#[test]
fn rules_limits_and_the_audit_log_of_a_file_are_heeded() {
    let folder = folder();
    let text = format!(
        "[auth]\nissuer = \"{ISSUER}\"\nsecret_key = {{ file = \"secret\" }}\n\
         [policy]\nfile = \"rules.toml\"\n[limits]\nuser = \"9/hour\"\n\
         [audit]\nfile = \"audit.jsonl\"\n"
    );
    let rules = format!(
        "default = \"scopes\"\nissuer = \"{ISSUER}\"\n[[rules]]\nname = \"nobody greets bob\"\n\
         effect = \"deny\"\nwho = {{ subject = \"bob\" }}\nwhat = {{ tools = [\"greet\"] }}\n"
    );
    for (name, text) in [
        ("countersign.toml", &*text),
        ("rules.toml", &*rules),
        ("secret", SECRET),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let said = run(folder.path(), &["config", "check"]).ok();
    for sentence in [
        "The rules in rules.toml decide",
        "Each user may make 9 requests per hour.",
        "Every decision is noted in audit.jsonl.",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
    let server = Server::start(folder.path(), &[]);
    let of = |subject: &str| token_of(subject, SECRET);
    assert_eq!(call(&server, &of("bob")), 4);
    assert_eq!(call(&server, &of("ada")), 0);
    // Each call of the command looks at the server first.
    let (mut refused, ada) = (false, of("ada"));
    for _ in 0..10 {
        refused = refused || call(&server, &ada) != 0;
    }
    assert!(refused, "nine an hour were said");
    // A server that is killed may not have written its last lines.
    assert_eq!(server.signal("-INT").0, Some(0));
    let list = ["audit", "list", "--json", "--outcome", "refused"];
    let listed = run(folder.path(), &list).ok();
    assert!(listed.contains("\"reason\":\"forbidden\""), "{listed}");
    assert!(listed.contains("\"reason\":\"rate_limited\""), "{listed}");
}

#[test]
fn where_people_log_in_api_keys_and_metrics_are_taken_from_the_file() {
    let folder = folder();
    let text = "[login]\nprovider = \"github\"\nclient_id = \"app-1\"\n\
                client_secret = { file = \"secret\" }\nallow_groups = [\"9919\"]\n\
                [api_keys]\nheader = \"X-Team-Key\"\n[metrics]\nbind = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    let missing = run(folder.path(), &["serve", "--bind", "127.0.0.1:0"]);
    assert!(
        missing
            .stderr
            .contains("countersign.toml:4: the secret in secret cannot be read"),
        "{}",
        missing.stderr
    );
    assert!(!folder.path().join("countersign-data").exists());
    std::fs::write(folder.path().join("secret"), "canary-secret\n").unwrap();
    let said = run(folder.path(), &["config", "check"]).ok();
    for sentence in [
        "People log in at GitHub. Allowed are members of the group 9919.",
        "in the header X-Team-Key",
        "counted for Prometheus at http://127.0.0.1:0/metrics",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
    let printed = run(folder.path(), &["config", "print"]).ok();
    assert!(
        printed.contains("client_secret = { file = \"secret\" }  # countersign.toml:4"),
        "{printed}"
    );
    let server = Server::start(folder.path(), &[]);
    for line in [
        "People log in at GitHub",
        "/callback/github",
        "Programs send an API key in the header X-Team-Key",
        "Metrics at http://127.0.0.1:",
    ] {
        assert!(server.printed.contains(line), "{line}: {}", server.printed);
    }
    drop(server);
    // What is said on the command line about it counts alone.
    let other = run(
        folder.path(),
        &["serve", "--bind", "127.0.0.1:0", "--login", "google"],
    );
    assert!(
        other.stderr.contains("--login google: the client id"),
        "{}",
        other.stderr
    );
}

#[test]
fn the_audit_log_in_the_database_is_switched_on_by_the_file() {
    let folder = folder();
    let text = "[audit]\nstore = true\non_full = \"spool\"\n[metrics]\nbind = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    let said = run(folder.path(), &["config", "check"]).ok();
    let sentence = "Every decision is noted in the database of the authorization server.";
    assert!(said.contains(sentence), "{said}");
    let server = Server::start(folder.path(), &[]);
    let call = ["call", &server.url, "greet", "name=x"];
    assert_eq!(run(folder.path(), &call).code, 4);
    let (code, _) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    let list = ["audit", "list", "--data-dir", "countersign-data"];
    let listed = run(folder.path(), &list).ok();
    assert!(listed.contains("no_credential"), "{listed}");
    // Nobody has a database whose tokens are those of somebody else.
    let others = format!(
        "[audit]\nstore = true\n[auth]\nissuer = \"{ISSUER}\"\nsecret_key = {{ file = \"s\" }}\n"
    );
    std::fs::write(folder.path().join("countersign.toml"), others).unwrap();
    let told = run(folder.path(), &["config", "check"]).stderr;
    assert!(told.contains("countersign.toml:2"), "{told}");
    assert!(told.contains("take one of them away"), "{told}");
}

#[test]
fn each_variable_about_machines_and_proofs_alone_stops_the_start_and_says_what_to_set() {
    let exchange = "COUNTERSIGN_TOKEN_EXCHANGE_ORDERS_";
    let set = |family: &str, field: &str| format!("set {family}{field}");
    let (idp, job) = (
        "COUNTERSIGN_IDENTITY_PROVIDERS_ACME_",
        "COUNTERSIGN_WORKLOADS_DEPLOY_JOB_",
    );
    for (family, field, value, to_set) in [
        (idp, "SCOPES", "read", set(idp, "ISSUER")),
        (idp, "TENANT", "t-1", set(idp, "ISSUER")),
        (idp, "JWKS_URL", "https://a.test/jwks", set(idp, "ISSUER")),
        (idp, "JWKS_FILE", "jwks.json", set(idp, "ISSUER")),
        (idp, "ALGORITHMS", "ES256", set(idp, "ISSUER")),
        (job, "ISSUER", ISSUER, set(job, "CLIENT_ID")),
        (job, "CLIENT_ID", "W", set(job, "ISSUER")),
        (job, "CLAIMS", "sub=a", set(job, "ISSUER")),
        (job, "SCOPES", "read", set(job, "ISSUER")),
        (job, "RESOURCES", "https://a.test", set(job, "ISSUER")),
        (exchange, "CLIENT_ID", "E", set(exchange, "CALLS")),
        (
            exchange,
            "CALLS",
            "https://a.test",
            set(exchange, "CLIENT_ID"),
        ),
        (
            exchange,
            "SERVES",
            "https://a.test",
            set(exchange, "CLIENT_ID"),
        ),
        (exchange, "SCOPES", "read", set(exchange, "CLIENT_ID")),
        (
            exchange,
            "LIFETIME_SECONDS",
            "60",
            set(exchange, "CLIENT_ID"),
        ),
        (
            "COUNTERSIGN_DPOP_",
            "ALGORITHMS",
            "ES256",
            set("COUNTERSIGN_DPOP_", "BOUND_TOKENS to accepted or required"),
        ),
        (
            "COUNTERSIGN_DPOP_",
            "NONCE_LIFETIME_SECONDS",
            "60",
            set("COUNTERSIGN_DPOP_", "BOUND_TOKENS"),
        ),
        (
            "COUNTERSIGN_DPOP_",
            "NONCE_SECRET",
            SECRET,
            set("COUNTERSIGN_DPOP_", "BOUND_TOKENS"),
        ),
        (
            "COUNTERSIGN_DPOP_",
            "BOUND_TOKENS",
            "always",
            "set it to one of them".to_owned(),
        ),
    ] {
        let name = format!("{family}{field}");
        let sentence = refusal(&[(&name, value)]);
        assert!(sentence.contains(&name), "{sentence}");
        assert!(sentence.contains(&to_set), "{sentence}");
    }
}

#[test]
fn a_start_that_settings_refuse_leaves_nothing_but_the_settings() {
    let written = "[issuing]\nissuer_url = \"http://localhost:8000\"\n[audit]\nfile = \"audit.jsonl\"\n\
                   store = true\n";
    let job = "[workloads.job]\nissuer = \"https://a.test\"\nclient_id = \"W\"\n";
    let exchange = "[token_exchange.api]\nclient_id = \"E\"\ncalls = \"https://api.test/a\"\n";
    for (text, told) in [
        (job.to_owned(), "taken for job"),
        (format!("{job}claims = \"sub=*\"\n"), "`*` may stand"),
        (
            format!("{job}claims = \"sub=a\"\nscopes = \"deploy\"\n"),
            "issuing.scopes",
        ),
        (exchange.to_owned(), "issuing.resources"),
        (
            "[dpop]\nbound_tokens = \"always\"\n".to_owned(),
            "neither accepted nor required",
        ),
        ("[policy]\nfile = \"rules.toml\"\n".to_owned(), "rules.toml"),
        (
            "[limits]\nuser = \"lots\"\n".to_owned(),
            "countersign.toml:7",
        ),
        ("[metrics]\nbind = \"0.0.0.0:1\"\n".to_owned(), "host:port"),
    ] {
        let folder = folder();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, format!("{written}{text}")).unwrap();
        let answer = run(folder.path(), &["serve", "--bind", "127.0.0.1:0"]);
        assert_eq!(answer.code, 1, "{text}: {}", answer.stdout);
        assert!(answer.stderr.contains(told), "{text}: {}", answer.stderr);
        let left = folder.path().read_dir().unwrap();
        let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["countersign.toml"], "{text}");
    }
    let folder = folder();
    let options = [
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--audit",
        "audit.jsonl",
        "--policy",
        "rules.toml",
    ];
    assert_eq!(run(folder.path(), &options).code, 1);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_settings_say_about_machines_and_proofs_is_in_the_metadata() {
    let folder = folder();
    let text = "[issuing]\nresources = [\"https://api.test/a\"]\nscopes = [\"orders\"]\n\
                [dpop]\nbound_tokens = \"accepted\"\nalgorithms = [\"ES256\"]\n\
                [identity_providers.acme]\nissuer = \"https://acme.test\"\n\
                [workloads.job]\nissuer = \"https://platform.test\"\nclient_id = \"W\"\n\
                claims = [\"sub=a\"]\nscopes = [\"orders\"]\n\
                [token_exchange.api]\nclient_id = \"E\"\ncalls = \"https://api.test/a\"\n\
                scopes = [\"orders\"]\n";
    std::fs::write(folder.path().join("countersign.toml"), text).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (options, required) in [(&[][..], false), (&["--dpop", "required"], true)] {
        let server = Server::start(folder.path(), options);
        let http = testkit::Http::socket(&server.authority());
        let read =
            |path: &str| runtime.block_on(async { http.get(path).send().await.json().await });
        let metadata: serde_json::Value = read("/.well-known/oauth-authorization-server");
        let grants = metadata["grant_types_supported"].to_string();
        for name in ["grant-type:jwt-bearer", "grant-type:token-exchange"] {
            assert!(grants.contains(name), "{grants}");
        }
        assert_eq!(
            metadata["dpop_signing_alg_values_supported"],
            serde_json::json!(["ES256"])
        );
        let resource: serde_json::Value = read("/.well-known/oauth-protected-resource/mcp");
        let said = &resource["dpop_bound_access_tokens_required"];
        assert_eq!(*said == true, required, "{resource}");
        let mints = server.printed.contains("TOKEN=$(");
        assert_eq!(mints, !required, "{}", server.printed);
        let minted = run(
            folder.path(),
            &["token", "--subject", "ada", "--audience", &server.url],
        );
        assert_eq!(
            call(&server, minted.ok().trim()),
            if required { 4 } else { 0 }
        );
    }
}
