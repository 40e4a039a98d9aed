//! `countersign providers`: what files about providers mean.

use std::fs;

use countersign::provider::Preset;
use serde_json::Value;

use crate::command::{folder, run};

/// What the command says about a file with `text`.
fn checked(text: &str, options: &[&str]) -> crate::command::Output {
    let folder = folder();
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    let mut arguments = vec!["providers", "check", "mine.toml"];
    arguments.extend(options);
    run(folder.path(), &arguments)
}

#[test]
fn a_file_that_is_wrong_is_refused_with_line_and_field() {
    let github = Preset::text("github").unwrap();
    for (old, new, sentence) in [
        (
            "pkce = true",
            "pcke = true",
            "login.pcke: unknown field `pcke`, expected one of",
        ),
        (
            "\"https://github.com/login/oauth/access_token\"",
            "\"http://github.com/login/oauth/access_token\"",
            "endpoints.token: \"http://github.com/login/oauth/access_token\" has no TLS",
        ),
        (
            "subject = \"/id\"",
            "subject = \"id\"",
            "login.identity.subject: a JSON pointer",
        ),
        (
            "pkce = true",
            "pkce = true\nauthorize_parameters = { \"\\u001b[2Jstate\" = \"x\" }",
            "login.authorize_parameters",
        ),
    ] {
        assert_eq!(github.matches(old).count(), 1, "{old}");
        let answer = checked(&github.replace(old, new), &[]);
        assert_eq!(answer.code, 1);
        assert_eq!(answer.stdout, "");
        assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.stderr);
        let start = answer.stderr.starts_with("error: mine.toml: line ");
        assert!(
            start && answer.stderr.contains(sentence),
            "{}",
            answer.stderr
        );
        assert!(!answer.stderr.contains('\u{1b}'), "{}", answer.stderr);
    }
}

#[test]
fn a_file_of_ones_own_means_what_the_built_in_one_means() {
    let folder = folder();
    for name in Preset::names() {
        let file = run(folder.path(), &["providers", "show", name, "--file"]).ok();
        assert_eq!(file.trim_end(), Preset::text(name).unwrap().trim_end());
        for options in [&[][..], &["--json"]] {
            let mut arguments = vec!["providers", "show", name];
            arguments.extend(options);
            let shown = run(folder.path(), &arguments).ok();
            assert_eq!(checked(&file, options).ok(), shown, "{name}");
        }
    }
}

#[test]
fn the_words_say_what_is_exposed() {
    let folder = folder();
    let github = run(folder.path(), &["providers", "show", "github"]).ok();
    // Lines are folded.
    let github = github.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "Anybody in the world can have an account there, so a server starts only if you say who may in",
        "The pair of https://github.com and what is at /id of the answer of the userinfo endpoint.",
        "e-mail addresses are shown to people and are never an identity.",
        "That the code was made for this login: proof key (S256).",
        "No: they do not say whom they are for.",
        "By your server: api.github.com, github.com.",
        "By tools, with a person's token of the provider: https://api.github.com,",
        "client secret: that of your application",
    ] {
        assert!(github.contains(sentence), "{sentence}\n{github}");
    }
    let entra = [
        "providers",
        "show",
        "entra",
        "--set",
        "tenant=8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
        "--set",
        "client_id=app",
    ];
    let entra = run(folder.path(), &entra).ok();
    let entra = entra.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
        "Scopes of your own are prefixed with api://app/.",
        "/aud must name app or api://app.",
        "tid must be 8eaef023-2b34-4da1-9baa-8bc8c9d6a490.",
    ] {
        assert!(entra.contains(sentence), "{sentence}\n{entra}");
    }
    assert!(!entra.contains("{tenant}"), "{entra}");
    let firebase = run(folder.path(), &["providers", "show", "firebase"]).ok();
    assert!(firebase.contains("Nobody: the file has no [login]."));
}

#[test]
fn a_login_without_proof_key_and_nonce_is_warned_about() {
    let discord = Preset::text("discord").unwrap();
    assert_eq!(discord.matches("pkce = true").count(), 1);
    let bare = checked(&discord.replace("pkce = true", "pkce = false"), &[]).ok();
    assert!(
        bare.contains("Beware: neither proof key nor nonce"),
        "{bare}"
    );
    assert!(!checked(discord, &[]).ok().contains("Beware"));
}

#[test]
fn the_list_is_for_people_and_for_programs() {
    let folder = folder();
    let printed = run(folder.path(), &["providers", "list", "--json"]).ok();
    let listed: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, Preset::names().collect::<Vec<_>>());
    let table = run(folder.path(), &["providers", "list"]).ok();
    assert_eq!(table.lines().count(), names.len() + 1);
    let github = listed.iter().find(|one| one["name"] == "github").unwrap();
    assert_eq!(github["login"]["identity_from"], "userinfo");
    assert_eq!(github["accepted_tokens"], Value::Null);
    assert_eq!(github["open_registration"], true);
    let row = table
        .lines()
        .find(|line| line.starts_with("github "))
        .unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        ["github", "GitHub", "yes", "-", "yes", "-"]
    );
}
