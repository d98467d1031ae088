//! Semaphores, events, readers' locks and condition variables, beside what the C library and the kernel have.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use breezeway_bench::kernel::affinity::{Cpu, OUR_CPU, PEER_CPU};
use breezeway_bench::kernel::pthread as c;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::Lock;
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::runner::{Entry, timed};
use breezeway::sync::{Condvar, Event, Mutex, MutexGuard, RwLock, Semaphore};

use crate::parked;
use crate::selection::Selection;

pub const SEMAPHORE: &str = "sync: Semaphore, acquire and release";
pub const SEM_T: &str = "sync: sem_t, wait and post";
pub const IS_SET: &str = "sync: Event::is_set";
pub const MUTEX: &str = "sync: Mutex, lock and unlock";
pub const READ: &str = "sync: RwLock, read lock and unlock";
pub const TWO_READERS: &str = "sync: RwLock, the same beside another reader";
pub const NOTIFY: &str = "sync: Condvar::notify_one, nobody waits";
pub const CONDVAR_ONE: &str = "parked, one CPU: Condvar";
pub const CONDVAR_TWO: &str = "parked, two CPUs: Condvar";
pub const CONDVAR_ONE_LOCKED: &str = "parked, one CPU: Condvar, notified under the lock";
pub const CONDVAR_TWO_LOCKED: &str = "parked, two CPUs: Condvar, notified under the lock";

/// Of those who sleep; see [`parked::add_processes`].
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
        let semaphore = c::Semaphore::new(Page::new(), 0);
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
        let peer = PeerProcess::fork(|| vec![read_until_told(lock.clone())]);
        Entry::new(name, move |times| {
            let reading = peer.begin(0, 0);
            let elapsed = timed(times, || drop(black_box(&lock).read().expect("the lock")));
            assert!(reading.stop() > 0, "the other has read meanwhile");
            elapsed
        })
    });
    selection.add(NOTIFY, |name| {
        let condvar = Condvar::new().expect("a condition variable");
        Entry::looped(name, move || black_box(&condvar).notify_one())
    });
}

/// The other reader. It answers how often it was.
fn read_until_told(lock: RwLock) -> Job {
    Box::new(move |_, stop| {
        let mut times = 0;
        while times == 0 || !stop.is_told() {
            drop(black_box(&lock).read().expect("the lock"));
            times += 1;
        }
        times
    })
}

/// When the other is notified. Under the lock, the woken one finds it held, which costs most where both share a CPU.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notified {
    Unlocked,
    UnderTheLock,
}

/// One who asks and one who answers, each in its own condition variable until it is its turn.
fn ping_pong(name: &'static str, cpu: Cpu, notified: Notified) -> Entry<'static> {
    let table = Table {
        mutex: Mutex::new().expect("a mutex"),
        asked: Condvar::new().expect("a condition variable"),
        answered: Condvar::new().expect("a condition variable"),
        // Both under the lock.
        questions: Page::new().word(0),
        answers: Page::new().word(0),
    };
    let ask = {
        let table = table.clone();
        move || -> Job {
            Box::new(move |times, _| {
                let mut start = Instant::now();
                for n in 0..=times {
                    let mut guard = table.mutex.lock().expect("the lock");
                    table.questions.fetch_add(1, Ordering::Relaxed);
                    guard = table.notify(&table.asked, guard, notified);
                    let owing =
                        || table.answers.load(Ordering::Relaxed) < table.questions.load(Ordering::Relaxed);
                    drop(table.answered.wait_while(guard, owing).expect("the lock"));
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
            let mut guard = table.mutex.lock().expect("the lock");
            for _ in 0..=times {
                let idle =
                    || table.questions.load(Ordering::Relaxed) == table.answers.load(Ordering::Relaxed);
                guard = table.asked.wait_while(guard, idle).expect("the lock");
                table.answers.fetch_add(1, Ordering::Relaxed);
                guard = table.notify(&table.answered, guard, notified);
            }
            times
        })
    };
    parked::side(name, cpu, ask, echo)
}

#[derive(Clone)]
struct Table {
    mutex: Mutex,
    asked: Condvar,
    answered: Condvar,
    questions: &'static AtomicU64,
    answers: &'static AtomicU64,
}

impl Table {
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
