//! How many values a JSON text has, counted before anybody makes them: an object of a few
//! bytes takes some hundred in memory, so that a bound of the bytes alone is none.

/// An answer has no more values.
pub(super) const MOST_VALUES: usize = 500_000;

/// Whether `json` has more than [`MOST_VALUES`] values. A text that is no JSON may be taken
/// for either.
pub(super) fn is_bulky(json: &[u8]) -> bool {
    // Each value takes a byte at least.
    if json.len() <= MOST_VALUES {
        return false;
    }
    let mut values = 1_usize;
    let mut rest = json.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b',' | b'[' | b'{' => values += 1,
            b'"' => pass_text(&mut rest),
            _ => {}
        }
    }
    values > MOST_VALUES
}

/// Goes on behind the quotation mark that ends a text (RFC 8259 §7).
fn pass_text(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_values_are_counted_and_what_is_in_texts_is_none() {
        let many = |one: &str| format!("[{}0]", one.repeat(MOST_VALUES));
        for bulky in [
            many("0,"),
            many("[],"),
            many("{\"a\":0},"),
            many("\"\","),
            many("["),
        ] {
            assert!(is_bulky(bulky.as_bytes()));
        }
        let text = format!("[\"{}\", 1]", "\\\",[{\\\\".repeat(MOST_VALUES));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert!(!is_bulky(text.as_bytes()));
        let most = format!("[{}0]", "0,".repeat(MOST_VALUES - 2));
        assert!(!is_bulky(most.as_bytes()));
    }
}
