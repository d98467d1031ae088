//! `Semaphore`: the count is right, and nobody who waits is stranded.

use std::time::Duration;

use breezeway::sync::Semaphore;

use super::sleeper::asleep;
use super::state_word::StateWord;
use crate::kill::child::{Child, Stop};
use crate::kill::drive::{self, Death, Subject};
use crate::kill::process::Process;
use crate::kill::progress;
use crate::kill::tally::Tally;
use crate::kill::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Acquire,
    Release,
    /// Acquires, and releases by dropping the permit.
    Both,
    /// Waits in vain, or for what it is given then.
    Wait,
}

/// How many it releases at once. One more than there are sleepers: what is left over shows that it was done.
const MANY: usize = 3;

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(250);

struct AtTheSemaphore {
    name: String,
    semaphore: Semaphore,
    count: StateWord,
    deed: Deed,
    before: u64,
    /// The count when the child was seen last.
    seen: u64,
    /// How many others sleep.
    others: usize,
    sleepers: Vec<Process>,
}

impl AtTheSemaphore {
    fn new(name: &str, deed: Deed, before: u64, others: usize) -> Self {
        let semaphore = Semaphore::create(name, 0).unwrap();
        let count = StateWord::of(semaphore.segment(), 0);
        let name = name.to_owned();
        Self { name, semaphore, count, deed, before, seen: 0, others, sleepers: Vec::new() }
    }

    /// A process that sleeps until it has a permit, and keeps it.
    fn sleeper(&self) -> Process {
        asleep(|| {
            Semaphore::open(&self.name).unwrap().acquire().unwrap().forget();
            0
        })
    }

    fn all_come_through(&mut self) {
        self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(0)));
    }
}

impl Subject for AtTheSemaphore {
    type Handle = Semaphore;

    fn reset(&mut self) {
        // A waiter would do it instead, which is a long way.
        self.semaphore.segment().reap().unwrap();
        self.count.set(self.before);
    }

    fn open(&self) -> Semaphore {
        Semaphore::open(&self.name).unwrap()
    }

    fn operate(&self, semaphore: &Semaphore) {
        match self.deed {
            Deed::Acquire => semaphore.acquire().unwrap().forget(),
            Deed::Release => semaphore.release(MANY).unwrap(),
            Deed::Both => drop(semaphore.acquire().unwrap()),
            Deed::Wait => {
                if let Ok(permit) = semaphore.acquire_timeout(PATIENCE) {
                    permit.forget();
                }
            }
        }
    }

    fn begin(&mut self, _: &Child) {
        self.sleepers = (0..self.others).map(|_| self.sleeper()).collect();
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.count.get();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let many = MANY as u64;
        let (after, between) = match self.deed {
            Deed::Acquire => (self.before - 1, None),
            Deed::Release => (self.before + many, None),
            Deed::Both => (self.before, Some(self.before - 1)),
            Deed::Wait => (self.before, None),
        };
        if self.others == 0 {
            assert_eq!(self.count.get(), self.seen, "a death changes nothing");
            assert!(!death.completed || self.seen == after, "what has returned has happened");
            assert!(
                self.seen == after || self.seen == self.before || Some(self.seen) == between,
                "{}",
                self.seen
            );
            // The survivors can do with it what it says, and no more.
            let rest =
                core::iter::from_fn(|| self.semaphore.try_acquire().ok().map(|permit| permit.forget()));
            assert_eq!(rest.count() as u64, self.seen);
            self.semaphore.release(1).unwrap();
            drop(self.semaphore.acquire().unwrap());
            return if self.seen == self.before { "as before" } else { "changed" };
        }
        // The sleepers may take theirs by now; or the next one does it instead.
        let has_committed = self.seen != self.before;
        assert!(!death.completed || has_committed, "what has returned has happened");
        if !has_committed {
            assert_eq!(self.count.get(), self.before);
            self.semaphore.release(MANY).unwrap();
        }
        self.all_come_through();
        assert_eq!(self.count.get(), self.before + many - self.others as u64);
        if has_committed { "served" } else { "served by the next" }
    }

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }
}

pub(crate) fn acquire(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Acquire, 3, 0))
}

