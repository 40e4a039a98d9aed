//! A provider of each kind: who tells who somebody is, what its access tokens are, what
//! becomes of its refresh tokens, and what it takes back.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Lifetime;
use countersign_oauth::pkce::CodeVerifier;
use countersign_resource_server::provider::Preset;
use serde_json::Value;
use testkit::FakeProvider;
use testkit::provider::{Endpoint, FakeProviderBuilder};

use super::caller::{asked, read, renewed};
use super::process::{Login, Place};
use crate::embedded::client::Client;
use crate::visitor::Visitor;

/// What an access token of the provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Opaque,
    WithAudience,
    WithoutAudience,
}

/// What becomes of a refresh token that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    /// There is another one.
    Replaced,
    /// It stays.
    Kept,
    /// There are none: access tokens last.
    None,
}

struct Kind {
    /// The name of the preset.
    name: &'static str,
    /// Its text, if it is not built in.
    preset: Option<&'static str>,
    fake: FakeProviderBuilder,
    scopes: &'static [&'static str],
    /// What the server asks to know who somebody is.
    identity: Endpoint,
    token: Token,
    renewal: Renewal,
    /// What the tool reads, and the origin if the preset does not name it.
    api: &'static str,
    api_origin: Option<&'static str>,
    /// What it tells about a person: `{login}` or `{subject}`.
    told: &'static str,
    /// Where tokens are given back; none if the provider takes none.
    revocation: Option<Endpoint>,
    /// Somebody besides alice, and how many issuers the two have.
    another: &'static str,
    issuers: usize,
}

/// Tokens that say nothing, and introspection (RFC 7662).
const INTROSPECTED: &str = r#"
name = "company"
display_name = "Company"
documentation = "https://oauth.example.com/docs"

[endpoints]
authorization = "https://oauth.example.com/authorize"
token = "https://oauth.example.com/token"
introspection = "https://oauth.example.com/introspect"
revocation = "https://oauth.example.com/revoke"

[login]
scopes = ["notes"]
client_authentication = ["client_secret_basic"]

[login.identity]
source = "introspection"
issuer = "https://oauth.example.com"
subject = "/sub"
application = { pointer = "/client_id" }

[api]
origins = ["https://oauth.example.com"]

[safety]
audience_bound = false
open_registration = true
"#;

fn with_jwt() -> Kind {
    Kind {
        name: "keycloak",
        preset: None,
        fake: FakeProvider::keycloak(),
        scopes: &[],
        identity: Endpoint::Jwks,
        token: Token::WithAudience,
        renewal: Renewal::Replaced,
        api: "https://sso.example.com/realms/main/protocol/openid-connect/userinfo",
        api_origin: Some("https://sso.example.com"),
        told: r#""preferred_username":"{login}""#,
        revocation: Some(Endpoint::Revocation),
        another: "bob",
        issuers: 1,
    }
}

fn opaque_with_userinfo() -> Kind {
    Kind {
        name: "discord",
        fake: FakeProvider::discord(),
        identity: Endpoint::Userinfo,
        token: Token::Opaque,
        api: "https://discord.com/api/users/@me",
        api_origin: None,
        told: r#""username":"{login}""#,
        ..with_jwt()
    }
}

fn opaque_for_ever() -> Kind {
    Kind {
        name: "github",
        fake: FakeProvider::github(),
        renewal: Renewal::None,
        api: "https://api.github.com/user/repos",
        told: r#""full_name":"{login}""#,
        revocation: Some(Endpoint::Application),
        ..opaque_with_userinfo()
    }
}

fn opaque_with_introspection() -> Kind {
    Kind {
        name: "company",
        preset: Some(INTROSPECTED),
        fake: FakeProvider::opaque_with_introspection(),
        identity: Endpoint::Introspection,
        api: "https://oauth.example.com/api/notes",
        told: r#""owner":"{login}""#,
        ..opaque_with_userinfo()
    }
}

