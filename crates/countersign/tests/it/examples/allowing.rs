//! What callers may do: scopes, roles and nobody in particular.

use countersign::client::ClientError;
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::Secret;
use serde_json::json;

use super::{
    anonymous_degradation, call, connect, keys, now, rbac, scope_based_deletion, start, token,
    tool_scopes, tools,
};

#[tokio::test]
async fn anonymous_callers_see_less_instead_of_nothing() {
    let keys = keys();
    let server = start(anonymous_degradation::server(keys.public_pem().into())).await;
    let anonymous = connect(&server, None).await.unwrap();
    assert_eq!(tools(&anonymous).await, ["search"]);
    let found = call(&anonymous, "search", json!({"query": "ice"})).await;
    assert_eq!(found.unwrap(), "What is public about ice");
    let refused = call(&anonymous, "save", json!({"query": "ice"})).await;
    assert!(matches!(refused, Err(ClientError::Unauthorized(_))));

    let ada = connect(&server, Some(token(&keys, "ada", &["write"]))).await;
    let ada = ada.unwrap();
    assert_eq!(tools(&ada).await, ["search", "save"]);
    let found = call(&ada, "search", json!({"query": "ice"})).await;
    assert_eq!(found.unwrap(), "Everything about ice that ada may read");
}

#[tokio::test]
async fn each_tool_needs_its_own_scopes() {
    let keys = keys();
    let server = start(tool_scopes::server(keys.public_pem().into())).await;
    let shut_out = connect(&server, Some(token(&keys, "ada", &[]))).await;
    assert!(matches!(shut_out, Err(ClientError::Forbidden(_))));

    let reader = connect(&server, Some(token(&keys, "ada", &["notes"]))).await;
    let reader = reader.unwrap();
    assert_eq!(tools(&reader).await, ["read_note"]);
    let refused = call(&reader, "delete_note", json!({"id": 7})).await;
    let Err(ClientError::Forbidden(challenge)) = refused else {
        panic!("{refused:?}");
    };
    assert!(challenge.scope.contains("notes:delete"));
    let unknown = call(&reader, "delete_everything", json!({})).await;
    assert!(
        matches!(unknown, Err(ClientError::Rpc { .. })),
        "{unknown:?}"
    );

    let all = token(&keys, "ada", &["notes", "notes:delete", "admin"]);
    let admin = connect(&server, Some(all)).await.unwrap();
    assert_eq!(
        tools(&admin).await,
        ["read_note", "delete_note", "delete_everything"]
    );
    let deleted = call(&admin, "delete_note", json!({"id": 7})).await;
    assert_eq!(deleted.unwrap(), "Note 7 is deleted");
}

fn token_of(keys: &KeyPair, subject: &str, groups: &[&str]) -> Secret {
    TestToken::new(subject)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server")
        .claim("groups", json!(groups))
        .unwrap()
        .sign(keys, now(), &SystemRandom::new())
        .unwrap()
}

#[tokio::test]
async fn m_22_each_role_may_what_the_rules_say() {
    let keys = keys();
    let server = start(rbac::server(keys.public_pem().into()).unwrap()).await;
    let ticket = json!({"id": 7, "refund": 500});
    for (subject, groups, roles, listed) in [
        ("eve", &[] as &[&str], "", &["my_roles"] as &[&str]),
        (
            "alice",
            &[],
            "support",
            &["list_tickets", "close_ticket", "my_roles"],
        ),
        (
            "bob",
            &["help-desk", "external"],
            "support contractor",
            &["list_tickets", "my_roles"],
        ),
        (
            "carol",
            &["managers"],
            "support manager",
            &["list_tickets", "close_ticket", "delete_user", "my_roles"],
        ),
    ] {
        let token = token_of(&keys, subject, groups);
        let client = connect(&server, Some(token)).await.unwrap();
        assert_eq!(tools(&client).await, listed, "{subject}");
        let told = call(&client, "my_roles", json!({})).await.unwrap();
        assert_eq!(told, roles, "{subject}");
        let deleted = call(&client, "delete_user", json!({"user_id": "mallory"})).await;
        match subject {
            "carol" => assert_eq!(deleted.unwrap(), "mallory is deleted"),
            // Others do not learn that there is such a tool.
            _ => assert!(
                matches!(deleted, Err(ClientError::Rpc { .. })),
                "{deleted:?}"
            ),
        }
        let closed = call(&client, "close_ticket", ticket.clone()).await;
        match subject {
            "carol" => assert_eq!(closed.unwrap(), "Ticket 7 is closed, 500 refunded"),
            "alice" => assert_eq!(closed.unwrap(), "Insufficient permissions."),
            _ => assert!(
                matches!(closed, Err(ClientError::Forbidden(_))),
                "{closed:?}"
            ),
        }
    }
}

#[tokio::test]
async fn m_17_what_deletes_needs_its_scope() {
    let keys = keys();
    let server = start(scope_based_deletion::server(keys.public_pem().into())).await;
    let connected = async |scopes: &[&str]| {
        let token = token(&keys, "ada", scopes);
        connect(&server, Some(token)).await.unwrap()
    };
    let delete = json!({"user_id": "bob", "reason": "left"});
    let nobody = connected(&[]).await;
    assert_eq!(tools(&nobody).await, ["clean_up"]);
    for (tool, arguments, scope) in [
        ("delete_user", delete.clone(), "admin:write"),
        ("read_sensitive_data", json!({"data_id": "x"}), "data:read"),
    ] {
        let refused = call(&nobody, tool, arguments).await;
        let Err(ClientError::Forbidden(challenge)) = refused else {
            panic!("{tool}: {refused:?}");
        };
        assert!(challenge.scope.contains(scope), "{tool}");
    }
    let clean = |dry_run: bool| json!({"days": 30, "dry_run": dry_run});
    let told = call(&nobody, "clean_up", clean(true)).await.unwrap();
    assert_eq!(told, "12 things are older than 30 days");
    let told = call(&nobody, "clean_up", clean(false)).await.unwrap();
    assert_eq!(
        told,
        "Insufficient permissions. Required scope: admin:write"
    );
    let admin = connected(&["admin:write"]).await;
    let told = call(&admin, "delete_user", delete).await.unwrap();
    assert_eq!(
        told,
        r#"{"status":"success","deleted":"bob","reason":"left"}"#
    );
    let told = call(&admin, "clean_up", clean(false)).await.unwrap();
    assert_eq!(told, "12 things are deleted");
    let told = call(&admin, "read_sensitive_data", json!({"data_id": "x"}))
        .await
        .unwrap();
    assert_eq!(told, "x: 42");
}
