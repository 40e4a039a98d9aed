//! The way from the consent page to the client, whatever the client does with it.

use std::sync::atomic::Ordering;
use testkit::webdriver::Driver;

use super::super::browser::PASSWORD;
use super::super::sockets::{callback, forward};
use super::{DESKTOP, listen, running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x5_the_answer_arrives_where_the_client_sends_it_on_to_another_site() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let mut at = running().await;
    at.site.add("alice", PASSWORD).await;
    let (client, address) = listen().await;
    let (end, end_address) = listen().await;
    callback(end);
    // Another host, which no policy of the consent page could know.
    let further = end_address.replace("127.0.0.1", "localhost");
    forward(client, format!("{further}/thanks"));
    at.port = address.rsplit(':').next().unwrap().parse().unwrap();
    let window = driver.open(DESKTOP).await;
    at.log_in(&window).await;
    for decision in ["allow", "deny"] {
        window.go(&at.request("L")).await;
        window.press(&format!("button[value={decision}]")).await;
        window.arrives("/thanks").await;
        window.go("about:blank").await;
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x24_going_back_after_an_answer_gives_no_second_one() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let window = driver.open(DESKTOP).await;
    at.log_in(&window).await;
    window.go(&at.request("L")).await;
    window.press("button[value=allow]").await;
    window.arrives("/cb?").await;
    window.run("history.back()").await;
    window.titled("Allow access?").await;
    assert_eq!(at.site.saw("code_issued"), 1);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x17_a_double_click_on_a_slow_line_still_gets_the_answer_to_the_client() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let window = driver.open(DESKTOP).await;
    at.log_in(&window).await;
    window.go(&at.request("L")).await;
    at.delay.store(500, Ordering::Relaxed);
    window.click_twice("button[value=allow]").await;
    window.arrives("/cb?").await;
    assert_eq!(at.site.saw("code_issued"), 1);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_back_after_logging_out_shows_nothing_of_the_account() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let window = driver.open(DESKTOP).await;
    at.log_in(&window).await;
    window.press(".title button").await;
    window.arrives("/logout?done").await;
    window.run("window.isAfter = true; history.back()").await;
    window
        .answers("return String(!window.isAfter)", "true")
        .await;
    window.titled("Log in").await;
    assert!(!window.text().await.contains("alice"));
    window.close().await;
}