fn without_audience() -> Kind {
    Kind {
        name: "cognito",
        fake: FakeProvider::cognito(),
        token: Token::WithoutAudience,
        renewal: Renewal::Kept,
        api: "https://example.auth.eu-central-1.amazoncognito.com/oauth2/userInfo",
        api_origin: Some("https://example.auth.eu-central-1.amazoncognito.com"),
        told: r#""username":"{login}""#,
        ..with_jwt()
    }
}

/// Access tokens for the API of Microsoft itself are for nobody else to read.
fn of_many_tenants() -> Kind {
    Kind {
        name: "microsoft",
        fake: FakeProvider::microsoft(),
        scopes: &["https://graph.microsoft.com/User.Read"],
        token: Token::Opaque,
        api: "https://graph.microsoft.com/v1.0/me",
        api_origin: None,
        told: r#""id":"{subject}""#,
        revocation: None,
        another: "mallory",
        issuers: 2,
        ..with_jwt()
    }
}

/// Where a walk takes place.
struct Walk<'a> {
    kind: &'a Kind,
    place: &'a Place,
    fake: &'a FakeProvider,
}

impl Walk<'_> {
    /// A person allows what `client` asks, and logs in at the provider. Access and
    /// refresh token.
    async fn log_in(&self, client: &Client, person: &str) -> (String, String) {
        let verifier = CodeVerifier::from_random([5; 32]);
        let visitor = Visitor::new(&self.place.http());
        let page = visitor.asked_by(client, &verifier).await;
        let sent = visitor.send_form(&page, &[("decision", "allow")]).await;
        let location = sent.header("location");
        let location = location.unwrap_or_else(|| panic!("{}", sent.text()));
        let callback = self.fake.approve(location, person).await;
        let back = visitor.open(&callback).await;
        let location = back.header("location");
        let location = location.unwrap_or_else(|| panic!("{}", back.text()));
        client.redeem(location, &verifier).await
    }

    /// The tool reads what the API tells about `person`.
    async fn reads(&self, client: &Client, access: &str, person: &str) {
        let subject = self.fake.subject_text(person);
        let told = self.kind.told.replace("{login}", person);
        let told = told.replace("{subject}", &subject);
        let said = read(client, access).await;
        let said = said.unwrap_or_else(|| panic!("{}: 401", self.kind.name));
        assert!(said.starts_with("200 "), "{said}");
        assert!(said.contains(&told), "{said} without {told}");
    }

    /// The tokens that were shown to the API, in their order.
    fn shown(&self) -> Vec<String> {
        let path = url::Url::parse(self.kind.api).unwrap().path().to_owned();
        let mut requests = self.fake.requests();
        requests.retain(|request| request.request.path == path);
        let lines = requests.iter().map(|request| {
            let line = request.header("authorization").unwrap();
            line.strip_prefix("Bearer ").unwrap().to_owned()
        });
        lines.collect()
    }

    /// The refresh tokens that were used at the provider, in their order.
    fn used(&self) -> Vec<String> {
        let requests = self.fake.requests_to(Endpoint::Token).into_iter();
        let used = requests.filter_map(|request| request.parameter("refresh_token"));
        used.collect()
    }

    fn issued(&self) -> Vec<String> {
        [self.fake.access_tokens(), self.fake.refresh_tokens()].concat()
    }

    /// As long as an access token of the provider lives.
    fn lifetime(&self) -> Lifetime {
        let seconds = self.fake.behaviour().access_seconds;
        seconds.map_or(Lifetime::from_hours(8), Lifetime::from_secs)
    }

    /// What the provider was shown is of the kind that the table says.
    fn check_token(&self) {
        let token = self.shown().pop().unwrap();
        let claims = claims(&token);
        let expected = match self.kind.token {
            Token::Opaque => None,
            Token::WithAudience => Some(true),
            Token::WithoutAudience => Some(false),
        };
        assert_eq!(claims.map(|claims| claims["aud"].is_string()), expected);
        let requests = self.fake.requests_to(self.kind.identity);
        assert!(!requests.is_empty(), "{:?}", self.kind.identity);
    }

    /// After `rounds` times in which the access token of the provider has ended.
    fn check_renewals(&self, rounds: usize) {
        let used = self.used();
        let different = BTreeSet::from_iter(&used).len();
        let expected = match self.kind.renewal {
            Renewal::Replaced => (rounds, rounds),
            Renewal::Kept => (rounds, rounds.min(1)),
            Renewal::None => (0, 0),
        };
        assert_eq!((used.len(), different), expected, "{}", self.kind.name);
        let shown = BTreeSet::from_iter(self.shown()).len();
        let renewed = if expected.0 > 0 { rounds } else { 0 };
        assert_eq!(shown, 1 + renewed, "{}", self.kind.name);
    }
}

