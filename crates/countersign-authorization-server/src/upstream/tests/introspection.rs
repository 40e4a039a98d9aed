//! Identities from the introspection endpoint and from access tokens, and row A79: tokens
//! that were issued to another application.

use super::*;

fn introspecting() -> String {
    plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"introspection\"")
}

async fn introspected(text: &str, play: Play) -> Result<Arrival, UpstreamError> {
    let script = script_with("");
    script.play("/introspect", play);
    let upstream = builder(text, &script).build().unwrap();
    let outcome = redeem(&upstream, &attempt()).await;
    let asked = script.one("/introspect");
    assert_eq!(asked.field("token").as_deref(), Some("upstream-at"));
    assert!(asked.header("authorization").unwrap().starts_with("Basic "));
    outcome
}

#[tokio::test]
async fn a79_an_opaque_token_of_another_application_is_refused() {
    for answer in [
        json!({"active": true, "sub": "alice", "client_id": "another app"}),
        json!({"active": true, "sub": "alice", "client_id": [CLIENT]}),
        json!({"active": true, "sub": "alice", "client_id": null}),
        json!({"active": true, "sub": "alice", "iss": "https://evil.example"}),
        json!({"active": false, "sub": "alice", "client_id": CLIENT}),
        json!({"active": "true", "sub": "alice", "client_id": CLIENT}),
        json!({"sub": "alice", "client_id": CLIENT}),
        json!({"active": true, "client_id": CLIENT}),
    ] {
        let outcome = introspected(&introspecting(), Play::of(200, answer.to_string())).await;
        assert!(
            matches!(outcome, Err(UpstreamError::Identity(_))),
            "{answer}: {outcome:?}"
        );
    }
    let answer = json!({"active": true, "sub": "alice", "client_id": CLIENT});
    let arrival = introspected(&introspecting(), Play::of(200, answer.to_string())).await;
    assert_eq!(arrival.unwrap().identity.subject, "alice");
}

#[tokio::test]
async fn a79_where_the_file_pins_the_application_it_has_to_be_named() {
    let pinned = introspecting().replace(
        "groups = \"/groups\"",
        "application = { pointer = \"/app/client_id\" }",
    ) + "[introspection]\nactive_by_status = true\n";
    for (answer, good) in [
        (json!({"sub": "alice", "app": {"client_id": CLIENT}}), true),
        (
            json!({"sub": "alice", "app": {"client_id": ["x", CLIENT]}}),
            true,
        ),
        (
            json!({"sub": "alice", "app": {"client_id": "another app"}}),
            false,
        ),
        (json!({"sub": "alice", "app": {"client_id": null}}), false),
        (json!({"sub": "alice", "app": {}}), false),
        (json!({"sub": "alice", "client_id": CLIENT}), false),
    ] {
        let outcome = introspected(&pinned, Play::of(200, answer.to_string())).await;
        match outcome {
            Ok(_) if good => {}
            Err(UpstreamError::Identity(_)) if !good => {}
            other => panic!("{answer}: {other:?}"),
        }
    }
    for code in [404, 422, 401] {
        let outcome = introspected(&pinned, status(code)).await;
        assert!(matches!(outcome, Err(UpstreamError::Identity(_))), "{code}");
    }
    let outcome = introspected(&pinned, status(503)).await;
    assert!(matches!(outcome, Err(UpstreamError::Unavailable(_))));
}

#[tokio::test]
async fn a79_the_userinfo_of_a_pinned_application_has_to_name_it() {
    let text = plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"userinfo\"")
        .replace(
            "groups = \"/groups\"",
            "application = { pointer = \"/aud\" }",
        );
    for (aud, good) in [(json!(CLIENT), true), (json!("another app"), false)] {
        let script = script_with("");
        script.json("/userinfo", &json!({"sub": "alice", "aud": aud}));
        let upstream = builder(&text, &script).build().unwrap();
        assert_eq!(redeem(&upstream, &attempt()).await.is_ok(), good);
    }
}

/// A provider whose access token says who it is about, and to whom it was issued.
fn by_access_token() -> String {
    plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"access_token\"")
}

type Change = Box<dyn FnOnce(TokenBuilder) -> TokenBuilder>;

#[tokio::test]
async fn a79_an_access_token_of_another_application_is_refused() {
    let changes: Vec<(bool, Change)> = vec![
        (true, Box::new(|token| token)),
        (true, Box::new(|token| token.without("aud"))),
        (true, Box::new(|token| token.claim("token_use", "access"))),
        (false, Box::new(|token| token.client_id("another app"))),
        (false, Box::new(|token| token.without("client_id"))),
        (
            false,
            Box::new(|token| token.claim("client_id", json!([CLIENT]))),
        ),
        (false, Box::new(|token| token.claim("token_use", "id"))),
        (false, Box::new(|token| token.iss("https://evil.example"))),
        (false, Box::new(|token| token.without("sub"))),
        (false, Box::new(|token| token.without("exp"))),
        (
            false,
            Box::new(|token| token.exp(UnixTime::from_secs(NOW.as_secs() - 61))),
        ),
        (
            false,
            Box::new(|token| token.signed_by(&testkit::TestKey::stranger_e1())),
        ),
        (false, Box::new(TokenBuilder::unsecured)),
        (false, Box::new(|token| token.typ("id+jwt"))),
    ];
    for (number, (good, change)) in changes.into_iter().enumerate() {
        let script = script_with("");
        let token = change(op().token().client_id(CLIENT)).sign();
        let mut answer = token_answer("");
        answer["access_token"] = token.into();
        script.json("/token", &answer);
        let upstream = builder(&by_access_token(), &script).build().unwrap();
        match redeem(&upstream, &attempt()).await {
            Ok(arrival) if good => assert_eq!(arrival.identity.subject, "alice"),
            Err(UpstreamError::Identity(_)) if !good => {}
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn claims_that_the_file_requires_are_there_with_their_text() {
    let text = format!(
        "{}\n[login.identity.required_claims]\nkind = \"member\"\n",
        plain_with("nonce = true", "nonce = false")
    );
    for (kind, good) in [
        (json!("member"), true),
        (json!("guest"), false),
        (json!(["member"]), false),
        (Value::Null, false),
    ] {
        let change = |token: TokenBuilder| token.without("nonce").claim("kind", kind.clone());
        let outcome = login(&text, change).await;
        match outcome {
            Ok(_) if good => {}
            Err(UpstreamError::Identity(_)) if !good => {}
            other => panic!("{kind}: {other:?}"),
        }
    }
}
