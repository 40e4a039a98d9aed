//! Giving tokens back: RFC 7009, and providers with a way of their own.

use countersign_resource_server::fetch::FetchError;

use super::*;

fn tokens(refresh_token: Option<&str>) -> crate::upstream::UpstreamTokens {
    crate::upstream::UpstreamTokens {
        access_token: Secret::new("the-at"),
        refresh_token: refresh_token.map(Secret::new),
        expires_at: None,
        scope: None,
    }
}

async fn revoke(upstream: &Upstream, refresh_token: Option<&str>) -> Result<(), UpstreamError> {
    let tokens = tokens(refresh_token);
    upstream.revoke(&tokens, NOW, &SystemGenerator).await
}

#[tokio::test]
async fn both_tokens_are_given_back_by_an_authenticated_post() {
    let script = script_with("");
    script.text("/revoke", "");
    let upstream = builder(PLAIN, &script).build().unwrap();
    revoke(&upstream, Some("the-rt")).await.unwrap();
    let asked = script.asked("/revoke");
    let sent: Vec<_> = asked.iter().map(|asked| asked.field("token")).collect();
    assert_eq!(sent, [Some("the-rt".to_owned()), Some("the-at".to_owned())]);
    for asked in asked {
        assert_eq!(asked.method, "POST");
        assert!(asked.header("authorization").unwrap().starts_with("Basic "));
        assert!(!asked.address.contains("the-"), "{}", asked.address);
    }
}

#[tokio::test]
async fn a_token_that_is_gone_is_given_back() {
    for play in [
        status(200),
        status(204),
        status(404),
        status(422),
        Play::of(400, r#"{"error":"unsupported_token_type"}"#.to_owned()),
        Play::of(400, r#"{"error":"invalid_token"}"#.to_owned()),
        Play::of(200, r#"{"ok":false,"error":"token_revoked"}"#.to_owned()),
    ] {
        let script = script_with("");
        script.play("/revoke", play.clone());
        let upstream = builder(PLAIN, &script).build().unwrap();
        assert_eq!(revoke(&upstream, None).await, Ok(()), "{play:?}");
    }
}

#[tokio::test]
async fn a_failure_is_told_and_keeps_no_other_token_from_being_given_back() {
    for (play, expected) in [
        (status(503), "is not available"),
        (status(429), "is not available"),
        (Play::failing(FetchError::Timeout), "is not available"),
        (status(401), "invalid_client"),
        (
            Play::of(401, r#"{"error":"invalid_client"}"#.to_owned()),
            "invalid_client",
        ),
        (
            Play::of(400, r#"{"error":"invalid_request"}"#.to_owned()),
            "invalid_request",
        ),
        (
            status(302).header("location", "https://op.example/x"),
            "status 302",
        ),
        (status(400), "status 400"),
    ] {
        let script = script_with("");
        script.play("/revoke", play.clone());
        let upstream = builder(PLAIN, &script).build().unwrap();
        let error = revoke(&upstream, Some("the-rt")).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{play:?}: {error}");
        assert_eq!(script.asked("/revoke").len(), 2);
    }
}

#[tokio::test]
async fn a_provider_without_the_endpoint_has_nothing_to_do() {
    let script = script_with("");
    let mut document = metadata();
    document
        .as_object_mut()
        .unwrap()
        .remove("revocation_endpoint");
    script.json("/.well-known/openid-configuration", &document);
    let upstream = builder(PLAIN, &script).build().unwrap();
    revoke(&upstream, Some("the-rt")).await.unwrap();
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn the_shape_of_the_request_is_that_of_the_file() {
    for (shape, method, body, authorization) in [
        (
            "method = \"DELETE\"\ntoken_in = \"json\"\ntoken_parameter = \"access_token\"\n\
             authentication = \"client_secret_basic\"",
            "DELETE",
            r#"{"access_token":"the-at"}"#,
            Some("Basic "),
        ),
        (
            "token_in = \"bearer\"\nauthentication = \"none\"",
            "POST",
            "",
            Some("Bearer the-at"),
        ),
        ("authentication = \"none\"", "POST", "token=the-at", None),
    ] {
        let text = format!(
            "{PLAIN}\n[login.revocation]\ntokens = [\"access_token\"]\n\n\
             [login.revocation.request]\n{shape}\n"
        );
        let script = script_with("");
        script.text("/revoke", "");
        let upstream = builder(&text, &script).build().unwrap();
        revoke(&upstream, Some("the-rt")).await.unwrap();
        let asked = script.one("/revoke");
        assert_eq!(asked.method, method);
        assert_eq!(asked.body, body);
        let header = asked.header("authorization");
        assert_eq!(header.is_some(), authorization.is_some(), "{shape}");
        if let (Some(header), Some(start)) = (header, authorization) {
            assert!(header.starts_with(start), "{shape}");
        }
    }
}
