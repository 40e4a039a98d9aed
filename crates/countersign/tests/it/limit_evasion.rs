//! Ways around a limit that need a real connection, or a proxy: rows G3, G4 and G14.

use std::collections::HashMap;
use std::net::IpAddr;

use countersign::{App, Http, Limits, Quota, Server, tool};
use serde_json::json;
use testkit::ModernClient;
use testkit::frames::{self, END_STREAM, Frame, kind};

use crate::live::{Live, pseudo, within};

/// Does nothing.
#[tool]
async fn quick() -> &'static str {
    "quick"
}

/// How many answers there are of each status, to these requests of one connection that
/// are all sent before anything is read.
async fn at_once(live: &Live, requests: &[Vec<u8>]) -> HashMap<u16, usize> {
    let settings = Frame::setting(frames::HEADER_TABLE_SIZE, 0);
    let mut frames = live.frames(&settings).await;
    assert!(frames.bytes(&requests.concat()).await);
    let mut statuses = HashMap::new();
    for _ in requests {
        let head = within(frames.next_of(kind::HEADERS)).await.unwrap();
        *statuses.entry(head.status().unwrap()).or_default() += 1;
    }
    statuses
}

fn calls(live: &Live, count: u32) -> Vec<Vec<u8>> {
    let token = live.token();
    let stream = |number: u32| live.call_frames(2 * number + 1, "greet", Some(&token));
    (0..count).map(stream).collect()
}

async fn limited(limits: Limits) -> Live {
    Live::serving(|server| server.limits(limits), |http| http).await
}

#[tokio::test]
async fn g14_streams_of_one_connection_share_one_budget_over_http_2() {
    let live = limited(Limits::none().per_user(Quota::per_day(10))).await;
    let answered = at_once(&live, &calls(&live, 40)).await;
    assert_eq!(answered, HashMap::from([(200, 10), (429, 30)]));
    assert_eq!(live.runs.count(), 10);
    // Nor has another connection one of its own, whichever HTTP it speaks.
    let again = at_once(&live, &calls(&live, 5)).await;
    assert_eq!(again, HashMap::from([(429, 5)]));
    let call = json!({ "name": "greet", "arguments": { "name": "World" } });
    let over_http_1 = live.client().send("tools/call", call).await;
    assert_eq!(over_http_1.status(), 429);
    assert_eq!(live.runs.count(), 10);
}

#[tokio::test]
async fn g14_no_spelling_and_no_method_has_another_budget_over_http_2() {
    let live = limited(Limits::none().per_user(Quota::per_day(3))).await;
    at_once(&live, &calls(&live, 3)).await;
    let token = format!("Bearer {}", live.token());
    for (method, path, expected) in [
        ("POST", "/mcp", 429),
        ("POST", "/mcp?x", 429),
        ("POST", "/mcp/", 404),
        ("POST", "//mcp", 404),
        ("POST", "/MCP", 404),
        ("POST", "/%6dcp", 404),
        ("HEAD", "/mcp", 405),
    ] {
        let mut fields = pseudo(method, path);
        fields.extend([
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ]);
        let request = match method {
            "POST" => {
                let head = Frame::head(1, 0, &fields).encode();
                let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
                [head, Frame::new(kind::DATA, END_STREAM, 1, body).encode()].concat()
            }
            _ => Frame::head(1, END_STREAM, &fields).encode(),
        };
        let answered = at_once(&live, &[request]).await;
        assert_eq!(answered, HashMap::from([(expected, 1)]), "{method} {path}");
    }
    assert_eq!(live.runs.count(), 3);
}

#[tokio::test]
async fn g14_an_address_has_one_budget_however_many_streams_it_opens_over_http_2() {
    let live = limited(Limits::none().per_address(Quota::per_day(10))).await;
    let answered = at_once(&live, &calls(&live, 40)).await;
    assert_eq!(answered, HashMap::from([(200, 10), (429, 30)]));
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    let get = |number: u32| Frame::head(2 * number + 1, END_STREAM, &pseudo("GET", metadata));
    let gets: Vec<_> = (0..5).map(|number| get(number).encode()).collect();
    assert_eq!(at_once(&live, &gets).await, HashMap::from([(429, 5)]));
}

/// A server of which one address may ask for five things a day, behind a proxy.
fn behind_a_proxy() -> App {
    let server = Server::new("s").tool(quick).danger_without_authentication();
    let limits = Limits::none().per_address(Quota::per_day(5));
    let http = Http::bind("127.0.0.1:8000").trusted_proxy("10.0.0.0/8");
    server.limits(limits).into_app(&http).unwrap()
}

