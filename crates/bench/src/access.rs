//! Access control as the lines about its cost have it: limits that nobody reaches, rules of
//! which one allows the call, and a log that notes it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use countersign::audit::{Record, Sink};
use countersign::{Limits, Quota};

/// What a server is told of limits, rules and an audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) limits: Limited,
    /// How many rules its file has, if there is a file.
    pub(crate) rules: Option<u16>,
    pub(crate) audit: Audit,
}

impl Access {
    /// Nothing: it does what every server does.
    pub(crate) const UNSAID: Self = Self {
        limits: Limited::Unsaid,
        rules: None,
        audit: Audit::Nowhere,
    };

    /// As arguments of a server.
    pub(crate) fn arguments(self) -> Vec<String> {
        let mut arguments = vec![
            format!("--limits={}", name(self.limits)),
            format!("--audit={}", name(self.audit)),
        ];
        arguments.extend(self.rules.map(|rules| format!("--rules={rules}")));
        arguments
    }
}

fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// What is limited. Nobody reaches a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limited {
    /// What is limited where nobody says anything: failed authentications.
    Unsaid,
    /// Nothing.
    Not,
    /// Users, and failed authentications.
    Users,
    /// Users, clients, addresses, failed authentications, one tool, and how often that
    /// runs at the same time.
    All,
}

/// More than any load here.
const NEVER: Quota = Quota::per_second(10_000_000);

impl Limited {
    /// As limits of a server whose one tool is `tool`; none if it is to say nothing.
    pub(crate) fn limits(self, tool: &str) -> Option<Limits> {
        let users = || Limits::none().failed_authentications(NEVER).per_user(NEVER);
        match self {
            Self::Unsaid => None,
            Self::Not => Some(Limits::none()),
            Self::Users => Some(users()),
            Self::All => Some(
                users()
                    .per_client(NEVER)
                    .per_address(NEVER)
                    .per_component(tool, NEVER)
                    .concurrent(tool, 1_000),
            ),
        }
    }
}

/// Where decisions are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Audit {
    Nowhere,
    /// In a list of the newest.
    Memory,
    /// In chained files in a folder for temporary ones, refusing what cannot be noted.
    Files,
}

/// The newest records.
#[derive(Debug, Default)]
pub(crate) struct InMemory(Mutex<VecDeque<Record>>);

/// How many records are kept in memory.
const NEWEST: usize = 1_024;

impl Sink for InMemory {
    fn note(&self, record: Record) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() == NEWEST {
            newest.pop_front();
        }
        newest.push_back(record);
    }
}

/// A file of `number` rules, of which the last allows `tool`; the others are about other
/// tools, tags, resources and people, as those of a larger server are. Subjects are those
/// of `issuer`.
pub(crate) fn rules(number: u16, tool: &str, issuer: &str) -> String {
    let mut text = format!(
        "default = \"scopes\"\nissuer = \"{issuer}\"\n\n\
         [roles.support]\nclaim = \"groups\"\nany = [\"support\"]\n"
    );
    for rule in 1..=number {
        let (effect, who, what) = match rule % 5 {
            _ if rule == number => (
                "allow",
                "scope = \"read\"".to_owned(),
                format!("tools = [\"{tool}\"]"),
            ),
            0 => (
                "allow",
                "role = \"support\"".to_owned(),
                format!("tools = [\"ticket_{rule}\"]"),
            ),
            1 => (
                "allow",
                "scope = \"write\"".to_owned(),
                format!("tools = [\"report_{rule}_*\"]"),
            ),
            2 => (
                "allow",
                "authenticated = true".to_owned(),
                format!("tags = [\"team_{rule}\"]"),
            ),
            3 => (
                "allow",
                "authenticated = true".to_owned(),
                format!("resources = [\"user://{{subject}}/{rule}/*\"]"),
            ),
            _ => (
                "deny",
                format!("subject = \"trial_{rule}\""),
                format!("tools = [\"delete_{rule}\"]"),
            ),
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n[[rules]]\nname = \"rule {rule}\"\neffect = \"{effect}\"\n\
             who = {{ {who} }}\nwhat = {{ {what} }}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_as_many_rules_as_it_is_to_have() {
        for number in [0, 1, 10, 100] {
            let text = rules(number, "greet", "https://issuer.example");
            let found = text.matches("[[rules]]").count();
            assert_eq!(found, usize::from(number));
            assert_eq!(text.contains("tools = [\"greet\"]"), number > 0);
        }
    }
}
