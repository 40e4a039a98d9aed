//! Servers that are made of variables of the environment, each started in a process of
//! its own: row M-51. The process is this test binary, with those variables alone.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::proxy::ProviderLogin;
use countersign::{
    ApiKeyAuth, Auth0Provider, Authentication, ConfigurationError, EmbeddedAuth, FirebaseAuth,
    FromEnvironment as _, GitHubOAuthProvider, GoogleOAuthProvider, Http, Server, SharedSecret,
    tool,
};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, ModernClient, NOW, SignatureAlgorithm, TestClock, TestIssuer};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::embedded::client::Client;
use crate::fixture::HandClock;

/// The test below, as which the process is started.
const ITSELF: &str = "from_environment::m_51_a_variable_that_nobody_reads_changes_nothing";
/// Which server it is.
const WHICH: &str = "SERVER_OF_THIS_TEST";
/// What the process prints before its address, and before why it does not start.
const READY: &str = "listens at ";
const REFUSED: &str = "does not start: ";
/// Where clients of the server are told that it is.
const PUBLIC: &str = "http://localhost:8000/mcp";
const HOST: &str = "localhost:8000";

const KEY: &str = "canary-0123456789abcdef";
const SECRET: &str = "canary, a secret of at least 32 bytes";

/// Says that somebody is there.
#[tool]
async fn here() -> &'static str {
    "here"
}

fn login<Kind: 'static>(
    login: Result<ProviderLogin<Kind>, ConfigurationError>,
) -> Result<impl Authentication, ConfigurationError> {
    Ok(login?.allow_everyone().in_memory())
}

/// The server `which`, as a program would write it that leaves everything to variables.
fn server(which: &str) -> Result<Server, ConfigurationError> {
    let server = Server::new("Notes").tool(here);
    Ok(match which {
        "github" => server.auth(login(GitHubOAuthProvider::from_env())?),
        "google" => server.auth(login(GoogleOAuthProvider::from_env())?),
        "auth0" => server.auth(login(Auth0Provider::from_env())?),
        "firebase" => server.auth(FirebaseAuth::from_env()?),
        "shared secret" => {
            let tokens = SharedSecret::from_env()?.issuer(ISSUER).audience(AUDIENCE);
            let clock = HandClock(TestClock::at(NOW));
            server.clock(Arc::new(clock)).auth(tokens)
        }
        "token expiry" => {
            let auth = EmbeddedAuth::in_memory().danger_approve_everything("ada");
            server.auth(auth.token_expiry_from_env()?)
        }
        "api key" => server.auth(ApiKeyAuth::from_env()?),
        other => panic!("{other}"),
    })
}

/// Serves until it is killed, or says why not.
async fn serve(which: &str) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let place = match which {
        // Where people come back to is registered, and so is not any port.
        "github" | "google" => Http::bind("127.0.0.1:0").public_url(PUBLIC),
        _ => Http::bind("127.0.0.1:0"),
    };
    let running = match server(which) {
        Ok(server) => server.start(place).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match running {
        Err(error) => println!("\n{REFUSED}{error}"),
        Ok(running) => {
            println!("\n{READY}{}", running.address());
            let told =
                tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
            assert_eq!(told.await.unwrap().unwrap(), 0, "nothing is said to it");
            running.stop().await;
        }
    }
}

/// A server that runs; dropping it kills it.
struct Process {
    child: Child,
    authority: String,
}

/// Starts the server `which` with `variables` and no others, or answers why it does not
/// start. Nothing secret is ever printed.
async fn started<V>(which: &str, variables: &[(&str, V)]) -> Result<Process, String>
where
    V: AsRef<OsStr> + Copy + Debug,
{
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([ITSELF, "--exact", "--nocapture"])
        .env_clear()
        .env(WHICH, which)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{which} {variables:?} says nothing"));
        if let Some(authority) = line.strip_prefix(READY) {
            let authority = authority.to_owned();
            // What else it says is read and dropped, or it could not end.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Process { child, authority });
        }
        if let Some(sentence) = line.strip_prefix(REFUSED) {
            let mut log = String::new();
            let mut stderr = child.stderr.take().unwrap();
            stderr.read_to_string(&mut log).await.unwrap();
            assert!(!log.contains("canary"), "{variables:?}: {log}");
            assert!(!sentence.contains("canary"), "{variables:?}: {sentence}");
            return Err(sentence.to_owned());
        }
    }
}

/// Why the server `which` does not start with `variables`.
async fn refusal<V>(which: &str, variables: &[(&str, V)]) -> String
where
    V: AsRef<OsStr> + Copy + Debug,
{
    match started(which, variables).await {
        Err(sentence) => sentence,
        Ok(_) => panic!("{which} starts with {variables:?}"),
    }
}

async fn running(which: &str, variables: &[(&str, &str)]) -> Process {
    match started(which, variables).await {
        Ok(process) => process,
        Err(sentence) => panic!("{which} with {variables:?}: {sentence}"),
    }
}

