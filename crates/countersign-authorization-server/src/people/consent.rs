//! The consent page: who asks, what for, where the answer goes, and for how long
//! (RFC 6749 §10.2, OAuth 2.1 §7.3.1).

use askama::Template;
use countersign_oauth::Secret;
use countersign_oauth::grant_type::GrantType;
use http::StatusCode;

use super::calendar::span;
use super::consent_via::Decision;
use super::forgery::{Purpose, is_genuine, token};
use super::login::Shown;
use super::present::{Presence, Present};
use super::scopes::ScopeLine;
use super::visit::{Visit, secret, value};
use super::ways::Provider;
use super::who_asks::{Destination, WhoAsks};
use crate::authorize::{Approval, PendingAuthorization};
use crate::client::Client;
use crate::exchange::{Answer, Frame, Notice, page};
use crate::login::Freshness;
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// A request that somebody is asked about.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) transaction: &'a Secret,
    pub(super) pending: &'a PendingAuthorization,
    pub(super) client: &'a Client,
}

/// For how long something is allowed.
#[derive(Debug)]
enum Duration {
    /// Until it is taken back, within bounds.
    Renewed { longest: String, unused: String },
    /// For the lifetime of one access token: the client cannot get another.
    Once(String),
}

/// Who is asked.
pub(super) enum Whom<'a> {
    /// Somebody who is logged in, and is called so.
    Present {
        name: &'a str,
        /// Whether the person logged in here, and not elsewhere.
        has_password: bool,
    },
    /// Somebody who logs in at a provider afterwards.
    Via {
        provider: Provider<'a>,
        /// What the provider is asked for.
        scopes: &'a [String],
        /// Whether there is another way to log in.
        has_other_ways: bool,
    },
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    transaction: &'a str,
    whom: Whom<'a>,
    /// Why it is asked again.
    problem: Option<&'a str>,
    who: WhoAsks,
    introduction: Option<&'a str>,
    resource: &'a str,
    required: Vec<ScopeLine>,
    /// Those of which the operator has not said what they permit.
    undescribed: Vec<ScopeLine>,
    optional: Vec<ScopeLine>,
    duration: Duration,
}

