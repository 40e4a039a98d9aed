//! Servers that are none, or hostile ones: what `call` and `list` say and send.

use testkit::{FakeIssuerServer, ScriptedAnswer};

use crate::command::{Output, folder, run};

/// Runs the command while the fake server answers.
async fn ask(url: String) -> Output {
    tokio::task::spawn_blocking(move || {
        run(
            folder().path(),
            &["call", &url, "greet", "--token", "canary"],
        )
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn e42_a_redirect_is_not_followed_and_the_token_stays() {
    for status in [301, 302, 303, 307, 308] {
        let thief = FakeIssuerServer::start().await;
        let server = FakeIssuerServer::start().await;
        server.answer("/mcp", ScriptedAnswer::redirect(status, &thief.url("/mcp")));
        let answer = ask(server.url("/mcp")).await;
        assert_eq!(answer.code, 1);
        assert_eq!(
            answer.stderr,
            format!(
                "error: the server redirects elsewhere (HTTP {status}), which is not followed; use \
                 the URL of the MCP endpoint itself\n"
            )
        );
        assert!(thief.requests().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mcp_server_is_said_to_be_none() {
    let page = || {
        ScriptedAnswer::status(200)
            .header("content-type", "text/html")
            .body("<html>")
    };
    for (answer, sentence) in [
        (
            page(),
            "there is no MCP server at this URL: the answer is neither JSON nor an event stream",
        ),
        (
            page().with_status(404),
            "there is no MCP server at this URL: HTTP 404",
        ),
        (
            ScriptedAnswer::json("{}"),
            "there is no MCP server at this URL: the answer is not JSON-RPC",
        ),
        (page().with_status(502), "the server answered HTTP 502"),
    ] {
        let server = FakeIssuerServer::start().await;
        server.answer("/mcp", answer);
        let told = ask(server.url("/mcp")).await;
        assert_eq!(told.code, 1);
        assert_eq!(told.stderr, format!("error: {sentence}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_a_challenge_cannot_write_to_the_terminal() {
    let server = FakeIssuerServer::start().await;
    let challenge = "Bearer error=\"invalid_token\", error_description=\"a\\\u{9}b\"";
    let refused = ScriptedAnswer::status(401).header("www-authenticate", challenge);
    server.answer("/mcp", refused);
    let told = ask(server.url("/mcp")).await;
    assert_eq!(told.code, 4);
    assert_eq!(
        told.stderr,
        "error: the server refuses the token (HTTP 401, invalid_token): ab\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_another_origin_is_not_fetched() {
    let elsewhere = FakeIssuerServer::start().await;
    let server = FakeIssuerServer::start().await;
    let challenge = format!(
        "Bearer resource_metadata=\"{}\"",
        elsewhere.url("/metadata")
    );
    let refused = ScriptedAnswer::status(401).header("www-authenticate", &challenge);
    server.answer("/mcp", refused);
    let url = server.url("/mcp");
    let listed = tokio::task::spawn_blocking(move || run(folder().path(), &["list", &url]));
    assert_eq!(listed.await.unwrap().code, 4);
    assert!(elsewhere.requests().is_empty());
    assert_eq!(server.count("/.well-known/oauth-protected-resource/mcp"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_for_another_resource_is_pointed_out() {
    let server = FakeIssuerServer::start().await;
    server.answer("/mcp", ScriptedAnswer::status(401));
    server.answer(
        "/.well-known/oauth-protected-resource/mcp",
        ScriptedAnswer::json(r#"{"resource":"https://bank.test/mcp","authorization_servers":[]}"#),
    );
    let url = server.url("/mcp");
    let listed = tokio::task::spawn_blocking(move || run(folder().path(), &["list", &url]));
    let listed = listed.await.unwrap().stdout;
    assert!(
        listed.contains("The resource is not this address"),
        "{listed}"
    );
}
