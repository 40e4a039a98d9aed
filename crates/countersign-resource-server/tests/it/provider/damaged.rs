//! Files with damage: read or refused, never more.

use countersign_resource_server::provider::Preset;

/// Reads `text`; the answer must be a preset or a sentence in one line.
fn read(text: &str) -> bool {
    match Preset::parse(text) {
        Ok(_) => true,
        Err(error) => {
            let told = error.to_string();
            assert!(!told.is_empty(), "{text}");
            if let Some(line) = error.line() {
                let lines = text.lines().count() + 1;
                assert!((1..=lines).contains(&line), "{told}\n{text}");
            }
            false
        }
    }
}

#[test]
fn a_file_that_ends_anywhere_is_refused_or_whole() {
    let text = Preset::text("entra").unwrap();
    let mut refused = 0;
    for end in (0..text.len()).step_by(3) {
        if text.is_char_boundary(end) && !read(&text[..end]) {
            refused += 1;
        }
    }
    assert!(refused > text.len() / 4, "{refused}");
}

#[test]
fn a_file_without_one_of_its_lines_is_read_or_refused() {
    let (mut whole, mut refused) = (0, 0);
    for name in Preset::names() {
        let lines: Vec<_> = Preset::text(name).unwrap().lines().collect();
        for missing in 0..lines.len() {
            let mut kept = lines.clone();
            kept.remove(missing);
            if read(&kept.join("\n")) {
                whole += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(whole > 100 && refused > 100, "{whole} {refused}");
}

#[test]
fn a_file_with_a_brace_or_a_quote_anywhere_is_read_or_refused() {
    let text = Preset::text("keycloak").unwrap();
    for (at, _) in text.char_indices().step_by(5) {
        for noise in ["{", "}", "\"", "\\", "\u{0}", "~", "/", "é"] {
            let mut damaged = text.to_owned();
            damaged.insert_str(at, noise);
            read(&damaged);
        }
    }
}
