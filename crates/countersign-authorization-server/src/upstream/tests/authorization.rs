//! What is in the address that people are sent to.

use countersign_oauth::ResourceUri;
use countersign_oauth::form::Form;

use super::*;

async fn asked(text: &str, change: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder) -> Form {
    let script = script_with("");
    let upstream = change(builder(text, &script)).build().unwrap();
    let resource = ResourceUri::parse("https://mcp.example/mcp?a=b").unwrap();
    let state = Secret::new("the state");
    let url = upstream
        .authorization_url(&attempt(), &state, REDIRECT, Some(&resource), &[], NOW)
        .await
        .unwrap();
    let query = url.strip_prefix("https://op.example/authorize?").unwrap();
    Form::parse(query.as_bytes()).unwrap()
}

fn one(form: &Form, name: &str) -> Option<String> {
    form.one(name).unwrap().map(str::to_owned)
}

#[tokio::test]
async fn the_request_has_what_the_rfcs_ask_for_and_each_once() {
    let form = asked(PLAIN, |builder| builder.scopes(["groups", "email"])).await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("state", "the state"),
        ("scope", "openid email groups"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(one(&form, name).as_deref(), Some(value));
    }
    assert_eq!(one(&form, "code_challenge").unwrap().len(), 43);
    assert_eq!(one(&form, "nonce").unwrap().len(), 43);
    assert_eq!(one(&form, "resource"), None);
    assert!(!form.has_repeated(&[]));
}

#[tokio::test]
async fn what_a_provider_does_not_know_is_not_sent() {
    let text = plain_with("pkce = true\nnonce = true", "pkce = false\nnonce = false").replace(
        r#"["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]"#,
        r#"["client_secret_basic"]"#,
    );
    let form = asked(&text, |builder| builder).await;
    for name in ["code_challenge", "code_challenge_method", "nonce"] {
        assert_eq!(one(&form, name), None);
    }
}

#[tokio::test]
async fn the_resource_is_forwarded_where_the_file_says_so() {
    let text = plain_with("pkce = true", "pkce = true\nresource = \"forward\"");
    let form = asked(&text, |builder| builder).await;
    assert_eq!(
        one(&form, "resource").as_deref(),
        Some("https://mcp.example/mcp?a=b")
    );
}

#[tokio::test]
async fn scopes_are_written_as_the_provider_wants_them() {
    let text = plain_with(
        "pkce = true",
        "scope_separator = \",\"\nscope_prefix = \"api://{client_id}/\"\n\
         unprefixed_scopes = [\"openid\", \"email\"]\nscope_parameter = \"user_scope\"\npkce = true",
    )
    .replace(
        "[login.identity]",
        "[login.identity]\nalgorithms = [\"ES256\"]",
    );
    // A client id with a blank cannot be part of a scope.
    let text = text.replace("{client_id}", "app");
    let form = asked(&text, |builder| {
        builder.scopes(["read", "https://graph.example/mail"])
    })
    .await;
    assert_eq!(
        one(&form, "user_scope").as_deref(),
        Some("openid,email,api://app/read,https://graph.example/mail")
    );
    assert_eq!(one(&form, "scope"), None);
}

#[tokio::test]
async fn parameters_of_the_operator_win_over_those_of_the_file() {
    let text = plain_with(
        "[login.identity]",
        "[login.authorize_parameters]\nprompt = \"consent\"\nhd = \"*\"\n\n[login.identity]",
    );
    let form = asked(&text, |builder| {
        builder.authorize_parameter("prompt", "select account&x=y")
    })
    .await;
    assert_eq!(one(&form, "prompt").as_deref(), Some("select account&x=y"));
    assert_eq!(one(&form, "hd").as_deref(), Some("*"));
}

