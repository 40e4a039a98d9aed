//! What a provider means and exposes, for people.

use std::fmt::Write;

use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::provider::{
    IdentitySource, LoginProfile, Preset, Provider, RevokedToken, TokenProfile,
};

use super::facts::Facts;

const WIDTH: usize = 88;

/// Sections of short sentences.
pub(super) fn about(preset: &Preset, provider: &Provider) -> String {
    let facts = Facts::of(preset, provider);
    let mut page = Page(format!(
        "{} ({})\nwritten from {}\n",
        facts.display_name, facts.name, facts.documentation
    ));
    if let Some(login) = &provider.login {
        who_may_in(&mut page, &facts, login);
        asked(&mut page, &facts, login);
        identity(&mut page, &facts, login);
        verified(&mut page, provider, login);
        given_back(&mut page, provider, login);
    } else {
        page.section("Who can log in");
        page.says("Nobody: the file has no [login].");
    }
    tokens(&mut page, &facts, provider.tokens.as_ref());
    contacted(&mut page, &facts);
    to_set(&mut page, &facts);
    page.0.trim_end().to_owned()
}

struct Page(String);

impl Page {
    fn section(&mut self, title: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "\n{title}");
    }

    /// A sentence, in lines that fit.
    fn says(&mut self, sentence: &str) {
        let mut length = 0;
        for word in sentence.split_whitespace() {
            if length == 0 {
                self.0.push_str("  ");
                length = 2;
            } else if length + 1 + word.chars().count() > WIDTH {
                self.0.push_str("\n    ");
                length = 4;
            } else {
                self.0.push(' ');
                length += 1;
            }
            self.0.push_str(word);
            length += word.chars().count();
        }
        self.0.push('\n');
    }
}

fn who_may_in(page: &mut Page, facts: &Facts, login: &LoginProfile) {
    page.section("Who can log in");
    if facts.open_registration {
        page.says(
            "Anybody in the world can have an account there, so a server starts only if you say \
             who may in, or that everyone may.",
        );
    } else {
        page.says("Everybody who has an account there; the provider's administrator gives them.");
    }
    let identity = &login.identity;
    let mut rules = vec!["single people, by their subject"];
    if identity.domain.is_some() {
        rules.push("an organisation, by what the provider says that the account belongs to");
    } else if identity.email_list.is_some() || identity.email_verified.is_some() {
        rules.push("a domain, by the verified e-mail address");
    }
    if identity.groups.is_some() || identity.group_list.is_some() {
        rules.push("groups");
    }
    page.says(&format!("It can be limited to: {}.", rules.join("; ")));
}

fn asked(page: &mut Page, facts: &Facts, login: &LoginProfile) {
    page.section("What is asked from the provider");
    if login.scopes.is_empty() {
        page.says("No scope, unless you name some.");
    } else {
        let scopes = login.scopes.iter();
        let scopes: Vec<_> = scopes.map(|scope| login.scope_on_the_wire(scope)).collect();
        page.says(&format!(
            "The scopes {}, unless you name others.",
            scopes.join(", ")
        ));
    }
    let besides = facts.login.as_ref().map(|login| &login.scopes_for_rules);
    if let Some(besides) = besides.filter(|besides| !besides.is_empty()) {
        page.says(&format!(
            "Besides, for rules about domains or groups: {}.",
            besides.join(", ")
        ));
    }
    if let Some(prefix) = &login.scope_prefix {
        page.says(&format!("Scopes of your own are prefixed with {prefix}."));
    }
    for (name, value) in &login.authorize_parameters {
        page.says(&format!("{name}={value} with each login."));
    }
    for (name, value) in &login.token_parameters {
        page.says(&format!("{name}={value} with each token request."));
    }
    if facts
        .login
        .as_ref()
        .is_some_and(|login| login.forwards_resource)
    {
        page.says("The address of your server, as resource (RFC 8707).");
    }
}

fn identity(page: &mut Page, facts: &Facts, login: &LoginProfile) {
    page.section("What an identity is");
    let source = match login.identity.source {
        IdentitySource::IdToken => "the ID token",
        IdentitySource::Userinfo => "the answer of the userinfo endpoint",
        IdentitySource::Introspection => "the answer of the introspection endpoint",
        IdentitySource::AccessToken => "the access token",
    };
    let issuer = facts.login.as_ref().map_or("", |login| &*login.issuer);
    page.says(&format!(
        "The pair of {issuer} and what is at {} of {source}.",
        login.identity.subject
    ));
    page.says("Names and e-mail addresses are shown to people and are never an identity.");
}

