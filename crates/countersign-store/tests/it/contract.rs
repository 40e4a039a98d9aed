//! Every backend passes the contract suite.

use std::sync::Arc;

use countersign_store::{MemoryStore, SqliteStore, Store, contract};

/// Runs the case called `name` on each backend.
async fn on_every_backend(name: &str) {
    let case = contract::CASES
        .iter()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("there is no case {name}"));
    if let Err(violation) = (case.run)(Arc::new(MemoryStore::new())).await {
        panic!("memory: {violation}");
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(
        SqliteStore::open(folder.path().join("data/store.db"))
            .await
            .unwrap(),
    );
    if let Err(violation) = (case.run)(Arc::clone(&store) as Arc<dyn Store>).await {
        panic!("sqlite: {violation}");
    }
    store.check_integrity().await.unwrap();
    store.close().await;
}

#[test]
fn every_case_has_its_test() {
    let this = include_str!("contract.rs");
    for case in contract::CASES {
        let call = format!("on_every_backend(\"{}\")", case.name);
        assert!(this.contains(&call), "{}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_racing_redemptions_one_wins() {
    on_every_backend("of_64_racing_redemptions_one_wins").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_races_with_a_revocation_leaves_nothing_alive() {
    on_every_backend("a_refresh_that_races_with_a_revocation_leaves_nothing_alive").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_insertions_one_wins() {
    on_every_backend("of_racing_insertions_one_wins").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_replacements_one_wins() {
    on_every_backend("of_racing_replacements_one_wins").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_hits_are_all_counted() {
    on_every_backend("racing_hits_are_all_counted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_redemption_finds_it_spent() {
    on_every_backend("a_second_redemption_finds_it_spent").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_absent_or_expired_is_not_redeemed() {
    on_every_backend("what_is_absent_or_expired_is_not_redeemed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_a_conflicting_successor_leaves_the_record_live() {
    on_every_backend("a_conflicting_successor_leaves_the_record_live").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redemption_without_successors_withdraws() {
    on_every_backend("a_redemption_without_successors_withdraws").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_not_redeemed() {
    on_every_backend("a_grant_is_not_redeemed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_moves_on_with_the_redemption() {
    on_every_backend("a_grant_moves_on_with_the_redemption").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_takes_everything_of_the_grant() {
    on_every_backend("a_revocation_takes_everything_of_the_grant").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_leaves_other_grants_alone() {
    on_every_backend("a_revocation_leaves_other_grants_alone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_joins_a_grant_that_is_not_live() {
    on_every_backend("nothing_joins_a_grant_that_is_not_live").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outlives_its_grant() {
    on_every_backend("nothing_outlives_its_grant").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_not_removed() {
    on_every_backend("a_grant_is_not_removed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insertion_over_a_record_changes_nothing() {
    on_every_backend("an_insertion_over_a_record_changes_nothing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_writes_are_all_or_none() {
    on_every_backend("several_writes_are_all_or_none").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_needs_the_version_that_was_read() {
    on_every_backend("a_replacement_needs_the_version_that_was_read").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_live_is_not_replaced() {
    on_every_backend("what_is_not_live_is_not_replaced").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_key_is_free() {
    on_every_backend("a_removed_key_is_free").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_is_noted_with_the_writes_or_not_at_all() {
    on_every_backend("a_use_is_noted_with_the_writes_or_not_at_all").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shortens_a_grant_counts_for_what_is_written_after_it() {
    on_every_backend("what_shortens_a_grant_counts_for_what_is_written_after_it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_break_a_rule_are_refused() {
    on_every_backend("records_that_break_a_rule_are_refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_ends_at_its_second() {
    on_every_backend("a_record_ends_at_its_second").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_a_clock_that_goes_backwards_revives_nothing() {
    on_every_backend("a_clock_that_goes_backwards_revives_nothing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_times_of_any_size_are_kept() {
    on_every_backend("times_of_any_size_are_kept").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_touch_moves_times_forward_alone() {
    on_every_backend("a_touch_moves_times_forward_alone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spent_records_stay_until_their_grant_ends() {
    on_every_backend("spent_records_stay_until_their_grant_ends").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_takes_only_what_may_go() {
    on_every_backend("a_purge_takes_only_what_may_go").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_takes_more_than_one_step() {
    on_every_backend("a_purge_takes_more_than_one_step").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_neither_skip_nor_repeat_under_changes() {
    on_every_backend("pages_neither_skip_nor_repeat_under_changes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_lists_its_own_alone() {
    on_every_backend("an_index_lists_its_own_alone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spent_records_are_listed_on_request() {
    on_every_backend("spent_records_are_listed_on_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_stops_where_it_is_told() {
    on_every_backend("a_count_stops_where_it_is_told").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loose_upstream_tokens_are_those_that_no_live_grant_holds() {
    on_every_backend("loose_upstream_tokens_are_those_that_no_live_grant_holds").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_begins_with_its_first_hit() {
    on_every_backend("a_window_begins_with_its_first_hit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_a_clock_that_goes_backwards_opens_no_window() {
    on_every_backend("a_clock_that_goes_backwards_opens_no_window").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_kept_apart() {
    on_every_backend("counters_are_kept_apart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f24_hostile_text_is_stored_literally() {
    on_every_backend("hostile_text_is_stored_literally").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f24_a_mebibyte_in_every_field_is_stored() {
    on_every_backend("a_mebibyte_in_every_field_is_stored").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_replaced_ends_when_the_overlap_does() {
    on_every_backend("a_key_that_is_replaced_ends_when_the_overlap_does").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_withdrawn_is_listed_as_spent_for_its_owner_alone() {
    on_every_backend("a_key_that_is_withdrawn_is_listed_as_spent_for_its_owner_alone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_lines_are_added_behind_a_named_end_on_every_backend() {
    let memory = Arc::new(MemoryStore::new());
    contract::check_journal(memory).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/store.db");
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    contract::check_journal(Arc::clone(&store) as Arc<dyn countersign_store::Journal>)
        .await
        .unwrap();
    store.check_integrity().await.unwrap();
    store.close().await;
}
