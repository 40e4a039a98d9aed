use testkit::{FakeIssuerServer, Gate, Http, ScriptedAnswer, TestIssuer, raw};

#[tokio::test]
async fn answers_are_scripted_and_requests_are_logged() {
    let mut server = FakeIssuerServer::start().await;
    let http = Http::socket(&server.address().to_string());
    assert_eq!(http.get("/jwks").send().await.status(), 404);

    server.answer("/jwks", ScriptedAnswer::json(TestIssuer::as_test().jwks()));
    let mut answer = http.get("/jwks?x=1").header("x-seen", "yes").send().await;
    assert_eq!(answer.json().await["keys"].as_array().unwrap().len(), 3);

    server.answer("/away", ScriptedAnswer::redirect(307, "http://evil.test/"));
    let answer = http.get("/away").send().await;
    assert_eq!(answer.header("location"), Some("http://evil.test/"));

    assert_eq!(server.count("/jwks"), 2);
    let seen = server.requests().remove(1);
    assert_eq!(seen.query.as_deref(), Some("x=1"));
    assert_eq!(seen.headers["x-seen"], "yes");

    server.stop().await;
    assert!(
        tokio::net::TcpStream::connect(server.address())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_gate_holds_the_answer_back() {
    let server = FakeIssuerServer::start().await;
    let gate = Gate::closed();
    server.answer("/", ScriptedAnswer::status(204).behind(&gate));
    let http = Http::socket(&server.address().to_string());
    let pending = tokio::spawn(http.get("/").send());
    server.received(1).await;
    assert!(!pending.is_finished());
    gate.open();
    assert_eq!(pending.await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_broken_body_never_ends_cleanly_and_an_endless_one_goes_on() {
    let server = FakeIssuerServer::start().await;
    server.answer("/broken", ScriptedAnswer::broken("{\"keys\":"));
    let text =
        raw::exchange_half_open(server.address(), b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = String::from_utf8(text.await).unwrap();
    assert!(
        text.contains("{\"keys\":") && !text.ends_with("0\r\n\r\n"),
        "{text}"
    );

    server.answer("/endless", ScriptedAnswer::endless("data: {}\n\n"));
    let mut answer = Http::socket(&server.address().to_string())
        .get("/endless")
        .send()
        .await;
    for _ in 0..10_000 {
        assert_eq!(answer.next_event().await.unwrap().data, "{}");
    }
}
