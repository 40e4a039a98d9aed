//! Rows D20 to D30 of the attack corpus at the fetcher.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use testkit::{FakeIssuerServer, ScriptedAnswer};
use tokio::time::Instant;

use super::address::tests::REFUSED;
use super::resolver::Lookup;
use super::{Fetch, FetchError, Fetcher};

/// Every name has these addresses; counts how often it is asked.
#[derive(Clone)]
pub(super) struct Names {
    addresses: Arc<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    pub(super) fn resolving_to(addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        Self {
            addresses: Arc::new(addresses.collect()),
            asked: Arc::default(),
        }
    }
}

impl Lookup for Names {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        // After the first answer the name points at the metadata service.
        let first = self.asked.fetch_add(1, Ordering::SeqCst) == 0;
        let addresses = if first {
            self.addresses.to_vec()
        } else {
            vec![IpAddr::from([169, 254, 169, 254])]
        };
        Box::pin(async move { Ok(addresses) })
    }
}

struct Unknown;

impl Lookup for Unknown {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
    }
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

async fn fetched(fetcher: &Fetcher, url: &str) -> Result<StatusCode, FetchError> {
    fetcher.fetch(get(url)).await.map(|answer| answer.status())
}

#[tokio::test]
async fn d26_a_host_that_resolves_to_a_special_address_is_not_connected_to() {
    for address in REFUSED {
        let fetcher = Fetcher::builder()
            .lookup(Names::resolving_to(&[address]))
            .build()
            .unwrap();
        let outcome = fetched(&fetcher, "https://as.test/jwks").await;
        assert_eq!(outcome, Err(FetchError::Address), "{address}");
    }
}

#[tokio::test]
async fn d26_a_special_address_as_the_host_is_refused_in_every_spelling() {
    let fetcher = Fetcher::builder().build().unwrap();
    for address in REFUSED {
        let host = match address.parse().unwrap() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let url = format!("https://{host}/jwks");
        assert_eq!(
            fetched(&fetcher, &url).await,
            Err(FetchError::Address),
            "{url}"
        );
    }
    for host in [
        "127.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
    ] {
        let url = format!("https://{host}/jwks");
        assert_eq!(fetcher.check(&url), Err(FetchError::Address), "{url}");
    }
    for url in [
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://as.test/",
    ] {
        assert_eq!(fetcher.check(url), Ok(()), "{url}");
    }
}

#[tokio::test]
async fn d27_names_that_mix_change_or_hide_addresses_are_refused() {
    let many: Vec<String> = (0..1000)
        .map(|n| format!("8.8.{}.{}", n / 250, n % 250))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (addresses, what) in [
        (vec!["8.8.8.8", "127.0.0.1"], "public and loopback"),
        (vec!["8.8.8.8", "10.0.0.1"], "public and private"),
        (vec!["10.0.0.1", "8.8.8.8"], "private and public"),
        (many, "a thousand records"),
    ] {
        let names = Names::resolving_to(&addresses);
        let fetcher = Fetcher::builder().lookup(names).build().unwrap();
        let outcome = fetched(&fetcher, "https://as.test/").await;
        assert_eq!(outcome, Err(FetchError::Address), "{what}");
    }
    let fetcher = Fetcher::builder().lookup(Unknown).build().unwrap();
    let outcome = fetched(&fetcher, "https://as.test/").await;
    assert_eq!(outcome, Err(FetchError::Unresolved));
    let empty = Names::resolving_to(&[]);
    let fetcher = Fetcher::builder().lookup(empty).build().unwrap();
    let outcome = fetched(&fetcher, "https://as.test/").await;
    assert_eq!(outcome, Err(FetchError::Unresolved));
    let outcome = fetched(&fetcher, "https://as.test./").await;
    assert_eq!(outcome, Err(FetchError::Address), "trailing dot");
}

