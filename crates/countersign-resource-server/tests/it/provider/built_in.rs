//! The files that are compiled in.

use std::collections::BTreeMap;

use countersign_resource_server::provider::Preset;

#[test]
fn every_built_in_file_is_read_and_is_called_what_it_says() {
    let mut names = Vec::new();
    for name in Preset::names() {
        let text = Preset::text(name).expect("a built-in file");
        let preset = Preset::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(preset.name(), name);
        let unused: Vec<_> = preset.unused_variables().collect();
        assert!(unused.is_empty(), "{name}: nothing names {unused:?}");
        names.push(name);
    }
    assert!(names.is_sorted(), "{names:?}");
    assert!(names.len() >= 2);
}

#[test]
fn github_is_a_login_and_no_issuer_of_tokens() {
    let preset = Preset::named("github").expect("built in");
    let values = BTreeMap::from([("client_id".to_owned(), "Iv1.ab/c".to_owned())]);
    let provider = preset.fill(&values).expect("filled");
    assert_eq!(
        provider.endpoints.revocation.as_deref(),
        Some("https://api.github.com/applications/Iv1.ab%2Fc/token")
    );
    assert!(provider.tokens.is_none());
    assert!(provider.safety.open_registration);
}
