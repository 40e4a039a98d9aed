//! The built-in presets: what each says about its provider.

use std::collections::BTreeMap;

use countersign_resource_server::provider::{
    IdentitySource, Preset, Provider, ResourceParameter, RevokedToken, TokenKind,
};
use serde_json::{Map, Value, json};
use url::Url;

/// The preset `name` with the examples of its own variables, and `given` over them.
fn filled(name: &str, given: &[(&str, &str)]) -> Provider {
    let preset = Preset::named(name).unwrap();
    let mut values = BTreeMap::from([("client_id".to_owned(), "app-1".to_owned())]);
    for (variable, declared) in preset.variables() {
        if let Some(example) = &declared.example
            && !declared.optional
        {
            values.insert(variable.to_owned(), example.clone());
        }
    }
    for (variable, value) in given {
        values.insert((*variable).to_owned(), (*value).to_owned());
    }
    preset.fill(&values).unwrap()
}

/// Why the preset `name` does not take `given`.
fn refused(name: &str, given: &[(&str, &str)]) -> String {
    let values = given
        .iter()
        .map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned()))
        .collect();
    let preset = Preset::named(name).unwrap();
    preset.fill(&values).unwrap_err().to_string()
}

fn claims(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn every_built_in_preset_reads_and_fills_with_its_own_examples() {
    let names: Vec<_> = Preset::names().collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in names {
        let preset = Preset::parse(Preset::text(name).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(preset.name(), name);
        assert_eq!(preset.unused_variables().next(), None, "{name}");
        for (variable, declared) in preset.variables() {
            assert!(
                declared.example.is_some() || declared.default.is_some(),
                "{name}: {variable} shows nobody what to write"
            );
        }
        assert_eq!(filled(name, &[]).name, name);
    }
}

#[test]
fn every_provider_that_issues_the_tokens_it_is_asked_about_is_there() {
    for name in [
        "auth0",
        "authkit",
        "clerk",
        "cognito",
        "descope",
        "discord",
        "entra",
        "firebase",
        "github",
        "gitlab",
        "google",
        "huggingface",
        "keycloak",
        "microsoft",
        "oci",
        "oidc",
        "okta",
        "propelauth",
        "scalekit",
        "slack",
        "supabase",
        "workos",
    ] {
        assert!(Preset::named(name).is_some(), "{name}");
    }
}

#[test]
fn whoever_can_make_an_account_for_himself_is_said_to_do_so() {
    let closed: Vec<_> = Preset::names()
        .filter(|name| !filled(name, &[]).safety.open_registration)
        .collect();
    // Directories that an administrator fills.
    assert_eq!(closed, ["entra", "keycloak", "oci", "okta"]);
}

#[test]
fn tokens_that_name_no_service_are_accepted_from_nobody() {
    for name in Preset::names() {
        let provider = filled(name, &[]);
        if !provider.safety.audience_bound {
            assert_eq!(provider.tokens, None, "{name}");
        }
    }
    for name in ["discord", "github", "google", "slack", "supabase"] {
        assert!(!filled(name, &[]).safety.audience_bound, "{name}");
    }
}

#[test]
fn every_login_sends_a_proof_key_or_a_nonce() {
    for name in Preset::names() {
        let Some(login) = filled(name, &[]).login else {
            continue;
        };
        assert!(login.pkce || login.nonce, "{name}");
        assert_eq!(login.pkce, name != "slack", "{name}");
    }
}

#[test]
fn a_resource_indicator_is_sent_to_no_provider() {
    for name in Preset::names() {
        if let Some(login) = filled(name, &[]).login {
            assert_eq!(login.resource, ResourceParameter::Strip, "{name}");
        }
    }
}

#[test]
fn where_one_token_stands_for_all_of_a_person_it_is_given_back_last() {
    let shared: Vec<_> = Preset::names()
        .filter(|name| {
            let login = filled(name, &[]).login;
            login.is_some_and(|login| login.revocation.ends_everything)
        })
        .collect();
    assert_eq!(shared, ["auth0", "discord", "google", "keycloak", "slack"]);
}

#[test]
fn an_e_mail_address_is_never_a_subject() {
    for name in Preset::names() {
        if let Some(login) = filled(name, &[]).login {
            let identity = login.identity;
            assert!(!identity.subject.as_str().contains("mail"), "{name}");
            assert_ne!(Some(identity.subject), identity.email, "{name}");
        }
    }
}

#[test]
fn preset_auth0_has_an_issuer_that_ends_with_a_slash_and_permissions_as_scopes() {
    let auth0 = filled("auth0", &[("domain", "example.eu.auth0.com")]);
    let issuer = auth0.endpoints.issuer.as_deref();
    assert_eq!(issuer, Some("https://example.eu.auth0.com/"));
    let discovery = auth0.discovery.as_deref();
    assert_eq!(
        discovery,
        Some("https://example.eu.auth0.com/.well-known/openid-configuration")
    );
    let tokens = auth0.tokens.unwrap();
    let scopes = tokens
        .scopes
        .scopes(&json!({ "scope": "openid notes:read", "permissions": ["notes:write"] }));
    assert_eq!(scopes, ["openid", "notes:read", "notes:write"]);
    // Only refresh tokens can be given back.
    let login = auth0.login.unwrap();
    assert_eq!(login.revocation.tokens, [RevokedToken::RefreshToken]);
}

#[test]
fn preset_auth0_names_an_audience_only_if_it_was_told_one() {
    let login = filled("auth0", &[]).login.unwrap();
    assert_eq!(login.authorize_parameters.get("audience"), None);
    let told = filled("auth0", &[("audience", "https://api.example.com/")]);
    let login = told.login.unwrap();
    assert_eq!(
        login.authorize_parameters.get("audience").unwrap(),
        "https://api.example.com/"
    );
}

#[test]
fn preset_authkit_accepts_tokens_for_the_address_of_the_server_alone() {
    let authkit = filled("authkit", &[("authkit_domain", "example.authkit.app")]);
    assert_eq!(authkit.login, None);
    let tokens = authkit.tokens.unwrap();
    assert_eq!(tokens.kind, TokenKind::Jwt);
    assert!(tokens.audience.resource);
    assert!(tokens.audience.values.is_empty());
    let issuer = authkit.endpoints.issuer.as_deref();
    assert_eq!(
        tokens.issuers[0].expected(&Map::new(), issuer).as_deref(),
        Some("https://example.authkit.app")
    );
    assert_eq!(
        authkit.endpoints.jwks.as_deref(),
        Some("https://example.authkit.app/oauth2/jwks")
    );
}

#[test]
fn preset_firebase_accepts_tokens_of_one_project_signed_by_google() {
    let firebase = filled("firebase", &[("project_id", "notes-1")]);
    assert_eq!(firebase.login, None);
    let tokens = firebase.tokens.unwrap();
    let issuer = firebase.endpoints.issuer.as_deref();
    assert_eq!(issuer, Some("https://securetoken.google.com/notes-1"));
    assert_eq!(tokens.audience.values, ["notes-1"]);
    assert!(!tokens.audience.resource);
    assert_eq!(tokens.algorithms.len(), 1);
    // There are no scopes, whatever somebody gets into a custom claim.
    assert!(
        tokens
            .scopes
            .scopes(&json!({ "scope": "admin" }))
            .is_empty()
    );
}

#[test]
fn preset_cognito_has_the_app_client_in_place_of_an_audience() {
    let cognito = filled("cognito", &[]);
    let tokens = cognito.tokens.unwrap();
    assert_eq!(tokens.audience.pointer.as_str(), "/client_id");
    assert_eq!(tokens.audience.values, ["app-1"]);
    assert_eq!(tokens.required_claims["token_use"], "access");
    let login = cognito.login.unwrap();
    assert_eq!(login.identity.required_claims["token_use"], "id");
    let groups = login.identity.groups.unwrap();
    let token = json!({ "cognito:groups": ["admin"] });
    assert_eq!(groups.find(&token), Some(&json!(["admin"])));
}

#[test]
fn a80_preset_entra_takes_one_tenant_and_no_other() {
    for everybody in [
        "common",
        "organizations",
        "consumers",
        "contoso.onmicrosoft.com",
    ] {
        let why = refused("entra", &[("client_id", "app-1"), ("tenant", everybody)]);
        assert!(why.contains("tenant"), "{why}");
    }
    let tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let entra = filled("entra", &[("tenant", tenant)]);
    let login = entra.login.unwrap();
    assert_eq!(login.identity.required_claims["tid"], tenant);
    let tokens = entra.tokens.unwrap();
    assert_eq!(tokens.required_claims["tid"], tenant);
    // Tokens of the first version have another form of everything.
    assert_eq!(tokens.required_claims["ver"], "2.0");
}

#[test]
fn preset_entra_puts_its_prefix_before_scopes_of_ones_own_and_takes_it_off() {
    let login = filled("entra", &[]).login.unwrap();
    let asked = login.scope_value(["openid", "read", "https://graph.microsoft.com/User.Read"]);
    assert_eq!(
        asked,
        "openid api://app-1/read https://graph.microsoft.com/User.Read"
    );
    assert_eq!(
        login.granted_scopes(&asked),
        ["openid", "read", "https://graph.microsoft.com/User.Read"]
    );
}

#[test]
fn a80_preset_microsoft_expects_the_issuer_of_the_tenant_that_a_token_names() {
    let microsoft = filled("microsoft", &[]);
    let metadata = microsoft.endpoints.issuer.as_deref();
    assert_eq!(
        metadata,
        Some("https://login.microsoftonline.com/{tenantid}/v2.0")
    );
    let rule = microsoft.login.unwrap().identity.issuer;
    let of = |claims_of: Value| rule.expected(&claims(claims_of), metadata);
    assert_eq!(
        of(json!({ "tid": "8eaef023-2b34-4da1-9baa-8bc8c9d6a490" })).as_deref(),
        Some("https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0")
    );
    assert_eq!(of(json!({})), None);
    assert_eq!(of(json!({ "tid": "a/../b" })), None);
    assert_eq!(of(json!({ "tid": "{tenantid}" })), None);
}

#[test]
fn preset_google_understands_the_long_names_of_scopes_and_pins_its_issuer() {
    let google = filled("google", &[]);
    assert_eq!(
        google.endpoints.issuer.as_deref(),
        Some("https://accounts.google.com")
    );
    let login = google.login.unwrap();
    let granted = "openid https://www.googleapis.com/auth/userinfo.email \
                   https://www.googleapis.com/auth/calendar.readonly";
    assert_eq!(
        login.granted_scopes(granted),
        [
            "openid",
            "email",
            "https://www.googleapis.com/auth/calendar.readonly"
        ]
    );
    // The Workspace, and not what stands behind the @ of an address.
    assert_eq!(login.identity.domain.unwrap().as_str(), "/hd");
    assert_eq!(login.authorize_parameters["access_type"], "offline");
}

#[test]
fn preset_google_sends_tokens_to_hosts_of_its_api_alone() {
    let api = filled("google", &[]).api;
    for (url, allowed) in [
        ("https://www.googleapis.com/calendar/v3/calendars", true),
        ("https://gmail.googleapis.com/gmail/v1/users/me", true),
        ("http://www.googleapis.com/calendar/v3/calendars", false),
        ("https://googleapis.com.evil.example/", false),
        ("https://evil.example/?https://www.googleapis.com", false),
        ("https://www.googleapis.com:8443/", false),
    ] {
        assert_eq!(api.allows(&Url::parse(url).unwrap()), allowed, "{url}");
    }
}

#[test]
fn a79_preset_discord_pins_the_application_that_a_token_was_issued_to() {
    let discord = filled("discord", &[]);
    let identity = discord.login.unwrap().identity;
    assert_eq!(identity.source, IdentitySource::Userinfo);
    let pin = identity.application.unwrap();
    let answer = |application: Value| json!({ "application": { "id": application }, "user": { "id": "268473310986240001" } });
    assert!(pin.admits(&answer(json!("app-1")), "app-1"));
    assert!(!pin.admits(&answer(json!("app-2")), "app-1"));
    assert!(!pin.admits(&json!({ "user": { "id": "268473310986240001" } }), "app-1"));
    let subject = identity.subject.text(&answer(json!("app-1")));
    assert_eq!(subject.as_deref(), Some("268473310986240001"));
}

#[test]
fn preset_github_knows_people_and_organizations_by_number() {
    let github = filled("github", &[]);
    let login = github.login.unwrap();
    let user = json!({ "id": 583_231, "login": "octocat", "email": null });
    let identity = login.identity.clone();
    assert_eq!(identity.subject.text(&user).as_deref(), Some("583231"));
    assert_eq!(
        identity.name.unwrap().text(&user).as_deref(),
        Some("octocat")
    );
    // A name can be given up and taken by somebody else.
    let orgs = json!([{ "id": 9919, "login": "github" }]);
    assert_eq!(
        identity.group_list.unwrap().values(&orgs).unwrap(),
        ["9919"]
    );
    assert_eq!(login.scopes, ["read:user"]);
    // Asked with blanks, answered with commas.
    assert_eq!(login.scope_value(["read:user", "repo"]), "read:user repo");
    assert_eq!(
        login.granted_scopes("read:user,repo"),
        ["read:user", "repo"]
    );
    let revocation = github.endpoints.revocation.as_deref();
    assert_eq!(
        revocation,
        Some("https://api.github.com/applications/app-1/token")
    );
}

#[test]
fn preset_huggingface_knows_organizations_by_id() {
    let identity = filled("huggingface", &[]).login.unwrap().identity;
    let userinfo = json!({ "sub": "1", "orgs": [{ "sub": "5e67", "name": "Somebody" }] });
    assert_eq!(
        identity.group_list.unwrap().values(&userinfo).unwrap(),
        ["5e67"]
    );
}

#[test]
fn preset_oci_keeps_domains_apart_that_share_an_issuer() {
    let of = |domain: &str| {
        let url = format!("https://{domain}.identity.oraclecloud.com");
        filled("oci", &[("domain_url", &url)])
    };
    let (one, other) = (of("idcs-1"), of("idcs-2"));
    assert_eq!(one.endpoints.issuer, other.endpoints.issuer);
    assert_eq!(
        one.endpoints.issuer.as_deref(),
        Some("https://identity.oraclecloud.com/")
    );
    assert_ne!(one.endpoints.jwks, other.endpoints.jwks);
    let namespace = |provider: &Provider| {
        let login = provider.login.clone().unwrap();
        login.identity.namespace.unwrap()
    };
    assert_ne!(namespace(&one), namespace(&other));
    assert_eq!(one.discovery, None);
}

#[test]
fn preset_okta_has_the_user_and_not_the_login_name_as_subject_of_access_tokens() {
    let tokens = filled("okta", &[]).tokens.unwrap();
    let token = json!({ "sub": "alice@example.com", "uid": "00u1", "scp": ["read"], "cid": "c" });
    assert_eq!(tokens.subject.text(&token).as_deref(), Some("00u1"));
    assert_eq!(tokens.scopes.scopes(&token), ["read"]);
    assert_eq!(tokens.client[0].text(&token).as_deref(), Some("c"));
}

#[test]
fn preset_keycloak_takes_no_other_token_of_the_realm_for_an_access_token() {
    let keycloak = filled(
        "keycloak",
        &[("realm_url", "https://sso.example.com/realms/main")],
    );
    let tokens = keycloak.tokens.unwrap();
    assert_eq!(tokens.required_claims["typ"], "Bearer");
    assert!(tokens.audience.resource);
    assert_eq!(
        keycloak.endpoints.issuer.as_deref(),
        Some("https://sso.example.com/realms/main")
    );
}

#[test]
fn preset_scalekit_accepts_both_spellings_of_its_issuer() {
    let scalekit = filled("scalekit", &[("resource_id", "res_1")]);
    let issuer = scalekit.endpoints.issuer.as_deref();
    let tokens = scalekit.tokens.unwrap();
    let issuers: Vec<_> = tokens
        .issuers
        .iter()
        .filter_map(|rule| rule.expected(&Map::new(), issuer))
        .collect();
    assert_eq!(
        issuers,
        [
            "https://yourapp.scalekit.com/resources/res_1",
            "https://yourapp.scalekit.com"
        ]
    );
    assert_eq!(tokens.audience.values, ["res_1"]);
    assert!(filled("scalekit", &[]).login.is_some());
}

#[test]
fn preset_descope_accepts_tokens_of_one_mcp_server_or_none() {
    let descope = filled("descope", &[("project_id", "P2"), ("mcp_server_id", "MS1")]);
    let tokens = descope.tokens.unwrap();
    let issuers: Vec<_> = tokens
        .issuers
        .iter()
        .filter_map(|rule| rule.expected(&Map::new(), None))
        .collect();
    assert_eq!(issuers, ["https://api.descope.com/v1/apps/agentic/P2/MS1"]);
    // Without the server any token of the project would do.
    assert_eq!(filled("descope", &[]).tokens, None);
    assert!(filled("descope", &[]).login.is_some());
}

#[test]
fn preset_propelauth_logs_people_in_elsewhere_than_clients() {
    let propelauth = filled("propelauth", &[("auth_url", "https://auth.example.com")]);
    let issuer = propelauth.endpoints.issuer.as_deref();
    assert_eq!(issuer, Some("https://auth.example.com/oauth/2.1"));
    let tokens = propelauth.tokens.unwrap();
    assert_eq!(tokens.kind, TokenKind::Introspection);
    assert!(tokens.audience.resource);
    let rule = propelauth.login.unwrap().identity.issuer;
    assert_eq!(
        rule.expected(&Map::new(), issuer).as_deref(),
        Some("https://auth.example.com")
    );
}

#[test]
fn preset_slack_takes_no_answer_for_good_that_says_it_is_not() {
    let login = filled("slack", &[]).login.unwrap();
    let success = login.token_response.success.unwrap();
    assert_eq!(success.find(&json!({ "ok": true })), Some(&json!(true)));
    let refused = json!({ "ok": false, "error": "invalid_code" });
    assert_eq!(success.find(&refused), Some(&json!(false)));
    assert_eq!(
        login.token_response.error.text(&refused).as_deref(),
        Some("invalid_code")
    );
    let workspace = login.identity.domain.unwrap();
    let token = json!({ "https://slack.com/team_id": "T0RR" });
    assert_eq!(workspace.text(&token).as_deref(), Some("T0RR"));
}

#[test]
fn preset_gitlab_can_be_one_of_ones_own() {
    let gitlab = filled("gitlab", &[]);
    assert_eq!(
        gitlab.endpoints.issuer.as_deref(),
        Some("https://gitlab.com")
    );
    let own = filled("gitlab", &[("base_url", "https://git.example.com")]);
    assert_eq!(
        own.endpoints.token.as_deref(),
        Some("https://git.example.com/oauth/token")
    );
    let url = Url::parse("https://gitlab.com/api/v4/user").unwrap();
    assert!(!own.api.allows(&url));
}

#[test]
fn preset_supabase_and_workos_and_clerk_have_issuers_of_their_own_hosts() {
    for (name, variable, value, issuer) in [
        (
            "supabase",
            "project_ref",
            "abc",
            "https://abc.supabase.co/auth/v1",
        ),
        (
            "workos",
            "authkit_domain",
            "a.authkit.app",
            "https://a.authkit.app",
        ),
        (
            "clerk",
            "frontend_api",
            "clerk.example.com",
            "https://clerk.example.com",
        ),
    ] {
        let provider = filled(name, &[(variable, value)]);
        assert_eq!(provider.endpoints.issuer.as_deref(), Some(issuer));
        let identity = provider.login.unwrap().identity;
        assert_eq!(identity.source, IdentitySource::IdToken, "{name}");
    }
    for elsewhere in ["abc.evil.example/", "abc/..", "ABC", "abc.supabase.co"] {
        let given = [("client_id", "app-1"), ("project_ref", elsewhere)];
        assert!(
            refused("supabase", &given).contains("project_ref"),
            "{elsewhere}"
        );
    }
}

#[test]
fn an_api_of_ones_own_is_added_as_an_origin_and_as_nothing_else() {
    let mut api = filled("okta", &[]).api;
    let orders = Url::parse("https://api.example.com/orders").unwrap();
    assert!(!api.allows(&orders));
    for wrong in [
        "",
        "*",
        "https://*",
        "https://*.com",
        "api.example.com",
        "http://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/orders",
        "https://user@api.example.com",
        "https://API.example.com",
        "https://api.*.com",
    ] {
        assert!(api.allow(wrong).is_err(), "{wrong:?}");
    }
    assert!(!api.allows(&orders));
    api.allow("https://api.example.com").unwrap();
    assert!(api.allows(&orders));
    let beside = Url::parse("https://evil.api.example.com/orders").unwrap();
    assert!(!api.allows(&beside));
}
