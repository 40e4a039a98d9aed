//! What the attributes refuse, and in which words.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{prompt, resource, tool};

fn refused(expansion: syn::Result<TokenStream>) -> String {
    match expansion {
        Ok(tokens) => panic!("expanded to {tokens}"),
        Err(error) => error.to_string(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn functions_that_cannot_be_components_are_refused_in_one_sentence() {
    for (item, expected) in [
        (
            quote!(
                fn f<T>(t: T) {}
            ),
            "a tool cannot be generic: its types are known when the server starts",
        ),
        (
            quote!(
                fn f<'a>(t: Cow<'a, str>) {}
            ),
            "a tool cannot be generic: its types are known when the server starts",
        ),
        (
            quote!(
                fn f(t: impl Display) {}
            ),
            "a tool cannot be generic: name the type of this parameter",
        ),
        (
            quote!(
                fn f(&self) {}
            ),
            "a tool is a free function: share values with `State<T>` instead of `self`",
        ),
        (
            quote!(
                fn f((a, b): (u8, u8)) {}
            ),
            "a parameter of a tool is a name, which is the name of the argument",
        ),
        (
            quote!(
                fn f(_: u8) {}
            ),
            "a parameter of a tool is a name, which is the name of the argument",
        ),
        (
            quote!(
                fn f(a: &str) {}
            ),
            "a tool owns its parameters: write `String` instead of `&str`, `T` instead of `&T`",
        ),
        (
            quote!(
                fn f(a: &'static str) {}
            ),
            "a tool owns its parameters: write `String` instead of `&str`, `T` instead of `&T`",
        ),
        (
            quote!(
                fn f(#[cfg(unix)] a: u8) {}
            ),
            "a parameter of a tool cannot be conditional: make two functions",
        ),
        (
            quote!(
                fn f(#[serde(default)] a: State<u8>) {}
            ),
            "this parameter is injected and no argument, so it has no schema",
        ),
        (
            quote!(
                fn f() -> impl Display {}
            ),
            "a tool names the type of its result",
        ),
        (
            quote!(
                fn f() -> &str {}
            ),
            "a tool owns its result: write `String` or `&'static str`",
        ),
        (
            quote!(
                unsafe fn f() {}
            ),
            "a tool is a plain `fn` or `async fn`",
        ),
        (
            quote!(
                const fn f() {}
            ),
            "a tool is a plain `fn` or `async fn`",
        ),
        (
            quote!(
                extern "C" fn f() {}
            ),
            "a tool is a plain `fn` or `async fn`",
        ),
    ] {
        assert_eq!(refused(tool::expand(quote!(), item)), expected);
    }
    let told = refused(tool::expand(
        quote!(),
        quote!(
            struct F;
        ),
    ));
    assert!(told.starts_with("#[tool] stands on a function: "), "{told}");
}

const AUTH: &str =
    "write `auth = \"oauth\"`, `= any(\"…\", \"…\")`, `= all(\"…\", \"…\")` or `= optional(\"…\")`";

#[test]
fn arguments_of_an_attribute_are_known_well_formed_and_given_once() {
    let known = "name, title, description, auth, scopes, hidden, tags, icons, interactive, read_only, destructive, idempotent, open_world";
    for (attribute, expected) in [
        (quote!(scope("a")), format!("`scope` is no argument of #[tool]: use {known}")),
        (quote!(mime_type = "a/b"), format!("`mime_type` is no argument of #[tool]: use {known}")),
        (quote!(scopes = "a"), "write `scopes(\"…\", \"…\")`".to_owned()),
        (quote!(scopes()), "write `scopes(\"…\", \"…\")`".to_owned()),
        (quote!(scopes), "write `scopes(\"…\", \"…\")`".to_owned()),
        (quote!(name("a")), "write `name = \"…\"`".to_owned()),
        (quote!(name = true), "write `name = \"…\"`".to_owned()),
        (quote!(name = 7), "`name` takes a literal: a text or a bool".to_owned()),
        (quote!(title = " "), "this text is empty".to_owned()),
        (quote!(auth), AUTH.to_owned()),
        (quote!(auth("oauth")), AUTH.to_owned()),
        (quote!(auth = true), AUTH.to_owned()),
        (quote!(auth = none("oauth")), AUTH.to_owned()),
        (quote!(auth = any()), AUTH.to_owned()),
        (quote!(auth = optional()), AUTH.to_owned()),
        (quote!(auth = "OAuth"), "the name of a source is 1 to 64 characters of a-z 0-9 _ -".to_owned()),
        (quote!(auth = ""), "the name of a source is 1 to 64 characters of a-z 0-9 _ -".to_owned()),
        (quote!(auth = any("oauth", "oauth")), "the source `oauth` is named twice".to_owned()),
        (quote!(auth = "oauth", auth = "api_key"), "`auth` is given twice".to_owned()),
        (quote!(hidden = "yes"), "write `hidden` or `= false`".to_owned()),
        (quote!(read_only, read_only = false), "`read_only` is given twice".to_owned()),
        (quote!(name = "a b"), "the name of a tool is 1 to 128 characters of A-Z a-z 0-9 _ - . /".to_owned()),
        (
            quote!(hidden),
            "`hidden` conceals a component from callers without its scopes or of another source: name them with `scopes(\"…\")` or `auth = \"…\"`".to_owned(),
        ),
    ] {
        assert_eq!(refused(tool::expand(attribute, quote!(fn f() {}))), expected);
    }
}

#[test]
fn scopes_outside_the_grammar_of_rfc_6749_3_3_do_not_compile() {
    for scope in ["", " ", "a b", "a\"b", "a\\b", "a\u{7f}", "ä", "a\nb"] {
        let told = refused(tool::expand(
            quote!(scopes("good", #scope)),
            quote!(
                fn f() {}
            ),
        ));
        assert!(told.contains("RFC 6749 §3.3"), "{scope:?}: {told}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn variables_of_a_uri_and_parameters_match_one_to_one() {
    for (uri, item, expected) in [
        (
            "a://{b}",
            quote!(
                fn f() {}
            ),
            "the variable `{b}` has no parameter of its name",
        ),
        (
            "a://{b}",
            quote!(
                fn f(b: Context) {}
            ),
            "the variable `{b}` has no parameter of its name",
        ),
        (
            "a://b",
            quote!(
                fn f(b: u8) {}
            ),
            "the URI has no variable `{b}` for this parameter",
        ),
        (
            "a://{b}",
            quote!(
                fn f(b: u8, c: u8) {}
            ),
            "the URI has no variable `{c}` for this parameter",
        ),
        (
            "a://{b",
            quote!(
                fn f(b: u8) {}
            ),
            "this URI template has a `{` without `}`",
        ),
        (
            "a://b}",
            quote!(
                fn f(b: u8) {}
            ),
            "this URI template has a `}` without `{`",
        ),
        (
            "a://{b}}",
            quote!(
                fn f(b: u8) {}
            ),
            "this URI template has a `}` without `{`",
        ),
        (
            "a://{?b}",
            quote!(
                fn f(b: u8) {}
            ),
            "a variable of a URI template is `{name}`, `{+name}` or `{name*}`",
        ),
        (
            "a://{b}{c}",
            quote!(
                fn f(b: u8, c: u8) {}
            ),
            "this URI template has two variables without a literal between them",
        ),
        (
            "a://{b}/{b}",
            quote!(
                fn f(b: u8) {}
            ),
            "this URI template names a variable twice",
        ),
        (
            "app",
            quote!(
                fn f() {}
            ),
            "a URI begins with a scheme: `config://app`",
        ),
        (
            "a://{b}",
            quote!(
                fn f(#[serde(default)] b: u8) {}
            ),
            "the arguments of a resource are texts that are read with `FromStr`: this attribute has no effect",
        ),
    ] {
        assert_eq!(refused(resource::expand(quote!(#uri), item)), expected);
    }
    assert_eq!(
        refused(resource::expand(
            quote!(name = "a"),
            quote!(
                fn f() {}
            )
        )),
        "write the URI first: `#[resource(\"config://app\")]`"
    );
}

#[test]
fn attributes_without_effect_on_an_argument_of_a_prompt_are_refused() {
    assert_eq!(
        refused(prompt::expand(
            quote!(),
            quote!(
                fn f(#[serde(default)] a: u8) {}
            )
        )),
        "the arguments of a prompt are texts that are read with `FromStr`: this attribute has no effect"
    );
}

#[test]
fn parameters_named_uri_and_variables_named_uri_are_both_taken() {
    for (uri, item) in [
        (
            "a://b",
            quote!(
                fn f(uri: String) {}
            ),
        ),
        (
            "a://{uri}",
            quote!(
                fn f(uri: String) {}
            ),
        ),
        (
            "a://{type}",
            quote!(
                fn f(r#type: String) {}
            ),
        ),
    ] {
        assert!(resource::expand(quote!(#uri), item).is_ok(), "{uri}");
    }
}
