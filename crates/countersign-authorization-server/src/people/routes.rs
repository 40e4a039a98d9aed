//! Which page answers which path.

use http::Method;

use super::People;
use super::visit::Visit;
use crate::exchange::{Answer, Incoming};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// All pages and forms, after the prefix, but for the addresses that providers send
/// people back to.
const PAGES: [&str; 12] = [
    "/login",
    "/login/with",
    "/consent",
    "/account",
    "/account/revoke",
    "/account/revoke-all",
    "/account/password",
    "/account/keys",
    "/account/keys/rotate",
    "/account/keys/revoke",
    "/logout",
    "/setup",
];

/// What stands before the name of a provider.
const CALLBACK: &str = "/callback/";

/// Whether there can be another page at `path`.
pub(super) fn is_own_page(path: &str) -> bool {
    PAGES.contains(&path) || path.starts_with(CALLBACK)
}

impl People {
    /// Whether anybody can need `page`.
    fn is_offered(&self, page: &str) -> bool {
        match page {
            "/login" | "/logout" => self.login.is_none(),
            "/login/with" => !self.upstreams.is_empty(),
            "/account/password" | "/setup" => self.has_local_accounts(),
            "/account/keys" | "/account/keys/rotate" | "/account/keys/revoke" => self.has_api_keys,
            _ => true,
        }
    }

    /// The paths of all that is offered.
    pub(super) fn pages(&self) -> Vec<String> {
        let pages = PAGES.iter().filter(|page| self.is_offered(page));
        let own = self.sign_in.iter().map(|page| page.path());
        let pages = pages.copied().chain(own);
        let pages = pages.map(|page| format!("{}{page}", self.base));
        let callbacks = self.upstreams.iter().map(|upstream| {
            let name = &upstream.provider().name;
            format!("{}{CALLBACK}{name}", self.base)
        });
        pages.chain(callbacks).collect()
    }

    pub(super) async fn route(
        &self,
        incoming: &Incoming,
        server: &AuthorizationServer,
    ) -> Result<Option<Answer>, Unavailable> {
        let Some(page) = incoming.uri.path().strip_prefix(self.base.as_str()) else {
            return Ok(None);
        };
        if !self.is_offered(page) {
            return Ok(None);
        }
        let visit = Visit::new(self, incoming)?;
        let answer = match incoming.method {
            Method::GET => visit.open(page, server).await?,
            Method::POST => visit.send(page, server).await?,
            _ => None,
        };
        Ok(match answer {
            Some(answer) => Some(answer),
            None => visit.no_such_method(page),
        })
    }
}

impl Visit<'_> {
    /// `GET page`; nothing if it cannot be opened.
    async fn open(
        &self,
        page: &str,
        server: &AuthorizationServer,
    ) -> Result<Option<Answer>, Unavailable> {
        Ok(Some(match page {
            "/login" => self.show_login().await?,
            "/account" => self.show_account(server).await?,
            "/account/keys" => self.show_api_keys(server).await?,
            "/account/keys/rotate" | "/account/keys/revoke" => self.to("/account/keys"),
            "/logout" => self.show_logged_out().await?,
            "/setup" => self.show_setup().await?,
            // Whoever opens the address of a form that was sent wants to see the page.
            "/account/revoke" | "/account/revoke-all" | "/account/password" => self.to("/account"),
            "/login/with" => self.to("/login"),
            _ => {
                if let Some(own) = self.people.sign_in_at(page) {
                    return Ok(Some(self.show_sign_in(own)));
                }
                let name = page.strip_prefix(CALLBACK);
                match name.and_then(|name| self.people.upstream(name)) {
                    Some(upstream) => self.call_back(upstream, server).await?,
                    None => return Ok(None),
                }
            }
        }))
    }

    /// `POST page`; nothing if nothing can be sent there.
    async fn send(
        &self,
        page: &str,
        server: &AuthorizationServer,
    ) -> Result<Option<Answer>, Unavailable> {
        Ok(Some(match page {
            "/login" if self.people.has_local_accounts() => self.log_in(server).await?,
            "/login/with" => self.choose(server).await?,
            "/consent" => self.decide(server).await?,
            "/account/revoke" => self.revoke(server).await?,
            "/account/revoke-all" => self.revoke_all(server).await?,
            "/account/password" => self.change_password(server).await?,
            "/account/keys" => self.make_api_key(server).await?,
            "/account/keys/rotate" => self.rotate_api_key(server).await?,
            "/account/keys/revoke" => self.revoke_api_key(server).await?,
            "/logout" => self.log_out(server).await?,
            "/setup" => self.set_up(server).await?,
            _ => match self.people.sign_in_at(page) {
                Some(own) => self.sign_in(own, server).await?,
                None => return Ok(None),
            },
        }))
    }

    /// What is said about another method; nothing if there is no such page.
    fn no_such_method(&self, page: &str) -> Option<Answer> {
        let allow = match page {
            "/login" if !self.people.has_local_accounts() => "GET",
            "/login" | "/setup" | "/logout" => "GET, POST",
            "/account" => "GET",
            "/account/keys" => "GET, POST",
            "/consent"
            | "/login/with"
            | "/account/revoke"
            | "/account/revoke-all"
            | "/account/password"
            | "/account/keys/rotate"
            | "/account/keys/revoke" => "POST",
            _ if page.starts_with(CALLBACK) => "GET",
            _ if self.people.sign_in_at(page).is_some() => "GET, POST",
            _ => return None,
        };
        Some(self.wrong_method(allow))
    }
}