fn verified(page: &mut Page, provider: &Provider, login: &LoginProfile) {
    page.section("What is verified");
    page.says("That the answer comes to the browser that was sent, once, within ten minutes.");
    if login.pkce {
        page.says("That the code was made for this login: proof key (S256).");
    }
    if login.nonce {
        page.says("That the ID token was made for this login: nonce.");
    }
    if !login.pkce && !login.nonce {
        page.says(
            "Beware: neither proof key nor nonce; a code that was stolen elsewhere is not seen.",
        );
    }
    if login.sends_iss {
        page.says("That the answer names its issuer (RFC 9207).");
    }
    let identity = &login.identity;
    if identity.source.is_signed() {
        let algorithms: Vec<_> = identity
            .algorithms
            .iter()
            .map(|algorithm| algorithm.as_str())
            .collect();
        page.says(&format!(
            "The signature ({}), issuer, audience and times of the token.",
            algorithms.join(", ")
        ));
    }
    for (claim, value) in &identity.required_claims {
        page.says(&format!("That {claim} is {value}."));
    }
    if let Some(pin) = &identity.application {
        page.says(&format!(
            "That the answer is about your application: {} is your client id.",
            pin.pointer
        ));
    }
    if provider.discovery.is_some() {
        page.says("That the metadata document is of this issuer.");
    }
}

fn given_back(page: &mut Page, provider: &Provider, login: &LoginProfile) {
    page.section("What happens when somebody disconnects");
    let kinds = login.revocation.tokens.iter().map(|kind| match kind {
        RevokedToken::RefreshToken => "the refresh token",
        RevokedToken::AccessToken => "the access token",
    });
    let kinds = kinds.collect::<Vec<_>>().join(" and ");
    match (&provider.endpoints.revocation, &provider.discovery) {
        (Some(_), _) => page.says(&format!("The provider is told to revoke {kinds}.")),
        (None, Some(_)) => page.says(&format!(
            "The provider is told to revoke {kinds}, if its metadata document says where."
        )),
        (None, None) => page.says(
            "The tokens are forgotten here. The provider cannot be told: they end by themselves.",
        ),
    }
    if login.revocation.ends_everything {
        page.says(
            "That ends everything which the person allowed your application, so it is done with \
             the last of their connections alone.",
        );
    }
}

fn tokens(page: &mut Page, facts: &Facts, tokens: Option<&TokenProfile>) {
    page.section("Whether its access tokens are accepted directly");
    let (Some(accepted), Some(tokens)) = (&facts.accepted_tokens, tokens) else {
        page.says(if facts.audience_bound {
            "No: the file does not say how they are judged, or what they would be compared with \
             has no value."
        } else {
            "No: they do not say whom they are for. A token that somebody gave to any other \
             application would be accepted too."
        });
        return;
    };
    page.says(&format!(
        "Yes, judged by {}, of {}.",
        match accepted.judged_by {
            "signature" => format!("their signature ({})", accepted.algorithms.join(", ")),
            endpoint => format!("the {endpoint} endpoint"),
        },
        accepted.issuers.join(", ")
    ));
    let mut whom = accepted.audiences.clone();
    if accepted.resource_is_an_audience {
        whom.insert(0, "the address of your server".to_owned());
    }
    if !whom.is_empty() {
        page.says(&format!(
            "{} must name {}.",
            tokens.audience.pointer,
            whom.join(" or ")
        ));
    }
    if let Some(pin) = &tokens.application {
        page.says(&format!("{} must be your client id.", pin.pointer));
    }
    for (claim, value) in &tokens.required_claims {
        page.says(&format!("{claim} must be {value}."));
    }
    for claim in &tokens.past_claims {
        page.says(&format!("{claim} must be a time that has passed."));
    }
}

fn contacted(page: &mut Page, facts: &Facts) {
    page.section("What is contacted");
    let more = |hosts: &[String]| {
        let mut hosts = hosts.to_vec();
        if facts.discovers_more {
            hosts.push("what the metadata document names".to_owned());
        }
        hosts.join(", ")
    };
    if facts.login.is_some() {
        page.says(&format!(
            "By browsers of people: {}.",
            more(&facts.browser_hosts)
        ));
    }
    page.says(&format!("By your server: {}.", more(&facts.server_hosts)));
    page.says(&if facts.api_origins.is_empty() {
        "By tools, with a person's token of the provider: nothing.".to_owned()
    } else {
        format!(
            "By tools, with a person's token of the provider: {}.",
            facts.api_origins.join(", ")
        )
    });
}

fn to_set(page: &mut Page, facts: &Facts) {
    page.section("What to set");
    for variable in &facts.variables {
        let mut told = format!("{}: {}", variable.name, variable.description);
        if let Some(example) = &variable.example {
            let _ = write!(told, ", such as {example}");
        }
        if let Some(default) = &variable.default {
            let _ = write!(told, "; {default} unless set");
        }
        if variable.optional {
            told.push_str("; may be left out");
        }
        page.says(&told);
    }
    let Some(login) = &facts.login else {
        return;
    };
    page.says("client_id: the client id of your application at the provider");
    let methods = &login.client_authentication;
    let public = TokenEndpointAuthMethod::None.as_str();
    let secret = methods
        .iter()
        .any(|method| method.starts_with("client_secret"));
    let optional = if methods.contains(&public) {
        "; a public application has none"
    } else {
        ""
    };
    if secret {
        page.says(&format!(
            "client secret: that of your application{optional}"
        ));
    }
}
