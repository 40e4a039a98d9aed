//! The first server and its client, and what the readme says of the examples.

use countersign::Http;
use std::path::Path;

use super::{PEM, Printed, README, greet_client, greet_server, keys};

#[tokio::test]
async fn m_55_missing_keys_name_the_two_commands_that_make_them() {
    let folder = tempfile::tempdir().unwrap();
    let http = Http::bind("127.0.0.1:0");
    let refused = greet_server::run(folder.path(), http, |_| {}).await;
    let told = refused.unwrap_err().to_string();
    let private = folder.path().join("private.pem");
    let public = folder.path().join("public.pem");
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    assert_eq!(
        lines[0],
        format!(
            "{} and {} files not found. Make them with:",
            private.display(),
            public.display()
        )
    );
    assert!(lines[1].contains("&& openssl genpkey -algorithm EC"));
    assert!(lines[2].starts_with("openssl pkey -in"));
    let refused = greet_client::run(folder.path(), "http://localhost:1/mcp", |_| {}).await;
    let told = format!("{:#}", refused.unwrap_err());
    assert!(told.contains("cargo run -- keygen"), "{told}");
}

#[tokio::test]
async fn m_55_the_client_mints_a_token_and_is_greeted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    keys().save(folder.path()).unwrap();
    let (server, client) = (Printed::default(), Printed::default());
    let (path, print) = (folder.path().to_owned(), server.print());
    let serving = tokio::spawn(async move {
        greet_server::run(Path::new(&path), Http::bind("127.0.0.1:0"), print).await
    });
    let printed = server.wait_for(2).await;
    let url = printed[0].strip_prefix("Serving at ").unwrap();
    assert!(url.starts_with("http://localhost:") && url.ends_with("/mcp"));
    assert_eq!(printed[1], "Available tools: greet");

    greet_client::run(folder.path(), url, client.print())
        .await
        .unwrap();
    let printed = client.lines();
    assert!(printed[0].starts_with("Token: ey") && printed[0].len() < 32);
    assert_eq!(printed[1], "Hello, World! Your userid is hello@world.com.");
    serving.abort();
}

#[test]
fn the_server_of_the_readme_is_the_example_and_has_at_most_15_lines() {
    let code = PEM.split_once("\n\n").unwrap().1.trim();
    assert!(PEM.starts_with("//!") && code.starts_with("use "));
    assert!(README.contains(&format!("```rust\n{code}\n```")), "{code}");
    let lines = code.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 15, "{lines}");
}

#[test]
fn the_readme_names_every_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = std::fs::read_dir(folder).unwrap();
    for file in files {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(README.contains(&format!("`{name}`")), "{name}");
    }
}
