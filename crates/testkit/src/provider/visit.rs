//! What a person does at a provider, for tests without a browser.

use countersign_oauth::form;

use super::FakeProvider;
use super::engine::{DECISION_PATH, origin_of};
use super::page;
use crate::client::http::Http;

/// The provider showed a page with an error instead of people to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart")]
pub struct ErrorPage {
    /// The status.
    pub status: u16,
    /// The HTML.
    pub html: String,
}

impl FakeProvider {
    /// Opens `location` (the authorization request) and continues as `person`.
    /// Returns where the browser is sent: the redirect URI with code and state, or
    /// with an error. Fails the test if the provider shows an error page.
    pub async fn approve(&self, location: &str, person: &str) -> String {
        match self.visit(location, Some(person)).await {
            Ok(callback) => callback,
            Err(page) => panic!(
                "{} shows {}: {}",
                self.core.behaviour.name, page.status, page.html
            ),
        }
    }

    /// Opens `location` and presses Refuse. Returns where the browser is sent.
    pub async fn refuse(&self, location: &str) -> String {
        match self.visit(location, None).await {
            Ok(callback) => callback,
            Err(page) => panic!(
                "{} shows {}: {}",
                self.core.behaviour.name, page.status, page.html
            ),
        }
    }

    /// Opens `location` and presses the button of `person`, or Refuse.
    ///
    /// # Errors
    ///
    /// [`ErrorPage`] if the provider neither shows its login page nor redirects.
    pub async fn visit(&self, location: &str, person: Option<&str>) -> Result<String, ErrorPage> {
        // Only the origin: the redirect URI within stays as it is.
        let named = origin_of(location);
        let origin = &self.core.localised(named);
        let authority = origin
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{location} is not on loopback"));
        let http = Http::socket(authority);
        let target = location.strip_prefix(named).unwrap_or_default();
        let mut shown = http.get(target).send().await;
        if let Some(away) = shown.header("location") {
            return Ok(away.to_owned());
        }
        let html = shown.text().await;
        let Some(ticket) = ticket(&html) else {
            let status = shown.status();
            return Err(ErrorPage { status, html });
        };
        let key = person.unwrap_or_default();
        let id = person.map_or_else(|| page::REFUSE_ID.to_owned(), page::button_id);
        assert!(
            html.contains(&format!("id=\"{id}\"")),
            "the page has no button {id}: {html}"
        );
        let body = format!(
            "ticket={}&person={}",
            form::encode(ticket),
            form::encode(key)
        );
        let mut answer = http
            .post(DECISION_PATH)
            .header("content-type", form::MEDIA_TYPE)
            .body(body)
            .send()
            .await;
        match answer.header("location") {
            Some(away) => Ok(away.to_owned()),
            None => Err(ErrorPage {
                status: answer.status(),
                html: answer.text().await,
            }),
        }
    }

    /// The id of the element that a browser clicks to continue as `person`.
    pub fn button_of(&self, person: &str) -> String {
        page::button_id(&self.person(person).key)
    }

    /// The id of the element that a browser clicks to refuse.
    pub fn refuse_button(&self) -> &'static str {
        page::REFUSE_ID
    }
}

fn ticket(html: &str) -> Option<&str> {
    let (_, rest) = html.split_once("name=\"ticket\" value=\"")?;
    rest.split_once('"').map(|(ticket, _)| ticket)
}
