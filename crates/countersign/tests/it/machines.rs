//! Programs that call our own servers with tokens of our own authorization server: both
//! ends together, over sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use countersign::authorization_server::accounts::AccountName;
use countersign::authorization_server::{
    AuthorizationServer, ClientFacts, ClientSource, TokenExchange as ExchangeRule,
    TrustedIdentityProvider, Workload as KnownWorkload, WorkloadIssuer,
};
use countersign::client::{Authorizer as _, Client, ClientError, Outgoing};
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::client_metadata::ClientMetadata;
use countersign::oauth::form::Form;
use countersign::oauth::grant_type::GrantType;
use countersign::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign::oauth::{ClientId, Secret};
use countersign::oauth_client::machine::{
    ClientCredentials, IdentityAssertion, Machine, PrivateKeyJwt, Subject, TokenExchange, Workload,
    from_fn,
};
use countersign::{
    AccessToken, Clock as _, Configuration, Context, EmbeddedAuth, Http, Keys, RunningServer,
    Server, SystemClock, ToolError, tool,
};
use countersign_resource_server::fetch::{Fetch, Fetcher, Fetching};
use http::{Method, Request, Response};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use url::Url;

const IDP: &str = "https://idp.test";
const PLATFORM: &str = "https://platform.test";
const UPSTREAM: &str = "https://upstream.test/api";

/// Says who is calling.
#[tool(scopes("read"))]
async fn whoami(token: AccessToken) -> String {
    format!(
        "{} by {}",
        token.sub(),
        token.client_id().unwrap_or("nobody")
    )
}

/// Needs more than the others.
#[tool(scopes("write"))]
async fn change() -> String {
    "changed".to_owned()
}

/// Calls somebody else for whoever calls; says what it got, and whether that is what it was
/// called with.
#[tool(scopes("read"))]
async fn ask_upstream(context: Context) -> Result<String, ToolError> {
    let issuer = context.access_token().map(|token| token.iss().to_owned());
    let exchange = TokenExchange::builder(issuer.unwrap_or_default(), "E", Secret::new("secret"));
    let exchange = exchange.build().map_err(ToolError::internal)?;
    let token = context.exchange(&exchange, UPSTREAM, ["read"]).await?;
    let same = context.token().as_ref() == Some(&token.access_token);
    let text = token.access_token.reveal();
    // Whoever calls it as MCP shows the same.
    let caller = context.on_behalf(&exchange, UPSTREAM, ["read"])?;
    let url = Url::parse(UPSTREAM).map_err(ToolError::internal)?;
    let shown = caller.authorize(Outgoing::new(&Method::POST, &url)).await;
    let shown = shown.map_err(ToolError::internal)?;
    if shown["authorization"] != format!("Bearer {text}") {
        return Err(ToolError::new("another token is shown"));
    }
    Ok(format!("{same} {} {text}", token.scopes))
}

/// An issuer of assertions, and how many it made.
pub(crate) struct Maker {
    issuer: &'static str,
    key: SigningKey,
    made: AtomicUsize,
}

impl Maker {
    pub(crate) fn new(issuer: &'static str) -> Arc<Self> {
        let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        Arc::new(Self {
            issuer,
            key: key.with_kid("k").unwrap(),
            made: AtomicUsize::new(0),
        })
    }

    fn jwks(&self) -> String {
        json!({"keys": [self.key.public_jwk().unwrap()]}).to_string()
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::key_set(self.jwks())
    }

    pub(crate) fn make(&self, typ: Option<&str>, audience: &str, more: &Value) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let now = SystemClock::default().now().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300,
            "jti": number.to_string(),
        });
        let members = claims.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let payload = claims.to_string();
        sign_compact(typ, payload.as_bytes(), &self.key, &SystemRandom::new()).unwrap()
    }
}

/// The Internet with an identity provider in it, which exchanges the ID token `ada-at-idp`.
struct WithIdp {
    real: Fetcher,
    idp: Arc<Maker>,
    /// Whose people it vouches for.
    tenant: Option<&'static str>,
}

impl std::fmt::Debug for WithIdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WithIdp")
    }
}

