//! Waiting for a `Mutex`: a waiter's death hangs nobody, and a holder's death strands no waiter.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{Mutex, MutexGuard};

use super::mutex::LockUnlock;
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::process::{self, Process};
use crate::tally::Tally;
use crate::window::Holder;

/// A child waits for the lock that its parent holds.
pub(super) struct Waiter {
    pub(super) name: String,
    pub(super) parent: LockUnlock,
}

/// Long enough to step to the sleep (in the trace) before it is over, and longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(120);

impl Subject for Waiter {
    type Handle = Mutex;

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        assert!(matches!(mutex.lock_timeout(drive::patiently(PATIENCE)), Err(LockError::Timeout)));
    }

    fn survive(&mut self, _: &Death) -> &'static str {
        assert_eq!(
            self.parent.watched.lock.holder(),
            Holder::Thread(std::process::id()),
            "who had it has it"
        );
        "still held"
    }

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }
}

/// The first wait of a process counts its CPUs, which is a long way. Its children inherit the number, and take the short one.
pub(super) fn wait_once(parent: &LockUnlock) {
    let (lock, segment) = (&parent.watched.lock, parent.mutex.segment());
    lock.set_holder(segment, std::os::unix::process::parent_id());
    assert!(matches!(parent.mutex.lock_timeout(Duration::from_millis(1)), Err(LockError::Timeout)));
    lock.set_holder(segment, 0);
    parent.check(false);
}

/// A waiter killed: the holder notices nothing, and the lock can be had after it.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = Waiter { name: name.to_owned(), parent: LockUnlock::new(name) };
    wait_once(&subject.parent);
    let mutex = subject.parent.mutex.clone();
    let guard = mutex.lock().unwrap();
    let tally = drive::changes_and_sleep(&mut subject);
    drop(guard);
    subject.parent.check(false);
    tally
}

/// A child unlocks a mutex that another process sleeps for.
struct Unlock {
    name: String,
    parent: LockUnlock,
    waiter: Option<Process>,
    /// Whose the lock was when the child was seen last.
    before: Holder,
}

/// A process that waits for the mutex of this name, for ever if need be, and ends when it has had it.
pub(super) fn another_waiter(name: &str) -> Process {
    process::fork(|| {
        let mutex = Mutex::open(name).unwrap();
        let recovered = mutex.lock().expect("the waiter gets the lock").recovered();
        if recovered { AFTER_DEATH } else { CLEANLY }
    })
}

/// How the waiter got the lock, as its exit code.
pub(super) const CLEANLY: libc::c_int = 0;
pub(super) const AFTER_DEATH: libc::c_int = 1;

impl Subject for Unlock {
    type Handle = RefCell<Option<MutexGuard<'static>>>;

    fn open(&self) -> Self::Handle {
        let mutex: &'static Mutex = Box::leak(Box::new(Mutex::open(&self.name).unwrap()));
        RefCell::new(Some(mutex.lock().unwrap()))
    }

    fn operate(&self, guard: &Self::Handle) {
        drop(guard.take());
    }

    fn begin(&mut self, _: &Child) {
        self.waiter = Some(another_waiter(&self.name));
        while !self.parent.watched.lock.has_waiters() {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn observe(&mut self, _: &Child) {
        self.before = self.parent.watched.lock.holder();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.before == Holder::Thread(death.pid);
        assert!(!(held && death.completed), "what has returned has happened");
        let code = self.waiter.take().unwrap().exit_code();
        assert_eq!(
            code,
            Some(if held { AFTER_DEATH } else { CLEANLY }),
            "the waiter gets the lock, and the truth"
        );
        self.parent.check(false);
        if held { "passed on by the kernel" } else { "passed on" }
    }
}

/// A holder killed while it unlocks: the sleeping waiter gets the lock.
pub(crate) fn unlock(name: &str) -> Tally {
    let parent = LockUnlock::new(name);
    drive::every(&mut Unlock { name: name.to_owned(), parent, waiter: None, before: Holder::Nobody })
}