#[tokio::test]
async fn d27_the_connection_goes_to_the_address_that_was_checked() {
    let server = FakeIssuerServer::start().await;
    server.answer("/jwks", ScriptedAnswer::json("{}"));
    // The second look-up would answer otherwise; there is none.
    let names = Names::resolving_to(&["127.0.0.1"]);
    let asked = Arc::clone(&names.asked);
    let fetcher = Fetcher::builder()
        .danger_allow_loopback()
        .lookup(names)
        .build()
        .unwrap();
    let port = server.address().port();
    let url = format!("http://localhost:{port}/jwks");
    assert_eq!(fetched(&fetcher, &url).await, Ok(StatusCode::OK));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let received = server.requests();
    assert_eq!(received[0].headers["host"], format!("localhost:{port}"));
    assert_eq!(received[0].headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn rs_18_d20_d30_other_schemes_ports_and_user_names_are_refused() {
    let fetcher = Fetcher::builder().build().unwrap();
    for (url, reason) in [
        ("http://as.test/", FetchError::Scheme),
        ("http://127.0.0.1/", FetchError::Scheme),
        ("ftp://as.test/", FetchError::Scheme),
        ("file:///etc/passwd", FetchError::Scheme),
        ("https://as.test:22/", FetchError::Port),
        ("https://as.test:25/", FetchError::Port),
        ("https://as.test:80/", FetchError::Port),
        ("https://as.test:6379/", FetchError::Port),
        ("https://as.test:8080/", FetchError::Port),
        ("https://user@as.test/", FetchError::Target),
        ("https://user:secret@as.test/", FetchError::Target),
        ("/relative", FetchError::Target),
    ] {
        assert_eq!(fetcher.check(url), Err(reason), "{url}");
    }
    let fetcher = Fetcher::builder().port(8443).build().unwrap();
    assert_eq!(fetcher.check("https://as.test:8443/"), Ok(()));
    assert_eq!(
        fetcher.check("https://as.test:8080/"),
        Err(FetchError::Port)
    );
}

#[tokio::test]
async fn the_switch_for_loopback_opens_nothing_else() {
    let fetcher = Fetcher::builder().danger_allow_loopback().build().unwrap();
    for (url, reason) in [
        ("http://as.test/", FetchError::Scheme),
        ("https://10.0.0.1/", FetchError::Address),
        ("http://169.254.169.254/", FetchError::Scheme),
        ("https://169.254.169.254/", FetchError::Address),
        ("https://as.test:8080/", FetchError::Port),
    ] {
        assert_eq!(fetcher.check(url), Err(reason), "{url}");
    }
    let fetcher = Fetcher::builder()
        .danger_allow_private_networks()
        .build()
        .unwrap();
    assert_eq!(fetcher.check("https://10.0.0.1/"), Ok(()));
    for url in [
        "https://169.254.169.254/",
        "https://[fd00:ec2::254]/",
        "https://127.0.0.1/",
    ] {
        assert_eq!(fetcher.check(url), Err(FetchError::Address), "{url}");
    }
}

async fn local() -> (FakeIssuerServer, Fetcher) {
    let server = FakeIssuerServer::start().await;
    let fetcher = Fetcher::builder().danger_allow_loopback().build().unwrap();
    (server, fetcher)
}

#[tokio::test]
async fn d23_a70_a_redirect_is_an_answer_and_is_not_followed() {
    let (server, fetcher) = local().await;
    for status in [301, 302, 303, 307, 308] {
        for target in [server.url("/target"), "http://169.254.169.254/".to_owned()] {
            server.answer("/jwks", ScriptedAnswer::redirect(status, &target));
            let outcome = fetched(&fetcher, &server.url("/jwks")).await;
            assert_eq!(outcome.unwrap(), status);
        }
    }
    assert_eq!(server.count("/target"), 0);
}

#[tokio::test]
async fn d24_a69_answers_over_a_cap_are_given_up() {
    let (server, fetcher) = local().await;
    let big = vec![b'x'; 512 * 1024 + 1];
    let header = "x".repeat(33 * 1024);
    let mut many = ScriptedAnswer::json("{}");
    for number in 0..100 {
        many = many.header(&format!("x-{number}"), "y");
    }
    for (answer, reason) in [
        (ScriptedAnswer::json(big), FetchError::TooLarge),
        (
            ScriptedAnswer::endless(vec![b'x'; 65_536]),
            FetchError::TooLarge,
        ),
        (
            ScriptedAnswer::json("{}").header("x-long", &header),
            FetchError::TooLarge,
        ),
        (many, FetchError::Exchange),
        (
            ScriptedAnswer::json("{}").header("content-encoding", "gzip"),
            FetchError::Encoding,
        ),
        (ScriptedAnswer::broken("{"), FetchError::Exchange),
    ] {
        server.answer("/jwks", answer);
        assert_eq!(fetched(&fetcher, &server.url("/jwks")).await, Err(reason));
    }
    server.answer("/jwks", ScriptedAnswer::json(vec![b'x'; 512 * 1024]));
    assert_eq!(
        fetched(&fetcher, &server.url("/jwks")).await,
        Ok(StatusCode::OK)
    );
}

#[tokio::test(start_paused = true)]
async fn d25_a_stalled_answer_is_given_up_after_five_seconds_in_all() {
    let (server, fetcher) = local().await;
    server.answer("/jwks", ScriptedAnswer::stalled("{"));
    let start = Instant::now();
    let outcome = fetched(&fetcher, &server.url("/jwks")).await;
    assert_eq!(outcome, Err(FetchError::Timeout));
    assert!(
        start.elapsed().as_millis() <= 5_100,
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn nobody_listening_is_no_connection() {
    let (mut server, fetcher) = local().await;
    server.stop().await;
    let outcome = fetched(&fetcher, &server.url("/jwks")).await;
    assert_eq!(outcome, Err(FetchError::Connection));
}

#[tokio::test]
async fn d20_whoever_is_to_send_to_one_place_sends_to_no_other() {
    let (server, other) = (
        FakeIssuerServer::start().await,
        FakeIssuerServer::start().await,
    );
    for server in [&server, &other] {
        server.answer("/x", ScriptedAnswer::status(204));
    }
    let only = |address: &str| Fetcher::builder().only(address).unwrap().build().unwrap();
    let fetcher = only(&server.url("/base"));
    let reached = fetched(&fetcher, &server.url("/x")).await;
    assert_eq!(reached, Ok(StatusCode::NO_CONTENT));
    for address in [
        other.url("/x"),
        server.url("/x").replace("127.0.0.1", "localhost"),
        server.url("/x").replace("http:", "https:"),
        "https://collector.example/x".to_owned(),
    ] {
        let refused = fetched(&fetcher, &address).await;
        assert_eq!(refused, Err(FetchError::Address), "{address}");
    }
    assert_eq!(other.count("/x"), 0);
    // Without TLS it is this machine or none, and metadata of a cloud is nobody's collector.
    for (address, expected) in [
        ("http://collector.example:4318", Err(FetchError::Scheme)),
        ("http://10.0.0.7:4318", Err(FetchError::Scheme)),
        ("https://169.254.169.254", Err(FetchError::Address)),
        ("https://10.0.0.7:4318", Ok(())),
        ("https://collector.example:4318", Ok(())),
    ] {
        assert_eq!(only(address).check(address), expected, "{address}");
    }
    let none = Fetcher::builder().only("collector").map(drop);
    assert_eq!(none, Err(FetchError::Target));
}

#[test]
fn i3_where_every_port_is_allowed_the_network_is_judged_all_the_same() {
    let fetcher = Fetcher::builder().any_port().build().unwrap();
    for target in [
        "https://as.test:8443/",
        "https://as.test/",
        "https://as.test:22/",
    ] {
        assert_eq!(fetcher.check(target), Ok(()), "{target}");
    }
    for (target, error) in [
        ("http://as.test:8443/", FetchError::Scheme),
        ("https://127.0.0.1:8443/", FetchError::Address),
        ("https://10.0.0.1:8443/", FetchError::Address),
        ("https://[::1]:8443/", FetchError::Address),
    ] {
        assert_eq!(fetcher.check(target), Err(error), "{target}");
    }
}
