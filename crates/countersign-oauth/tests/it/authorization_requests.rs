//! Authorization requests: rows P of the attack corpus, RFC 6749 §4.1.1.

use countersign_oauth::authorization_request::{
    Prompt, RequestRefusal, UnusableRequest, UnverifiedRequest, VerifiedRequest,
};
use countersign_oauth::form::{self, FormError};
use countersign_oauth::pkce::{CodeChallenge, PkceError};
use countersign_oauth::redirect_uri::{ApplicationType, RedirectUri};
use countersign_oauth::requested_scope::{self, ScopeRefusal};
use countersign_oauth::resource_indicator::{self, InvalidTarget};
use countersign_oauth::{Issuer, ResourceUri, ScopeSet};
use proptest::prelude::*;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// A good request of C1 with `changes`: a value replaces, nothing removes.
fn query(changes: &[(&str, Option<&str>)]) -> String {
    let good = [
        ("response_type", "code"),
        ("client_id", "C1"),
        ("redirect_uri", "https://good.example/cb"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("scope", "read"),
        ("resource", "https://rs.test/mcp"),
    ];
    let changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = good
        .iter()
        .filter(|(name, _)| !changed(name))
        .map(|(name, value)| (*name, *value));
    let added = changes
        .iter()
        .filter_map(|(name, value)| value.map(|value| (*name, value)));
    let pairs: Vec<_> = kept
        .chain(added)
        .map(|(name, value)| format!("{name}={}", form::encode(value)))
        .collect();
    pairs.join("&")
}

fn verified(query: &str) -> Result<VerifiedRequest, UnusableRequest> {
    let registered = [RedirectUri::parse("https://good.example/cb").unwrap()];
    UnverifiedRequest::parse_get(query)?.verify_redirect(&registered, ApplicationType::Web)
}

fn known() -> Vec<ResourceUri> {
    ["https://rs.test/mcp", "https://rs.test/mcp2"]
        .map(|text| ResourceUri::parse(text).unwrap())
        .to_vec()
}

/// All checks that need nobody else, in their order.
fn judge(query: &str) -> Result<(), RequestRefusal> {
    let request = verified(query).unwrap();
    request.check_parameters()?;
    request.check_request_object()?;
    request.check_response_type()?;
    request.code_challenge()?;
    request.resource(&known())?;
    let (allowed, scope) = (ScopeSet::parse("read write").unwrap(), request.scope()?);
    requested_scope::decide(scope.as_ref(), &allowed, &allowed)?;
    request.prompts()?;
    Ok(())
}

/// The refusal, and the parameters that the client is told.
fn red(query: &str) -> (RequestRefusal, Vec<(String, String)>) {
    let refusal = judge(query).expect_err(query);
    let (request, issuer) = (
        verified(query).unwrap(),
        Issuer::parse("https://as.test").unwrap(),
    );
    let location = request.refuse(refusal, &issuer).location();
    assert!(
        location.starts_with("https://good.example/cb?error="),
        "{location}"
    );
    let url = url::Url::parse(&location).unwrap();
    (refusal, url.query_pairs().into_owned().collect())
}

fn assert_red(row: &str, query: &str, code: &str) {
    let (_, pairs) = red(query);
    let values = |name: &str| -> Vec<&str> {
        pairs
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
            .collect()
    };
    assert_eq!(values("error"), [code], "{row}: {query}");
    assert_eq!(values("iss"), ["https://as.test"], "{row}: {query}");
    assert!(values("code").is_empty(), "{row}: {query}");
    if !query.contains("state=t") {
        assert_eq!(values("state"), ["s"], "{row}: {query}");
    }
}

#[test]
fn p2_as_16_a_request_that_names_no_client_is_not_redirected() {
    let long = "a".repeat(1 << 20);
    for id in [None, Some(""), Some(long.as_str()), Some("C1\0")] {
        let query = query(&[("client_id", id)]);
        let refusal = UnverifiedRequest::parse_get(&query).unwrap_err();
        assert_eq!(refusal, UnusableRequest::ClientId);
    }
}

#[test]
fn p3_r40_a_repeated_client_or_address_is_not_redirected() {
    for more in [
        "client_id=C1",
        "client_id=C2",
        "client_id=",
        "redirect_uri=https%3A%2F%2Fgood.example%2Fcb",
        "redirect_uri=https%3A%2F%2Fevil.example%2Fcb",
    ] {
        for text in [
            format!("{}&{more}", query(&[])),
            format!("{more}&{}", query(&[])),
        ] {
            let refusal = UnverifiedRequest::parse_get(&text).unwrap_err();
            assert_eq!(refusal, UnusableRequest::Repeated, "{text}");
        }
    }
}

#[test]
fn r32_an_empty_address_is_not_taken_for_an_omitted_one() {
    assert!(verified(&query(&[("redirect_uri", Some(""))])).is_err());
    assert!(
        !verified(&query(&[("redirect_uri", None)]))
            .unwrap()
            .redirect()
            .was_sent()
    );
}

#[test]
fn p4_p5_as_39_only_the_response_type_code_is_answered() {
    for missing in [None, Some("")] {
        let query = query(&[("response_type", missing)]);
        assert_red("P4", &query, "invalid_request");
    }
    for other in [
        "token",
        "id_token",
        "code token",
        "code id_token",
        "none",
        "CODE",
    ] {
        let query = query(&[("response_type", Some(other))]);
        assert_red("P5", &query, "unsupported_response_type");
    }
}

#[test]
fn p6_other_response_modes_are_refused() {
    for mode in ["fragment", "form_post", "query.jwt", "junk"] {
        let query = query(&[("response_mode", Some(mode))]);
        assert_red("P6", &query, "invalid_request");
    }
    assert_eq!(judge(&query(&[("response_mode", Some("query"))])), Ok(()));
}

#[test]
fn as_17_p7_p8_p9_a_request_without_an_s256_challenge_is_refused() {
    for missing in [None, Some("")] {
        assert_red(
            "P7",
            &query(&[("code_challenge", missing)]),
            "invalid_request",
        );
    }
    for method in [None, Some("plain"), Some("s256"), Some("S512"), Some("")] {
        let query = query(&[("code_challenge_method", method)]);
        assert_red("P8", &query, "invalid_request");
    }
    let cut = &CHALLENGE[..42];
    for challenge in [
        cut.to_owned(),
        format!("{CHALLENGE}A"),
        format!("{cut}="),
        format!("{cut}+"),
        " ".to_owned(),
        format!("{cut}\u{e9}"),
    ] {
        let query = query(&[("code_challenge", Some(&challenge))]);
        assert_red("P9", &query, "invalid_request");
        assert_eq!(
            red(&query).0,
            RequestRefusal::Challenge(PkceError::Challenge)
        );
    }
}

#[test]
fn p10_as_45_repeated_parameters_are_refused() {
    for name in [
        "state",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "response_type",
        "nonce",
        "prompt",
    ] {
        let first = query(&[(name, Some("t"))]);
        let text = format!("{first}&{name}=t");
        let (refusal, pairs) = red(&text);
        assert_eq!(refusal, RequestRefusal::Repeated, "{name}");
        let states = pairs.iter().filter(|(name, _)| name == "state").count();
        assert_eq!(states, usize::from(name != "state"), "{name}");
    }
}

#[test]
fn p11_as_22_without_state_the_answer_has_none() {
    let request = verified(&query(&[("state", None)])).unwrap();
    assert_eq!(
        (request.state(), request.check_parameters()),
        (None, Ok(()))
    );
    let issuer = Issuer::parse("https://as.test").unwrap();
    let location = request.refuse(RequestRefusal::Denied, &issuer).location();
    assert!(!location.contains("state"));
}

#[test]
fn p12_as_22_state_is_returned_unchanged_or_refused() {
    let longest = "x".repeat(4_096);
    for state in [
        "a\r\nSet-Cookie: x=1",
        "s&code=x",
        "\"'<>",
        "a\0b",
        longest.as_str(),
    ] {
        let query = query(&[("state", Some(state)), ("prompt", Some("junk"))]);
        let (_, pairs) = red(&query);
        assert!(
            pairs.contains(&("state".to_owned(), state.to_owned())),
            "{state:?}"
        );
        assert!(!pairs.iter().any(|(name, _)| name == "code"), "{state:?}");
    }
    let (refusal, pairs) = red(&query(&[("state", Some(&format!("{longest}x")))]));
    assert_eq!(refusal, RequestRefusal::StateTooLong);
    assert!(!pairs.iter().any(|(name, _)| name == "state"));
}

#[test]
fn p13_p14_unknown_and_malformed_scopes_are_refused() {
    let many = vec!["read"; 10_000].join(" ");
    for scope in [
        "unknown",
        "read admin",
        "*",
        "a\"b",
        "a\\b",
        "a\tb",
        "<script>x</script> \u{1}",
        "read  write",
        many.as_str(),
    ] {
        assert_red(
            "P13/P14",
            &query(&[("scope", Some(scope))]),
            "invalid_scope",
        );
    }
    for scope in [None, Some("")] {
        assert_eq!(judge(&query(&[("scope", scope)])), Ok(()));
        assert_eq!(
            verified(&query(&[("scope", scope)])).unwrap().scope(),
            Ok(None)
        );
    }
}

#[test]
fn as_27_p16_targets_that_are_not_ours_are_refused() {
    for resource in [
        "/mcp",
        "https://rs.test/mcp#x",
        "https://user@rs.test/mcp",
        "http://rs.test/mcp",
        "https://evil.example/mcp",
        "https://rs.test/mcp/../other",
        "https://rs.test/other",
        "https://rs.test/mcp/",
        "https://rs.test/MCP",
        "https://rs.test:443/mcp",
    ] {
        let query = query(&[("resource", Some(resource))]);
        assert_red("P16", &query, "invalid_target");
    }
    let two = format!("{}&resource=https%3A%2F%2Frs.test%2Fmcp2", query(&[]));
    assert_red("P16", &two, "invalid_target");
    assert_eq!(red(&two).0, RequestRefusal::Target(InvalidTarget::Several));
}

#[test]
fn as_27_p16_the_case_of_scheme_and_host_does_not_matter_and_our_spelling_is_used() {
    let known = known();
    let selected =
        resource_indicator::select(["HTTPS://RS.TEST/mcp", "https://rs.test/mcp"], &known);
    assert_eq!(selected, Ok(Some(known[0].clone())));
    assert_eq!(resource_indicator::select([], &known), Ok(None));
    // Clients that build URLs write a bare origin with a slash.
    let origin = [ResourceUri::parse("https://rs.test").unwrap()];
    let selected = resource_indicator::select(["https://rs.test/"], &origin);
    assert_eq!(selected, Ok(Some(origin[0].clone())));
    assert_eq!(
        resource_indicator::select(["https://rs.test/?"], &origin),
        Err(InvalidTarget::Unknown)
    );
}

#[test]
fn p17_unknown_and_contradicting_prompts_are_refused() {
    for prompt in [
        "none login",
        "login none",
        "create",
        "NONE",
        " ",
        "login  consent",
    ] {
        let query = query(&[("prompt", Some(prompt))]);
        assert_red("P17", &query, "invalid_request");
    }
    let codes = [RequestRefusal::LoginNeeded, RequestRefusal::ConsentNeeded]
        .map(|refusal| refusal.code().as_str());
    assert_eq!(codes, ["login_required", "consent_required"]);
    let prompts = verified(&query(&[("prompt", Some("login consent"))]))
        .unwrap()
        .prompts()
        .unwrap();
    assert!(prompts.contains(Prompt::Login) && prompts.contains(Prompt::Consent));
    assert!(!prompts.contains(Prompt::None) && !prompts.contains(Prompt::SelectAccount));
}

#[test]
fn p18_request_objects_are_refused_with_their_registered_codes() {
    for (name, value, code) in [
        ("request", "junk", "request_not_supported"),
        (
            "request",
            "eyJhbGciOiJub25lIn0.e30.",
            "request_not_supported",
        ),
        (
            "request_uri",
            "https://evil.example/r",
            "request_uri_not_supported",
        ),
        (
            "request_uri",
            "http://127.0.0.1/r",
            "request_uri_not_supported",
        ),
        ("registration", "{}", "registration_not_supported"),
    ] {
        assert_red("P18", &query(&[(name, Some(value))]), code);
    }
}

#[test]
fn p19_as_45_unknown_parameters_are_ignored() {
    let many: String = (0..1_000).map(|number| format!("&x{number}=1")).collect();
    for more in ["&unknown=1", "&Client_ID=C2&CLIENT_ID=C3", many.as_str()] {
        assert_eq!(judge(&format!("{}{more}", query(&[]))), Ok(()));
    }
    let too_many = "&x=1".repeat(1_025);
    assert_eq!(
        UnverifiedRequest::parse_get(&too_many).unwrap_err(),
        UnusableRequest::Form(FormError::TooMany)
    );
}

#[test]
fn p20_a_form_obeys_the_same_rules_and_nothing_is_both_in_query_and_body() {
    let parse = |query, content_type, body: &str| {
        UnverifiedRequest::parse_post(query, content_type, body.as_bytes())
    };
    let good = query(&[]);
    assert_eq!(parse(None, FORM, &good).unwrap().client_id().as_str(), "C1");
    assert!(parse(Some("x=1"), FORM, &good).is_ok());
    for more in [
        "client_id=C1",
        "state=s",
        "state=t",
        "redirect_uri=https%3A%2F%2Fevil.example",
    ] {
        let refusal = parse(Some(more), FORM, &good).unwrap_err();
        assert_eq!(refusal, UnusableRequest::QueryAndBody, "{more}");
    }
    let repeated = parse(None, FORM, &format!("{good}&client_id=C1")).unwrap_err();
    assert_eq!(repeated, UnusableRequest::Repeated);
    for content_type in [
        None,
        Some("application/json"),
        Some("multipart/form-data; boundary=x"),
    ] {
        let refusal = parse(None, content_type, &good).unwrap_err();
        assert_eq!(refusal, UnusableRequest::Form(FormError::MediaType));
    }
}

#[test]
fn p22_text_that_cannot_be_decoded_is_not_redirected() {
    for (more, error) in [
        ("x=%zz", FormError::PercentEncoding),
        ("x=%", FormError::PercentEncoding),
        ("x=%4", FormError::PercentEncoding),
        ("x=%u0041", FormError::PercentEncoding),
        ("%gg=1", FormError::PercentEncoding),
        ("x=%c0%af", FormError::NotUtf8),
        ("x=%ff", FormError::NotUtf8),
        ("x=%ed%a0%80", FormError::NotUtf8),
    ] {
        let refusal = UnverifiedRequest::parse_get(&format!("{}&{more}", query(&[]))).unwrap_err();
        assert_eq!(refusal, UnusableRequest::Form(error), "{more}");
    }
}

#[test]
fn as_20_p23_every_answer_names_the_issuer_exactly() {
    for issuer in [
        "https://as.test",
        "https://as.test/",
        "https://as.test/tenant/1",
        "http://localhost:8000",
    ] {
        let request = verified(&query(&[])).unwrap();
        let parsed = Issuer::parse(issuer).unwrap();
        let location = request.refuse(RequestRefusal::Denied, &parsed).location();
        let url = url::Url::parse(&location).unwrap();
        let named: Vec<_> = url
            .query_pairs()
            .filter(|(name, _)| name == "iss")
            .collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].1, issuer);
    }
}

