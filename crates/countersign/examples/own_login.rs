//! Your own login step: an application that knows its members by a cookie of its own.
//! The server asks them for their consent on its own page, and issues the tokens.
//!
//! `cargo run -p countersign --example own_login`, then add `http://localhost:8000/mcp`
//! to a client, and type one of the codes that it prints.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::authorization_server::login::Freshness;
use countersign::authorization_server::oauth::ClientId;
use countersign::authorization_server::{Login, LoginStep, Person, Unavailable, Visitor};
use countersign::keys::{SecureRandom, SystemRandom};
use countersign::{AccessToken, EmbeddedAuth, Http, RouteAccess, Server, tool};
use url::form_urlencoded::{byte_serialize, parse};

const COOKIE: &str = "member";

/// The members of the application. Clones are the same ones.
#[derive(Clone, Default)]
pub(crate) struct Members(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Who may sign in with which code.
    codes: HashMap<String, String>,
    /// Who is signed in with which cookie.
    sessions: HashMap<String, String>,
}

fn drawn() -> Result<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl Members {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code with which `name` can sign in.
    pub(crate) fn invite(&self, name: &str) -> Result<String> {
        let code = drawn()?;
        self.known().codes.insert(code.clone(), name.to_owned());
        Ok(code)
    }

    /// Takes the membership away.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for whoever looks after the members")
    )]
    pub(crate) fn expel(&self, name: &str) {
        let mut known = self.known();
        known.codes.retain(|_, member| member != name);
        known.sessions.retain(|_, member| member != name);
    }

    /// The cookie of a new session, if `code` is that of a member.
    fn sign_in(&self, code: &str) -> Result<Option<String>> {
        let session = drawn()?;
        let mut known = self.known();
        let Some(member) = known.codes.get(code).cloned() else {
            return Ok(None);
        };
        known.sessions.insert(session.clone(), member);
        Ok(Some(session))
    }
}

impl Login for Members {
    async fn log_in(&self, visitor: Visitor<'_>) -> Result<LoginStep, Unavailable> {
        let known = self.known();
        let session = visitor.cookie(COOKIE);
        let member = session.and_then(|session| known.sessions.get(session));
        Ok(match member {
            Some(member) if visitor.freshness == Freshness::Any => {
                LoginStep::Known(Person::new(member, member))
            }
            _ => visitor.go_to("/sign-in"),
        })
    }

    async fn still_allows(&self, subject: &str, _: &ClientId) -> Result<bool, Unavailable> {
        Ok(self.known().codes.values().any(|member| member == subject))
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}

fn parameter(form: &str, name: &str) -> String {
    let mut pairs = parse(form.as_bytes());
    let value = pairs.find(|(key, _)| key == name);
    value
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Anybody can write a link to the page: it leads back into this server alone.
fn is_ours(address: &str) -> bool {
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    plain && address.starts_with('/') && !address.starts_with("//") && !address.contains('\\')
}

fn page(return_to: &str, said: &str) -> Response {
    let return_to: String = byte_serialize(return_to.as_bytes()).collect();
    Html(format!(
        "<!doctype html><html lang=en><title>Sign in</title><h1>Sign in</h1><p>{said}</p>\
         <form method=post action=\"/sign-in?return_to={return_to}\">\
         <label>Your code <input name=code type=password required></label> \
         <button>Sign in</button></form>"
    ))
    .into_response()
}

fn signed_in(members: &Members, return_to: &str, form: &str) -> Response {
    match members.sign_in(&parameter(form, "code")) {
        Ok(Some(session)) if is_ours(return_to) => {
            // With https, write __Host-member and add Secure.
            let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax");
            let headers: [(HeaderName, String); 2] =
                [(SET_COOKIE, cookie), (LOCATION, return_to.to_owned())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Ok(_) => page(return_to, "That did not work."),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

pub(crate) fn server(members: &Members) -> Server {
    let checking = members.clone();
    let sign_in = get(async |request: axum::extract::Request| {
        let query = request.uri().query().unwrap_or_default();
        page(&parameter(query, "return_to"), "Members only.")
    })
    .post(async move |uri: Uri, form: String| {
        let query = uri.query().unwrap_or_default();
        signed_in(&checking, &parameter(query, "return_to"), &form)
    });
    Server::new("Members")
        .auth(EmbeddedAuth::in_memory().login(members.clone()))
        .route("/sign-in", sign_in, RouteAccess::Open)
        .tool(whoami)
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let members = Members::default();
    for name in ["ada", "grace"] {
        println!("{name}: {}", members.invite(name)?);
    }
    let place = Http::bind("127.0.0.1:8000");
    Ok(server(&members).serve(place).await?)
}
