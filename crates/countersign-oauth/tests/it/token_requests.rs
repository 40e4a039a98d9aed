//! Token requests and client authentication: rows C of the attack corpus, RFC 6749 §3.2, §4.1.3, §6.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth::client_authentication::{
    ClientAuthenticationError, ClientProof, PresentedClient, TokenEndpointAuthMethod,
};
use countersign_oauth::form::{Form, FormError};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::revocation_request::{TokenInQuestion, TokenInQuestionError, TokenTypeHint};
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_request::{TokenRequest, TokenRequestError};
use countersign_oauth::{ScopeSet, Secret};
use proptest::prelude::*;

const CODE: &str = "grant_type=authorization_code&code=c0de&client_id=C1\
     &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\
     &redirect_uri=https%3A%2F%2Fgood.example%2Fcb";
const REFRESH: &str = "grant_type=refresh_token&refresh_token=r&client_id=C1";
const FORM: &str = "application/x-www-form-urlencoded";

fn form(text: &str) -> Form {
    Form::parse(text.as_bytes()).unwrap()
}

fn request(text: &str) -> Result<TokenRequest, TokenRequestError> {
    TokenRequest::parse(&form(text))
}

fn refusal(text: &str) -> TokenErrorCode {
    request(text).expect_err(text).code()
}

fn client(headers: &[&str], text: &str) -> Result<PresentedClient, ClientAuthenticationError> {
    PresentedClient::parse(headers.iter().map(|header| header.as_bytes()), &form(text))
}

fn basic(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

#[test]
fn c6_another_or_no_redirect_uri_than_that_of_the_code_is_refused() {
    let used = "https://good.example/cb";
    let check = |text: &str, was_sent| match request(text).unwrap() {
        TokenRequest::AuthorizationCode(code) => code.check_redirect_uri(used, was_sent),
        other => panic!("{other:?}"),
    };
    let without = CODE.replace("&redirect_uri=https%3A%2F%2Fgood.example%2Fcb", "");
    assert!(check(&without, true).is_err());
    for other in [
        "https%3A%2F%2Fgood.example%2Fcb%2F",
        "https%3A%2F%2FGOOD.example%2Fcb",
        "x",
    ] {
        let text = format!("{without}&redirect_uri={other}");
        assert!(
            check(&text, true).is_err() && check(&text, false).is_err(),
            "{text}"
        );
    }
    assert_eq!(
        refusal(&format!("{CODE}&redirect_uri=x")),
        TokenErrorCode::InvalidRequest
    );
    assert_eq!((check(CODE, true), check(CODE, false)), (Ok(()), Ok(())));
    assert_eq!(check(&without, false), Ok(()));
}

#[test]
fn c8_a_malformed_verifier_is_an_invalid_request() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let long = "a".repeat(129);
    for other in [
        &verifier[..42],
        &long,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX%2B",
    ] {
        assert_eq!(
            refusal(&CODE.replace(verifier, other)),
            TokenErrorCode::InvalidRequest
        );
    }
    assert_eq!(
        refusal(&format!("{CODE}&code_verifier={verifier}")),
        TokenErrorCode::InvalidRequest
    );
}

#[test]
fn as_39_c13_c42_grant_types_that_are_missing_unknown_or_repeated_are_refused() {
    for (text, code) in [
        ("client_id=C1", TokenErrorCode::InvalidRequest),
        ("grant_type=", TokenErrorCode::InvalidRequest),
        ("grant_type=junk", TokenErrorCode::UnsupportedGrantType),
        (
            "grant_type=password&username=a&password=b",
            TokenErrorCode::UnsupportedGrantType,
        ),
        ("grant_type=implicit", TokenErrorCode::UnsupportedGrantType),
        (
            "grant_type=AUTHORIZATION_CODE&code=c",
            TokenErrorCode::UnsupportedGrantType,
        ),
        (
            "grant_type=refresh_token&grant_type=refresh_token",
            TokenErrorCode::InvalidRequest,
        ),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code",
            TokenErrorCode::UnsupportedGrantType,
        ),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
            TokenErrorCode::InvalidRequest,
        ),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
            TokenErrorCode::InvalidRequest,
        ),
        (
            "grant_type=authorization_code",
            TokenErrorCode::InvalidRequest,
        ),
        (
            "grant_type=authorization_code&code=",
            TokenErrorCode::InvalidRequest,
        ),
        ("grant_type=refresh_token", TokenErrorCode::InvalidRequest),
    ] {
        assert_eq!(refusal(text), code, "{text}");
    }
}

#[test]
fn c42_of_a_grant_type_that_is_not_offered_nothing_is_read() {
    let offered = [GrantType::AuthorizationCode];
    for grant_type in GrantType::ALL {
        let text = format!("grant_type={}", grant_type.as_str());
        let form = Form::parse(text.as_bytes()).unwrap();
        let refusal = TokenRequest::parse_offered(&form, &offered).unwrap_err();
        let is_offered = grant_type == GrantType::AuthorizationCode;
        let code = if is_offered {
            TokenErrorCode::InvalidRequest
        } else {
            TokenErrorCode::UnsupportedGrantType
        };
        assert_eq!(refusal.code(), code, "{text}");
    }
}

