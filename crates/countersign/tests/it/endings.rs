//! How connections end: clients that go away, clients that stop reading, and the
//! stop of the server.

use std::time::Duration;

use countersign::{Notifier, Sessions};
use serde_json::json;
use testkit::LegacyClient;
use testkit::frames::{self, Frame, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::live::{BOUND, Live, one_answer, pseudo, statuses, until_closed, within};

/// A connection on which this call has started.
async fn started(live: &Live, tool: &str) -> TcpStream {
    let (head, body) = live.call(tool, Some(&live.token()));
    let mut socket = live.connect().await;
    let call = format!("{head}{body}");
    socket.write_all(call.as_bytes()).await.unwrap();
    live.held.started().await;
    socket
}

#[tokio::test]
async fn e50_tr_16_a_client_that_goes_away_ends_its_call_over_http_1() {
    let live = Live::new().await;
    for round in 0..200 {
        let mut socket = started(&live, "holds").await;
        if round % 2 == 0 {
            // It has nothing more to say, and will not hear the answer.
            socket.shutdown().await.unwrap();
            live.held.dropped().await;
        } else {
            drop(socket);
            live.held.dropped().await;
        }
    }
    assert_eq!(live.held.running(), 0);
    live.control("E50").await;
}

#[tokio::test]
async fn e50_tr_16_a_client_that_goes_away_ends_its_calls_over_http_2() {
    let live = Live::new().await;
    let token = live.token();
    let settings = Frame::new(kind::SETTINGS, 0, 0, []);
    for _ in 0..10 {
        let mut frames = live.frames(&settings).await;
        for stream in (1..40).step_by(2) {
            let call = live.call_frames(stream, "holds", Some(&token));
            assert!(frames.bytes(&call).await);
            live.held.started().await;
        }
        drop(frames);
        for _ in 0..20 {
            live.held.dropped().await;
        }
    }
    assert_eq!(live.held.running(), 0);
    live.control("E50").await;
}

#[tokio::test]
async fn e50_a_client_that_closes_a_stream_of_events_ends_its_call() {
    let live = Live::new().await;
    for _ in 0..5 {
        let mut socket = started(&live, "tells").await;
        let mut buffer = [0; 1000];
        within(socket.read_exact(&mut buffer)).await.unwrap();
        assert!(buffer.starts_with(b"HTTP/1.1 200"));
        drop(socket);
        live.held.dropped().await;
    }
    live.control("E50").await;
}

#[tokio::test(start_paused = true)]
async fn e20_a_client_that_stops_reading_a_stream_is_dropped_and_costs_a_bounded_amount() {
    let live = Live::new().await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(started(&live, "tells").await);
    }
    let before = Instant::now();
    for _ in &sockets {
        live.held.dropped().await;
    }
    assert!(before.elapsed() <= BOUND, "{:?}", before.elapsed());
    // What the kernel takes for two sockets, and nothing to speak of beside it.
    let told = live.told.count();
    assert!(told * 1000 < 2 * 16 * 1024 * 1024, "{told} events of 1 kB");
    live.control("E20").await;
}

