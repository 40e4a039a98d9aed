//! The pages in Chromium: clicked through, and looked at.
//!
//! Without chromedriver the tests say so and pass, except where `CI` is `true`.
//! With `COUNTERSIGN_PICTURES` set to a folder they leave pictures there.

mod errors;
mod hostile;
mod keyboard;
mod keys;
pub(crate) mod look;
mod walk;
mod way_back;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::{ClientIdDocuments, DocumentTrust, People, Settings};
use testkit::webdriver::{DESKTOP, Screen, Window};
use tokio::net::TcpListener;

use super::browser::*;
use super::documents::{Host, WEB};
use super::sockets::{callback, serve_on};
use crate::fixture::{CALLBACK, VERIFIER, form};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

pub(crate) const SCREENS: [Screen; 4] = [
    DESKTOP,
    screen("desktop-dark", (1280, 800), false, true),
    screen("phone-light", (390, 844), true, false),
    screen("phone-dark", (390, 844), true, true),
];

/// The narrowest that WCAG 2.2, 1.4.10 asks for: also a desktop at 400 %.
pub(crate) const NARROW: Screen = screen("narrow", (320, 640), true, false);

const PHONE: Screen = SCREENS[2];

const fn screen(name: &'static str, size: (u32, u32), is_phone: bool, is_dark: bool) -> Screen {
    Screen {
        name,
        size,
        is_phone,
        is_dark,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test itself is told so by its environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A server on a socket, and a program that waits for the answer on another.
pub(crate) struct Running {
    pub(crate) site: Site,
    pub(crate) issuer: String,
    port: u16,
    /// How long each answer is under way, in milliseconds.
    delay: Arc<AtomicU64>,
}

async fn running() -> Running {
    running_with(|_| (), |people| people).await
}

/// As [`running`], with other settings and words.
async fn running_with(
    change: impl FnOnce(&mut Settings),
    write: impl FnOnce(People) -> People,
) -> Running {
    let (at, ()) = running_at(async |mut settings| {
        change(&mut settings);
        let site = site_of(settings, write, |builder| {
            let host = Host::new();
            builder.client_id_documents(ClientIdDocuments::new(host, DocumentTrust::AnyHost))
        })
        .await;
        (site, ())
    })
    .await;
    at
}

/// As [`running`], with the server that `make` makes, and what belongs to it.
pub(crate) async fn running_at<T>(make: impl AsyncFnOnce(Settings) -> (Site, T)) -> (Running, T) {
    let (listener, issuer) = listen().await;
    let (client, address) = listen().await;
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut settings = settings_at(&issuer);
    settings.service_name = Some("Notes of Ada".to_owned());
    let (site, more) = make(settings).await;
    let delay = Arc::<AtomicU64>::default();
    serve_on(listener, site.server.clone(), delay.clone());
    callback(client);
    let at = Running {
        site,
        issuer,
        port,
        delay,
    };
    (at, more)
}

/// A socket, and the address of what is served on it.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("http://127.0.0.1:{port}"))
}

impl Running {
    /// An authorization request of `client`, answered at its own address.
    pub(crate) fn request(&self, client: &str) -> String {
        let redirect = match client {
            "A" => "com.example.app:/cb".to_owned(),
            "D" | WEB => CALLBACK.to_owned(),
            _ => format!("http://127.0.0.1:{}/cb", self.port),
        };
        self.request_to(client, &redirect)
    }

    /// An authorization request of `client`, answered at `redirect`.
    fn request_to(&self, client: &str, redirect: &str) -> String {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let query = form(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
        ]);
        format!("{}/authorize?{query}", self.issuer)
    }

    fn issuer_port(&self) -> &str {
        self.issuer.rsplit(':').next().unwrap()
    }

    /// Logs `window` in as alice, who exists.
    async fn log_in(&self, window: &Window<'_>) {
        window.go(&format!("{}/login", self.issuer)).await;
        window.fill("#name", "alice").await;
        window.fill("#password", PASSWORD).await;
        window.press("form[action$='/login'] button").await;
        window.arrives("/account").await;
    }
}
