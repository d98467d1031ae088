//! The cases: operations of the crate, and what their survivors check.

mod array_element;
mod array_lock;
mod atomic;
mod barrier;
mod bounded_semaphore;
mod bytes;
mod condvar;
mod condvar_wait;
mod condvar_waiters;
mod condvar_woken;
mod event;
mod forked_child;
#[cfg(feature = "serde")]
mod joinable_queue;
mod lock_watch;
#[cfg(feature = "serde")]
mod message_queue;
mod mutex;
mod mutex_blocked;
mod mutex_dead_owner;
mod mutex_woken;
mod numbered;
mod once;
#[cfg(feature = "process")]
mod pipe;
mod queue;
mod queue_after_death;
mod queue_blocked_peer;
mod queue_contended;
mod queue_ledger;
mod queue_slots;
mod reentrant_mutex;
mod rwlock;
mod rwlock_after_death;
mod rwlock_blocked;
mod segment_add;
mod segment_create;
mod segment_open;
mod semaphore;
mod settle;
mod small_segment;
mod spsc;
mod spsc_endpoints;
mod spsc_fixture;
mod spsc_kinds;
mod spsc_successor;
mod state_word;
mod stop_case;
mod stop_locks;
mod stop_queue;
#[cfg(feature = "serde")]
mod stop_queues;
mod stop_segment;
mod stop_waits;
mod value;
mod value_death_report;

use crate::kill_counts::KillCounts;
use crate::runner::Case;

const fn case(name: &'static str, run: fn(&str) -> KillCounts) -> Case {
    Case { name, run, is_blocking: false, is_long: false }
}

/// A case that takes several seconds of CPU time.
const fn long(name: &'static str, run: fn(&str) -> KillCounts) -> Case {
    Case { name, run, is_blocking: false, is_long: true }
}

/// A case that is blocked most of the time.
const fn blocking(name: &'static str, run: fn(&str) -> KillCounts) -> Case {
    Case { name, run, is_blocking: true, is_long: false }
}

