//! `countersign.toml`, read strictly: whatever is not known is refused, with its line.

use std::path::{Path, PathBuf};

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, Origin, SecretPlace, Value};
use super::kind::NAMES;
use super::setting::{Kind, SETTINGS, Setting};
use crate::environment::Environment;

/// A file of settings has not more bytes.
const MAX_BYTES: usize = 256 * 1024;

/// What is known of the file while it is read.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    environment: &'a dyn Environment,
    found: Vec<(&'static Setting, String, Given)>,
}

/// The settings in `text`, the file at `path`, and where each is in it.
///
/// # Errors
///
/// [`ConfigurationError`] names the line and the setting.
pub(super) fn read(
    path: &Path,
    text: &str,
    environment: &dyn Environment,
) -> Result<Vec<(&'static Setting, String, Given)>, ConfigurationError> {
    let mut reading = Reading {
        path,
        text,
        environment,
        found: Vec::new(),
    };
    if text.len() > MAX_BYTES {
        return Err(ConfigurationError::new(format!(
            "{}: the file has more than 256 KiB",
            path.display()
        )));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        reading.refuse(offset, error.message())
    })?;
    reading.table("", table.get_ref())?;
    Ok(reading.found)
}

impl Reading<'_> {
    fn table(&mut self, above: &str, table: &DeTable<'_>) -> Result<(), ConfigurationError> {
        for (key, value) in table {
            let path = match above {
                "" => key.get_ref().to_string(),
                _ => format!("{above}.{}", key.get_ref()),
            };
            if let Some(setting) = super::setting::at(&path) {
                let line = self.line(key.span().start);
                let given = Given {
                    value: self.value(setting, &path, value)?,
                    origin: Origin::File(self.path.to_owned(), line),
                };
                self.found.push((setting, path, given));
            } else if is_section(&path) {
                let DeValue::Table(inner) = value.get_ref() else {
                    let sentence = format!("`{path}` is a section: write [{path}]");
                    return Err(self.refuse(key.span().start, &sentence));
                };
                self.table(&path, inner)?;
            } else {
                let sentence = format!(
                    "`{}` is not known: {}",
                    path.escape_debug(),
                    known_in(above)
                );
                return Err(self.refuse(key.span().start, &sentence));
            }
        }
        Ok(())
    }

    fn value(
        &self,
        setting: &Setting,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Value, ConfigurationError> {
        let read = match (setting.kind, value.get_ref()) {
            (Kind::Text, DeValue::String(text)) if !text.is_empty() => {
                Some(Value::Text(text.to_string()))
            }
            (Kind::File, DeValue::String(text)) if !text.is_empty() => {
                Some(Value::Text(self.beside(text).display().to_string()))
            }
            (Kind::List, DeValue::String(text)) if !text.is_empty() => {
                Some(Value::List(vec![text.to_string()]))
            }
            (Kind::List, DeValue::Array(values)) => texts(values).map(Value::List),
            (Kind::Switch, DeValue::Boolean(on)) => Some(Value::Switch(*on)),
            (Kind::Seconds, DeValue::Integer(number)) => {
                let seconds = u64::from_str_radix(number.as_str(), number.radix());
                seconds.ok().map(Value::Seconds)
            }
            (Kind::Secret, DeValue::Table(table)) => {
                return self.secret(setting, table, value.span().start);
            }
            // It is not repeated: it may be the secret.
            _ => None,
        };
        read.ok_or_else(|| {
            let sentence = format!("`{path}` is not {}", setting.kind.expected());
            self.refuse(value.span().start, &sentence)
        })
    }

    /// Where a secret is. It is never in the file itself, which is shown to colleagues
    /// and kept beside the code.
    fn secret(
        &self,
        setting: &Setting,
        table: &DeTable<'_>,
        offset: usize,
    ) -> Result<Value, ConfigurationError> {
        let mut entries = table.iter();
        let place = match (entries.next(), entries.next()) {
            (Some((key, value)), None) => match (key.get_ref().as_ref(), value.get_ref()) {
                ("file", DeValue::String(text)) => Some(SecretPlace::File(self.beside(text))),
                ("variable", DeValue::String(name)) => {
                    let secret = self.environment.required(name)?;
                    Some(SecretPlace::Given(Secret::new(secret)))
                }
                ("command", DeValue::Array(words)) => texts(words).map(SecretPlace::Command),
                _ => None,
            },
            _ => None,
        };
        place.map(Value::Secret).ok_or_else(|| {
            let sentence = format!("`{}` is not {}", setting.path, Kind::Secret.expected());
            self.refuse(offset, &sentence)
        })
    }

    /// A path of the file is meant from the folder that the file is in.
    fn beside(&self, path: &str) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(path)
    }

    fn line(&self, offset: usize) -> usize {
        let bytes = self.text.as_bytes();
        let before = bytes.get(..offset).unwrap_or(bytes);
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn refuse(&self, offset: usize, sentence: &str) -> ConfigurationError {
        ConfigurationError::new(format!(
            "{}:{}: {sentence}",
            self.path.display(),
            self.line(offset)
        ))
    }
}

