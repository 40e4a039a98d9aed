//! Requests that two parsers may read in two ways (row E18 of the attack corpus),
//! and what follows a refusal on the same connection.

use testkit::frames::{self, Frame, kind};
use tokio::io::AsyncWriteExt;

use crate::live::{Live, exchange, one_answer, pseudo, statuses, until_closed, within};

/// Sends bytes that must be answered with one 400, and the connection closed.
async fn refused(live: &Live, what: &str, bytes: &str) {
    let before = live.runs.count();
    let (said, _) = exchange(live, bytes.as_bytes()).await;
    assert_eq!(statuses(&said), [400], "{what}: {said}");
    assert!(!said.contains("www-authenticate"), "{what}: {said}");
    // Behind a good request it is refused as well, and the good one is answered.
    let (head, body) = live.call("greet", Some(&live.token()));
    let (said, _) = exchange(live, format!("{head}{body}{bytes}").as_bytes()).await;
    assert_eq!(statuses(&said), [200, 400], "{what}: {said}");
    assert_eq!(live.runs.count(), before + 1, "{what}");
}

/// A good call whose length is said in another way: `N` stands for the right
/// number, and `chunked` sends the body in a chunk.
async fn refused_with(live: &Live, what: &str, lines: &str, chunked: bool) {
    let (call, body) = live.call("greet", Some(&live.token()));
    let length = body.len().to_string();
    let right = format!("content-length: {length}\r\n");
    let head = call.replace(&right, &lines.replace('N', &length));
    assert_ne!(head, call, "{what}");
    let body = if chunked {
        format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    } else {
        body
    };
    refused(live, what, &format!("{head}{body}")).await;
}

#[tokio::test]
async fn e18_two_ways_to_read_the_length_are_400_and_close() {
    let live = Live::new().await;
    for (what, lines, chunked) in [
        (
            "CL.TE",
            "content-length: N\r\ntransfer-encoding: chunked\r\n",
            true,
        ),
        (
            "TE.CL",
            "transfer-encoding: chunked\r\ncontent-length: N\r\n",
            true,
        ),
        ("CL.CL", "content-length: N\r\ncontent-length: 0\r\n", false),
        (
            "CL.CL alike",
            "content-length: N\r\ncontent-length: N\r\n",
            false,
        ),
        ("CL, CL", "content-length: N, N\r\n", false),
        ("CL signed", "content-length: +N\r\n", false),
        ("CL hexadecimal", "content-length: 0xN\r\n", false),
        ("CL empty", "content-length: \r\n", false),
        ("TE unknown", "transfer-encoding: xchunked\r\n", true),
        (
            "TE twice",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            true,
        ),
        ("TE list", "transfer-encoding: identity, chunked\r\n", true),
        (
            "TE with a control character",
            "transfer-encoding: \u{b}chunked\r\n",
            true,
        ),
        ("TE folded", "transfer-encoding:\r\n chunked\r\n", true),
    ] {
        refused_with(&live, what, lines, chunked).await;
    }
    let (call, body) = live.call("greet", Some(&live.token()));
    let length = format!("content-length: {}\r\n", body.len());
    let old = call
        .replace("HTTP/1.1", "HTTP/1.0")
        .replace(&length, "transfer-encoding: chunked\r\n");
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    refused(&live, "TE in HTTP/1.0", &format!("{old}{chunks}")).await;
    live.control("E18").await;
}

#[tokio::test]
async fn e18_two_ways_to_read_a_line_are_400_and_close() {
    let live = Live::new().await;
    for (what, lines) in [
        ("space before the colon", "content-length : N\r\n"),
        ("space before a name", " content-length: N\r\n"),
        ("tab before a name", "\tcontent-length: N\r\n"),
        ("bare LF", "content-length: N\n"),
        ("bare LF in a name", "x\ncontent-length: N\r\n"),
        (
            "bare CR",
            "x: y\rcontent-length: 0\r\ncontent-length: N\r\n",
        ),
        ("NUL", "x: \0\r\ncontent-length: N\r\n"),
        ("no colon", "x\r\ncontent-length: N\r\n"),
        ("no name", ": x\r\ncontent-length: N\r\n"),
    ] {
        refused_with(&live, what, lines, false).await;
    }
    let (call, body) = live.call("greet", Some(&live.token()));
    let lines = call.replace("\r\n", "\n");
    refused(&live, "bare LF everywhere", &format!("{lines}{body}")).await;
    live.control("E18").await;
}

