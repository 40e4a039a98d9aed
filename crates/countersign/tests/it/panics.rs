//! Code of the application that panics: it lets nobody in, tells nobody why, and
//! leaves the connection and the server as they were.

use countersign::policy::{Action, Denial, Policy};
use countersign::verifier::{PresentedToken, Unavailable};
use countersign::{Caller, RouteAccess, Server, Verification, Verifier, tool};
use countersign_oauth::UnixTime;
use tokio::io::AsyncWriteExt;

use crate::fixture::CANARY;
use crate::live::{Live, one_answer, statuses};

struct PanickingVerifier;

impl Verifier for PanickingVerifier {
    async fn verify(
        &self,
        _token: PresentedToken<'_>,
        _now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        panic!("a verifier panics with {CANARY}")
    }
}

#[derive(Debug)]
struct PanickingPolicy;

impl Policy for PanickingPolicy {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        let is_of_holds = format!("{action:?}").contains("holds");
        assert!(!is_of_holds, "a policy panics with {CANARY}");
        Ok(())
    }
}

/// Answers.
#[tool]
async fn answers() -> &'static str {
    "an answer"
}

async fn panics() -> &'static str {
    panic!("a route panics with {CANARY}")
}

/// Sends a request twice over one connection.
async fn twice(live: &Live, request: &str) {
    let mut socket = live.connect().await;
    for _ in 0..2 {
        socket.write_all(request.as_bytes()).await.unwrap();
        let answer = one_answer(&mut socket).await;
        assert_eq!(statuses(&answer), [500], "{answer}");
        assert!(!answer.contains(CANARY), "{answer}");
    }
}

#[tokio::test]
async fn h1_a_panic_outside_of_the_tools_is_a_500_without_words() {
    let (log, _guard) = testkit::CaptureLog::start();
    let change = |server: Server| {
        server.policy(PanickingPolicy).route(
            "/panics",
            axum::routing::get(panics),
            RouteAccess::Open,
        )
    };
    let live = Live::serving(change, |http| http).await;
    twice(&live, "GET /panics HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let (head, body) = live.call("holds", Some(&live.token()));
    twice(&live, &format!("{head}{body}")).await;
    assert_eq!(live.held.running(), 0);
    live.control("H1").await;
    log.assert_absent(CANARY);
}

#[tokio::test]
async fn h1_a_verifier_that_panics_lets_nobody_in() {
    let change = |_: Server| {
        Server::new("under attack")
            .auth(PanickingVerifier)
            .tool(answers)
    };
    let live = Live::serving(change, |http| http).await;
    let (head, body) = live.call("answers", Some("any"));
    twice(&live, &format!("{head}{body}")).await;
    // Without a token nothing is verified.
    let (head, body) = live.call("answers", None);
    let mut socket = live.connect().await;
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    assert_eq!(statuses(&one_answer(&mut socket).await), [401]);
}
