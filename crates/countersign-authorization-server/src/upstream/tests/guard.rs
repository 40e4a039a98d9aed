//! Rows D25 to D30 at every request that an upstream makes: without a fetcher of one's own
//! the guarded one is used, for all of them.

use countersign_resource_server::fetch::Fetcher;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use super::*;

/// Every request there is, made to `base` alone, by whoever `change` says.
async fn outcomes(
    base: &str,
    change: impl Fn(UpstreamBuilder) -> UpstreamBuilder,
) -> Vec<(&'static str, UpstreamError)> {
    let mut outcomes = Vec::new();
    let mut note = |what, outcome: Option<UpstreamError>| {
        outcomes.push((
            what,
            outcome.unwrap_or_else(|| panic!("{what} went through")),
        ));
    };
    let upstream = change(direct(PLAIN, base)).build().unwrap();
    let state = Secret::new("s");
    let attempt = attempt();
    let url = upstream.authorization_url(&attempt, &state, REDIRECT, None, &[], NOW);
    note("discovery", url.await.err());

    let named = named();
    let upstream = change(direct(&named, base)).build().unwrap();
    note("token", redeem(&upstream, &attempt).await.err());
    let random = &SystemGenerator;
    let refreshed = upstream.refresh(&state, None, NOW, random).await;
    note("refresh", refreshed.err());

    // As if the token endpoint had answered.
    let answer = |id_token: Option<String>| crate::upstream::token_response::TokenAnswer {
        tokens: crate::upstream::UpstreamTokens {
            access_token: state.clone(),
            refresh_token: None,
            expires_at: None,
            scope: None,
        },
        id_token: id_token.map(Secret::new),
    };
    let token = id_token(&attempt).sign();
    let of = |upstream: Upstream, token: Option<String>, attempt: AttemptSecrets| async move {
        let found = upstream
            .identify(&answer(token), &attempt, NOW, random)
            .await;
        found.err()
    };
    note(
        "key set",
        of(upstream.clone(), Some(token), attempt.clone()).await,
    );
    for source in ["userinfo", "introspection"] {
        let text = named
            .replace("nonce = true", "nonce = false")
            .replace("source = \"id_token\"", &format!("source = {source:?}"));
        let upstream = change(direct(&text, base)).build().unwrap();
        note(source, of(upstream, None, attempt.clone()).await);
    }
    let tokens = answer(None).tokens;
    note(
        "revocation",
        upstream.revoke(&tokens, NOW, random).await.err(),
    );
    outcomes
}

/// The provider of `text` with everything it has at `base`, addresses included that no
/// file could have.
fn direct(text: &str, base: &str) -> UpstreamBuilder {
    let mut provider = provider(text);
    let endpoints = &mut provider.endpoints;
    for address in [
        &mut provider.discovery,
        &mut endpoints.authorization,
        &mut endpoints.token,
        &mut endpoints.jwks,
        &mut endpoints.userinfo,
        &mut endpoints.introspection,
        &mut endpoints.revocation,
    ] {
        *address = address.as_ref().map(|address| address.replace(OP, base));
    }
    Upstream::builder(provider, CLIENT).secret(Secret::new(SECRET))
}

/// All endpoints by name.
fn named() -> String {
    let endpoints = "issuer = \"https://op.example\"\n\
                     authorization = \"https://op.example/authorize\"\n\
                     token = \"https://op.example/token\"\n\
                     jwks = \"https://op.example/jwks\"\n\
                     userinfo = \"https://op.example/userinfo\"\n\
                     introspection = \"https://op.example/introspect\"\n\
                     revocation = \"https://op.example/revoke\"\n";
    plain_with("issuer = \"https://op.example\"\n", endpoints).replace(
        "discovery = \"https://op.example/.well-known/openid-configuration\"",
        "",
    )
}

#[tokio::test]
async fn d26_d27_d30_d40_no_request_reaches_what_is_not_on_the_public_internet() {
    let server = FakeIssuerServer::start().await;
    for base in [
        // The server is there, and must not hear of it.
        format!("https://127.0.0.1:{}", server.address().port()),
        format!("https://[::ffff:127.0.0.1]:{}", server.address().port()),
        "https://127.0.0.1".to_owned(),
        "https://10.0.0.1".to_owned(),
        "https://169.254.169.254".to_owned(),
        "https://100.100.100.200".to_owned(),
        "https://192.168.0.1".to_owned(),
        "https://[::1]".to_owned(),
        "https://[fd00::1]".to_owned(),
        "https://[64:ff9b::7f00:1]".to_owned(),
        "https://[2002:7f00:1::]".to_owned(),
        "https://op.example.:443".to_owned(),
        "https://op.example:22".to_owned(),
        "https://op.example:25".to_owned(),
        "https://op.example:80".to_owned(),
        "https://op.example:6379".to_owned(),
        "https://op.example:8080".to_owned(),
    ] {
        for (what, error) in outcomes(&base, |builder| builder).await {
            let is_right = match &error {
                UpstreamError::BadAnswer(reason) => {
                    reason.contains("Internet") || reason.contains("port")
                }
                // The keys of a provider are fetched by another crate, which says only
                // that there are none.
                UpstreamError::Unavailable(_) => what == "key set",
                _ => false,
            };
            assert!(is_right, "{base} {what}: {error:?}");
        }
    }
    assert!(server.requests().is_empty());
}

