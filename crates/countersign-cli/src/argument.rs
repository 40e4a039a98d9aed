//! Arguments of a tool on the command line: `name=value` is read as the tool's schema
//! says, `name:=json` as JSON.

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value};

/// The types of JSON Schema that a property may have.
#[derive(Clone, Default)]
struct Types {
    string: bool,
    other: bool,
    /// The names of the others.
    names: Vec<String>,
    /// Whether single values are permitted too, of whatever type.
    values: bool,
}

/// Reads `words` for a tool whose input schema is `schema`; without one, every
/// `name=value` is text.
pub(crate) fn parse(
    words: &[String],
    schema: Option<&Map<String, Value>>,
) -> anyhow::Result<Map<String, Value>> {
    let mut arguments = Map::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            bail!("`{word}` is no argument: write name=value, or name:=json");
        };
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => (name, json(name, value)?),
            None => (name, typed(name, value, schema)?),
        };
        if name.is_empty() {
            bail!("`{word}` has no name: write name=value, or name:=json");
        }
        if arguments.insert(name.to_owned(), value).is_some() {
            bail!("the argument `{name}` is given twice");
        }
    }
    Ok(arguments)
}

fn json(name: &str, text: &str) -> anyhow::Result<Value> {
    serde_json::from_str(text).with_context(|| format!("{name}:={text} is not JSON"))
}

fn typed(name: &str, text: &str, schema: Option<&Map<String, Value>>) -> anyhow::Result<Value> {
    let types = schema.map_or_else(Types::default, |schema| {
        let property = schema.get("properties").and_then(|all| all.get(name));
        property.map_or_else(Types::default, |property| types(property, schema, 0))
    });
    if types.string || !types.other {
        return Ok(text.into());
    }
    let wanted = || {
        let kinds = match types.names.is_empty() {
            true => "JSON".to_owned(),
            false => types.names.join(" or "),
        };
        anyhow!("the argument `{name}` is {kinds} for this tool, and `{text}` is not")
    };
    let value: Value = serde_json::from_str(text).map_err(|_| wanted())?;
    let is_known = !types.values && !types.names.is_empty();
    if is_known && !types.names.iter().any(|name| is_of(&value, name)) {
        return Err(wanted());
    }
    Ok(value)
}

/// Whether `value` is of a type of JSON Schema; every value is of one that is not known.
fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// What `property` may be. References are followed a few levels deep.
fn types(property: &Value, schema: &Map<String, Value>, depth: u8) -> Types {
    let mut found = Types::default();
    if depth > 4 {
        return found;
    }
    let mut add = |name: &str| match name {
        "string" => found.string = true,
        name => {
            found.other = true;
            if !found.names.iter().any(|known| known == name) {
                found.names.push(name.to_owned());
            }
        }
    };
    match property.get("type") {
        Some(Value::String(name)) => add(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).for_each(add),
        _ => {}
    }
    let values = property.get("enum").and_then(Value::as_array);
    for value in values.into_iter().flatten().chain(property.get("const")) {
        found.string |= value.is_string();
        found.other |= !value.is_string();
        found.values = true;
    }
    let branches = ["anyOf", "oneOf", "allOf"].into_iter();
    let branches = branches.filter_map(|name| property.get(name)?.as_array());
    let reference = property.get("$ref").and_then(Value::as_str);
    let reference = reference
        .and_then(|reference| reference.strip_prefix("#/$defs/"))
        .and_then(|name| schema.get("$defs")?.get(name));
    for branch in branches.flatten().chain(reference) {
        let more = types(branch, schema, depth + 1);
        found.string |= more.string;
        found.other |= more.other;
        found.values |= more.values;
        found.names.extend(more.names);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(words: &[&str]) -> anyhow::Result<Value> {
        let schema = json!({
            "properties": {
                "name": {"type": "string"},
                "count": {"type": "integer"},
                "loud": {"type": ["boolean", "null"]},
                "tags": {"type": "array"},
                "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "level": {"$ref": "#/$defs/Level"},
                "point": {"$ref": "#/$defs/Point"},
            },
            "$defs": {"Level": {"enum": ["low", "high"]}, "Point": {"type": "object"}},
        });
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(&words, schema.as_object()).map(Value::Object)
    }

    #[test]
    fn words_that_are_no_arguments_are_refused() {
        for words in [
            vec!["name"],
            vec!["=x"],
            vec![":=1"],
            vec!["name:=x"],
            vec!["count=many"],
            vec!["count=1.5"],
            vec!["count=\"7\""],
            vec!["loud=7"],
            vec!["tags={}"],
            vec!["point=[1]"],
            vec!["name=a", "name=b"],
        ] {
            assert!(read(&words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn values_get_the_type_of_the_schema() {
        let words = [
            "name=7",
            "count=7",
            "loud=true",
            "tags=[1]",
            "either=null",
            "level=low",
            "point={\"x\":1}",
            "unknown=8",
            "raw:=9",
        ];
        assert_eq!(
            read(&words).unwrap(),
            json!({
                "name": "7", "count": 7, "loud": true, "tags": [1], "either": "null",
                "level": "low", "point": {"x": 1}, "unknown": "8", "raw": 9,
            })
        );
    }

    #[test]
    fn what_an_argument_may_be_is_said() {
        for (word, sentence) in [
            (
                "count=many",
                "the argument `count` is integer for this tool, and `many` is not",
            ),
            (
                "loud=yes",
                "the argument `loud` is boolean or null for this tool, and `yes` is not",
            ),
        ] {
            assert_eq!(read(&[word]).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(read(&["name=a=b"]).unwrap(), json!({"name": "a=b"}));
    }

    #[test]
    fn without_a_schema_everything_is_text() {
        let words = ["n=1".to_owned()];
        assert_eq!(
            Value::Object(parse(&words, None).unwrap()),
            json!({"n": "1"})
        );
    }
}
