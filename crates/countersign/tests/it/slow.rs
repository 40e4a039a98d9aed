//! Clients that take their time (row E17 of the attack corpus), on a clock that
//! moves by itself when nothing else can happen.

use std::time::Duration;

use testkit::frames::{self, Frame, kind};
use testkit::raw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::live::{BOUND, Live, exchange, one_answer, pseudo, statuses, until_closed, within};

/// Sends one byte each second until the server closes; returns how long it stood that.
async fn drip(socket: &mut TcpStream, bytes: impl Iterator<Item = u8>) -> (String, Duration) {
    let before = Instant::now();
    let (mut reading, mut writing) = socket.split();
    let write = async {
        for byte in bytes {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reading.read(&mut buffer).await {
            said.extend(buffer.iter().take(length));
        }
    };
    tokio::select! {
        () = within(read) => {}
        () = write => {}
    }
    (
        String::from_utf8_lossy(&said).into_owned(),
        before.elapsed(),
    )
}

#[tokio::test(start_paused = true)]
async fn e17_a_client_that_sends_nothing_or_not_enough_is_gone_in_time() {
    let live = Live::new().await;
    let (head, _) = live.call("greet", Some(&live.token()));
    let settings = Frame::new(kind::SETTINGS, 0, 0, []).encode();
    let half_a_head = Frame::new(
        kind::HEADERS,
        frames::END_STREAM,
        1,
        frames::field_block(&pseudo("GET", "/healthz")),
    );
    let preface = frames::PREFACE;
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("one byte", b"G".to_vec()),
        ("an empty line", b"\r\n".to_vec()),
        ("half a head", head.as_bytes()[..head.len() / 2].to_vec()),
        (
            "a head but for its end",
            head.as_bytes()[..head.len() - 1].to_vec(),
        ),
        ("half a preface", preface[..12].to_vec()),
        ("a preface", preface.to_vec()),
        ("settings", [preface, &settings].concat()),
        (
            "half a field block",
            [preface, &settings, &half_a_head.encode()].concat(),
        ),
    ] {
        let (said, after) = exchange(&live, &bytes).await;
        assert!(after <= BOUND, "{what}: {after:?}");
        assert!(statuses(&said).is_empty(), "{what}: {said}");
        live.control(what).await;
    }
    assert_eq!(live.runs.count(), 9, "only the control requests have run");
}

#[tokio::test(start_paused = true)]
async fn e17_a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let live = Live::new().await;
    let (head, body) = live.call("greet", Some(&live.token()));
    let mut socket = live.connect().await;
    let (said, after) = drip(&mut socket, head.bytes().chain(body.bytes())).await;
    assert!(after <= BOUND, "{after:?}");
    assert_eq!(said, "");
    // Nor in HTTP/2, though the client answers every PING.
    let none = Frame::new(kind::SETTINGS, 0, 0, []);
    let mut frames = live.frames(&none).await;
    let before = Instant::now();
    within(frames.until_closed()).await;
    assert!(before.elapsed() <= BOUND, "{:?}", before.elapsed());
    assert_eq!(live.runs.count(), 0);
    live.control("E17 slow head").await;
}

#[tokio::test(start_paused = true)]
async fn e17_a_connection_that_idles_after_a_good_request_is_closed() {
    let live = Live::new().await;
    let (head, body) = live.call("greet", Some(&live.token()));
    let mut socket = live.connect().await;
    for _ in 0..3 {
        // Each request counts anew.
        tokio::time::sleep(Duration::from_secs(15)).await;
        socket
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
        assert_eq!(statuses(&one_answer(&mut socket).await), [200]);
    }
    let (said, after) = until_closed(&mut socket).await;
    assert!(after <= BOUND, "{after:?}");
    assert_eq!(said, "");
}