/// The claims of a token, if it has any.
fn claims(token: &str) -> Option<Value> {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts[..] else {
        return None;
    };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

async fn walk(mut kind: Kind) {
    let place = Place::new().await;
    let redirect_uri = format!("{}/callback/{}", place.origin(), kind.name);
    let fake = std::mem::replace(&mut kind.fake, FakeProvider::oidc());
    let fake = fake.redirect_uri(&redirect_uri).clock(place.clock.clone());
    let fake = fake.naming_real_origins().start().await;
    let built_in = || Preset::text(kind.name).unwrap();
    place.serve(&Login {
        provider: &fake,
        preset: kind.preset.unwrap_or_else(built_in),
        scopes: kind.scopes,
        api: kind.api,
        api_origin: kind.api_origin,
        is_led: true,
    });
    let walk = Walk {
        kind: &kind,
        place: &place,
        fake: &fake,
    };

    let process = place.start().await;
    let client = Client::discover(&place.http()).await;
    let (access, refresh) = walk.log_in(&client, "alice").await;
    walk.reads(&client, &access, "alice").await;
    walk.check_token();
    let subject = claims(&access).unwrap()["sub"].clone();
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    walk.reads(&client, &access, "alice").await;
    walk.check_renewals(0);
    place.advance(walk.lifetime());
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    walk.reads(&client, &access, "alice").await;
    walk.check_renewals(1);

    process.kill().await;
    let _process = place.start().await;
    walk.reads(&client, &access, "alice").await;
    place.advance(walk.lifetime());
    let (access, refresh) = renewed(&client, &refresh).await.unwrap();
    walk.reads(&client, &access, "alice").await;
    walk.check_renewals(2);

    let of_alice = walk.issued();
    let (theirs, their_refresh) = walk.log_in(&client, kind.another).await;
    walk.reads(&client, &theirs, kind.another).await;
    assert_ne!(claims(&theirs).unwrap()["sub"], subject);
    let issuers = ["alice", kind.another].map(|person| fake.issuer_for(person));
    assert_eq!(BTreeSet::from(issuers).len(), kind.issuers);

    assert!(of_alice.iter().any(|token| fake.is_live(token)));
    fake.forget_requests();
    client.revoke(&refresh).await;
    match kind.revocation {
        Some(endpoint) => {
            asked(&fake, endpoint, 1).await;
            assert!(!of_alice.iter().any(|token| fake.is_live(token)));
        }
        None => assert!(fake.url(Endpoint::Revocation).is_none()),
    }
    assert_eq!(read(&client, &access).await, None);
    assert_eq!(renewed(&client, &refresh).await, None);
    assert!(walk.shown().is_empty(), "the tool did not run");
    assert!(walk.used().is_empty());
    let (theirs, _) = renewed(&client, &their_refresh).await.unwrap();
    walk.reads(&client, &theirs, kind.another).await;
    for token in [&access, &refresh, &theirs] {
        fake.assert_never_received(token);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_provider_of_each_kind_people_log_in_and_tools_read_its_api_until_both_are_over() {
    for kind in [
        with_jwt(),
        opaque_with_userinfo(),
        opaque_for_ever(),
        opaque_with_introspection(),
        without_audience(),
        of_many_tenants(),
    ] {
        walk(kind).await;
    }
}
