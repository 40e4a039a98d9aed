//! A server in a process of its own: this test binary, which is told what to serve.
//!
//! It takes the time from a file, which the test writes, so that it never waits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use countersign::authorization_server::upstream::Upstream;
use countersign::{Clock, Context, EmbeddedAuth, Http, Server, State, ToolError, tool};
use countersign_oauth::{Lifetime, Secret, UnixTime};
use countersign_resource_server::provider::Preset;
use serde_json::{Value, json};
use testkit::{FakeProvider, TestClock};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};

use crate::provider_examples::ToTheFake;

/// The test below, as which the process is started.
const ITSELF: &str = "walks::process::a_server_ends_in_order_when_it_is_told_to";
/// Where it reads what to serve.
const SETTINGS: &str = "COUNTERSIGN_WALK";
/// What it prints before its address when it listens.
const READY: &str = "listens at ";

/// A folder with the time, the settings and the data of a server, and the address where
/// clients find it, in whichever process it runs.
pub(super) struct Place {
    folder: tempfile::TempDir,
    pub(super) clock: TestClock,
    authority: String,
    server: Arc<Mutex<String>>,
}

/// The provider where people log in, and what of it the server is told.
pub(super) struct Login<'a> {
    pub(super) provider: &'a FakeProvider,
    /// The text of its preset.
    pub(super) preset: &'a str,
    /// Scopes that are asked besides.
    pub(super) scopes: &'a [&'a str],
    /// The address that the tool reads.
    pub(super) api: &'a str,
    /// Its origin, where the preset does not name it.
    pub(super) api_origin: Option<&'a str>,
    /// Whether everything names the real origins, and requests to them are led away.
    pub(super) is_led: bool,
}

impl Place {
    pub(super) async fn new() -> Self {
        // The port stays taken while no server runs.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: TestClock::new(),
            authority: listener.local_addr().unwrap().to_string(),
            server: Arc::default(),
        };
        tokio::spawn(forward(listener, Arc::clone(&place.server)));
        place.advance(Lifetime::from_secs(0));
        place
    }

    /// Moves the time, for the server and for whoever shares the clock.
    pub(super) fn advance(&self, span: Lifetime) {
        self.clock.advance(span);
        let (written, file) = (self.folder.path().join("next"), self.file("time"));
        std::fs::write(&written, self.clock.now().as_secs().to_string()).unwrap();
        std::fs::rename(written, file).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    pub(super) fn http(&self) -> testkit::Http {
        testkit::Http::socket(&self.authority)
    }

    /// Says what the server is, from its next start on.
    pub(super) fn serve(&self, login: &Login<'_>) {
        let settings = json!({
            "origin": self.origin(),
            "preset": login.preset,
            "values": login.provider.variables(),
            "origins": if login.is_led { login.provider.origins() } else { &[] },
            "client_id": login.provider.client_id(),
            "client_secret": login.provider.client_secret(),
            "scopes": login.scopes,
            "api": login.api,
            "api_origin": login.api_origin,
        });
        std::fs::write(self.file("settings"), settings.to_string()).unwrap();
    }

    /// Says that the server is one that binds its tokens to keys, from its next start on.
    pub(super) fn serve_bound(&self) {
        let settings = json!({ "origin": self.origin(), "bound": true });
        std::fs::write(self.file("settings"), settings.to_string()).unwrap();
    }

    /// Starts the server, and waits until it listens.
    pub(super) async fn start(&self) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([ITSELF, "--exact", "--nocapture"])
            .env(SETTINGS, self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut lines = BufReader::new(stdout.unwrap()).lines();
        let address = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("the server listens");
            if let Some((_, address)) = line.split_once(READY) {
                break address.to_owned();
            }
        };
        *self.server.lock().unwrap() = address;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Process { child, stdin }
    }
}

/// Hands connections on to where the server is.
async fn forward(listener: TcpListener, server: Arc<Mutex<String>>) {
    while let Ok((mut from, _)) = listener.accept().await {
        let server = server.lock().unwrap().clone();
        tokio::spawn(async move {
            let mut to = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut from, &mut to).await
        });
    }
}

