//! The contract of [`Store`] as a suite that every backend passes.
//!
//! Each case gets a store that is empty, and says what it found wrong. Run them all with
//! [`check`], on a Tokio runtime with several threads, or one by one from [`CASES`]:
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # async fn suite() -> Result<(), countersign_store::contract::Violation> {
//! use std::sync::Arc;
//! use countersign_store::{MemoryStore, Store, contract};
//!
//! contract::check(|| async { Arc::new(MemoryStore::new()) as Arc<dyn Store> }).await
//! # }
//! ```

/// Ends a case with a sentence unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err($crate::contract::Violation::new(format!($($sentence)+)));
        }
    };
}

mod api_keys;
mod expiry;
mod grants;
mod hits;
mod journal;
mod lists;
mod purging;
pub mod races;
mod redemption;
mod samples;
mod text;
mod writes;

use std::pin::Pin;
use std::sync::Arc;

use crate::{Store, StoreError};

pub use journal::check_journal;
pub use samples::{STANDARD_NOW, access_token, code, grant, hash, refresh_token};

/// What a store does that the contract forbids.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

impl Violation {
    /// The violation that `sentence` describes.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl From<StoreError> for Violation {
    fn from(error: StoreError) -> Self {
        Self(format!("a call failed that must not: {error}"))
    }
}

/// A case on its way.
pub type CaseFuture = Pin<Box<dyn Future<Output = Result<(), Violation>> + Send>>;

/// One property of a store, tested on an empty one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Case {
    /// What must hold, as words joined by underscores.
    pub name: &'static str,
    /// Tests it.
    pub run: fn(Arc<dyn Store>) -> CaseFuture,
}

macro_rules! cases {
    ($($module:ident::$name:ident,)+) => {
        /// Every case.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            run: |store| Box::pin($module::$name(store)),
        },)+];
    };
}

cases! {
    races::of_64_racing_redemptions_one_wins,
    races::a_refresh_that_races_with_a_revocation_leaves_nothing_alive,
    races::of_racing_insertions_one_wins,
    races::of_racing_replacements_one_wins,
    races::racing_hits_are_all_counted,
    redemption::a_second_redemption_finds_it_spent,
    redemption::what_is_absent_or_expired_is_not_redeemed,
    redemption::a_conflicting_successor_leaves_the_record_live,
    redemption::a_redemption_without_successors_withdraws,
    redemption::a_grant_is_not_redeemed,
    redemption::a_grant_moves_on_with_the_redemption,
    grants::a_revocation_takes_everything_of_the_grant,
    grants::a_revocation_leaves_other_grants_alone,
    grants::nothing_joins_a_grant_that_is_not_live,
    grants::nothing_outlives_its_grant,
    grants::a_grant_is_not_removed,
    writes::an_insertion_over_a_record_changes_nothing,
    writes::several_writes_are_all_or_none,
    writes::a_replacement_needs_the_version_that_was_read,
    writes::what_is_not_live_is_not_replaced,
    writes::a_removed_key_is_free,
    writes::a_use_is_noted_with_the_writes_or_not_at_all,
    writes::what_shortens_a_grant_counts_for_what_is_written_after_it,
    writes::records_that_break_a_rule_are_refused,
    expiry::a_record_ends_at_its_second,
    expiry::a_clock_that_goes_backwards_revives_nothing,
    expiry::times_of_any_size_are_kept,
    expiry::a_touch_moves_times_forward_alone,
    purging::spent_records_stay_until_their_grant_ends,
    purging::a_purge_takes_only_what_may_go,
    purging::a_purge_takes_more_than_one_step,
    lists::pages_neither_skip_nor_repeat_under_changes,
    lists::an_index_lists_its_own_alone,
    lists::spent_records_are_listed_on_request,
    lists::loose_upstream_tokens_are_those_that_no_live_grant_holds,
    lists::a_count_stops_where_it_is_told,
    hits::a_window_begins_with_its_first_hit,
    hits::a_clock_that_goes_backwards_opens_no_window,
    hits::counters_are_kept_apart,
    api_keys::a_key_that_is_replaced_ends_when_the_overlap_does,
    api_keys::a_key_that_is_withdrawn_is_listed_as_spent_for_its_owner_alone,
    text::hostile_text_is_stored_literally,
    text::a_mebibyte_in_every_field_is_stored,
}

/// Runs every case on a store of `new_store`, which makes an empty one each time.
///
/// # Errors
///
/// The first [`Violation`], with the name of its case.
pub async fn check<F, N>(new_store: F) -> Result<(), Violation>
where
    F: Fn() -> N,
    N: Future<Output = Arc<dyn Store>>,
{
    for case in CASES {
        (case.run)(new_store().await)
            .await
            .map_err(|violation| Violation(format!("{}: {violation}", case.name)))?;
    }
    Ok(())
}
