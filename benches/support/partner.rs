//! Another process, on another CPU, that works on request: forked, and told what to do through shared memory.

#![allow(unsafe_code)]

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::page::Page;
use super::{PARTNER_CPU, pin};

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

/// Looks for a request before a partner begins to sleep between looks.
const EAGER_LOOKS: u32 = 100_000;

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

/// The other process. Dropped, it is killed.
pub struct Partner {
    pid: libc::pid_t,
    talk: Talk,
}

impl Partner {
    /// Forks. What `jobs` opens, the child opens for itself.
    pub fn fork(jobs: impl FnOnce() -> Vec<Job>) -> Self {
        // A thread that has been joined may be listed for a moment still.
        while threads() > 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let page = Page::new();
        let talk = Talk {
            request: page.word(0),
            job: page.word(1),
            argument: page.word(2),
            stop: page.word(3),
            begun: page.word(4),
            done: page.word(5),
            answer: page.word(6),
        };
        // SAFETY: there is no other thread that could hold a lock the child needs, as just seen.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "a child process");
        if pid == 0 {
            // SAFETY: a plain request to the kernel: the child dies with its parent.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            pin(PARTNER_CPU);
            work(talk, jobs());
        }
        Self { pid, talk }
    }

    /// Asks for a job, and returns when it has begun.
    pub fn begin(&self, job: usize, argument: u64) -> Busy<'_> {
        self.talk.job.store(job as u64, Ordering::Relaxed);
        self.talk.argument.store(argument, Ordering::Relaxed);
        self.talk.stop.store(0, Ordering::Relaxed);
        let request = self.talk.request.load(Ordering::Relaxed) + 1;
        self.talk.request.store(request, Ordering::Release);
        self.wait_for(self.talk.begun, request);
        Busy { partner: self, request }
    }

    fn wait_for(&self, word: &AtomicU64, request: u64) {
        let mut looks = 0_u32;
        while word.load(Ordering::Acquire) != request {
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(EAGER_LOOKS) {
                // SAFETY: looks after our own child; no status is written.
                let ended = unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), libc::WNOHANG) };
                assert_eq!(ended, 0, "the partner has ended");
            }
            std::hint::spin_loop();
        }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // SAFETY: our own child, not waited for yet.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // SAFETY: as above; no status is written.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
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
        self.partner.wait_for(self.partner.talk.done, self.request);
        self.partner.talk.answer.load(Ordering::Relaxed)
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

/// The child's life.
fn work(talk: Talk, mut jobs: Vec<Job>) -> ! {
    let mut done = 0;
    let mut looks = 0_u32;
    loop {
        let request = talk.request.load(Ordering::Acquire);
        if request == done {
            looks = looks.saturating_add(1);
            if looks > EAGER_LOOKS {
                std::thread::sleep(Duration::from_micros(50));
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
        (done, looks) = (request, 0);
    }
}
