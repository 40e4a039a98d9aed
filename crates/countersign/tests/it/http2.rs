//! HTTP/2 as an attacker speaks it (row E19 of the attack corpus). After each
//! attack the connection is closed, and other clients do not notice.

use std::time::Duration;

use testkit::frames::{self, END_HEADERS, END_STREAM, Frame, Frames, kind};
use testkit::raw;
use tokio::time::Instant;

use crate::live::{BOUND, Live, pseudo, within};

/// `ENHANCE_YOUR_CALM` (RFC 9113 §7).
const CALM: u32 = 11;

fn no_settings() -> Frame {
    Frame::new(kind::SETTINGS, 0, 0, [])
}

/// A window in which nothing can be answered but heads.
fn no_window() -> Frame {
    Frame::setting(frames::INITIAL_WINDOW_SIZE, 0)
}

/// Sends `bytes` until the server closes, at most `rounds` times, and reads all it says.
async fn flood(frames: &mut Frames, bytes: &[u8], rounds: usize) -> Option<u32> {
    for _ in 0..rounds {
        if !within(frames.bytes(bytes)).await {
            break;
        }
    }
    within(frames.until_closed()).await
}

fn get(stream: u32) -> Frame {
    Frame::head(stream, END_STREAM, &pseudo("GET", "/mcp"))
}

#[tokio::test(start_paused = true)]
async fn e19_rapid_reset_is_told_to_calm_down() {
    let live = Live::new().await;
    let mut frames = live.frames(&no_settings()).await;
    let mut bytes = Vec::new();
    for stream in (1..20_000).step_by(2) {
        bytes.extend(get(stream).encode());
        let reset = Frame::new(kind::RST_STREAM, 0, stream, 8_u32.to_be_bytes());
        bytes.extend(reset.encode());
    }
    let before = Instant::now();
    assert_eq!(flood(&mut frames, &bytes, 1).await, Some(CALM));
    assert!(before.elapsed() <= BOUND);
    live.control("E19 rapid reset").await;
}

#[tokio::test(start_paused = true)]
async fn e19_rapid_reset_of_calls_that_run_leaves_none_behind() {
    let live = Live::new().await;
    let token = live.token();
    let mut frames = live.frames(&no_settings()).await;
    for stream in (1..400).step_by(2) {
        let call = live.call_frames(stream, "holds", Some(&token));
        assert!(frames.bytes(&call).await);
        live.held.started().await;
        let reset = Frame::new(kind::RST_STREAM, 0, stream, 8_u32.to_be_bytes());
        assert!(frames.send(&reset).await);
        live.held.dropped().await;
    }
    assert_eq!(live.held.running(), 0);
    live.control("E19 slow reset").await;
}