pub(crate) fn release(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Release, 3, 0))
}

pub(crate) fn both(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Both, 1, 0))
}

/// Two sleep for what a child releases.
pub(crate) fn release_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Release, 0, MANY - 1))
}

/// Leaves this process and its children one CPU, which lets nobody spin: stepping through that takes longer than they wait. The first
/// wait of a process counts its CPUs; its children inherit the number.
pub(super) fn without_spinning() {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let all = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).expect("a CPU"));
    sched_setaffinity(None, &one).unwrap();
}

fn wait_once(subject: &AtTheSemaphore) {
    without_spinning();
    assert!(subject.semaphore.acquire_timeout(Duration::from_millis(1)).is_err());
}

/// A waiter killed: nobody notices, and what is released is another's.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = AtTheSemaphore::new(name, Deed::Wait, 0, 0);
    wait_once(&subject);
    // On a very busy machine the time may be over before the child comes to sleep.
    let mut rounds = std::iter::repeat_with(|| drive::changes(&mut subject)).take(5);
    rounds.find(Tally::has_asleep).expect("a wait is a sleep")
}

/// What became of one attempt to strand D.
enum Attempt {
    /// B's sleep was over before it was woken.
    TooSlow,
    /// B was killed awake, and the permit was left.
    Left,
    /// B was killed awake, and had the permit; or D was faster than both.
    Had,
    /// B was done.
    Done,
}

/// B and D sleep; a permit is released, which wakes B; it is killed after so many steps.
fn strand(subject: &mut AtTheSemaphore, trace: &Trace, steps: usize) -> Attempt {
    let mut b = drive::start(subject);
    // Its second sleep: the first is a nap, too short for this.
    b.travel(trace.route(trace.sleeps()[1]));
    if b.step() != Stop::Asleep {
        b.kill();
        return Attempt::TooSlow;
    }
    let d = subject.sleeper();
    let too_slow = b.poll().is_some();
    subject.semaphore.release(1).unwrap();
    if !too_slow {
        b.wait();
    }
    let is_done = (0..steps).any(|_| b.step() == Stop::Done);
    b.kill();
    let is_left = subject.count.get() > 0;
    if !is_left {
        subject.semaphore.release(1).unwrap();
    }
    assert_eq!(d.exit_code(), Some(0), "D is not stranded");
    let rest = subject.count.get();
    assert!(rest == 0 || rest == 1 && !is_left && !is_done, "{rest} left");
    match (too_slow, is_done, is_left) {
        (true, ..) => Attempt::TooSlow,
        (_, true, _) => Attempt::Done,
        (.., true) => Attempt::Left,
        (.., false) => Attempt::Had,
    }
}

/// B killed at every instruction between its waking and its return.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    let mut subject = AtTheSemaphore::new(name, Deed::Wait, 0, 0);
    wait_once(&subject);
    let mut traces = std::iter::repeat_with(|| drive::trace(&mut subject, |_, _, _| {})).take(5);
    {
        let t = traces.next().unwrap();
        let mut h = std::collections::BTreeMap::new();
        for n in 0..=t.last() {
            *h.entry(t.address(n).unwrap()).or_insert(0) += 1;
        }
        let mut v: Vec<_> = h.into_iter().collect();
        v.sort_by_key(|x| std::cmp::Reverse(x.1));
        eprintln!(
            "{} {:?} calls {:?} sleeps {:?}",
            t.last(),
            &v[..40].iter().map(|(a, c)| format!("{:x}:{}", a, c)).collect::<Vec<_>>(),
            t.system_calls(),
            t.sleeps()
        );
        eprintln!("{}", std::fs::read_to_string("/proc/self/maps").unwrap());
        panic!();
    }
    let trace = traces.find(|trace| trace.sleeps().len() > 1).expect("a wait is two sleeps and more");
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        match strand(&mut subject, &trace, steps) {
            Attempt::TooSlow => continue,
            Attempt::Left => tally.count("the other had it"),
            Attempt::Had => tally.count("had it"),
            Attempt::Done => {
                tally.count("done");
                return tally;
            }
        }
        progress::count_kill();
        steps += 1;
    }
}
