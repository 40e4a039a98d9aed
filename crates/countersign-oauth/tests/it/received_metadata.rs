//! Attack row I3: what another authorization server may say about itself.

use countersign_oauth::received_metadata::{MetadataError, ReceivedMetadata, is_endpoint};
use countersign_oauth::web_uri::LoopbackHosts;
use serde_json::{Value, json};

const ISSUER: &str = "https://as.test/tenant";

fn good() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://as.test/authorize?p=b2c",
        "token_endpoint": "https://as.test/token",
        "jwks_uri": "https://keys.test:8443/jwks",
    })
}

fn parse(document: &Value) -> Result<ReceivedMetadata, MetadataError> {
    let text = document.to_string();
    ReceivedMetadata::parse(text.as_bytes(), ISSUER, LoopbackHosts::Refused)
}

#[test]
fn i3_a_document_of_another_issuer_is_refused() {
    for issuer in [
        Value::Null,
        json!(""),
        json!([ISSUER]),
        json!("https://as.test"),
        json!("https://as.test/tenant/"),
        json!("https://AS.test/tenant"),
        json!("https://as.test/Tenant"),
    ] {
        let mut document = good();
        document["issuer"] = issuer.clone();
        assert_eq!(parse(&document), Err(MetadataError::Issuer), "{issuer}");
    }
}

#[test]
fn i3_a_document_with_two_readings_or_none_is_refused() {
    for text in [
        "",
        "[]",
        "<html>",
        r#"{"issuer":"https://as.test/tenant","issuer":"https://evil.test"}"#,
        "\u{feff}{}",
    ] {
        let outcome = ReceivedMetadata::parse(text.as_bytes(), ISSUER, LoopbackHosts::Refused);
        assert!(matches!(outcome, Err(MetadataError::Json(_))), "{text}");
    }
}

#[test]
fn i3_an_address_that_is_not_https_is_refused_by_its_name() {
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "introspection_endpoint",
        "jwks_uri",
    ] {
        let mut document = good();
        document[member] = "http://as.test/x".into();
        assert_eq!(parse(&document), Err(MetadataError::Address(member)));
        document[member] = json!(["https://as.test/x"]);
        assert_eq!(parse(&document), Err(MetadataError::Type(member)));
        document[member] = Value::Null;
        assert!(parse(&document).is_ok());
    }
    let mut document = good();
    let member = "authorization_response_iss_parameter_supported";
    document[member] = "true".into();
    assert_eq!(parse(&document), Err(MetadataError::Type(member)));
}

#[test]
fn i3_an_endpoint_is_plain_https_or_told_loopback() {
    for text in [
        "",
        "x",
        "/x",
        "//as.test/x",
        "https:///x",
        "https:as.test/x",
        "https:/as.test/x",
        "HTTPS://as.test/x",
        "https://",
        "http://as.test/x",
        "http://10.0.0.1/x",
        "http://localhost.evil.test/x",
        "ftp://as.test/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://u@as.test/x",
        "https://u:p@as.test/x",
        "https://as.test/#x",
        "https://as.test/a b",
        "https://as.test/\n",
        "https://as.test/\u{e9}",
        "https://as.test\\@evil.test/",
    ] {
        for loopback in [LoopbackHosts::Refused, LoopbackHosts::Allowed] {
            assert!(!is_endpoint(text, loopback), "{text:?}");
        }
    }
    let long = format!("https://as.test/{}", "x".repeat(2_048));
    assert!(!is_endpoint(&long, LoopbackHosts::Refused));
    assert!(is_endpoint(
        "https://as.test:8443/x?y=z",
        LoopbackHosts::Refused
    ));
    for local in [
        "http://127.0.0.1:9/x",
        "http://localhost/x",
        "http://[::1]:9/x",
    ] {
        assert!(!is_endpoint(local, LoopbackHosts::Refused), "{local}");
        assert!(is_endpoint(local, LoopbackHosts::Allowed), "{local}");
    }
}

#[test]
fn what_a_good_document_says_is_kept_as_written() {
    let metadata = parse(&good()).unwrap();
    assert_eq!(metadata.issuer, ISSUER);
    assert_eq!(
        metadata.authorization_endpoint.as_deref(),
        Some("https://as.test/authorize?p=b2c")
    );
    assert_eq!(
        metadata.jwks_uri.as_deref(),
        Some("https://keys.test:8443/jwks")
    );
    assert_eq!(metadata.userinfo_endpoint, None);
    assert!(!metadata.sends_iss);
    let mut document = good();
    document["authorization_response_iss_parameter_supported"] = true.into();
    assert!(parse(&document).unwrap().sends_iss);
}
