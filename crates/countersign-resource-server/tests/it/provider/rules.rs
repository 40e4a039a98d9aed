//! What a file must not say.

use super::{changed, refusal};
use countersign_resource_server::provider::Preset;

/// Each change is refused with a sentence that contains the words.
fn each_is_refused(cases: &[(&str, &str, &str)]) {
    for (old, new, words) in cases {
        let error = refusal(&changed(old, new));
        assert!(error.to_string().contains(words), "{new}: {error}");
        assert!(error.line().is_some(), "{new}: {error}");
    }
}

#[test]
fn bp_14_an_address_has_tls_unless_it_is_on_this_machine() {
    for address in [
        "http://{domain}/me",
        "http://10.0.0.1/me",
        "http://127.0.0.1.sample.test/me",
        "http://localhost.sample.test/me",
        "ftp://sample.test/me",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//sample.test/me",
        "sample.test/me",
        "https://user@sample.test/me",
        "https://:secret@sample.test/me",
        "https://sample.test/me#part",
        "https://sample.test/a/../me",
        "https://sample.test/./me",
        "https://sample.test/a b",
        "https://sample.test/a\\\\b",
        "https://sämple.test/me",
        "https://sample.test/\\n",
        "https://",
        "https:///sample.test/me",
        "https:sample.test/me",
        "https://Sample.test/me",
        "https://sample.test:443/me",
        "https://2130706433/me",
        "",
    ] {
        let error = refusal(&changed("https://{domain}/me", address));
        assert_eq!(
            error.field(),
            Some("endpoints.userinfo"),
            "{address}: {error}"
        );
    }
    for address in [
        "http://127.0.0.1:9000/me",
        "http://[::1]/me",
        "http://localhost:8080/me",
    ] {
        Preset::parse(&changed("https://{domain}/me", address)).unwrap();
    }
}

#[test]
fn parameters_of_the_protocol_cannot_be_replaced() {
    for name in [
        "state",
        "nonce",
        "client_id",
        "client_secret",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "grant_type",
        "code",
        "refresh_token",
        "request",
        "request_uri",
        "resource",
        "client_assertion",
        "STATE",
        "Redirect_URI",
    ] {
        let text = changed("prompt = \"consent\"", &format!("{name} = \"x\""));
        let error = refusal(&text);
        assert!(error.to_string().contains("cannot be replaced"), "{error}");
        let tokens = "[login.token_parameters]\nclaims = \"x\"\n[login.identity]";
        let text = changed("[login.identity]", &tokens.replace("claims", name));
        let field = format!("login.token_parameters.{name}");
        assert_eq!(refusal(&text).field(), Some(&*field));
    }
    each_is_refused(&[
        (
            "prompt = \"consent\"",
            "\"a b\" = \"x\"",
            "no name of a parameter",
        ),
        (
            "prompt = \"consent\"",
            "\"a&state\" = \"x\"",
            "no name of a parameter",
        ),
        (
            "prompt = \"consent\"",
            "prompt = \"\"",
            "leave the parameter out",
        ),
        ("prompt = \"consent\"", "prompt = \"a\\nb\"", "one line"),
        (
            "nonce = true",
            "nonce = true\nscope_parameter = \"state\"",
            "another meaning",
        ),
        (
            "nonce = true",
            "nonce = true\nscope_parameter = \"prompt\"",
            "cannot be replaced",
        ),
    ]);
}

#[test]
fn a79_bp_12_tokens_of_every_application_are_not_accepted_directly() {
    each_is_refused(&[
        (
            "audience_bound = true",
            "audience_bound = false",
            "RFC 9700",
        ),
        (
            "values = [\"{audience}\"]",
            "",
            "say what a token must name",
        ),
        (
            "values = [\"{audience}\"]",
            "values = [\"\"]",
            "that it is compared with",
        ),
        (
            "kind = \"jwt\"",
            "kind = \"jwt\"\nrequired_claims = { use = \"\" }",
            "that it is compared with",
        ),
        (
            "subject = \"/sub\"",
            "subject = \"/sub\"\nrequired_claims = { use = \"a\\nb\" }",
            "that it is compared with",
        ),
        (
            "kind = \"jwt\"",
            "kind = \"jwt\"\nissuers = []",
            "at least one issuer",
        ),
    ]);
    // A token that names its application is bound to it.
    let pinned = changed("audience_bound = true", "audience_bound = false").replace(
        "kind = \"jwt\"",
        "kind = \"jwt\"\napplication = { pointer = \"/azp\" }",
    );
    Preset::parse(&pinned).unwrap();
    for pointer in ["azp", "/a~"] {
        refusal(&pinned.replace("/azp", pointer));
    }
}