#[tokio::test]
async fn a_query_of_the_endpoint_stays() {
    let script = script_with("");
    let mut document = metadata();
    document["authorization_endpoint"] = "https://op.example/authorize?p=b2c".into();
    script.json("/.well-known/openid-configuration", &document);
    let upstream = builder(PLAIN, &script).build().unwrap();
    let state = Secret::new("s");
    let url = upstream
        .authorization_url(&attempt(), &state, REDIRECT, None, &[], NOW)
        .await
        .unwrap();
    assert!(
        url.starts_with("https://op.example/authorize?p=b2c&response_type=code&"),
        "{url}"
    );
}

#[tokio::test]
async fn the_code_is_sent_with_what_proves_it() {
    let attempt = attempt();
    let script = script_with(&id_token(&attempt).sign());
    let text = plain_with("pkce = true", "pkce = true\nresource = \"forward\"");
    let upstream = builder(&text, &script)
        .token_parameter("tenant", "t-1")
        .build()
        .unwrap();
    let resource = ResourceUri::parse("https://mcp.example/mcp").unwrap();
    let code = Secret::new("a+b c&d");
    upstream
        .redeem_code(
            &attempt,
            REDIRECT,
            &code,
            Some(&resource),
            NOW,
            &SystemGenerator,
        )
        .await
        .unwrap();
    let asked = script.one("/token");
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.address, "https://op.example/token");
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "a+b c&d"),
        ("redirect_uri", REDIRECT),
        ("resource", "https://mcp.example/mcp"),
        ("tenant", "t-1"),
        ("code_verifier", attempt.code_verifier.secret().reveal()),
    ] {
        assert_eq!(asked.field(name).as_deref(), Some(value));
    }
    assert_eq!(asked.field("nonce"), None);
    assert_eq!(asked.field("state"), None);
}

#[tokio::test]
async fn x21_the_issuer_of_an_answer_is_the_provider() {
    let script = script_with("");
    let upstream = builder(PLAIN, &script).build().unwrap();
    assert_eq!(upstream.check_issuer(None, NOW).await, Ok(()));
    assert_eq!(upstream.check_issuer(Some(OP), NOW).await, Ok(()));
    for iss in [
        "https://a.example",
        "https://op.example/",
        "",
        "https://OP.example",
    ] {
        let outcome = upstream.check_issuer(Some(iss), NOW).await;
        assert!(matches!(outcome, Err(UpstreamError::Identity(_))), "{iss}");
    }
    // The file or the metadata says that it always comes.
    let strict = plain_with("pkce = true", "pkce = true\nsends_iss = true");
    let upstream = builder(&strict, &script).build().unwrap();
    assert!(upstream.check_issuer(None, NOW).await.is_err());
    let script = script_with("");
    let mut document = metadata();
    document["authorization_response_iss_parameter_supported"] = true.into();
    script.json("/.well-known/openid-configuration", &document);
    let upstream = builder(PLAIN, &script).build().unwrap();
    assert!(upstream.check_issuer(None, NOW).await.is_err());
    assert_eq!(upstream.check_issuer(Some(OP), NOW).await, Ok(()));
    assert!(script.asked("/token").is_empty());
}

#[tokio::test]
async fn a_wish_for_a_fresh_login_reaches_providers_that_know_it() {
    let openid = "[login.authorize_parameters]\nprompt = \"consent\"\n\n[login.identity]";
    let decided = plain_with("[login.identity]", openid);
    let plain = plain_with("nonce = true", "nonce = false")
        .replace("[\"openid\", \"email\"]", "[\"email\"]")
        .replace("source = \"id_token\"", "source = \"userinfo\"");
    for (text, expected) in [
        (PLAIN, Some("login")),
        (&decided, Some("consent login")),
        (&plain, None),
    ] {
        let upstream = builder(text, &script_with("")).build().unwrap();
        let (attempt, state) = (attempt(), Secret::new("s"));
        let url = upstream
            .authorization_url(&attempt, &state, REDIRECT, None, &["login"], NOW)
            .await
            .unwrap();
        let query = url.split_once('?').unwrap().1;
        let form = Form::parse(query.as_bytes()).unwrap();
        assert_eq!(one(&form, "prompt").as_deref(), expected);
    }
}
