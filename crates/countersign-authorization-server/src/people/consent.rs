//! The consent page: who asks, what for, where the answer goes, and for how long
//! (RFC 6749 §10.2, OAuth 2.1 §7.3.1).

use askama::Template;
use countersign_oauth::Secret;
use http::StatusCode;

use super::calendar::span;
use super::forgery::{Purpose, is_genuine, token};
use super::html::{Frame, Notice, page_with_forms_to};
use super::scopes::ScopeLine;
use super::visit::{Visit, secret, value};
use super::who_asks::{Destination, WhoAsks, form_action};
use crate::accounts::LoggedIn;
use crate::authorize::{Approval, PendingAuthorization};
use crate::client::Client;
use crate::exchange::Answer;
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    transaction: &'a str,
    account: &'a str,
    who: WhoAsks,
    introduction: Option<&'a str>,
    resource: &'a str,
    required: Vec<ScopeLine>,
    optional: Vec<ScopeLine>,
    longest: String,
    unused: String,
}

impl Visit<'_> {
    pub(super) fn consent_page(
        &self,
        logged_in: &LoggedIn,
        transaction: &Secret,
        pending: &PendingAuthorization,
        client: &Client,
    ) -> Answer {
        let (people, lifetimes) = (self.people, &self.people.lifetimes);
        let template = ConsentPage {
            frame: people.frame(),
            forgery_token: token(
                &self.browser,
                Purpose::Consent(&logged_in.account.subject, transaction),
            ),
            transaction: transaction.reveal(),
            account: logged_in.account.name(),
            who: WhoAsks::new(client, &pending.redirect_uri),
            introduction: people.introduction.as_deref(),
            resource: pending.resource.as_str(),
            required: people.lines(&pending.scope, false),
            optional: people.lines(&pending.scope, true),
            longest: span(lifetimes.grant),
            unused: span(lifetimes.refresh_token),
        };
        let target = form_action(&pending.redirect_uri);
        let mut answer = page_with_forms_to(StatusCode::OK, &template, &target);
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
        let (Some(logged_in), Some(browser), Some(transaction)) = (
            self.logged_in().await?,
            self.known_browser(),
            secret(&form, "transaction"),
        ) else {
            return Ok(self.forged());
        };
        let purpose = Purpose::Consent(&logged_in.account.subject, &transaction);
        if !is_genuine(browser, purpose, value(&form, "forgery_token")) {
            return Ok(self.forged());
        }
        let Some(pending) = server.pending(&transaction).await? else {
            return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::GONE));
        };
        match value(&form, "decision") {
            Some("allow") => {
                let scope = self.people.allowed(&pending.scope, form.all("scope"));
                let approval = Approval::new(logged_in.account.subject, scope);
                server.approve(&transaction, approval).await
            }
            Some("deny") => server.deny(&transaction).await,
            _ => Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED)),
        }
    }
}
