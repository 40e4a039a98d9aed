//! Several requests on one connection, as bytes: rows C44 and C45.

use std::fmt::Write as _;

use countersign_authorization_server::AuthorizationServer;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::*;

/// One request after the other, without waiting for answers.
fn pipelined(requests: &[(&str, Option<&str>, &str)]) -> String {
    let mut bytes = String::new();
    let last = requests.len() - 1;
    for (number, (path, authorization, body)) in requests.iter().enumerate() {
        let header =
            authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
        let end = if number == last {
            "connection: close\r\n"
        } else {
            ""
        };
        write!(
            bytes,
            "POST {path} HTTP/1.1\r\nhost: as.test\r\n\
             content-type: application/x-www-form-urlencoded\r\n{header}{end}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    }
    bytes
}

/// The statuses of the answers to `requests` on one connection, in their order.
async fn statuses(
    server: &AuthorizationServer,
    requests: &[(&str, Option<&str>, &str)],
) -> Vec<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.clone();
    tokio::spawn(async move {
        let (stream, peer) = listener.accept().await.unwrap();
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer.ip());
            let server = server.clone();
            async move { Ok::<_, std::convert::Infallible>(server.respond(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let served = connection.serve_connection(TokioIo::new(stream), service);
        served.await.unwrap();
    });
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let bytes = pipelined(requests);
    let writing = tokio::spawn(async move {
        writer.write_all(bytes.as_bytes()).await.unwrap();
        writer
    });
    let mut answers = String::new();
    reader.read_to_string(&mut answers).await.unwrap();
    writing.await.unwrap();
    answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer[..3].parse().unwrap())
        .collect()
}

#[tokio::test]
async fn c44_on_one_connection_every_request_is_judged_by_its_own_header() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let (good, wrong) = (basic("S", SECRET), basic("S", "guess"));
    let mint = "grant_type=client_credentials";
    let question = format!("token={access}");
    let seen = statuses(
        &world.server,
        &[
            ("/token", Some(&good), mint),
            ("/token", None, mint),
            ("/token", Some(&wrong), mint),
            ("/introspect", None, &question),
            ("/introspect", Some(&good), &question),
            ("/introspect", Some(&basic("C3", SECRET)), &question),
            ("/token", Some(&good), mint),
        ],
    )
    .await;
    assert_eq!(seen, [200, 401, 401, 401, 200, 401, 200]);
}

#[tokio::test]
async fn c45_a_thousand_pipelined_refusals_are_each_short_and_soon_429() {
    let world = world().await;
    let guess = basic("S", "guess");
    let refused = [(
        "/token",
        Some(guess.as_str()),
        "grant_type=client_credentials",
    )];
    let seen = statuses(&world.server, &refused.repeat(1_000)).await;
    assert_eq!(seen.len(), 1_000);
    assert_eq!(seen.iter().filter(|status| **status == 401).count(), 20);
    assert!(seen[20..].iter().all(|status| *status == 429));
    // The next connection is none the worse for it.
    let good = basic("S", SECRET);
    let asked = [(
        "/token",
        Some(good.as_str()),
        "grant_type=client_credentials",
    )];
    assert_eq!(statuses(&world.server, &asked).await, [200]);
}
