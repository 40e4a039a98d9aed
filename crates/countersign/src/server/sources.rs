//! Named ways to authenticate, and whether every component names ones that there are.

use countersign_resource_server::{ConfigurationError, SourceName, SourceRule};

use super::Server;
use crate::authentication::Authentication;

impl Server {
    /// Lets callers in like [`Self::auth`], as callers of the source `name`, so that
    /// components can say that they accept it: `#[tool(auth = "api_key")]`. Without a
    /// name the source is called `oauth`, or what the verifier calls itself. Several of
    /// one name are one source.
    ///
    /// `name` is 1 to 64 characters of `a-z 0-9 _ -`.
    ///
    /// ```
    /// use countersign::oauth::Secret;
    /// use countersign::verifier::{StaticToken, StaticTokens};
    /// use countersign::{InHeader, Server, resource};
    ///
    /// /// For machines only.
    /// #[resource("admin://system/stats", auth = "api_key")]
    /// fn stats() -> &'static str {
    ///     "fine"
    /// }
    ///
    /// let people = StaticTokens::new().token(Secret::new("t0"), StaticToken::subject("ada"));
    /// let machines = StaticTokens::new().token(Secret::new("k1"), StaticToken::subject("cron"));
    /// let server = Server::new("Notes")
    ///     .auth(people)
    ///     .source("api_key", InHeader::new("X-API-Key", machines))
    ///     .resource(stats);
    /// # let _ = server;
    /// ```
    ///
    /// A request may carry credentials of several sources; each of them must be good.
    /// The one whose source was added first says who calls, unless a component names
    /// others.
    #[must_use]
    pub fn source(mut self, name: &str, authentication: impl Authentication) -> Self {
        let name = match SourceName::parse(name) {
            Ok(name) => name,
            Err(error) => {
                self.note(Err(error));
                return self;
            }
        };
        let known = self.admission.len();
        let had_embedded = self.embedded.is_some();
        let mut server = authentication.add_to(self);
        server.admission.name_since(known, &name);
        if server.embedded.is_some() && !had_embedded {
            server.embedded_source = name;
        }
        server
    }

    /// Whether every component accepts a source that there is: `known` are all of them, and
    /// `admits_anonymous` is whether anybody is let in without a credential.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the first component that does not, and what to set.
    pub(crate) fn check_sources(
        &self,
        known: &[SourceName],
        admits_anonymous: bool,
    ) -> Result<(), ConfigurationError> {
        let known: Vec<&str> = known.iter().map(SourceName::as_str).collect();
        let there = (&*known, admits_anonymous);
        let named = self
            .registry
            .named_accesses()
            .filter_map(|(what, access)| Some((what, access.sources.as_ref()?)));
        for (what, rule) in named {
            check(&what, rule, there)?;
        }
        let foreign = self.foreign.as_ref();
        for (what, rule) in foreign.iter().flat_map(|foreign| foreign.access.rules()) {
            check(&what, rule, there)?;
        }
        for (what, rule) in self.routes.rules() {
            check(&what, rule, there)?;
        }
        Ok(())
    }
}

fn check(
    what: &str,
    rule: &SourceRule,
    (known, admits_anonymous): (&[&str], bool),
) -> Result<(), ConfigurationError> {
    let refuse = |why: String| Err(ConfigurationError::new(format!("{what} {why}")));
    if rule.is_empty() {
        return refuse("accepts no source at all: name one, or leave the rule out".to_owned());
    }
    if let Some(name) = rule.names().find(|name| !known.contains(name)) {
        let shown: String = name.chars().take(80).collect();
        let shown = shown.escape_default();
        return refuse(match known.is_empty() {
            true => format!(
                "accepts callers of the source `{shown}`, and nobody can be one: add a verifier \
                 with .auth(…), or with .source(\"{shown}\", …)"
            ),
            false => format!(
                "accepts callers of the source `{shown}`, which the server does not have: add it \
                 with .source(\"{shown}\", …), or name one of: {}",
                known.join(", ")
            ),
        });
    }
    if rule.admits_nobody() && !admits_anonymous {
        return refuse(
            "may be used without a credential, and the server lets nobody in without one: add \
             .optional_auth(), or leave `optional` out"
                .to_owned(),
        );
    }
    Ok(())
}
