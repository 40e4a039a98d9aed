//! OAuth servers of no particular make, with opaque tokens and no OpenID Connect:
//! one that tells who somebody is at a userinfo endpoint, one by introspection.

use super::{bearer, introspection, introspection_members, revocation, routes, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, Behaviour, Endpoint, RefreshRule, RevocationRule, Route,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::Fact;

const ORIGIN: &str = "https://oauth.example.com";

fn behaviour(name: &'static str, who: Route) -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let mut routes = routes(
        &at("/authorize"),
        &at("/token"),
        &at("/.well-known/oauth-authorization-server"),
        &at("/jwks"),
    );
    routes.retain(|route| route.endpoint != Endpoint::Jwks);
    routes.push(who);
    routes.push(revocation(&at("/revoke"), RevocationRule::Standard));
    routes.push(bearer(
        Endpoint::Api,
        &at("/api/notes"),
        vec![("owner", Fact::Login)],
    ));
    Behaviour {
        routes,
        access_token: AccessTokenFormat::Opaque("at-"),
        id_token: None,
        refresh: RefreshRule::Always,
        ..standard(name, ORIGIN)
    }
}

impl FakeProvider {
    /// Opaque tokens and a userinfo endpoint of its own shape.
    pub fn opaque_with_userinfo() -> FakeProviderBuilder {
        let person = vec![
            ("account/id", Fact::Subject),
            ("account/display_name", Fact::Name),
            ("account/mail", Fact::Email),
            ("account/mail_confirmed", Fact::EmailVerified),
            ("application/id", Fact::ClientId),
            ("teams", Fact::Groups),
        ];
        let who = bearer(Endpoint::Userinfo, &format!("{ORIGIN}/me"), person);
        FakeProviderBuilder::new(behaviour("opaque-userinfo", who))
    }

    /// Opaque tokens and introspection (RFC 7662).
    pub fn opaque_with_introspection() -> FakeProviderBuilder {
        let who = introspection(&format!("{ORIGIN}/introspect"), introspection_members());
        FakeProviderBuilder::new(behaviour("opaque-introspection", who))
    }
}
