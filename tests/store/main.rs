//! The contract of [`mailwright::store`], promise by promise. Every store passes every one.
//!
//! A promise is an async function of a fresh store, a history one of a maker of fresh stores.
//! `suite!` runs all of them against one maker; a new store is one more line of it.

#![allow(clippy::unwrap_used)]

mod access_keys;
mod again;
mod authorizations;
mod census;
mod claims;
mod disk;
mod feed;
mod finish;
mod fixtures;
mod folder;
mod histories;
mod mailboxes;
mod messages;
mod notices;
mod outbox;
mod pacing;
mod parts;
mod pauses;
mod recover;
mod sealing;
mod services;
mod sweep;

use std::sync::Arc;

use fixtures::Shared;
use mailwright::env::Env;
use mailwright::store::memory::MemoryStore;
use mailwright::store::sled::SledStore;

macro_rules! suite {
    ($store:ident, $make:expr) => {
        promises! { $store, $make,
            services: [
                a_created_service_can_be_read_and_is_announced,
                an_id_is_taken_once,
                an_id_is_not_reused_while_its_messages_are_kept,
                services_are_listed_by_id_without_loss_or_repetition,
                services_are_filtered_by_state_labels_and_name,
                settings_are_replaced_only_at_the_expected_revision,
                a_change_of_nothing_else_keeps_the_token,
                forgetting_a_token_ends_what_was_begun_for_it,
                secrets_are_kept_put_and_erased,
                replacing_settings_keeps_the_times_of_a_refresh,
                resuming_a_service_releases_its_mail_in_the_same_commit,
                a_service_with_unfinished_mail_is_not_deleted,
                deleting_may_cancel_what_waits_but_not_what_is_being_sent,
                a_deleted_service_leaves_nothing_but_its_last_event,
                what_is_missing_is_not_found,
            ],
            access_keys: [
                keys_are_kept_and_listed_newest_first,
                a_key_is_revoked_once,
                the_last_live_admin_is_not_revoked,
                uses_go_forward_only,
                a_message_is_of_its_own_service_alone,
            ],
            authorizations: [
                a_pending_authorization_is_taken_once,
                a_failed_authorization_is_told_until_one_is_granted,
                a_new_authorization_ends_earlier_ones_of_its_service_alone,
                an_expired_authorization_is_not_taken,
                a_token_makes_the_grant_live_and_releases_mail,
                a_token_is_saved_only_after_the_one_it_follows,
                generations_grow_across_authorizations_and_services,
                an_authorization_under_way_ends_when_its_grant_is_forgotten,
                a_refresh_that_changes_only_times_is_no_event,
                a_refresh_is_claimed_once_when_it_is_due,
                the_longest_due_are_claimed_first,
                the_frequencies_of_all_that_is_refreshed_add_up,
                a_postponed_refresh_comes_back_later,
                trying_again_makes_a_failed_refresh_due,
                a_new_authorization_may_end_the_pause,
                a_dead_grant_is_not_refreshed_but_keeps_its_token,
                a_dead_grant_holds_mail_with_its_diagnosis,
                a_late_refresh_changes_nothing,
                a_revoked_grant_takes_its_token_and_what_is_under_way_along,
                a_client_secret_is_promoted_with_the_token_that_it_bought,
                no_secret_is_promoted_over_those_that_were_set_meanwhile,
            ],
            mailboxes: [
                a_pause_blocks_all_services_of_the_mailbox_and_no_others,
                a_pause_that_stands_keeps_its_since,
                a_pause_goes_when_a_change_ends_it,
                a_passed_test_ends_the_pause_and_releases_mail,
                a_failed_test_changes_only_what_is_shown,
                a_test_message_is_kept_with_its_event,
                a_paused_mailbox_gives_out_one_probe_at_its_time,
                a_probe_in_flight_or_lost_is_not_followed_by_another_at_once,
                a_probe_is_the_longest_held_that_only_the_pause_keeps,
                a_probe_waits_for_the_send_time,
                a_probe_that_works_releases_the_mail_of_all_services,
                a_failed_probe_waits_longer,
                a_service_that_moves_leaves_the_pause_behind,
            ],
            messages: [
                an_accepted_message_is_kept_whole,
                a_message_waits_for_its_send_time,
                no_message_is_taken_before_a_test_or_without_a_service,
                a_message_of_a_service_that_cannot_send_is_held_with_the_reason,
                a_repeated_request_answers_known_before_any_check,
                one_request_at_a_time_wins_among_many,
                a_request_id_belongs_to_its_service,
                the_place_of_acceptance_is_before_the_first_event,
                messages_are_listed_newest_first_without_loss_or_repetition,
                messages_are_filtered_by_every_condition,
                a_cancelled_message_ends_and_loses_its_body,
                cancelling_twice_is_cancelling_once,
                what_is_sent_or_being_sent_is_not_cancelled,
                a_message_is_cancelled_or_claimed_but_never_both,
                events_carry_no_body_key,
            ],
            outbox: [
                a_mailbox_takes_no_more_than_its_bounds,
                all_mailboxes_together_take_no_more_than_the_bounds,
                services_of_one_mailbox_share_its_bounds,
                a_message_waits_until_it_ends_however_it_ends,
                a_service_that_moves_takes_its_mail_along,
                a_deleted_service_leaves_nothing_waiting,
                a_known_request_is_answered_by_a_full_outbox,
                the_bounds_are_exact_among_many_at_once,
            ],
            census: [
                what_waits_is_counted_by_service_with_the_oldest_send_time,
                what_is_uncertain_is_counted_until_a_person_has_spoken,
                a_page_tells_states_and_the_expiry_of_secrets_behind_a_service,
            ],
            again: [
                what_has_ended_without_all_is_queued_again_for_the_others,
                a_retried_message_that_cannot_be_sent_is_held,
                what_can_not_be_retried_says_why,
                a_retried_message_is_claimed_expires_and_settles_like_a_new_one,
                a_retried_message_is_known_by_its_request_id_again,
                a_request_id_that_has_another_message_stays_with_it,
                what_was_cancelled_is_not_sent_again,
                a_persons_word_ends_an_uncertain_message,
                a_message_resolved_as_sent_loses_its_body_and_others_keep_it,
                resolving_twice_is_resolving_once,
                only_what_is_uncertain_is_resolved,
                an_uncertain_message_waits_however_long_it_takes,
                a_deleted_service_leaves_its_uncertain_messages_to_be_resolved,
            ],
            parts: [
                the_least_tried_recipients_go_first,
                a_round_goes_on_at_once_and_then_waits,
                a_round_waits_where_nothing_was_decided,
            ],
            claims: [
                what_is_due_is_claimed_once,
                what_is_not_due_is_not_claimed,
                high_priority_goes_first_then_the_longest_due_then_the_id,
                no_more_are_claimed_than_the_limit,
                a_mailbox_has_no_more_claims_than_its_strictest_service_allows,
                a_claim_that_ends_makes_room,
                a_claim_takes_no_more_recipients_than_the_limit,
                what_is_due_in_a_service_that_cannot_send_is_held,
                expired_mail_is_not_claimed,
                a_claim_begins_an_attempt_that_the_event_shows,
                the_dot_is_marked_only_by_the_newest_claim,
                many_claimers_never_claim_the_same,
                claiming_nothing_is_no_commit,
            ],
            pacing: [
                the_pace_of_a_minute_holds_for_all_services_of_a_mailbox,
                what_a_claim_waits_for_is_told_by_the_next_due,
                the_day_holds_and_comes_back_by_the_hour,
                what_never_left_does_not_count_towards_the_day,
                a_restart_neither_bursts_nor_loses_a_connection,
                no_priority_starves,
                callers_share_a_mailbox_evenly_whoever_came_first,
                mailboxes_that_hang_hold_up_no_other,
                a_crowded_mailbox_uses_fewer_connections_and_recovers,
                a_mailbox_that_was_too_fast_rests_for_a_minute,
                an_estimate_is_when_the_message_goes,
                the_budget_is_what_may_go,
                a_test_counts_and_waits_for_its_turn,
                a_service_that_moves_takes_its_queue_along,
                a_day_outlives_the_service_that_spent_it,
                high_mail_leaves_the_shares_of_normal_mail_alone,
                of_many_callers_every_one_comes_to_its_turn,
                limits_that_are_lifted_wake_what_waited_for_them,
                a_clock_that_went_back_strands_nothing,
            ],
            pauses: [
                a_server_that_cannot_be_reached_pauses_its_mailbox,
                one_that_was_heard_between_makes_failures_start_anew,
                a_probe_that_comes_further_than_what_was_refused_ends_the_pause,
                a_probe_that_comes_no_further_has_failed,
                a_paused_tenant_blocks_its_mailboxes_and_probes_with_one_message,
                a_change_ends_the_pause_of_the_tenant,
                the_last_service_of_a_tenant_takes_its_pause_along,
                what_began_before_a_pause_does_not_end_it,
                a_pause_that_comes_back_soon_goes_on_counting,
            ],
            finish: [
                accepted_mail_is_sent_and_its_body_goes,
                outcomes_decide_the_state,
                a_deferred_message_is_due_again_at_its_time,
                a_deferral_counts_only_where_it_spends,
                only_changed_recipients_are_reported,
                the_rest_of_the_recipients_is_due_at_once,
                a_message_past_its_expire_time_expires,
                a_message_is_held_when_its_service_cannot_send,
                a_hold_that_came_too_late_is_due_at_once,
                a_verdict_pauses_the_mailbox,
                the_newest_problem_is_shown_until_it_is_sent,
                a_stale_claim_changes_nothing,
                a_recipient_outside_of_the_claim_is_refused_whole,
                an_uncertain_recipient_outlives_the_end_of_the_others,
                a_lost_reply_that_nothing_settles_is_uncertain,
            ],
            recover: [
                a_transaction_before_its_dot_is_due_again,
                a_transaction_after_its_dot_is_resent_as_uncertain,
                a_transaction_after_its_dot_waits_for_a_person_where_told_so,
                recipients_outside_of_an_uncertain_claim_are_still_due,
                the_third_lost_reply_waits_for_a_person_whoever_lost_it,
                claims_of_the_dead_process_are_stale,
                refreshes_of_the_dead_process_are_due_again,
            ],
            sealing: [
                only_what_a_known_key_sealed_is_taken,
                everything_sealed_is_found_in_order_whatever_the_page,
                what_changed_meanwhile_is_not_replaced,
            ],
            notices: [
                notice_is_given_once_at_each_time,
                notices_that_pass_together_are_one,
                a_forecast_is_no_state_and_no_problem_of_mail,
                a_new_expiry_moves_the_notices,
                nobody_hears_of_a_service_that_cannot_send_or_is_gone,
            ],
            sweep: [
                what_waits_past_its_expire_time_expires,
                no_more_expire_than_the_limit,
                the_next_due_is_the_first_of_all_kinds,
                the_next_due_counts_a_probe_only_while_it_could_go_out,
                trimming_removes_old_events_and_ended_messages,
                trimming_keeps_what_is_not_ended,
                request_ids_outlive_neither_their_time_nor_their_message,
                trimming_forgets_expired_authorizations,
                a_clock_that_went_back_leaves_no_hole,
            ],
            feed: [
                an_empty_log_has_bounds,
                events_are_paged_without_loss_or_repetition,
                places_outside_of_the_log_are_refused,
                a_commit_wakes_and_a_failure_does_not,
                readers_see_no_holes_while_others_write,
                a_failed_transaction_leaves_no_trace,
            ],
        }
    };
}

macro_rules! promises {
    ($store:ident, $make:expr, $($module:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        mod $store {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name($make()).await;
                })*
            })*

            #[test]
            fn random_histories_keep_every_invariant() {
                crate::histories::random_histories_keep_every_invariant($make);
            }
        }
    };
}

suite!(memory, crate::fresh_memory);
suite!(sled, crate::fresh_sled);

fn fresh_memory() -> Shared {
    Arc::new(MemoryStore::new(7))
}

fn fresh_sled() -> Shared {
    let env = Env::manual(fixtures::at(0), 7);
    Arc::new(
        SledStore::open(
            &folder::fresh(),
            &env,
            &mailwright::metrics::Metrics::new(),
            folder::SMALL,
        )
        .unwrap(),
    )
}
