//! The requests that a provider has received, so that a test can look for what
//! must not be there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth::form::Form;

use super::behaviour::Endpoint;
use crate::fake_server::ReceivedRequest;

/// A request and which endpoint it was for.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart")]
pub struct SeenRequest {
    /// The endpoint; none if there is nothing at that address.
    pub endpoint: Option<Endpoint>,
    /// The request itself.
    pub request: ReceivedRequest,
}

impl SeenRequest {
    /// The parameter `name` of the form body, or else of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let of = |text: &[u8]| {
            let form = Form::parse(text).ok()?;
            form.all(name).next().map(str::to_owned)
        };
        of(&self.request.body).or_else(|| of(self.request.query.as_deref()?.as_bytes()))
    }

    /// The header `name` as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)?.to_str().ok()
    }

    /// Whether `text` occurs anywhere in the request: in its target, its headers
    /// or its body, as it is, percent-decoded, or inside Basic credentials.
    pub fn contains(&self, text: &str) -> bool {
        let query = self.request.query.as_deref().unwrap_or_default();
        let body = String::from_utf8_lossy(&self.request.body);
        let plain = [self.request.path.as_str(), query, &body];
        let decoded = [query.as_bytes(), &self.request.body]
            .into_iter()
            .filter_map(|bytes| Form::parse(bytes).ok())
            .any(|form| {
                let names: Vec<String> = form.names().map(str::to_owned).collect();
                let mut values = names.iter().flat_map(|name| form.all(name));
                values.any(|value| value.contains(text))
            });
        let in_headers = self.request.headers.values().any(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let basic = value.strip_prefix("Basic ").unwrap_or_default();
            let basic = STANDARD.decode(basic).unwrap_or_default();
            value.contains(text) || String::from_utf8_lossy(&basic).contains(text)
        });
        decoded || in_headers || plain.iter().any(|part| part.contains(text))
    }
}