#[test]
fn a_good_request_is_answerable_with_all_it_asks_for() {
    assert_eq!(judge(&query(&[])), Ok(()));
    let request = verified(&query(&[])).unwrap();
    assert_eq!(request.client_id().as_str(), "C1");
    assert_eq!(request.redirect().uri().as_str(), "https://good.example/cb");
    assert_eq!(request.state(), Some("s"));
    assert_eq!(
        request.code_challenge(),
        CodeChallenge::parse(CHALLENGE).map_err(|_| unreachable!())
    );
    assert_eq!(request.resource(&known()), Ok(Some(known()[0].clone())));
    assert_eq!(request.scope(), Ok(Some(ScopeSet::parse("read").unwrap())));
}

#[test]
fn as_28_scopes_are_never_widened() {
    let scopes = |text| ScopeSet::parse(text).unwrap();
    let (granted, wider) = (scopes("read write"), scopes("read admin"));
    assert_eq!(
        requested_scope::narrow(Some(&wider), &granted),
        Err(ScopeRefusal::WiderThanGranted)
    );
    assert_eq!(
        requested_scope::narrow(Some(&scopes("read")), &granted),
        Ok(scopes("read"))
    );
    assert_eq!(requested_scope::narrow(None, &granted), Ok(granted.clone()));
    // A default is cut to what the client may have.
    assert_eq!(
        requested_scope::decide(None, &granted, &scopes("read admin")),
        Ok(scopes("read"))
    );
}

