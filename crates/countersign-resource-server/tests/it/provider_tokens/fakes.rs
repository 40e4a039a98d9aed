//! Tokens as each provider really issues them, accepted directly by its preset.

use bytes::Bytes;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetcher, Fetching};
use countersign_resource_server::oauth::{ResourceUri, Secret};
use countersign_resource_server::provider::Preset;
use countersign_resource_server::{Gate, ProviderVerifier};
use http::Request;
use testkit::provider::FakeProviderBuilder;
use testkit::{AUDIENCE, FakeProvider, TestClock};

use crate::protected::{admitted, assert_refused, gate_at};

/// Leads requests to the real provider to the fake one, and nothing else anywhere.
#[derive(Debug)]
struct ToTheFake {
    origins: Vec<(String, String)>,
    fetcher: Fetcher,
}

impl Fetch for ToTheFake {
    fn fetch(&self, mut request: Request<Bytes>) -> Fetching<'_> {
        let target = request.uri().to_string();
        let led = self.origins.iter().find_map(|(real, ours)| {
            let rest = target.strip_prefix(real.as_str())?;
            rest.starts_with('/').then(|| format!("{ours}{rest}"))
        });
        let Some(led) = led else {
            return Box::pin(std::future::ready(Err(FetchError::Unresolved)));
        };
        *request.uri_mut() = led.parse().unwrap();
        self.fetcher.fetch(request)
    }
}

/// A gate that accepts tokens of `fake` by the preset `name`, as it is.
async fn gate(name: &str, fake: FakeProviderBuilder) -> (Gate, FakeProvider) {
    let fake = fake.naming_real_origins().start().await;
    let provider = Preset::named(name).unwrap().fill(&fake.variables());
    let fetcher = Fetcher::builder().danger_allow_loopback().build().unwrap();
    let origins = fake.origins().to_vec();
    let verifier = ProviderVerifier::of(provider.unwrap())
        .resource(ResourceUri::parse(AUDIENCE).unwrap())
        .secret(Secret::new(fake.client_secret().unwrap()))
        .fetcher(ToTheFake { origins, fetcher });
    (gate_at(verifier, &TestClock::new(), ""), fake)
}

/// Scopes to ask for, and whom the token is for, where that can be said.
type Case = (
    &'static str,
    fn() -> FakeProviderBuilder,
    &'static [&'static str],
    Option<&'static str>,
);

const OPENID: &[&str] = &["openid"];

const CASES: [Case; 13] = [
    ("auth0", FakeProvider::auth0, OPENID, Some(AUDIENCE)),
    ("authkit", FakeProvider::authkit, OPENID, Some(AUDIENCE)),
    ("cognito", FakeProvider::cognito, OPENID, None),
    (
        "descope",
        FakeProvider::descope_of_server,
        OPENID,
        Some(AUDIENCE),
    ),
    (
        "entra",
        FakeProvider::entra,
        &["openid", "api://countersign-test/notes"],
        None,
    ),
    ("firebase", FakeProvider::firebase, &[], None),
    ("keycloak", FakeProvider::keycloak, OPENID, None),
    ("oci", FakeProvider::oci, OPENID, None),
    ("oidc", FakeProvider::oidc, OPENID, Some(AUDIENCE)),
    ("okta", FakeProvider::okta, OPENID, None),
    ("propelauth", FakeProvider::propelauth, &[], Some(AUDIENCE)),
    ("scalekit", FakeProvider::scalekit, OPENID, None),
    ("scalekit", FakeProvider::scalekit_of_resource, OPENID, None),
];

#[tokio::test]
async fn preset_tokens_are_accepted_as_each_provider_issues_them() {
    for (name, fake, scopes, audience) in CASES {
        let (gate, fake) = gate(name, fake()).await;
        let mut subjects = Vec::new();
        for person in ["alice", "bob"] {
            let token = fake.token_for(person, scopes, audience);
            let caller = admitted(&gate, &token).await;
            subjects.push(caller.access_token().unwrap().sub().to_owned());
        }
        assert_ne!(subjects[0], subjects[1], "{name}");
        if !["oci"].contains(&name) {
            assert_eq!(subjects[0], fake.subject_text("alice"), "{name}");
        }
    }
}

#[tokio::test]
async fn a80_preset_tokens_for_somebody_else_and_id_tokens_are_refused() {
    let elsewhere = "https://elsewhere.test/";
    for (name, fake, scopes, audience) in CASES {
        let (gate, fake) = gate(name, fake()).await;
        if audience.is_some() {
            let token = fake.token_for("alice", scopes, Some(elsewhere));
            assert_refused(&gate, &token, name).await;
        }
        if let Some(token) = fake.id_token_for("alice", &["openid"]) {
            assert_refused(&gate, &token, name).await;
        }
        if ["cognito", "entra"].contains(&name) {
            let token = fake.token_of_other_application("alice", scopes);
            assert_refused(&gate, &token, name).await;
        }
    }
}

#[tokio::test]
async fn preset_auth0_takes_permissions_for_scopes_and_okta_its_list() {
    let (auth0, fake) = gate("auth0", FakeProvider::auth0()).await;
    let token = fake.token_for("alice", &["openid"], Some(AUDIENCE));
    let caller = admitted(&auth0, &token).await;
    let scopes = caller.access_token().unwrap().scopes().to_string();
    assert!(scopes.contains("read:notes"), "{scopes}");
    let (okta, fake) = gate("okta", FakeProvider::okta()).await;
    let token = fake.token_for("alice", &["openid", "notes"], None);
    let caller = admitted(&okta, &token).await;
    let scopes = caller.access_token().unwrap().scopes().to_string();
    assert_eq!(scopes, "notes openid");
}

#[tokio::test]
async fn preset_entra_takes_no_tokens_of_version_1_and_of_other_tenants() {
    let scopes = ["openid", "api://countersign-test/notes"];
    let (entra, fake) = gate("entra", FakeProvider::entra_v1()).await;
    let token = fake.token_for("alice", &scopes, None);
    assert_refused(&entra, &token, "version 1").await;
    let (entra, fake) = gate("entra", FakeProvider::entra()).await;
    let token = fake.token_for("mallory", &scopes, None);
    assert_refused(&entra, &token, "another tenant").await;
}
