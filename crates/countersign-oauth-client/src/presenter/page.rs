//! What a browser is shown on this computer, after a login and otherwise.
//!
//! Nothing of a request is repeated on a page, so that there is nothing to escape: what
//! an issuer says is judged first (RFC 9207 §2.4), and said by the program.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const STYLE: &str = include_str!("page.css");

/// Nothing but the one style: no scripts, frames, forms, and nothing from elsewhere.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// What became of a request to the loopback listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The answer of the authorization server, with a code.
    Arrived,
    /// The answer of the authorization server, without a code.
    Refused,
    /// An answer, though not to the request that is waited for.
    OtherLogin,
    /// A second answer.
    TooLate,
    /// Not the path of the redirect URI.
    NotFound,
    /// Not GET.
    Method,
    /// Sent to another host, as by a site whose name leads here.
    OtherHost,
    /// Not a request.
    Malformed,
}

impl Page {
    const fn status(self) -> &'static str {
        match self {
            Self::Arrived | Self::Refused => "200 OK",
            Self::OtherLogin | Self::Malformed => "400 Bad Request",
            Self::TooLate => "410 Gone",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::OtherHost => "403 Forbidden",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Arrived => "You can close this window",
            Self::Refused => "The login did not succeed",
            Self::OtherLogin => "This belongs to another login",
            Self::TooLate => "This login is over",
            Self::NotFound => "There is nothing here",
            Self::Method | Self::OtherHost | Self::Malformed => "This cannot be answered",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Arrived => "The login is back at the program that asked for it, which goes on.",
            Self::Refused => {
                "You can close this window. The program that asked for the login says why."
            }
            Self::OtherLogin => {
                "The program waits for the answer to its last login. Go back to the page of that \
                 login, or begin again."
            }
            Self::TooLate => "The program has its answer already. You can close this window.",
            Self::NotFound => "A program waits here for a login, at another address.",
            Self::Method | Self::OtherHost | Self::Malformed => {
                "A program waits here for a login, and for nothing else."
            }
        }
    }

    /// The whole answer (RFC 9112 §2).
    pub(super) fn response(self) -> Vec<u8> {
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <header><p class=\"place\"><span class=\"mark\" aria-hidden=\"true\"></span>\
             This computer</p></header>\n<main>\n<div class=\"card\">\n<h1>{heading}</h1>\n\
             <p>{sentence}</p>\n</div>\n</main>\n</body>\n</html>\n",
            heading = self.heading(),
            sentence = self.sentence(),
        );
        let allow = if self == Self::Method {
            "allow: GET\r\n"
        } else {
            ""
        };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\n\
             content-length: {length}\r\ncontent-security-policy: {policy}\r\n{allow}\
             cache-control: no-store\r\nreferrer-policy: no-referrer\r\n\
             x-content-type-options: nosniff\r\nx-frame-options: DENY\r\n\
             cross-origin-opener-policy: same-origin\r\n\
             cross-origin-resource-policy: same-origin\r\nconnection: close\r\n\r\n{body}",
            status = self.status(),
            length = body.len(),
            policy = *POLICY,
        )
        .into_bytes()
    }
}
