//! The crash contract, proved instruction by instruction.
//!
//! A case is an operation and what its survivors check (`tests/kill/cases/`). For every n:
//!
//! 1. The test process, which has one thread, forks a child. The child opens a handle of its own, stops, does the
//!    operation, and stops again.
//! 2. Under ptrace, the child goes n instructions into the operation, and is killed there with SIGKILL.
//! 3. The survivors check what the operation's type promises, while a watchdog runs: they may not hang either. Then the
//!    next child takes n + 1, until one completes the operation.
//!
//! **The first run, and short cuts.** At first the operation is stepped through once, which is when readers that take no
//! lock look at it after every instruction. By this trace, each later child finds a short way to its point: past system
//! calls, to a breakpoint, a few steps more. One that comes out at another address than the trace says makes way for one
//! that goes step by step. So killing everywhere takes about a millisecond a point, not the square of the operation's length.
//!
//! **Long operations** (making, opening, leaving a segment: up to 100,000 instructions) are killed before and after each
//! instruction that changes what anybody else can see, which is the segment's bytes, the thread's robust list (the kernel
//! reads it at death), and whatever the kernel knows, hence every system call; and at a sample of the rest, 150 points
//! unless `BREEZEWAY_KILL_SAMPLE` says otherwise.
//!
//! **Asleep.** A child in a system call that does not return is killed in it, too.
//!
//! **Second order.** Cases named for a death (`_recoverer`, `_after_death`) kill a first child where its lock is held or
//! its journal counts, or in each state of a queue's slots that it leaves behind; and then the one that clears up, everywhere.
//!
//! **Standing still.** A child that is stopped in the middle of its work is alive. Cases of queues (`_frozen`, `_with_a_slow_…`,
//! `_successor`) stop one at each instruction, let others work around it and perhaps be killed there, and let it go on.
//!
//! **Sleepers.** Cases `_with_sleeper` kill the one whom another process sleeps for.
//!
//! SIGKILL falls between two instructions, and what the victim has stored until then is seen by all. So for one operation
//! and one way through it this is no sample. What living processes do to each other at the same time it does
//! not show: that is for loom and for storms.
//!
//! The file is its own test harness, because libtest has threads. `--list`, `--exact`, `--skip`, `--test-threads` and
//! filters work as usual, and so does nextest. Each case runs in a process of its own, under a supervisor that clears up
//! behind it.
#![allow(unsafe_code, clippy::multiple_unsafe_ops_per_block)] // ptrace, and a look at shared memory from outside
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed expectation is a failed case

use std::process::ExitCode;

mod kill {
    pub(crate) mod arguments;
    pub(crate) mod child;
    pub(crate) mod cpu;
    pub(crate) mod drive;
    pub(crate) mod machine;
    pub(crate) mod process;
    pub(crate) mod progress;
    pub(crate) mod supervisor;
    pub(crate) mod tally;
    pub(crate) mod trace;
    pub(crate) mod window;

    pub(crate) mod cases {
        pub(crate) mod after_death;
        pub(crate) mod atomic;
        pub(crate) mod barrier;
        pub(crate) mod bytes;
        pub(crate) mod condvar;
        pub(crate) mod condvar_slots;
        pub(crate) mod creation;
        pub(crate) mod crowd;
        pub(crate) mod element;
        pub(crate) mod ends;
        pub(crate) mod event;
        pub(crate) mod frozen;
        pub(crate) mod guest;
        #[cfg(feature = "serde")]
        pub(crate) mod job;
        pub(crate) mod late;
        pub(crate) mod locked;
        #[cfg(feature = "serde")]
        pub(crate) mod message;
        pub(crate) mod mpmc;
        pub(crate) mod mutex;
        pub(crate) mod news;
        pub(crate) mod notified;
        pub(crate) mod number;
        pub(crate) mod object;
        pub(crate) mod once;
        pub(crate) mod ownerless;
        pub(crate) mod participant;
        pub(crate) mod permits;
        #[cfg(feature = "process")]
        pub(crate) mod pipe;
        pub(crate) mod reentrant;
        pub(crate) mod rwlock;
        pub(crate) mod rwlock_wait;
        pub(crate) mod section;
        pub(crate) mod semaphore;
        pub(crate) mod sleeper;
        pub(crate) mod slots;
        pub(crate) mod spsc;
        pub(crate) mod state_word;
        pub(crate) mod stranded;
        pub(crate) mod two_ends;
        pub(crate) mod value;
        pub(crate) mod waiter;
    }
}

