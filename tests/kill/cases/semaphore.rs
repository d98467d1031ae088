//! `Semaphore`: the count is right, and nobody who waits is stranded.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{Semaphore, SemaphorePermit};

use super::sleeper::asleep;
use super::state_word::{self, StateWord, without_spinning};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::process::Process;
use crate::progress;
use crate::tally::Tally;
use crate::trace::Trace;

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Acquire,
    Release,
    /// Acquires, and releases by dropping the permit.
    Both,
    /// Drops a permit.
    Drop,
    /// Wants what it does not get.
    Refused,
    /// Waits in vain, or for what it is given then.
    Wait,
}

/// How many it releases at once. One more than there are sleepers: what is left over shows that it was done.
const MANY: usize = 3;

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(250);

/// Long enough to come to the second sleep on a very busy machine, too.
const LONG_PATIENCE: Duration = Duration::from_secs(1);

struct AtTheSemaphore {
    name: String,
    semaphore: Semaphore,
    count: StateWord,
    deed: Deed,
    /// How long the child waits, if it does.
    patience: Duration,
    before: u64,
    /// The count when the child was seen last.
    seen: u64,
    /// How many others sleep.
    others: usize,
    sleepers: Vec<Process>,
}

impl AtTheSemaphore {
    fn new(name: &str, deed: Deed, before: u64, others: usize) -> Self {
        let semaphore: Semaphore = state_word::create(name, 0);
        let count = StateWord::of(semaphore.segment(), 0);
        let name = name.to_owned();
        Self {
            name,
            semaphore,
            count,
            deed,
            before,
            seen: 0,
            others,
            patience: PATIENCE,
            sleepers: Vec::new(),
        }
    }

    /// A process that sleeps until it has a permit, and keeps it.
    fn sleeper(&self) -> Process {
        asleep(|| {
            state_word::open::<Semaphore>(&self.name).acquire().unwrap().forget();
            0
        })
    }

    fn all_come_through(&mut self) {
        self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(0)));
    }

    /// Nobody sleeps.
    fn survive_alone(&self, death: &Death) -> &'static str {
        let (after, between) = match self.deed {
            Deed::Acquire => (self.before - 1, None),
            Deed::Release => (self.before + MANY as u64, None),
            Deed::Both => (self.before, Some(self.before - 1)),
            Deed::Wait | Deed::Refused => (self.before, None),
            Deed::Drop => unreachable!("somebody sleeps"),
        };
        assert_eq!(self.count.get(), self.seen, "a death changes nothing");
        assert!(!death.completed || self.seen == after, "what has returned has happened");
        let is_known = self.seen == after || self.seen == self.before || Some(self.seen) == between;
        assert!(is_known, "{}", self.seen);
        // The survivors can do with it what it says, and no more.
        let rest = core::iter::from_fn(|| self.semaphore.try_acquire().ok().map(|permit| permit.forget()));
        assert_eq!(rest.count() as u64, self.seen);
        self.semaphore.release(1).unwrap();
        drop(self.semaphore.acquire().unwrap());
        if self.seen == self.before { "as before" } else { "changed" }
    }

    /// The sleepers may take theirs by now; or the next one does it instead.
    fn survive_with_sleepers(&mut self, death: &Death) -> &'static str {
        let released = if self.deed == Deed::Drop { 1 } else { MANY };
        let was_seen = self.seen != 0;
        let by_others = if was_seen { 0 } else { released };
        self.semaphore.release(by_others).unwrap();
        let sleepers = self.sleepers.len();
        self.all_come_through();
        // A sleeper that was quick may have been the only one to see it.
        let has_committed = match self.count.get() as usize + sleepers - by_others {
            0 => false,
            by_child => {
                assert_eq!(by_child, released);
                true
            }
        };
        assert!(has_committed || !was_seen && !death.completed, "what has returned has happened");
        if has_committed { "served" } else { "served by the next" }
    }
}

/// What the child has: a semaphore, and perhaps a permit.
type Handle = (&'static Semaphore, RefCell<Option<SemaphorePermit<'static>>>);

impl Subject for AtTheSemaphore {
    type Handle = Handle;