#[tokio::test(start_paused = true)]
async fn e20_a_client_that_reads_slowly_but_reads_is_not_dropped() {
    let live = Live::new().await;
    let (head, body) = live.call("long", Some(&live.token()));
    let mut socket = live.connect().await;
    let call = format!(
        "{}connection: close\r\n\r\n{body}",
        head.trim_end_matches("\r\n").to_owned() + "\r\n"
    );
    let mut bytes = 0;
    socket.write_all(call.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = within(socket.read(&mut buffer)).await {
        bytes += length;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(bytes > 700 * 1024, "{bytes}");
}

#[tokio::test(start_paused = true)]
async fn the_stop_lets_a_call_end_and_closes_the_rest() {
    let live = Live::new().await;
    let address = live.running.address();
    let mut at_work = started(&live, "holds").await;
    let token = live.token();
    let settings = Frame::new(kind::SETTINGS, 0, 0, []);
    let mut frames = live.frames(&settings).await;
    let call = live.call_frames(1, "holds", Some(&token));
    assert!(frames.bytes(&call).await);
    live.held.started().await;
    let mut idle = live.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(statuses(&one_answer(&mut idle).await), [200]);
    let silent = live.connect().await;
    let (held, running) = (live.held.clone(), live.running);
    let before = Instant::now();
    let stopping = tokio::spawn(running.stop());
    for mut socket in [idle, silent] {
        let (said, after) = until_closed(&mut socket).await;
        assert_eq!((said.as_str(), after.as_secs()), ("", 0));
    }
    assert!(TcpStream::connect(address).await.is_err(), "it listens on");
    // The clients at work may take their time, but get no second request in.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!stopping.is_finished());
    held.release();
    held.release();
    let answer = one_answer(&mut at_work).await;
    assert_eq!(statuses(&answer), [200], "{answer}");
    assert!(answer.contains("held"), "{answer}");
    let goaway = within(frames.next_of(kind::GOAWAY)).await.unwrap();
    assert_eq!(goaway.error_code(), Some(0));
    let data = within(frames.next_of(kind::DATA)).await.unwrap();
    assert!(String::from_utf8_lossy(&data.payload).contains("held"));
    drop((at_work, frames));
    within(stopping).await.unwrap();
    assert!(
        before.elapsed() < Duration::from_secs(8),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_stop_cuts_off_what_does_not_end_in_time() {
    let live = Live::with(|http| http.shutdown_timeout(Duration::from_secs(3))).await;
    let mut held = started(&live, "holds").await;
    let mut told = started(&live, "tells").await;
    let settings = Frame::new(kind::SETTINGS, 0, 0, []);
    let mut frames = live.frames(&settings).await;
    let call = live.call_frames(1, "holds", Some(&live.token()));
    assert!(frames.bytes(&call).await);
    live.held.started().await;
    let before = Instant::now();
    within(live.running.stop()).await;
    assert!(
        before.elapsed() <= Duration::from_secs(4),
        "{:?}",
        before.elapsed()
    );
    for _ in 0..3 {
        live.held.dropped().await;
    }
    let (said, _) = until_closed(&mut held).await;
    assert_eq!(said, "");
    let (said, _) = until_closed(&mut told).await;
    assert_eq!(statuses(&said), [200]);
    within(frames.until_closed()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_stays_open_and_ends_with_the_server() {
    let notifier = Notifier::new();
    let live = Live::serving(
        |server| server.sessions(Sessions::Always).notifier(&notifier),
        |http| http,
    )
    .await;
    let http = testkit::Http::socket(&live.running.address().to_string());
    let mut legacy = LegacyClient::new(http, "/mcp").bearer(&live.token());
    legacy.initialize().await;
    let of_session = legacy.listen().send().await;
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let client = live.client();
    let subscribed = client.send("subscriptions/listen", filter).await;
    let mut streams = Vec::new();
    for mut stream in [of_session, subscribed] {
        assert_eq!(stream.status(), 200);
        // A token lives for five minutes in these tests, by a clock that stands still.
        streams.push(tokio::spawn(async move { drop(stream.bytes().await) }));
    }
    tokio::time::sleep(Duration::from_secs(240)).await;
    assert!(streams.iter().all(|stream| !stream.is_finished()));
    let before = Instant::now();
    within(live.running.stop()).await;
    for stream in streams {
        within(stream).await.unwrap();
    }
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_is_dropped_stops_at_once() {
    let live = Live::new().await;
    let address = live.running.address();
    let mut socket = started(&live, "holds").await;
    let (held, running) = (live.held, live.running);
    drop(running);
    held.dropped().await;
    let (said, _) = until_closed(&mut socket).await;
    assert_eq!(said, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_token_sent_over_a_socket_is_not_logged_at_any_level() {
    let (log, _guard) = testkit::CaptureLog::start();
    let live = Live::new().await;
    let token = live.token();
    live.control("a token").await;
    let bearer = format!("Bearer {token}");
    let mut fields = pseudo("POST", "/mcp");
    fields.push(("authorization", &bearer));
    let settings = Frame::new(kind::SETTINGS, 0, 0, []);
    let mut frames = live.frames(&settings).await;
    frames
        .send(&Frame::head(1, frames::END_STREAM, &fields))
        .await;
    let head = within(frames.next_of(kind::HEADERS)).await.unwrap();
    assert_eq!(head.status(), Some(415));
    assert!(log.text().contains("h2"), "the library below logs too");
    log.assert_absent(&token);
    let signature = token.rsplit('.').next().unwrap();
    log.assert_absent(signature);
}
