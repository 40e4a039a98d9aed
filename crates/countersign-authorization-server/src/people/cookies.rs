//! Cookies: RFC 6265bis §4.1.3.2, prefix `__Host-`.
//!
//! Two of them, each a secret of 256 bits: one tells browsers apart and outlives
//! logins, the other is the login and is drawn anew at each. Only hashes are stored.

use countersign_oauth::{Lifetime, Secret};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::exchange::Answer;

/// How many characters a value has: 256 bits of base64url.
const LENGTH: usize = 43;

/// What the cookies of this server are called.
#[derive(Clone, Debug)]
pub(super) struct CookieNames {
    pub(super) session: String,
    pub(super) browser: String,
    attributes: &'static str,
}

impl CookieNames {
    /// The names on `origin`.
    pub(super) fn of(origin: &str) -> Self {
        if origin.starts_with("https://") {
            return Self {
                session: "__Host-countersign-session".to_owned(),
                browser: "__Host-countersign-browser".to_owned(),
                attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
            };
        }
        // Cookies do not know ports; two servers under development shall not log
        // each other out.
        let port = origin.rsplit(':').next().unwrap_or_default();
        let port: String = port.chars().filter(char::is_ascii_digit).collect();
        Self {
            session: format!("countersign-development-session-{port}"),
            browser: format!("countersign-development-browser-{port}"),
            attributes: "Path=/; HttpOnly; SameSite=Lax",
        }
    }

    pub(super) fn are_protected(&self) -> bool {
        self.session.starts_with("__Host-")
    }

    /// Sets the cookie `name` for `lifetime`, or until the browser is closed.
    pub(super) fn set(
        &self,
        answer: &mut Answer,
        name: &str,
        value: &Secret,
        lifetime: Option<Lifetime>,
    ) {
        let age = lifetime.map_or_else(String::new, |lifetime| {
            format!("; Max-Age={}", lifetime.as_secs())
        });
        let text = format!("{name}={}; {}{age}", value.reveal(), self.attributes);
        append(answer, &text);
    }

    /// Takes the cookie `name` away.
    pub(super) fn clear(&self, answer: &mut Answer, name: &str) {
        append(answer, &format!("{name}=; {}; Max-Age=0", self.attributes));
    }
}

fn append(answer: &mut Answer, text: &str) {
    if let Ok(mut value) = HeaderValue::from_str(text) {
        value.set_sensitive(true);
        answer.headers_mut().append(SET_COOKIE, value);
    }
}

/// The cookie `name`, if there is exactly one and it looks like one of ours.
pub(super) fn read(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name);
    let (_, value) = values.next()?;
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = value.len() == LENGTH && value.bytes().all(is_ours);
    (fits && values.next().is_none()).then(|| Secret::new(value))
}
