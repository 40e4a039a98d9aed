//! Redirection URIs: rows R and L of the attack corpus, RFC 8252, RFC 9700 §2.1.

use countersign_oauth::authorization_response::{AuthorizationAnswer, AuthorizationResponse};
use countersign_oauth::redirect_uri::{
    ApplicationType, InvalidRedirectUri, RedirectKind, RedirectMismatch, RedirectRules,
    RedirectUri, VerifiedRedirect, match_redirect_uri,
};
use countersign_oauth::{Issuer, Secret};
use proptest::prelude::*;
use testkit::corpus;

const GOOD: &str = "https://good.example/cb";

/// What becomes of a request to `asked` if the client has `registered`.
fn ask(asked: &str, registered: &[&str]) -> Result<VerifiedRedirect, RedirectMismatch> {
    let registered: Vec<_> = registered
        .iter()
        .map(|uri| RedirectUri::parse(uri).unwrap())
        .collect();
    let kind = ApplicationType::of(&registered);
    match_redirect_uri(Some(asked), &registered, kind)
}

fn assert_page(row: &str, asked: &str, registered: &[&str]) {
    assert_eq!(
        ask(asked, registered),
        Err(RedirectMismatch::NotRegistered),
        "{row}: {asked:?}"
    );
}

#[test]
fn r1_to_r45_no_mutation_of_a_registered_uri_is_redirected_to() {
    for (row, mutations) in corpus::REDIRECTS {
        for asked in *mutations {
            assert_page(row, asked, &[GOOD]);
            // Nor beside a loopback address, whose port may differ.
            assert_page(row, asked, &[GOOD, "http://127.0.0.1/cb"]);
        }
    }
    assert_page("R45", &format!("{GOOD}{}", "a".repeat(1 << 20)), &[GOOD]);
    assert_eq!(ask(GOOD, &[GOOD]).unwrap().uri().as_str(), GOOD);
}

#[test]
fn r42_the_query_of_a_registered_uri_is_part_of_it() {
    for asked in corpus::QUERIES {
        assert_page("R42", asked, &[corpus::QUERY]);
    }
    assert!(ask(corpus::QUERY, &[corpus::QUERY]).is_ok());
}

#[test]
fn as_14_an_omitted_uri_is_only_clear_if_the_client_has_exactly_one() {
    let (one, two) = (
        RedirectUri::parse(GOOD).unwrap(),
        RedirectUri::parse("https://good.example/cb2").unwrap(),
    );
    for registered in [vec![], vec![one.clone(), two]] {
        assert_eq!(
            match_redirect_uri(None, &registered, ApplicationType::Web),
            Err(RedirectMismatch::Missing)
        );
    }
    let only = match_redirect_uri(None, &[one], ApplicationType::Web).unwrap();
    assert_eq!((only.uri().as_str(), only.was_sent()), (GOOD, false));
}

#[test]
fn l3_to_l11_nothing_but_the_port_of_a_loopback_uri_may_differ() {
    for (row, mutations) in corpus::LOOPBACK {
        for asked in *mutations {
            assert_page(row, asked, &["http://127.0.0.1/cb"]);
            assert_page(row, asked, &["http://127.0.0.1:3000/cb"]);
        }
    }
    assert_page("L8", "http://127.0.0.1:51234/cb", &["http://localhost/cb"]);
}

