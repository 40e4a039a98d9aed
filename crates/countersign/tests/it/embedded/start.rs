//! What stops the start, and what happens at the first one.

use std::sync::{Arc, Mutex};

use countersign::audit::JsonLines;
use countersign::authorization_server::{AuthorizationServer, Storage};
use countersign::oauth::jose::Algorithm;
use countersign::{
    ApiKeyAuth, Dpop, EmbeddedAuth, Http, Limits, Quota, RouteAccess, Server, SessionLimits, State,
    tool,
};
use testkit::TestClock;

use super::{ORIGIN, PUBLIC, headless, server};

/// Counted by a tool that nobody gave a counter.
struct Counter;

/// Counts.
#[tool]
async fn counts(_counter: State<Counter>) -> &'static str {
    "counted"
}

/// For keys that nobody accepts.
#[tool(auth = "keys")]
async fn for_keys() -> &'static str {
    "kept"
}

fn refusal(server: Server, place: &Http) -> String {
    server.into_app(place).unwrap_err().to_string()
}

#[test]
fn what_would_log_everybody_in_starts_on_loopback_alone() {
    let public = "https://mcp.example.com/mcp";
    for place in [
        Http::bind("127.0.0.1:8000").public_url(public),
        Http::bind("0.0.0.0:8000").public_url(public),
        Http::bind("0.0.0.0:8000").public_url(PUBLIC),
    ] {
        let refused = refusal(server(headless(), &TestClock::new()), &place);
        assert!(refused.contains("danger_approve_everything"), "{refused}");
    }
}

#[test]
fn m_36_settings_that_contradict_each_other_stop_the_start() {
    let place = Http::bind("127.0.0.1:8000");
    let built = |resource: &str| {
        let storage = Storage::memory().unwrap();
        let builder = AuthorizationServer::builder(ORIGIN).storage(storage);
        EmbeddedAuth::server(builder.resource(resource).build().unwrap())
    };
    for (auth, told) in [
        (headless().issuer("http://auth.example.com"), "the issuer"),
        (
            headless().issuer("https://auth.example.com?x"),
            "the issuer",
        ),
        (headless().prefix("auth"), "write `/auth`"),
        (headless().prefix("/auth/"), "write `/auth`"),
        (headless().scope("a b", "Two"), "scopes"),
        (built("http://localhost:9000/mcp"), ".resource(…)"),
        (built(PUBLIC).prefix("/auth"), "to its builder"),
        (
            EmbeddedAuth::sqlite("app.db"),
            "open it before, with EmbeddedAuth::storage(Storage::sqlite(…).await?)",
        ),
    ] {
        let refused = refusal(server(auth, &TestClock::new()), &place);
        assert!(refused.contains(told), "{refused}");
    }
    let twice = server(headless(), &TestClock::new()).auth(headless());
    let refused = refusal(twice, &place);
    assert!(refused.contains("leave one out"), "{refused}");
    assert!(
        server(built(PUBLIC), &TestClock::new())
            .into_app(&place)
            .is_ok()
    );
}

#[tokio::test]
async fn m_36_stdio_with_an_authorization_server_does_not_start() {
    let refused = server(headless(), &TestClock::new())
        .serve_stdio()
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("stdio has no OAuth"), "{refused}");
}

#[tokio::test]
async fn a_database_whose_sealing_keys_are_gone_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let keys = Storage::sealing_keys_file(&file);
    drop(Storage::sqlite(&file).await.unwrap());
    assert!(file.exists() && keys.exists());
    #[cfg(unix)]
    for file in [&file, &keys] {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    std::fs::remove_file(&keys).unwrap();
    let refused = server(EmbeddedAuth::sqlite(&file), &TestClock::new())
        .start(Http::bind("127.0.0.1:0"))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("put the file back"), "{refused}");
    assert!(!keys.exists());
}

