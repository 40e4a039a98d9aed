//! Proof keys: RFC 7636.

use countersign_oauth::Secret;
use countersign_oauth::pkce::{CodeChallenge, CodeVerifier, PkceError};
use proptest::prelude::*;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[test]
fn p9_a_challenge_that_is_no_sha_256_in_base64url_is_refused() {
    let cut = &CHALLENGE[..42];
    for text in [
        String::new(),
        cut.to_owned(),
        format!("{CHALLENGE}A"),
        format!("{CHALLENGE}="),
        format!("{cut}="),
        format!("{cut}+"),
        format!("{cut} "),
        format!("{cut}é"),
        // The two unused bits of the last character are not zero.
        format!("{cut}N"),
    ] {
        assert_eq!(
            CodeChallenge::parse(&text),
            Err(PkceError::Challenge),
            "{text}"
        );
    }
}

#[test]
fn c8_a_verifier_outside_its_grammar_is_refused() {
    for text in [
        String::new(),
        "a".repeat(42),
        "a".repeat(129),
        format!("{}+", "a".repeat(42)),
        format!("{}=", "a".repeat(42)),
        format!("{}/", "a".repeat(42)),
        format!("{} ", "a".repeat(42)),
        format!("{}é", "a".repeat(42)),
    ] {
        assert_eq!(
            CodeVerifier::parse(&text),
            Err(PkceError::Verifier),
            "{text}"
        );
    }
    for length in [43, 128] {
        assert!(CodeVerifier::parse(&"~".repeat(length)).is_ok());
    }
}

#[test]
fn as_17_c7_a_code_without_its_verifier_is_refused() {
    let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
    assert_eq!(challenge.check(None), Err(PkceError::VerifierMissing));
}

#[test]
fn as_17_c8_another_verifier_and_the_challenge_itself_are_refused() {
    let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
    let almost = format!("{}j", &VERIFIER[..42]);
    for text in [CHALLENGE, almost.as_str(), &"a".repeat(43)] {
        let verifier = CodeVerifier::parse(text).unwrap();
        assert_eq!(challenge.check(Some(&verifier)), Err(PkceError::Mismatch));
    }
}

#[test]
fn the_example_of_rfc_7636_appendix_b_fits() {
    let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
    let verifier = CodeVerifier::parse(VERIFIER).unwrap();
    assert_eq!(verifier.challenge(), challenge);
    assert_eq!(challenge.check(Some(&verifier)), Ok(()));
    let octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37,
        77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    assert_eq!(CodeVerifier::from_random(octets), verifier);
}

#[test]
fn a_verifier_is_not_shown() {
    let verifier = CodeVerifier::parse(VERIFIER).unwrap();
    assert!(!format!("{verifier:?}").contains("dBjf"));
    assert_eq!(verifier.secret(), &Secret::new(VERIFIER));
}

proptest! {
    #[test]
    fn a_verifier_fits_its_own_challenge_alone(one in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
        prop_assume!(one != other);
        let (one, other) = (CodeVerifier::parse(&one).unwrap(), CodeVerifier::parse(&other).unwrap());
        prop_assert_eq!(one.challenge().check(Some(&one)), Ok(()));
        prop_assert_eq!(one.challenge().check(Some(&other)), Err(PkceError::Mismatch));
    }
}
