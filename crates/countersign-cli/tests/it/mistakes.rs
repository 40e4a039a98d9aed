//! The mistakes that people make, and the sentence each of them is told.

/// The arguments, and what is told.
pub(crate) type Mistake = (&'static str, &'static str);

/// What is not understood: exit code 2.
pub(crate) const USAGE: &[Mistake] = &[
    (
        "--log debug serve",
        "unexpected argument '--log' found; tip: 'serve --log' exists (see --help)",
    ),
    (
        "frobnicate",
        "unrecognized subcommand 'frobnicate' (see --help)",
    ),
    (
        "call http://localhost:1/mcp",
        "the following required arguments were not provided: <TOOL> (see --help)",
    ),
    (
        "call http://localhost:1/mcp x --token a --token-file b",
        "the argument '--token <TOKEN>' cannot be used with '--token-file <FILE>' (see --help)",
    ),
    (
        "keygen --algorithm RS1",
        "invalid value 'RS1' for '--algorithm <NAME>': not a supported signature algorithm (names are case-sensitive: RS256, ES256, EdDSA, …) (see --help)",
    ),
    (
        "keygen --log debug",
        "unexpected argument '--log' found (see --help)",
    ),
    (
        "providers show github --file --json",
        "the argument '--file' cannot be used with '--json' (see --help)",
    ),
    (
        "providers show github --set domain",
        "invalid value 'domain' for '--set <VARIABLE=VALUE>': write VARIABLE=VALUE, such as domain=login.example.com (see --help)",
    ),
    (
        "serve --bnd x",
        "unexpected argument '--bnd' found; tip: a similar argument exists: '--bind' (see --help)",
    ),
    (
        "serve --public-key a --jwks-url b",
        "the argument '--public-key <FILE>' cannot be used with '--jwks-url <URL>' (see --help)",
    ),
    (
        "serve extra",
        "unexpected argument 'extra' found (see --help)",
    ),
    (
        "serve --bind",
        "a value is required for '--bind <HOST:PORT>' but none was supplied (see --help)",
    ),
    (
        "serve --bind localhost",
        "invalid value 'localhost' for '--bind <HOST:PORT>': write host:port, for example 127.0.0.1:8000 (see --help)",
    ),
    (
        "serve --bind [::1]:x",
        "invalid value '[::1]:x' for '--bind <HOST:PORT>': write host:port, for example 127.0.0.1:8000 (see --help)",
    ),
    (
        "serve --algorithms none",
        "invalid value 'none' for '--algorithms <A,B>': not a supported signature algorithm (names are case-sensitive: RS256, ES256, EdDSA, …) (see --help)",
    ),
    (
        "serve --danger-allow-loopback",
        "the following required arguments were not provided: --jwks-url <URL> (see --help)",
    ),
    (
        "serve --danger-open-to-everybody",
        "the following required arguments were not provided: --no-auth (see --help)",
    ),
    (
        "sevre",
        "unrecognized subcommand 'sevre'; tip: some similar subcommands exist: 'users', 'serve' (see --help)",
    ),
    (
        "token --subject a --claim a=b",
        "the following required arguments were not provided: --key <FILE> (see --help)",
    ),
    (
        "serve --access-tokens paper",
        "invalid value 'paper' for '--access-tokens <FORMAT>' [possible values: jwt, opaque]; tip: a similar value exists: 'opaque' (see --help)",
    ),
    (
        "users add",
        "the following required arguments were not provided: <NAME> (see --help)",
    ),
    (
        "users add a/b",
        "invalid value 'a/b' for '<NAME>': a name has 1 to 64 letters (a to z), digits and . _ - @ +, and begins with a letter or digit (see --help)",
    ),
    (
        "users add ada --password x",
        "unexpected argument '--password' found; tip: a similar argument exists: '--password-file' (see --help)",
    ),
    (
        "clients add --name a",
        "the following required arguments were not provided: --redirect-uri <URI> (see --help)",
    ),
    (
        "clients add --name a --redirect-uri https://a.test/cb --authentication secret",
        "invalid value 'secret' for '--authentication <METHOD>': write one of none, client_secret_basic, client_secret_post, private_key_jwt (see --help)",
    ),
    (
        "clients invite --expires-in 0s",
        "invalid value '0s' for '--expires-in <SPAN>': the token would never be valid (see --help)",
    ),
    (
        "grants revoke",
        "the following required arguments were not provided: <GRANT>... (see --help)",
    ),
    (
        "grants revoke a --user b",
        "the argument '[GRANT]...' cannot be used with '--user <NAME>' (see --help)",
    ),
    (
        "token --key k --subject a --expires-in 5",
        "invalid value '5' for '--expires-in <SPAN>': write a number and s, m, h or d, for example 30m (see --help)",
    ),
    (
        "token --key private.pem --subject a --expires-in 0s",
        "invalid value '0s' for '--expires-in <SPAN>': the token would never be valid (see --help)",
    ),
];

