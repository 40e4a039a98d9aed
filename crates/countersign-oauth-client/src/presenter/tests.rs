use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// What a browser without a person would have said.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

fn browser(said: &Said) -> Browser {
    let said = said.clone();
    Browser::new()
        .unopened()
        .say(move |sentence| said.0.lock().unwrap().push_str(sentence))
}

const AUTHORIZE: &str = "https://as.test/authorize?client_id=c&state=right";

/// A login that waits, and where.
async fn waiting(browser: &Browser) -> (tokio::task::JoinHandle<Answer>, String) {
    let waiting = browser.open().await.unwrap();
    let redirect_uri = waiting.redirect_uri().to_owned();
    let url = Url::parse(AUTHORIZE).unwrap();
    let login = tokio::spawn(async move { waiting.present(&url).await });
    let authority = redirect_uri.strip_prefix("http://").unwrap();
    let authority = authority.strip_suffix("/callback").unwrap().to_owned();
    (login, authority)
}

type Answer = Result<CallbackParameters, PresenterError>;

async fn get(authority: &str, host: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn i6_cl_38_only_the_answer_to_this_login_ends_the_waiting_and_closes_the_listener() {
    let (login, at) = waiting(&browser(&Said::default())).await;
    for (host, target, status) in [
        (at.as_str(), "/callback?code=evil&state=wrong", "400"),
        (&at, "/callback?code=evil", "400"),
        (&at, "/other?code=evil&state=right", "404"),
        (&at, "/favicon.ico", "404"),
        ("evil.test", "/callback?code=evil&state=right", "403"),
    ] {
        let answer = get(&at, host, target).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(!login.is_finished());
    }
    let answer = get(&at, &at, "/callback?code=c&state=right&iss=x").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("You can close this window"), "{answer}");
    let parameters = login.await.unwrap().unwrap();
    assert_eq!(parameters.reveal(), "code=c&state=right&iss=x");
    assert!(TcpStream::connect(&at).await.is_err(), "it is closed");
}

#[tokio::test]
async fn i6_cl_22_nothing_of_an_answer_is_repeated_on_a_page() {
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    let (login, at) = waiting(&browser(&Said::default())).await;
    for target in [
        format!("/callback?error=x&error_description={script}&state=wrong"),
        format!("/{script}"),
        "/<script>".to_owned(),
        format!("/callback?error=x&error_description={script}&state=right"),
    ] {
        let answer = get(&at, &at, &target).await;
        assert!(!answer.contains("script>"), "{answer}");
        assert!(!answer.contains("alert"), "{answer}");
        let head = answer.split("\r\n\r\n").next().unwrap();
        let policy = head
            .lines()
            .find_map(|line| line.strip_prefix("content-security-policy: "));
        let policy = policy.unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(
            !policy.contains("script-src") && !policy.contains("unsafe"),
            "{policy}"
        );
        for field in [
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "connection: close",
        ] {
            assert!(head.lines().any(|line| line == field), "{field}: {head}");
        }
    }
    // An error is an answer too: the program says what it means.
    assert!(
        login
            .await
            .unwrap()
            .unwrap()
            .reveal()
            .starts_with("error=x")
    );
}

