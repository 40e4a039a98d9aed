//! Organisations and e-mail domains, compared so that nobody gets in by spelling:
//! RFC 5321 §4.1.2, RFC 5890 §2.3.
//!
//! A domain has one spelling here: ASCII, lower case, without a dot at the end. What
//! would become that only after a normalisation of Unicode is refused, because two
//! programs normalise in two ways: a full-width `＠` or `．`, letters that decompose,
//! invisible characters. Names of other scripts are compared as the `xn--` text that
//! everybody sees alike.

/// The longest domain, in bytes (RFC 1035 §2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;
/// The longest label, in bytes (RFC 1035 §2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// The longest local part, in bytes (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// The longest id of an organisation, in bytes.
const MAX_ID_BYTES: usize = 255;

/// An organisation: a domain, or the id that a provider gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Organisation {
    /// In lower case.
    Domain(String),
    /// Compared byte for byte.
    Id(String),
}

impl Organisation {
    /// Reads a text that names one: with a dot in it a domain, otherwise an id. Nothing
    /// if it can be neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains('.') {
            return domain(text).map(Self::Domain);
        }
        let fits = (1..=MAX_ID_BYTES).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        (fits && text.bytes().all(plain)).then(|| Self::Id(text.to_owned()))
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Domain(text) | Self::Id(text) => text,
        }
    }
}

/// The domain of an e-mail address, in lower case; nothing if the address is not plain:
/// more than one `@`, quotes, comments, other scripts, an address literal.
pub(super) fn domain_of_address(address: &str) -> Option<String> {
    let (local, behind) = address.split_once('@')?;
    // RFC 5321 §4.1.2: Dot-string. A quoted local part could hide another `@`.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let is_dot_string = local.len() <= MAX_LOCAL_BYTES
        && local
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(plain));
    if !is_dot_string {
        return None;
    }
    domain(behind)
}

/// `text` in lower case, if it is a name of at least two labels of letters, digits and
/// inner hyphens.
fn domain(text: &str) -> Option<String> {
    if text.len() > MAX_DOMAIN_BYTES || !text.contains('.') {
        return None;
    }
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let mut labels = text.split('.');
    // A last label of digits would make it an address (RFC 1123 §2.1).
    let is_address = text
        .rsplit('.')
        .next()
        .is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (labels.all(is_label) && !is_address).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x22_an_address_with_two_readings_has_no_domain() {
        for address in [
            "",
            "a",
            "@corp.example",
            "a@",
            "a@corp.example@evil.example",
            "a@@corp.example",
            "\"a@corp.example\"@evil.example",
            "\"a\"@corp.example",
            "a(x)@corp.example",
            "<a@corp.example>",
            "A <a@corp.example>",
            "a@corp.example, b@evil.example",
            "a@corp.example\n",
            "a @corp.example",
            "a@ corp.example",
            "a\u{ff20}corp.example",
            "a@evil.example\u{ff20}corp.example",
            "a@corp\u{ff0e}example",
            "a@corp\u{3002}example",
            "a@\u{ff43}orp.example",
            "a@co\u{200b}rp.example",
            "a@corp\u{00ad}.example",
            "a@c\u{006f}\u{0308}rp.example",
            "a@c\u{00f6}rp.example",
            "\u{ff41}@corp.example",
            "a@corp.example.",
            "a@.corp.example",
            "a@corp..example",
            "a@-corp.example",
            "a@corp-.example",
            "a@corp_x.example",
            "a@corp",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "a@[IPv6:2001:db8::1]",
            ".a@corp.example",
            "a.@corp.example",
            "a..b@corp.example",
            "a%40corp.example@evil.example\0",
        ] {
            assert_eq!(domain_of_address(address), None, "{address:?}");
        }
        let long = format!("a@{}.example", "x".repeat(64));
        assert_eq!(domain_of_address(&long), None);
        let long = format!("{}@corp.example", "x".repeat(65));
        assert_eq!(domain_of_address(&long), None);
        let long = format!("a@{}example", "x.".repeat(130));
        assert_eq!(domain_of_address(&long), None);
    }

    #[test]
    fn x22_a_plain_address_has_its_domain_in_lower_case() {
        for (address, domain) in [
            ("a@corp.example", "corp.example"),
            ("A.B+c@CORP.Example", "corp.example"),
            ("o'brien@corp.example", "corp.example"),
            ("a%b@corp.example", "corp.example"),
            ("a@XN--CRP-SNA.example", "xn--crp-sna.example"),
            ("a@4.example", "4.example"),
        ] {
            assert_eq!(domain_of_address(address).as_deref(), Some(domain));
        }
    }

    #[test]
    fn x22_a_name_with_a_dot_is_a_domain_and_any_other_an_id() {
        assert_eq!(
            Organisation::parse("Corp.Example"),
            Some(Organisation::Domain("corp.example".to_owned()))
        );
        for id in ["T0123ABC", "org_a", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            assert_eq!(
                Organisation::parse(id),
                Some(Organisation::Id(id.to_owned()))
            );
        }
        assert_ne!(Organisation::parse("T0A"), Organisation::parse("t0a"));
        for wrong in [
            "",
            "corp.example.",
            "*.corp.example",
            "corp.example/x",
            "c\u{00f6}rp.example",
            "a@corp.example",
            "a b",
            "a@corp",
            "\u{ff43}orp",
        ] {
            assert_eq!(Organisation::parse(wrong), None, "{wrong:?}");
        }
    }
}
