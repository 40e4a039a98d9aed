//! Who somebody is, read from a document of a provider.
//!
//! Types are strict: what is there with the wrong type is an error, never absent. A
//! subject that is a number keeps its digits; one that no 64-bit integer holds is refused
//! rather than rounded.

use countersign_oauth::claims::MAX_SUBJECT_BYTES;
use countersign_oauth::display_text::DisplayText;
use countersign_resource_server::provider::{IdentityProfile, Pointer};
use serde_json::{Number, Value};

use super::domain::{Organisation, domain_of_address};
use super::error::UpstreamError;

/// The longest name of a group, in bytes, and the most groups.
const MAX_GROUP_BYTES: usize = 512;
const MAX_GROUPS: usize = 10_000;

/// Who logged in at a provider. An identity is the pair of issuer and subject and nothing
/// else: names and addresses change hands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamIdentity {
    /// Within which subjects are unique.
    pub issuer: String,
    /// The subject: 1 to 1024 bytes without control characters; the digits of a number.
    pub subject: String,
    /// A name for people, of one line.
    pub name: Option<String>,
    /// The e-mail address, if it is a plain one.
    pub email: Option<Email>,
    /// The organisation: a domain in lower case, or the provider's id.
    pub domain: Option<String>,
    /// The groups, as the provider writes them.
    pub groups: Vec<String>,
}

impl UpstreamIdentity {
    /// `subject` of `issuer`, of whom nothing else is known.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            name: None,
            email: None,
            domain: None,
            groups: Vec::new(),
        }
    }
}

/// An e-mail address, for people to read. Never an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Email {
    /// The address, as written: ASCII with a single `@`.
    pub address: String,
    /// The provider says that it belongs to the person.
    pub is_verified: bool,
}

impl Email {
    /// `address`, of which the provider says whether it belongs to the person.
    pub fn new(address: impl Into<String>, is_verified: bool) -> Self {
        Self {
            address: address.into(),
            is_verified,
        }
    }
}

/// Reads `document` as `profile` says. `issuer` is what was established before.
pub(super) fn read(
    profile: &IdentityProfile,
    issuer: String,
    document: &Value,
) -> Result<UpstreamIdentity, UpstreamError> {
    check_required(profile, document)?;
    let subject = profile.subject.find(document);
    let subject = subject.and_then(exact_text).filter(|subject| {
        (1..=MAX_SUBJECT_BYTES).contains(&subject.len()) && !subject.contains(char::is_control)
    });
    let subject = subject.ok_or_else(|| unknown("the provider names no usable subject"))?;
    let name = optional_text(profile.name.as_ref(), document, "name")?;
    let domain = match optional(profile.domain.as_ref(), document) {
        None => None,
        Some(value) => exact_text(value)
            .map(Some)
            .ok_or_else(|| unknown("the organisation is neither a text nor a number"))?,
    };
    Ok(UpstreamIdentity {
        issuer: profile.namespace.clone().unwrap_or(issuer),
        subject,
        name: name
            .and_then(DisplayText::clean)
            .map(|name| name.as_str().to_owned()),
        email: email(profile, document)?,
        domain: domain
            .as_deref()
            .and_then(Organisation::parse)
            .map(|organisation| organisation.as_str().to_owned()),
        groups: groups(profile, document)?,
    })
}

/// The organisations that `identity` belongs to for sure: what the provider calls one;
/// only where it has no such thing, the domains of addresses that it verified.
/// `verified` are further verified addresses.
pub(super) fn organisations(
    profile: &IdentityProfile,
    identity: &UpstreamIdentity,
    verified: &[String],
) -> Vec<Organisation> {
    if profile.domain.is_some() {
        let named = identity.domain.as_deref();
        return named.and_then(Organisation::parse).into_iter().collect();
    }
    let own = identity.email.iter().filter(|email| email.is_verified);
    own.map(|email| email.address.as_str())
        .chain(verified.iter().map(String::as_str))
        .filter_map(domain_of_address)
        .map(Organisation::Domain)
        .collect()
}

fn check_required(profile: &IdentityProfile, document: &Value) -> Result<(), UpstreamError> {
    for (name, expected) in &profile.required_claims {
        if Pointer::member(name).text(document).as_ref() != Some(expected) {
            return Err(UpstreamError::Identity(format!(
                "the provider does not say `{name}` as its file requires"
            )));
        }
    }
    Ok(())
}

/// An address that is not plain has two readings, so there is none.
fn email(profile: &IdentityProfile, document: &Value) -> Result<Option<Email>, UpstreamError> {
    let address = optional_text(profile.email.as_ref(), document, "e-mail address")?;
    // Some providers write the boolean as a text.
    let is_verified = match optional(profile.email_verified.as_ref(), document) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::String(text)) if text == "true" => true,
        Some(Value::String(text)) if text == "false" => false,
        Some(_) => {
            return Err(unknown(
                "whether the e-mail address is verified is neither true nor false",
            ));
        }
    };
    let plain = address.filter(|address| domain_of_address(address).is_some());
    Ok(plain.map(|address| Email {
        address: address.to_owned(),
        is_verified,
    }))
}

/// A text is one group.
fn groups(profile: &IdentityProfile, document: &Value) -> Result<Vec<String>, UpstreamError> {
    let wrong = || unknown("the groups are no list of texts");
    let groups = match optional(profile.groups.as_ref(), document) {
        None => Vec::new(),
        Some(Value::Array(many)) => many
            .iter()
            .map(exact_text)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(wrong)?,
        Some(one) => vec![exact_text(one).ok_or_else(wrong)?],
    };
    if groups.len() > MAX_GROUPS || groups.iter().any(|group| group.len() > MAX_GROUP_BYTES) {
        return Err(unknown(
            "there are too many groups, or one has too long a name",
        ));
    }
    Ok(groups)
}

/// A text, or the digits of an integer, none of them lost.
fn exact_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => exact_integer(number),
        _ => None,
    }
}

fn exact_integer(number: &Number) -> Option<String> {
    (number.is_u64() || number.is_i64()).then(|| number.to_string())
}

fn optional<'a>(pointer: Option<&Pointer>, document: &'a Value) -> Option<&'a Value> {
    pointer?.find(document).filter(|value| !value.is_null())
}

fn optional_text<'a>(
    pointer: Option<&Pointer>,
    document: &'a Value,
    what: &str,
) -> Result<Option<&'a str>, UpstreamError> {
    match optional(pointer, document) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(UpstreamError::Identity(format!("the {what} is no text"))),
    }
}

fn unknown(sentence: &str) -> UpstreamError {
    UpstreamError::Identity(sentence.to_owned())
}