#[tokio::test]
async fn cl_39_nobody_is_redirected_whatever_is_asked() {
    let (login, at) = waiting(&browser(&Said::default())).await;
    for target in [
        "/callback?redirect_uri=https://evil.test&state=wrong",
        "/https://evil.test",
        "//evil.test/callback?code=c&state=right",
        "/callback?state=right&code=c&continue=https://evil.test",
    ] {
        let answer = get(&at, &at, target).await;
        assert!(
            !answer.to_ascii_lowercase().contains("\nlocation:"),
            "{answer}"
        );
        assert!(!answer.starts_with("HTTP/1.1 3"), "{answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    assert!(login.await.unwrap().is_ok());
}

#[tokio::test]
async fn cl_38_the_listener_is_on_a_literal_loopback_address_and_a_port_of_its_own() {
    let browser = browser(&Said::default());
    let (one, two) = (browser.open().await.unwrap(), browser.open().await.unwrap());
    let mut ports = Vec::new();
    for waiting in [&one, &two] {
        let url = Url::parse(waiting.redirect_uri()).unwrap();
        assert!(["127.0.0.1", "[::1]"].contains(&url.host_str().unwrap()));
        assert_eq!((url.scheme(), url.path()), ("http", "/callback"));
        ports.push(url.port().unwrap());
    }
    assert_ne!(ports[0], ports[1]);
    drop(one);
    let gone = TcpStream::connect(("127.0.0.1", ports[0])).await;
    assert!(gone.is_err(), "nobody waits there any more");
}

#[tokio::test(start_paused = true)]
async fn cl_38_whoever_does_not_answer_is_not_waited_for_for_ever() {
    let browser = browser(&Said::default()).max_wait(Duration::from_secs(300));
    let (login, at) = waiting(&browser).await;
    let error = login.await.unwrap().unwrap_err();
    assert_eq!(error, PresenterError::Timeout { seconds: 300 });
    assert!(TcpStream::connect(&at).await.is_err());
    assert_eq!(
        error.to_string(),
        "nobody finished the login within 300 seconds; run it again"
    );
}

#[tokio::test]
async fn i6_a_flood_of_long_or_broken_requests_does_not_end_the_waiting() {
    let (login, at) = waiting(&browser(&Said::default())).await;
    let long = format!("/callback?code={}&state=right", "a".repeat(32 * 1024));
    for target in [long.as_str(), "", "x", "/\u{ff}"] {
        let mut stream = TcpStream::connect(&at).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {at}\r\n\r\n");
        // The listener may answer and close before it has all.
        drop(stream.write_all(request.as_bytes()).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    // Connections that say nothing.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(&at).await.unwrap());
    }
    get(&at, &at, "/callback?code=c&state=right").await;
    assert!(login.await.unwrap().is_ok());
}

#[tokio::test]
async fn i1_cl_40_an_address_that_must_not_be_opened_is_neither_opened_nor_said() {
    for text in [
        "javascript:alert(1)?state=s",
        "http://as.test/?state=s",
        "file:///x?state=s",
    ] {
        let said = Said::default();
        let waiting = browser(&said).open().await.unwrap();
        let url = Url::parse(text).unwrap();
        let error = waiting.present(&url).await.unwrap_err();
        assert_eq!(error, PresenterError::Address, "{text}");
        assert_eq!(said.text(), "");
    }
    for text in [
        "https://as.test/",
        "https://as.test/?state=",
        "https://as.test/?state=a&state=b",
    ] {
        let waiting = browser(&Said::default()).open().await.unwrap();
        let url = Url::parse(text).unwrap();
        assert_eq!(
            waiting.present(&url).await.unwrap_err(),
            PresenterError::State
        );
    }
}

#[tokio::test]
async fn i6_what_is_pasted_at_a_terminal_is_judged_like_what_is_received() {
    let (keyboard, typed) = mpsc::channel::<String>();
    let typed = Mutex::new(typed);
    let said = Said::default();
    let browser = browser(&said).or_typed(move || {
        let line = typed.lock().unwrap().recv();
        line.map_err(std::io::Error::other)
    });
    let (login, at) = waiting(&browser).await;
    for wrong in [
        "hello",
        "",
        "https://evil.test/callback?code=evil&state=right",
        "http://127.0.0.1:1/callback?code=evil&state=right",
        &format!("http://{at}/callback?code=evil&state=wrong"),
        &format!("http://{at}/callback?code=evil"),
        &format!("http://{at}/callback2?code=evil&state=right"),
        "code=\u{1b}[2J&state=right",
    ] {
        keyboard.send(format!("{wrong}\n")).unwrap();
    }
    keyboard
        .send(format!(
            "  http://{at}/callback?code=good&state=right#_=_\r\n"
        ))
        .unwrap();
    let answer = login.await.unwrap().unwrap();
    assert_eq!(answer.reveal(), "code=good&state=right");
    let said = said.text();
    assert!(said.contains(AUTHORIZE), "{said}");
    assert_eq!(said.matches("This is not the address").count(), 7, "{said}");
    assert!(!said.contains("evil") && !said.contains("good"), "{said}");
}

#[tokio::test]
async fn the_end_of_what_is_typed_does_not_end_the_waiting_for_the_browser() {
    let browser = browser(&Said::default()).or_typed(|| Ok(String::new()));
    let (login, at) = waiting(&browser).await;
    get(&at, &at, "/callback?code=c&state=right").await;
    assert!(login.await.unwrap().is_ok());
}

#[tokio::test]
async fn whoever_closes_the_keyboard_gives_the_login_up() {
    let browser = browser(&Said::default()).or_typed(|| Err(std::io::Error::other("closed")));
    let (login, at) = waiting(&browser).await;
    assert_eq!(login.await.unwrap(), Err(PresenterError::GivenUp));
    assert!(TcpStream::connect(&at).await.is_err(), "it is closed");
}

#[test]
fn cl_33_an_answer_is_not_seen_in_debug() {
    let answer = CallbackParameters::new("code=canary&state=canary");
    assert!(!format!("{answer:?}").contains("canary"));
}
