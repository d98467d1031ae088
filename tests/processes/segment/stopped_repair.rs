//! A process that is stopped in the middle of a repair, wherever that is: others repair after the same dead participant, go on
//! with what it held, and keep that when the stopped one goes on.
#![allow(clippy::multiple_unsafe_ops_per_block)]
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use breezeway::queue::spsc::{Consumer, Producer};
use breezeway::queue::{JoinableQueue, Queue};
use breezeway::sync::{Barrier, BoundedSemaphore, Condvar, Mutex, RwLock};
use breezeway::{Atomic, LockError, PopError, Segment};
use rustix::process::{Signal, set_parent_process_death_signal};
use support::fork::{Forked, fork};
use support::process::{resume, until};
use support::scratch::Name;
use support::{Role, Watchdog, role, say};

/// Longer than any wait here takes. A watchdog bounds the whole.
const LONG: Duration = Duration::from_secs(60);

const SIZE: u64 = 1 << 18;

/// Waiters that a condition variable has room for.
const WAITERS: usize = 256;

/// A segment with an object of each kind that a participant can hold something of.
struct Objects {
    name: Name,
    segment: Segment,
    mutex: Mutex,
    rwlock: RwLock,
    permits: BoundedSemaphore,
    messages: Queue<u64>,
    jobs: JoinableQueue<u64>,
    producer: Producer<u64>,
    barrier: Barrier,
    condvar: Condvar,
    /// The condition variable's, and what its waiter waits for.
    waiters: Mutex,
    is_over: Atomic<bool>,
    /// How far the children are.
    stage: Atomic<u32>,
    /// How many ids the stopped process has freed.
    reaped: Atomic<u32>,
}

impl Objects {
    fn new(what: &str) -> Self {
        let name = Name::new(what);
        let segment = Segment::builder().participants(8).create(&name, SIZE).unwrap();
        let objects = Self {
            mutex: segment.add("mutex", ()).unwrap(),
            rwlock: segment.add("rwlock", ()).unwrap(),
            permits: segment.add("permits", 2).unwrap(),
            messages: segment.add("messages", 4).unwrap(),
            jobs: segment.add("jobs", 4).unwrap(),
            producer: segment.add("ring", 4).unwrap(),
            barrier: segment.add("barrier", 2).unwrap(),
            condvar: segment.add("condvar", ()).unwrap(),
            waiters: segment.add("waiters", ()).unwrap(),
            is_over: segment.add("is over", false).unwrap(),
            stage: segment.add("stage", 0).unwrap(),
            reaped: segment.add("reaped", 0).unwrap(),
            name,
            segment,
        };
        objects.messages.push(7).unwrap();
        objects.jobs.push(8).unwrap();
        objects
    }

    fn path(&self) -> PathBuf {
        self.name.path()
    }

    /// A child takes something of everything, and is killed.
    fn kill_holder(&self) {
        let holder = fork(|| {
            let _guard = self.mutex.lock().unwrap();
            let _read = self.rwlock.read().unwrap();
            let _permit = self.permits.acquire().unwrap();
            let _message = self.messages.lease().unwrap();
            let _job = self.jobs.lease().unwrap();
            let _consumer = self.segment.get::<Consumer<u64>>("ring").unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| self.barrier.wait());
                scope.spawn(|| {
                    let guard = self.waiters.lock().unwrap();
                    self.stage.store(1, SeqCst);
                    self.condvar.wait(guard).map(drop)
                });
            });
        });
        until(|| self.stage.load(SeqCst) == 1 && self.barrier.waiting() == 1);
        // The waiter has unlocked it, so it has its slot.
        drop(self.waiters.lock().unwrap());
        end(&holder, libc::SIGKILL);
    }

    /// A child that is about to repair, and is traced by this thread.
    fn start_repairer(&self) -> Forked {
        let repairer = fork(|| {
            // A stopped process would outlive a test that fails.
            set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
            self.segment.participant_id().unwrap();
            // SAFETY: no memory is passed; the parent traces the child, which stops for that.
            unsafe {
                libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                libc::raise(libc::SIGSTOP);
            }
            self.reaped.store(self.segment.reap().unwrap(), SeqCst);
        });
        assert!(libc::WIFSTOPPED(wait(&repairer)));
        repairer
    }
}

/// The status of a child that has stopped or ended.
fn wait(child: &Forked) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is a local.
    assert_eq!(unsafe { libc::waitpid(child.pid() as i32, &mut status, 0) }, child.pid() as i32);
    status
}

fn end(child: &Forked, signal: i32) {
    // SAFETY: this process's own child.
    unsafe { libc::kill(child.pid() as i32, signal) };
    wait(child);
}

/// Has the child execute one instruction. `false` if that has ended it.
fn step(child: &Forked) -> bool {
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, child.pid() as i32, 0, 0) }, 0);
    libc::WIFSTOPPED(wait(child))
}