#[test]
fn a_login_says_all_that_is_needed_for_it() {
    each_is_refused(&[
        (
            "[\"openid\", \"email\"]",
            "[\"email\"]",
            "only with the scope openid",
        ),
        ("[\"client_secret_basic\"]", "[]", "at least one method"),
        (
            "[\"client_secret_basic\"]",
            "[\"none\"]\npkce = false",
            "protected by its proof key alone",
        ),
        (
            "source = \"id_token\"",
            "source = \"userinfo\"",
            "the nonce comes back",
        ),
        ("\"email\"", "\"two words\"", "a scope is"),
        ("\"email\"", "\"\"", "a scope is"),
        ("\"email\"", "\"e\\\"mail\"", "a scope is"),
        (
            "nonce = true",
            "nonce = true\nscope_separator = \";\"",
            "by a blank or by a comma",
        ),
        (
            "nonce = true",
            "nonce = true\nscope_prefix = \"a b/\"",
            "a scope is",
        ),
        (
            "[login.identity]",
            "[login.revocation]\ntokens = []\n[login.identity]",
            "refresh_token, access_token or both",
        ),
        (
            "[login.identity]",
            "[login.token_response]\ntoken_types = []\n[login.identity]",
            "at least one type",
        ),
        (
            "subject = \"/sub\"",
            "subject = \"/sub\"\nnamespace = \"people\"",
            "not an address",
        ),
        (
            "name = \"sample\"",
            "name = \"../sample\"",
            "lower-case letters",
        ),
        ("name = \"sample\"", "name = \"-a\"", "lower-case letters"),
        (
            "name = \"sample\"",
            "name = \"Sample\"",
            "lower-case letters",
        ),
        ("\"Sample\"", "\"Sample of {domain}\"", "no variables"),
        ("\"Sample\"", "\"Sam\\u0007ple\"", "control characters"),
        ("\"Sample\"", "\"\"", "one line"),
        (
            "\"https://docs.sample.test/login\"",
            "\"http://docs.sample.test/login\"",
            "no TLS",
        ),
    ]);
    let comma = changed("nonce = true", "nonce = true\nscope_separator = \",\"")
        .replace("\"email\"", "\"a,b\"");
    assert!(refusal(&comma).to_string().contains("is several"));
}

#[test]
fn without_a_metadata_document_the_addresses_are_named() {
    let without = changed(
        "discovery = \"https://{domain}/.well-known/openid-configuration\"\n",
        "",
    );
    let authorization = "authorization = \"https://{domain}/authorize\"";
    let token = "token = \"https://{domain}/token\"";
    let jwks = "jwks = \"https://{domain}/jwks\"";
    let with = |fields: &[&str]| {
        without.replace(
            "[endpoints]",
            &format!("[endpoints]\n{}", fields.join("\n")),
        )
    };
    for (fields, missing) in [
        (&[][..], "endpoints.authorization"),
        (&[authorization], "endpoints.token"),
        (&[authorization, token], "endpoints.jwks"),
    ] {
        assert_eq!(refusal(&with(fields)).field(), Some(missing));
    }
    Preset::parse(&with(&[authorization, token, jwks])).unwrap();
    let sources = [
        ("userinfo", "userinfo = \"https://{domain}/me\"\n"),
        (
            "introspection",
            "introspection = \"https://{domain}/introspect\"\n",
        ),
    ];
    for (source, line) in sources {
        let text = with(&[authorization, token, jwks])
            .replace("source = \"id_token\"", &format!("source = \"{source}\""))
            .replace("nonce = true", "");
        Preset::parse(&text).unwrap();
        let field = format!("endpoints.{source}");
        assert_eq!(refusal(&text.replace(line, "")).field(), Some(&*field));
        let tokens = text.replace("kind = \"jwt\"", &format!("kind = \"{source}\""));
        Preset::parse(&tokens).unwrap();
    }
    let neither = format!(
        "{}[safety]\naudience_bound = false\nopen_registration = true\n",
        &super::SAMPLE[..super::SAMPLE.find("[login]").unwrap()]
    );
    assert!(refusal(&neither).to_string().contains("of no use"));
}

