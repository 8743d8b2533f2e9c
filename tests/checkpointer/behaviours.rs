//! The names of the behaviours.

/// Hands them to a macro, by module.
macro_rules! behaviours {
    ($to:ident) => {
        $to! {
            putting {
                a_checkpoint_comes_back_as_it_was_put
                what_was_never_put_is_none
                the_greatest_id_is_the_latest
                the_latest_is_that_of_now_however_often_it_was_asked_for
                threads_and_namespaces_are_apart
                unchanged_channels_are_inherited_from_the_parent
                a_fork_inherits_from_its_parent_and_not_from_its_sibling
                a_channel_that_its_parent_does_not_have_resolves_to_the_newest_value_of_its_version
                a_value_that_nothing_resolves_is_taken_from_the_put
                a_given_value_does_not_replace_an_inherited_one
                a_changed_channel_without_a_value_is_cleared
                a_list_that_grew_is_that_of_the_parent_and_what_was_appended
                a_list_that_the_parent_does_not_have_cannot_grow
                a_cleared_channel_stays_cleared_in_the_next_checkpoint
                a_version_that_nothing_resolves_has_no_value
                a_second_put_of_an_id_replaces_it_and_keeps_its_writes
                children_keep_what_they_inherited_when_their_parent_is_replaced
                text_versions_come_back_as_text
                any_text_serves_as_a_name
                metadata_comes_back_as_it_was_put
                metadata_that_say_a_field_twice_are_refused
            }
            nesting {
                what_is_as_deep_as_can_be_read_comes_back
                what_is_too_deep_to_be_read_again_is_refused
            }
            writes {
                writes_come_sorted_by_path_task_and_index
                of_ordinary_writes_with_one_key_the_first_stays
                special_writes_replace
                special_and_ordinary_writes_of_one_call_are_told_apart
                writes_may_come_before_their_checkpoint
                writes_may_come_after_the_successor
                writes_belong_to_one_checkpoint_of_one_namespace
                writes_are_found_whenever_their_checkpoint_was_made
                a_call_without_writes_changes_nothing
            }
            listing {
                a_list_is_newest_first
                the_latest_of_each_thread_are_listed
                a_list_without_a_thread_is_newest_first_over_all
                a_list_is_limited_by_id_count_and_metadata
                metadata_of_another_kind_than_usual_is_found_by_its_value
                the_limit_counts_what_the_filter_lets_through
                a_list_does_not_see_what_is_written_after_the_call
                a_list_has_pending_writes_and_values
                a_list_survives_the_deletion_of_its_thread
            }
            projecting {
                metadata_come_without_values
                named_channels_come_alone
                a_checkpointer_that_reads_everything_gives_the_same
            }
            retaining {
                each_thread_has_its_own_policy_or_that_of_all
                a_policy_goes_with_its_thread_and_not_with_a_copy
                what_is_old_goes_but_for_the_latest_ones
                an_idle_thread_is_deleted_unless_it_has_a_tag
                a_long_thread_goes_in_portions
                a_thread_that_is_being_run_is_passed_over
                threads_are_pruned_by_the_names_that_langgraph_has
            }
            deletion {
                a_deleted_thread_is_gone_in_all_namespaces_and_others_stay
                deleting_an_unknown_thread_is_no_error
                a_deleted_thread_can_be_started_anew
                an_id_of_the_future_goes_with_its_thread_alone
                late_writes_do_not_bring_a_thread_back
                a_late_checkpoint_does_not_bring_a_thread_back
                the_first_checkpoint_of_a_late_subgraph_does_not_bring_a_thread_back
                late_checkpoints_with_ids_of_another_form_are_refused_by_their_missing_parent
                values_of_a_deleted_thread_resolve_nothing
                ids_of_a_clock_that_was_ahead_are_deleted_too
            }
            copying {
                a_copy_has_the_whole_history
                a_copy_and_its_source_go_on_independently
                deleting_a_copy_or_its_source_leaves_the_other_whole
                copies_of_copies_keep_what_they_have
                what_cannot_be_copied_is_refused
                a_copy_onto_a_deleted_thread_keeps_its_cutoff
            }
            pruning {
                what_is_kept_keeps_its_values
                pruning_a_copy_leaves_the_other_whole
                a_deletion_is_tried_out_first
                a_checkpoint_that_needs_a_pruned_one_is_refused
                what_is_old_goes_but_for_the_latest
                runs_are_deleted_in_all_threads
                what_finished_subgraphs_left_behind_goes
                what_has_a_tag_is_not_pruned
                a_copy_has_the_tags
                threads_are_listed_by_update_and_by_name
                threads_are_listed_with_their_status
                pages_are_stable_while_others_write
            }
        }
    };
}