#[tokio::test]
async fn a_start_that_fails_before_the_database_is_needed_leaves_none_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let auth = || EmbeddedAuth::sqlite(&file);
    let server = |auth: EmbeddedAuth| server(auth, &TestClock::new());
    let free = || Http::bind("127.0.0.1:0");
    let log = || JsonLines::at(folder.path().join("audit.jsonl"));
    let mine = || axum::routing::get(|| async { "mine" });
    let another = Quota::per_minute(1);
    let symmetric = Dpop::required().algorithms([Algorithm::HS256]);
    for (server, place, told) in [
        // What is about the paths and pages of the authorization server.
        (
            server(auth()).route("/token", mine(), RouteAccess::Open),
            free(),
            "/token",
        ),
        (server(auth()), free().path("/authorize"), "`/authorize`"),
        (
            server(auth().configure(|it| it.resource("not a url"))),
            free(),
            "not a url",
        ),
        (
            server(auth().registered_redirect_uri("github", "https://a.example/callback")),
            free(),
            "github",
        ),
        (
            server(auth().api_keys(ApiKeyAuth::header("Authorization"))),
            free(),
            "Authorization",
        ),
        // What is about the server around it.
        (server(auth()).tool(counts), free(), "Counter"),
        (server(auth()).tool(for_keys), free(), "source `keys`"),
        (
            server(auth()).limits(Limits::new().per_component("nowhere", another)),
            free(),
            "`nowhere`",
        ),
        (server(auth()).dpop(symmetric), free(), "private key"),
        (
            server(auth()).rules_file("/nowhere/rules.toml"),
            free(),
            "/nowhere/rules.toml",
        ),
        (server(auth()).required_scopes(["a b"]), free(), "scopes"),
        (
            server(auth()).session_limits(SessionLimits::new().total(0)),
            free(),
            "session limit `total`",
        ),
        (server(auth()), Http::bind(taken), "cannot listen"),
        (server(auth()), free().public_url("nowhere"), "public URL"),
        (server(auth()).auth(auth()), free(), "leave one out"),
        (
            server(auth()).route(
                "/mcp",
                axum::routing::get(|| async { "mine" }),
                RouteAccess::Open,
            ),
            free(),
            "/mcp",
        ),
    ] {
        let server = server.audit_files(log());
        let refused = server.start(place).await.unwrap_err().to_string();
        assert!(refused.contains(told), "{told}: {refused}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{refused}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_stops_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "no folder").unwrap();
    let file = taken.join("app.db");
    let refused = server(EmbeddedAuth::sqlite(&file), &TestClock::new())
        .start(Http::bind("127.0.0.1:0"))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("taken"), "{refused}");
}

#[tokio::test]
async fn the_first_start_tells_the_link_for_the_first_account_and_later_ones_do_not() {
    let links = Arc::new(Mutex::new(Vec::new()));
    let storage = Storage::memory().unwrap();
    let heard = Arc::clone(&links);
    let auth = EmbeddedAuth::storage(storage)
        .on_setup_link(move |link| heard.lock().unwrap().push(link.reveal().to_owned()));
    let place = Http::bind("127.0.0.1:0").public_url(PUBLIC);
    let running = server(auth, &TestClock::new()).start(place).await.unwrap();
    let told = links.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    let page = told[0].strip_prefix(ORIGIN).unwrap();
    let http = testkit::Http::service(running.app());
    assert_eq!(http.get(page).send().await.status(), 200);
    running.stop().await;
}

#[tokio::test]
async fn the_files_of_the_audit_log_are_made_by_a_start_that_is_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let started = server(EmbeddedAuth::in_memory(), &TestClock::new())
        .audit_files(JsonLines::at(&log))
        .start(Http::bind("127.0.0.1:0").public_url(PUBLIC))
        .await
        .unwrap();
    assert!(log.exists());
    // Somebody else's log stops the start.
    let taken = server(headless(), &TestClock::new()).audit_files(JsonLines::at(&log));
    let told = refusal(taken, &Http::bind("127.0.0.1:8000"));
    assert!(
        told.contains("another process writes the audit log"),
        "{told}"
    );
    let http = testkit::Http::service(started.app());
    assert_eq!(
        http.post("/mcp")
            .header("host", "localhost:8000")
            .send()
            .await
            .status(),
        401
    );
    started.stop().await;
    drop(http);
    // Lines are written on a thread of their own.
    for _ in 0..100_000 {
        let written = std::fs::read_to_string(&log).unwrap();
        if written.contains("no_credential") {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nothing is noted");
}