/// The status of a call that the proxy passes on with these lines.
async fn passed_on(app: &App, lines: &[(&str, &str)]) -> u16 {
    let (app, proxy) = (app.clone(), "10.0.0.1".parse::<IpAddr>().unwrap());
    let http = testkit::Http::function(move |request| {
        let app = app.clone();
        async move { app.respond(request, Some(proxy)).await }
    });
    let call = json!({ "name": "quick", "arguments": {} });
    let request = ModernClient::new(http, "/mcp").mcp("tools/call", call);
    let request = lines
        .iter()
        .fold(request, |request, (name, value)| request.also(name, value));
    request.send().await.status()
}

/// The headers of a request by its number.
type Made = fn(usize) -> Vec<(&'static str, String)>;

#[tokio::test(start_paused = true)]
async fn g3_headers_that_come_twice_or_say_something_else_make_no_other_address() {
    let forwarded = "x-forwarded-for";
    // Each makes the address of every request look new, and leads to one.
    let made: [(&str, Made); 7] = [
        ("doubled, the last is the one of the proxy", |number| {
            let spoof = ("x-forwarded-for", format!("1.2.3.{number}"));
            vec![spoof, ("x-forwarded-for", "203.0.113.1".to_owned())]
        }),
        ("a chain in two lines", |number| {
            let spoof = ("x-forwarded-for", format!("9.9.9.9, 1.2.3.{number}"));
            vec![spoof, ("x-forwarded-for", " 203.0.113.1 ".to_owned())]
        }),
        ("Forwarded", |number| {
            let spoof = ("forwarded", format!("for=1.2.3.{number}"));
            vec![spoof, ("x-forwarded-for", "203.0.113.1".to_owned())]
        }),
        ("others that say the address", |number| {
            let mut lines: Vec<_> = ["x-real-ip", "cf-connecting-ip", "true-client-ip"]
                .map(|name| (name, format!("1.2.3.{number}")))
                .into();
            lines.push(("x-forwarded-for", "203.0.113.1".to_owned()));
            lines
        }),
        ("junk", |number| {
            vec![("x-forwarded-for", format!("1.2.3.{number}:80"))]
        }),
        ("junk before the address of a stranger", |number| {
            vec![("x-forwarded-for", format!("1.2.3.{number}, unknown"))]
        }),
        ("a zone", |number| {
            vec![("x-forwarded-for", format!("fe80::1%{number}"))]
        }),
    ];
    for (what, lines) in made {
        let app = behind_a_proxy();
        for number in 0..10 {
            let lines = lines(number);
            let lines: Vec<_> = lines
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let status = passed_on(&app, &lines).await;
            assert_eq!(
                status,
                if number < 5 { 200 } else { 429 },
                "{what} {number}"
            );
        }
        // Somebody else is served.
        let other = passed_on(&app, &[(forwarded, "198.51.100.1")]).await;
        assert_eq!(other, 200, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn g4_one_network_and_one_address_in_other_words_have_one_budget_behind_a_proxy() {
    let mut all: Vec<(&str, Vec<String>)> = vec![(
        "one /64",
        (0..10_000)
            .map(|n| format!("2001:db8:5:6::{n:x}"))
            .collect(),
    )];
    let words = |spellings: &[&str]| spellings.iter().map(|text| (*text).to_owned()).collect();
    all.push((
        "six spellings",
        words(&[
            "2001:db8:0:0:0:0:0:1",
            "2001:db8::1",
            "2001:0db8::0001",
            "2001:DB8::1",
            "2001:db8:0:0::1",
            "2001:db8::0.0.0.1",
        ]),
    ));
    all.push((
        "IPv4-mapped",
        words(&["203.0.113.9", "::ffff:203.0.113.9", "::FFFF:cb00:7109"]),
    ));
    all.push((
        "a zone is none",
        words(&["fe80::1%eth0", "fe80::1%1", "fe80::2%25en0"]),
    ));
    for (what, addresses) in all {
        let app = behind_a_proxy();
        let mut served = 0;
        for address in addresses.iter().cycle().take(addresses.len().max(60)) {
            match passed_on(&app, &[("x-forwarded-for", address)]).await {
                200 => served += 1,
                status => assert_eq!(status, 429, "{what} {address}"),
            }
        }
        assert_eq!(served, 5, "{what}");
    }
}
