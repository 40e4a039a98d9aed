//! The API keys of whoever is logged in: making, replacing and revoking them.
//!
//! A key is in the answer to the form that made it, once. That page is not stored by
//! anybody, has no address of its own, and asks nothing from elsewhere.

use askama::Template;
use countersign_oauth::display_text::DisplayText;
use countersign_oauth::{ApiKeyId, Lifetime, ScopeSet, Secret};
use countersign_resource_server::ApiKeyOwner;
use countersign_store::Cursor;
use http::StatusCode;

use super::calendar::{Day, span};
use super::forgery::{Purpose, token};
use super::present::{Presence, Present};
use super::scopes::ScopeLine;
use super::visit::{Posted, Visit, value};
use crate::api_keys::{
    ApiKeyError, ApiKeyOverview, ApiKeyRequest, ApiKeysOf, IssuedApiKey, PersonalKeys,
};
use crate::audit::AuditEvent;
use crate::exchange::{Answer, Frame, Notice, page};
use crate::login::Freshness;
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

const HOURS_A_DAY: u64 = 24;
/// The spans that people choose from, in days, as far as they are allowed.
const SPANS: [u64; 4] = [30, 90, 180, 365];

/// One key that can be used.
struct Usable {
    id: String,
    name: String,
    /// How its text begins, by which it is recognised.
    begins: String,
    scopes: Vec<ScopeLine>,
    since: Day,
    last_used: Option<Day>,
    until: Option<Day>,
    is_replaced: bool,
}

/// A key that was just made.
struct Made {
    name: String,
    text: Secret,
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct ApiKeysPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    account: &'a str,
    keys: Vec<Usable>,
    next: Option<u64>,
    after: Option<u64>,
    /// What a new key may be allowed.
    offered: Vec<ScopeLine>,
    /// In days.
    spans: Vec<u64>,
    overlap: String,
    made: Option<Made>,
    news: Option<&'a str>,
    problem: Option<&'a str>,
}

/// What the page says besides what it always says.
#[derive(Default)]
struct Said<'a> {
    status: StatusCode,
    made: Option<Made>,
    news: Option<&'a str>,
    problem: Option<&'a str>,
}

