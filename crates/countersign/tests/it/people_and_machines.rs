//! One server for people who log in and services that have a key: each reads its own and
//! is refused at the other's. M-18, M-20, on sockets, with the login over plain HTTP and
//! in a real browser.

use countersign::authorization_server::accounts::{AccountName, Password};
use countersign::authorization_server::api_keys::ApiKeyRequest;
use countersign::oauth::pkce::CodeVerifier;
use countersign::oauth::{ScopeSet, Secret};
use countersign::{
    AccessToken, ApiKeyAuth, ApiKeyOwner, Context, Http, RunningServer, Server, ToolError, resource,
};
use serde_json::json;
use testkit::webdriver::{DESKTOP, Driver, Window};
use testkit::{FakeIssuerServer, LegacyClient, ModernClient, ScriptedAnswer};

use crate::embedded::client::Client;
use crate::fixture::{Noted, Seen};
use crate::visitor::{Visitor, cheap_accounts};

const PASSWORD: &str = "correct horse battery";

/// What nobody but its owner reads.
#[resource("user://{id}/private", auth = "oauth", scopes("private"))]
async fn private(id: String, token: AccessToken) -> Result<String, ToolError> {
    if id != token.sub() {
        return Err(ToolError::not_found(format!("user://{id}/private")));
    }
    Ok(format!("what {id} keeps"))
}

/// What services read.
#[resource("admin://system/stats", auth = "api_key", scopes("stats"))]
async fn stats(context: Context) -> String {
    let token = context.access_token();
    format!("fine, {}", token.map_or("nobody", |token| token.sub()))
}

/// The server on a socket, an account of ada, and the key of a service.
struct House {
    running: RunningServer,
    http: testkit::Http,
    noted: Noted,
    ada: String,
    key: Secret,
}

impl House {
    async fn new() -> Self {
        let noted = Noted::default();
        let auth = cheap_accounts()
            .scope("private", "Read what is yours")
            .api_keys(ApiKeyAuth::header("X-API-Key"));
        let running = Server::new("Notes")
            .auth(auth)
            .challenge_scopes(["private"])
            .audit(noted.clone())
            .resource(private)
            .resource(stats)
            .start(Http::bind("127.0.0.1:0"))
            .await
            .unwrap();
        let app = running.app();
        let server = app.authorization_server().unwrap();
        let name = AccountName::parse("ada").unwrap();
        let password = Password::new(Secret::new(PASSWORD)).unwrap();
        let accounts = server.people().unwrap().accounts();
        let ada = accounts.add(&name, &password).await.unwrap();
        let owner = ApiKeyOwner::service("reports").unwrap();
        let request =
            ApiKeyRequest::new(owner, "Reports").scopes(ScopeSet::parse("stats").unwrap());
        let key = server.api_keys().create(&request).await.unwrap().text;
        let http = testkit::Http::socket(&running.address().to_string());
        Self {
            running,
            http,
            noted,
            ada,
            key,
        }
    }

    /// The status and the text of reading `uri`, in both eras.
    async fn read(&self, header: (&str, &str), uri: &str) -> Vec<Seen> {
        let params = json!({ "uri": uri });
        let modern = ModernClient::new(self.http.clone(), "/mcp");
        let legacy = LegacyClient::new(self.http.clone(), "/mcp");
        let mut answers = Vec::new();
        for request in [
            modern.mcp("resources/read", params.clone()),
            legacy.mcp("resources/read", params),
        ] {
            let request = request.header(header.0, header.1);
            answers.push(Seen::of(request.send().await).await);
        }
        answers
    }

