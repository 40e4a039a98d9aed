//! Methods, targets and paths over a socket: nothing but the one endpoint is the
//! endpoint, and no spelling of it is open (rows A84, A85 and E5 of the corpus).

use tokio::io::AsyncWriteExt;

use crate::live::{Live, exchange, one_answer, statuses};

fn lines(token: Option<&str>) -> String {
    let authorization = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    format!("host: localhost\r\nconnection: close\r\n{authorization}")
}

#[tokio::test]
async fn a84_no_spelling_of_the_path_is_a_way_around_the_token() {
    let live = Live::new().await;
    let token = live.token();
    let (call, body) = live.call("greet", Some(&token));
    for path in [
        "/mcp/",
        "//mcp",
        "///mcp",
        "/./mcp",
        "/x/../mcp",
        "/%6dcp",
        "/%6Dcp",
        "/mcp%00",
        "/mcp%2f",
        "/mcp%20",
        "/mcp;x",
        "/mcp;x=/healthz",
        "/MCP",
        "/mcp.json",
        "/mcp\\",
        "/.well-known/..%2fmcp",
        "/.well-known/../mcp",
        "/.well-known/oauth-protected-resource/../../mcp",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource%2fmcp",
        "/.well-known/oauth-protected-resource/mcp/../../../mcp",
        "/healthz/../mcp",
        "/healthz/mcp",
        "/open/../mcp",
    ] {
        let with = call.replace("POST /mcp ", &format!("POST {path} "));
        let without = with.replace(&format!("authorization: Bearer {token}\r\n"), "");
        for head in [&with, &without] {
            let mut socket = live.connect().await;
            socket
                .write_all(format!("{head}{body}").as_bytes())
                .await
                .unwrap();
            let answer = one_answer(&mut socket).await;
            let status = statuses(&answer);
            assert!(status == [404] || status == [400], "{path}: {answer}");
        }
    }
    assert_eq!(live.runs.count(), 0);
    live.control("A84").await;
}

#[tokio::test]
async fn a84_a_fragment_or_a_query_does_not_change_which_path_it_is() {
    let live = Live::new().await;
    for path in [
        "/mcp?",
        "/mcp?x=/healthz",
        "/mcp?/.well-known/oauth-protected-resource",
        "/mcp#/healthz",
        "/mcp?access_token=x",
    ] {
        let (said, _) = exchange(
            &live,
            format!("POST {path} HTTP/1.1\r\n{}\r\n", lines(None)).as_bytes(),
        )
        .await;
        let status = statuses(&said);
        assert!(status == [401] || status == [400], "{path}: {said}");
    }
}

#[tokio::test]
async fn a84_routes_that_require_a_caller_require_one_under_every_spelling() {
    let live = Live::new().await;
    let reader = live.token();
    let paths = [
        "/admin",
        "/admin/",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/%61dmin",
        "/admin%2f",
        "/admin;x",
        "/admin?x",
        "/ADMIN",
        "/open/../admin",
        "/open/admin",
        "http://localhost/admin",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "BREW"] {
            for token in [None, Some(reader.as_str())] {
                let request = format!("{method} {path} HTTP/1.1\r\n{}\r\n", lines(token));
                let (said, _) = exchange(&live, request.as_bytes()).await;
                let status = statuses(&said);
                assert!(matches!(status[..], [400..=404]), "{method} {path}: {said}");
                assert!(!said.ends_with("admin"), "{method} {path}: {said}");
            }
        }
    }
    let admin = live.issuer.token().scopes("read admin").sign();
    let request = format!("GET /admin HTTP/1.1\r\n{}\r\n", lines(Some(&admin)));
    let (said, _) = exchange(&live, request.as_bytes()).await;
    assert!(said.ends_with("\r\n\r\nadmin"), "{said}");
}

#[tokio::test]
async fn a85_other_methods_get_no_further_over_a_socket() {
    let live = Live::new().await;
    let token = live.token();
    for (request, status) in [
        ("HEAD /mcp", 405),
        ("OPTIONS /mcp", 405),
        ("PUT /mcp", 405),
        ("TRACE /mcp", 405),
        ("PATCH /mcp", 405),
        ("post /mcp", 405),
        ("OPTIONS *", 404),
        ("CONNECT localhost:443", 404),
        ("CONNECT localhost:443/mcp", 400),
        ("TRACE /healthz", 405),
        ("DELETE /.well-known/oauth-protected-resource", 405),
    ] {
        for token in [None, Some(token.as_str())] {
            let open = request.contains("mcp") && token.is_none() && status == 405;
            let expected = if open { 401 } else { status };
            let bytes = format!("{request} HTTP/1.1\r\n{}\r\n", lines(token));
            let (said, _) = exchange(&live, bytes.as_bytes()).await;
            assert_eq!(statuses(&said), [expected], "{request}: {said}");
            // TRACE would repeat the token, HEAD would break the framing.
            let (head, body) = said.split_once("\r\n\r\n").unwrap();
            assert!(!said.contains("Bearer ey"), "{request}: {said}");
            let announced = !head.to_lowercase().contains("content-length: 0");
            let is_head = request.starts_with("HEAD");
            assert_eq!(body.is_empty(), is_head || !announced, "{request}: {said}");
        }
    }
    assert_eq!(live.runs.count(), 0);
}

#[tokio::test]
async fn e5_the_target_and_the_host_are_both_judged() {
    let live = Live::new().await;
    for (target, hosts, status) in [
        ("http://evil.example/mcp", &["localhost"][..], 403),
        ("http://localhost/mcp", &["evil.example"], 403),
        ("http://localhost@evil.example/mcp", &["localhost"], 403),
        ("http://evil.example@localhost/mcp", &["localhost"], 403),
        ("http://localhost/mcp", &["localhost"], 401),
        ("http://localhost/mcp", &[], 401),
        ("/mcp", &[], 400),
        ("/mcp", &["localhost", "localhost"], 400),
        ("/mcp", &["localhost", "evil.example"], 400),
        ("/mcp", &["localhost, evil.example"], 403),
        ("/mcp", &["localhost evil.example"], 403),
        ("/mcp", &["localhost/mcp"], 403),
        ("/mcp", &[""], 403),
        ("/mcp", &["LOCALHOST"], 401),
    ] {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("host: {host}\r\n"))
            .collect();
        let request = format!("POST {target} HTTP/1.1\r\nconnection: close\r\n{hosts}\r\n");
        let (said, _) = exchange(&live, request.as_bytes()).await;
        assert_eq!(statuses(&said), [status], "{request}: {said}");
    }
    // A refusal by name says nothing about what would be needed to get in.
    let foreign = "POST /mcp HTTP/1.1\r\nconnection: close\r\nhost: evil.example\r\n\r\n";
    let (said, _) = exchange(&live, foreign.as_bytes()).await;
    assert!(!said.contains("authenticate"), "{said}");
}