impl Fetch for WithIdp {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        if request.uri().host() != Some("idp.test") {
            return self.real.fetch(request);
        }
        let form = Form::parse(request.body()).unwrap();
        let field = |name: &str| form.one(name).unwrap().unwrap_or_default().to_owned();
        assert_eq!(field("subject_token"), "ada-at-idp");
        let mut claims = json!({
            "sub": "ada", "client_id": "E", "resource": field("resource"),
            "scope": field("scope"),
        });
        if let Some(tenant) = self.tenant {
            claims["tenant"] = tenant.into();
        }
        let typ = Some("oauth-id-jag+jwt");
        let assertion = self.idp.make(typ, &field("audience"), &claims);
        let answer = json!({
            "access_token": assertion, "token_type": "N_A",
            "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        });
        Box::pin(async move { Ok(Response::new(Bytes::from(answer.to_string()))) })
    }
}

/// What an operator writes instead of code.
const SETTINGS: &str = r#"
[issuing]
resources = ["https://upstream.test/api"]

[identity_providers.acme]
issuer = "https://idp.test"
jwks_file = "idp.json"

[workloads.deployer]
issuer = "https://platform.test"
jwks_file = "platform.json"
client_id = "W"
claims = ["sub=repo:acme/app"]
scopes = ["read", "write"]

[token_exchange.upstream]
client_id = "E"
calls = "https://upstream.test/api"
scopes = ["read"]
"#;

struct Running {
    /// Of the settings.
    folder: TempDir,
    server: RunningServer,
    idp: Arc<Maker>,
    platform: Arc<Maker>,
    key: Arc<SigningKey>,
}

impl Running {
    async fn start() -> Self {
        let (idp, platform) = (Maker::new(IDP), Maker::new(PLATFORM));
        let company = TrustedIdentityProvider::new("acme", IDP).keys(idp.keys());
        let job = KnownWorkload::new("deployer", "W").claim("sub", "repo:acme/app");
        let jobs = WorkloadIssuer::new(PLATFORM)
            .keys(platform.keys())
            .workload(job.scopes(["read", "write"]));
        let auth = EmbeddedAuth::in_memory()
            .on_setup_link(|_| {})
            .identity_assertions(company)
            .workloads(jobs)
            .configure(|server| {
                let settings = server.check().map(|settings| settings.resources[0].clone());
                let served = settings.unwrap().as_str().to_owned();
                let rule = ExchangeRule::new("E", served, UPSTREAM).scopes(["read"]);
                server.resource(UPSTREAM).token_exchange(rule)
            });
        Self::of(auth, "", (idp, platform)).await
    }

    /// The same, where settings outside of code say all of it.
    async fn configured() -> Self {
        let auth = EmbeddedAuth::in_memory().on_setup_link(|_| {});
        Self::of(auth, SETTINGS, (Maker::new(IDP), Maker::new(PLATFORM))).await
    }

    async fn of(
        auth: EmbeddedAuth,
        settings: &str,
        (idp, platform): (Arc<Maker>, Arc<Maker>),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, settings).unwrap();
        std::fs::write(folder.path().join("idp.json"), idp.jwks()).unwrap();
        std::fs::write(folder.path().join("platform.json"), platform.jwks()).unwrap();
        let settings = Configuration::default().file(&file).unwrap();
        let server = Server::new("Notes")
            .auth(auth)
            .configuration(&settings)
            .tool(whoami)
            .tool(change)
            .tool(ask_upstream);
        let server = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
        let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        let key = key.with_kid("own").unwrap();
        let running = Self {
            folder,
            server,
            idp,
            platform,
            key: Arc::new(key),
        };
        running.register().await;
        running
    }

    /// S has a secret, K a key, E a secret and every grant of machines, W nothing.
    async fn register(&self) {
        let app = self.server.app();
        let issuer = app.authorization_server().unwrap();
        let secret = Secret::new("secret");
        let with = |method, grants: &[GrantType]| {
            let mut metadata = ClientMetadata::public(Vec::new());
            metadata.token_endpoint_auth_method = method;
            metadata.grant_types = grants.to_vec();
            metadata
        };
        let facts = |metadata| ClientFacts::new(metadata, ClientSource::Administrator);
        let basic = TokenEndpointAuthMethod::ClientSecretBasic;
        let own = with(basic, &[GrantType::ClientCredentials]);
        add(issuer, "S", facts(own).with_secret(&secret, None)).await;
        let both = with(basic, &[GrantType::JwtBearer, GrantType::TokenExchange]);
        add(issuer, "E", facts(both).with_secret(&secret, None)).await;
        let public = with(TokenEndpointAuthMethod::None, &[GrantType::JwtBearer]);
        add(issuer, "W", facts(public)).await;
        let method = TokenEndpointAuthMethod::PrivateKeyJwt;
        let mut keyed = with(method, &[GrantType::ClientCredentials]);
        let jwks = json!({"keys": [self.key.public_jwk().unwrap()]});
        keyed.jwks = jwks.as_object().cloned();
        add(issuer, "K", facts(keyed)).await;
    }