fn missing(key: &str) -> String {
    format!("Required secret not configured: {key}. Set {key} environment variable.")
}

impl Process {
    fn http(&self) -> testkit::Http {
        testkit::Http::socket(&self.authority)
    }

    fn client(&self) -> ModernClient {
        ModernClient::new(self.http(), "/mcp")
    }

    /// The status of a call by `client`.
    async fn call(client: ModernClient) -> u16 {
        let call = json!({ "name": "here", "arguments": {} });
        client.send("tools/call", call).await.status()
    }

    /// The metadata of its authorization server; a call without a token is refused.
    async fn metadata(&self) -> Value {
        let client = self.client().header("host", HOST);
        assert_eq!(Self::call(client).await, 401);
        let address = "/.well-known/oauth-authorization-server";
        let request = self.http().get(address).header("host", HOST);
        let mut answer = request.send().await;
        assert_eq!(answer.status(), 200);
        answer.json().await
    }

    /// Ends it, and answers what it logged.
    async fn log(mut self) -> String {
        drop(self.child.stdin.take());
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).await.unwrap();
        assert!(self.child.wait().await.unwrap().success(), "{log}");
        assert!(!log.contains("canary"), "{log}");
        log
    }
}

const APPLICATION: [(&str, &str); 2] = [
    ("OAUTH_CLIENT_ID", "app-1.apps.googleusercontent.com"),
    ("OAUTH_CLIENT_SECRET", "canary-secret"),
];

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the process is told so by its environment"
)]
async fn m_51_a_variable_that_nobody_reads_changes_nothing() {
    if let Ok(which) = std::env::var(WHICH) {
        return serve(&which).await;
    }
    let with_another = [("API_KEY", KEY), ("API_KEYS", "canary")];
    let process = running("api key", &with_another).await;
    assert_eq!(Process::call(process.client()).await, 401);
    process.log().await;
}

#[tokio::test]
async fn m_51_each_variable_of_an_application_alone_stops_the_start_and_says_what_else_to_set() {
    for which in ["github", "google"] {
        for (alone, to_set) in [
            (APPLICATION[0], "OAUTH_CLIENT_SECRET"),
            (APPLICATION[1], "OAUTH_CLIENT_ID"),
            (
                ("OAUTH_REDIRECT_URI", "http://localhost:8000/callback/x"),
                "OAUTH_CLIENT_ID",
            ),
        ] {
            assert_eq!(refusal(which, &[alone]).await, missing(to_set), "{alone:?}");
        }
    }
}

