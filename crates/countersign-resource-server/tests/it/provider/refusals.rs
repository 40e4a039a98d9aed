//! Files that are refused, with the line and the field.

use super::{SAMPLE, changed, line_of, refusal};
use countersign_resource_server::provider::Preset;

#[test]
fn the_sample_itself_is_read() {
    let preset = Preset::parse(SAMPLE).unwrap();
    assert_eq!(preset.name(), "sample");
    assert_eq!(preset.variables().count(), 2);
    assert_eq!(preset.unused_variables().count(), 0);
}

#[test]
fn a_field_that_nobody_knows_is_refused_in_every_part() {
    for (part, field) in [
        ("name = \"sample\"", "pkce"),
        ("kind = \"host\"", "variables.domain.pkce"),
        ("[endpoints]", "endpoints.pkce"),
        ("nonce = true", "login.pkcee"),
        ("[login.identity]", "login.identity.pkce"),
        ("[tokens]", "tokens.pkce"),
        ("[tokens.audience]", "tokens.audience.pkce"),
        ("[api]", "api.pkce"),
        ("[safety]", "safety.pkce"),
    ] {
        let unknown = field.rsplit('.').next().unwrap();
        let text = changed(part, &format!("{part}\n{unknown} = true"));
        let error = refusal(&text);
        assert_eq!(error.field(), Some(field), "{error}");
        let line = line_of(&text, &format!("\n{unknown} = true")) + 1;
        assert_eq!(error.line(), Some(line), "{error}");
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
    for (table, field) in [
        ("[login.revocation]", "login.revocation.hook"),
        (
            "[login.revocation.request]",
            "login.revocation.request.hook",
        ),
        ("[login.token_response]", "login.token_response.hook"),
        ("[introspection]", "introspection.hook"),
        ("[introspection.request]", "introspection.request.hook"),
        ("[tokens.scopes]", "tokens.scopes.hook"),
        (
            "[login.identity.email_list]",
            "login.identity.email_list.hook",
        ),
        ("[extra]", "extra"),
    ] {
        let text = format!("{SAMPLE}\n{table}\nhook = \"x\"\n");
        let error = refusal(&text);
        assert_eq!(error.field(), Some(field), "{error}");
    }
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_named() {
    for (old, new, field, words) in [
        ("name = \"sample\"\n", "", None, "missing field `name`"),
        (
            "subject = \"/sub\"\n",
            "",
            Some("login.identity"),
            "`subject`",
        ),
        (
            "audience_bound = true\n",
            "",
            Some("safety"),
            "`audience_bound`",
        ),
        (
            "nonce = true",
            "nonce = \"yes\"",
            Some("login.nonce"),
            "expected a boolean",
        ),
        (
            "scopes = [\"openid\", \"email\"]",
            "scopes = \"openid\"",
            Some("login.scopes"),
            "expected a sequence",
        ),
        (
            "source = \"id_token\"",
            "source = \"cookie\"",
            Some("login.identity.source"),
            "`userinfo`",
        ),
        (
            "client_authentication = [\"client_secret_basic\"]",
            "client_authentication = [\"client_secret_jwt\"]",
            Some("login.client_authentication.0"),
            "`private_key_jwt`",
        ),
    ] {
        let error = refusal(&changed(old, new));
        assert_eq!(error.field(), field, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let text = changed("nonce = true", "nonce true");
    assert_eq!(refusal(&text).line(), Some(line_of(&text, "nonce true")));
    let text = changed("nonce = true", "nonce = true\nnonce = false");
    assert_eq!(refusal(&text).line(), Some(line_of(&text, "nonce = false")));
    for text in ["", "name", "\u{0}", "[[login]]", "= 1"] {
        refusal(text);
    }
    let long = format!("{SAMPLE}# {}", "x".repeat(64 * 1024));
    assert!(refusal(&long).to_string().contains("64 KiB"));
}

#[test]
fn a_rule_that_is_broken_is_told_with_line_and_field() {
    let text = changed("https://{domain}/me", "http://{domain}/me");
    let error = refusal(&text);
    let expected = format!("line {}: endpoints.userinfo: ", line_of(&text, "userinfo"));
    assert!(error.to_string().starts_with(&expected), "{error}");
    // The field is not there: the line is that of the part it would be in.
    let text = changed("issuer = \"https://{domain}/\"\n", "");
    let error = refusal(&text);
    assert_eq!(error.field(), Some("endpoints.issuer"));
    assert_eq!(error.line(), Some(line_of(&text, "[endpoints]")));
    let text = changed("prompt = \"consent\"", "state = \"fixed\"");
    let error = refusal(&text);
    assert_eq!(error.line(), Some(line_of(&text, "state = ")));
    let text = changed("[\"openid\", \"email\"]", "[\n\"openid\",\n\"two words\"]");
    let error = refusal(&text);
    assert_eq!(error.field(), Some("login.scopes.1"));
    assert_eq!(error.line(), Some(line_of(&text, "\"two words\"")));
}

#[test]
fn rs_17_an_algorithm_without_a_public_key_is_refused() {
    for (table, field) in [
        ("source = \"id_token\"", "login.identity.algorithms"),
        ("kind = \"jwt\"", "tokens.algorithms"),
    ] {
        for algorithm in [
            "none", "None", "HS256", "HS384", "HS512", "rs256", "RS1", "",
        ] {
            let text = changed(table, &format!("{table}\nalgorithms = [\"{algorithm}\"]"));
            let error = refusal(&text);
            assert_eq!(error.field(), Some(field), "{algorithm}: {error}");
        }
        refusal(&changed(table, &format!("{table}\nalgorithms = []")));
        let good = changed(table, &format!("{table}\nalgorithms = [\"PS256\"]"));
        Preset::parse(&good).unwrap();
    }
}

#[test]
fn a_pointer_that_is_none_is_refused() {
    for pointer in ["sub", "/a~2b", "/a~", "user/id", "/x\\u0007"] {
        let text = changed("subject = \"/sub\"", &format!("subject = \"{pointer}\""));
        let error = refusal(&text);
        assert_eq!(error.field(), Some("login.identity.subject"), "{error}");
    }
    let error = refusal(&changed("subject = \"/sub\"", "subject = \"\""));
    assert!(error.to_string().contains("no subject"), "{error}");
    let long = format!("subject = \"/{}\"", "x".repeat(256));
    refusal(&changed("subject = \"/sub\"", &long));
}

#[test]
fn a_variable_has_a_name_a_kind_and_fitting_values() {
    for (old, new, field) in [
        (
            "[variables.domain]",
            "[variables.Domain]",
            "variables.Domain",
        ),
        (
            "kind = \"host\"",
            "kind = \"regex\"",
            "variables.domain.kind",
        ),
        (
            "example = \"mine.sample.test\"",
            "example = \"https://mine.sample.test\"",
            "variables.domain.example",
        ),
        (
            "example = \"mine.sample.test\"",
            "default = \"not a host\"",
            "variables.domain.default",
        ),
        (
            "description = \"the domain of your tenant\"",
            "description = \"\"",
            "variables.domain.description",
        ),
        (
            "optional = true",
            "optional = true\ndefault = \"x\"",
            "variables.audience.optional",
        ),
        (
            "[variables.audience]",
            "[variables.client_id]\ndescription = \"x\"\nkind = \"text\"\n[variables.audience]",
            "variables.client_id",
        ),
    ] {
        let error = refusal(&changed(old, new));
        assert_eq!(error.field(), Some(field), "{error}");
    }
}

#[test]
fn braces_name_variables_that_are_declared_and_claims_where_they_may_be() {
    for (old, new, words) in [
        (
            "https://{domain}/me",
            "https://{tenant}/me",
            "[variables.tenant]",
        ),
        (
            "https://{domain}/me",
            "https://{domain/me",
            "a brace stands alone",
        ),
        (
            "https://{domain}/me",
            "https://domain}/me",
            "a brace stands alone",
        ),
        (
            "https://{domain}/me",
            "https://{DOMAIN}/me",
            "between braces",
        ),
        ("https://{domain}/me", "https://{}/me", "between braces"),
        (
            "https://{domain}/me",
            "https://{domain}/{claim:sub}",
            "a claim can only be named in",
        ),
        (
            "subject = \"/sub\"",
            "subject = \"/sub\"\nissuer = \"https://{claim:iss}/x\"",
            "in the path of an issuer",
        ),
        (
            "issuer = \"https://{domain}/\"",
            "issuer = \"https://{audience}/\"",
            "kind text cannot be part of a host name",
        ),
        (
            "issuer = \"https://{domain}/\"",
            "issuer = \"https://sample.test/{audience}\"",
            "has to be named",
        ),
    ] {
        let error = refusal(&changed(old, new));
        assert!(error.to_string().contains(words), "{new}: {error}");
    }
}
