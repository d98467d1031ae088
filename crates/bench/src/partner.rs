//! Another process, on another CPU, that works on request: forked, and told what to do through shared memory. Or a thread, for
//! what knows no processes.

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{hint, io, thread};

use super::kernel::affinity::{Cpu, PARTNER_CPU, pin};
use super::kernel::child::{self, Child};
use super::kernel::futex;
use super::kernel::page::Page;
use core::sync::atomic::{AtomicU64, Ordering};

/// What a partner can be asked to do: with a number, until the work is done or it is told to stop. It answers with another.
pub type Job = Box<dyn FnMut(u64, Stop) -> u64>;

/// Whether the partner has been told to stop.
#[derive(Clone, Copy)]
pub struct Stop(&'static AtomicU64);

impl Stop {
    /// Whether it has.
    #[inline(always)]
    pub fn is_told(self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// Looks for a request before an idle partner goes to sleep: it may be in the way of another.
const EAGER_LOOKS: u32 = 1_000;
/// Looks, or the time, after which who waits makes sure that the partner lives.
const TRUSTING_LOOKS: u32 = 100_000;
/// See [`TRUSTING_LOOKS`].
const TRUSTING_TIME: Duration = Duration::from_millis(100);

/// How many partners that are threads have panicked.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// The words in which a process and its partner talk, each on a line of its own.
#[derive(Clone, Copy)]
struct Talk {
    /// Counts requests; stored last.
    request: &'static AtomicU64,
    job: &'static AtomicU64,
    argument: &'static AtomicU64,
    stop: &'static AtomicU64,
    /// The request that the partner works on.
    begun: &'static AtomicU64,
    /// The request that is done; stored last.
    done: &'static AtomicU64,
    answer: &'static AtomicU64,
}

impl Talk {
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
pub struct Partner {
    /// Of a process.
    _child: Option<Child>,
    talk: Talk,
}

impl Partner {
    /// Forks, to [`PARTNER_CPU`]. What `jobs` opens, the child opens for itself.
    ///
    /// # Panics
    /// Where the kernel has no process left.
    pub fn fork(jobs: impl FnOnce() -> Vec<Job>) -> Self {
        Self::fork_to(PARTNER_CPU, jobs)
    }

    /// The same, on a CPU of the caller's choice.
    ///
    /// # Panics
    /// As [`Partner::fork`].
    pub fn fork_to(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job>) -> Self {
        let partner = Self::try_fork(|| {
            pin(cpu);
            jobs()
        });
        partner.expect("a child process")
    }

    /// Forks; where the child runs is the business of `jobs`, which it does first.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn try_fork(jobs: impl FnOnce() -> Vec<Job>) -> io::Result<Self> {
        let talk = Talk::new();
        let child = Child::fork(|| work(talk, jobs()))?;
        Ok(Self { _child: Some(child), talk })
    }

    /// A thread of this process. There can be no more forks then.
    pub fn thread(cpu: Cpu, jobs: impl FnOnce() -> Vec<Job> + Send + 'static) -> Self {
        let talk = Talk::new();
        thread::spawn(move || {
            pin(cpu);
            let _ = panic::catch_unwind(AssertUnwindSafe(|| work(talk, jobs())));
            FAILURES.fetch_add(1, Ordering::Relaxed);
        });
        Self { _child: None, talk }
    }

    /// Asks for a job, and returns when it has begun.
    ///
    /// # Panics
    /// Where a partner has ended.
    pub fn begin(&self, job: usize, argument: u64) -> Busy<'_> {
        let busy = self.ask(job, argument);
        self.spin_until(self.talk.begun, busy.request);
        busy
    }

    /// Asks for a job, and returns at once.
    pub fn ask(&self, job: usize, argument: u64) -> Busy<'_> {
        self.talk.job.store(job as u64, Ordering::Relaxed);
        self.talk.argument.store(argument, Ordering::Relaxed);
        self.talk.stop.store(0, Ordering::Relaxed);
        let request = self.talk.request.load(Ordering::Relaxed) + 1;
        // ORDER: pairs with the load in `work`, which reads what was just stored.
        self.talk.request.store(request, Ordering::Release);
        futex::wake_one(self.talk.request);
        Busy { partner: self, request }
    }

    fn spin_until(&self, word: &AtomicU64, request: u64) {
        let mut looks = 0_u32;
        // ORDER: pairs with the stores in `work`.
        while word.load(Ordering::Acquire) != request {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(TRUSTING_LOOKS) {
                assert_partners_live();
            }
            hint::spin_loop();
        }
    }
}

/// All that there are: one may wait for another.
fn assert_partners_live() {
    assert!(!child::has_one_ended() && FAILURES.load(Ordering::Relaxed) == 0, "a partner has ended");
}

/// A partner at work.
#[must_use]
pub struct Busy<'a> {
    partner: &'a Partner,
    request: u64,
}

impl Busy<'_> {
    /// Waits until the job is done.
    ///
    /// # Panics
    /// Where a partner has ended.
    pub fn answer(self) -> u64 {
        self.partner.spin_until(self.partner.talk.done, self.request);
        self.partner.talk.answer.load(Ordering::Relaxed)
    }

    /// The same, asleep, where the partner needs this CPU.
    ///
    /// # Panics
    /// Where a partner has ended.
    pub fn answer_asleep(self) -> u64 {
        let talk = self.partner.talk;
        loop {
            // ORDER: pairs with the store in `work`, made after the answer's.
            let done = talk.done.load(Ordering::Acquire);
            if done == self.request {
                return talk.answer.load(Ordering::Relaxed);
            }
            futex::wait(talk.done, done, TRUSTING_TIME);
            assert_partners_live();
        }
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// Where a partner has ended.
    pub fn stop(self) -> u64 {
        self.partner.talk.stop.store(1, Ordering::Relaxed);
        self.answer()
    }
}

/// The partner's life.
fn work(talk: Talk, mut jobs: Vec<Job>) -> Infallible {
    let mut done = 0;
    let mut looks = 0_u32;
    loop {
        // ORDER: pairs with the store in `ask`.
        let request = talk.request.load(Ordering::Acquire);
        if request == done {
            looks += 1;
            if looks > EAGER_LOOKS {
                futex::wait_forever(talk.request, done);
            }
            hint::spin_loop();
            continue;
        }
        let argument = talk.argument.load(Ordering::Relaxed);
        let job = &mut jobs[talk.job.load(Ordering::Relaxed) as usize];
        // ORDER: pairs with the load in `spin_until`, as does the one below.
        talk.begun.store(request, Ordering::Release);
        let answer = job(argument, Stop(talk.stop));
        talk.answer.store(answer, Ordering::Relaxed);
        talk.done.store(request, Ordering::Release);
        futex::wake_one(talk.done);
        (done, looks) = (request, 0);
    }
}
