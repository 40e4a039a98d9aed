//! Metadata: which document counts, how long, and what happens if there is none.

use countersign_resource_server::fetch::FetchError;

use super::*;

const DOCUMENT: &str = "/.well-known/openid-configuration";

async fn url(upstream: &Upstream, now: UnixTime) -> Result<String, UpstreamError> {
    let state = Secret::new("s");
    upstream
        .authorization_url(&attempt(), &state, REDIRECT, None, &[], now)
        .await
}

fn with_member(name: &str, value: Value) -> String {
    let mut document = metadata();
    document[name] = value;
    document.to_string()
}

#[tokio::test]
async fn a_document_of_another_issuer_is_refused() {
    for issuer in [
        json!("https://op.example/"),
        json!("https://OP.example"),
        json!("http://op.example"),
        json!("https://evil.example"),
        json!(["https://op.example"]),
        json!(""),
        Value::Null,
    ] {
        let script = script_with("");
        script.text(DOCUMENT, &with_member("issuer", issuer.clone()));
        let upstream = builder(PLAIN, &script).build().unwrap();
        let outcome = url(&upstream, NOW).await;
        assert!(
            matches!(outcome, Err(UpstreamError::BadAnswer(_))),
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn i3_an_endpoint_without_tls_or_with_credentials_is_refused() {
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        for address in [
            "http://op.example/x",
            "http://127.0.0.1/x",
            "http://localhost:8080/x",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://op.example/x",
            "//op.example/x",
            "/x",
            "",
            "https://user@op.example/x",
            "https://user:pass@op.example/x",
            "https://op.example/x#fragment",
            "https://op.example/a b",
            "https://op.example/\"x",
            "https://op.example/\r\nx",
        ] {
            let script = script_with("");
            script.text(DOCUMENT, &with_member(member, address.into()));
            let upstream = builder(PLAIN, &script).build().unwrap();
            let outcome = url(&upstream, NOW).await;
            let Err(UpstreamError::BadAnswer(reason)) = outcome else {
                panic!("{member} {address}: {outcome:?}");
            };
            assert!(reason.contains(member), "{reason}");
        }
        let script = script_with("");
        script.text(DOCUMENT, &with_member(member, json!({})));
        let upstream = builder(PLAIN, &script).build().unwrap();
        assert!(url(&upstream, NOW).await.is_err());
    }
}

#[tokio::test]
async fn x30_what_is_no_document_leaves_people_without_a_login_and_heals() {
    for (play, is_outage) in [
        (status(500), true),
        (status(503), true),
        (Play::failing(FetchError::Timeout), true),
        (Play::failing(FetchError::Connection), true),
        (Play::failing(FetchError::TooLarge), false),
        (status(404), false),
        (
            status(302).header("location", "https://op.example/x"),
            false,
        ),
        (Play::of(200, "<html>".to_owned()), false),
        (Play::of(200, "[]".to_owned()), false),
        (
            Play::of(200, "{\"issuer\":\"https://op.example\",".to_owned()),
            false,
        ),
    ] {
        let script = script_with("");
        script.play(DOCUMENT, play.clone());
        let upstream = builder(PLAIN, &script).build().unwrap();
        let outcome = url(&upstream, NOW).await;
        match &outcome {
            Err(UpstreamError::Unavailable(_)) if is_outage => {}
            Err(UpstreamError::BadAnswer(_)) if !is_outage => {}
            other => panic!("{play:?}: {other:?}"),
        }
        // Until the pause is over nobody is asked.
        script.json(DOCUMENT, &metadata());
        let outcome = url(&upstream, later(1)).await;
        let Err(UpstreamError::Unavailable(reason)) = outcome else {
            panic!("{play:?}: {outcome:?}");
        };
        assert_eq!(reason.retry_after.as_secs(), 1);
        assert_eq!(script.asked(DOCUMENT).len(), 1);
        url(&upstream, later(2)).await.unwrap();
        assert_eq!(script.asked(DOCUMENT).len(), 2);
    }
}

#[tokio::test]
async fn the_pause_doubles_up_to_half_a_minute() {
    let script = script_with("");
    script.play(DOCUMENT, status(503));
    let upstream = builder(PLAIN, &script).build().unwrap();
    let mut attempts = Vec::new();
    for second in 0..120 {
        let before = script.asked(DOCUMENT).len();
        assert!(url(&upstream, later(second)).await.is_err());
        if script.asked(DOCUMENT).len() > before {
            attempts.push(second);
        }
    }
    assert_eq!(attempts, [0, 2, 6, 14, 30, 60, 90]);
}

#[tokio::test]
async fn a_document_counts_for_its_age_and_the_last_good_one_while_there_is_none() {
    for (header, age) in [
        (None, 3_600),
        (Some("max-age=600"), 600),
        (Some("public, max-age=1"), 60),
        (Some("no-store"), 60),
        (Some("max-age=999999999"), 86_400),
    ] {
        let script = script_with("");
        let mut play = Play::of(200, metadata().to_string());
        if let Some(header) = header {
            play = play.header("cache-control", header);
        }
        script.play(DOCUMENT, play);
        let upstream = builder(PLAIN, &script).build().unwrap();
        url(&upstream, NOW).await.unwrap();
        url(&upstream, later(age - 1)).await.unwrap();
        assert_eq!(script.asked(DOCUMENT).len(), 1, "{header:?}");
        for broken in [
            status(500),
            Play::of(200, with_member("issuer", "x".into())),
        ] {
            script.play(DOCUMENT, broken);
            url(&upstream, later(age)).await.unwrap();
            assert_eq!(script.asked(DOCUMENT).len(), 2, "{header:?}");
        }
        let moved = with_member("authorization_endpoint", "https://op.example/new".into());
        script.text(DOCUMENT, &moved);
        let address = url(&upstream, later(age + 2)).await.unwrap();
        assert!(address.starts_with("https://op.example/new?"), "{header:?}");
        assert_eq!(script.asked(DOCUMENT).len(), 3, "{header:?}");
    }
}

#[tokio::test]
async fn many_logins_at_once_fetch_one_document() {
    let script = script_with("");
    let upstream = builder(PLAIN, &script).build().unwrap();
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { url(&upstream, NOW).await })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    assert_eq!(script.asked(DOCUMENT).len(), 1);
    // Nor does an outage make them all ask.
    let script = script_with("");
    script.play(DOCUMENT, Play::failing(FetchError::Timeout));
    let upstream = builder(PLAIN, &script).build().unwrap();
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { url(&upstream, NOW).await })
        })
        .collect();
    for login in logins {
        let outcome = login.await.unwrap();
        assert!(matches!(outcome, Err(UpstreamError::Unavailable(_))));
    }
    assert_eq!(script.asked(DOCUMENT).len(), 1);
}

#[tokio::test]
async fn a_login_that_is_given_up_keeps_nobody_else_from_the_document() {
    let script = script_with("");
    let upstream = builder(PLAIN, &script).build().unwrap();
    {
        let mut given_up = Box::pin(url(&upstream, NOW));
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(given_up.as_mut().poll(&mut context).is_pending());
    }
    url(&upstream, NOW).await.unwrap();
    assert_eq!(script.asked(DOCUMENT).len(), 2);
}

#[tokio::test]
async fn explicit_endpoints_win_and_need_no_document() {
    let text = plain_with(
        "issuer = \"https://op.example\"\n",
        "issuer = \"https://op.example\"\nauthorization = \"https://op.example/own\"\n",
    );
    let script = Script::new();
    let upstream = builder(&text, &script).build().unwrap();
    let address = url(&upstream, NOW).await.unwrap();
    assert!(address.starts_with("https://op.example/own?"));
    assert_eq!(script.count(), 0);
}