    fn issuer(&self) -> String {
        let app = self.server.app();
        let issuer = app.authorization_server().unwrap();
        issuer.settings().issuer.as_str().to_owned()
    }

    fn with_secret(&self, secret: &str) -> Machine {
        ClientCredentials::new(self.server.url(), "S", Secret::new(secret))
            .issuer(self.issuer())
            .build()
            .unwrap()
    }

    fn job(&self, sub: &str) -> Machine {
        self.job_of(&self.platform, sub)
    }

    fn job_of(&self, platform: &Arc<Maker>, sub: &str) -> Machine {
        let (platform, claims) = (Arc::clone(platform), json!({ "sub": sub }));
        let source = from_fn(move |audience: String| {
            let token = platform.make(None, &audience, &claims);
            async move { Ok(Secret::new(token)) }
        });
        Workload::new(self.server.url(), "W", source)
            .issuer(self.issuer())
            .build()
            .unwrap()
    }

    fn of_company(&self) -> Machine {
        self.of_tenant(None)
    }

    fn of_tenant(&self, tenant: Option<&'static str>) -> Machine {
        let real = Fetcher::builder()
            .any_port()
            .danger_allow_loopback()
            .build();
        let fetch = WithIdp {
            real: real.unwrap(),
            idp: Arc::clone(&self.idp),
            tenant,
        };
        let id_token = from_fn(|_| async { Ok(Secret::new("ada-at-idp")) });
        let subject = Subject::id_token(id_token);
        IdentityAssertion::new(self.server.url(), "E", Secret::new("secret"), subject)
            .issuer(self.issuer())
            .identity_provider(IDP, "at-idp")
            .identity_provider_token_endpoint(format!("{IDP}/token"))
            .fetch(Arc::new(fetch))
            .build()
            .unwrap()
    }

    async fn call(&self, machine: &Machine, tool: &str) -> Result<String, ClientError> {
        let client = Client::connect(self.server.url())
            .authorizer(machine.clone())
            .await?;
        let answer = client.call_tool(tool.to_owned(), Map::new()).await?;
        let text = answer.content[0].as_text().unwrap().text.clone();
        client.close().await;
        Ok(text)
    }
}

pub(crate) async fn add(issuer: &AuthorizationServer, id: &str, facts: ClientFacts) {
    let id = ClientId::parse(id).unwrap();
    issuer.add_client(&id, &facts).await.unwrap();
}

#[tokio::test]
async fn cc_01_a_program_with_the_wrong_secret_or_the_wrong_key_gets_nothing() {
    let running = Running::start().await;
    let error = running.call(&running.with_secret("wrong"), "whoami").await;
    let said = error.unwrap_err().to_string();
    assert!(said.contains("invalid_client"), "{said}");
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let another = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let another = Arc::new(another.with_kid("own").unwrap());
    let machine = PrivateKeyJwt::new(running.server.url(), "K", another);
    let error = running.call(&machine.build().unwrap(), "whoami").await;
    assert!(error.unwrap_err().to_string().contains("invalid_client"));
    // A job that is none of ours.
    let error = running.call(&running.job("repo:evil/app"), "whoami").await;
    assert!(error.unwrap_err().to_string().contains("invalid_grant"));
    running.server.stop().await;
    let running = Running::configured().await;
    let error = running.call(&running.job("repo:evil/app"), "whoami").await;
    assert!(error.unwrap_err().to_string().contains("invalid_grant"));
    running.server.stop().await;
}

#[tokio::test]
async fn wi_03_keys_of_a_platform_that_were_replaced_in_their_file_verify_nothing() {
    let running = Running::configured().await;
    let (job, another) = ("repo:acme/app", Maker::new(PLATFORM));
    let file = running.folder.path().join("platform.json");
    for unusable in ["", "{\"keys\":[]}"] {
        std::fs::write(&file, unusable).unwrap();
        assert!(running.server.reload().is_err(), "{unusable}");
    }
    let who = "service:deployer by W";
    assert_eq!(
        running.call(&running.job(job), "whoami").await.unwrap(),
        who
    );
    // Its ids are other ones, too.
    another.made.store(100, Ordering::Relaxed);
    std::fs::write(&file, another.jwks()).unwrap();
    running.server.reload().unwrap();
    let error = running.call(&running.job(job), "whoami").await;
    assert!(error.unwrap_err().to_string().contains("invalid_grant"));
    let new = running.job_of(&another, job);
    assert_eq!(running.call(&new, "whoami").await.unwrap(), who);
    running.server.stop().await;
}

