//! Cookies: RFC 6265bis §4.1.3.2, prefix `__Host-`.
//!
//! Each a secret of 256 bits, of which only the hash is stored: one tells browsers apart
//! and outlives logins, one is the login and is drawn anew at each. A browser that was
//! sent to an upstream provider has one for each such login until it comes back; it gets
//! it in the answer to its consent, and not before.

use std::collections::BTreeSet;

use countersign_oauth::{Lifetime, Secret};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::exchange::Answer;

/// How many characters a value has: 256 bits of base64url.
const LENGTH: usize = 43;

/// How many logins at providers one browser can have under way.
const MOST_ATTEMPTS: usize = 8;

/// What the cookies of this server are called.
#[derive(Clone, Debug)]
pub(super) struct CookieNames {
    pub(super) session: String,
    pub(super) browser: String,
    /// What stands before the tag of a login at a provider.
    attempt: String,
    attributes: &'static str,
}

impl CookieNames {
    /// The names on `origin`.
    pub(super) fn of(origin: &str) -> Self {
        if origin.starts_with("https://") {
            return Self {
                session: "__Host-countersign-session".to_owned(),
                browser: "__Host-countersign-browser".to_owned(),
                attempt: "__Host-countersign-attempt-".to_owned(),
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
            attempt: format!("countersign-development-attempt-{port}-"),
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

    /// The name of the cookie of the login at a provider with `tag`.
    pub(super) fn attempt(&self, tag: &str) -> String {
        format!("{}{tag}", self.attempt)
    }

    /// Takes cookies of other logins at providers away, until there is room for one
    /// more besides those that `headers` have.
    pub(super) fn make_room(&self, answer: &mut Answer, headers: &HeaderMap) {
        let names: BTreeSet<&str> = pairs(headers)
            .map(|(name, _)| name)
            .filter(|name| name.starts_with(&self.attempt))
            .collect();
        let surplus = (names.len() + 1).saturating_sub(MOST_ATTEMPTS);
        for name in names.iter().take(surplus) {
            self.clear(answer, name);
        }
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
    let mut values = pairs(headers).filter(|(found, _)| *found == name);
    let (_, value) = values.next()?;
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = value.len() == LENGTH && value.bytes().all(is_ours);
    (fits && values.next().is_none()).then(|| Secret::new(value))
}

/// All cookies that were sent.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}
