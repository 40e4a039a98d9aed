//! The parameters of a request that we send: RFC 6749 §3.1 and appendix B.

use std::fmt;

use crate::{Secret, form};

/// The parameters of one request, each once, in the order in which they were set. Values
/// are wiped on drop.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, Secret)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Parameters {
    /// Sets the parameter `name`, whatever it was before (RFC 6749 §3.1: parameters
    /// "MUST NOT be included more than once").
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), Secret::new(value)));
    }

    /// As [`set`](Self::set), for a parameter that may be absent.
    pub fn set_if_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// As a query or a form (RFC 6749 appendix B).
    pub fn encoded(&self) -> Secret {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{}={}", form::encode(name), form::encode(value.reveal())))
            .collect();
        Secret::new(pairs.join("&"))
    }

    /// `endpoint` with the parameters behind its own query (RFC 6749 §3.1: it "MUST be
    /// retained when adding additional query parameters").
    pub fn appended_to(&self, endpoint: &str) -> Secret {
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Secret::new(format!("{endpoint}{joint}{}", self.encoded().reveal()))
    }

    /// As a JSON object of texts.
    pub fn as_json(&self) -> Secret {
        let members = self.0.iter();
        let members: serde_json::Map<String, serde_json::Value> = members
            .map(|(name, value)| (name.clone(), value.reveal().into()))
            .collect();
        Secret::new(serde_json::Value::Object(members).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_and_no_value_ends_itself() {
        let mut parameters = Parameters::default();
        parameters.set("a", "1");
        parameters.set("b", "x&y=z#é");
        parameters.set("a", "2");
        let query = parameters.encoded();
        assert_eq!(query.reveal(), "b=x%26y%3Dz%23%C3%A9&a=2");
        assert_eq!(
            parameters.appended_to("https://as.test/a").reveal(),
            "https://as.test/a?b=x%26y%3Dz%23%C3%A9&a=2"
        );
        assert_eq!(
            parameters.appended_to("https://as.test/a?t=1").reveal(),
            "https://as.test/a?t=1&b=x%26y%3Dz%23%C3%A9&a=2"
        );
        assert_eq!(format!("{parameters:?}"), r#"["b", "a"]"#);
    }
}
