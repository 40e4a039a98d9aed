//! Attack rows A1 to A17: the `Authorization` header.

use countersign_oauth::bearer::{MAX_TOKEN_BYTES, parse};
use countersign_oauth::{Credential, MalformedCredential};
use proptest::prelude::*;

use Credential::{NotPresented, Presented};
use MalformedCredential::{Characters, Grammar, Repeated, TooLong, TwoMethods};

const GOOD: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";

fn one(value: &str) -> Result<Credential<'_>, MalformedCredential> {
    parse([value.as_bytes()], None)
}

#[test]
fn a01_a02_no_header_or_an_empty_one_presents_nothing() {
    assert_eq!(parse([], None), Ok(NotPresented));
    assert_eq!(one(""), Ok(NotPresented));
}

#[test]
fn a03_the_scheme_without_a_token_is_malformed() {
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "bearer",
        "Bearer =",
        "Bearer ==",
    ] {
        assert_eq!(one(value), Err(Grammar), "{value:?}");
    }
}

#[test]
fn a04_another_scheme_presents_nothing() {
    for scheme in [
        "Basic", "Token", "JWT", "DPoP", "Bearers", "XBearer", "Bearer-", "Digest",
    ] {
        assert_eq!(
            one(&format!("{scheme} {GOOD}")),
            Ok(NotPresented),
            "{scheme}"
        );
    }
}

#[test]
fn a05_a06_the_scheme_is_accepted_in_any_case_with_several_spaces() {
    for value in [
        format!("Bearer {GOOD}"),
        format!("bearer {GOOD}"),
        format!("BEARER   {GOOD}"),
        format!("bEaReR {GOOD}"),
    ] {
        assert_eq!(one(&value), Ok(Presented(GOOD)));
    }
}

#[test]
fn a07_another_separator_is_malformed() {
    for separator in ["\t", ",", " \t", "\t ", "=", ":", ";", ", "] {
        let value = format!("Bearer{separator}{GOOD}");
        assert_eq!(one(&value), Err(Grammar), "{separator:?}");
    }
    assert_eq!(one(&format!("Bearer\u{a0}{GOOD}")), Err(Characters));
}

#[test]
fn a08_two_header_lines_are_malformed_whatever_they_hold() {
    let good = format!("Bearer {GOOD}");
    for lines in [
        [good.as_str(), "Bearer bad"],
        ["Bearer bad", good.as_str()],
        [good.as_str(), good.as_str()],
        [good.as_str(), ""],
        ["", good.as_str()],
        ["Basic eDp5", good.as_str()],
    ] {
        assert_eq!(parse(lines.map(str::as_bytes), None), Err(Repeated));
    }
}

#[test]
fn a09_a13_anything_behind_the_token_is_malformed() {
    for value in [
        format!("Bearer {GOOD}, Bearer bad"),
        format!("Bearer {GOOD},Bearer bad"),
        format!("Bearer {GOOD} x"),
        format!("Bearer {GOOD} "),
        format!("Bearer {GOOD},"),
        format!("Bearer {GOOD};"),
        format!("Bearer {GOOD}\t"),
        format!("Bearer {GOOD}=a"),
        format!("Bearer \"{GOOD}\""),
        format!("Bearer token={GOOD},"),
        format!("Bearer Bearer {GOOD}"),
    ] {
        assert_eq!(one(&value), Err(Grammar), "{value}");
    }
}

#[test]
fn a10_a11_a_token_in_the_query_is_never_used_and_beside_a_header_malformed() {
    let header = format!("Bearer {GOOD}");
    for query in [
        "access_token=x",
        "a=1&access_token=x",
        "access_token",
        "access_token=",
        "access_token=x&access_token=y",
    ] {
        assert_eq!(parse([], Some(query)), Ok(NotPresented), "{query}");
        assert_eq!(
            parse([header.as_bytes()], Some(query)),
            Err(TwoMethods),
            "{query}"
        );
    }
    for spelling in ["%61ccess_token=x", "access%5Ftoken=x", "access%5ftoken=x"] {
        assert_eq!(
            parse([header.as_bytes()], Some(spelling)),
            Err(TwoMethods),
            "{spelling}"
        );
    }
    for query in [
        "",
        "a=access_token",
        "access_tokens=1",
        "ACCESS_TOKEN=1",
        "x_access_token=1",
    ] {
        assert_eq!(
            parse([header.as_bytes()], Some(query)),
            Ok(Presented(GOOD)),
            "{query}"
        );
    }
}

#[test]
fn a14_bytes_outside_visible_ascii_are_malformed() {
    for alien in [
        &b"\0"[..],
        b"\x7f",
        b"\xff",
        "é".as_bytes(),
        b"\r\n x",
        b"\x1b",
    ] {
        for value in [
            [b"Bearer ", GOOD.as_bytes(), alien].concat(),
            [b"Bearer ", alien, GOOD.as_bytes()].concat(),
            [alien, b"Bearer ", GOOD.as_bytes()].concat(),
        ] {
            assert_eq!(
                parse([value.as_slice()], None),
                Err(Characters),
                "{alien:?}"
            );
        }
    }
}

#[test]
fn a15_a_token_longer_than_8_kib_is_refused() {
    let token = |bytes| format!("Bearer {}", "a".repeat(bytes));
    assert!(matches!(one(&token(MAX_TOKEN_BYTES)), Ok(Presented(_))));
    for bytes in [MAX_TOKEN_BYTES + 1, 64 * 1024, 1024 * 1024] {
        assert_eq!(one(&token(bytes)), Err(TooLong));
    }
}

#[test]
fn a16_a17_a_token_that_is_no_jwt_is_handed_on_to_be_judged() {
    for token in [".", "..", "a.b", "a.b.c.d", "......"] {
        assert_eq!(one(&format!("Bearer {token}")), Ok(Presented(token)));
    }
}

#[test]
fn debug_output_shows_no_token() {
    assert!(!format!("{:?}", one(&format!("Bearer {GOOD}"))).contains("eyJ"));
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("Bearer".to_owned()),
        Just("bearer".to_owned()),
        Just("Basic".to_owned()),
        Just(" ".to_owned()),
        Just("  ".to_owned()),
        Just("\t".to_owned()),
        Just(",".to_owned()),
        Just("=".to_owned()),
        Just(GOOD.to_owned()),
        "[a-zA-Z0-9._~+/-]{1,8}",
        ".{0,3}",
    ];
    let pieces = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![9 => pieces, 1 => prop::collection::vec(any::<u8>(), 0..20)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_presented_token_is_all_that_stands_behind_exactly_one_scheme(
        lines in prop::collection::vec(header(), 0..3),
        query in prop::option::of("[a-z_=&%0-9]{0,20}"),
    ) {
        let verdict = parse(lines.iter().map(Vec::as_slice), query.as_deref());
        if let Ok(Presented(token)) = verdict {
            prop_assert_eq!(lines.len(), 1);
            let line = std::str::from_utf8(&lines[0]).unwrap();
            let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words.len(), 2);
            prop_assert!(words[0].eq_ignore_ascii_case("bearer"));
            prop_assert_eq!(words[1], token);
            prop_assert!(token.len() <= MAX_TOKEN_BYTES);
            prop_assert!(!token.contains([',', ';', '"', '\t']));
        }
    }
}