#[test]
fn offline_access_is_passed_over_where_it_is_not_offered() {
    let scopes = |text: &str| ScopeSet::parse(text).unwrap();
    let (offered, default) = (scopes("read write"), scopes("read"));
    let decide = |requested: &str| {
        let requested = scopes(requested);
        requested_scope::decide(Some(&requested), &offered, &default)
    };
    assert_eq!(decide("offline_access evil"), Err(ScopeRefusal::NotAllowed));
    assert_eq!(decide("offline_access write"), Ok(scopes("write")));
    assert_eq!(decide("offline_access"), Ok(default.clone()));
    let narrow = |requested: &str| requested_scope::narrow(Some(&scopes(requested)), &offered);
    let wider = Err(ScopeRefusal::WiderThanGranted);
    assert_eq!(narrow("offline_access admin"), wider);
    assert_eq!(narrow("offline_access read"), Ok(scopes("read")));
    assert_eq!(narrow("offline_access"), Ok(offered.clone()));
    // Where it is offered it is a scope as any other.
    let offered = scopes("offline_access read");
    let requested = scopes("offline_access");
    let decided = requested_scope::decide(Some(&requested), &offered, &default);
    assert_eq!(decided, Ok(requested));
}

#[test]
fn h4_the_values_of_a_request_are_not_shown_in_debug_output() {
    let request = verified(&query(&[("state", Some("canary"))])).unwrap();
    assert!(!format!("{request:?}").contains("canary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_a_request_or_refused(text in "[a-z_=&%+0-9]{0,60}|.{0,40}") {
        let _ = verified(&text);
    }

    #[test]
    fn what_is_encoded_is_decoded_as_it_was(name in any::<String>(), value in any::<String>()) {
        let text = format!("{}={}", form::encode(&name), form::encode(&value));
        let form = form::Form::parse(text.as_bytes()).unwrap();
        if text != "=" {
            prop_assert_eq!(form.sent(&name), Ok(Some(value.as_str())));
        }
    }

    #[test]
    fn an_answer_never_has_both_a_code_and_an_error(changes in prop::collection::vec(("(state|scope|prompt|response_type|resource)", ".{0,12}"), 0..4)) {
        let changes: Vec<_> = changes.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        let query = query(&changes);
        if judge(&query).is_err() {
            let (_, pairs) = red(&query);
            prop_assert_eq!(pairs.iter().filter(|(name, _)| name == "error").count(), 1);
            prop_assert!(!pairs.iter().any(|(name, _)| name == "code"));
        }
    }
}
