//! Values are put in the places of a preset's variables.

use std::collections::BTreeMap;

use countersign_oauth::jose::{Algorithm, AlgorithmFamily};
use serde::{Deserialize, Deserializer, de};

use super::place;
use super::template::{Part, Template, escaped};
use super::variable::{Variable, VariableKind};
use crate::where_in_file::Fault;

/// The variable that every preset has.
pub(super) const CLIENT_ID: &str = "client_id";

/// Fills texts. The values are already of the kinds of their variables.
#[derive(Debug)]
pub(super) struct Filler<'a> {
    pub(super) variables: &'a BTreeMap<String, Variable>,
    pub(super) values: &'a BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// An address: each value has a place that it cannot leave.
    Address,
    /// The same, where the places of claims stay.
    IssuerTemplate,
    /// Any other text; the field has a rule about what it may be.
    Text,
}

impl Filler<'_> {
    pub(super) fn url(&self, field: &str, text: &mut String) -> Result<(), Fault> {
        self.required(field, text, Target::Address)
    }

    pub(super) fn issuer_template(&self, field: &str, text: &mut String) -> Result<(), Fault> {
        self.required(field, text, Target::IssuerTemplate)
    }

    pub(super) fn optional_url(&self, field: &str, text: &mut Option<String>) -> Result<(), Fault> {
        self.optional(field, text, Target::Address)
    }

    pub(super) fn optional_text(
        &self,
        field: &str,
        text: &mut Option<String>,
    ) -> Result<(), Fault> {
        self.optional(field, text, Target::Text)
    }

    /// Entries that name an optional variable without value are left out.
    pub(super) fn list(&self, field: &str, texts: &mut Vec<String>) -> Result<(), Fault> {
        let mut filled = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            filled.extend(self.filled(&format!("{field}.{index}"), text, Target::Text)?);
        }
        *texts = filled;
        Ok(())
    }

    /// Entries whose value names an optional variable without value are left out.
    pub(super) fn entries(
        &self,
        field: &str,
        entries: &mut BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let mut filled = BTreeMap::new();
        for (name, text) in &*entries {
            if let Some(text) = self.filled(&format!("{field}.{name}"), text, Target::Text)? {
                filled.insert(name.clone(), text);
            }
        }
        *entries = filled;
        Ok(())
    }

    fn required(&self, field: &str, text: &mut String, into: Target) -> Result<(), Fault> {
        let filled = self.filled(field, text, into)?;
        *text = filled.ok_or_else(|| {
            Fault::new(
                field,
                "this field is always needed, so it cannot name an optional variable",
            )
        })?;
        Ok(())
    }

    fn optional(&self, field: &str, text: &mut Option<String>, into: Target) -> Result<(), Fault> {
        *text = match text.as_deref() {
            Some(text) => self.filled(field, text, into)?,
            None => None,
        };
        Ok(())
    }

    fn filled(&self, field: &str, text: &str, into: Target) -> Result<Option<String>, Fault> {
        let fault = |sentence: &str| Fault::new(field, sentence);
        let template = Template::parse(text).map_err(fault)?;
        if template.has_claims() && into != Target::IssuerTemplate {
            return Err(fault(
                "a claim can only be named in login.identity.issuer and tokens.issuers; write \
                 {{ and }} for braces",
            ));
        }
        let mut filled = String::new();
        for (index, part) in template.parts().iter().enumerate() {
            match part {
                Part::Literal(literal) if into == Target::IssuerTemplate => {
                    filled.push_str(&escaped(literal));
                }
                Part::Literal(literal) => filled.push_str(literal),
                Part::Claim(name) => {
                    if !filled
                        .split_once("://")
                        .is_some_and(|(_, rest)| rest.contains('/'))
                    {
                        return Err(fault("a claim can only be in the path of an issuer"));
                    }
                    filled.push_str(&format!("{{claim:{name}}}"));
                }
                Part::Variable(name) => {
                    let Some((kind, value)) = self.value(field, name)? else {
                        return Ok(None);
                    };
                    if into == Target::Text {
                        filled.push_str(value);
                    } else {
                        let following = template.parts().get(index + 1..).unwrap_or_default();
                        let placed = place::in_address(&filled, kind, value, following);
                        filled.push_str(&placed.map_err(fault)?);
                    }
                }
            }
        }
        Ok(Some(filled))
    }

    /// Kind and value of the variable `name`; nothing if it is optional and has none.
    fn value(&self, field: &str, name: &str) -> Result<Option<(VariableKind, &str)>, Fault> {
        let (kind, optional) = match self.variables.get(name) {
            Some(variable) => (variable.kind, variable.optional),
            None if name == CLIENT_ID => (VariableKind::Text, false),
            None => {
                return Err(Fault::new(
                    field,
                    format!("{{{name}}} is not declared: add [variables.{name}]"),
                ));
            }
        };
        match self.values.get(name) {
            Some(value) => Ok(Some((kind, value))),
            None if optional => Ok(None),
            None => Err(Fault::new(
                field,
                format!("{{{name}}} has no value: set {name}"),
            )),
        }
    }
}

/// The algorithms of signatures that are accepted unless a file says otherwise.
pub(super) fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}

/// Reads a list of algorithms, none of which works with a shared secret.
pub(super) fn algorithms<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.is_empty() {
        return Err(de::Error::custom(
            "name at least one algorithm, for example RS256",
        ));
    }
    let read = |name: &String| {
        let algorithm = name.parse::<Algorithm>().map_err(|error| {
            de::Error::custom(format!("{name:?} is {error}; a token without is refused"))
        })?;
        // RFC 8725 §3.1: a published key could be used as the secret.
        if algorithm.family() == AlgorithmFamily::Hmac {
            return Err(de::Error::custom(format!(
                "{name} needs a secret that provider and server share: name an algorithm of \
                 public keys, such as RS256 or ES256"
            )));
        }
        Ok(algorithm)
    };
    names.iter().map(read).collect()
}