#[test]
fn the_issuer_of_a_metadata_document_is_named_without_query() {
    let issuer = "issuer = \"https://{domain}/\"";
    each_is_refused(&[
        (issuer, "", "byte for byte"),
        (issuer, "issuer = \"https://{domain}/?a=b\"", "a query"),
        (issuer, "issuer = \"http://{domain}/\"", "no TLS"),
        (
            issuer,
            "issuer = \"{domain}\"",
            "kind url can begin an address",
        ),
    ]);
    let by_claim = |source: &str| {
        changed(
            "subject = \"/sub\"",
            "subject = \"/sub\"\nissuer = \"https://{domain}/{claim:tid}/\"",
        )
        .replace("nonce = true", "")
        .replace("source = \"id_token\"", &format!("source = \"{source}\""))
    };
    Preset::parse(&by_claim("id_token")).unwrap();
    Preset::parse(&by_claim("access_token")).unwrap();
    for source in ["userinfo", "introspection"] {
        let error = refusal(&by_claim(source));
        assert!(
            error.to_string().contains("where the token is signed"),
            "{error}"
        );
    }
    let tokens = changed(
        "kind = \"jwt\"",
        "kind = \"introspection\"\nissuers = [\"https://{domain}/{claim:tid}/\"]",
    );
    assert_eq!(refusal(&tokens).field(), Some("tokens.issuers.0"));
}

#[test]
fn a_token_is_never_sent_in_an_address() {
    for table in ["introspection.request", "login.revocation.request"] {
        let with = |fields: &str| format!("{}\n[{table}]\n{fields}\n", super::SAMPLE);
        for (fields, words) in [
            ("method = \"GET\"", "would be logged"),
            ("method = \"GET\"\ntoken_in = \"json\"", "would be logged"),
            ("token_in = \"query\"", "unknown variant"),
            ("method = \"PUT\"", "GET, POST or DELETE"),
            ("token_in = \"bearer\"", "one credential"),
            ("token_parameter = \"\"", "is named with letters"),
            ("token_parameter = \"a b\"", "is named with letters"),
        ] {
            let error = refusal(&with(fields));
            assert!(error.to_string().contains(words), "{fields}: {error}");
            assert!(error.field().is_some_and(|field| field.starts_with(table)));
        }
        for fields in [
            "method = \"GET\"\ntoken_in = \"bearer\"\nauthentication = \"none\"",
            "method = \"DELETE\"\ntoken_in = \"json\"\ntoken_parameter = \"access_token\"",
        ] {
            Preset::parse(&with(fields)).unwrap();
        }
    }
}

#[test]
fn scopes_of_a_token_are_in_the_token_or_in_an_answer() {
    let with = |fields: &str| format!("{}\n[tokens.scopes]\n{fields}\n", super::SAMPLE);
    assert!(
        refusal(&with("header = \"x-scopes\""))
            .to_string()
            .contains("without an answer")
    );
    assert!(
        refusal(&with("separator = \"|\""))
            .to_string()
            .contains("by a comma")
    );
    let userinfo = with("header = \"x-scopes\"").replace("kind = \"jwt\"", "kind = \"userinfo\"");
    Preset::parse(&userinfo).unwrap();
    let typ = changed("kind = \"jwt\"", "kind = \"jwt\"\ntyp = \"id\"");
    assert_eq!(refusal(&typ).field(), Some("tokens.typ"));
}

#[test]
fn a_list_elsewhere_has_an_address_and_a_scope() {
    let list = |endpoint: &str, scope: &str| {
        format!(
            "{}\n[login.identity.group_list]\nendpoint = \"{endpoint}\"\nvalue = \"/name\"\nscope = \"{scope}\"\n",
            super::SAMPLE
        )
    };
    Preset::parse(&list("https://{domain}/groups", "groups:read")).unwrap();
    let error = refusal(&list("http://{domain}/groups", "groups"));
    assert_eq!(error.field(), Some("login.identity.group_list.endpoint"));
    let error = refusal(&list("https://{domain}/groups", "two words"));
    assert_eq!(error.field(), Some("login.identity.group_list.scope"));
}
