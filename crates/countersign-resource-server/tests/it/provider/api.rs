//! Where access tokens may be sent.

use std::collections::BTreeMap;

use countersign_resource_server::provider::{ApiProfile, Preset};
use url::Url;

use super::{changed, refusal};

fn api(origin: &str) -> ApiProfile {
    let text = changed("[\"https://{domain}\"]", &format!("[\"{origin}\"]"));
    let preset = Preset::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let values = BTreeMap::from([("domain".to_owned(), "a.test".to_owned())]);
    preset.fill(&values).unwrap().api
}

#[test]
fn e42_a_token_goes_to_no_other_origin() {
    let api = api("https://{domain}");
    for url in [
        "https://a.test",
        "https://a.test/x?y#z",
        "https://a.test:443/",
        "https://A.test/",
    ] {
        assert!(api.allows(&Url::parse(url).unwrap()), "{url}");
    }
    for url in [
        "http://a.test/",
        "https://a.test:8443/",
        "https://b.a.test/",
        "https://a.test.evil.test/",
        "https://a.test@evil.test/",
        "https://user@a.test/",
        "https://:p@a.test/",
        "https://a.test./",
        "https://evil.test/https://a.test/",
        "wss://a.test/",
        "data:text/plain,https://a.test",
        "file:///a.test",
    ] {
        assert!(!api.allows(&Url::parse(url).unwrap()), "{url}");
    }
    assert!(!ApiProfile::default().allows(&Url::parse("https://a.test").unwrap()));
}

#[test]
fn e42_a_star_is_one_label() {
    let api = api("https://*.apis.test");
    for url in ["https://mail.apis.test/", "https://x-1.apis.test/v1"] {
        assert!(api.allows(&Url::parse(url).unwrap()), "{url}");
    }
    for url in [
        "https://apis.test/",
        "https://a.b.apis.test/",
        "https://mail.apis.test.evil.test/",
        "https://evilapis.test/",
        "http://mail.apis.test/",
        "https://mail.apis.test:444/",
        "https://127.0.0.1/",
        "https://[::1]/",
    ] {
        assert!(!api.allows(&Url::parse(url).unwrap()), "{url}");
    }
}

#[test]
fn an_origin_is_nothing_more() {
    for origin in [
        "https://a.test/",
        "https://a.test/api",
        "https://a.test?x",
        "https://u@a.test",
        "https://A.test",
        "https://a.test:443",
        "http://a.test",
        "https://*",
        "https://*.test",
        "https://*.*.a.test",
        "https://a.*.test",
        "https://*a.test",
        "*.a.test",
        "a.test",
        "",
    ] {
        let error = refusal(&changed(
            "[\"https://{domain}\"]",
            &format!("[\"{origin}\"]"),
        ));
        assert_eq!(error.field(), Some("api.origins.0"), "{origin}: {error}");
    }
    for origin in [
        "http://127.0.0.1:9000",
        "https://a.test:8443",
        "https://*.a.test:8443",
    ] {
        api(origin);
    }
}
