//! Another process, on another CPU, that works on request: forked, and told what to do through shared memory. Or a thread, for
//! what knows no processes.

#![allow(unsafe_code)]

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::cpu::{PARTNER_CPU, pin};
use super::futex;
use super::page::Page;

/// What a partner can be asked to do: with a number, until the work is done or it is told to stop. It answers with another.
pub type Job = Box<dyn FnMut(u64, Stop) -> u64>;

/// Whether the partner has been told to stop.
#[derive(Clone, Copy)]
pub struct Stop(&'static AtomicU64);

impl Stop {
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

/// A partner that is a thread has panicked.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

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
    pid: Option<libc::pid_t>,
    talk: Talk,
}

impl Partner {
    /// Forks. What `jobs` opens, the child opens for itself.
    pub fn fork(jobs: impl FnOnce() -> Vec<Job>) -> Self {
        Self::fork_to(PARTNER_CPU, jobs)
    }

    /// The same, on a CPU of the caller's choice.
    pub fn fork_to(cpu: usize, jobs: impl FnOnce() -> Vec<Job>) -> Self {
        // A thread that has been joined may be listed for a moment still.
        while threads() > 1 {
            thread::sleep(Duration::from_millis(1));
        }
        let talk = Talk::new();
        // SAFETY: there is no other thread that could hold a lock the child needs, as just seen.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "a child process");
        if pid == 0 {
            // SAFETY: a plain request to the kernel: the child dies with its parent.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            pin(cpu);
            // Nothing unwinds to what the parent does next.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| work(talk, jobs())));
            // SAFETY: ends the child, and nothing of the parent's is dropped.
            unsafe { libc::_exit(101) };
        }
        Self { pid: Some(pid), talk }
    }

    /// A thread of this process. There can be no more forks then.
    pub fn thread(cpu: usize, jobs: impl FnOnce() -> Vec<Job> + Send + 'static) -> Self {
        let talk = Talk::new();
        thread::spawn(move || {
            pin(cpu);
            let _ = panic::catch_unwind(AssertUnwindSafe(|| work(talk, jobs())));
            HAS_FAILED.store(true, Ordering::Relaxed);
        });
        Self { pid: None, talk }
    }

    /// Asks for a job, and returns when it has begun.
    pub fn begin(&self, job: usize, argument: u64) -> Busy<'_> {
        self.talk.job.store(job as u64, Ordering::Relaxed);
        self.talk.argument.store(argument, Ordering::Relaxed);
        self.talk.stop.store(0, Ordering::Relaxed);
        let request = self.talk.request.load(Ordering::Relaxed) + 1;
        self.talk.request.store(request, Ordering::Release);
        futex::wake_one(self.talk.request);
        self.spin_until(self.talk.begun, request);
        Busy { partner: self, request }
    }

    fn spin_until(&self, word: &AtomicU64, request: u64) {
        let mut looks = 0_u32;
        while word.load(Ordering::Acquire) != request {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(TRUSTING_LOOKS) {
                assert_partners_live();
            }
            std::hint::spin_loop();
        }
    }
}

/// All that there are: one may wait for another.
fn assert_partners_live() {
    // SAFETY: looks after our own children; no status is written.
    let ended = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    assert!(ended <= 0 && !HAS_FAILED.load(Ordering::Relaxed), "a partner has ended");
}

impl Drop for Partner {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            // SAFETY: our own child, not waited for yet, or seen to end by itself just before a panic.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // SAFETY: as above; no status is written.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        }
    }
}

/// A partner at work.
#[must_use]
pub struct Busy<'a> {
    partner: &'a Partner,
    request: u64,
}

impl Busy<'_> {
    /// Waits until the job is done.
    pub fn answer(self) -> u64 {
        self.partner.spin_until(self.partner.talk.done, self.request);
        self.partner.talk.answer.load(Ordering::Relaxed)
    }

    /// The same, asleep, where the partner needs this CPU.
    pub fn answer_asleep(self) -> u64 {
        let talk = self.partner.talk;
        loop {
            let done = talk.done.load(Ordering::Acquire);
            if done == self.request {
                return talk.answer.load(Ordering::Relaxed);
            }
            futex::wait(talk.done, done, TRUSTING_TIME);
            assert_partners_live();
        }
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(self) -> u64 {
        self.partner.talk.stop.store(1, Ordering::Relaxed);
        self.answer()
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("this process's threads").count()
}

/// The partner's life.
fn work(talk: Talk, mut jobs: Vec<Job>) -> ! {
    let mut done = 0;
    let mut looks = 0_u32;
    loop {
        let request = talk.request.load(Ordering::Acquire);
        if request == done {
            looks += 1;
            if looks > EAGER_LOOKS {
                futex::wait_forever(talk.request, done);
            }
            std::hint::spin_loop();
            continue;
        }
        let argument = talk.argument.load(Ordering::Relaxed);
        let job = &mut jobs[talk.job.load(Ordering::Relaxed) as usize];
        talk.begun.store(request, Ordering::Release);
        let answer = job(argument, Stop(talk.stop));
        talk.answer.store(answer, Ordering::Relaxed);
        talk.done.store(request, Ordering::Release);
        futex::wake_one(talk.done);
        (done, looks) = (request, 0);
    }
}
