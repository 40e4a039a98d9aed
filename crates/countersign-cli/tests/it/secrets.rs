//! Secrets come from files or standard input: row H6 of the attack corpus. What stands
//! in the arguments of a process, or in its environment, others can read.
//!
//! The one exception is the access token of a client, which ends by itself: `--token`
//! stands beside `--token-file` and says what it costs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::command::{folder, run};

/// The help texts of the command and of everything below it.
fn helps(folder: &Path, words: &[&str]) -> Vec<(String, String)> {
    let mut arguments = words.to_vec();
    arguments.push("--help");
    let help = run(folder, &arguments).ok();
    let mut subcommands = BTreeSet::new();
    let mut is_list = false;
    for line in help.lines() {
        if line.ends_with("ommands:") {
            is_list = true;
        } else if !line.starts_with(' ') {
            is_list = false;
        } else if is_list && line.starts_with("  ") && !line.starts_with("   ") {
            subcommands.extend(line.split_whitespace().next());
        }
    }
    let mut all = vec![(words.join(" "), help.clone())];
    for subcommand in subcommands {
        let below = [words, &[subcommand]].concat();
        all.extend(helps(folder, &below));
    }
    all
}

/// The options of a help text that take a value: `--name` and `<VALUE>`.
fn options(help: &str) -> Vec<(String, String)> {
    let options = help.lines().filter_map(|line| {
        let line = line.trim();
        let at = line.find("--").filter(|_| line.starts_with('-'))?;
        let mut words = line.get(at..)?.split_whitespace();
        let name = words.next()?.trim_end_matches(',').to_owned();
        let value = words.next().filter(|word| word.starts_with('<'))?;
        Some((name, value.to_owned()))
    });
    options.collect()
}

#[test]
fn h6_no_option_takes_a_secret_that_lasts() {
    let folder = folder();
    let helps = helps(folder.path(), &[]);
    let mut options_seen = 0;
    for (command, help) in &helps {
        // Nor does a variable of the environment stand in for one.
        assert!(!help.contains("[env:"), "{command}: {help}");
        let in_one_line = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for (name, value) in options(help) {
            options_seen += 1;
            let names_a_secret = ["token", "secret", "password", "passphrase", "key", "jwt"]
                .iter()
                .any(|word| name.split('-').any(|part| part == *word));
            let is_a_file = name.ends_with("-file")
                || ["<FILE>", "<PATH>"]
                    .iter()
                    .any(|file| value.starts_with(file));
            let is_said = name == "--token"
                && in_one_line.contains("other users of this machine can see it")
                && in_one_line.contains("--token-file <FILE>");
            assert!(
                !names_a_secret || is_a_file || is_said,
                "countersign {command} {name} {value}"
            );
        }
    }
    assert!(helps.len() >= 6 && options_seen >= 10, "{helps:?}");
}

#[test]
fn h6_a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let folder = folder();
    for option in ["--passphrase", "--password", "--secret", "--client-secret"] {
        let arguments = [
            "call",
            "http://127.0.0.1:1/mcp",
            "tool",
            option,
            "canary-5d1f",
        ];
        let output = run(folder.path(), &arguments);
        assert_ne!(output.code, 0, "{option}");
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains("canary-5d1f"), "{said}");
    }
}