#[tokio::test(start_paused = true)]
async fn e17_a_body_that_does_not_come_in_time_is_408_and_the_connection_closes() {
    let live = Live::new().await;
    let token = live.issuer.token().scopes("read").sign();
    let (call, _) = live.call("greet", Some(&token));
    let sized = call.replace("content-length: ", "content-length: 9");
    let at = call.find("content-length").unwrap();
    let chunked = format!("{}transfer-encoding: chunked\r\n\r\n", &call[..at]);
    for (what, head, body) in [
        ("nothing", &sized, &b""[..]),
        ("bytes", &sized, b" "),
        ("no chunk", &chunked, b""),
        ("chunks", &chunked, b"1\r\n \r\n"),
        ("one chunk", &chunked, b"fffff\r\n"),
    ] {
        let mut socket = live.connect().await;
        socket.write_all(head.as_bytes()).await.unwrap();
        let (said, after) = drip(&mut socket, body.iter().copied().cycle()).await;
        assert!(after <= BOUND, "{what}: {after:?}");
        assert_eq!(statuses(&said), [408], "{what}");
        live.control(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e17_a_slow_body_of_a_route_is_not_waited_for_either() {
    let live = Live::new().await;
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n",
        live.token()
    );
    let mut socket = live.connect().await;
    let sized = format!("{head}content-length: 1000\r\n\r\n");
    socket.write_all(sized.as_bytes()).await.unwrap();
    let (said, after) = drip(&mut socket, std::iter::repeat(b'x')).await;
    assert!(after <= BOUND, "{after:?}");
    assert_eq!(statuses(&said), [400]);
    // And it is capped as the others are.
    let long = format!("{head}content-length: 1048577\r\n\r\n");
    let (said, _) = exchange(&live, long.as_bytes()).await;
    assert_eq!(statuses(&said), [413]);
    let piece = format!("80000\r\n{}\r\n", "x".repeat(0x80000));
    let long = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        piece.repeat(3)
    );
    let (said, _) = exchange(&live, long.as_bytes()).await;
    assert_eq!(statuses(&said), [413]);
    let good = format!("{head}content-length: 4\r\nconnection: close\r\n\r\nbody");
    let (said, _) = exchange(&live, good.as_bytes()).await;
    assert!(
        said.starts_with("HTTP/1.1 200") && said.ends_with("\r\n4"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn e17_idle_connections_make_room_for_a_client_with_a_request() {
    let live = Live::with(|http| http.max_connections(50)).await;
    // One that is at work, and stays.
    let (head, body) = live.call("holds", Some(&live.token()));
    let mut busy = live.connect().await;
    busy.write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    live.held.started().await;
    let before = Instant::now();
    let mut idle = Vec::new();
    for round in 0..200 {
        let mut socket = live.connect().await;
        socket.write_all(&b"GET /"[..round % 6]).await.unwrap();
        idle.push(socket);
        if round % 20 == 0 {
            live.control("E17 idle connections").await;
        }
    }
    live.control("E17 idle connections").await;
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "the good client did not wait for a timeout: {:?}",
        before.elapsed()
    );
    live.held.release();
    assert_eq!(statuses(&one_answer(&mut busy).await), [200]);
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_more_connections_wait_while_all_are_at_work() {
    let live = Live::with(|http| http.max_connections(2)).await;
    let (head, body) = live.call("holds", Some(&live.token()));
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut socket = live.connect().await;
        socket
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
        live.held.started().await;
        busy.push(socket);
    }
    let mut waiting = live.connect().await;
    waiting
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(60), waiting.read_u8()).await;
    assert!(answer.is_err(), "there is no place");
    live.held.release();
    // The one whose call has ended is idle now and leaves.
    assert_eq!(statuses(&one_answer(&mut waiting).await), [200]);
    live.held.release();
}

#[tokio::test(start_paused = true)]
async fn e17_the_bounds_are_those_that_the_server_was_given() {
    let live = Live::with(|http| {
        http.head_timeout(Duration::from_secs(2))
            .body_timeout(Duration::from_secs(5))
    })
    .await;
    let (said, after) = exchange(&live, b"").await;
    assert_eq!(said, "");
    assert_eq!(after.as_secs(), 2);
    let (head, _) = live.call("greet", Some(&live.token()));
    let (said, after) = exchange(&live, head.as_bytes()).await;
    assert_eq!(statuses(&said), [408]);
    assert_eq!(after.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn e17_answers_are_not_collected_for_a_client_that_asks_and_does_not_read() {
    let live = Live::new().await;
    for (what, request) in [
        (
            "no body",
            "GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "a short body",
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        ),
    ] {
        let mut socket = raw::connect_narrow(live.running.address()).await;
        let before = Instant::now();
        let requests = request.repeat(100);
        let mut sent = 0;
        while within(socket.write_all(requests.as_bytes())).await.is_ok() {
            sent += requests.len();
            assert!(sent < 64 * 1024 * 1024, "{what}: it takes any amount");
        }
        assert!(before.elapsed() <= BOUND, "{what}: {:?}", before.elapsed());
        live.control(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bounds_that_are_as_good_as_none_or_nothing_do_not_break_the_server() {
    let live = Live::with(|http| {
        http.head_timeout(Duration::MAX)
            .body_timeout(Duration::MAX)
            .stall_timeout(Duration::MAX)
            .request_timeout(Duration::MAX)
            .shutdown_timeout(Duration::MAX)
            .max_connections(0)
    })
    .await;
    let mut socket = live.connect().await;
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(statuses(&one_answer(&mut socket).await), [200]);
    drop(socket);
    live.control("no bounds").await;
    within(live.running.stop()).await;
}