#[tokio::test]
async fn e18_chunks_that_two_parsers_read_in_two_ways_are_400_and_close() {
    let live = Live::new().await;
    let (call, body) = live.call("greet", Some(&live.token()));
    let at = call.find("content-length").unwrap();
    let head = format!("{}transfer-encoding: chunked\r\n\r\n", &call[..at]);
    let size = format!("{:x}", body.len());
    for (what, chunks) in [
        ("bare LF", format!("{size}\n{body}\n0\n\n")),
        (
            "bare LF in an extension",
            format!("{size};a\nb\r\n{body}\r\n0\r\n\r\n"),
        ),
        ("signed", format!("+{size}\r\n{body}\r\n0\r\n\r\n")),
        ("hexadecimal", format!("0x{size}\r\n{body}\r\n0\r\n\r\n")),
        ("longer than it says", format!("1\r\n{body}\r\n0\r\n\r\n")),
        (
            "too long a number",
            format!("00000000000000000{size}\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "a folded trailer",
            format!("{size}\r\n{body}\r\n0\r\nx: y\r\n z\r\n\r\n"),
        ),
        (
            "bare LF in a trailer",
            format!("{size}\r\n{body}\r\n0\r\nx: y\n\r\n"),
        ),
    ] {
        refused(&live, what, &format!("{head}{chunks}")).await;
    }
    // What has one meaning is read: sizes in any case, extensions, trailers.
    for chunks in [
        format!("{size}\r\n{body}\r\n0\r\n\r\n"),
        format!("0{};a=\"b\"\r\n{body}\r\n0\r\n\r\n", size.to_uppercase()),
        format!("{size}\r\n{body}\r\n0\r\nx: y\r\n\r\n"),
    ] {
        let mut socket = live.connect().await;
        for _ in 0..2 {
            socket
                .write_all(format!("{head}{chunks}").as_bytes())
                .await
                .unwrap();
            let answer = one_answer(&mut socket).await;
            assert_eq!(statuses(&answer), [200], "{chunks}: {answer}");
        }
    }
    live.control("E18").await;
}

#[tokio::test]
async fn e18_the_body_of_a_refused_request_is_never_read_as_a_request() {
    let live = Live::new().await;
    let good = live.token();
    let (inner, inner_body) = live.call("greet", Some(&good));
    let smuggled = format!("{inner}{inner_body}");
    let (call, _) = live.call("greet", Some(&good));
    let at = call.find("content-length").unwrap();
    let lines = &call[..at];
    let without_token = lines.replace(&good, "x.y.z");
    for (status, lines) in [
        (401, without_token.as_str()),
        (401, &lines.replace("authorization", "x-authorization")),
        (403, &format!("{lines}origin: https://evil.example\r\n")),
        (403, &lines.replace("localhost", "evil.example")),
        (400, &format!("{lines}host: localhost\r\n")),
        (404, &lines.replace("/mcp ", "/other ")),
        (405, &lines.replace("POST", "PUT")),
        (406, &lines.replace("accept", "x-accept")),
        (
            415,
            &lines.replace("application/json\r\n", "text/plain\r\n"),
        ),
        (200, &lines.replace("POST /mcp", "GET /healthz")),
    ] {
        // The whole body comes: it is passed over, or the connection closes.
        let whole = format!(
            "{lines}content-length: {}\r\n\r\n{smuggled}",
            smuggled.len()
        );
        let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let (said, _) = exchange(&live, format!("{whole}{next}").as_bytes()).await;
        let seen = statuses(&said);
        assert!(
            seen == [status] || seen == [status, 200] && said.ends_with("\r\n\r\nok\n"),
            "{status}: {said}"
        );
        // Most of the body is still to come.
        let part = format!("{lines}content-length: 100000\r\n\r\n{smuggled}{next}");
        let mut socket = live.connect().await;
        socket.write_all(part.as_bytes()).await.unwrap();
        let (said, _) = until_closed(&mut socket).await;
        assert_eq!(statuses(&said), [status], "{said}");
        // In chunks.
        let size = smuggled.len() + 1000;
        let part = format!("{lines}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{smuggled}{next}");
        let (said, _) = exchange(&live, part.as_bytes()).await;
        assert_eq!(statuses(&said), [status], "{said}");
    }
    assert_eq!(live.runs.count(), 0, "no smuggled request has run");
    live.control("E18").await;
}

#[tokio::test(start_paused = true)]
async fn e18_e12_a_body_over_the_cap_is_413_once_and_nothing_of_it_is_a_request() {
    let live = Live::new().await;
    let (inner, inner_body) = live.call("greet", Some(&live.token()));
    let smuggled = format!("{inner}{inner_body}");
    let (call, _) = live.call("greet", Some(&live.token()));
    let at = call.find("content-length").unwrap();
    let body = smuggled.repeat(1024 * 1024 / smuggled.len() + 1);
    assert!(body.len() > 1024 * 1024);
    let sized = format!(
        "{}content-length: {}\r\n\r\n{body}",
        &call[..at],
        body.len()
    );
    let chunked = format!(
        "{}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        &call[..at],
        body.len()
    );
    for bytes in [sized, chunked] {
        let (said, _) = exchange(&live, bytes.as_bytes()).await;
        assert_eq!(statuses(&said), [413], "{said}");
    }
    assert_eq!(live.runs.count(), 0);
    live.control("E12").await;
}

#[tokio::test]
async fn e18_a_client_that_asks_before_it_sends_a_body_is_refused_before_it_sends() {
    let live = Live::new().await;
    let token = live.token();
    for (token, first) in [
        (None, 401),
        (Some("x.y.z"), 401),
        (Some(token.as_str()), 100),
    ] {
        let (head, body) = live.call("greet", token);
        let head = head.replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
        let mut socket = live.connect().await;
        socket.write_all(head.as_bytes()).await.unwrap();
        if first == 100 {
            assert_eq!(statuses(&one_answer(&mut socket).await), [100]);
            socket.write_all(body.as_bytes()).await.unwrap();
            assert_eq!(statuses(&one_answer(&mut socket).await), [200]);
        } else {
            // Nobody waits for the body: the answer is there, and the connection ends.
            let (said, _) = until_closed(&mut socket).await;
            assert_eq!(statuses(&said), [401], "{said}");
        }
    }
    assert_eq!(live.runs.count(), 1);
}

#[tokio::test]
async fn e18_heads_that_are_too_long_are_431_and_close() {
    let live = Live::new().await;
    let (call, body) = live.call("greet", Some(&live.token()));
    for (what, lines, status) in [
        ("10,000 fields", "a: b\r\n".repeat(10_000), 431),
        ("101 fields", "a: b\r\n".repeat(101), 431),
        (
            "one long field",
            format!("a: {}\r\n", "b".repeat(70_000)),
            431,
        ),
        ("a long name", format!("{}: b\r\n", "a".repeat(70_000)), 431),
    ] {
        let head = call.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
        let (said, _) = exchange(&live, format!("{head}{body}").as_bytes()).await;
        assert_eq!(statuses(&said), [status], "{what}");
        live.control(what).await;
    }
    let target = call.replace("/mcp", &format!("/mcp?{}", "a".repeat(70_000)));
    let (said, _) = exchange(&live, target.as_bytes()).await;
    assert!(matches!(statuses(&said)[..], [414 | 431]), "{said}");
    assert_eq!(live.runs.count(), 4, "only the control requests have run");
}

#[tokio::test]
async fn e18_heads_that_http_2_must_not_carry_reach_no_handler() {
    let live = Live::new().await;
    let token = format!("Bearer {}", live.token());
    let base = pseudo("POST", "/mcp");
    let length = "5";
    for (what, change) in [
        ("upper case", vec![("Content-Type", "application/json")]),
        ("connection", vec![("connection", "close")]),
        ("TE", vec![("transfer-encoding", "chunked")]),
        ("te", vec![("te", "gzip")]),
        ("a second path", vec![(":path", "/healthz")]),
        ("an unknown pseudo field", vec![(":x", "y")]),
        ("a late pseudo field", vec![("x", "y"), (":path", "/mcp")]),
        ("LF in a value", vec![("x", "y\nz: w")]),
        ("a wrong length", vec![("content-length", length)]),
        (
            "two lengths",
            vec![("content-length", "0"), ("content-length", length)],
        ),
    ] {
        let mut fields = base.clone();
        fields.extend(change);
        fields.push(("authorization", &token));
        let mut frames = live.frames(&Frame::new(kind::SETTINGS, 0, 0, [])).await;
        frames.send(&Frame::head(1, 0, &fields)).await;
        let data = Frame::new(kind::DATA, frames::END_STREAM, 1, "{}");
        frames.send(&data).await;
        let mut answer = within(frames.next()).await;
        while answer.as_ref().is_some_and(|frame| {
            !matches!(frame.kind, kind::RST_STREAM | kind::GOAWAY | kind::HEADERS)
        }) {
            answer = within(frames.next()).await;
        }
        let is_refused = answer.as_ref().is_none_or(|frame| {
            frame.error_code().is_some() || frame.status().is_some_and(|status| status >= 400)
        });
        assert!(is_refused, "{what}: {answer:?}");
        live.control(what).await;
    }
    assert_eq!(live.runs.count(), 10, "only the control requests have run");
}

#[tokio::test]
async fn e5_e18_the_authority_of_http_2_and_the_host_are_both_judged() {
    let live = Live::new().await;
    let token = format!("Bearer {}", live.token());
    for (authority, host, status) in [
        (Some("evil.example"), None, 403),
        (Some("localhost"), Some("evil.example"), 403),
        (Some("evil.example"), Some("localhost"), 403),
        (Some("user@localhost"), None, 403),
        (None, None, 400),
        (Some("localhost"), Some("localhost"), 405),
        (None, Some("localhost"), 405),
    ] {
        let mut fields = vec![(":method", "PUT"), (":scheme", "http"), (":path", "/mcp")];
        fields.extend(authority.map(|authority| (":authority", authority)));
        fields.push(("authorization", token.as_str()));
        fields.extend(host.map(|host| ("host", host)));
        let mut frames = live.frames(&Frame::new(kind::SETTINGS, 0, 0, [])).await;
        frames
            .send(&Frame::head(1, frames::END_STREAM, &fields))
            .await;
        let answer = within(frames.next_of(kind::HEADERS)).await;
        let seen = answer.and_then(|head| head.status());
        assert_eq!(seen, Some(status), "{authority:?} {host:?}");
    }
}
