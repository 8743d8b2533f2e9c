//! What every [`Store`] does: a suite that any implementation can be held to.
//!
//! ```
//! use std::sync::Arc;
//! use stepwell::store::{MemoryStore, Store};
//! use stepwell::testing::store_conformance::{self, Subject};
//!
//! struct Mine(MemoryStore);
//!
//! impl Subject for Mine {
//!     fn store(&self) -> Arc<dyn Store> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! let make = |options| Box::new(Mine(MemoryStore::with_options(options))) as Box<dyn Subject>;
//! let failures = store_conformance::check_all(make);
//! assert!(failures.is_empty(), "{failures:?}");
//! ```

/// Ends a case if two things differ.
macro_rules! same {
    ($is:expr, $should_be:expr) => {
        $crate::testing::store_conformance::failure::same(stringify!($is), &$is, &$should_be)?
    };
}

/// Ends a case if something does not hold.
macro_rules! holds {
    ($condition:expr) => {
        $crate::testing::store_conformance::failure::same(
            stringify!($condition),
            &$condition,
            &true,
        )?
    };
}

mod batches;
mod expiry;
mod failure;
mod filters;
mod items;
mod kept;
mod namespaces;
mod past;
mod ranking;
mod scopes;
mod searching;
mod used;
mod words;

use std::sync::Arc;
use std::time::Duration;

pub use self::failure::Failure;
use self::failure::Outcome;
use self::used::Used;
use crate::store::{Store, StoreOptions};

/// A store that is put to the test.
pub trait Subject {
    /// The store. It is let go before each [`reopen`](Self::reopen).
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the store and opens it again, if it outlives its process. It is called between writing and reading.
    fn reopen(&mut self) {}

    /// Whether the store does such things. Cases about what it does not do are left out; in their place it is seen whether it says so.
    fn can(&self, capability: Capability) -> bool {
        let _ = capability;
        true
    }
}

/// What a store may do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// It keeps what items were. One that does not answers what it is asked about the past with an error, unless it knows.
    History,
    /// Items expire.
    Expiry,
    /// Queries rank items by meaning, with the embedder of its options.
    Meaning,
    /// Queries rank items by their words. One that has no such ranking answers with [`CannotRank`](crate::store::StoreError::CannotRank).
    Words,
}

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    name: &'static str,
    needs: Option<Capability>,
    run: fn(&mut Used<'_>) -> Outcome,
    options: fn() -> StoreOptions,
}

impl Case {
    /// What the store does.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What a store must be able to do for that; one that cannot passes.
    pub fn needs(&self) -> Option<Capability> {
        self.needs
    }

    /// Makes an empty store and sees whether it does so.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, make: impl Fn(StoreOptions) -> Box<dyn Subject>) -> Result<(), Failure> {
        let mut subject = make((self.options)());
        if self.needs.is_some_and(|needs| !subject.can(needs)) {
            return Ok(());
        }
        let outcome = (self.run)(&mut Used::new(&mut *subject));
        outcome.map_err(|failed| failed.of_case(self.name))
    }
}

macro_rules! capability {
    () => {
        None
    };
    ($capability:ident) => {
        Some(Capability::$capability)
    };
}

macro_rules! cases {
    ($($module:ident $(needs $capability:ident)? { $($case:ident)* })*) => {
        /// All behaviours. They take some seconds, as items expire.
        pub fn cases() -> Vec<Case> {
            let mut all = Vec::new();
            $(
                let (needs, options) = (capability!($($capability)?), $module::options);
                $(
                    let (name, run) = (stringify!($case), $module::$case);
                    all.push(Case { name, needs, run, options });
                )*
            )*
            all
        }
    };
}

cases! {
    items {
        an_item_comes_back_as_it_was_put
        a_missing_item_is_none
        a_second_put_replaces_the_value_and_keeps_the_time_of_creation
        a_deleted_item_is_gone_and_deleting_it_twice_is_no_error
        an_item_put_after_its_deletion_is_new
        items_of_different_namespaces_are_apart
        any_json_and_any_text_is_kept
        an_invalid_namespace_is_refused_on_put_and_empty_otherwise
        an_item_is_found_whichever_of_its_fields_are_in_the_index
    }
    searching {
        a_search_finds_items_below_a_prefix_of_whole_labels
        items_are_found_newest_update_first
        items_are_found_in_the_order_that_is_asked_for
        a_search_is_paged_after_filtering
        a_search_finds_ten_items_unless_told_otherwise
        filters_select_by_value
        pages_follow_one_another_whatever_is_written_meanwhile
        pages_are_whole_while_others_write
        an_explanation_counts_what_the_search_finds
        a_cursor_of_another_order_is_refused
        a_count_has_no_limit
    }
    filters {
        each_operator_says_what_holds_for_a_missing_field
        a_list_has_no_fields
        numbers_are_compared_by_value
    }
    scopes {
        labels_are_compared_whole
        a_scope_neither_reads_nor_writes_outside_of_its_prefix
    }
    namespaces {
        namespaces_are_sorted_selected_cut_and_paged
        a_namespace_without_items_is_not_listed
        a_place_to_look_within_has_no_wildcards
    }
    batches {
        a_batch_reads_what_was_there_before_it_writes
        the_last_write_of_a_key_counts
        a_batch_that_is_wrong_changes_nothing
        answers_have_the_order_of_what_was_asked
    }
    ranking needs Meaning {
        a_query_ranks_items_by_their_nearest_text
        a_put_says_which_of_its_texts_are_ranked
        a_query_ranks_what_prefix_and_filter_leave
        a_query_finds_nothing_that_has_expired
        an_embedder_that_fails_changes_nothing
        a_query_in_a_batch_ranks_what_was_there_before
        a_query_that_cannot_be_answered_is_refused
        both_rankings_are_fused_by_rank
    }
    words needs Words {
        a_query_ranks_items_by_their_words
    }
    past needs History {
        what_an_item_was_is_listed_newest_first
        items_are_read_as_they_were
        what_is_not_kept_is_an_error_and_no_wrong_answer
    }
    kept {
        a_store_without_history_says_so
    }
    expiry needs Expiry {
        an_item_that_has_expired_is_never_read
        the_put_and_the_longest_prefix_say_how_long_an_item_lives
        reading_refreshes_unless_told_otherwise
        a_key_put_again_after_it_expired_is_new
        a_put_without_a_life_ends_the_one_before
        expiry_is_what_it_was_after_opening_again
    }
}

/// Runs all cases and returns those that fail.
pub fn check_all(make: impl Fn(StoreOptions) -> Box<dyn Subject>) -> Vec<Failure> {
    let cases = cases().into_iter();
    cases.filter_map(|case| case.check(&make).err()).collect()
}

fn default_options() -> StoreOptions {
    // Nothing that is tested depends on the sweeper, and it should have something to do.
    StoreOptions::default().sweep_interval(Duration::from_millis(20))
}
