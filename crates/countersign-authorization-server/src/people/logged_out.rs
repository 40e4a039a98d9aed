//! The page after logging out.
//!
//! Some browsers keep the page before it to go back to, although it says that it is not
//! to be stored. What they keep is forgotten on demand (Clear Site Data §3.1), but not
//! by the answer that makes them keep it: so the page is loaded once more.

use askama::Template;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};

use super::same_origin;
use super::visit::Visit;
use crate::exchange::{Answer, Frame, page};
use crate::unavailable::Unavailable;

#[derive(Template)]
#[template(path = "logged_out.html")]
struct LoggedOutPage<'a> {
    frame: Frame<'a>,
    /// Whether this is the second time.
    is_done: bool,
}

impl Visit<'_> {
    /// `GET /logout`.
    pub(super) async fn show_logged_out(&self) -> Result<Answer, Unavailable> {
        if self.logged_in().await?.is_some() {
            return Ok(self.to("/account"));
        }
        let template = LoggedOutPage {
            frame: self.people.frame(),
            is_done: self.incoming.query() == Some("done"),
        };
        let mut answer = page(StatusCode::OK, &template);
        // Other sites have no say in what is forgotten.
        if template.is_done && same_origin::allows(&self.incoming.headers, &self.people.origin) {
            answer.headers_mut().insert(
                HeaderName::from_static("clear-site-data"),
                HeaderValue::from_static("\"cache\""),
            );
        }
        Ok(answer)
    }
}
