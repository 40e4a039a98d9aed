//! Every mistake is one sentence on standard error, and an exit code.

use std::fs;

use countersign::keys::KeyPair;
use countersign::oauth::jose::Algorithm;

use crate::command::{Server, folder, run, run_with_input};

/// The arguments, the exit code, the sentence.
type Mistake = (&'static [&'static str], i32, &'static str);

const USAGE: &[Mistake] = &[
    (
        &["sevre"],
        2,
        "unrecognized subcommand 'sevre'; tip: a similar subcommand exists: 'serve' (see --help)",
    ),
    (
        &["serve", "--bnd", "x"],
        2,
        "unexpected argument '--bnd' found; tip: a similar argument exists: '--bind' (see --help)",
    ),
    (
        &["token", "--subject", "a"],
        2,
        "the following required arguments were not provided: --key <FILE> (see --help)",
    ),
    (
        &["call", "http://localhost:1/mcp"],
        2,
        "the following required arguments were not provided: <TOOL> (see --help)",
    ),
    (
        &["keygen", "--algorithm", "RS1"],
        2,
        "invalid value 'RS1' for '--algorithm <NAME>': not a supported signature algorithm (names are case-sensitive: RS256, ES256, EdDSA, …) (see --help)",
    ),
    (
        &["token", "--key", "k", "--subject", "a", "--expires-in", "5"],
        2,
        "invalid value '5' for '--expires-in <SPAN>': write a number and s, m, h or d, for example 30m (see --help)",
    ),
    (
        &["serve", "--public-key", "a", "--jwks-url", "b"],
        2,
        "the argument '--public-key <FILE>' cannot be used with '--jwks-url <URL>' (see --help)",
    ),
    (
        &[
            "call",
            "http://localhost:1/mcp",
            "x",
            "--token",
            "a",
            "--token-file",
            "b",
        ],
        2,
        "the argument '--token <TOKEN>' cannot be used with '--token-file <FILE>' (see --help)",
    ),
];

