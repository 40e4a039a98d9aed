//! Strict JSON.

use countersign_oauth::json::{JsonError, MAX_DEPTH, parse, parse_object};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a49_a_member_that_occurs_twice_is_refused_at_every_level() {
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"[{"b":1,"c":[{"d":1,"d":2}]}]"#,
        r#"{"":1,"":2}"#,
        r#"{"a\u0000":1,"a\u0000":2}"#,
    ] {
        assert_eq!(
            parse(text.as_bytes()),
            Err(JsonError::DuplicateMember),
            "{text}"
        );
    }
}

#[test]
fn the_same_name_in_different_objects_is_accepted() {
    let value = parse(br#"{"a":{"a":[{"a":1},{"a":2}]},"A":1,"a\u0000":2}"#).unwrap();
    assert_eq!(value, json!({"a":{"a":[{"a":1},{"a":2}]},"A":1,"a\u{0}":2}));
}

#[test]
fn nesting_is_counted_exactly_and_not_inside_strings() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        parse(nested(MAX_DEPTH + 1).as_bytes()),
        Err(JsonError::TooDeep)
    );
    let brackets = json!({ "a\"\\": "[{\"\\".repeat(1000) }).to_string();
    assert!(parse(brackets.as_bytes()).is_ok());
    let wide = format!("[{}]", vec!["[]"; 1000].join(","));
    assert!(parse(wide.as_bytes()).is_ok());
}

#[test]
fn numbers_outside_the_range_and_broken_escapes_are_refused() {
    for text in [
        "1e400",
        "-1e400",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"\t\"",
    ] {
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Syntax), "{text}");
    }
}

#[test]
fn members_with_private_names_of_the_parser_are_plain_members() {
    for name in [
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
    ] {
        let text = format!(r#"{{"{name}":"[1]"}}"#);
        assert_eq!(parse_object(text.as_bytes()).unwrap()[name], "[1]");
    }
}

#[test]
fn a_name_that_occurs_twice_is_refused_among_few_and_among_many() {
    for members in [2, 3, 15, 16, 17, 18, 100, 1_000] {
        let names: Vec<String> = (0..members).map(|number| format!("m{number}")).collect();
        let text = |names: &[String]| {
            let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        let read = parse_object(text(&names).as_bytes()).unwrap();
        assert!(read.keys().eq(&names), "{members}");
        for (first, second) in [(0, 1), (0, members - 1), (members - 2, members - 1)] {
            let mut names = names.clone();
            names[second] = names[first].clone();
            let nested = format!("[{}]", text(&names));
            for text in [text(&names), nested] {
                let refused = parse(text.as_bytes());
                assert_eq!(refused, Err(JsonError::DuplicateMember), "{members}");
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(value in any_json()) {
        // Floating-point numbers may differ in their last digit, alike for both.
        let text = value.to_string();
        prop_assert_eq!(parse(text.as_bytes()), Ok(serde_json::from_str(&text).unwrap()));
    }

    #[test]
    fn whatever_is_accepted_is_read_alike_by_another_parser(text in r#"[\[\]{}":,0-9eE+\-.a\\u ntrufls]{0,40}"#) {
        if let Ok(value) = parse(text.as_bytes()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }
}
