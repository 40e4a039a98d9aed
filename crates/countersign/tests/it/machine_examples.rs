//! The examples of servers whose callers are programs, or have keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::authorization_server::{ClientFacts, ClientSource};
use countersign::client::Client;
use countersign::oauth::Secret;
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::client_metadata::ClientMetadata;
use countersign::oauth::grant_type::GrantType;
use countersign::oauth_client::Reach;
use countersign::oauth_client::machine::{ClientCredentials, Workload, from_fn};
use countersign::oauth_client::presenter::Headless;
use countersign::protocol::JsonObject;
use countersign::verifier::JwtVerifier;
use countersign::{AccessToken, Dpop, EmbeddedAuth, Http, RunningServer, Server, tool};
use serde_json::json;

use crate::calling::examples::client_dpop;
use crate::machines::{Maker, add};

example!(dpop_server, "../../examples/dpop_server.rs");
example!(exchange_server, "../../examples/exchange_server.rs");
example!(machine_server, "../../examples/machine_server.rs");

const SECRET: &str = "a secret of the client";

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Adds the client `id`, with a secret unless it is public.
async fn add_client(running: &RunningServer, id: &str, public: bool, grants: &[GrantType]) {
    let mut metadata = ClientMetadata::public(Vec::new());
    metadata.grant_types = grants.to_vec();
    let facts = |metadata| ClientFacts::new(metadata, ClientSource::Administrator);
    let facts = match public {
        true => facts(metadata),
        false => {
            let method = TokenEndpointAuthMethod::ClientSecretBasic;
            metadata.token_endpoint_auth_method = method;
            facts(metadata).with_secret(&Secret::new(SECRET), None)
        }
    };
    let app = running.app();
    add(app.authorization_server().unwrap(), id, facts).await;
}

#[tokio::test]
async fn dp_01_the_client_with_a_key_gets_along_with_the_server_that_wants_one() {
    for (dpop, bearer_is_taken) in [(Dpop::required(), false), (Dpop::accepted(), true)] {
        let auth = EmbeddedAuth::in_memory().danger_approve_everything("ada");
        let server = dpop_server::server(auth, dpop);
        let running = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
        let url = running.url().to_owned();
        let reach = Reach::of(&url.parse().unwrap());
        let person = Arc::new(Headless::new(Arc::new(reach.fetcher().unwrap())));
        let name = client_dpop::name(&url, person).await.unwrap();
        assert_eq!(name.as_deref(), Some("Vault"));
        // A token that is bound to nothing.
        add_client(&running, "S", false, &[GrantType::ClientCredentials]).await;
        let issuer = url.strip_suffix("/mcp").unwrap();
        let plain = ClientCredentials::new(&url, "S", Secret::new(SECRET)).issuer(issuer);
        let machine = plain.scopes(["vault"]).build().unwrap();
        let client = Client::connect(&url).authorizer(machine).await;
        let said = client.map(drop).map_err(|error| error.to_string());
        // Where the server wants one, this client makes a key by itself.
        assert!(said.is_ok(), "{said:?}");
        let http = testkit::Http::socket(&running.address().to_string());
        let refused = http.post("/mcp").send().await;
        let challenges = refused.headers().get_all("www-authenticate").iter();
        let challenges = challenges.map(|one| one.to_str().unwrap());
        let challenges = challenges.collect::<Vec<_>>().join(", ");
        assert_eq!(refused.status(), 401);
        assert!(challenges.contains("DPoP "), "{challenges}");
        assert_eq!(
            challenges.contains("Bearer "),
            bearer_is_taken,
            "{challenges}"
        );
        running.stop().await;
    }
}

