//! A credential that is the whole value of a header of its own, such as `X-API-Key`.
//!
//! No specification says how keys are presented; the rules are those of a bearer token
//! (RFC 6750 §2): one header, given once, never the query.

use crate::bearer::{Credential, MAX_TOKEN_BYTES, MalformedCredential};

/// What people name a key in a query, beside the name of the header.
const QUERY_NAMES: [&str; 3] = ["access_token", "api_key", "apikey"];

/// Reads the values of all headers named `header` of a request and its query.
///
/// `query` is the part of the target behind `?`. A key there is never used; beside the
/// header it is an error.
///
/// # Errors
///
/// [`MalformedCredential`] for a header that is given twice or has several values in it,
/// for an empty one, and for characters outside visible ASCII.
pub fn parse<'a, I>(
    values: I,
    header: &str,
    query: Option<&str>,
) -> Result<Credential<'a>, MalformedCredential>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let mut values = values.into_iter();
    let Some(value) = values.next() else {
        return Ok(Credential::NotPresented);
    };
    if values.next().is_some() {
        return Err(MalformedCredential::Repeated);
    }
    let text = std::str::from_utf8(value).map_err(|_| MalformedCredential::Characters)?;
    if !text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Err(MalformedCredential::Characters);
    }
    // RFC 9110 §5.3: whoever is in between may have joined two headers by a comma.
    if text.is_empty() || text.contains([' ', ',']) {
        return Err(MalformedCredential::Grammar);
    }
    if query.is_some_and(|query| has_key(query, header)) {
        return Err(MalformedCredential::TwoMethods);
    }
    if text.len() > MAX_TOKEN_BYTES {
        return Err(MalformedCredential::TooLong);
    }
    Ok(Credential::Presented(text))
}

/// The name may be percent-encoded, as in every form-encoded query, and is compared as
/// people vary it.
fn has_key(query: &str, header: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        let plain = name.replace('-', "_");
        name.eq_ignore_ascii_case(header) || QUERY_NAMES.contains(&plain.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(
        values: &'a [&'a str],
        query: Option<&str>,
    ) -> Result<Credential<'a>, MalformedCredential> {
        let values = values.iter().map(|value| value.as_bytes());
        parse(values, "x-api-key", query)
    }

    #[test]
    fn a_key_outside_the_grammar_is_malformed() {
        let long = "k".repeat(MAX_TOKEN_BYTES + 1);
        for (values, expected) in [
            (&["a", "b"][..], MalformedCredential::Repeated),
            (&["a", "a"], MalformedCredential::Repeated),
            (&["a,b"], MalformedCredential::Grammar),
            (&["a, b"], MalformedCredential::Grammar),
            (&["Bearer a"], MalformedCredential::Grammar),
            (&[""], MalformedCredential::Grammar),
            (&["ключ"], MalformedCredential::Characters),
            (&["a\tb"], MalformedCredential::Characters),
            (&[&long], MalformedCredential::TooLong),
        ] {
            assert_eq!(read(values, None), Err(expected), "{values:?}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_never_used_and_beside_the_header_malformed() {
        for query in [
            "x-api-key=k",
            "X-API-Key=k",
            "api_key=k",
            "API-KEY=k",
            "apikey=k",
            "a=b&api%5Fkey=k",
            "access_token=k",
        ] {
            assert_eq!(read(&[], Some(query)), Ok(Credential::NotPresented));
            assert_eq!(
                read(&["k"], Some(query)),
                Err(MalformedCredential::TwoMethods),
                "{query}"
            );
        }
        let presented = read(&["csk_a:b+c/d=="], Some("page=2&key=x"));
        assert_eq!(presented, Ok(Credential::Presented("csk_a:b+c/d==")));
    }
}
