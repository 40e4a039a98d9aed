//! Variables that name a proxy: row D28.

use countersign::keys::KeyPair;
use countersign::oauth::jose::Algorithm;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use crate::command::{Server, folder, run, run_with_proxy};

const ISSUER: &str = "https://as.test";
const AUDIENCE: &str = "a";

#[tokio::test(flavor = "multi_thread")]
async fn d28_a_proxy_in_the_environment_sees_neither_key_sets_nor_local_calls() {
    let (proxy, issuer) = (
        FakeIssuerServer::start().await,
        FakeIssuerServer::start().await,
    );
    let folder = folder();
    let pair = KeyPair::generate(Algorithm::ES256).unwrap();
    pair.save(folder.path()).unwrap();
    issuer.answer("/jwks", ScriptedAnswer::json(pair.public_jwk_set()));
    let (named, keys) = (proxy.url(""), issuer.url("/jwks"));
    let answer = tokio::task::spawn_blocking(move || {
        let names = ["--issuer", ISSUER, "--audience", AUDIENCE];
        let serve = ["--jwks-url", &keys, "--danger-allow-loopback"];
        let serve = [&serve[..], &names].concat();
        let server = Server::start_with_proxy(folder.path(), &named, &serve);
        let token = ["token", "--key", "private.pem", "--subject", "ada"];
        let token = run(folder.path(), &[&token[..], &names].concat()).ok();
        let call = ["call", &server.url, "greet", "name=World", "--token"];
        let call = [&call[..], &[token.trim_end()]].concat();
        run_with_proxy(folder.path(), &named, &call).ok()
    });
    let answer = answer.await.unwrap();
    assert_eq!(answer, "Hello, World! Your userid is ada.\n");
    assert_eq!(issuer.count("/jwks"), 1);
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
}