impl Visit<'_> {
    /// Asks somebody who is logged in here.
    pub(super) fn consent_page(&self, present: &Present, asked: Asked<'_>) -> Answer {
        let purpose = Purpose::Consent(&present.subject, asked.transaction);
        let whom = Whom::Present {
            name: &present.name,
            has_password: self.people.logs_in_here(),
        };
        self.consent_page_for(whom, purpose, asked, (StatusCode::OK, None))
    }

    /// Asks `whom`, with a form for `purpose`; with `said`, why it is asked again.
    pub(super) fn consent_page_for(
        &self,
        whom: Whom<'_>,
        purpose: Purpose<'_>,
        asked: Asked<'_>,
        (status, problem): (StatusCode, Option<&str>),
    ) -> Answer {
        let (people, lifetimes) = (self.people, &self.people.lifetimes);
        let pending = asked.pending;
        let (required, undescribed) = people
            .lines(&pending.scope, false)
            .into_iter()
            .partition(|line| line.sentence.is_some());
        let template = ConsentPage {
            frame: people.frame(),
            forgery_token: token(&self.browser, purpose),
            transaction: asked.transaction.reveal(),
            whom,
            problem,
            who: WhoAsks::new(asked.client, &pending.redirect_uri),
            introduction: people.introduction.as_deref(),
            resource: pending.resource.as_str(),
            required,
            undescribed,
            optional: people.lines(&pending.scope, true),
            duration: if asked.client.facts.metadata.allows(GrantType::RefreshToken) {
                Duration::Renewed {
                    longest: span(lifetimes.grant),
                    unused: span(lifetimes.refresh_token),
                }
            } else {
                Duration::Once(span(lifetimes.access_token))
            },
        };
        let mut answer = page(status, &template);
        self.remember_browser(&mut answer);
        answer
    }

    /// The request that waits under `transaction`, and its client.
    pub(super) async fn find_waiting(
        &self,
        server: &AuthorizationServer,
        transaction: &Secret,
    ) -> Result<Option<(PendingAuthorization, Client)>, Unavailable> {
        let Some(pending) = server.pending(transaction).await? else {
            return Ok(None);
        };
        let client = server.client(&pending.client_id).await?;
        Ok(client.map(|client| (pending, client)))
    }

    /// `POST /consent`.
    pub(super) async fn decide(&self, server: &AuthorizationServer) -> Result<Answer, Unavailable> {
        let form = match self.form(&["scope"]) {
            Ok(form) => form,
            Err(answer) => return Ok(*answer),
        };
        let (Some(browser), Some(transaction)) =
            (self.known_browser(), secret(&form, "transaction"))
        else {
            return Ok(self.forged());
        };
        if let Some(provider) = value(&form, "provider") {
            let decision = Decision {
                form: &form,
                browser,
                transaction: &transaction,
                provider,
            };
            return self.decide_via(server, decision).await;
        }
        let presence = self.presence(Freshness::Any).await?;
        if let Presence::Known(present) = &presence {
            let purpose = Purpose::Consent(&present.subject, &transaction);
            // Whoever logged in elsewhere is sent there again; that cannot be left out.
            let via = present.via.as_deref();
            let is_here = via.is_none_or(|via| self.people.signs_in(via));
            if !is_here || !is_genuine(browser, purpose, value(&form, "forgery_token")) {
                return Ok(self.forged());
            }
        }
        let decision = value(&form, "decision");
        let Some((pending, client)) = self.find_waiting(server, &transaction).await? else {
            let subject = match &presence {
                Presence::Known(present) => Some(present.subject.as_str()),
                _ => None,
            };
            return self.decided(server, &transaction, decision, subject).await;
        };
        let present = match presence {
            Presence::Known(present) => present,
            Presence::Nobody => {
                return Ok(self.login_page(Shown::waiting(&transaction, &client).and_ended()));
            }
            // It would not lead back to the request, which has to be made again.
            Presence::Elsewhere(_) => {
                return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::GONE));
            }
            Presence::Refused => return Ok(self.nothing_here()),
        };
        let who = WhoAsks::new(&client, &pending.redirect_uri);
        let answer = match decision {
            Some("allow") => {
                let scope = self.people.allowed(&pending.scope, form.all("scope"));
                let approval = Approval::new(present.subject.as_str(), scope);
                server.approve(&transaction, approval).await?
            }
            Some("deny") => server.deny(&transaction).await?,
            Some("switch") if self.people.logs_in_here() => {
                return Ok(self.login_page(Shown::waiting(&transaction, &client)));
            }
            _ => return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED)),
        };
        if answer.status() == StatusCode::SEE_OTHER {
            return Ok(self.hand_over(answer, decision == Some("allow"), who));
        }
        // Another press of the button was quicker.
        self.decided(server, &transaction, decision, Some(&present.subject))
            .await
    }

    /// The answer to a request that was decided before: the same one, if this is the
    /// same decision pressed once more.
    async fn decided(
        &self,
        server: &AuthorizationServer,
        transaction: &Secret,
        decision: Option<&str>,
        subject: Option<&str>,
    ) -> Result<Answer, Unavailable> {
        let over = self.notice(StatusCode::BAD_REQUEST, Notice::GONE);
        let (Some(subject), Some("allow" | "deny")) = (subject, decision) else {
            return Ok(over);
        };
        let is_allowed = decision == Some("allow");
        let subject = is_allowed.then_some(subject);
        let again = server.inner().answer_again(transaction, subject).await?;
        let Some((pending, answer)) = again else {
            return Ok(over);
        };
        let Some(client) = server.client(&pending.client_id).await? else {
            return Ok(over);
        };
        let who = WhoAsks::new(&client, &pending.redirect_uri);
        Ok(self.hand_over(answer, is_allowed, who))
    }
}