#[tokio::test]
async fn cc_01_em_01_wi_01_programs_of_every_kind_are_let_in_as_who_they_are() {
    for running in [Running::start().await, Running::configured().await] {
        each_kind_is_let_in(running).await;
    }
}

async fn each_kind_is_let_in(running: Running) {
    let with_key = PrivateKeyJwt::new(running.server.url(), "K", Arc::clone(&running.key));
    for (machine, who) in [
        (running.with_secret("secret"), "S by S"),
        (with_key.build().unwrap(), "K by K"),
        (running.job("repo:acme/app"), "service:deployer by W"),
    ] {
        assert_eq!(running.call(&machine, "whoami").await.unwrap(), who);
        // The second connection shows the same token.
        assert_eq!(running.call(&machine, "whoami").await.unwrap(), who);
        // A scope that is missing is got on the way.
        assert_eq!(running.call(&machine, "change").await.unwrap(), "changed");
    }
    let machine = running.of_company();
    let who = running.call(&machine, "whoami").await.unwrap();
    assert!(who.ends_with(" by E") && !who.contains("ada"), "{who}");
    // Whoever the company vouches for is the same person next time.
    let again = running.call(&running.of_company(), "whoami").await.unwrap();
    assert_eq!(again, who);
    running.server.stop().await;
}

#[tokio::test]
async fn em_05_people_of_another_tenant_than_the_settings_name_are_not_let_in() {
    let tenant = "issuer = \"https://idp.test\"\ntenant = \"t-1\"";
    let settings = SETTINGS.replace("issuer = \"https://idp.test\"", tenant);
    let auth = EmbeddedAuth::in_memory().on_setup_link(|_| {});
    let makers = (Maker::new(IDP), Maker::new(PLATFORM));
    let running = Running::of(auth, &settings, makers).await;
    for tenant in [None, Some("t-2")] {
        let error = running.call(&running.of_tenant(tenant), "whoami").await;
        let said = error.unwrap_err().to_string();
        assert!(said.contains("invalid_grant"), "{said}");
    }
    let who = running
        .call(&running.of_tenant(Some("t-1")), "whoami")
        .await;
    assert!(who.unwrap().ends_with(" by E"));
    running.server.stop().await;
}

#[tokio::test]
async fn em_09_a_tool_exchanges_what_it_was_called_with_and_it_ends_with_the_person() {
    for running in [Running::start().await, Running::configured().await] {
        is_exchanged(running).await;
    }
}

async fn is_exchanged(running: Running) {
    let machine = running.of_company();
    let said = running.call(&machine, "ask_upstream").await.unwrap();
    let mut words = said.split(' ');
    assert_eq!(words.next(), Some("false"));
    assert_eq!(words.next(), Some("read"));
    let token = Secret::new(words.next().unwrap());
    let app = running.server.app();
    let issuer = app.authorization_server().unwrap();
    let active = issuer.active_token(&token).await.unwrap().unwrap();
    assert_eq!(active.aud.as_deref(), Some(UPSTREAM));
    assert_eq!(active.act.unwrap().sub, "E");
    // It is good for nothing here.
    let wrong = Client::connect(running.server.url()).bearer(token.clone());
    assert!(matches!(wrong.await, Err(ClientError::Unauthorized(_))));
    let accounts = issuer.people().unwrap().accounts();
    let account = accounts.with_subject(&active.sub).await.unwrap().unwrap();
    let name = AccountName::parse_any(&account.name).unwrap();
    accounts.disable(&name).await.unwrap();
    assert!(issuer.active_token(&token).await.unwrap().is_none());
    let refused = running.call(&machine, "whoami").await;
    assert!(refused.is_err(), "{refused:?}");
    // A program that called for itself is acted for in the same way.
    let own = running.with_secret("secret");
    let said = running.call(&own, "ask_upstream").await.unwrap();
    assert!(said.starts_with("false read "), "{said}");
    running.server.stop().await;
}