/// Executes the repair instruction by instruction. Returns after which of them the segment's bytes
/// have just changed, some more, and the last.
fn points() -> Vec<usize> {
    let objects = Objects::new("repair-traced");
    objects.kill_holder();
    let file = File::open(objects.path()).unwrap();
    let read = |bytes: &mut [u8]| file.read_exact_at(bytes, 0).unwrap();
    let (mut before, mut now) = (vec![0; SIZE as usize], vec![0; SIZE as usize]);
    let repairer = objects.start_repairer();
    read(&mut before);
    let (mut steps, mut points) = (0, BTreeSet::new());
    while step(&repairer) {
        steps += 1;
        read(&mut now);
        if now != before {
            points.insert(steps);
            std::mem::swap(&mut before, &mut now);
        }
    }
    assert_eq!(objects.reaped.load(SeqCst), 1);
    assert!(points.len() > 10, "something of each object is repaired: {points:?}");
    points.extend((0..8).map(|nth| steps * nth / 8));
    points.into_iter().collect()
}

#[test]
fn stopped_repairer_delays_no_repair_and_takes_nothing_later() {
    let _watchdog = Watchdog::start(180);
    let mut child = Role::spawn(stage_role, &[""]);
    assert_eq!(child.hear(), "done");
    assert!(child.join().success());
}

#[test]
fn stage_role() {
    let Some(_) = role() else { return };
    for point in points() {
        let mut objects = Objects::new("repair");
        objects.kill_holder();
        let repairer = objects.start_repairer();
        if (0..point).all(|_| step(&repairer)) {
            // SAFETY: no memory is passed. The child gets the signal before it executes anything.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, repairer.pid() as i32, 0, libc::SIGSTOP) };
            go_on_beside(&mut objects, repairer, point);
        }
    }
    say("done");
}

/// Repairs, goes on with all that the dead participant held, and lets the stopped process go on.
fn go_on_beside(whole: &mut Objects, stopped: Forked, point: usize) {
    let objects = &*whole;
    let Objects { segment, mutex, rwlock, permits, messages, jobs, barrier, condvar, waiters, .. } = objects;
    let reaped = segment.reap().unwrap();
    assert!(segment.participants().unwrap().iter().all(|one| one.alive), "stopped after {point}");

    let guard = mutex.lock_timeout(LONG).unwrap();
    assert!(guard.recovered(), "stopped after {point}");
    let message = messages.lease_timeout(LONG).unwrap();
    assert!(*message == 7 && message.redelivered(), "stopped after {point}");
    let job = jobs.lease_timeout(LONG).unwrap();
    assert!(*job == 8 && job.redelivered(), "stopped after {point}");
    let write = rwlock.write_timeout(LONG).unwrap();
    let mut consumer = segment.get::<Consumer<u64>>("ring").unwrap();
    let permit = permits.try_acquire().unwrap();
    // The next participant, perhaps under the dead one's id, has the other permit.
    let next = fork(|| {
        let _permit = permits.try_acquire().unwrap();
        objects.stage.store(2, SeqCst);
        until(|| objects.stage.load(SeqCst) == 3);
    });
    until(|| objects.stage.load(SeqCst) == 2);
    assert!(barrier.is_broken());
    barrier.reset();
    // The next waiter comes to the dead one's slot.
    for _ in 1..WAITERS {
        drop(condvar.wait_timeout(waiters.lock().unwrap(), Duration::ZERO).unwrap());
    }
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let guard = waiters.lock().unwrap();
            objects.stage.fetch_add(10, SeqCst);
            condvar.wait_timeout_while(guard, LONG, || !objects.is_over.load(SeqCst)).unwrap().1
        });
        until(|| objects.stage.load(SeqCst) == 12);
        drop(waiters.lock().unwrap());
        let party = scope.spawn(|| barrier.wait_timeout(LONG).map(drop));
        until(|| barrier.waiting() == 1);

        resume(stopped.pid());
        stopped.join();
        assert_eq!(reaped + objects.reaped.load(SeqCst), 1, "the id is freed once, stopped after {point}");

        let other = || (mutex.try_lock().map(drop), rwlock.try_read().map(drop));
        let refused = (Err(LockError::WouldBlock), Err(LockError::WouldBlock));
        assert_eq!(scope.spawn(other).join().unwrap(), refused, "stopped after {point}");
        barrier.wait_timeout(LONG).unwrap();
        party.join().unwrap().unwrap();
        let guard = waiters.lock().unwrap();
        objects.is_over.store(true, SeqCst);
        drop(guard);
        condvar.notify_one();
        assert!(!waiter.join().unwrap().has_timed_out(), "stopped after {point}");
    });
    drop((guard, write));
    message.ack().unwrap();
    assert_eq!(messages.try_pop(), Err(PopError::Empty));
    job.ack().unwrap();
    assert_eq!((jobs.unfinished(), jobs.try_pop()), (0, Err(PopError::Empty)));
    assert!(permits.try_acquire().is_err(), "stopped after {point}");
    drop(permit);
    objects.stage.store(3, SeqCst);
    next.join();
    assert_eq!(permits.available(), permits.total());
    segment.reap().unwrap();
    assert_eq!(segment.participants().unwrap().len(), 1);
    whole.producer.push(9).unwrap();
    assert_eq!(consumer.try_pop(), Ok(9));
}
