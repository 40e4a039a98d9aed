//! The answer that a person brings back.

use countersign_oauth_client::oauth::pkce::CodeVerifier;
use serde_json::json;
use url::Url;

use crate::world::*;

fn state(url: &Url) -> String {
    parameter(url, "state").unwrap()
}

/// The login fails, and nothing was sent to the token endpoint.
async fn refusal(scene: &Scene) -> String {
    let error = scene.client().login().await.unwrap_err().to_string();
    assert_eq!(scene.person.seen().len(), 1);
    assert_eq!(scene.world.asked(TOKEN).len(), 0, "{error}");
    assert_eq!(scene.client().logged_in().await.unwrap(), None);
    error
}

#[tokio::test]
async fn i5_cl_21_the_issuer_of_an_answer_is_compared_as_it_stands() {
    // Whether it is advertised, what the answer has, and whether it counts.
    for (advertised, iss, counts) in [
        (true, Some("https://as.test"), true),
        (false, None, true),
        (true, None, false),
        (true, Some("https://evil.test"), false),
        (false, Some("https://evil.test"), false),
        (true, Some("https://as.test/"), false),
        (true, Some("https://AS.test"), false),
        (true, Some("https://as.test:443"), false),
        (true, Some(""), false),
        (false, Some(""), false),
        (false, Some("https://as.test"), true),
    ] {
        let scene = Scene::new();
        let name = "authorization_response_iss_parameter_supported";
        scene
            .world
            .amend(SERVER_METADATA, &json!({ name: advertised }));
        scene.person.next(move |url| {
            let iss = iss.map_or_else(String::new, |iss| format!("&iss={iss}"));
            format!("code=the-code&state={}{iss}", state(url))
        });
        if counts {
            scene.client().login().await.unwrap();
            let code = scene.world.one(TOKEN).field("code");
            assert_eq!(code.as_deref(), Some("the-code"));
        } else {
            let error = refusal(&scene).await;
            assert!(error.contains("authorization server"), "{iss:?}: {error}");
        }
    }
}

#[tokio::test]
async fn i5_cl_22_an_error_of_somebody_else_is_neither_heeded_nor_shown() {
    for iss in ["&iss=https://evil.test", ""] {
        let scene = Scene::new();
        scene.person.next(move |url| {
            let state = state(url);
            format!("error=access_denied&error_description=call+555-CANARY&state={state}{iss}")
        });
        let error = refusal(&scene).await;
        assert!(
            !error.contains("CANARY") && !error.contains("agreed"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn cl_19_an_answer_without_our_state_is_dropped() {
    let answers: [fn(&Url) -> String; 7] = [
        |_| format!("code=c&iss={ISSUER}"),
        |_| format!("code=c&state=&iss={ISSUER}"),
        |_| format!("code=c&state=guessed&iss={ISSUER}"),
        |url| format!("code=c&state={}x&iss={ISSUER}", state(url)),
        |url| format!("code=c&state={}&state=x&iss={ISSUER}", state(url)),
        |url| format!("code=c&state={}&state={0}&iss={ISSUER}", state(url)),
        |_| format!("error=access_denied&error_description=CANARY&iss={ISSUER}"),
    ];
    for answer in answers {
        let scene = Scene::new();
        scene.person.next(answer);
        assert!(!refusal(&scene).await.contains("CANARY"));
    }
}

#[tokio::test]
async fn an_answer_that_is_malformed_or_ambiguous_is_dropped() {
    for answer in [
        "",
        "code=",
        "code=a&code=b",
        "code=%zz",
        "code=a%00",
        "code=%ff",
    ] {
        let scene = Scene::new();
        scene
            .person
            .next(move |url| format!("state={}&iss={ISSUER}&{answer}", state(url)));
        let error = refusal(&scene).await;
        assert!(error.contains("malformed"), "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_one_sentence_made_printable() {
    for (answer, sentence) in [
        (
            "error=access_denied",
            "the login was not agreed to; run it again to decide anew",
        ),
        (
            "error=invalid_scope&error_description=no%0Asuch%1B%5B2Jscope%22",
            "the authorization server refuses: invalid_scope (nosuch[2Jscope\")",
        ),
        (
            "error=%22%0A",
            "the authorization server refuses with something that is no error code",
        ),
        (
            "error=&code=a",
            "the authorization server refuses with something that is no error code",
        ),
    ] {
        let scene = Scene::new();
        scene
            .person
            .next(move |url| format!("state={}&iss={ISSUER}&{answer}", state(url)));
        assert_eq!(refusal(&scene).await, sentence);
    }
}

#[tokio::test]
async fn a_person_who_gives_up_is_one_sentence() {
    let scene = Scene::new();
    scene.person.next(|_| "gone".to_owned());
    assert_eq!(
        refusal(&scene).await,
        "the login was given up; run it again to log in"
    );
}

#[tokio::test]
async fn cl_20_the_issuer_is_recorded_before_the_person_is_sent_anywhere() {
    // The metadata names another server while the person is away: what counts is who
    // was asked.
    let scene = Scene::new();
    let world = scene.world.clone();
    scene.person.next(move |url| {
        let evil = "https://evil.test";
        world.authorization_server(evil);
        let change = json!({ "authorization_servers": [evil] });
        world.amend(RESOURCE_METADATA, &change);
        format!("code=c&state={}&iss={evil}", state(url))
    });
    let error = refusal(&scene).await;
    assert!(error.contains("another authorization server"), "{error}");
    assert_eq!(scene.world.asked("https://evil.test/token").len(), 0);
}

#[tokio::test]
async fn cl_17_cl_23_cl_24_the_request_has_a_proof_key_and_the_resource_and_so_has_the_redemption()
{
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    scene.client().login().await.unwrap();
    let seen = scene.person.seen();
    let tokens = scene.world.asked(TOKEN);
    for (url, asked) in seen.iter().zip(&tokens) {
        assert_eq!(parameter(url, "response_type").unwrap(), "code");
        assert_eq!(parameter(url, "code_challenge_method").unwrap(), "S256");
        assert_eq!(parameter(url, "resource").unwrap(), SERVER);
        assert_eq!(asked.field("resource").unwrap(), SERVER);
        let redirect_uri = parameter(url, "redirect_uri");
        assert_eq!(asked.field("redirect_uri"), redirect_uri);
        let verifier = asked.field("code_verifier").unwrap();
        let verifier = CodeVerifier::parse(&verifier).unwrap();
        let challenge = parameter(url, "code_challenge").unwrap();
        assert_eq!(verifier.challenge().as_str(), challenge);
        assert!(!url.as_str().contains(verifier.secret().reveal()));
    }
    // Each login has its own.
    for name in ["state", "code_challenge"] {
        assert_ne!(parameter(&seen[0], name), parameter(&seen[1], name));
    }
}

#[tokio::test]
async fn the_query_of_the_authorization_endpoint_stays() {
    let scene = Scene::new();
    let endpoint = "https://as.test/authorize?tenant=1";
    let change = json!({ "authorization_endpoint": endpoint });
    scene.world.amend(SERVER_METADATA, &change);
    scene.client().login().await.unwrap();
    let seen = scene.person.seen();
    assert!(seen[0].as_str().starts_with(&format!("{endpoint}&")));
}
