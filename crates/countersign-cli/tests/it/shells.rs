//! Completions, as the shells load them. A shell that is not installed proves nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{folder, run};

/// What `script` prints in `shell`, without the settings of whoever runs the test; nothing
/// if there is no such shell.
#[expect(
    clippy::disallowed_methods,
    reason = "the test itself is told so by its environment"
)]
fn printed(shell: &str, options: &[&str], script: &str, home: &Path) -> Option<String> {
    let mut command = Command::new(shell);
    command
        .args(options)
        .args(["-c", script])
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let has_to = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!has_to, "{shell} is not installed");
            eprintln!("skipped: {shell} is not installed");
            return None;
        }
        Err(error) => panic!("{shell}: {error}"),
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shell}: {errors}");
    assert_eq!(errors, "", "{shell}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn assert_offers(told: Option<String>, words: &[&str]) {
    let Some(told) = told else { return };
    let offered: Vec<_> = told.split_whitespace().collect();
    for word in words {
        assert!(offered.contains(word), "{word}: {told}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let home = folder();
    let program = env!("CARGO_BIN_EXE_countersign");
    for (words, expected) in [
        ("countersign log", &["login", "logout"][..]),
        ("countersign tokens ''", &["list", "show"]),
        ("countersign login --no", &["--no-browser"]),
        ("countersign completions ''", &["bash", "zsh", "fish"]),
    ] {
        let script = format!(
            "set -u; source <({program} completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); \
             _countersign countersign \"${{COMP_WORDS[COMP_CWORD]}}\" \
             \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let told = printed("bash", &["--norc"], &script, home.path());
        assert_offers(told, expected);
    }
}

#[test]
fn zsh_takes_the_completions_for_the_command() {
    let home = folder();
    let program = env!("CARGO_BIN_EXE_countersign");
    // Both ways of the guides: read at once, and found in a folder of functions.
    let at_once = format!(
        "autoload -U compinit; compinit -u -d dump; source <({program} completions zsh); \
         print ${{_comps[countersign]}}"
    );
    let told = printed("zsh", &["-f"], &at_once, home.path());
    assert_offers(told, &["_countersign"]);
    let text = run(home.path(), &["completions", "zsh"]).ok();
    std::fs::create_dir(home.path().join("functions")).unwrap();
    std::fs::write(home.path().join("functions/_countersign"), text).unwrap();
    let found = "fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -d dump2; \
                 print ${_comps[countersign]}; autoload +X _countersign";
    let told = printed("zsh", &["-f"], found, home.path());
    assert_offers(told, &["_countersign"]);
}

#[test]
fn fish_completes_commands_and_options() {
    let home = folder();
    let program = env!("CARGO_BIN_EXE_countersign");
    for (words, expected) in [
        ("countersign log", &["login", "logout"][..]),
        ("countersign tokens ", &["list", "show"]),
        ("countersign login --no", &["--no-browser"]),
    ] {
        let script = format!("{program} completions fish | source; complete -C '{words}'");
        let told = printed("fish", &["--no-config"], &script, home.path());
        assert_offers(told, expected);
    }
}