const FAILURES: &[Mistake] = &[
    // M-55: missing keys name the command that makes them.
    (
        &["token", "--key", "none.pem", "--subject", "a"],
        1,
        "none.pem does not exist; make a key pair with: countersign keygen",
    ),
    (
        &["serve", "--public-key", "none.pem"],
        1,
        "none.pem does not exist; make a key pair with: countersign keygen",
    ),
    (
        &["token", "--key", "public.pem", "--subject", "a"],
        1,
        "public.pem: not one PEM block PRIVATE KEY (PKCS#8); convert with: openssl pkcs8 -topk8 -nocrypt",
    ),
    (
        &["token", "--key", ".", "--subject", "a"],
        1,
        ".: Is a directory (os error 21)",
    ),
    (
        &[
            "token",
            "--key",
            "private.pem",
            "--subject",
            "a",
            "--claim",
            "sub=b",
        ],
        1,
        "--claim sub=b: the claim sub is written by the token itself; use the option of that name",
    ),
    (
        &[
            "token",
            "--key",
            "private.pem",
            "--subject",
            "a",
            "--claim",
            "sub",
        ],
        1,
        "--claim sub: write NAME=VALUE",
    ),
    (
        &[
            "token",
            "--key",
            "private.pem",
            "--subject",
            "a",
            "--scopes",
            "a b",
        ],
        1,
        "a scope is printable ASCII without space, quote or backslash",
    ),
    (
        &["keygen", "--algorithm", "HS256"],
        1,
        "an HMAC secret has no key pair; use random text of at least 64 bytes instead",
    ),
    (
        &["keygen", "--out", "public.pem"],
        1,
        "public.pem: File exists (os error 17)",
    ),
    (
        &["keygen", "--out", "short"],
        1,
        "short: File exists (os error 17)",
    ),
    (
        &["list", "http://localhost:1/mcp", "--log", "a=b=c"],
        1,
        "--log a=b=c: not a log filter; write a level such as debug, or target=level",
    ),
    (
        &["serve", "--hmac-secret-file", "none"],
        1,
        "cannot read none: No such file or directory (os error 2)",
    ),
    (
        &["serve", "--hmac-secret-file", "short", "--audience", "a"],
        1,
        "authentication: the HMAC secret cannot be used: the HMAC secret is too short: at least 32 \
         bytes for HS256, 48 for HS384, 64 for HS512",
    ),
    (
        &["serve", "--jwks-url", "https://as.test/jwks"],
        1,
        "say with --issuer and --audience whose tokens are accepted, and for which server",
    ),
    (
        &["serve", "--tls-cert", "c.pem"],
        1,
        "--tls-cert needs --tls-key, the private key of the certificate",
    ),
    (
        &["serve", "--tls-key", "k.pem"],
        1,
        "--tls-key needs --tls-cert, the certificate of the key",
    ),
    (
        &["serve", "--tls-key", "none.pem", "--tls-cert", "none.pem"],
        1,
        "TLS: the certificate none.pem cannot be read: No such file or directory (os error 2)",
    ),
    // M-36: stdio has no OAuth.
    (
        &["serve", "--stdio", "--public-key", "public.pem"],
        1,
        "stdio has no OAuth, authorization is for HTTP: leave out --public-key, or --stdio",
    ),
    (
        &["serve", "--stdio", "--required-scopes", "a"],
        1,
        "stdio has no OAuth, authorization is for HTTP: leave out --required-scopes, or --stdio",
    ),
    (
        &["serve", "--stdio", "--bind", "127.0.0.1:1"],
        1,
        "stdio has no network: leave out --bind, or --stdio",
    ),
    (
        &["serve", "--no-auth", "--issuer", "i"],
        1,
        "--issuer has no effect without authentication: leave it out, or --no-auth",
    ),
    (
        &["serve", "--no-auth", "--bind", "0.0.0.0:0"],
        1,
        "--no-auth serves on loopback addresses only, and 0.0.0.0:0 can be reached by others",
    ),
    (
        &["serve", "--bind", "0.0.0.0:0"],
        1,
        "0.0.0.0:0 can be reached by others: say with --public-url which URL they use",
    ),
    (
        &["serve", "--bind", "localhost"],
        1,
        "cannot listen on localhost: write host:port, for example 127.0.0.1:8000",
    ),
    (
        &["serve", "--public-key", "private.pem"],
        1,
        "authentication: the public key (PEM) cannot be used: this is a private key; a verifier needs the public key only",
    ),
    (
        &["serve", "--public-key", "short"],
        1,
        "authentication: the public key (PEM) cannot be used: not exactly one PEM block",
    ),
    (
        &["serve", "--algorithms", "HS256"],
        1,
        "authentication: no key can verify the listed algorithms: the keys are for ES256",
    ),
    (
        &["call", "localhost:8000", "x"],
        1,
        "localhost:8000 is not an http or https URL without user, password and fragment",
    ),
    (
        &["call", "http://as.test/mcp", "x", "--token", "t"],
        1,
        "http://as.test/mcp is neither https nor on this machine, so a token sent to it could be read by others",
    ),
    (
        &["call", "http://localhost:1/mcp", "x"],
        1,
        "cannot reach the server: nobody listens there (connection refused)",
    ),
    (
        &["list", "http://localhost:1/mcp"],
        1,
        "cannot reach the server: nobody listens there (connection refused)",
    ),
    (
        &["list", "http://localhost:1/mcp", "--token", "a b"],
        1,
        "--token: this is not one bearer token",
    ),
    (
        &["list", "http://localhost:1/mcp", "--token-file", "none"],
        1,
        "cannot read none: No such file or directory (os error 2)",
    ),
    (
        &["list", "http://localhost:1/mcp", "--token-file", "empty"],
        1,
        "empty: the token is empty",
    ),
    (
        &["list", "http://localhost:1/mcp", "--token-file", "-"],
        1,
        "standard input: the token is empty",
    ),
];

