//! GitHub, in a real browser.

use countersign_oauth::Lifetime;
use countersign_oauth::pkce::CodeVerifier;
use countersign_resource_server::provider::Preset;
use testkit::provider::Endpoint;
use testkit::webdriver::{DESKTOP, Driver, Window};
use testkit::{FakeIssuerServer, FakeProvider, ScriptedAnswer};

use super::caller::{asked, read, renewed};
use super::process::{Login, Place};
use crate::embedded::client::Client;

/// How long an access token of GitHub lives.
const EIGHT_HOURS: Lifetime = Lifetime::from_hours(8);

/// What the API tells about alice.
const TOLD: &str = r#"200 [{"full_name":"alice","private":false}]"#;

/// The tokens that GitHub was shown at its API, in their order.
fn shown(github: &FakeProvider) -> Vec<String> {
    let requests = github.requests_to(Endpoint::Api).into_iter();
    let tokens = requests.map(|request| {
        let line = request.header("authorization").unwrap();
        line.strip_prefix("Bearer ").unwrap().to_owned()
    });
    tokens.collect()
}

/// The refresh tokens that were used at GitHub, in their order.
fn used(github: &FakeProvider) -> Vec<String> {
    let requests = github.requests_to(Endpoint::Token).into_iter();
    let used = requests.filter_map(|request| request.parameter("refresh_token"));
    used.collect()
}

/// The person allows what the client asks and logs in at GitHub. Answers the address
/// where the browser came out.
async fn allow(window: &Window<'_>, question: &str, github: &FakeProvider) -> String {
    window.go(question).await;
    window.titled("Allow access?").await;
    let page = window.text().await;
    assert!(
        page.contains("GitHub") && page.contains("A client"),
        "{page}"
    );
    assert!(github.requests().is_empty(), "nobody was sent there yet");
    window.press("button[value=allow]").await;
    window.titled("Log in at github").await;
    let button = format!("#{}", github.button_of("alice"));
    window.click(&button).await;
    window.arrives("/callback?").await
}

/// The person, who was away for longer than a session lasts, logs in without any client,
/// finds the client in the account, and disconnects it.
async fn disconnect(window: &Window<'_>, place: &Place, github: &FakeProvider) {
    window.go(&format!("{}/account", place.origin())).await;
    window.titled("Log in").await;
    window.press("button[value=github]").await;
    let button = format!("#{}", github.button_of("alice"));
    window.click(&button).await;
    window.titled("Your account").await;
    let page = window.text().await;
    assert!(page.contains("through GitHub"), "{page}");
    assert!(page.contains("A client"), "{page}");
    // The tokens of that login, which nobody needs.
    asked(github, Endpoint::Application, 1).await;
    window.click("#revoke-1").await;
    window.press("#sure-1").await;
    let page = window.text().await;
    assert!(page.contains("Nothing is connected."), "{page}");
    asked(github, Endpoint::Application, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_at_github_and_a_tool_reads_its_api_until_both_are_over() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let place = Place::new().await;
    let github = FakeProvider::github_with_expiring_tokens()
        .clock(place.clock.clone())
        .redirect_uri(&format!("{}/callback/github", place.origin()))
        .start()
        .await;
    place.serve(&Login {
        provider: &github,
        preset: &github.localised(Preset::text("github").unwrap()),
        scopes: &[],
        api: &github.localised("https://api.github.com/user/repos"),
        api_origin: None,
        is_led: false,
    });
    let application = FakeIssuerServer::start().await;
    application.answer("/callback", ScriptedAnswer::json("\"connected\""));

    // A client that knows the address alone registers, and its person allows it once.
    let process = place.start().await;
    let callback = application.url("/callback");
    let client = Client::discover_with(&place.http(), &callback).await;
    let verifier = CodeVerifier::from_random([9; 32]);
    let question = client.question(&verifier);
    let question = format!("{}?{question}", client.endpoint("authorization"));
    let window = driver.open(DESKTOP).await;
    let arrived = allow(&window, &question, &github).await;
    let (access, refresh) = client.redeem(&arrived, &verifier).await;
    assert_eq!(read(&client, &access).await.as_deref(), Some(TOLD));
    let first = github.access_tokens();
    assert_eq!(shown(&github), first, "the token that GitHub issued");

    // Our tokens are renewed without GitHub, until those of GitHub end.
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    assert_eq!(read(&client, &access).await.as_deref(), Some(TOLD));
    assert!(used(&github).is_empty());
    place.advance(EIGHT_HOURS);
    assert_eq!(read(&client, &access).await, None, "ours has ended too");
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    assert_eq!(read(&client, &access).await.as_deref(), Some(TOLD));
    assert_eq!(used(&github).len(), 1);
    assert!(!github.is_live(&first[0]), "it has ended");
    assert_ne!(shown(&github).last(), Some(&first[0]));

    // Another process knows all of it, also what was rotated.
    process.kill().await;
    let process = place.start().await;
    assert_eq!(read(&client, &access).await.as_deref(), Some(TOLD));
    let (_, refresh) = renewed(&client, &refresh).await.unwrap();
    assert_eq!(used(&github).len(), 1);
    place.advance(Lifetime::from_secs(EIGHT_HOURS.as_secs() - 300));
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    assert_eq!(used(&github).len(), 1, "it lives for some minutes more");
    place.advance(Lifetime::from_secs(299));
    assert_eq!(read(&client, &access).await.as_deref(), Some(TOLD));
    let rotated = used(&github);
    assert_eq!(rotated.len(), 2, "the call renewed it");
    assert_ne!(rotated[0], rotated[1]);
    assert_eq!(github.requests_to(Endpoint::Authorization).len(), 1);
    let issued = github.access_tokens();
    assert!(issued.iter().any(|token| github.is_live(token)));

    // The end, for the client and at GitHub.
    disconnect(&window, &place, &github).await;
    assert!(!issued.iter().any(|token| github.is_live(token)));
    let calls = shown(&github).len();
    assert_eq!(read(&client, &access).await, None);
    assert_eq!(renewed(&client, &refresh).await, None);
    process.kill().await;
    let _process = place.start().await;
    assert_eq!(read(&client, &access).await, None);
    assert_eq!(renewed(&client, &refresh).await, None);
    assert_eq!(shown(&github).len(), calls, "the tool did not run again");
    assert_eq!(used(&github), rotated);
    for token in [&access, &refresh] {
        github.assert_never_received(token);
    }
    window.close().await;
}
