//! The contract of a node: the same cases against a node in memory and against real servers.
//!
//! What the other tests take for granted about nodes in memory is first shown here to be true of
//! servers.

mod cases;
mod foreign;
mod keeping;
mod several;
mod subject;
mod watching;

/// One test for every case, against what `$make` makes, with these attributes.
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

/// The cases, by name.
macro_rules! all_cases {
    ($make:path, $attributes:tt) => {
        conformance! {
            $make, $attributes,
            cases:
            an_absent_key_is_granted_and_a_present_one_is_not
            busy_tells_the_time_left
            a_key_expires
            a_key_is_acquired_again_after_its_release
            a_release_needs_the_right_id
            an_extension_moves_the_expiry_further_away
            an_extension_never_brings_it_nearer
            an_extension_needs_the_right_id_and_a_key
            a_release_comes_after_the_acquire_before_it
            commands_take_effect_in_order
            inspecting_tells_id_and_time_and_changes_nothing
            any_bytes_are_a_key
            a_large_batch_is_answered_one_by_one
            a_ping_is_answered
            a_session_serves_threads_without_a_runtime
            a_grant_moves_the_counter_to_the_proposal
            a_counter_that_is_beyond_the_proposal_is_never_lowered
            a_counter_at_the_proposal_is_not_counted_as_moved
            a_raise_moves_a_counter_that_is_below
            a_raise_needs_the_right_id_and_a_key
            a_raise_makes_a_counter_that_is_not_there
            a_refusal_leaves_the_counter_alone_and_tells_it_truly;
            watching:
            who_is_refused_is_told_of_the_release
            who_is_told_once_is_told_again_after_it_has_asked_again
            who_waits_for_several_keys_is_told_of_each
            who_has_stopped_waiting_is_not_told;
            several:
            all_keys_are_granted_or_none
            those_that_overlap_exclude_each_other
            a_release_of_several_frees_all_that_are_ours_and_no_others
            releases_of_several_take_effect_in_order
            an_extension_of_several_needs_all
            a_grant_of_several_stamps_all_beyond_each
            a_raise_of_several_moves_all_or_none
            busy_tells_the_longest_time_left_and_the_largest_counter
            a_thousand_keys_are_one_lock;
            keeping:
            a_release_may_leave_the_key_until_a_moment
            a_key_may_stay_for_longer_than_it_would_have
            only_keys_that_are_ours_are_kept
            a_moment_that_has_passed_is_no_reason_to_stay
            a_release_that_comes_late_keeps_no_key_for_longer
            releases_that_keep_and_others_are_answered_one_by_one;
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
