//! One client, for people and for programs.

use countersign::authorization_server::{Client, ClientSource};
use countersign::oauth::UnixTime;
use countersign::oauth::client_metadata::ClientMetadata;
use serde_json::{Map, Value, json};

use crate::{output, table, when};

/// Prints all that is known about `client`.
pub(super) fn show(client: &Client, json: bool) -> anyhow::Result<()> {
    let document = document(client)?;
    if json {
        return output::json(&document);
    }
    let rows = document.iter().map(|(member, value)| {
        let seconds = value.as_u64().filter(|_| member.ends_with("_at"));
        let text = match (seconds, value) {
            (Some(seconds), _) => format!("{} UTC", when::minute(UnixTime::from_secs(seconds))),
            (None, Value::String(text)) => text.clone(),
            (None, Value::Array(entries)) => {
                let entries = entries.iter().map(|entry| match entry {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                entries.collect::<Vec<_>>().join(" ")
            }
            (None, other) => other.to_string(),
        };
        [member.clone(), text]
    });
    Ok(table::print_bare(rows.collect())?)
}

/// A client for programs: the members of RFC 7591 §2 and those of its registration,
/// never the secret.
pub(super) fn document(client: &Client) -> anyhow::Result<Map<String, Value>> {
    let mut document = Map::new();
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("client_id", json!(client.id));
    set(
        "registered_by",
        json!(match client.facts.source {
            ClientSource::Administrator => "administrator",
            ClientSource::Itself => "itself",
            ClientSource::Document => "document",
        }),
    );
    if let Some(registered) = client.registered {
        set("client_id_issued_at", json!(registered.at.as_secs()));
        for (name, time) in [
            ("last_used_at", registered.last_used_at),
            ("expires_at", registered.expires_at),
        ] {
            if let Some(time) = time {
                set(name, json!(time.as_secs()));
            }
        }
    }
    if !client.facts.introspects.is_empty() {
        set("introspects", json!(client.facts.introspects));
    }
    if let Value::Object(metadata) = serde_json::to_value(&client.facts.metadata)? {
        document.extend(metadata);
    }
    Ok(document)
}

/// What people know it by.
pub(crate) fn name(client: &Client) -> &str {
    let name = client.facts.metadata.client_name.as_ref();
    name.map_or(table::NOTHING, |name| name.as_str())
}

/// The hosts of its redirection URIs, each once.
pub(super) fn redirect_hosts(metadata: &ClientMetadata) -> String {
    let mut hosts: Vec<&str> = Vec::new();
    for uri in &metadata.redirect_uris {
        let host = uri.host().unwrap_or(uri.as_str());
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.join(" ")
}