#[tokio::test]
async fn m_51_a_wrong_value_of_an_application_is_refused_by_the_name_of_its_variable() {
    for which in ["github", "google"] {
        for (name, wrong) in [
            ("OAUTH_CLIENT_ID", "canary\u{7}id"),
            ("OAUTH_CLIENT_ID", "canary id"),
            ("OAUTH_CLIENT_SECRET", "canary\nsecret"),
            ("OAUTH_CLIENT_SECRET", "canäry, canary"),
            ("OAUTH_REDIRECT_URI", "canary-secret"),
            ("OAUTH_REDIRECT_URI", "http://localhost:8000/callback"),
        ] {
            let mut variables = APPLICATION.to_vec();
            variables.retain(|(other, _)| *other != name);
            variables.push((name, wrong));
            let told = refusal(which, &variables).await;
            assert!(told.starts_with(&format!("{name} ")), "{wrong:?}: {told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}

#[tokio::test]
async fn m_51_an_application_starts_a_server_where_people_log_in() {
    for which in ["github", "google"] {
        let redirect = format!("http://{HOST}/callback/{which}");
        let all = [&APPLICATION[..], &[("OAUTH_REDIRECT_URI", &*redirect)]].concat();
        for variables in [&APPLICATION[..], &all] {
            let process = running(which, variables).await;
            assert_eq!(process.metadata().await["issuer"], format!("http://{HOST}"));
            process.log().await;
        }
    }
}

#[tokio::test]
async fn m_51_each_variable_of_auth0_is_needed_and_its_wrong_value_is_named() {
    let all = [
        ("AUTH0_DOMAIN", "notes.eu.auth0.com"),
        ("AUTH0_CLIENT_ID", "app-1"),
        ("AUTH0_CLIENT_SECRET", "canary-secret"),
    ];
    for (alone, to_set) in all.iter().zip([1, 0, 0]) {
        let to_set = all[to_set].0;
        assert_eq!(
            refusal("auth0", &[*alone]).await,
            missing(to_set),
            "{alone:?}"
        );
    }
    assert_eq!(refusal("auth0", &all[..2]).await, missing(all[2].0));
    for (name, wrong) in [
        ("AUTH0_DOMAIN", "https://canary.eu.auth0.com/"),
        ("AUTH0_DOMAIN", "canary secret"),
        ("AUTH0_CLIENT_ID", "canary\"id"),
        ("AUTH0_CLIENT_SECRET", "canary\tsecret"),
    ] {
        let mut variables = all.to_vec();
        variables.retain(|(other, _)| *other != name);
        variables.push((name, wrong));
        let told = refusal("auth0", &variables).await;
        assert!(told.starts_with(&format!("{name} ")), "{wrong:?}: {told}");
    }
    let process = running("auth0", &all).await;
    assert_eq!(Process::call(process.client()).await, 401);
    process.log().await;
}

#[tokio::test]
async fn m_51_a_firebase_project_alone_is_enough_and_a_service_account_is_not_read() {
    let project = ("FIREBASE_PROJECT_ID", "notes-1");
    let account = [
        ("FIREBASE_PRIVATE_KEY", "canary, which is no key"),
        ("FIREBASE_CLIENT_EMAIL", "canary, which is no address"),
    ];
    for alone in account {
        assert_eq!(refusal("firebase", &[alone]).await, missing(project.0));
    }
    for wrong in ["canary.example", "Canary Project", "https://canary"] {
        let told = refusal("firebase", &[(project.0, wrong)]).await;
        assert!(told.starts_with("FIREBASE_PROJECT_ID "), "{told}");
    }
    let process = running("firebase", &[project]).await;
    assert_eq!(Process::call(process.client()).await, 401);
    assert!(!process.log().await.contains("FIREBASE"));
    // Wrong or right: nothing needs them, and whoever set them is told.
    for more in account {
        let process = running("firebase", &[project, more]).await;
        assert_eq!(Process::call(process.client()).await, 401);
        let log = process.log().await;
        assert!(
            log.contains(&format!("{} is set and not needed", more.0)),
            "{log}"
        );
    }
}

#[tokio::test]
async fn m_51_a_shared_secret_alone_lets_in_who_was_issued_a_token_with_it() {
    for wrong in ["canary", "canary-canary-canary-canary-31b"] {
        let told = refusal("shared secret", &[("JWT_SECRET_KEY", wrong)]).await;
        assert!(told.starts_with("JWT_SECRET_KEY is shorter"), "{told}");
    }
    assert_eq!(
        refusal::<&str>("shared secret", &[]).await,
        missing("JWT_SECRET_KEY")
    );
    let process = running("shared secret", &[("JWT_SECRET_KEY", SECRET)]).await;
    for (secret, status) in [(SECRET, 200), ("another secret of at least 32 bytes", 401)] {
        let token = TestIssuer::as_test().token();
        let token = token.mac(SignatureAlgorithm::HS256, secret);
        let client = process.client().bearer(&token.without_header("kid").sign());
        assert_eq!(Process::call(client).await, status);
    }
    process.log().await;
}

#[tokio::test]
async fn m_51_how_long_tokens_live_is_said_in_hours() {
    for wrong in ["0", "25", "canary"] {
        let told = refusal("token expiry", &[("TOKEN_EXPIRY_HOURS", wrong)]).await;
        assert!(told.starts_with("TOKEN_EXPIRY_HOURS is not"), "{told}");
    }
    for (variables, hours) in [(&[("TOKEN_EXPIRY_HOURS", "24")][..], 24), (&[], 1)] {
        let process = running("token expiry", variables).await;
        let (token, _) = Client::discover(&process.http()).await.tokens().await;
        let claims = token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lives, hours * 3_600);
        assert_eq!(Process::call(process.client().bearer(&token)).await, 200);
        process.log().await;
    }
}

#[tokio::test]
async fn m_51_an_api_key_alone_lets_in_who_has_it() {
    for wrong in ["canary", "canary canary canary"] {
        let told = refusal("api key", &[("API_KEY", wrong)]).await;
        assert!(told.starts_with("API_KEY: "), "{told}");
    }
    assert_eq!(
        refusal("api key", &[("API_KEY_SCOPES", "a")]).await,
        missing("API_KEY")
    );
    let wrong = [("API_KEY", KEY), ("API_KEY_SCOPES", "canary\"")];
    let told = refusal("api key", &wrong).await;
    assert!(told.starts_with("API_KEY_SCOPES: "), "{told}");
    let process = running("api key", &[("API_KEY", KEY)]).await;
    for (key, status) in [(KEY, 200), ("another-0123456789abcdef", 401)] {
        let client = process.client().header("x-api-key", key);
        assert_eq!(Process::call(client).await, status);
    }
    assert_eq!(Process::call(process.client()).await, 401);
    process.log().await;
}

#[cfg(unix)]
#[tokio::test]
async fn m_51_a_value_that_is_no_text_is_not_taken_for_none() {
    use std::os::unix::ffi::OsStrExt as _;
    let wrong = OsStr::from_bytes(b"canary\xff");
    for (which, name) in [
        ("token expiry", "TOKEN_EXPIRY_HOURS"),
        ("api key", "API_KEY"),
        ("api key", "FASTMCP_AUTH_REQUIRED_SCOPES"),
    ] {
        let key = ("API_KEY", OsStr::new(KEY));
        let told = refusal(which, &[key, (name, wrong)]).await;
        assert!(told.starts_with(&format!("{name} is not text")), "{told}");
    }
}