/// Texts of which none is empty; nothing if there are none, or something else.
fn texts(values: &[Spanned<DeValue<'_>>]) -> Option<Vec<String>> {
    let texts = values.iter().map(|value| match value.get_ref() {
        DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
        _ => None,
    });
    let texts: Vec<_> = texts.collect::<Option<_>>()?;
    (!texts.is_empty()).then_some(texts)
}

fn is_section(path: &str) -> bool {
    SETTINGS.iter().any(|setting| match setting.family() {
        Some((section, field)) => path == section || setting.is_at(&format!("{path}.{field}")),
        None => {
            let inside = setting.path.strip_prefix(path);
            inside.is_some_and(|rest| rest.starts_with('.'))
        }
    })
}

/// What there is in the section `above`, for somebody who wrote something else.
fn known_in(above: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for setting in SETTINGS {
        let inside = match (above, setting.family()) {
            ("", _) => Some(setting.path),
            (above, Some((section, _))) if above == section => {
                return format!("[{section}] has a section for each, named by {NAMES}");
            }
            (above, Some((_, field))) => {
                let is_one = setting.is_at(&format!("{above}.{field}"));
                is_one.then_some(field)
            }
            (above, None) => setting
                .path
                .strip_prefix(above)
                .and_then(|rest| rest.strip_prefix('.')),
        };
        let name = inside.and_then(|rest| rest.split('.').next());
        if let Some(name) = name
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    match above {
        "" => format!("the sections are {}", names.join(", ")),
        _ => format!("[{above}] has {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::Variables;

    fn refused(text: &str) -> String {
        let read = read(
            Path::new("/etc/c.toml"),
            text,
            &Variables::of(&[("KEY", "canary-canary")]),
        );
        read.unwrap_err().to_string()
    }

    #[test]
    fn whatever_is_not_known_or_of_another_form_is_refused_with_its_line() {
        for (text, told) in [
            ("[auth", "/etc/c.toml:1: "),
            (
                "a = 1",
                "/etc/c.toml:1: `a` is not known: the sections are server, tls, auth, issuing, dpop, identity_providers, workloads, token_exchange, api_keys, login, policy, limits, audit, metrics",
            ),
            (
                "[auth]\nisuer = \"x\"",
                "/etc/c.toml:2: `auth.isuer` is not known: [auth] has enabled, jwks_url",
            ),
            ("auth = 1", "`auth` is a section: write [auth]"),
            (
                "[workloads]\nissuer = \"a\"",
                "c.toml:2: `workloads.issuer` is a section",
            ),
            (
                "[workloads.Deployer]\nissuer = \"a\"",
                "c.toml:1: `workloads.Deployer` is not known: [workloads] has a section for each, \
                 named by 1 to 32 small letters, digits and hyphens",
            ),
            (
                "[workloads.\"a.b\"]\nissuer = \"a\"",
                "`workloads.a.b` is not known",
            ),
            (
                "[workloads.\"*\"]\nissuer = \"a\"",
                "`workloads.*` is not known",
            ),
            (
                "[workloads.deployer]\nisuer = \"a\"",
                "`workloads.deployer.isuer` is not known: [workloads.deployer] has issuer, jwks_url",
            ),
            (
                "[token_exchange.orders]\nlifetime_seconds = \"5\"",
                "`token_exchange.orders.lifetime_seconds` is not a whole number",
            ),
            (
                "[auth]\nenabled = \"yes\"",
                "c.toml:2: `auth.enabled` is not true or false",
            ),
            (
                "[auth]\nissuer = []",
                "`auth.issuer` is not a list of texts",
            ),
            (
                "[auth]\nissuer = [1]",
                "`auth.issuer` is not a list of texts",
            ),
            ("[auth]\njwks_url = \"\"", "`auth.jwks_url` is not a text"),
            (
                "[issuing.registration]\nclient_secret_expiry_seconds = -1",
                "whole number of seconds",
            ),
            (
                "[issuing.registration]\nclient_secret_expiry_seconds = 1.5",
                "whole number of seconds",
            ),
            ("[auth]\nissuer = \"a\"\nissuer = \"b\"", "/etc/c.toml:3: "),
        ] {
            let refusal = refused(text);
            assert!(refusal.contains(told), "{text}: {refusal}");
            assert!(!refusal.contains("canary"), "{refusal}");
        }
    }

    #[test]
    fn a_secret_is_said_by_where_it_is_and_by_nothing_else() {
        for (text, told) in [
            (
                "[auth]\nsecret_key = \"canary-canary\"",
                "a table that says where the secret is",
            ),
            (
                "[auth]\nsecret_key = { file = \"a\", variable = \"b\" }",
                "a table that says where",
            ),
            (
                "[auth]\nsecret_key = { text = \"canary-canary\" }",
                "a table that says where",
            ),
            (
                "[auth]\nsecret_key = { command = [] }",
                "a table that says where",
            ),
            (
                "[auth]\nsecret_key = { variable = \"NONE\" }",
                "Required secret not configured: NONE.",
            ),
        ] {
            let refusal = refused(text);
            assert!(refusal.contains(told), "{text}: {refusal}");
            assert!(!refusal.contains("canary"), "{refusal}");
        }
    }

    #[test]
    fn a_file_says_values_and_their_lines_and_paths_from_its_own_folder() {
        let text = "[tls]\ncertificate = \"c.pem\"\n[auth]\nissuer = \"a\"\naudience = [\"b\", \"c\"]\n\
                    secret_key = { variable = \"KEY\" }\n[issuing]\nregistration.enabled = true\n";
        let environment = Variables::of(&[("KEY", "canary-canary")]);
        let read = read(Path::new("/etc/c.toml"), text, &environment).unwrap();
        let found: Vec<_> = read
            .iter()
            .map(|(_, path, given)| (path.as_str(), given.value.shown(), given.origin.to_string()))
            .collect();
        let of = |path: &str| {
            let one = found.iter().find(|(known, ..)| *known == path).unwrap();
            (one.1.as_str(), one.2.as_str())
        };
        assert_eq!(found.len(), 5);
        assert_eq!(of("tls.certificate"), ("\"/etc/c.pem\"", "/etc/c.toml:2"));
        assert_eq!(of("auth.issuer"), ("[\"a\"]", "/etc/c.toml:4"));
        assert_eq!(of("auth.audience"), ("[\"b\", \"c\"]", "/etc/c.toml:5"));
        assert_eq!(of("auth.secret_key"), ("(redacted)", "/etc/c.toml:6"));
        assert_eq!(
            of("issuing.registration.enabled"),
            ("true", "/etc/c.toml:8")
        );
    }
}
