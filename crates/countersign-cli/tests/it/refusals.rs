//! What a stranger meets at the demo server, byte by byte.

use countersign::oauth::UnixTime;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Http, ModernClient, SignatureAlgorithm, TestIssuer, TestKey, TokenBuilder};

use crate::command::{Server, folder};

const ISSUER: &str = "http://localhost:8000";
const AUDIENCE: &str = "my-mcp-server";
/// The server judges by the clock of the system: these are long past and far away.
const PAST: UnixTime = UnixTime::from_secs(1_700_000_000);
const FUTURE: UnixTime = UnixTime::from_secs(4_000_000_000);

struct Scene {
    server: Server,
    issuer: TestIssuer,
    _folder: TempDir,
}

impl Scene {
    fn new(more: &[&str]) -> Self {
        let folder = folder();
        let issuer = TestIssuer::with_keys(ISSUER, [TestKey::e1()]);
        let public = issuer.key("e1").spki_pem();
        std::fs::write(folder.path().join("public.pem"), public).unwrap();
        let arguments = [&["--public-key", "public.pem"], more].concat();
        Self {
            server: Server::start(folder.path(), &arguments),
            issuer,
            _folder: folder,
        }
    }

    fn good(&self) -> TokenBuilder {
        self.issuer.token().aud(AUDIENCE).iat(PAST).exp(FUTURE)
    }

    fn http(&self) -> Http {
        Http::socket(&self.server.authority())
    }

    async fn call(&self, tool: &str, token: Option<&str>) -> Answer {
        let mut client = ModernClient::new(self.http(), "/mcp");
        if let Some(token) = token {
            client = client.bearer(token);
        }
        client
            .send(
                "tools/call",
                json!({"name": tool, "arguments": {"name": "World"}}),
            )
            .await
    }
}

#[tokio::test]
async fn without_a_token_the_challenge_names_the_metadata_and_the_scope_and_no_error() {
    let scene = Scene::new(&["--required-scopes", "read"]);
    let answer = scene.call("greet", None).await;
    assert_eq!(answer.status(), 401);
    let metadata = scene
        .server
        .url
        .replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    assert_eq!(
        answer.challenge(),
        format!("Bearer scope=\"read\", resource_metadata=\"{metadata}\"")
    );

    // A client that is told no scope may get no token.
    let scene = Scene::new(&[]);
    let answer = scene.call("greet", None).await;
    let challenge = answer.challenge();
    assert!(challenge.starts_with("Bearer scope=\"mcp\", resource_metadata="));
    assert!(!challenge.contains("error"), "{challenge}");
    let without = scene.call("greet", Some(&scene.good().sign())).await;
    assert_eq!(without.status(), 200);
}

#[tokio::test]
async fn every_bad_token_is_answered_with_401_invalid_token() {
    let scene = Scene::new(&[]);
    let public = scene.issuer.key("e1").spki_pem();
    let stranger = TestIssuer::with_keys(ISSUER, [TestKey::stranger_e1()]).token();
    let tokens = [
        ("another audience", scene.good().aud("another").sign()),
        ("expired", scene.good().exp(PAST).sign()),
        ("alg none", scene.good().unsecured().sign()),
        (
            "HS256 over the public key",
            scene.good().mac(SignatureAlgorithm::HS256, public).sign(),
        ),
        (
            "another issuer",
            scene.good().iss("http://localhost:9000").sign(),
        ),
        (
            "a stranger",
            stranger.aud(AUDIENCE).iat(PAST).exp(FUTURE).sign(),
        ),
        ("no token at all", "abc".into()),
    ];
    for (what, token) in tokens {
        let answer = scene.call("greet", Some(&token)).await;
        assert_eq!(answer.status(), 401, "{what}");
        assert!(
            answer.challenge().contains("error=\"invalid_token\""),
            "{what}"
        );
    }
    let good = scene.call("greet", Some(&scene.good().sign())).await;
    assert_eq!(good.status(), 200);
}

#[tokio::test]
async fn the_metadata_is_at_the_root_and_with_the_path() {
    let scene = Scene::new(&[]);
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let mut answer = scene.http().get(path).send().await;
        assert_eq!(answer.status(), 200, "{path}");
        let document: Value = serde_json::from_str(&answer.text().await).unwrap();
        assert_eq!(document["resource"], *scene.server.url);
        assert_eq!(document["authorization_servers"], json!([ISSUER]));
    }
}

#[tokio::test]
async fn the_report_is_403_without_its_scope_and_not_in_the_list() {
    let scene = Scene::new(&[]);
    let token = scene.good().sign();
    let answer = scene.call("admin_report", Some(&token)).await;
    assert_eq!(answer.status(), 403);
    let challenge = answer.challenge();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"admin\""), "{challenge}");

    let client = ModernClient::new(scene.http(), "/mcp").bearer(&token);
    let listed = client.result("tools/list", json!({})).await;
    assert!(!listed.to_string().contains("admin_report"));

    let admin = scene.good().scopes("admin").sign();
    assert_eq!(scene.call("admin_report", Some(&admin)).await.status(), 200);
}

#[tokio::test]
async fn h1_no_token_and_no_key_reaches_the_log() {
    let folder = folder();
    for (server, secret) in [
        (
            Server::with_key_pair(folder.path(), &["--log", "trace"]),
            ".countersign/private.pem",
        ),
        (
            Server::start(folder.path(), &["--log", "trace"]),
            "countersign-data/countersign.db.keys",
        ),
    ] {
        let client = ModernClient::new(Http::socket(&server.authority()), "/mcp");
        let answer = client
            .bearer("canary-token")
            .send("tools/list", json!({}))
            .await;
        assert_eq!(answer.status(), 401);
        let secret = std::fs::read_to_string(folder.path().join(secret)).unwrap();
        let secret = secret.lines().find(|line| !line.starts_with('-')).unwrap();
        let link = server.printed.split("/setup?token=").nth(1);
        let link = link.map(|rest| rest.lines().next().unwrap().to_owned());
        let (_, logs) = server.signal("-INT");
        assert!(logs.contains("refused"), "{logs}");
        assert!(!logs.contains("canary-token"), "{logs}");
        assert!(!logs.contains(secret));
        assert!(link.is_none_or(|link| !logs.contains(&link)));
    }
}