#[test]
fn as_14_l1_l2_the_port_of_a_loopback_uri_may_differ() {
    for (asked, registered) in [
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:3000/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:3000/cb"),
        ("http://[::1]:51234/cb", "http://[::1]/cb"),
        ("http://localhost:51234/cb", "http://localhost:3000/cb"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1/"),
    ] {
        let verified = ask(asked, &[GOOD, registered]).unwrap();
        // The answer goes to the port that was asked for.
        assert_eq!(verified.uri().as_str(), asked);
        assert_eq!(verified.uri().kind(), RedirectKind::Loopback);
    }
}

#[test]
fn l12_a_web_application_has_no_loopback_or_private_uri() {
    for uri in [
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
        "http://localhost:3000/cb",
        "https://localhost/cb",
        "com.example.app:/cb",
        "cursor://x/y",
    ] {
        let uris = [RedirectUri::parse(uri).unwrap()];
        assert_eq!(
            RedirectRules::default().check(&uris, Some(ApplicationType::Web)),
            Err(InvalidRedirectUri::NotForWeb),
            "{uri}"
        );
        assert_eq!(
            match_redirect_uri(Some(uri), &uris, ApplicationType::Web),
            Err(RedirectMismatch::NotForWeb),
            "{uri}"
        );
        // Clients that do not say what they are get the type that fits their address.
        let application_type = RedirectRules::default().check(&uris, None);
        assert_eq!(application_type, Ok(ApplicationType::Native), "{uri}");
    }
}

#[test]
fn l13_a_private_use_uri_is_compared_byte_for_byte() {
    let registered = corpus::PRIVATE_USE;
    for asked in corpus::PRIVATE_USES {
        assert_page("L13", asked, &[registered]);
    }
    assert!(ask(registered, &[registered]).is_ok());
}

#[test]
fn d3_a_uri_outside_the_grammar_is_not_registered() {
    use InvalidRedirectUri as Why;
    for (uri, why) in [
        ("", Why::NotAbsolute),
        ("/cb", Why::NotAbsolute),
        ("good.example/cb", Why::NotAbsolute),
        ("HTTPS://good.example/cb", Why::NotAbsolute),
        ("https://good.example/cb#x", Why::Fragment),
        ("https://good.example/cb#", Why::Fragment),
        ("javascript:alert(1)", Why::ForbiddenScheme),
        ("JavaScript:/x", Why::ForbiddenScheme),
        ("data:text/html,x", Why::ForbiddenScheme),
        ("https://*.good.example/cb", Why::Characters),
        ("https://good.example/*", Why::Characters),
        ("http://good.example/cb", Why::PlainHttp),
        ("http://127.0.0.2/cb", Why::PlainHttp),
        ("http://10.0.0.1/cb", Why::PlainHttp),
        ("http://127.1/cb", Why::Host),
        ("http://0x7f.0.0.1/cb", Why::Host),
        ("https://user@good.example/cb", Why::UserInfo),
        ("com.example.app://user@host/cb", Why::UserInfo),
        ("https://good.example\\@evil.example/cb", Why::Characters),
        ("https://good.example/a b", Why::Characters),
        ("https://good.example/\u{e9}", Why::Characters),
        ("https://good.example/\"x", Why::Characters),
        ("https://good.example/<x", Why::Characters),
        ("https://good.example/a/../b", Why::DotSegments),
        ("https://good.example/.", Why::DotSegments),
        ("https://good.example/%2e%2e/b", Why::PercentEncoding),
        ("https://good.example/a%2Fb", Why::PercentEncoding),
        ("https://good.example/a%5cb", Why::PercentEncoding),
        ("https://good.example/%00", Why::PercentEncoding),
        ("https://good.example/?a=%0d%0a", Why::PercentEncoding),
        ("https://good.example/%zz", Why::PercentEncoding),
        ("https://good.example/%4", Why::PercentEncoding),
        ("https://good.example%2f/cb", Why::PercentEncoding),
        ("https://GOOD.example/cb", Why::Host),
        ("https://good.example./cb", Why::Host),
        ("https:///cb", Why::Host),
        ("https:/good.example/cb", Why::Host),
        ("https://good.example:0/cb", Why::Port),
        ("https://good.example:0443/cb", Why::Port),
        ("https://good.example:/cb", Why::Port),
        ("https://good.example:65536/cb", Why::Port),
        ("https://[::1]x/cb", Why::Host),
        ("urn:ietf:wg:oauth:2.0:oob", Why::NotAbsolute),
    ] {
        assert_eq!(RedirectUri::parse(uri), Err(why), "{uri}");
    }
    let long = format!("https://good.example/{}", "a".repeat(1_004));
    assert_eq!(RedirectUri::parse(&long), Err(Why::TooLong));
    assert!(RedirectUri::parse(&long[..1_024]).is_ok());
}

#[test]
fn d4_schemes_that_open_other_programs_are_not_registered() {
    for scheme in [
        "ms-msdt",
        "search-ms",
        "smb",
        "tel",
        "intent",
        "chrome",
        "file",
        "javascript",
        "data",
        "vbscript",
        "blob",
        "filesystem",
        "about",
        "view-source",
    ] {
        assert_eq!(
            RedirectUri::parse(&format!("{scheme}:/x")),
            Err(InvalidRedirectUri::ForbiddenScheme),
            "{scheme}"
        );
        assert!(
            RedirectRules::default().allow_scheme(scheme).is_err(),
            "an operator allowed {scheme}"
        );
    }
    // No other word without a dot either, until the operator names it.
    let unknown = [RedirectUri::parse("steam://run/1").unwrap()];
    let rules = RedirectRules::default();
    assert_eq!(
        rules.check(&unknown, None),
        Err(InvalidRedirectUri::UnknownScheme)
    );
    let rules = rules.allow_scheme("steam").unwrap();
    assert_eq!(rules.check(&unknown, None), Ok(ApplicationType::Native));
}

#[test]
fn d4_private_use_schemes_of_clients_are_registered() {
    for uri in [
        "cursor://x/y",
        "com.example:/cb",
        "com.example.app://callback/path?x=1",
    ] {
        let uris = [RedirectUri::parse(uri).unwrap()];
        assert_eq!(uris[0].kind(), RedirectKind::PrivateUse);
        assert_eq!(
            RedirectRules::default().check(&uris, Some(ApplicationType::Native)),
            Ok(ApplicationType::Native),
            "{uri}"
        );
    }
}

#[test]
fn d3_too_many_or_equal_uris_are_not_registered() {
    let many: Vec<_> = (0..51)
        .map(|number| RedirectUri::parse(&format!("{GOOD}{number}")).unwrap())
        .collect();
    let rules = RedirectRules::default();
    assert_eq!(rules.check(&many, None), Err(InvalidRedirectUri::TooMany));
    assert!(rules.check(&many[..50], None).is_ok());
    let twice = [many[0].clone(), many[0].clone()];
    assert_eq!(rules.check(&twice, None), Err(InvalidRedirectUri::TooMany));
}

fn location(uri: &str, state: Option<&str>) -> String {
    let redirect = ask(uri, &[uri]).unwrap();
    let issuer = Issuer::parse("https://as.test").unwrap();
    let answer = AuthorizationAnswer::Code(Secret::new("c0de"));
    AuthorizationResponse::new(&redirect, state, &issuer, answer).location()
}

#[test]
fn r46_as_23_parameters_of_the_answer_appear_exactly_once() {
    for query in [
        "code=x&state=y&iss=z&keep=1",
        "keep=1&c%6fde=x",
        "c%6Fde=x&code=y&code&keep=1&error=e&error_description=d&error_uri=u",
        "iss=https://evil.example&keep=1&%73tate=evil",
    ] {
        let location = location(&format!("{GOOD}?{query}"), Some("s"));
        assert_eq!(
            location,
            format!("{GOOD}?keep=1&code=c0de&state=s&iss=https%3A%2F%2Fas.test"),
            "{query}"
        );
    }
}

#[test]
fn an_existing_query_is_retained_as_it_was_written() {
    for (uri, expected) in [
        (
            GOOD,
            "https://good.example/cb?code=c0de&iss=https%3A%2F%2Fas.test",
        ),
        (
            "https://good.example/cb?",
            "https://good.example/cb?code=c0de&iss=https%3A%2F%2Fas.test",
        ),
        (
            "https://good.example/cb?a=%2F+b&a",
            "https://good.example/cb?a=%2F+b&a&code=c0de&iss=https%3A%2F%2Fas.test",
        ),
        (
            "cursor://x/y",
            "cursor://x/y?code=c0de&iss=https%3A%2F%2Fas.test",
        ),
        (
            "http://127.0.0.1:1",
            "http://127.0.0.1:1?code=c0de&iss=https%3A%2F%2Fas.test",
        ),
    ] {
        assert_eq!(location(uri, None), expected);
    }
}

#[test]
fn h4_a_code_is_not_shown_in_debug_output() {
    let redirect = ask(GOOD, &[GOOD]).unwrap();
    let issuer = Issuer::parse("https://as.test").unwrap();
    let answer = AuthorizationAnswer::Code(Secret::new("canary"));
    let response = AuthorizationResponse::new(&redirect, Some("canary"), &issuer, answer);
    assert!(!format!("{response:?}").contains("canary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_registered_is_read_alike_by_another_parser(text in "(https|http|com\\.x|cursor)(:|://|:/)[a-z0-9.:@\\[\\]/?%\\\\*# _-]{0,24}") {
        if let Ok(uri) = RedirectUri::parse(&text) {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.scheme(), uri.scheme());
            prop_assert_eq!(url.fragment(), None);
            prop_assert!(url.username().is_empty() && url.password().is_none());
            if let Some(host) = uri.host() {
                prop_assert_eq!(url.host_str(), Some(host));
                let path = url.path();
                prop_assert!(path == "/" || text.contains(path));
            }
            prop_assert!(uri.scheme() != "http" || uri.kind() == RedirectKind::Loopback);
        }
    }

    #[test]
    fn an_answer_goes_to_the_host_that_was_registered(asked in "http://(127\\.0\\.0\\.1|localhost|evil\\.example)[:@/a-z0-9.%]{0,20}/cb") {
        if let Ok(verified) = ask(&asked, &["http://127.0.0.1:3000/cb"]) {
            let url = url::Url::parse(verified.uri().as_str()).unwrap();
            prop_assert_eq!(url.host_str(), Some("127.0.0.1"));
            prop_assert_eq!(url.path(), "/cb");
        }
    }

    #[test]
    fn state_comes_back_as_it_was_and_leaves_the_header_whole(state in any::<String>()) {
        let location = location("https://good.example/cb?a=1", Some(&state));
        prop_assert!(location.bytes().all(|byte| (0x21..0x7F).contains(&byte)));
        let url = url::Url::parse(&location).unwrap();
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let expected = [("a", "1"), ("code", "c0de"), ("state", &state), ("iss", "https://as.test")];
        prop_assert_eq!(pairs.len(), expected.len());
        for (pair, (name, value)) in pairs.iter().zip(expected) {
            prop_assert_eq!((pair.0.as_str(), pair.1.as_str()), (name, value));
        }
    }
}
