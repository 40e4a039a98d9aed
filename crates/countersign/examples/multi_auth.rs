//! OAuth for people, API keys for machines, in one server, and no crossover.
//!
//! Where other frameworks write `@server.auth(oauth)` over a function, it is an argument
//! of its attribute here: `auth = "oauth"`.
//!
//! `head -c 24 /dev/urandom | base64 > api-key.txt`, then
//! `cargo run -p countersign --example multi_auth`, and
//! `curl -H "X-API-Key: $(cat api-key.txt)" …`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::component::Json;
use countersign::oauth::Secret;
use countersign::{
    AccessToken, ApiKeyAuth, EmbeddedAuth, FixedKey, Http, Server, State, ToolError, resource, tool,
};

/// What each user wrote about themselves, by their subject.
#[derive(Clone, Default)]
pub(crate) struct Profiles(Arc<Mutex<BTreeMap<String, String>>>);

impl Profiles {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(&self, user: &str) -> Option<String> {
        self.change(|profiles| profiles.get(user).cloned())
    }
}

/// Your profile.
#[tool(auth = "oauth", scopes("read:profile"), read_only)]
fn get_my_profile(token: AccessToken, profiles: State<Profiles>) -> String {
    profiles.of(token.sub()).unwrap_or_default()
}

/// Changes your profile.
#[tool(auth = "oauth", scopes("write:profile"))]
fn update_my_profile(text: String, token: AccessToken, profiles: State<Profiles>) -> &'static str {
    profiles.change(|profiles| profiles.insert(token.sub().to_owned(), text));
    "Your profile is changed"
}

/// What nobody but you reads.
#[resource("user://{user_id}/private", auth = "oauth")]
fn private(
    user_id: String,
    token: AccessToken,
    profiles: State<Profiles>,
) -> Result<String, ToolError> {
    if user_id != token.sub() {
        // Whether there is such a user is nobody's business.
        return Err(ToolError::not_found(format!("user://{user_id}/private")));
    }
    Ok(profiles.of(&user_id).unwrap_or_default())
}

/// All users who have a profile.
#[tool(auth = "api_key", read_only)]
fn list_all_users(profiles: State<Profiles>) -> Json<Vec<String>> {
    Json(profiles.change(|profiles| profiles.keys().cloned().collect()))
}

/// One user.
#[tool(auth = "api_key", read_only)]
fn get_user_by_id(user_id: String, profiles: State<Profiles>) -> Result<String, ToolError> {
    let found = profiles.of(&user_id);
    found.ok_or_else(|| ToolError::new("There is no such user"))
}

/// How much there is.
#[resource(
    "admin://system/stats",
    auth = "api_key",
    mime_type = "application/json"
)]
fn stats(profiles: State<Profiles>) -> Json<BTreeMap<&'static str, usize>> {
    let users = profiles.change(|profiles| profiles.len());
    Json(BTreeMap::from([("total_users", users)]))
}

pub(crate) fn server(people: EmbeddedAuth, machines: ApiKeyAuth) -> Server {
    let people = people
        .scope("read:profile", "Read your profile")
        .optional_scope("write:profile", "Change your profile");
    Server::new("multi-auth-server")
        .auth(people)
        .auth(machines)
        .challenge_scopes(["read:profile", "write:profile"])
        .state(Profiles::default())
        .tool(get_my_profile)
        .tool(update_my_profile)
        .tool(list_all_users)
        .tool(get_user_by_id)
        .resource(private)
        .resource(stats)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let key = Secret::new(std::fs::read_to_string("api-key.txt")?.trim_end());
    let machines = ApiKeyAuth::header("X-API-Key").key(key, FixedKey::service("reports"));
    let server = server(EmbeddedAuth::sqlite("users.db"), machines);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