#[test]
fn as_25_c14_a_body_that_is_no_form_is_refused() {
    for content_type in [
        None,
        Some("application/json"),
        Some("multipart/form-data; boundary=x"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded; charset=utf-16"),
        Some("application/x-www-form-urlencoded-2"),
        Some(""),
    ] {
        let refusal = Form::parse_post(content_type, None, CODE.as_bytes()).unwrap_err();
        assert_eq!(refusal, FormError::MediaType, "{content_type:?}");
    }
    for content_type in [
        FORM,
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=\"utf-8\"",
    ] {
        assert!(Form::parse_post(Some(content_type), None, CODE.as_bytes()).is_ok());
    }
}

#[test]
fn as_25_c15_parameters_in_the_query_are_refused() {
    for query in ["client_secret=x", "code=x", "x"] {
        let refusal = Form::parse_post(Some(FORM), Some(query), CODE.as_bytes()).unwrap_err();
        assert_eq!(refusal, FormError::InQuery);
    }
    assert!(Form::parse_post(Some(FORM), Some(""), CODE.as_bytes()).is_ok());
}

#[test]
fn as_25_c16_repeated_parameters_are_refused() {
    for more in [
        "code=c0de",
        "grant_type=authorization_code",
        "code_verifier=x",
        "redirect_uri=x",
        "code=",
    ] {
        assert_eq!(
            refusal(&format!("{CODE}&{more}")),
            TokenErrorCode::InvalidRequest,
            "{more}"
        );
    }
    let repeated = refusal(&format!("{REFRESH}&refresh_token=r"));
    assert_eq!(repeated, TokenErrorCode::InvalidRequest);
    for text in [
        "client_id=C1&client_id=C1",
        "client_id=C1&client_secret=s&client_secret=s",
    ] {
        let refusal = client(&[], text).unwrap_err();
        assert_eq!(refusal.code(), TokenErrorCode::InvalidRequest, "{text}");
    }
}

#[test]
fn c17_parameters_without_a_single_reading_are_refused() {
    for (text, error) in [
        (&b"code=%zz"[..], FormError::PercentEncoding),
        (b"code=%", FormError::PercentEncoding),
        (b"code=\xff", FormError::NotUtf8),
        (b"code=%ff", FormError::NotUtf8),
        (b"\xc0\xaf=x", FormError::NotUtf8),
    ] {
        assert_eq!(Form::parse(text).unwrap_err(), error);
    }
    let many = "x=1&".repeat(10_000);
    assert_eq!(
        Form::parse(many.as_bytes()).unwrap_err(),
        FormError::TooMany
    );
    // A NUL is a character like another, and no client id.
    let refusal = client(&[], "client_id=C%001").unwrap_err();
    assert_eq!(refusal, ClientAuthenticationError::ClientId);
}

#[test]
fn as_32_c19_more_than_one_way_of_authentication_is_refused() {
    let header = basic("C3:s");
    let assertion = "client_assertion=a.b.c&client_assertion_type=\
         urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    for (headers, text) in [
        (
            vec![header.as_str()],
            "client_id=C3&client_secret=s".to_owned(),
        ),
        (vec![header.as_str()], "client_secret=s".to_owned()),
        (vec![header.as_str()], "client_id=C1".to_owned()),
        (vec![header.as_str()], assertion.to_owned()),
        (vec![], format!("client_id=C3&client_secret=s&{assertion}")),
        (vec![header.as_str(), header.as_str()], String::new()),
    ] {
        let refusal = client(&headers, &text).unwrap_err();
        assert_eq!(
            refusal.code(),
            TokenErrorCode::InvalidRequest,
            "{headers:?} {text}"
        );
    }
    // The same id in the body is no second method.
    assert!(client(&[&header], "client_id=C3").is_ok());
}

#[test]
fn as_32_c20_c21_only_the_registered_way_of_authentication_is_accepted() {
    let header = basic("C3:s");
    for (presented, method) in [
        (client(&[], "client_id=C1"), TokenEndpointAuthMethod::None),
        (
            client(&[&header], ""),
            TokenEndpointAuthMethod::ClientSecretBasic,
        ),
        (
            client(&[], "client_id=C3&client_secret=s"),
            TokenEndpointAuthMethod::ClientSecretPost,
        ),
    ] {
        let presented = presented.unwrap();
        assert_eq!(presented.method(), method);
        for registered in TokenEndpointAuthMethod::ALL {
            let expected = if registered == method {
                Ok(())
            } else {
                Err(ClientAuthenticationError::MethodNotRegistered)
            };
            assert_eq!(
                presented.check_method(registered),
                expected,
                "{method} {registered}"
            );
        }
    }
    assert_eq!(
        ClientAuthenticationError::MethodNotRegistered.code(),
        TokenErrorCode::InvalidClient
    );
    assert_eq!(TokenErrorCode::InvalidClient.status(), 401);
}

