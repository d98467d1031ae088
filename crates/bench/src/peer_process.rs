//! A process on another CPU that works on request: forked, and told what to do through shared
//! memory. Or a thread, for queues that do not leave the process.

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{hint, io, thread};

use super::kernel::affinity::{Cpu, PEER_CPU, pin};
use super::kernel::child::{self, Child};
use super::kernel::futex;
use super::kernel::page::Page;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What a peer can be asked to do: work on a number until it is done or told to stop, and return
/// the answer.
pub type Job = Box<dyn FnMut(u64, StopFlag) -> u64>;

/// Whether the peer is told to stop.
#[derive(Clone, Copy)]
pub struct StopFlag(&'static AtomicU64);

impl StopFlag {
    /// Whether it is.
    #[inline(always)]
    pub fn is_set(self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// Looks for a request before an idle peer goes to sleep: spinning longer would disturb other
/// entries.
const SPIN_LOOKS: u32 = 1_000;
/// Looks between two checks that no peer has ended, while spinning for an answer.
const LOOKS_PER_CHECK: u32 = 100_000;
/// Time between two checks that no peer has ended, while sleeping for an answer.
const TIME_PER_CHECK: Duration = Duration::from_millis(100);

/// Peer threads that have panicked.
static FAILED_THREADS: AtomicU64 = AtomicU64::new(0);

/// The words in which a process and its peer exchange requests and answers, each on a line of its
/// own.
#[derive(Clone, Copy)]
struct Mailbox {
    /// Counts requests; stored after `job` and `argument`.
    request: &'static AtomicU32,
    job: &'static AtomicU64,
    argument: &'static AtomicU64,
    stop: &'static AtomicU64,
    /// The request that the peer works on.
    begun: &'static AtomicU32,
    /// The last request that is done; stored after `answer`.
    done: &'static AtomicU32,
    answer: &'static AtomicU64,
}

impl Mailbox {
    fn new() -> Self {
        let page = Page::new();
        Self {
            request: page.futex_word(0),
            job: page.word(1),
            argument: page.word(2),
            stop: page.word(3),
            begun: page.futex_word(4),
            done: page.futex_word(5),
            answer: page.word(6),
        }
    }
}

/// The other process. It is killed on drop; a thread sleeps on.
pub struct PeerProcess {
    /// `None` for a thread.
    _child: Option<Child>,
    mailbox: Mailbox,
}

impl PeerProcess {
    /// Forks a peer pinned to [`PEER_CPU`], which opens its end of things in `jobs`.
    pub fn fork(jobs: impl FnOnce() -> Vec<Job>) -> Self {
        Self::fork_on(PEER_CPU, jobs)
    }

    /// Forks a peer pinned to `cpu`, which opens its end of things in `jobs`.
    pub fn fork_on(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job>) -> Self {
        let peer = Self::try_fork(|| {
            pin(cpu);
            jobs()
        });
        peer.expect("a child process")
    }

    /// Forks a peer that is not pinned unless `jobs` does so.
    ///
    /// # Errors
    /// Those of `fork`.
    pub fn try_fork(jobs: impl FnOnce() -> Vec<Job>) -> io::Result<Self> {
        let mailbox = Mailbox::new();
        let child = Child::fork(|| work(mailbox, jobs()))?;
        Ok(Self { _child: Some(child), mailbox })
    }

    /// Starts a thread of this process in place of a process. This process can fork no more
    /// afterwards.
    pub fn thread(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job> + Send + 'static) -> Self {
        let mailbox = Mailbox::new();
        thread::spawn(move || {
            pin(cpu);
            let _ = panic::catch_unwind(AssertUnwindSafe(|| work(mailbox, jobs())));
            FAILED_THREADS.fetch_add(1, Ordering::Relaxed);
        });
        Self { _child: None, mailbox }
    }

    /// Requests a job and returns when the peer has begun it.
    pub fn begin(&self, job: usize, argument: u64) -> PendingJob<'_> {
        let pending = self.submit(job, argument);
        self.spin_until(self.mailbox.begun, pending.request);
        pending
    }

    /// Requests a job and returns at once.
    pub fn submit(&self, job: usize, argument: u64) -> PendingJob<'_> {
        self.mailbox.job.store(job as u64, Ordering::Relaxed);
        self.mailbox.argument.store(argument, Ordering::Relaxed);
        self.mailbox.stop.store(0, Ordering::Relaxed);
        let request = self.mailbox.request.load(Ordering::Relaxed).wrapping_add(1);
        // ORDER: publishes the stores above to the load in `work`.
        self.mailbox.request.store(request, Ordering::Release);
        futex::wake_one(self.mailbox.request);
        PendingJob { peer: self, request }
    }

    fn spin_until(&self, word: &AtomicU32, request: u32) {
        let mut looks = 0_u32;
        // ORDER: pairs with the stores in `work`.
        while word.load(Ordering::Acquire) != request {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(LOOKS_PER_CHECK) {
                assert_peers_live();
            }
            hint::spin_loop();
        }
    }
}

/// Checks all peers, because one may wait for another.
fn assert_peers_live() {
    let has_failed = child::has_one_ended() || FAILED_THREADS.load(Ordering::Relaxed) > 0;
    assert!(!has_failed, "a peer process has ended");
}

/// A job that was requested of a peer.
#[must_use]
pub struct PendingJob<'a> {
    peer: &'a PeerProcess,
    request: u32,
}

impl PendingJob<'_> {
    /// Spins until the job is done.
    pub fn spin_for_answer(self) -> u64 {
        self.peer.spin_until(self.peer.mailbox.done, self.request);
        self.peer.mailbox.answer.load(Ordering::Relaxed)
    }

    /// Sleeps until the job is done, which leaves this CPU to the peers.
    pub fn sleep_for_answer(self) -> u64 {
        let mailbox = self.peer.mailbox;
        loop {
            // ORDER: pairs with the store in `work`, which follows the answer's.
            let done = mailbox.done.load(Ordering::Acquire);
            if done == self.request {
                return mailbox.answer.load(Ordering::Relaxed);
            }
            futex::wait(mailbox.done, done, Some(TIME_PER_CHECK));
            assert_peers_live();
        }
    }

    /// Tells the peer to stop, and spins until it has.
    pub fn stop(self) -> u64 {
        self.peer.mailbox.stop.store(1, Ordering::Relaxed);
        self.spin_for_answer()
    }
}

/// The peer's main loop.
fn work(mailbox: Mailbox, mut jobs: Vec<Job>) -> Infallible {
    let mut done = 0;
    let mut looks = 0_u32;
    loop {
        // ORDER: pairs with the store in `submit`.
        let request = mailbox.request.load(Ordering::Acquire);
        if request == done {
            looks += 1;
            if looks > SPIN_LOOKS {
                futex::wait(mailbox.request, done, None);
            }
            hint::spin_loop();
            continue;
        }
        let argument = mailbox.argument.load(Ordering::Relaxed);
        let job = &mut jobs[mailbox.job.load(Ordering::Relaxed) as usize];
        // ORDER: this store and that of `done` pair with the loads in `spin_until`.
        mailbox.begun.store(request, Ordering::Release);
        let answer = job(argument, StopFlag(mailbox.stop));
        mailbox.answer.store(answer, Ordering::Relaxed);
        mailbox.done.store(request, Ordering::Release);
        futex::wake_one(mailbox.done);
        (done, looks) = (request, 0);
    }
}
