//! The contract of a node, with the same cases for nodes in memory and for real servers.
//!
//! Most other tests run on nodes in memory. These cases show that servers behave the same way.
//!
//! - `cases`: every command on a single key
//! - `watching`: looks at keys, and notifications that a key has changed or is gone
//! - `waiting`: waiting lists, their members and the order of these
//! - `hints`: the waiters that a release notifies
//! - `reservations`: keys that are kept for the hinted waiter
//! - `listing`: waiting lists that only a server can have
//! - `several`: commands on several keys
//! - `extending`: extensions of many leases at once
//! - `rearming`: keys of a held lease that are put back
//! - `adopting`: keys that get the id of another lease, and get their own back
//! - `keeping`: releases that keep their keys for a while
//! - `reporting`: what a session reports about its node
//! - `labels`: texts that name the holder of a key
//! - `foreign`: cases that only a server can have
//! - `denied`: commands in scripts for which the user has no right

mod adopting;
mod cases;
mod commands;
mod denied;
mod extending;
mod foreign;
mod hints;
mod keeping;
mod labels;
mod listing;
mod process;
mod rearming;
mod reporting;
mod reservations;
mod several;
mod subject;
mod waiting;
mod watching;

/// Expands to one test per case, on the subject that `$make` returns, with these attributes.
macro_rules! conformance {
    ($make:path, $attributes:tt, $($module:ident: $($case:ident)+;)+) => {
        $($(conformance!(@one $make, $attributes, $module, $case);)+)+
    };
    (@one $make:path, [$($attribute:meta)?], $module:ident, $case:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])?
        async fn $case() {
            crate::$module::$case($make()).await;
        }
    };
}

/// Every case, by module and name.
macro_rules! all_cases {
    ($make:path, $attributes:tt) => {
        conformance! {
            $make, $attributes,
            cases:
            an_absent_key_is_granted_and_a_present_one_is_not
            busy_reports_the_remaining_time
            a_key_expires
            a_released_key_can_be_acquired_again
            a_release_needs_the_right_id
            an_extension_postpones_the_expiry
            an_extension_never_shortens_the_expiry
            an_extension_needs_the_right_id_and_a_key
            a_release_never_overtakes_its_acquire
            commands_take_effect_in_order
            inspect_reports_id_and_time_and_changes_nothing
            any_bytes_are_a_valid_key
            a_large_batch_gets_one_response_per_command
            a_ping_gets_a_response
            a_ping_after_releases_waits_for_them
            a_session_serves_threads_without_a_runtime
            a_grant_moves_the_counter_to_the_proposal
            a_counter_beyond_the_proposal_is_never_lowered
            a_counter_at_the_proposal_does_not_count_as_moved
            a_raise_moves_a_lower_counter
            a_raise_needs_the_right_id_and_a_key
            a_raise_creates_a_missing_counter
            a_refusal_reports_the_counter_and_leaves_it_alone;
            watching:
            a_look_sees_free_keys_and_the_time_of_held_ones
            a_look_notifies_once_of_the_next_change
            a_look_at_several_keys_notifies_of_each
            a_dropped_watcher_does_not_affect_the_others
            a_holder_is_notified_when_its_key_is_gone
            a_registration_of_a_holder_notifies_once
            a_holder_of_several_keys_is_notified_of_each
            holders_are_notified_each_of_its_own_key;
            waiting:
            a_refused_waiter_is_listed_with_its_rank
            waiters_are_ordered_by_the_time_they_have_waited
            a_contender_that_does_not_wait_is_not_listed
            a_granted_waiter_is_off_the_list
            a_contender_is_requeued_behind_the_hint
            contenders_that_are_requeued_together_are_all_listed
            a_requeued_contender_is_off_the_list_once_granted
            a_waiter_is_listed_at_the_key_in_its_way;
            hints:
            a_release_hints_the_first_waiter_alone
            a_waiter_that_leaves_is_not_hinted
            a_waiter_that_leaves_passes_its_hint_on
            a_waiter_that_is_gone_is_skipped
            a_release_without_waiters_hints_none
            a_release_of_nothing_hints_where_the_key_is_free
            a_release_of_several_hints_the_waiters_of_each
            nothing_is_left_of_waiters_that_are_served;
            reservations:
            a_key_is_kept_for_the_hinted_waiter
            a_key_is_not_kept_for_long
            what_is_kept_elsewhere_is_passed_on
            a_key_kept_for_another_waiter_stays_kept;
            several:
            all_keys_are_granted_or_none
            overlapping_sets_exclude_each_other
            a_release_of_several_deletes_only_our_keys
            releases_of_several_take_effect_in_order
            an_extension_of_several_needs_every_key
            a_grant_of_several_stamps_all_above_the_largest
            a_raise_of_several_moves_all_or_none
            busy_reports_the_longest_time_and_the_largest_counter
            a_thousand_keys_are_one_lock;
            keeping:
            a_release_can_keep_the_key_until_a_deadline
            a_release_can_keep_a_key_beyond_its_ttl
            only_our_own_keys_are_kept
            a_deadline_in_the_past_deletes_the_key
            a_late_release_does_not_keep_a_key_longer
            keeping_and_deleting_releases_get_one_response_each;
            extending:
            extensions_at_once_have_results_of_their_own
            extensions_at_once_never_shorten_an_expiry;
            labels:
            an_extension_labels_its_keys
            extensions_with_counters_label_their_keys
            a_label_is_that_of_the_holder
            extensions_at_once_have_labels_of_their_own;
            rearming:
            a_missing_key_is_set_with_its_ttl
            our_own_key_is_extended_and_never_shortened
            a_key_of_another_owner_is_left_alone
            of_several_keys_all_are_set_or_none
            a_counter_is_raised_to_the_token_and_never_lowered;
            adopting:
            an_adoption_changes_the_id_and_keeps_the_expiry
            an_adoption_needs_the_former_id_and_a_key
            an_adoption_moves_the_counter_as_a_grant_does
            an_adoption_that_failed_is_undone
            a_returned_key_expires_as_before
            a_key_is_contested_until_its_adopter_decides
            a_decision_is_not_awaited_for_longer
            of_several_keys_all_are_adopted_or_none
            a_return_never_overtakes_its_adoption
            a_holder_is_notified_of_an_adoption
            a_return_is_kept_while_the_node_is_unreachable;
            reporting:
            a_report_describes_the_node;
        }
    };
}

mod memory {
    all_cases!(crate::subject::memory, []);
}

mod server {
    all_cases!(
        crate::subject::server,
        [ignore = "starts redis-server: run ./tests/run"]
    );
}