#[tokio::test]
async fn wi_01_a_job_of_the_named_repository_deploys_and_no_other() {
    let idp = Maker::new("https://acme.okta.com");
    let platform = Maker::new("https://token.actions.githubusercontent.com");
    let server = machine_server::server(
        EmbeddedAuth::in_memory().on_setup_link(|_| {}),
        machine_server::company().keys(idp.keys()),
        machine_server::platform().keys(platform.keys()),
    );
    let running = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
    add_client(&running, "deploy-client", true, &[GrantType::JwtBearer]).await;
    add_client(&running, "notes-app", false, &[GrantType::JwtBearer]).await;
    let issuer = running.url().strip_suffix("/mcp").unwrap().to_owned();
    for (repository, is_let_in) in [("acme/app", true), ("evil/app", false)] {
        let claims = json!({ "repository": repository, "sub": format!("repo:{repository}:main") });
        let made = Arc::clone(&platform);
        let source = from_fn(move |audience: String| {
            let token = made.make(None, &audience, &claims);
            async move { Ok(Secret::new(token)) }
        });
        let job = Workload::new(running.url(), "deploy-client", source);
        let job = job.issuer(&issuer).scopes(["deploy"]).build().unwrap();
        let client = Client::connect(running.url()).authorizer(job).await;
        assert_eq!(client.is_ok(), is_let_in, "{repository}");
        if let Ok(client) = client {
            let version = json!({ "version": "7" });
            let version = version.as_object().unwrap().clone();
            let answer = client.call_tool("deploy", version).await.unwrap();
            assert_eq!(answer.content[0].as_text().unwrap().text, "Deployed 7.");
        }
    }
    // The company vouches for one of its people, to the client that it names.
    let claims = json!({
        "sub": "ada", "client_id": "notes-app", "resource": running.url(), "scope": "read deploy",
    });
    let assertion = idp.make(Some("oauth-id-jag+jwt"), &issuer, &claims);
    let http = testkit::Http::socket(&running.address().to_string());
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let basic = STANDARD.encode(format!("notes-app:{}", SECRET.replace(' ', "+")));
    let answer = http
        .post("/token")
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("grant_type={grant}&assertion={assertion}"));
    let answer = answer.send().await.json().await;
    assert_eq!(answer["scope"], "read", "{answer}");
    let token = Secret::new(answer["access_token"].as_str().unwrap());
    let client = Client::connect(running.url()).bearer(token).await.unwrap();
    let who = client.call_tool("whoami", JsonObject::new()).await.unwrap();
    assert!(!who.content[0].as_text().unwrap().text.is_empty());
    running.stop().await;
}

/// Lists orders.
#[tool(scopes("orders:read"))]
async fn list_orders(token: AccessToken) -> String {
    format!("the orders of {}", token.sub())
}

#[tokio::test]
async fn em_09_a_server_calls_another_one_for_its_caller_with_a_token_for_that_one() {
    let (here, there) = (free_port(), free_port());
    let issuer = format!("http://localhost:{here}");
    let (url, orders) = (
        format!("{issuer}/mcp"),
        format!("http://localhost:{there}/mcp"),
    );
    let auth = EmbeddedAuth::in_memory().on_setup_link(|_| {});
    let server = exchange_server::server(auth, &url, &orders, Secret::new(SECRET)).unwrap();
    let running = server
        .start(Http::bind(format!("127.0.0.1:{here}")))
        .await
        .unwrap();
    add_client(&running, "assistant", false, &[GrantType::TokenExchange]).await;
    add_client(&running, "caller", false, &[GrantType::ClientCredentials]).await;
    let keys = JwtVerifier::jwks(format!("{issuer}/jwks")).danger_allow_loopback();
    let verifier = keys.issuer(&issuer).audience(&orders);
    let upstream = Server::new("Orders").auth(verifier).tool(list_orders);
    let place = Http::bind(format!("127.0.0.1:{there}"));
    let upstream = upstream.start(place).await.unwrap();

    let caller = |scopes: &'static [&'static str]| {
        let caller = ClientCredentials::new(&url, "caller", Secret::new(SECRET)).issuer(&issuer);
        caller.scopes(scopes.iter().copied()).build().unwrap()
    };
    let call = async |scopes| {
        let client = Client::connect(&url)
            .authorizer(caller(scopes))
            .await
            .unwrap();
        let answer = client
            .call_tool("my_orders", JsonObject::new())
            .await
            .unwrap();
        let text = answer.content[0].as_text().unwrap().text.clone();
        (answer.is_error == Some(true), text)
    };
    let both = call(&["assist", "orders:read"]).await;
    assert_eq!(both, (false, "the orders of caller".to_owned()));
    // A token is never exchanged for more than it permits itself.
    let (failed, said) = call(&["assist"]).await;
    assert!(failed, "{said}");
    upstream.stop().await;
    running.stop().await;
}