#[cfg(feature = "process")]
use kill::cases::pipe;
use kill::cases::{
    after_death, atomic, barrier, bytes, condvar, creation, crowd, element, ends, event, frozen, guest, late,
    mpmc, mutex, news, notified, object, once, ownerless, participant, permits, reentrant, rwlock,
    rwlock_wait, section, semaphore, sleeper, spsc, stranded, value, waiter,
};
#[cfg(feature = "serde")]
use kill::cases::{job, message};
use kill::supervisor::Case;
use kill::tally::Tally;

const fn case(name: &'static str, run: fn(&str) -> Tally) -> Case {
    Case { name, run, is_sleepy: false }
}

/// One that sleeps most of the time.
const fn sleepy(name: &'static str, run: fn(&str) -> Tally) -> Case {
    Case { name, run, is_sleepy: true }
}

const CASES: &[Case] = &[
    case("mutex_lock_unlock", mutex::lock_unlock),
    case("mutex_recoverer", mutex::recoverer),
    sleepy("mutex_wait", waiter::wait),
    case("mutex_unlock_with_waiter", waiter::unlock),
    sleepy("mutex_wait_for_nobody", ownerless::wait),
    sleepy("mutex_woken_waiter", stranded::waiter),
    case("reentrant_mutex_lock_unlock", reentrant::levels),
    case("reentrant_mutex_recoverer", reentrant::recoverer),
    case("reentrant_mutex_unlock_with_waiter", reentrant::unlock_with_waiter),
    sleepy("reentrant_mutex_wait", reentrant::wait),
    case("reentrant_mutex_by_two_mappings", reentrant::two_mappings),
    case("condvar_notify_nobody", condvar::notify_nobody),
    case("condvar_notify_one_with_sleepers", condvar::notify_one),
    case("condvar_notify_n_with_sleepers", condvar::notify_n),
    case("condvar_notify_all_with_sleepers", condvar::notify_all),
    case("condvar_add_locked_with_sleeper", condvar::add_locked),
    case("condvar_add_and_notify_with_sleeper", condvar::add_and_notify),
    sleepy("condvar_wait", condvar::wait),
    sleepy("condvar_wait_reentrant", condvar::wait_reentrant),
    sleepy("condvar_woken_waiter", notified::woken_waiter),
    case("condvar_woken_waiter_reentrant", notified::woken_waiter_reentrant),
    case("condvar_repairer", notified::repairer),
    case("semaphore_acquire", semaphore::acquire),
    case("semaphore_release", semaphore::release),
    case("semaphore_acquire_and_drop", semaphore::both),
    case("semaphore_refused", semaphore::refused),
    case("semaphore_drop_with_sleeper", semaphore::drop_with_sleeper),
    case("semaphore_release_with_sleepers", semaphore::release_with_sleepers),
    sleepy("semaphore_wait", semaphore::wait),
    sleepy("semaphore_woken_waiter", semaphore::woken_waiter),
    case("event_set", event::set),
    case("event_clear", event::clear),
    case("event_set_with_sleepers", event::set_with_sleepers),
    case("event_pulse_with_sleepers", event::pulse_with_sleepers),
    sleepy("event_wait", event::wait),
    sleepy("event_woken_waiter", event::woken_waiter),
    case("event_set_after_death", event::set_after_death),
    case("once_call", once::call),
    case("once_call_with_waiter", once::call_with_waiter),
    case("once_complete_with_waiter", once::complete_with_waiter),
    case("once_panic", once::panic),
    case("once_panic_with_waiter", once::panic_with_waiter),
    case("once_refused", once::refused),
    sleepy("once_wait", once::wait),
    case("once_recoverer", once::recoverer),
    sleepy("barrier_wait", barrier::wait),
    sleepy("barrier_woken_waiter", barrier::woken_waiter),
    case("barrier_pass_with_sleepers", barrier::last),
    case("barrier_pass_again_with_sleeper", barrier::last_again),
    case("barrier_try_wait_with_sleepers", barrier::last_without_waiting),
    case("barrier_abort_with_sleepers", barrier::abort),
    case("barrier_reset_with_sleepers", barrier::reset),
    case("barrier_reap_with_sleeper", barrier::reap),
    case("bounded_semaphore_acquire", permits::acquire),
    sleepy("bounded_semaphore_release", permits::release),
    case("bounded_semaphore_release_with_sleepers", permits::release_with_sleepers),
    case("bounded_semaphore_refused", permits::refused),
    sleepy("bounded_semaphore_wait", permits::wait),
    sleepy("bounded_semaphore_woken_waiter", permits::woken_waiter),
    case("bounded_semaphore_acquire_after_death", permits::acquire_after_death),
    case("bounded_semaphore_reap", permits::reap),
    case("rwlock_read", rwlock::read),
    case("rwlock_write", rwlock::write),
    case("rwlock_refused", rwlock::refused),
    case("rwlock_read_unlock_with_sleepers", rwlock::read_unlock_with_sleepers),
    case("rwlock_write_unlock_with_sleepers", rwlock::write_unlock_with_sleepers),
    case("rwlock_write_after_writer", rwlock::write_after_writer),
    case("rwlock_write_after_reader", rwlock::write_after_reader),
    case("rwlock_read_after_writer", rwlock::read_after_writer),
    case("rwlock_reap", rwlock::reap),
    case("rwlock_reap_with_others", rwlock::reap_with_others),
    sleepy("rwlock_wait_to_read", rwlock_wait::read),
    sleepy("rwlock_wait_to_write", rwlock_wait::write),
    sleepy("rwlock_woken_reader", rwlock_wait::woken_reader),
    sleepy("rwlock_woken_writer", rwlock_wait::woken_writer),
    sleepy("rwlock_write_gives_up", rwlock_wait::write_gives_up),
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
    case("value_set_after_death", news::set_after_death),
    case("value_lock_after_untold_death", news::lock_after_untold_death),
    case("array_set_3_bytes", element::set_3_bytes),
    case("array_set_4_bytes", element::set_4_bytes),
    case("array_set_13_bytes", element::set_13_bytes),
    case("array_set_24_bytes", element::set_24_bytes),
    case("array_update_3_bytes", element::update_3_bytes),
    case("array_update_4_bytes", element::update_4_bytes),
    case("array_update_24_bytes", element::update_24_bytes),
    case("array_get_after_death", element::get_after_death),
    case("array_section_3_bytes", section::section_3_bytes),
    case("array_section_4_bytes", section::section_4_bytes),
    case("array_section_16_bytes", section::section_16_bytes),
    case("array_write_4_bytes", section::write_4_bytes),
    case("journaled_section_3_bytes", section::journaled_section_3_bytes),
    case("journaled_section_8_bytes", section::journaled_section_8_bytes),
    case("journaled_section_16_bytes", section::journaled_section_16_bytes),
    case("journaled_write_8_bytes", section::journaled_write_8_bytes),
    case("journaled_write_16_bytes", section::journaled_write_16_bytes),
    case("journaled_recoverer_8_bytes", section::journaled_recoverer_8_bytes),
    case("journaled_recoverer_16_bytes", section::journaled_recoverer_16_bytes),
    #[cfg(feature = "serde")]
    case("message_push", message::push),
    #[cfg(feature = "serde")]
    case("message_pop", message::pop),
    #[cfg(feature = "serde")]
    case("message_after_push", message::after_push),
    #[cfg(feature = "serde")]
    case("message_after_pop", message::after_pop),
    #[cfg(feature = "serde")]
    case("job_push", job::push),
    #[cfg(feature = "serde")]
    sleepy("job_lease", job::lease),
    #[cfg(feature = "serde")]
    sleepy("job_pop", job::pop),
    #[cfg(feature = "serde")]
    sleepy("job_ack", job::ack),
    #[cfg(feature = "serde")]
    sleepy("job_drop", job::give_back),
    #[cfg(feature = "serde")]
    case("job_reap", job::reap),
    case("segment_attach", participant::attach),
    case("segment_attach_after_death", participant::attach_after_death),
    case("segment_attach_first", participant::attach_first),
    case("segment_use_after_fork", guest::set_in_a_guest),
    case("segment_detach", participant::detach),
    case("segment_reap", participant::reap),
    case("segment_create", creation::create),
    case("segment_create_persistent", creation::create_persistent),
    case("segment_create_value", creation::create_value),
    case("segment_create_file", creation::create_file),
    case("segment_open_or_create_over_stale", creation::open_or_create_over_stale),
    case("segment_unmake", creation::unmake),
    case("segment_remove", creation::remove),
    case("segment_add_value", object::add_value),
    case("segment_get_or_add_value", object::get_or_add_value),
    case("segment_add_array", object::add_array),
    case("spsc_push_8_bytes", spsc::push_8_bytes),
    case("spsc_push_20_bytes", spsc::push_20_bytes),
    case("spsc_pop_8_bytes", spsc::pop_8_bytes),
    case("spsc_pop_20_bytes", spsc::pop_20_bytes),
    case("spsc_push_slice", spsc::push_slice),
    case("spsc_pop_slice", spsc::pop_slice),
    case("spsc_refused", spsc::refused),
    case("spsc_frozen", spsc::frozen),
    case("spsc_open_producer", ends::open_producer),
    case("spsc_open_consumer", ends::open_consumer),
    case("spsc_take_over_producer", ends::take_over_producer),
    case("spsc_take_over_consumer", ends::take_over_consumer),
    case("spsc_drop_producer", ends::drop_producer),
    case("spsc_drop_consumer", ends::drop_consumer),
    case("spsc_release_producer", ends::release_producer),
    case("spsc_reap", ends::reap),
    case("spsc_pop_from_successor", late::pop),
    case("spsc_open_after_successor", late::open),
    case("spsc_push_with_sleeper", sleeper::spsc_push),
    case("spsc_pop_with_sleeper", sleeper::spsc_pop),
    case("bytes_push_with_sleeper", sleeper::bytes_push),
    case("queue_push_with_sleeper", sleeper::queue_push),
    #[cfg(feature = "async")]
    case("queue_push_with_task", sleeper::queue_push_beside_a_task),
    #[cfg(feature = "async")]
    case("queue_pop_with_task", sleeper::queue_pop_beside_a_task),
    #[cfg(feature = "async")]
    case("queue_return_with_task", sleeper::queue_return_beside_a_task),
    case("queue_pop_with_sleeper", sleeper::queue_pop),
    case("queue_return_with_sleeper", sleeper::queue_return),
    case("queue_close_with_sleeper", sleeper::queue_close),
    case("queue_push_8_bytes", mpmc::push_8_bytes),
    case("queue_push_24_bytes", mpmc::push_24_bytes),
    case("queue_push_300_bytes", mpmc::push_300_bytes),
    case("queue_pop_8_bytes", mpmc::pop_8_bytes),
    case("queue_pop_24_bytes", mpmc::pop_24_bytes),
    case("queue_pop_300_bytes", mpmc::pop_300_bytes),
    case("queue_lease_8_bytes", mpmc::lease_8_bytes),
    case("queue_lease_24_bytes", mpmc::lease_24_bytes),
    case("queue_of_one_place", mpmc::one_place),
    case("queue_push_frozen", frozen::push),
    case("queue_push_frozen_at_close", frozen::push_at_close),
    case("queue_pop_frozen", frozen::pop),
    case("queue_lease_frozen", frozen::lease),
    case("queue_with_a_slow_push", crowd::slow_push),
    case("queue_with_a_slow_pop", crowd::slow_pop),
    case("queue_with_a_slow_lease", crowd::slow_lease),
    case("queue_with_a_slow_return", crowd::slow_return),
    case("queue_push_after_death", after_death::push),
    case("queue_pop_after_death", after_death::pop),
    case("queue_lease_after_death", after_death::lease),
    case("queue_reap", after_death::reap),
    case("bytes_push", bytes::push),
    case("bytes_read", bytes::read),
    case("bytes_without_commit", bytes::without_commit),
    case("bytes_frozen", bytes::frozen),
    #[cfg(feature = "process")]
    case("pipe_send", pipe::send),
    #[cfg(feature = "process")]
    case("pipe_send_long_message", pipe::send_long_message),
    #[cfg(feature = "process")]
    case("pipe_send_with_sleeper", pipe::send_with_sleeper),
    #[cfg(feature = "process")]
    case("pipe_send_long_message_with_sleeper", pipe::send_long_message_with_sleeper),
    #[cfg(feature = "process")]
    case("pipe_recv", pipe::recv),
    #[cfg(feature = "process")]
    case("pipe_recv_long_message", pipe::recv_long_message),
    #[cfg(feature = "process")]
    case("pipe_recv_long_message_with_sleeper", pipe::recv_long_message_with_sleeper),
];

fn main() -> ExitCode {
    if kill::arguments::obey(CASES) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