/// What is understood and fails: exit code 1.
pub(crate) const FAILURES: &[Mistake] = &[
    (
        "providers show gihtub",
        "no built-in provider is called gihtub; see countersign providers list, or check a file with countersign providers check FILE",
    ),
    (
        "providers check nowhere.toml",
        "nowhere.toml: there is no such file or folder",
    ),
    ("providers check noise", "noise: this is not text"),
    (
        "providers check huge",
        "huge: this is too long, 64 KiB are enough",
    ),
    ("providers check empty", "empty: missing field `name`"),
    (
        "providers check short",
        "short: line 1: key with no value, expected `=`",
    ),
    (
        "providers show github --set domain=a.test",
        "the provider github has no \"domain\": it takes nothing but client_id",
    ),
    (
        "providers show okta --set client_id=x",
        "the provider okta needs issuer, the issuer of the authorization server, such as https://your-org.okta.com/oauth2/default",
    ),
    (
        "providers show auth0 --set domain=a.test --set domain=b.test",
        "--set domain is given twice",
    ),
    (
        "call localhost:8000 x",
        "localhost:8000 is not an http or https URL without user, password and fragment",
    ),
    (
        "call http://as.test/mcp x --token t",
        "http://as.test/mcp is neither https nor on this machine, so a token sent to it could be read by others; --danger-plain-http sends it all the same",
    ),
    (
        "call http://localhost:1/mcp x",
        "cannot reach the server: nobody listens there (connection refused)",
    ),
    (
        "list http://user:canary@localhost:1/mcp",
        "the address is not an http or https URL without user, password and fragment",
    ),
    (
        "call ftp://a.test/mcp x",
        "ftp://a.test/mcp is not an http or https URL without user, password and fragment",
    ),
    (
        "keygen --algorithm HS256",
        "an HMAC secret has no key pair; use random text of at least 64 bytes instead",
    ),
    (
        "keygen --out public.pem",
        "public.pem: there is a file where a folder should be",
    ),
    (
        "keygen --out short",
        "short: there is a file where a folder should be",
    ),
    (
        "keygen --out folder/file/x",
        "folder/file/x: there is a file where a folder should be",
    ),
    (
        "list http://localhost:1/mcp --log a=b=c",
        "--log a=b=c: not a log filter; write a level such as debug, or target=level",
    ),
    (
        "list http://localhost:1/mcp",
        "cannot reach the server: nobody listens there (connection refused)",
    ),
    (
        "list http://localhost:1/mcp --token-file none",
        "none: there is no such file or folder",
    ),
    (
        "list http://localhost:1/mcp --token-file empty",
        "empty: the token is empty",
    ),
    (
        "list http://localhost:1/mcp --token-file -",
        "standard input: the token is empty",
    ),
    (
        "list http://localhost:1/mcp --token-file folder",
        "folder: this is a folder, not a file",
    ),
    (
        "list http://localhost:1/mcp --token-file noise",
        "noise: this is not text",
    ),
    (
        "list http://localhost:1/mcp --token-file huge",
        "huge: this is too long, 64 KiB are enough",
    ),
    (
        "serve --public-key none.pem",
        "none.pem does not exist; make a key pair with: countersign keygen",
    ),
    (
        "serve --hmac-secret-file none",
        "none: there is no such file or folder",
    ),
    (
        "serve --hmac-secret-file short --audience a",
        "short: the HMAC secret cannot be used: the HMAC secret is too short: at least 32 bytes for HS256, 48 for HS384, 64 for HS512",
    ),
    (
        "serve --jwks-url https://as.test/jwks",
        "say with --issuer and --audience whose tokens are accepted, and for which server",
    ),
    (
        "serve --tls-cert c.pem",
        "--tls-cert needs --tls-key, the private key of the certificate",
    ),
    (
        "serve --tls-key k.pem",
        "--tls-key needs --tls-cert, the certificate of the key",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-key none.pem --tls-cert none.pem",
        "TLS: the certificate none.pem cannot be read: No such file or directory",
    ),
    (
        "serve --stdio --public-key public.pem",
        "stdio has no OAuth, authorization is for HTTP: leave out --public-key, or --stdio",
    ),
    (
        "serve --stdio --required-scopes a",
        "stdio has no OAuth, authorization is for HTTP: leave out --required-scopes, or --stdio",
    ),
    (
        "serve --stdio --bind 127.0.0.1:1",
        "stdio has no network: leave out --bind, or --stdio",
    ),
    (
        "serve --no-auth --issuer i",
        "--issuer has no effect without authentication: leave it out, or --no-auth",
    ),
    (
        "serve --no-auth --bind 0.0.0.0:0",
        "without authentication everybody who reaches 0.0.0.0:0 could call everything: leave out --no-auth, or say --danger-open-to-everybody",
    ),
    (
        "serve --bind 0.0.0.0:0",
        "0.0.0.0:0 can be reached by others: say with --public-url which URL they use",
    ),
    (
        "serve --bind localhost:0 --public-url x",
        "the public URL `x` cannot be used: not an absolute URL",
    ),
    (
        "serve --public-key private.pem",
        "private.pem: the public key (PEM) cannot be used: this is a private key; a verifier needs the public key only",
    ),
    (
        "serve --public-key short",
        "short: the public key (PEM) cannot be used: not exactly one PEM block",
    ),
    (
        "serve --public-key public.pem --algorithms HS256",
        "public.pem: no key can verify the listed algorithms: the keys are for ES256",
    ),
    (
        "serve --bind 192.0.2.1:8000 --public-url https://a.test/mcp",
        "cannot listen on 192.0.2.1:8000: this machine has no such address",
    ),
    (
        "serve --bind 127.0.0.1:0 --public-url http://a.test/mcp",
        "the public URL `http://a.test/mcp` cannot be used: the scheme must be https (http only for loopback hosts)",
    ),
    (
        "serve --bind 127.0.0.1:0 --public-url https://a.test/mcp#x",
        "the public URL `https://a.test/mcp#x` cannot be used: a fragment (#…) is not allowed",
    ),
    (
        "serve --algorithms RS256",
        "--algorithms is about tokens of another issuer: say with --public-key, --jwks-url or --hmac-secret-file how they are verified",
    ),
    (
        "serve --issuer https://as.test",
        "--issuer is about tokens of another issuer: say with --public-key, --jwks-url or --hmac-secret-file how they are verified",
    ),
    (
        "serve --public-key public.pem --data-dir d",
        "--data-dir is about the authorization server in it, and here another issuer makes the tokens: leave it out",
    ),
    (
        "serve --jwks-url a --registration closed",
        "--registration is about the authorization server in it, and here another issuer makes the tokens: leave it out",
    ),
    (
        "serve --stdio --access-tokens opaque",
        "stdio has no OAuth, authorization is for HTTP: leave out --access-tokens, or --stdio",
    ),
    (
        "serve --no-auth --data-dir d",
        "--data-dir has no effect without authentication: leave it out, or --no-auth",
    ),
    (
        "serve --data-dir short",
        "short: this is a file, not a folder",
    ),
    (
        "serve --data-dir folder/file/x",
        "folder/file/x: there is a file where a folder should be",
    ),
    (
        "serve --bind 127.0.0.1:0 --auth-prefix auth",
        "the prefix `auth` is not a path: write `/auth`, or nothing",
    ),
    (
        "token --subject a --data-dir none",
        "there is no data in none: countersign serve makes it, or say with --data-dir where it is",
    ),
    (
        "token --subject a --expires-in 2h",
        "--expires-in: a token without --key is valid for 1s to 1h",
    ),
    (
        "token --subject a --audience b",
        "--audience b: not an absolute URL",
    ),
    (
        "users list --data-dir none",
        "there is no data in none: countersign serve makes it, or say with --data-dir where it is",
    ),
    (
        "clients show a --data-dir none",
        "there is no data in none: countersign serve makes it, or say with --data-dir where it is",
    ),
    (
        "grants list --data-dir noise",
        "noise: this is a file, not a folder",
    ),
    (
        "users add ada --data-dir short",
        "short: this is a file, not a folder",
    ),
    (
        "users passwd ada --data-dir damaged",
        "the database damaged/countersign.db cannot be opened: it is not an SQLite database",
    ),
    (
        "keys list --data-dir halved",
        "the database halved/countersign.db is there and its sealing keys, halved/countersign.db.keys, are not: put the file back, or move the database away to begin anew",
    ),
    (
        "serve --public-key folder",
        "folder: this is a folder, not a file",
    ),
    ("serve --public-key noise", "noise: this is not text"),
    (
        "serve --public-key empty",
        "empty: the public key (PEM) cannot be used: not exactly one PEM block",
    ),
    (
        "serve --hmac-secret-file folder",
        "folder: this is a folder, not a file",
    ),
    ("serve --hmac-secret-file noise", "noise: this is not text"),
    (
        "serve --hmac-secret-file empty --audience a",
        "empty: the HMAC secret cannot be used: the HMAC secret is too short: at least 32 bytes for HS256, 48 for HS384, 64 for HS512",
    ),
    (
        "serve --hmac-secret-file public.pem --audience a",
        "public.pem: the HMAC secret cannot be used: the HMAC secret is a PEM text; configure it as a public key instead",
    ),
    (
        "serve --hmac-secret-file long --audience a --algorithms RS256",
        "long: the HMAC secret cannot be used: a secret verifies HS256, HS384 and HS512 only; this algorithm needs a public key",
    ),
    (
        "serve --hmac-secret-file long --audience a --algorithms HS512",
        "long: the HMAC secret cannot be used: the HMAC secret is too short: at least 32 bytes for HS256, 48 for HS384, 64 for HS512",
    ),
    (
        "serve --hmac-secret-file huge --audience a",
        "huge: this is too long, 64 KiB are enough",
    ),
    (
        "serve --jwks-url x --audience a",
        "--jwks-url: the key set address is not a URL: \"x\"",
    ),
    (
        "serve --jwks-url http://a.test/jwks --audience a",
        "--jwks-url: the key set address \"http://a.test/jwks\" must start with https://, because whoever can change the keys on their way can issue tokens",
    ),
    (
        "serve --jwks-url http://localhost:1/jwks --audience a",
        "http://localhost:1/jwks has no TLS: use https, or say --danger-allow-loopback as well",
    ),
    (
        "serve --jwks-url https://u:p@a.test/jwks --audience a",
        "--jwks-url: the key set address has a user name or a password: remove it",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-cert cert.pem --tls-key private.pem",
        "TLS: the private key in private.pem does not belong to the certificate in cert.pem",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-cert private.pem --tls-key private.pem",
        "TLS: private.pem has no usable certificate in PEM",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-cert cert.pem --tls-key cert.pem",
        "TLS: cert.pem has no usable private key in PEM",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-cert folder --tls-key private.pem",
        "TLS: the certificate folder cannot be read: Is a directory",
    ),
    (
        "serve --bind 127.0.0.1:0 --tls-cert noise --tls-key private.pem",
        "TLS: noise has no usable certificate in PEM",
    ),
    (
        "serve --stdio --no-auth --sessions",
        "stdio has no network: leave out --sessions, or --stdio",
    ),
    (
        "serve --stdio --tls-key k",
        "stdio has no network: leave out --tls-key, or --stdio",
    ),
    (
        "serve --stdio --jwks-url https://a.test/jwks",
        "stdio has no OAuth, authorization is for HTTP: leave out --jwks-url, or --stdio",
    ),
    (
        "serve --stdio --hmac-secret-file long",
        "stdio has no OAuth, authorization is for HTTP: leave out --hmac-secret-file, or --stdio",
    ),
    (
        "serve --stdio --issuer a",
        "stdio has no OAuth, authorization is for HTTP: leave out --issuer, or --stdio",
    ),
    (
        "serve --stdio --audience a",
        "stdio has no OAuth, authorization is for HTTP: leave out --audience, or --stdio",
    ),
    (
        "serve --stdio --algorithms ES256",
        "stdio has no OAuth, authorization is for HTTP: leave out --algorithms, or --stdio",
    ),
    (
        "serve --stdio --public-url https://a.test/mcp",
        "stdio has no network: leave out --public-url, or --stdio",
    ),
    (
        "serve --no-auth --public-url https://a.test/mcp",
        "without authentication everybody who reaches https://a.test/mcp could call everything: leave out --no-auth, or say --danger-open-to-everybody",
    ),
    (
        "serve --no-auth --required-scopes a",
        "--required-scopes has no effect without authentication: leave it out, or --no-auth",
    ),
    (
        "serve --no-auth --public-key public.pem",
        "--public-key has no effect without authentication: leave it out, or --no-auth",
    ),
    (
        "token --key none.pem --subject a",
        "none.pem does not exist; make a key pair with: countersign keygen",
    ),
    (
        "token --key public.pem --subject a",
        "public.pem: this is a public key or certificate; signing needs the private key",
    ),
    (
        "token --key . --subject a",
        ".: this is a folder, not a file",
    ),
    (
        "token --key private.pem --subject a --claim sub=b",
        "--claim sub=b: the claim sub is written by the token itself; use the option of that name",
    ),
    (
        "token --key private.pem --subject a --claim sub",
        "--claim sub: write NAME=VALUE",
    ),
    ("token --key noise --subject a", "noise: this is not text"),
    (
        "token --key empty --subject a",
        "empty: not one PEM block PRIVATE KEY (PKCS#8); convert with: openssl pkcs8 -topk8 -nocrypt",
    ),
    (
        "token --key cert.pem --subject a",
        "cert.pem: this is a public key or certificate; signing needs the private key",
    ),
];