#[test]
fn an_empty_secret_of_a_public_client_is_no_secret() {
    let presented = client(&[], "client_id=C1&client_secret=").unwrap();
    assert_eq!(presented.method(), TokenEndpointAuthMethod::None);
}

#[test]
fn c22_malformed_basic_credentials_are_refused() {
    let long = basic("a".repeat(64 * 1024));
    for header in [
        basic("C3"),
        basic(":s"),
        basic("C3:"),
        basic("C3:%zz"),
        basic(b"C3:\xff"),
        basic("C%003:s"),
        "Basic !!!".to_owned(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Bearer abc".to_owned(),
        long,
    ] {
        let refusal = client(&[&header], "").expect_err(&header);
        assert_eq!(refusal.code(), TokenErrorCode::InvalidClient, "{header}");
    }
    let refusal = client(&[], "grant_type=refresh_token").unwrap_err();
    assert_eq!(refusal, ClientAuthenticationError::NoClient);
}

#[test]
fn c22_basic_credentials_are_form_encoded_inside() {
    for (header, id, secret) in [
        (basic("C3:s"), "C3", "s"),
        (basic("C3:s").replace("Basic", "basic"), "C3", "s"),
        (basic("C%3A3:a%3Ab"), "C:3", "a:b"),
        (basic("C3:a:b"), "C3", "a:b"),
        (basic("C3:a+b%2Bc"), "C3", "a b+c"),
        (basic("C3:%C3%A9&x=y"), "C3", "\u{e9}&x=y"),
    ] {
        let presented = client(&[&header], "").unwrap();
        assert_eq!(presented.client_id().as_str(), id);
        let ClientProof::SecretBasic(presented) = presented.proof() else {
            panic!("{presented:?}");
        };
        assert_eq!(presented, &Secret::new(secret));
    }
}

#[test]
fn c30_c37_the_scope_of_a_refresh_is_read_and_that_of_a_code_is_not() {
    let malformed = refusal(&format!("{REFRESH}&scope=a%22b"));
    assert_eq!(malformed, TokenErrorCode::InvalidScope);
    let TokenRequest::RefreshToken(refresh) = request(&format!("{REFRESH}&scope=read")).unwrap()
    else {
        panic!("not a refresh");
    };
    assert_eq!(refresh.scope, Some(ScopeSet::parse("read").unwrap()));
    assert!(request(&format!("{CODE}&scope=admin")).is_ok());
}

#[test]
fn as_27_every_resource_of_a_request_is_read() {
    let text = format!("{CODE}&resource=https%3A%2F%2Frs.test%2Fmcp&resource=x&resource=");
    let TokenRequest::AuthorizationCode(code) = request(&text).unwrap() else {
        panic!("not a code");
    };
    assert_eq!(code.resource, ["https://rs.test/mcp", "x"]);
}

#[test]
fn c38_c39_a_question_about_a_token_needs_the_token() {
    let parse = |text: &str| TokenInQuestion::parse(&form(text));
    assert_eq!(parse("token=").unwrap_err(), TokenInQuestionError::Missing);
    assert_eq!(
        parse("token=a&token=a").unwrap_err(),
        TokenInQuestionError::Repeated
    );
    assert_eq!(
        parse("token=a&token_type_hint=x&token_type_hint=y").unwrap_err(),
        TokenInQuestionError::Repeated
    );
    for (text, hint) in [
        ("token=a", None),
        ("token=a&token_type_hint=junk", None),
        (
            "token=a&token_type_hint=refresh_token",
            Some(TokenTypeHint::RefreshToken),
        ),
        (
            "token=a&token_type_hint=access_token",
            Some(TokenTypeHint::AccessToken),
        ),
    ] {
        assert_eq!(parse(text).unwrap().hint, hint, "{text}");
    }
}

#[test]
fn h4_secrets_of_a_request_are_not_shown_in_debug_output() {
    let text = CODE.replace("c0de", "canary");
    assert!(!format!("{:?}", form(&text)).contains("canary"));
    assert!(!format!("{:?}", request(&text)).contains("canary"));
    assert!(!format!("{:?}", client(&[&basic("C3:canary")], "")).contains("canary"));
    assert!(!format!("{:?}", client(&[], "client_id=C&client_secret=canary")).contains("canary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_request_is_read_or_refused(header in prop::collection::vec(any::<u8>(), 0..60), body in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(form) = Form::parse(&body) {
            let _ = TokenRequest::parse(&form);
            let _ = TokenInQuestion::parse(&form);
            let _ = PresentedClient::parse([&header[..]], &form);
            let _ = PresentedClient::parse([basic(&header).as_bytes()], &form);
        }
    }

    #[test]
    fn encoded_basic_credentials_are_read_as_they_were(id in "[ -~]{1,20}", secret in "\\PC{1,20}") {
        use countersign_oauth::form::encode;
        let header = basic(format!("{}:{}", encode(&id), encode(&secret)));
        let presented = client(&[&header], "").unwrap();
        prop_assert_eq!(presented.client_id().as_str(), id.as_str());
        prop_assert!(matches!(presented.proof(), ClientProof::SecretBasic(read) if *read == Secret::new(secret)));
    }
}