#[tokio::test(start_paused = true)]
async fn e19_floods_of_small_frames_close_the_connection() {
    let live = Live::new().await;
    let token = format!("Bearer {}", live.token());
    let mut fields = pseudo("POST", "/mcp");
    fields.extend([
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ]);
    let open = Frame::head(1, 0, &fields).encode();
    let half = Frame::new(
        kind::HEADERS,
        END_STREAM,
        1,
        frames::field_block(&pseudo("GET", "/mcp")),
    )
    .encode();
    let more = frames::field_block(&[("x", "y")]);
    let continued = Frame::new(kind::CONTINUATION, 0, 1, more).encode();
    let nothing = Frame::new(kind::CONTINUATION, 0, 1, []).encode();
    let no_data = Frame::new(kind::DATA, 0, 1, []).encode();
    let little_data = Frame::new(kind::DATA, 0, 1, " ").encode();
    let padding = Frame::new(kind::DATA, 8, 1, [1, 0]).encode();
    for (what, first, then) in [
        ("CONTINUATION", &half, continued),
        ("empty CONTINUATION", &half, nothing),
        ("empty DATA", &open, no_data),
        ("one byte in each DATA", &open, little_data),
        ("padding alone", &open, padding),
    ] {
        let mut frames = live.frames(&no_settings()).await;
        assert!(frames.bytes(first).await);
        let before = Instant::now();
        let code = flood(&mut frames, &then.repeat(1000), 100).await;
        assert!(before.elapsed() <= BOUND, "{what}: {:?}", before.elapsed());
        assert!(code.is_none_or(|code| code != 0), "{what}: {code:?}");
        live.control(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e19_frames_that_want_an_answer_are_not_collected_for_a_client_that_does_not_read() {
    let live = Live::new().await;
    let ping = Frame::new(kind::PING, 0, 0, [0; 8]).encode();
    let settings = no_settings().encode();
    for (what, bytes) in [("PING", ping), ("SETTINGS", settings)] {
        let socket = raw::connect_narrow(live.running.address()).await;
        let mut frames = Frames::over(socket, &no_settings()).await;
        let bytes = bytes.repeat(1000);
        let before = Instant::now();
        // Nothing is read: the server stops reading as well, and then gives up.
        let mut sent = 0;
        while within(frames.bytes(&bytes)).await {
            sent += bytes.len();
            assert!(sent < 64 * 1024 * 1024, "{what}: it takes any amount");
        }
        assert!(before.elapsed() <= BOUND, "{what}: {:?}", before.elapsed());
        live.control(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e19_pings_do_not_keep_a_connection_without_requests_open() {
    let live = Live::new().await;
    let mut frames = live.frames(&no_settings()).await;
    let ping = Frame::new(kind::PING, 0, 0, [0; 8]);
    let before = Instant::now();
    while frames.send(&ping).await {
        assert!(before.elapsed() <= BOUND, "{:?}", before.elapsed());
        let window = Frame::new(kind::WINDOW_UPDATE, 0, 0, 1_u32.to_be_bytes());
        frames.send(&window).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e19_a_client_that_opens_no_window_for_its_answers_is_gone_in_time() {
    let live = Live::new().await;
    let token = live.token();
    for (what, window, tool) in [
        ("no window", 0, "greet"),
        ("one byte", 1, "greet"),
        ("one byte of a long answer", 1, "long"),
        ("a third of a long answer", 200_000, "long"),
        ("events", 60_000, "tells"),
    ] {
        let settings = Frame::setting(frames::INITIAL_WINDOW_SIZE, window);
        let mut frames = live.frames(&settings).await;
        let call = live.call_frames(1, tool, Some(&token));
        assert!(frames.bytes(&call).await, "{what}");
        let head = within(frames.next_of(kind::HEADERS)).await;
        assert_eq!(head.and_then(|head| head.status()), Some(200), "{what}");
        let before = Instant::now();
        // PINGs are answered meanwhile: only the answer is left where it is.
        within(frames.until_closed()).await;
        assert!(before.elapsed() <= BOUND, "{what}: {:?}", before.elapsed());
        if tool == "tells" {
            live.held.dropped().await;
            assert!(live.told.count() < 10_000, "{}", live.told.count());
        }
        live.control(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e19_a_stalled_answer_ends_the_connection_though_other_streams_go_on() {
    let live = Live::new().await;
    let mut frames = live.frames(&no_window()).await;
    assert!(
        frames
            .bytes(&live.call_frames(1, "greet", Some(&live.token())))
            .await
    );
    let before = Instant::now();
    for stream in (3..).step_by(2) {
        if !frames.send(&get(stream)).await {
            break;
        }
        let window = Frame::new(kind::WINDOW_UPDATE, 0, stream, 1000_u32.to_be_bytes());
        frames.send(&window).await;
        assert!(before.elapsed() <= BOUND, "{:?}", before.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e19_ten_thousand_streams_are_refused_and_then_the_connection_is() {
    let live = Live::new().await;
    let mut frames = live.frames(&no_window()).await;
    let mut bytes = Vec::new();
    for stream in (1..20_000).step_by(2) {
        bytes.extend(get(stream).encode());
    }
    let before = Instant::now();
    assert_eq!(flood(&mut frames, &bytes, 1).await, Some(CALM));
    assert!(before.elapsed() <= BOUND);
    live.control("E19 streams").await;
}

#[tokio::test(start_paused = true)]
async fn e19_no_connection_has_more_calls_than_it_was_allowed() {
    let live = Live::new().await;
    let token = live.token();
    let mut frames = live.frames(&no_settings()).await;
    let mut refused = 0;
    for stream in (1..400).step_by(2) {
        assert!(
            frames
                .bytes(&live.call_frames(stream, "holds", Some(&token)))
                .await
        );
    }
    for _ in 0..128 {
        live.held.started().await;
    }
    while refused < 200 - 128 {
        let reset = within(frames.next_of(kind::RST_STREAM)).await.unwrap();
        // REFUSED_STREAM: nothing was done, and the client may try again. Its DATA
        // came too late for that: STREAM_CLOSED.
        match reset.error_code() {
            Some(7) => refused += 1,
            code => assert_eq!(code, Some(5)),
        }
    }
    drop(frames);
    for _ in 0..128 {
        live.held.dropped().await;
    }
    live.control("E19 calls").await;
}

#[tokio::test(start_paused = true)]
async fn e19_heads_that_grow_when_they_are_decoded_are_refused() {
    let live = Live::new().await;
    let many: Vec<_> = [("a", "b")].repeat(10_000);
    let long = "x".repeat(60_000);
    // RFC 7541 §6.2.1 puts 4,000 bytes into the table, §6.1 names them again: index 62.
    let value = "x".repeat(4000);
    let entry = frames::field_block(&[("a", &value)]);
    let bomb = [&[0x40][..], &entry[1..], &[0xbe; 10_000]].concat();
    let huge = frames::field_block(&[("x", &long), ("y", &long)]);
    for (what, block) in [
        ("10,000 fields", frames::field_block(&many)),
        ("two long fields", huge),
        ("a bomb", bomb),
    ] {
        let mut frames = live.frames(&no_settings()).await;
        let mut whole = frames::field_block(&pseudo("GET", "/mcp"));
        whole.extend(block);
        let mut pieces = whole.chunks(16_000).peekable();
        let mut kind_of_piece = kind::HEADERS;
        let mut flags = END_STREAM;
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= END_HEADERS;
            }
            frames
                .send(&Frame::new(kind_of_piece, flags, 1, piece))
                .await;
            (kind_of_piece, flags) = (kind::CONTINUATION, 0);
        }
        let before = Instant::now();
        let mut status = None;
        while let Some(frame) = within(frames.next()).await {
            status = status.or(frame.status());
            frames.acknowledge(&frame).await;
        }
        assert!(before.elapsed() <= BOUND, "{what}");
        assert!(
            status.is_none_or(|status| status == 431),
            "{what}: {status:?}"
        );
        live.control(what).await;
    }
}
