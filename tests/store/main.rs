//! What every store does: one suite, run on each of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/backend.rs"]
mod backend;
#[path = "../common/database.rs"]
mod database;
mod items;
mod kept;
mod namespaces;
mod searching;

/// Runs the named behaviours on every backend.
macro_rules! on_every_backend {
    ($($module:ident { $($behaviour:ident)* })*) => {
        on_every_backend!(@backend in_memory Memory $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_database Database $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_reopened_database Reopened $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_recovered_database Recovered $($module { $($behaviour)* })*);
    };
    (@backend $backend:ident $kind:ident $($module:ident { $($behaviour:ident)* })*) => {
        mod $backend {
            $($(
                #[test]
                fn $behaviour() {
                    let mut store = crate::kept::Kept::new(crate::backend::Backend::$kind);
                    crate::$module::$behaviour(&mut store);
                }
            )*)*
        }
    };
}

on_every_backend! {
    items {
        an_item_comes_back_as_it_was_put
        a_missing_item_is_none
        a_second_put_replaces_the_value_and_keeps_the_time_of_creation
        a_deleted_item_is_gone_and_deleting_it_twice_is_no_error
        an_item_put_after_its_deletion_is_new
        items_of_different_namespaces_are_apart
        any_json_and_any_text_is_kept
        an_invalid_namespace_is_refused_on_put_and_empty_otherwise
    }
    searching {
        a_search_finds_items_below_a_prefix_of_whole_labels
        items_are_found_in_the_order_in_which_their_keys_were_first_put
        a_search_is_paged_after_filtering
        a_search_finds_ten_items_unless_told_otherwise
        filters_select_by_value
    }
    namespaces {
        namespaces_are_sorted_selected_cut_and_paged
        a_namespace_without_items_is_not_listed
    }
}