const ENDPOINTS: [&str; 6] = [
    "/.well-known/openid-configuration",
    "/token",
    "/jwks",
    "/userinfo",
    "/introspect",
    "/revoke",
];

#[tokio::test]
async fn x30_redirects_html_and_endless_bodies_are_no_answers_anywhere() {
    let server = FakeIssuerServer::start().await;
    let elsewhere = FakeIssuerServer::start().await;
    for answer in [
        ScriptedAnswer::redirect(307, &elsewhere.url("/token")),
        ScriptedAnswer::redirect(302, &elsewhere.url("/token")),
        ScriptedAnswer::json(vec![b' '; 10 * 1024 * 1024]),
        ScriptedAnswer::endless(vec![b' '; 64 * 1024]).header("content-type", "application/json"),
        ScriptedAnswer::json("{}").header("content-encoding", "gzip"),
        ScriptedAnswer::broken("{"),
        ScriptedAnswer::status(500),
    ] {
        for path in ENDPOINTS {
            server.answer(path, answer.clone());
        }
        let base = format!("http://{}", server.address());
        for (what, error) in outcomes(&base, UpstreamBuilder::danger_allow_loopback).await {
            assert!(
                matches!(
                    error,
                    UpstreamError::BadAnswer(_) | UpstreamError::Unavailable(_)
                ),
                "{what}: {error:?}"
            );
        }
    }
    assert!(elsewhere.requests().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn d25_x30_a_provider_that_hangs_is_given_up_when_the_time_is_over() {
    let server = FakeIssuerServer::start().await;
    for path in ENDPOINTS {
        server.answer(path, ScriptedAnswer::stalled("{"));
    }
    let base = format!("http://{}", server.address());
    // How long that is by default is tested at the fetcher, where time can be made to pass.
    let hasty = Fetcher::builder()
        .danger_allow_loopback()
        .timeout(countersign_oauth::Lifetime::from_secs(1))
        .build()
        .unwrap();
    for (what, error) in outcomes(&base, |builder| builder.fetcher(hasty.clone())).await {
        assert!(
            matches!(error, UpstreamError::Unavailable(_)),
            "{what}: {error:?}"
        );
    }
    for path in ENDPOINTS {
        assert!(server.count(path) > 0, "{path}");
    }
}

#[tokio::test]
async fn i3_endpoints_of_a_public_document_cannot_lead_to_this_machine() {
    let server = FakeIssuerServer::start().await;
    for path in ENDPOINTS {
        server.answer(path, ScriptedAnswer::json("{}"));
    }
    // The document is public and names https on an inner address.
    let attempt = attempt();
    let inner = format!("https://127.0.0.1:{}", server.address().port());
    let document = metadata().to_string().replace(OP, &inner);
    let document = document.replacen(&inner, OP, 1);
    let script = Script::new();
    script.text("/.well-known/openid-configuration", &document);
    let guarded = Guarded {
        document: script,
        rest: Fetcher::builder().build().unwrap(),
    };
    let upstream = direct(PLAIN, OP).fetcher(guarded).build().unwrap();
    let outcome = redeem(&upstream, &attempt).await;
    let Err(UpstreamError::BadAnswer(reason)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("token endpoint"), "{reason}");
    assert!(
        reason.contains("port") || reason.contains("Internet"),
        "{reason}"
    );
    assert!(server.requests().is_empty());
}

/// Plays the document, and asks for everything else as usual.
#[derive(Debug)]
struct Guarded {
    document: Script,
    rest: Fetcher,
}

impl countersign_resource_server::fetch::Fetch for Guarded {
    fn fetch(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> countersign_resource_server::fetch::Fetching<'_> {
        if request.uri().path().starts_with("/.well-known/") {
            self.document.fetch(request)
        } else {
            self.rest.fetch(request)
        }
    }
}

/// Never answers to the code `hang`.
#[derive(Debug)]
struct Hanging(Script);

impl countersign_resource_server::fetch::Fetch for Hanging {
    fn fetch(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> countersign_resource_server::fetch::Fetching<'_> {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        if form.contains("code=hang") {
            return Box::pin(std::future::pending());
        }
        self.0.fetch(request)
    }
}

#[tokio::test]
async fn d25_a_thousand_logins_that_hang_keep_nobody_else_from_logging_in() {
    let good = attempt();
    let script = script_with(&id_token(&good).sign());
    let upstream = direct(PLAIN, OP).fetcher(Hanging(script)).build().unwrap();
    let mut hanging = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (upstream, attempt) = (upstream.clone(), attempt());
        hanging.spawn(async move {
            let code = Secret::new("hang");
            let random = &SystemGenerator;
            upstream
                .redeem_code(&attempt, REDIRECT, &code, None, NOW, random)
                .await
                .is_ok()
        });
    }
    tokio::task::yield_now().await;
    redeem(&upstream, &good).await.unwrap();
    assert_eq!(hanging.len(), 1_000);
    assert!(hanging.try_join_next().is_none(), "they still hang");
}
