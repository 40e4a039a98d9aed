//! Mistakes that stop the start.

use std::sync::Arc;

use countersign_authorization_server::login::{Login, LoginStep, Visitor};
use countersign_authorization_server::{AuthorizationServer, Headless, Storage, Unavailable};
use testkit::TestClock;

use super::fixture::*;
use crate::fixture::{ISSUER, RESOURCE};

#[derive(Debug)]
struct Elsewhere;

impl Login for Elsewhere {
    async fn log_in(&self, _visitor: Visitor<'_>) -> Result<LoginStep, Unavailable> {
        Ok(LoginStep::Refuse)
    }
}

#[tokio::test]
async fn providers_that_contradict_something_stop_the_start() {
    let (github, _) = providers(ISSUER, &TestClock::new()).await;
    let upstream = || {
        application(&github, "github")
            .allow_everyone()
            .build()
            .unwrap()
    };
    let builder = || {
        AuthorizationServer::builder(ISSUER)
            .resource(RESOURCE)
            .storage(Storage::memory().unwrap())
            .upstream(upstream())
    };
    assert!(builder().build().is_ok());
    let headless = Arc::new(Headless::danger_approve_everything("alice"));
    for (said, builder) in [
        (
            "two upstream providers called `github`",
            builder().upstream(upstream()),
        ),
        (".interaction(…)", builder().interaction(headless)),
        (".login(…)", builder().login(Elsewhere)),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.contains("leave"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_no_server_from_starting() {
    let (_, mut oidc) = providers(ISSUER, &TestClock::new()).await;
    let upstream = application(&oidc, "oidc").allow_everyone().build().unwrap();
    oidc.stop().await;
    let server = AuthorizationServer::builder(ISSUER)
        .resource(RESOURCE)
        .storage(Storage::memory().unwrap())
        .upstream(upstream)
        .build()
        .unwrap();
    assert!(server.answers("/callback/oidc"));
    assert!(server.answers("/login/with"));
    assert!(!server.answers("/callback/github"));
    assert!(!server.answers("/setup"));
}
