//! Another process, on another CPU, that works on request: forked, and told what to do through shared memory. Or a thread, for
//! what knows no processes.

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{hint, io, thread};

use super::kernel::affinity::{Cpu, PEER_CPU, pin};
use super::kernel::child::{self, Child};
use super::kernel::futex;
use super::kernel::page::Page;
use core::sync::atomic::{AtomicU64, Ordering};

/// What a peer can be asked to do: with a number, until the work is done or it is told to stop. It answers with another.
pub type Job = Box<dyn FnMut(u64, Stop) -> u64>;

/// Whether the peer has been told to stop.
#[derive(Clone, Copy)]
pub struct Stop(&'static AtomicU64);

impl Stop {
    /// Whether it has.
    #[inline(always)]
    pub fn is_told(self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// Looks for a request before an idle peer goes to sleep: it may be in the way of another.
const EAGER_LOOKS: u32 = 1_000;
/// Looks, or the time, after which who waits makes sure that the peer lives.
const TRUSTING_LOOKS: u32 = 100_000;
/// See [`TRUSTING_LOOKS`].
const TRUSTING_TIME: Duration = Duration::from_millis(100);

/// How many partners that are threads have panicked.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// The words in which a process and its peer mailbox, each on a line of its own.
#[derive(Clone, Copy)]
struct Mailbox {
    /// Counts requests; stored last.
    request: &'static AtomicU64,
    job: &'static AtomicU64,
    argument: &'static AtomicU64,
    stop: &'static AtomicU64,
    /// The request that the peer works on.
    begun: &'static AtomicU64,
    /// The request that is done; stored last.
    done: &'static AtomicU64,
    answer: &'static AtomicU64,
}

impl Mailbox {
    fn new() -> Self {
        let page = Page::new();
        Self {
            request: page.word(0),
            job: page.word(1),
            argument: page.word(2),
            stop: page.word(3),
            begun: page.word(4),
            done: page.word(5),
            answer: page.word(6),
        }
    }
}

/// The other process. Dropped, it is killed; a thread sleeps on.
pub struct PeerProcess {
    /// Of a process.
    _child: Option<Child>,
    mailbox: Mailbox,
}

impl PeerProcess {
    /// Forks, to [`PEER_CPU`]. What `jobs` opens, the child opens for itself.
    ///
    /// # Panics
    /// Where the kernel has no process left.
    pub fn fork(jobs: impl FnOnce() -> Vec<Job>) -> Self {
        Self::fork_to(PEER_CPU, jobs)
    }

    /// The same, on a CPU of the caller's choice.
    ///
    /// # Panics
    /// As [`PeerProcess::fork`].
    pub fn fork_to(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job>) -> Self {
        let peer = Self::try_fork(|| {
            pin(cpu);
            jobs()
        });
        peer.expect("a child process")
    }

    /// Forks; where the child runs is the business of `jobs`, which it does first.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn try_fork(jobs: impl FnOnce() -> Vec<Job>) -> io::Result<Self> {
        let mailbox = Mailbox::new();
        let child = Child::fork(|| work(mailbox, jobs()))?;
        Ok(Self { _child: Some(child), mailbox })
    }

    /// A thread of this process. There can be no more forks then.
    pub fn thread(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job> + Send + 'static) -> Self {
        let mailbox = Mailbox::new();
        thread::spawn(move || {
            pin(cpu);
            let _ = panic::catch_unwind(AssertUnwindSafe(|| work(mailbox, jobs())));
            FAILURES.fetch_add(1, Ordering::Relaxed);
        });
        Self { _child: None, mailbox }
    }

    /// Asks for a job, and returns when it has begun.
    ///
    /// # Panics
    /// Where a peer has ended.
    pub fn begin(&self, job: usize, argument: u64) -> PendingJob<'_> {
        let busy = self.ask(job, argument);
        self.spin_until(self.mailbox.begun, busy.request);
        busy
    }

    /// Asks for a job, and returns at once.
    pub fn ask(&self, job: usize, argument: u64) -> PendingJob<'_> {
        self.mailbox.job.store(job as u64, Ordering::Relaxed);
        self.mailbox.argument.store(argument, Ordering::Relaxed);
        self.mailbox.stop.store(0, Ordering::Relaxed);
        let request = self.mailbox.request.load(Ordering::Relaxed) + 1;
        // ORDER: pairs with the load in `work`, which reads what was just stored.
        self.mailbox.request.store(request, Ordering::Release);
        futex::wake_one(self.mailbox.request);
        PendingJob { peer: self, request }
    }

    fn spin_until(&self, word: &AtomicU64, request: u64) {
        let mut looks = 0_u32;
        // ORDER: pairs with the stores in `work`.
        while word.load(Ordering::Acquire) != request {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(TRUSTING_LOOKS) {
                assert_peers_live();
            }
            hint::spin_loop();
        }
    }
}

/// All that there are: one may wait for another.
fn assert_peers_live() {
    assert!(!child::has_one_ended() && FAILURES.load(Ordering::Relaxed) == 0, "a peer has ended");
}

/// A peer at work.
#[must_use]
pub struct PendingJob<'a> {
    peer: &'a PeerProcess,
    request: u64,
}

impl PendingJob<'_> {
    /// Waits until the job is done.
    ///
    /// # Panics
    /// Where a peer has ended.
    pub fn answer(self) -> u64 {
        self.peer.spin_until(self.peer.mailbox.done, self.request);
        self.peer.mailbox.answer.load(Ordering::Relaxed)
    }

    /// The same, asleep, where the peer needs this CPU.
    ///
    /// # Panics
    /// Where a peer has ended.
    pub fn answer_asleep(self) -> u64 {
        let mailbox = self.peer.mailbox;
        loop {
            // ORDER: pairs with the store in `work`, made after the answer's.
            let done = mailbox.done.load(Ordering::Acquire);
            if done == self.request {
                return mailbox.answer.load(Ordering::Relaxed);
            }
            futex::wait(mailbox.done, done, TRUSTING_TIME);
            assert_peers_live();
        }
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// Where a peer has ended.
    pub fn stop(self) -> u64 {
        self.peer.mailbox.stop.store(1, Ordering::Relaxed);
        self.answer()
    }
}

/// The peer's life.
fn work(mailbox: Mailbox, mut jobs: Vec<Job>) -> Infallible {
    let mut done = 0;
    let mut looks = 0_u32;
    loop {
        // ORDER: pairs with the store in `ask`.
        let request = mailbox.request.load(Ordering::Acquire);
        if request == done {
            looks += 1;
            if looks > EAGER_LOOKS {
                futex::wait_forever(mailbox.request, done);
            }
            hint::spin_loop();
            continue;
        }
        let argument = mailbox.argument.load(Ordering::Relaxed);
        let job = &mut jobs[mailbox.job.load(Ordering::Relaxed) as usize];
        // ORDER: pairs with the load in `spin_until`, as does the one below.
        mailbox.begun.store(request, Ordering::Release);
        let answer = job(argument, Stop(mailbox.stop));
        mailbox.answer.store(answer, Ordering::Relaxed);
        mailbox.done.store(request, Ordering::Release);
        futex::wake_one(mailbox.done);
        (done, looks) = (request, 0);
    }
}
