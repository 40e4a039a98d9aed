//! Forms: the schema of a type, and whether an answer fits a schema.
//!
//! MCP allows flat objects of strings, numbers, booleans and choices.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::AddNullable;
use serde_json::Value;
use url::Url;

use crate::ToolError;
use crate::protocol::{ElicitationSchema, JsonObject};

/// Ends of names of fields, without `_`, `-` and case, that ask for a secret.
const SECRETS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "bearertoken",
    "cardnumber",
    "cvv",
];

/// The schema of `T`, or an error that names what does not fit a form.
pub(super) fn schema_of<T: JsonSchema>() -> Result<ElicitationSchema, ToolError> {
    let generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
            settings.transforms = vec![Box::new(AddNullable::default())];
        })
        .into_generator();
    let schema = serde_json::to_value(generator.into_root_schema_for::<T>())?;
    let Value::Object(schema) = schema else {
        return Err(ToolError::internal("a form is a struct"));
    };
    ElicitationSchema::from_json_schema(schema).map_err(|error| {
        ToolError::internal(format!(
            "a form has only strings, numbers, booleans and choices: {error}"
        ))
    })
}

/// CO-05: a form must not ask for a secret.
pub(super) fn check_no_secret(schema: &ElicitationSchema) -> Result<(), ToolError> {
    for name in schema.properties.keys() {
        let plain: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if SECRETS.iter().any(|secret| plain.ends_with(secret)) {
            return Err(ToolError::internal(format!(
                "the field `{name}` of a form asks for a secret: ask with elicit_url"
            )));
        }
    }
    Ok(())
}

/// The answer does not fit.
#[derive(Debug)]
pub(super) struct Unfit;

/// The fields of `content` that `schema` knows, if all of them fit and no
/// required one is missing.
pub(super) fn check(
    schema: &ElicitationSchema,
    mut content: JsonObject,
) -> Result<JsonObject, Unfit> {
    let mut fitting = JsonObject::new();
    for (name, property) in &schema.properties {
        let property = serde_json::to_value(property).map_err(|_| Unfit)?;
        match content.remove(name) {
            None | Some(Value::Null) => {
                let required = schema
                    .required
                    .iter()
                    .flatten()
                    .any(|needed| needed == name);
                if required {
                    return Err(Unfit);
                }
            }
            Some(value) if fits(&property, &value) => {
                fitting.insert(name.clone(), value);
            }
            Some(_) => return Err(Unfit),
        }
    }
    Ok(fitting)
}

fn fits(property: &Value, value: &Value) -> bool {
    let bound = |name: &str| property.get(name).and_then(Value::as_f64);
    let within = |amount: f64, least: &str, most: &str| {
        bound(least).is_none_or(|least| amount >= least)
            && bound(most).is_none_or(|most| amount <= most)
    };
    let of_type = match (property.get("type").and_then(Value::as_str), value) {
        (Some("string"), Value::String(text)) => {
            let length = text.chars().count() as f64;
            within(length, "minLength", "maxLength")
                && has_format(property.get("format").and_then(Value::as_str), text)
        }
        (Some("boolean"), Value::Bool(_)) => true,
        (Some("integer"), Value::Number(number)) => number
            .as_f64()
            .is_some_and(|n| n.fract() == 0.0 && within(n, "minimum", "maximum")),
        (Some("number"), Value::Number(number)) => number
            .as_f64()
            .is_some_and(|n| within(n, "minimum", "maximum")),
        (Some("array"), Value::Array(items)) => {
            let allowed = property.get("items").unwrap_or(&Value::Null);
            within(items.len() as f64, "minItems", "maxItems")
                && items
                    .iter()
                    .all(|item| item.is_string() && is_choice(allowed, item))
        }
        (None, Value::String(_)) => property.get("enum").is_some(),
        _ => false,
    };
    of_type && (value.is_array() || is_choice(property, value))
}

/// Whether `value` is among the choices, if there are any.
fn is_choice(schema: &Value, value: &Value) -> bool {
    let listed = schema
        .get("enum")
        .and_then(Value::as_array)
        .is_none_or(|choices| choices.contains(value));
    let titled = ["oneOf", "anyOf"].iter().all(|name| {
        schema
            .get(name)
            .and_then(Value::as_array)
            .is_none_or(|choices| choices.iter().any(|c| c.get("const") == Some(value)))
    });
    listed && titled
}

fn has_format(format: Option<&str>, text: &str) -> bool {
    match format {
        Some("email") => text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        }),
        Some("uri") => Url::parse(text).is_ok(),
        Some("date") => is_date(text),
        Some("date-time") => text
            .split_once(['T', 't', ' '])
            .is_some_and(|(date, time)| is_date(date) && time.len() >= 6 && time.contains(':')),
        _ => true,
    }
}

/// RFC 3339 §5.6, full-date.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(position, byte)| match position {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
}