/// Every case, in the order in which they are listed.
pub(crate) const CASES: &[Case] = &[
    case("mutex_lock_unlock", mutex::lock_unlock),
    long("mutex_lock_after_death", mutex::lock_after_death),
    blocking("mutex_lock_timeout_held", mutex_blocked::lock_timeout_held),
    case("mutex_unlock_with_waiter", mutex_blocked::unlock_with_waiter),
    blocking("mutex_lock_dead_owner_unmarked", mutex_dead_owner::lock_dead_owner_unmarked),
    blocking("mutex_lock_timeout_woken", mutex_woken::lock_timeout_woken),
    case("reentrant_mutex_lock_unlock_nested", reentrant_mutex::lock_unlock_nested),
    long("reentrant_mutex_lock_after_death", reentrant_mutex::lock_after_death),
    case("reentrant_mutex_unlock_with_waiter", reentrant_mutex::unlock_with_waiter),
    blocking("reentrant_mutex_lock_timeout_held", reentrant_mutex::lock_timeout_held),
    case("reentrant_mutex_lock_two_mappings", reentrant_mutex::lock_two_mappings),
    case("condvar_notify_one_without_waiters", condvar::notify_one_without_waiters),
    case("condvar_notify_one_with_waiters", condvar::notify_one_with_waiters),
    case("condvar_notify_n_with_waiters", condvar::notify_n_with_waiters),
    case("condvar_notify_all_with_waiters", condvar::notify_all_with_waiters),
    case("condvar_notify_one_locked_with_waiter", condvar::notify_one_locked_with_waiter),
    case("condvar_notify_one_unlocked_with_waiter", condvar::notify_one_unlocked_with_waiter),
    blocking("condvar_wait_timeout_expired", condvar_wait::wait_timeout_expired),
    blocking("condvar_wait_timeout_expired_reentrant", condvar_wait::wait_timeout_expired_reentrant),
    blocking("condvar_wait_timeout_woken", condvar_woken::wait_timeout_woken),
    case("condvar_wait_timeout_woken_reentrant", condvar_woken::wait_timeout_woken_reentrant),
    case("condvar_reap_after_death", condvar_woken::reap_after_death),
    case("semaphore_acquire", semaphore::acquire),
    case("semaphore_release", semaphore::release),
    case("semaphore_acquire_and_drop", semaphore::acquire_and_drop),
    case("semaphore_try_acquire_empty", semaphore::try_acquire_empty),
    case("semaphore_drop_permit_with_waiter", semaphore::drop_permit_with_waiter),
    case("semaphore_release_with_waiters", semaphore::release_with_waiters),
    blocking("semaphore_acquire_timeout_empty", semaphore::acquire_timeout_empty),
    blocking("semaphore_acquire_timeout_woken", semaphore::acquire_timeout_woken),
    case("event_set", event::set),
    case("event_clear", event::clear),
    case("event_set_with_waiters", event::set_with_waiters),
    case("event_set_clear_with_waiters", event::set_clear_with_waiters),
    blocking("event_wait_timeout_unset", event::wait_timeout_unset),
    blocking("event_wait_timeout_woken", event::wait_timeout_woken),
    case("event_set_after_death", event::set_after_death),
    case("once_call_once", once::call_once),
    case("once_call_once_with_waiter", once::call_once_with_waiter),
    case("once_call_once_return_with_waiter", once::call_once_return_with_waiter),
    case("once_call_once_panic", once::call_once_panic),
    case("once_call_once_panic_with_waiter", once::call_once_panic_with_waiter),
    case("once_try_call_once_running", once::try_call_once_running),
    blocking("once_call_once_timeout_running", once::call_once_timeout_running),
    case("once_call_once_after_death", once::call_once_after_death),
    blocking("barrier_wait_timeout_incomplete", barrier::wait_timeout_incomplete),
    blocking("barrier_wait_timeout_woken", barrier::wait_timeout_woken),
    case("barrier_wait_last_with_waiters", barrier::wait_last_with_waiters),
    case("barrier_wait_last_again_with_waiter", barrier::wait_last_again_with_waiter),
    case("barrier_try_wait_last_with_waiters", barrier::try_wait_last_with_waiters),
    case("barrier_abort_with_waiters", barrier::abort_with_waiters),
    case("barrier_reset_with_waiters", barrier::reset_with_waiters),
    case("barrier_reap_with_waiter", barrier::reap_with_waiter),
    case("bounded_semaphore_acquire", bounded_semaphore::acquire),
    blocking("bounded_semaphore_release", bounded_semaphore::release),
    case("bounded_semaphore_release_with_waiters", bounded_semaphore::release_with_waiters),
    case("bounded_semaphore_try_acquire_empty", bounded_semaphore::try_acquire_empty),
    blocking("bounded_semaphore_acquire_timeout_empty", bounded_semaphore::acquire_timeout_empty),
    blocking("bounded_semaphore_acquire_timeout_woken", bounded_semaphore::acquire_timeout_woken),
    case("bounded_semaphore_try_acquire_after_death", bounded_semaphore::try_acquire_after_death),
    case("bounded_semaphore_reap", bounded_semaphore::reap),
    case("rwlock_read", rwlock::read),
    case("rwlock_write", rwlock::write),
    case("rwlock_try_read_try_write_held", rwlock::try_read_try_write_held),
    case("rwlock_read_unlock_with_waiters", rwlock::read_unlock_with_waiters),
    case("rwlock_write_unlock_with_waiters", rwlock::write_unlock_with_waiters),
    long("rwlock_write_after_writer_death", rwlock_after_death::write_after_writer_death),
    case("rwlock_try_write_after_reader_death", rwlock_after_death::try_write_after_reader_death),
    case("rwlock_try_read_after_writer_death", rwlock_after_death::try_read_after_writer_death),
    case("rwlock_reap", rwlock_after_death::reap),
    case("rwlock_reap_contended", rwlock_after_death::reap_contended),
    blocking("rwlock_read_timeout_held", rwlock_blocked::read_timeout_held),
    blocking("rwlock_write_timeout_held", rwlock_blocked::write_timeout_held),
    blocking("rwlock_read_timeout_woken", rwlock_blocked::read_timeout_woken),
    blocking("rwlock_write_timeout_woken", rwlock_blocked::write_timeout_woken),
    blocking("rwlock_write_timeout_expired_with_waiter", rwlock_blocked::write_timeout_expired_with_waiter),
    case("atomic_fetch_add", atomic::fetch_add),
    case("value_set_8_bytes", value::set_8_bytes),
    case("value_update_8_bytes", value::update_8_bytes),
    case("value_lock_8_bytes", value::lock_8_bytes),
    case("value_replace_8_bytes", value::replace_8_bytes),
    case("value_compare_exchange_8_bytes", value::compare_exchange_8_bytes),
    case("value_set_3_bytes", value::set_3_bytes),
    case("value_set_32_bytes", value::set_32_bytes),
    case("value_lock_32_bytes", value::lock_32_bytes),
    case("value_set_128_bytes", value::set_128_bytes),
    case("value_update_128_bytes", value::update_128_bytes),
    case("value_set_after_death", value_death_report::set_after_death),
    case("value_lock_after_unreported_death", value_death_report::lock_after_unreported_death),
    case("array_set_3_bytes", array_element::set_3_bytes),
    case("array_set_4_bytes", array_element::set_4_bytes),
    case("array_set_13_bytes", array_element::set_13_bytes),
    case("array_set_24_bytes", array_element::set_24_bytes),
    case("array_update_3_bytes", array_element::update_3_bytes),
    case("array_update_4_bytes", array_element::update_4_bytes),
    case("array_update_24_bytes", array_element::update_24_bytes),
    long("array_get_after_death", array_element::get_after_death),
    case("array_lock_3_bytes", array_lock::lock_3_bytes),
    case("array_lock_4_bytes", array_lock::lock_4_bytes),
    case("array_lock_16_bytes", array_lock::lock_16_bytes),
    case("array_write_4_bytes", array_lock::write_4_bytes),
    case("array_journaled_lock_3_bytes", array_lock::journaled_lock_3_bytes),
    case("array_journaled_lock_8_bytes", array_lock::journaled_lock_8_bytes),
    case("array_journaled_lock_range_16_bytes", array_lock::journaled_lock_range_16_bytes),
    case("array_journaled_write_8_bytes", array_lock::journaled_write_8_bytes),
    case("array_journaled_write_16_bytes", array_lock::journaled_write_16_bytes),
    long("array_journaled_lock_after_death_8_bytes", array_lock::journaled_lock_after_death_8_bytes),
    long("array_journaled_lock_after_death_16_bytes", array_lock::journaled_lock_after_death_16_bytes),
    #[cfg(feature = "serde")]
    case("message_queue_push", message_queue::push),
    #[cfg(feature = "serde")]
    case("message_queue_pop", message_queue::pop),
    #[cfg(feature = "serde")]
    case("message_queue_push_short", message_queue::push_short),
    #[cfg(feature = "serde")]
    case("message_queue_pop_short", message_queue::pop_short),
    #[cfg(feature = "serde")]
    case("message_queue_reap_after_push_death", message_queue::reap_after_push_death),
    #[cfg(feature = "serde")]
    case("message_queue_reap_after_pop_death", message_queue::reap_after_pop_death),
    #[cfg(feature = "serde")]
    case("joinable_queue_push", joinable_queue::push),
    #[cfg(feature = "serde")]
    blocking("joinable_queue_lease", joinable_queue::lease),
    #[cfg(feature = "serde")]
    blocking("joinable_queue_pop", joinable_queue::pop),
    #[cfg(feature = "serde")]
    blocking("joinable_queue_ack", joinable_queue::ack),
    #[cfg(feature = "serde")]
    blocking("joinable_queue_drop_job", joinable_queue::drop_job),
    #[cfg(feature = "serde")]
    case("joinable_queue_reap_after_death", joinable_queue::reap_after_death),
    case("segment_open", segment_open::open),
    case("segment_open_after_death", segment_open::open_after_death),
    case("segment_open_persistent_after_death", segment_open::open_persistent_after_death),
    case("value_set_in_forked_child", forked_child::set_in_forked_child),
    case("segment_drop", segment_open::drop_handle),
    case("segment_reap_after_death", segment_open::reap_after_death),
    case("segment_create", segment_create::create),
    case("segment_create_persistent", segment_create::create_persistent),
    case("value_create", segment_create::create_value),
    case("segment_create_file", segment_create::create_file),
    case("segment_open_or_create_stale", segment_create::open_or_create_stale),
    case("segment_drop_by_creator", segment_create::drop_by_creator),
    case("segment_remove", segment_create::remove),
    case("segment_add_value", segment_add::add_value),
    case("segment_get_or_add_value", segment_add::get_or_add_value),
    case("segment_add_array", segment_add::add_array),
    case("spsc_push_8_bytes", spsc::push_8_bytes),
    case("spsc_push_20_bytes", spsc::push_20_bytes),
    case("spsc_pop_8_bytes", spsc::pop_8_bytes),
    case("spsc_pop_20_bytes", spsc::pop_20_bytes),
    case("spsc_push_slice", spsc::push_slice),
    case("spsc_pop_slice", spsc::pop_slice),
    case("spsc_try_push_full_try_pop_empty", spsc::try_push_full_try_pop_empty),
    case("spsc_open_producer", spsc_endpoints::open_producer),
    case("spsc_open_consumer", spsc_endpoints::open_consumer),
    case("spsc_open_producer_after_death", spsc_endpoints::open_producer_after_death),
    case("spsc_open_consumer_after_death", spsc_endpoints::open_consumer_after_death),
    case("spsc_drop_producer", spsc_endpoints::drop_producer),
    case("spsc_drop_consumer", spsc_endpoints::drop_consumer),
    case("spsc_release_producer", spsc_endpoints::release_producer),
    case("spsc_reap_after_death", spsc_endpoints::reap_after_death),
    case("spsc_pop_successor", spsc_successor::pop_successor),
    case("spsc_open_producer_successor", spsc_successor::open_producer_successor),
    case("spsc_push_with_waiter", queue_blocked_peer::spsc_push_with_waiter),
    case("spsc_pop_with_waiter", queue_blocked_peer::spsc_pop_with_waiter),
    case("bytes_push_with_waiter", queue_blocked_peer::bytes_push_with_waiter),
    case("queue_push_with_waiter", queue_blocked_peer::queue_push_with_waiter),
    #[cfg(feature = "async")]
    case("queue_push_with_task", queue_blocked_peer::queue_push_with_task),
    #[cfg(feature = "async")]
    case("queue_pop_with_task", queue_blocked_peer::queue_pop_with_task),
    #[cfg(feature = "async")]
    case("queue_drop_lease_with_task", queue_blocked_peer::queue_drop_lease_with_task),
    case("queue_pop_with_waiter", queue_blocked_peer::queue_pop_with_waiter),
    case("queue_drop_lease_with_waiter", queue_blocked_peer::queue_drop_lease_with_waiter),
    case("queue_close_with_waiter", queue_blocked_peer::queue_close_with_waiter),
    case("queue_push_8_bytes", queue::push_8_bytes),
    case("queue_push_24_bytes", queue::push_24_bytes),
    case("queue_push_300_bytes", queue::push_300_bytes),
    case("queue_pop_8_bytes", queue::pop_8_bytes),
    case("queue_pop_24_bytes", queue::pop_24_bytes),
    case("queue_pop_300_bytes", queue::pop_300_bytes),
    case("queue_lease_8_bytes", queue::lease_8_bytes),
    case("queue_lease_24_bytes", queue::lease_24_bytes),
    case("queue_capacity_one", queue::capacity_one),
    long("queue_contended_stopped_push", queue_contended::stopped_push),
    long("queue_contended_stopped_pop", queue_contended::stopped_pop),
    long("queue_contended_stopped_ack", queue_contended::stopped_ack),
    long("queue_contended_stopped_drop_lease", queue_contended::stopped_drop_lease),
    long("queue_push_after_death", queue_after_death::push_after_death),
    long("queue_pop_after_death", queue_after_death::pop_after_death),
    long("queue_lease_after_death", queue_after_death::lease_after_death),
    case("queue_reap_after_death", queue_after_death::reap_after_death),
    case("bytes_push", bytes::push),
    case("bytes_read", bytes::read),
    case("bytes_reserve_read_without_commit", bytes::reserve_read_without_commit),
    #[cfg(feature = "process")]
    case("pipe_send", pipe::send),
    #[cfg(feature = "process")]
    case("pipe_send_long_message", pipe::send_long_message),
    #[cfg(feature = "process")]
    case("pipe_send_with_waiter", pipe::send_with_waiter),
    #[cfg(feature = "process")]
    case("pipe_send_long_message_with_waiter", pipe::send_long_message_with_waiter),
    #[cfg(feature = "process")]
    case("pipe_recv", pipe::recv),
    #[cfg(feature = "process")]
    case("pipe_recv_long_message", pipe::recv_long_message),
    #[cfg(feature = "process")]
    long("pipe_recv_long_message_with_waiter", pipe::recv_long_message_with_waiter),
    case("stop_mutex_lock_unlock", stop_locks::mutex_lock_unlock),
    case("stop_mutex_lock_after_death", mutex::stop_lock_after_death),
    case("stop_mutex_unlock_with_waiter", mutex_blocked::stop_unlock_with_waiter),
    case("stop_reentrant_mutex_lock_unlock_nested", stop_locks::reentrant_mutex_lock_unlock_nested),
    case("stop_rwlock_read", stop_locks::rwlock_read),
    case("stop_rwlock_write", stop_locks::rwlock_write),
    case("stop_value_set", stop_locks::value_set),
    case("stop_value_update", stop_locks::value_update),
    case("stop_value_get", stop_locks::value_get),
    case("stop_semaphore_acquire", stop_waits::semaphore_acquire),
    case("stop_semaphore_release", stop_waits::semaphore_release),
    case("stop_event_set", stop_waits::event_set),
    case("stop_barrier_wait_last_with_waiters", barrier::stop_wait_last_with_waiters),
    case("stop_condvar_notify_n_with_waiters", condvar::stop_notify_n_with_waiters),
    case("stop_condvar_notify_one_locked_with_waiter", condvar::stop_notify_one_locked_with_waiter),
    case("stop_condvar_notify_one", stop_waits::condvar_notify_one),
    case("stop_spsc_push_pop", spsc::push_pop_stopped_peer),
    case("stop_queue_push", stop_queue::push_stopped_peer),
    case("stop_queue_push_close", stop_queue::push_stopped_peer_close),
    long("stop_queue_pop", stop_queue::pop_stopped_peer),
    long("stop_queue_lease", stop_queue::lease_stopped_peer),
    case("stop_bytes_push_read", bytes::push_read_stopped_peer),
    #[cfg(feature = "serde")]
    blocking("stop_message_queue_push", stop_queues::message_queue_push),
    #[cfg(feature = "serde")]
    blocking("stop_message_queue_pop", stop_queues::message_queue_pop),
    #[cfg(feature = "serde")]
    blocking("stop_joinable_queue_push", stop_queues::joinable_queue_push),
    #[cfg(feature = "serde")]
    blocking("stop_joinable_queue_lease_ack", stop_queues::joinable_queue_lease_ack),
    blocking("stop_segment_open", stop_segment::open),
    case("stop_segment_drop", stop_segment::drop_handle),
    blocking("stop_segment_add_value", stop_segment::add_value),
    case("stop_segment_reap", stop_segment::reap),
];
