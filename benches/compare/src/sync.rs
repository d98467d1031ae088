//! Semaphores, events, readers–writer locks and condition variables, beside the C library's
//! semaphore and bare futexes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use breezeway::sync::{Condvar, Event, Mutex, MutexGuard, RwLock, Semaphore};
use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::kernel::page::Page;
use breezeway_bench::kernel::pthread;
use breezeway_bench::locks::Lock;
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::runner::{Entry, timed};

use crate::parked;
use crate::selection::Selection;

pub const SEMAPHORE: &str = "sync: Semaphore, acquire and release";
pub const SEM_T: &str = "sync: sem_t, wait and post";
pub const IS_SET: &str = "sync: Event::is_set";
pub const MUTEX: &str = "sync: Mutex, lock and unlock";
pub const READ: &str = "sync: RwLock, read lock and unlock";
pub const TWO_READERS: &str = "sync: RwLock, read beside another reader";
pub const NOTIFY: &str = "sync: Condvar::notify_one, no waiters";
pub const CONDVAR_ONE: &str = "parked, one CPU: Condvar";
pub const CONDVAR_TWO: &str = "parked, two CPUs: Condvar";
pub const CONDVAR_ONE_LOCKED: &str = "parked, one CPU: Condvar, notified under the lock";
pub const CONDVAR_TWO_LOCKED: &str = "parked, two CPUs: Condvar, notified under the lock";

/// Called when [`parked::add_processes`] is.
pub fn add_parked(selection: &mut Selection) {
    selection.add(CONDVAR_ONE, |name| ping_pong(name, OUR_CPU, Notified::Unlocked));
    selection.add(CONDVAR_TWO, |name| ping_pong(name, PEER_CPU, Notified::Unlocked));
    selection.add(CONDVAR_ONE_LOCKED, |name| ping_pong(name, OUR_CPU, Notified::UnderTheLock));
    selection.add(CONDVAR_TWO_LOCKED, |name| ping_pong(name, PEER_CPU, Notified::UnderTheLock));
}

pub fn add_processes(selection: &mut Selection) {
    selection.add(SEMAPHORE, |name| {
        let semaphore = Semaphore::new(1).expect("a semaphore");
        Entry::looped(name, move || drop(black_box(&semaphore).acquire().expect("a permit")))
    });
    selection.add(SEM_T, |name| {
        let semaphore = pthread::Semaphore::new(Page::new(), 0);
        Entry::looped(name, move || black_box(&semaphore).locked(|| ()))
    });
    selection.add(IS_SET, |name| {
        let event = Event::new().expect("an event");
        Entry::looped(name, move || black_box(&event).is_set())
    });
    selection.add(MUTEX, |name| {
        let mutex = Mutex::new().expect("a mutex");
        Entry::looped(name, move || drop(black_box(&mutex).lock().expect("the lock")))
    });
    selection.add(READ, |name| {
        let lock = RwLock::new().expect("a lock");
        Entry::looped(name, move || drop(black_box(&lock).read().expect("the lock")))
    });
    selection.add(TWO_READERS, |name| {
        let lock = RwLock::new().expect("a lock");
        let peer = PeerProcess::fork(|| vec![read_until_stopped(lock.clone())]);
        Entry::new(name, move |times| {
            let reading = peer.begin(0, 0);
            let elapsed = timed(times, || drop(black_box(&lock).read().expect("the lock")));
            assert!(reading.stop() > 0, "the peer has read meanwhile");
            elapsed
        })
    });
    selection.add(NOTIFY, |name| {
        let condvar = Condvar::new().expect("a condition variable");
        Entry::looped(name, move || black_box(&condvar).notify_one())
    });
}

/// Reads until told to stop, and answers how often it did.
fn read_until_stopped(lock: RwLock) -> Job {
    Box::new(move |_, stop| {
        let mut times = 0;
        while times == 0 || !stop.is_set() {
            drop(black_box(&lock).read().expect("the lock"));
            times += 1;
        }
        times
    })
}

/// When the other process is notified. If that happens under the lock, the woken process finds it
/// held, which costs most when both share a CPU.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notified {
    Unlocked,
    UnderTheLock,
}

/// Round trips: each process waits in a condition variable of its own until the other notifies it.
fn ping_pong(name: &'static str, cpu: Cpu, notified: Notified) -> Entry<'static> {
    let state = PingPong {
        mutex: Mutex::new().expect("a mutex"),
        asked: Condvar::new().expect("a condition variable"),
        answered: Condvar::new().expect("a condition variable"),
        // The lock protects both.
        questions: Page::new().word(0),
        answers: Page::new().word(0),
    };
    let ping = {
        let state = state.clone();
        move || -> Job {
            Box::new(move |times, _| {
                let mut start = Instant::now();
                for n in 0..=times {
                    let mut guard = state.mutex.lock().expect("the lock");
                    state.questions.fetch_add(1, Ordering::Relaxed);
                    guard = state.notify(&state.asked, guard, notified);
                    let owing =
                        || state.answers.load(Ordering::Relaxed) < state.questions.load(Ordering::Relaxed);
                    drop(state.answered.wait_while(guard, owing).expect("the lock"));
                    if n == 0 {
                        start = Instant::now();
                    }
                }
                start.elapsed().as_nanos() as u64
            })
        }
    };
    let echo = move || -> Job {
        Box::new(move |times, _| {
            let mut guard = state.mutex.lock().expect("the lock");
            for _ in 0..=times {
                let idle =
                    || state.questions.load(Ordering::Relaxed) == state.answers.load(Ordering::Relaxed);
                guard = state.asked.wait_while(guard, idle).expect("the lock");
                state.answers.fetch_add(1, Ordering::Relaxed);
                guard = state.notify(&state.answered, guard, notified);
            }
            times
        })
    };
    parked::entry(name, cpu, ping, echo)
}

#[derive(Clone)]
struct PingPong {
    mutex: Mutex,
    asked: Condvar,
    answered: Condvar,
    questions: &'static AtomicU64,
    answers: &'static AtomicU64,
}

impl PingPong {
    fn notify<'m>(&'m self, condvar: &Condvar, guard: MutexGuard<'m>, notified: Notified) -> MutexGuard<'m> {
        if notified == Notified::UnderTheLock {
            condvar.notify_one();
            return guard;
        }
        drop(guard);
        condvar.notify_one();
        self.mutex.lock().expect("the lock")
    }
}