#[test]
fn every_mistake_is_one_sentence_and_an_exit_code() {
    let folder = folder();
    KeyPair::generate(Algorithm::ES256)
        .unwrap()
        .save(folder.path())
        .unwrap();
    fs::write(folder.path().join("short"), "short secret").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    for (arguments, code, sentence) in USAGE.iter().chain(FAILURES) {
        let answer = run(folder.path(), arguments);
        assert_eq!(answer.code, *code, "{arguments:?}: {}", answer.stderr);
        assert_eq!(answer.stdout, "", "{arguments:?}");
        let told = answer.stderr.strip_prefix("error: ");
        let told = told.unwrap_or_else(|| panic!("{arguments:?}: {}", answer.stderr));
        assert_eq!(told.lines().count(), 1, "{arguments:?}: {told}");
        assert_eq!(told.trim_end(), *sentence, "{arguments:?}");
    }
}

#[test]
fn a_busy_port_is_said_with_its_address() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let address = server.authority();
    let answer = run(folder.path(), &["serve", "--bind", &address]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        format!(
            "error: cannot listen on {address}: another program listens there: stop it or choose \
             another port\n"
        )
    );
}

#[test]
fn what_a_server_refuses_is_one_sentence_and_exit_code_4() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mint = [
        "token",
        "--key",
        ".countersign/private.pem",
        "--subject",
        "ada",
    ];
    let token = run(folder.path(), &mint).ok();
    let expired = run(
        folder.path(),
        &[&mint[..], &["--expires-in", "-5m"]].concat(),
    )
    .ok();
    let (token, expired) = (token.trim_end(), expired.trim_end());
    let call = |arguments: &[&str]| {
        let answer = run(folder.path(), &[&["call", &server.url], arguments].concat());
        assert_eq!(answer.stdout, "");
        (answer.code, answer.stderr)
    };
    assert_eq!(
        call(&["greet", "name=x"]),
        (4, "error: the server asks for a token (HTTP 401)\n".into())
    );
    let (code, sentence) = call(&["greet", "name=x", "--token", expired]);
    assert_eq!(code, 4);
    assert!(sentence.starts_with("error: the server refuses the token (HTTP 401, invalid_token)"));
    assert_eq!(
        call(&["admin_report", "--token", token]),
        (
            4,
            "error: the token lacks a scope: admin is needed (HTTP 403)\n".into()
        )
    );
    for (arguments, sentence) in [
        (&["none"][..], "Unknown tool"),
        (&["greet"], "Invalid arguments: `name` is missing"),
        (
            &["greet", "name"],
            "`name` is no argument: write name=value, or name:=json",
        ),
        (
            &["greet", "name=a", "name=b"],
            "the argument `name` is given twice",
        ),
        (&["greet", "name:=a"], "name:=a is not JSON"),
    ] {
        let (code, told) = call(&[arguments, &["--token", token]].concat());
        assert_eq!(code, 1, "{arguments:?}");
        assert!(told.starts_with(&format!("error: {sentence}")), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
}

#[test]
fn a_secret_on_standard_input_is_not_repeated() {
    let folder = folder();
    let arguments = ["list", "http://localhost:1/mcp", "--token-file", "-"];
    let answer = run_with_input(folder.path(), "canary token", &arguments);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        "error: standard input: this is not one bearer token\n"
    );
}

#[test]
fn help_goes_to_standard_output_and_says_what_the_exit_codes_mean() {
    let folder = folder();
    let help = run(folder.path(), &["--help"]).ok();
    for word in ["serve", "keygen", "token", "call", "list", "Exit codes:"] {
        assert!(help.contains(word), "{word}");
    }
    for subcommand in ["serve", "keygen", "token", "call", "list"] {
        let help = run(folder.path(), &[subcommand, "--help"]).ok();
        assert!(help.contains("Usage: countersign "), "{help}");
    }
    let nothing = run(folder.path(), &[]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""));
    assert!(nothing.stderr.contains("Usage: countersign"));
}
