//! The examples of clients.

use std::sync::Arc;

use countersign::client::ClientError;
use countersign::oauth::Secret;
use countersign::oauth_client::machine::from_fn;
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{MemoryStore, Reach};
use countersign::protocol::JsonObject;
use serde_json::json;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use super::issuer::{protected, requests_of};
use super::played::{PATH, messages};

example!(agent, "../../../examples/agent.rs");
example!(client_dpop, "../../../examples/client_dpop.rs");
example!(client_oauth, "../../../examples/client_oauth.rs");
example!(
    client_identity_assertion,
    "../../../examples/client_identity_assertion.rs"
);
example!(in_memory_client, "../../../examples/in_memory_client.rs");

fn headless(url: &str) -> Arc<Headless> {
    let reach = Reach::of(&url.parse().unwrap());
    Arc::new(Headless::new(Arc::new(reach.fetcher().unwrap())))
}

#[tokio::test]
async fn a_person_logs_in_once_and_stays_logged_in() {
    let server = protected("Bearer").await;
    let url = server.url(PATH);
    let store = Arc::new(MemoryStore::new());
    for _ in 0..2 {
        let store = Arc::clone(&store);
        let tools = client_oauth::tools(&url, headless(&url), store).await;
        assert_eq!(tools.unwrap(), ["work"]);
    }
    assert_eq!(server.count("/authorize"), 1);
    assert_eq!(server.count("/token"), 1);
}

#[tokio::test]
async fn dp_01_a_bound_token_is_shown_with_a_proof_each_time() {
    let server = protected("DPoP").await;
    let url = server.url(PATH);
    let name = client_dpop::name(&url, headless(&url)).await.unwrap();
    assert_eq!(name.as_deref(), Some("played"));
    let mut proofs: Vec<_> = messages(&server)
        .iter()
        .filter_map(|message| Some(message.header("dpop")?.to_owned()))
        .collect();
    let sent = proofs.len();
    assert!(sent >= 3, "{sent}");
    proofs.sort();
    proofs.dedup();
    assert_eq!(proofs.len(), sent);
}

#[tokio::test]
async fn em_01_an_identity_provider_vouches_for_an_employee() {
    let server = protected("Bearer").await;
    let url = server.url(PATH);
    let idp = FakeIssuerServer::start().await;
    let issuer = idp.url("");
    let metadata = json!({
        "issuer": issuer, "token_endpoint": idp.url("/token"),
        "authorization_endpoint": idp.url("/authorize"), "jwks_uri": idp.url("/jwks"),
        "response_types_supported": ["code"],
    });
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        idp.answer(path, ScriptedAnswer::json(metadata.to_string()));
    }
    let assertion = json!({
        "access_token": "the.id.jag", "token_type": "N_A",
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
    });
    idp.answer("/token", ScriptedAnswer::json(assertion.to_string()));
    let person = client_identity_assertion::person(
        &url,
        &server.url(""),
        Secret::new("secret"),
        (&issuer, Secret::new("secret-there")),
        from_fn(async |_| Ok(Secret::new("an.id.token"))),
    );
    let tools = client_identity_assertion::tools(&url, person).await;
    assert_eq!(tools.unwrap(), ["work"]);
    let exchange = &requests_of(&idp, "/token")[0];
    assert_eq!(exchange["subject_token"], "an.id.token");
    assert_eq!(exchange["audience"], server.url(""));
    let grant = &requests_of(&server, "/token")[0];
    assert_eq!(grant["assertion"], "the.id.jag");
}

#[tokio::test]
async fn a_server_of_ones_own_is_tested_without_a_network() {
    let (said, refused) = in_memory_client::run().await.unwrap();
    assert_eq!(said, "ada");
    assert!(matches!(refused, ClientError::Unauthorized(_)), "{refused}");
}

#[tokio::test]
async fn an_agent_uses_two_servers_and_nothing_that_it_was_not_offered() {
    let servers = agent::servers().await.unwrap();
    let answer = agent::run(&servers, &mut agent::Scripted).await.unwrap();
    assert_eq!(answer, "It is 39.2 °F in Oslo");

    struct Insisting(Vec<String>);
    impl agent::Model for Insisting {
        fn next(&mut self, tools: &[String], answers: &[String]) -> agent::Step {
            assert_eq!(tools, ["weather.temperature", "units.fahrenheit"]);
            self.0 = answers.to_vec();
            agent::Step::Call("weather.fahrenheit".to_owned(), JsonObject::new())
        }
    }
    let mut insisting = Insisting(Vec::new());
    assert!(agent::run(&servers, &mut insisting).await.is_err());
    assert!(
        insisting
            .0
            .iter()
            .all(|it| it == "There is no tool weather.fahrenheit")
    );
    assert_eq!(insisting.0.len(), 9);
}
