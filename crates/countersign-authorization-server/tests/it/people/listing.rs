//! Places in lists come back from browsers, as numbers: CVE-2026-33504 in its other form.

use http::StatusCode;

use super::browser::*;

#[tokio::test]
async fn a_place_in_a_list_is_a_number_and_shows_nobody_elses_grants() {
    let site = site().await;
    let (alice, bob) = (site.browser(), site.browser());
    let page = alice.consent_page("D").await;
    alice.decide(&page, "allow", &[]).await;
    bob.log_in("bob").await;
    for place in [
        "0",
        "1",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "'%20OR%201=1--",
        "1;DROP%20TABLE%20records",
        "%00",
        "0x0",
        "",
    ] {
        let seen = bob.get(&format!("/account?after={place}")).await;
        assert_eq!(seen.status, StatusCode::OK, "{place}");
        assert!(!seen.body.contains("name=\"grant\""), "{place}");
        let seen = alice.get("/account").await;
        assert!(seen.body.contains("name=\"grant\""), "{place}");
    }
}