impl Visit<'_> {
    /// `GET /account/keys`.
    pub(super) async fn show_api_keys(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        match self.presence(Freshness::Any).await? {
            Presence::Known(present) => self.keys_page(server, &present, Said::default()).await,
            Presence::Nobody => Ok(self.to("/login")),
            Presence::Elsewhere(answer) => Ok(answer),
            Presence::Refused => Ok(self.nothing_here()),
        }
    }

    async fn keys_page(
        &self,
        server: &AuthorizationServer,
        present: &Present,
        said: Said<'_>,
    ) -> Result<Answer, Unavailable> {
        let Some((rules, owner)) = personal(server, present) else {
            return Ok(self.nothing_here());
        };
        let asked = self.incoming.query();
        let asked = asked.and_then(|query| query.strip_prefix("after="));
        let after = asked.and_then(|after| after.parse().ok());
        let after = after.map(Cursor::after);
        let portion = server
            .api_keys()
            .list(ApiKeysOf::Owner(&owner), after)
            .await?;
        let usable = portion.entries.into_iter();
        let usable = usable.filter(|key| key.revoked_at.is_none());
        let prefix = server.settings().api_keys.format.prefix();
        let template = ApiKeysPage {
            frame: self.people.frame(),
            forgery_token: token(&present.forms, Purpose::Account(&present.subject)),
            account: &present.name,
            keys: usable.map(|key| self.usable(key, prefix)).collect(),
            next: portion.next.map(Cursor::position),
            after: after.map(Cursor::position),
            offered: rules
                .scopes
                .iter()
                .map(|scope| self.people.line(scope.as_str()))
                .collect(),
            spans: spans(rules),
            overlap: span(rules.overlap),
            made: said.made,
            news: said.news,
            problem: said.problem,
        };
        let mut answer = page(said.status, &template);
        self.remember_browser(&mut answer);
        Ok(answer)
    }

    fn usable(&self, key: ApiKeyOverview, prefix: &str) -> Usable {
        let scopes = key.scopes.iter();
        Usable {
            begins: format!("{prefix}_{}_…", key.id),
            id: key.id.to_string(),
            name: key.name,
            scopes: scopes
                .map(|scope| self.people.line(scope.as_str()))
                .collect(),
            since: Day::of(key.created_at),
            last_used: key.last_used_at.map(Day::of),
            until: key.expires_at.map(Day::of),
            is_replaced: key.replaced_by.is_some(),
        }
    }

    /// `POST /account/keys`.
    pub(super) async fn make_api_key(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let Posted { form, present } = match self.account_form_with(&["scope"]).await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(*answer),
        };
        let Some((rules, owner)) = personal(server, &present) else {
            return Ok(self.nothing_here());
        };
        let days = value(&form, "days").and_then(|days| days.parse().ok());
        let days = days.filter(|days| spans(rules).contains(days));
        let scopes = ScopeSet::from_names(form.all("scope"));
        let scopes = scopes
            .ok()
            .filter(|scopes| rules.scopes.is_superset(scopes));
        let name = DisplayText::clean(value(&form, "name").unwrap_or_default());
        let (Some(days), Some(scopes)) = (days, scopes) else {
            // No form of ours sends this.
            return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED));
        };
        let Some(name) = name else {
            let said = wrong("Say what the key is for.");
            return self.keys_page(server, &present, said).await;
        };
        let hours = days.saturating_mul(HOURS_A_DAY);
        let request = ApiKeyRequest::new(owner, name.as_str())
            .scopes(scopes)
            .lifetime(Lifetime::from_hours(hours).min(rules.longest));
        let made = server
            .api_keys()
            .create_personal(&request, rules.most)
            .await;
        self.after_making(server, &present, made).await
    }

    /// `POST /account/keys/rotate`.
    pub(super) async fn rotate_api_key(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let (present, id) = match self.own_key(server).await? {
            Ok(named) => named,
            Err(answer) => return Ok(*answer),
        };
        let Some((rules, _)) = personal(server, &present) else {
            return Ok(self.nothing_here());
        };
        let made = server.api_keys().rotate(&id, rules.overlap).await;
        self.after_making(server, &present, made).await
    }

    /// `POST /account/keys/revoke`.
    pub(super) async fn revoke_api_key(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let (present, id) = match self.own_key(server).await? {
            Ok(named) => named,
            Err(answer) => return Ok(*answer),
        };
        server.api_keys().revoke(&id).await?;
        let said = Said {
            news: Some("The key was revoked. Whatever uses it is refused from now on."),
            ..Said::default()
        };
        self.keys_page(server, &present, said).await
    }

    async fn after_making(
        &self,
        server: &AuthorizationServer,
        present: &Present,
        made: Result<IssuedApiKey, ApiKeyError>,
    ) -> Result<Answer, Unavailable> {
        let said = match made {
            Ok(issued) => Said {
                made: Some(Made {
                    name: issued.overview.name,
                    text: issued.text,
                }),
                ..Said::default()
            },
            Err(ApiKeyError::TooMany) => Said {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..wrong(
                    "You have as many keys as one person may have, or made many today. Revoke \
                     one that you do not need, or come back tomorrow.",
                )
            },
            Err(ApiKeyError::Unavailable(error)) => return Err(error),
            Err(ApiKeyError::Changed | ApiKeyError::Unknown) => Said {
                status: StatusCode::CONFLICT,
                ..wrong("The key was replaced or revoked meanwhile. Nothing was changed.")
            },
            Err(_) => wrong("This cannot be the name of a key."),
        };
        self.keys_page(server, present, said).await
    }

    /// Who posted the form, and the key of theirs that it names. A key of somebody else is
    /// answered as one that does not exist.
    async fn own_key(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Result<(Present, ApiKeyId), Box<Answer>>, Unavailable> {
        let Posted { form, present } = match self.account_form().await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(Err(answer)),
        };
        let id = ApiKeyId::parse(value(&form, "key").unwrap_or_default());
        let found = match &id {
            Some(id) => server.api_keys().show(id).await?,
            None => None,
        };
        let is_theirs = |key: &ApiKeyOverview| {
            key.revoked_at.is_none()
                && personal(server, &present).is_some_and(|(_, owner)| key.owner == owner)
        };
        Ok(match found.filter(is_theirs) {
            Some(key) => Ok((present, key.id)),
            None => {
                let event = AuditEvent::RequestRefused(StatusCode::NOT_FOUND);
                server.inner().audit.note(event);
                Err(Box::new(
                    self.notice(StatusCode::NOT_FOUND, Notice::NO_SUCH_KEY),
                ))
            }
        })
    }
}

/// What this person may make, and who they are as an owner.
fn personal<'s>(
    server: &'s AuthorizationServer,
    present: &Present,
) -> Option<(&'s PersonalKeys, ApiKeyOwner)> {
    let rules = server.settings().api_keys.personal.as_ref()?;
    let owner = ApiKeyOwner::person(&present.subject).ok()?;
    Some((rules, owner))
}

/// The spans that people choose from; the longest that is allowed if all are longer.
fn spans(rules: &PersonalKeys) -> Vec<u64> {
    let longest = rules.longest.as_secs() / (HOURS_A_DAY * 3_600);
    let allowed: Vec<u64> = SPANS.into_iter().filter(|days| *days <= longest).collect();
    if allowed.is_empty() {
        return vec![longest.max(1)];
    }
    allowed
}

fn wrong(problem: &str) -> Said<'_> {
    Said {
        status: StatusCode::BAD_REQUEST,
        problem: Some(problem),
        ..Said::default()
    }
}