/// A server that runs; dropping it kills it.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Ends it in the middle of whatever it does.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Lets it end, and answers whether it ended well.
    async fn stop(mut self) -> bool {
        drop(self.stdin.take());
        self.child.wait().await.unwrap().success()
    }
}

/// The time in a file.
struct FileClock(PathBuf);

impl Clock for FileClock {
    fn now(&self) -> UnixTime {
        let text = std::fs::read_to_string(&self.0).unwrap();
        UnixTime::from_secs(text.parse().unwrap())
    }
}

impl fmt::Debug for FileClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileClock")
    }
}

/// What the tool reads: the name of a provider, and an address of its API.
struct Api {
    provider: String,
    address: String,
}

/// Reads the API of the provider in the name of the caller.
#[tool(scopes("read"))]
async fn read_api(context: Context, api: State<Api>) -> Result<String, ToolError> {
    let provider = context.upstream(&api.provider).await?;
    let answer = provider.get(&api.address).await?;
    let body = String::from_utf8_lossy(answer.body());
    Ok(format!("{} {body}", answer.status().as_u16()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn pairs(value: &Value) -> impl Iterator<Item = (String, String)> {
    let pairs = value.as_array().unwrap().iter();
    pairs.map(|pair| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned()))
}

fn upstream(settings: &Value) -> Upstream {
    let preset = Preset::parse(text(&settings["preset"])).unwrap();
    let values = serde_json::from_value(settings["values"].clone()).unwrap();
    let provider = preset.fill(&values).unwrap();
    let scopes = settings["scopes"].as_array().unwrap().iter().map(text);
    let mut builder = Upstream::builder(provider, text(&settings["client_id"]))
        .secret(Secret::new(text(&settings["client_secret"])))
        .scopes(scopes.map(str::to_owned))
        .allow_everyone();
    if let Some(origin) = settings["api_origin"].as_str() {
        builder = builder.api_origin(origin);
    }
    let origins: Vec<_> = pairs(&settings["origins"]).collect();
    let builder = match origins.is_empty() {
        true => builder.danger_allow_loopback(),
        false => builder.fetcher(ToTheFake::at(origins)),
    };
    builder.build().unwrap()
}

/// Serves what the settings in `folder` say until the input ends.
async fn serve(folder: &Path) {
    let settings = std::fs::read(folder.join("settings")).unwrap();
    let settings: Value = serde_json::from_slice(&settings).unwrap();
    let auth = EmbeddedAuth::sqlite(folder.join("server.db"));
    let server = Server::new("Repositories")
        .clock(Arc::new(FileClock(folder.join("time"))))
        .challenge_scopes(["read"]);
    let server = if settings["bound"] == true {
        super::bound::complete(server, auth)
    } else {
        let upstream = upstream(&settings);
        let api = Api {
            provider: upstream.provider().name.clone(),
            address: text(&settings["api"]).to_owned(),
        };
        server
            .auth(auth.upstream(upstream))
            .state(api)
            .tool(read_api)
    };
    let public = format!("{}/mcp", text(&settings["origin"]));
    let http = Http::bind("127.0.0.1:0").public_url(public);
    let running = server.start(http).await.unwrap();
    println!("{READY}{}", running.address());
    let told = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    assert_eq!(told.await.unwrap().unwrap(), 0, "nothing is said to it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the process is told so by its environment"
)]
async fn a_server_ends_in_order_when_it_is_told_to() {
    if let Some(folder) = std::env::var_os(SETTINGS) {
        return serve(Path::new(&folder)).await;
    }
    let place = Place::new().await;
    let provider = FakeProvider::github().start().await;
    place.serve(&Login {
        provider: &provider,
        preset: Preset::text("github").unwrap(),
        scopes: &[],
        api: "https://api.github.com/user",
        api_origin: None,
        is_led: true,
    });
    for _ in 0..2 {
        let process = place.start().await;
        let metadata = "/.well-known/oauth-authorization-server";
        let mut answer = place.http().get(metadata).send().await;
        assert_eq!(answer.json().await["issuer"], place.origin());
        assert!(process.stop().await);
    }
    assert!(provider.requests().is_empty(), "a start needs no network");
}
