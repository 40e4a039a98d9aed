//! Values in the places of variables.

use std::collections::BTreeMap;

use countersign_resource_server::provider::{Preset, Provider};
use url::Url;

use super::{SAMPLE, changed, refusal};

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn filled(text: &str, pairs: &[(&str, &str)]) -> Provider {
    let preset = Preset::parse(text).unwrap_or_else(|error| panic!("{error}"));
    preset
        .fill(&values(pairs))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The file with one variable `x` of `kind`, and `address` as where to ask.
fn one(kind: &str, address: &str) -> String {
    changed(
        "[endpoints]",
        &format!("[variables.x]\ndescription = \"x\"\nkind = \"{kind}\"\n\n[endpoints]"),
    )
    .replace("https://{domain}/me", address)
}

fn refused(text: &str, pairs: &[(&str, &str)]) -> String {
    let preset = Preset::parse(text).unwrap_or_else(|error| panic!("{error}"));
    match preset.fill(&values(pairs)) {
        Ok(provider) => panic!("{pairs:?} yields {:?}", provider.endpoints),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_value_that_is_missing_or_of_no_variable_is_told() {
    let error = refused(SAMPLE, &[]);
    assert_eq!(
        error,
        "the provider sample needs domain, the domain of your tenant, such as mine.sample.test"
    );
    let error = refused(SAMPLE, &[("domain", "a.test"), ("realm", "x")]);
    assert!(
        error.contains("has no \"realm\": it takes audience, domain"),
        "{error}"
    );
    let error = refused(SAMPLE, &[("domain", "https://a.test/")]);
    assert!(error.contains("without https://"), "{error}");
    for client_id in ["", "a b", "a\"b", "a\nb", "\u{e9}"] {
        let error = refused(SAMPLE, &[("domain", "a.test"), ("client_id", client_id)]);
        assert!(error.contains("client id"), "{error}");
    }
    let text = changed("https://{domain}/me", "https://{domain}/{client_id}");
    let error = refused(&text, &[("domain", "a.test")]);
    assert!(
        error.contains("endpoints.userinfo: {client_id} has no value"),
        "{error}"
    );
}

/// What might leave its place.
const HOSTILE: &[&str] = &[
    "",
    ".",
    "..",
    "a/b",
    "a/../b",
    "../../x",
    "%2e%2e",
    "%2F",
    "a?b=c",
    "a#b",
    "a@b",
    "a:b@c",
    "@evil.test",
    "evil.test/",
    "evil.test?",
    "evil.test#",
    "evil.test\\",
    "x.evil.test",
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "127.1",
    "[::1]",
    "::1",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\u{0}b",
    "\u{ff0e}\u{ff0e}",
    "evil\u{3002}test",
    "xn--",
    "A.TEST",
    "a..b",
    ".a",
    "a.",
    "-a",
    "a-",
    "a:0",
    "a.test:0",
    "a.test:99999",
    "a.test:",
    "a.test:8443",
    "https://evil.test",
    "https://evil.test/",
    "https://a@evil.test",
    "https://evil.test?x",
    "https://evil.test/#",
    "http://evil.test",
    "javascript:alert(1)",
    "{domain}",
    "}",
    "{",
    "%00",
    "a%",
    "*",
    "*.test",
    "0b9e62a7-1c5d-4f0e-9a53-6d2c8a7f1e44",
    "0b9e62a71c5d4f0e9a536d2c8a7f1e44",
    "P2abcDEF_x",
];

/// Kind, address, and which parts of the address stay as they are.
const TEMPLATES: [(&str, &str, &str, &str); 9] = [
    ("host", "https://{x}/fixed/me", "", "/fixed/me"),
    ("host", "https://eu.{x}/fixed/me", "", "/fixed/me"),
    ("host", "https://sample.test/{x}/me", "sample.test", ""),
    ("label", "https://{x}.sample.test/me", ".sample.test", "/me"),
    ("label", "https://sample.test/{x}/me", "sample.test", ""),
    ("uuid", "https://{x}.sample.test/me", ".sample.test", "/me"),
    ("uuid", "https://sample.test/{x}/me", "sample.test", ""),
    ("text", "https://sample.test/{x}/me", "sample.test", ""),
    (
        "text",
        "https://sample.test/me?tenant={x}",
        "sample.test",
        "/me",
    ),
];

#[test]
fn bp_13_no_value_leaves_its_place_in_an_address() {
    let mut accepted = 0;
    for (kind, template, host, path) in TEMPLATES {
        let preset = Preset::parse(&one(kind, template)).unwrap_or_else(|error| panic!("{error}"));
        for &value in HOSTILE {
            let pairs = values(&[("domain", "a.test"), ("x", value)]);
            let Ok(provider) = preset.fill(&pairs) else {
                continue;
            };
            accepted += 1;
            let address = provider.endpoints.userinfo.unwrap();
            let url = Url::parse(&address).unwrap();
            assert_eq!(url.as_str(), address, "{kind} {value:?} is rewritten");
            assert_eq!(url.scheme(), "https");
            assert!(
                url.username().is_empty() && url.password().is_none(),
                "{address}"
            );
            assert!(url.fragment().is_none(), "{address}");
            assert!(url.host_str().unwrap().ends_with(host), "{address}");
            if path.is_empty() {
                assert_eq!(url.path_segments().unwrap().count(), 2, "{address}");
                assert!(url.path().ends_with("/me"), "{address}");
            } else {
                assert_eq!(url.path(), path, "{address}");
            }
            if template.contains('?') {
                assert_eq!(url.query_pairs().count(), 1, "{address}");
                assert_eq!(url.query_pairs().next().unwrap().1, value);
            } else {
                assert_eq!(url.query(), None, "{address}");
            }
            if kind == "host" && host.is_empty() {
                let authority = address.split('/').nth(2).unwrap();
                assert!(authority.ends_with(value), "{address}");
            }
        }
    }
    assert!(accepted > 30, "{accepted}");
}

#[test]
fn a_value_of_kind_url_is_an_origin_with_a_path() {
    let text = one("url", "{x}/me");
    for value in [
        "",
        "a.test",
        "//a.test",
        "http://a.test",
        "ftp://a.test",
        "https://a.test?x=1",
        "https://a.test/#x",
        "https://u@a.test",
        "https://u:p@a.test",
        "https://a.test/a/../b",
        "https://a.test/.",
        "https://a.test//",
        "https://a.test/a//b",
        "https://a.test/%2e%2e",
        "https://a.test/a b",
        "https://a.test\\b",
        "https:a.test",
        "HTTPS://a.test",
        "https://",
        "https:///a",
        "javascript://a.test/%0aalert(1)",
        "https://a.test/{domain}",
    ] {
        let error = refused(&text, &[("domain", "a.test"), ("x", value)]);
        assert!(error.contains("as x"), "{value}: {error}");
    }
    for (value, address) in [
        ("https://a.test", "https://a.test/me"),
        ("https://a.test/", "https://a.test/me"),
        (
            "https://a.test:8443/realms/main",
            "https://a.test:8443/realms/main/me",
        ),
        (
            "https://a.test/realms/main/",
            "https://a.test/realms/main/me",
        ),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/me"),
        ("http://localhost:9000/x", "http://localhost:9000/x/me"),
    ] {
        let provider = filled(&text, &[("domain", "a.test"), ("x", value)]);
        assert_eq!(provider.endpoints.userinfo.as_deref(), Some(address));
    }
    // Alone it is kept byte for byte.
    let issuer = one("url", "https://{domain}/me")
        .replace("issuer = \"https://{domain}/\"", "issuer = \"{x}\"");
    for value in ["https://a.test", "https://a.test/", "https://a.test/b/"] {
        let provider = filled(&issuer, &[("domain", "a.test"), ("x", value)]);
        assert_eq!(provider.endpoints.issuer.as_deref(), Some(value));
    }
}

#[test]
fn a_variable_stands_only_where_its_kind_may() {
    for (kind, address) in [
        ("url", "https://{x}/me"),
        ("url", "https://sample.test/{x}"),
        ("url", "{x}.sample.test/me"),
        ("url", "{x}?a=b"),
        ("host", "{x}/me"),
        ("host", "https://{x}.sample.test/me"),
        ("host", "https://{x}:8443/me"),
        ("host", "https://a{x}/me"),
        ("host", "https://user@{x}/me"),
        ("label", "https://{x}/me"),
        ("label", "https://sample.{x}/me"),
        ("label", "https://{x}"),
        ("label", "{x}://sample.test/me"),
        ("uuid", "https://{x}/a.b"),
        ("text", "https://{x}.sample.test/me"),
        ("text", "https://{x}/me"),
        ("text", "https://sample.test:{x}/me"),
        ("label", "https://sample.test:{x}/me"),
    ] {
        let error = refusal(&one(kind, address));
        assert_eq!(
            error.field(),
            Some("endpoints.userinfo"),
            "{kind} {address}: {error}"
        );
    }
    let several = changed(
        "[endpoints]",
        "[variables.region]\ndescription = \"x\"\nkind = \"label\"\n\n[endpoints]",
    )
    .replace("https://{domain}/me", "https://{region}.{domain}/me");
    let provider = filled(&several, &[("domain", "a.test"), ("region", "eu-1")]);
    assert_eq!(
        provider.endpoints.userinfo.as_deref(),
        Some("https://eu-1.a.test/me")
    );
}

#[test]
fn what_names_an_optional_variable_is_left_out_without_it() {
    let with = filled(
        SAMPLE,
        &[("domain", "a.test"), ("audience", "https://mcp.test")],
    );
    let login = with.login.unwrap();
    assert_eq!(
        login
            .authorize_parameters
            .get("audience")
            .map(String::as_str),
        Some("https://mcp.test")
    );
    assert_eq!(with.tokens.unwrap().audience.values, ["https://mcp.test"]);
    let without = filled(SAMPLE, &[("domain", "a.test")]);
    let login = without.login.unwrap();
    assert_eq!(
        login.authorize_parameters.keys().collect::<Vec<_>>(),
        ["prompt"]
    );
    assert!(without.tokens.is_none(), "nothing would be compared");
}

#[test]
fn a_default_fills_and_a_value_wins() {
    let text = changed(
        "example = \"mine.sample.test\"",
        "default = \"shared.sample.test\"",
    );
    let address = |pairs| filled(&text, pairs).endpoints.userinfo.unwrap();
    assert_eq!(address(&[]), "https://shared.sample.test/me");
    assert_eq!(address(&[("domain", "b.test")]), "https://b.test/me");
}

#[test]
fn a_value_that_breaks_a_rule_only_now_is_refused() {
    let text = changed("\"email\"", "\"{audience}\"")
        .replace("nonce = true", "nonce = true\nscope_separator = \",\"");
    let error = refused(&text, &[("domain", "a.test"), ("audience", "a,b")]);
    assert!(error.contains("login.scopes.1"), "{error}");
    filled(&text, &[("domain", "a.test"), ("audience", "read")]);
}

#[test]
fn braces_are_written_twice() {
    let text = changed(
        "issuer = \"https://{domain}/\"",
        "issuer = \"https://{domain}/{{tenantid}}/v2.0\"",
    );
    let provider = filled(&text, &[("domain", "a.test")]);
    assert_eq!(
        provider.endpoints.issuer.as_deref(),
        Some("https://a.test/{tenantid}/v2.0")
    );
}

#[test]
fn the_values_are_no_secret_and_an_outline_shows_the_places() {
    let preset = Preset::parse(SAMPLE).unwrap();
    assert_eq!(
        preset.outline().endpoints.userinfo.as_deref(),
        Some("https://{domain}/me")
    );
    let provider = filled(SAMPLE, &[("domain", "a.test"), ("client_id", "mine")]);
    assert_eq!(provider.client_id.as_deref(), Some("mine"));
}