    /// The whole story, with the `token` of ada.
    async fn judge(&self, token: &str) {
        let bearer = format!("Bearer {token}");
        let person = ("authorization", bearer.as_str());
        let service = ("x-api-key", self.key.reveal());
        let own = format!("user://{}/private", self.ada);
        let stats = "admin://system/stats";
        self.noted.taken();
        for (who, uri, text) in [
            (person, &*own, format!("what {} keeps", self.ada)),
            (service, stats, "fine, service:reports".to_owned()),
        ] {
            for seen in self.read(who, uri).await {
                assert_eq!(seen.status, 200, "{}", seen.text());
                let read = &seen.json()["result"]["contents"][0]["text"];
                assert_eq!(*read, text);
            }
        }
        let asks_for_login = |challenge: &str| {
            let metadata = challenge.contains("resource_metadata=\"http");
            challenge.starts_with("Bearer ") && metadata && !challenge.contains("error")
        };
        let asks_for_key =
            |challenge: &str| challenge == "ApiKey realm=\"Notes\", header=\"X-API-Key\"";
        self.noted.taken();
        for (who, uri, sources, is_right) in [
            (
                person,
                stats,
                json!(["api_key"]),
                &asks_for_key as &dyn Fn(&str) -> bool,
            ),
            (service, &*own, json!(["oauth"]), &asks_for_login),
        ] {
            for seen in self.read(who, uri).await {
                assert_eq!(seen.status, 401, "{uri}");
                let lines: Vec<_> = seen.headers.get_all("www-authenticate").iter().collect();
                let [challenge] = lines[..] else {
                    panic!("{lines:?}");
                };
                let challenge = challenge.to_str().unwrap();
                assert!(is_right(challenge), "{uri}: {challenge}");
                assert_eq!(seen.json()["sources"], sources, "{uri}");
                assert!(!seen.text().contains("keeps") && !seen.text().contains("fine"));
            }
            let told = self.noted.taken().into_iter();
            let told: Vec<_> = told
                .map(|record| record.reason.unwrap().to_string())
                .collect();
            assert_eq!(told, ["wrong_source", "wrong_source"], "{uri}");
        }
        // What is somebody else's is not there.
        for seen in self.read(person, "user://grace/private").await {
            assert!(seen.json()["error"]["code"].is_i64(), "{}", seen.text());
        }
        // Each sees what is its own.
        let listed = async |name: &str, value: &str, method: &str, member: &str| {
            let client = ModernClient::new(self.http.clone(), "/mcp").header(name, value);
            let listed = client.result(method, json!({})).await;
            listed[member].as_array().unwrap().len()
        };
        let templates = "resources/templates/list";
        for (who, resources, found) in [(person, 0, 1), (service, 1, 0)] {
            let all = listed(who.0, who.1, "resources/list", "resources").await;
            assert_eq!(all, resources);
            let all = listed(who.0, who.1, templates, "resourceTemplates").await;
            assert_eq!(all, found);
        }
    }
}

#[tokio::test]
async fn m_18_m_20_a_person_and_a_service_each_read_their_own_over_http_and_not_the_others() {
    let house = House::new().await;
    let client = Client::discover(&house.http).await;
    let person = Visitor::new(&house.http);
    let verifier = CodeVerifier::from_random([3; 32]);
    let endpoint = client.endpoint("authorization");
    let question = format!("{endpoint}?{}", client.question(&verifier));
    let page = person.open(&question).await;
    let fields = [("name", "ada"), ("password", PASSWORD)];
    let consent = person.send_form(&page, &fields).await;
    assert!(
        consent.text().contains("Allow access?"),
        "{}",
        consent.text()
    );
    let token = person.allow(&client, &[]).await;
    house.judge(&token).await;
    house.running.stop().await;
}

/// Logs ada in and allows what the client asks; answers where the browser came out.
async fn allow(window: &Window<'_>, question: &str) -> String {
    window.go(question).await;
    window.titled("Log in").await;
    window.fill("#name", "ada").await;
    window.fill("#password", "a wrong password").await;
    window.press("main button").await;
    window.titled("Error: ").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Allow access?").await;
    let page = window.text().await;
    assert!(page.contains("Read what is yours"), "{page}");
    window.press("button[value=allow]").await;
    window.arrives("/callback?").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m_18_m_20_the_same_after_a_login_in_a_real_browser() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let house = House::new().await;
    let application = FakeIssuerServer::start().await;
    application.answer("/callback", ScriptedAnswer::json("\"connected\""));
    let callback = application.url("/callback");
    let client = Client::discover_with(&house.http, &callback).await;
    let verifier = CodeVerifier::from_random([3; 32]);
    let endpoint = client.endpoint("authorization");
    let question = format!("{endpoint}?{}", client.question(&verifier));
    let window = driver.open(DESKTOP).await;
    let arrived = allow(&window, &question).await;
    let (token, _) = client.redeem(&arrived, &verifier).await;
    house.judge(&token).await;
    window.close().await;
    house.running.stop().await;
}
