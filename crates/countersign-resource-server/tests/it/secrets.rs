//! What must not be seen: rows H1, H2, H4 and H10 of the corpus.

use countersign_resource_server::fetch::FetchError;
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::jose::Algorithm;
use countersign_resource_server::{
    AuthLayer, Caller, IntoVerifier, IntrospectionVerifier, JwtVerifier, PresentedToken,
    StaticToken, StaticTokens,
};
use testkit::{AUDIENCE, CaptureLog, ISSUER, SignatureAlgorithm, TestClock, TestIssuer};

use crate::protected::{bearer, gate_at, send, trusting};
use crate::scripted::Scripted;

const CANARY: &str = "canary-0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn h1_rs_33_no_token_and_no_secret_is_logged_at_any_level() {
    let log = CaptureLog::global();
    let issuer = TestIssuer::as_test();
    let clock = TestClock::new();
    let introspection = Scripted::with_json(r#"{"active":false}"#);
    let asking = || {
        IntrospectionVerifier::endpoint("https://as.test/introspect")
            .client("rs", Secret::new(CANARY))
            .audience(AUDIENCE)
            .fetcher(introspection.clone())
    };
    let sets = Scripted::with_json(issuer.jwks());
    let jwt = JwtVerifier::jwks("https://as.test/jwks")
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .fetcher(sets.clone());
    let hmac = JwtVerifier::hmac(Secret::new(CANARY), Algorithm::HS256)
        .issuer(ISSUER)
        .audience(AUDIENCE);
    let fixed = StaticTokens::new().token(Secret::new(CANARY), StaticToken::subject("alice"));
    let gates = [
        gate_at(jwt, &clock, ""),
        gate_at(asking(), &clock, ""),
        gate_at(hmac, &clock, "read"),
        gate_at(fixed, &clock, ""),
    ];
    let marked = issuer.token().claim("note", CANARY);
    let tokens = [
        CANARY.to_owned(),
        format!("{CANARY}.{CANARY}.{CANARY}"),
        marked.clone().sign(),
        marked.clone().header("kid", CANARY).sign(),
        marked.clone().iss(CANARY).sign(),
        marked.clone().aud(CANARY).sign(),
        marked.clone().typ(CANARY).sign(),
        marked.clone().mac(SignatureAlgorithm::HS256, CANARY).sign(),
        marked
            .clone()
            .header("kid", "evil\r\n\u{1b}[31mERROR forged")
            .sign(),
    ];
    for failing in [false, true] {
        if failing {
            sets.now_fails(FetchError::Timeout);
            introspection.now_fails(FetchError::Timeout);
            clock.advance(countersign_resource_server::oauth::Lifetime::from_hours(48));
        }
        for gate in &gates {
            for token in &tokens {
                match send(gate, &bearer(token)).await {
                    Ok(caller) => tracing::info!(?caller, ?gate, "admitted"),
                    Err(answer) => {
                        let shown = format!("{answer:?}");
                        assert!(!shown.contains(CANARY), "{shown}");
                        assert!(!shown.contains("forged"), "{shown}");
                    }
                }
            }
        }
    }
    let text = log.text();
    assert!(
        text.contains("admitted") && text.contains("rejected"),
        "{text}"
    );
    log.assert_absent(CANARY);
    log.assert_absent("forged");
    for token in &tokens {
        log.assert_absent(token);
        log.assert_absent(token.rsplit('.').next().unwrap());
    }
}

#[tokio::test]
async fn h4_nothing_that_holds_a_secret_shows_it() {
    let issuer = TestIssuer::as_test();
    let clock = TestClock::new();
    let token = issuer.token().claim("note", CANARY).sign();
    let gate = gate_at(trusting(&issuer), &clock, "");
    let caller: Caller = send(&gate, &bearer(&token)).await.unwrap();
    assert_eq!(caller.token().unwrap().reveal(), token);
    let hmac = JwtVerifier::hmac(Secret::new(CANARY), Algorithm::HS256)
        .issuer(ISSUER)
        .audience(AUDIENCE);
    let asking = IntrospectionVerifier::endpoint("https://as.test/introspect")
        .client("rs", Secret::new(CANARY))
        .audience(AUDIENCE)
        .fetcher(Scripted::with_json("{}"));
    let fixed = StaticTokens::new().token(Secret::new(CANARY), StaticToken::subject("alice"));
    let mut shown = vec![
        format!("{caller:?}"),
        format!("{:?}", caller.access_token()),
        format!("{:?}", PresentedToken::new(CANARY)),
        format!("{hmac:?} {asking:?} {fixed:?}"),
    ];
    shown.push(format!("{:?}", hmac.into_verifier().unwrap()));
    shown.push(format!("{:?}", asking.into_verifier().unwrap()));
    shown.push(format!("{:?}", fixed.into_verifier().unwrap()));
    let layer = AuthLayer::new(gate);
    shown.push(format!("{layer:?}"));
    let signature = token.rsplit('.').next().unwrap();
    for text in shown {
        assert!(!text.contains(CANARY), "{text}");
        assert!(!text.contains(signature), "{text}");
    }
}

#[test]
fn h2_errors_at_start_do_not_show_secrets() {
    let short = "canary-short";
    let error = JwtVerifier::hmac(Secret::new(short), Algorithm::HS256)
        .issuer(ISSUER)
        .into_verifier()
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(short));
}
