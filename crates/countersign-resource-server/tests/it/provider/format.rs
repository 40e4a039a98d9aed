//! What `docs/providers/format.md` says about the fields is what the reader knows.

use std::collections::{BTreeMap, BTreeSet};

use countersign_resource_server::provider::Preset;

use super::{SAMPLE, refusal};

const FORMAT: &str = include_str!("../../../../../docs/providers/format.md");

/// Each part of a file, and how the document calls it.
const PARTS: [(&str, &str); 14] = [
    ("variables.extra", "## `[variables.NAME]`"),
    ("endpoints", "## `[endpoints]`"),
    ("introspection", "## `[introspection]`"),
    ("introspection.request", "A **request** about a token"),
    ("login", "## `[login]`"),
    ("login.identity", "### `[login.identity]`"),
    (
        "login.identity.email_list",
        "`[login.identity.email_list]` and",
    ),
    ("login.revocation", "### `[login.revocation]`"),
    ("login.token_response", "### `[login.token_response]`"),
    ("tokens", "## `[tokens]`"),
    ("tokens.audience", "`[tokens.audience]`:"),
    ("tokens.scopes", "`[tokens.scopes]`"),
    ("api", "## `[api]`"),
    ("safety", "## `[safety]`"),
];

/// The fields that the reader knows in the part `part`: it lists them when it refuses
/// another.
fn known(part: &str) -> BTreeSet<String> {
    // A header that the sample has already cannot be there again.
    let header = format!("[{part}]\n");
    let text = if SAMPLE.contains(&header) {
        SAMPLE.replace(&header, &format!("{header}unknown = 1\n"))
    } else {
        format!("{SAMPLE}\n{header}unknown = 1\n")
    };
    let told = refusal(&text).to_string();
    let (_, listed) = told
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{told}"));
    names(listed).collect()
}

/// What stands between backquotes.
fn names(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The fields in the first table after `heading`.
fn documented(heading: &str) -> BTreeSet<String> {
    let at = FORMAT.find(heading).unwrap_or_else(|| panic!("{heading}"));
    let rows = FORMAT[at..]
        .lines()
        .skip_while(|line| !line.starts_with("| field"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).expect("a cell"));
    cells
        .flat_map(|cell| names(cell).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_document_lists_the_fields_of_each_part() {
    for (part, heading) in PARTS {
        let known = known(part);
        let mut documented = documented(heading);
        // Parts with a table of their own, which the document shows as headings.
        for inner in ["identity", "revocation", "token_response"] {
            if part == "login" {
                documented.insert(inner.to_owned());
            }
        }
        assert_eq!(documented, known, "{part}");
        assert!(!known.is_empty(), "{part}");
    }
}

#[test]
fn the_file_in_the_document_can_be_used() {
    let (_, rest) = FORMAT.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let preset = Preset::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let values = BTreeMap::from([("domain".to_owned(), "acme.example.com".to_owned())]);
    let provider = preset.fill(&values).unwrap();
    assert!(provider.login.is_some());
    assert_eq!(preset.unused_variables().next(), None);
}