    fn reset(&mut self) {
        // A waiter would do it instead, which is a long way.
        self.semaphore.segment().reap().unwrap();
        self.count.set(self.before);
    }

    fn open(&self) -> Handle {
        let semaphore: &'static Semaphore = Box::leak(Box::new(state_word::open(&self.name)));
        let permit = (self.deed == Deed::Drop).then(|| semaphore.acquire().unwrap());
        (semaphore, RefCell::new(permit))
    }

    fn operate(&self, (semaphore, permit): &Handle) {
        match self.deed {
            Deed::Acquire => semaphore.acquire().unwrap().forget(),
            Deed::Release => semaphore.release(MANY).unwrap(),
            Deed::Both => drop(semaphore.acquire().unwrap()),
            Deed::Drop => drop(permit.take()),
            Deed::Refused => {
                assert_eq!(semaphore.try_acquire().err(), Some(LockError::WouldBlock));
                let too_many = Err(LockError::TooMany { limit: Semaphore::MAX_PERMITS });
                assert_eq!(semaphore.release(Semaphore::MAX_PERMITS + 1), too_many);
            }
            Deed::Wait => {
                if let Ok(permit) = semaphore.acquire_timeout(drive::patiently(self.patience)) {
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
        if self.others == 0 { self.survive_alone(death) } else { self.survive_with_sleepers(death) }
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

pub(crate) fn refused(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Refused, 0, 0))
}

/// One sleeps for the permit that a child has.
pub(crate) fn drop_with_sleeper(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Drop, 1, 1))
}

/// Two sleep for what a child releases.
pub(crate) fn release_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::Release, 0, MANY - 1))
}

/// A waiter killed: nobody notices, and what is released is another's.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = AtTheSemaphore::new(name, Deed::Wait, 0, 0);
    without_spinning();
    drive::changes_and_sleep(&mut subject)
}

/// What became of one attempt to strand D.
enum Attempt {
    /// B's sleep was over before it was woken, or D was faster.
    TooSlow,
    /// B was killed awake, and the permit was left.
    Left,
    /// B was killed awake, and had the permit.
    Had,
    /// B was done.
    Done,
}

/// Longer than the first sleep of a waiter, which is a short one.
const NAP: Duration = Duration::from_millis(15);

/// B and D sleep; a permit is released, which wakes B; it is killed after so many steps.
fn strand(subject: &mut AtTheSemaphore, trace: &Trace, steps: usize) -> Attempt {
    let mut b = drive::start(subject);
    b.travel(trace.route(trace.sleeps()[1]));
    if b.step() != Stop::Asleep {
        return Attempt::TooSlow;
    }
    let d = subject.sleeper();
    std::thread::sleep(NAP);
    while !d.is_on_a_futex() {
        std::thread::sleep(Duration::from_micros(50));
    }
    let too_slow = b.poll().is_some();
    subject.semaphore.release(1).unwrap();
    if !too_slow {
        b.wait();
    }
    // Asleep again it is where D was faster.
    let end = (0..steps).map(|_| b.step()).find(|stop| *stop != Stop::Underway);
    b.kill();
    let is_left = subject.count.get() > 0;
    if !is_left {
        subject.semaphore.release(1).unwrap();
    }
    assert_eq!(d.exit_code(), Some(0), "D is not stranded");
    let rest = subject.count.get();
    // Where D had it, which was faster, there is the one that was released instead.
    assert!(rest == 0 || rest == 1 && !is_left && end != Some(Stop::Done), "{rest} left");
    match (end, is_left) {
        _ if too_slow || rest == 1 => Attempt::TooSlow,
        (Some(Stop::Done), _) => Attempt::Done,
        (Some(_), _) => Attempt::TooSlow,
        (None, true) => Attempt::Left,
        (None, false) => Attempt::Had,
    }
}

/// B killed at every instruction between its waking and its return.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    let mut subject = AtTheSemaphore::new(name, Deed::Wait, 0, 0);
    without_spinning();
    subject.patience = LONG_PATIENCE;
    // A nap and a sleep.
    let trace = drive::trace_sleeping(&mut subject, 2);
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
