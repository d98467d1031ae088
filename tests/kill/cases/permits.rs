//! `BoundedSemaphore`: a dead process's permits come back, no other's do, and nobody who waits for one is stranded.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{BoundedSemaphore, BoundedSemaphorePermit};

use super::locked::SOON;
use super::sleeper::asleep;
use super::state_word::{StateWord, create, open, without_spinning};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::process::{self, Process};
use crate::progress;
use crate::tally::Tally;

/// Where the permits' words begin. There are two.
const WORDS: u64 = 128;
const FORGOTTEN: u32 = 1 << 31;

/// Long enough to step to a sleep before it is over.
const TO_STEP: Duration = Duration::from_millis(250);

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Acquires, and keeps what it has.
    Acquire,
    /// Acquires, and gives it back.
    TryAndDrop,
    TimeoutAndDrop,
    Forget,
    Drop,
    Release,
    /// Both of these, with a permit each.
    DropAndRelease,
    /// Finds that it has none to release.
    ReleaseNone,
    /// Finds that all are its parent's.
    Refused,
    Wait,
    /// Acquires one of those of a dead process.
    Inherit,
    /// Repairs after one.
    Reap,
}

/// How others are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    None,
    /// Two, for both permits.
    Asleep,
    /// They come by.
    Awake,
}

struct AtTheSemaphore {
    name: String,
    semaphore: BoundedSemaphore,
    words: StateWord,
    deed: Deed,
    others: Others,
    sleepers: Vec<Process>,
    id: u32,
    /// The permits when the child was seen last.
    seen: [u32; 2],
}

impl AtTheSemaphore {
    fn new(name: &str, deed: Deed, others: Others) -> Self {
        let semaphore = create::<BoundedSemaphore>(name, 2);
        let words = StateWord::of(semaphore.segment(), WORDS);
        Self {
            name: name.to_owned(),
            semaphore,
            words,
            deed,
            others,
            sleepers: Vec::new(),
            id: 0,
            seen: [0; 2],
        }
    }

    fn look(&self) -> [u32; 2] {
        let both = self.words.get();
        [both as u32, (both >> 32) as u32]
    }

    fn reap(&self) {
        self.semaphore.segment().reap().unwrap();
    }

    /// The survivors can have both, and no more.
    fn check(&self, turn: usize) {
        // Mostly, somebody reaps, and the survivors need not find out by themselves.
        let reaped = !turn.is_multiple_of(8);
        if reaped {
            self.reap();
            assert_eq!(self.look(), [0; 2], "nothing is left");
        }
        let take =
            || if reaped { self.semaphore.try_acquire() } else { self.semaphore.acquire_timeout(SOON) };
        let both = [take().expect("a permit"), take().expect("the other permit")];
        assert_eq!(self.semaphore.try_acquire().err(), Some(LockError::WouldBlock), "there are two");
        drop(both);
        assert_eq!(self.semaphore.release(), Err(LockError::NotHeld));
        assert_eq!(self.look(), [0; 2]);
    }

    fn go_through(&self) -> libc::c_int {
        drop(open::<BoundedSemaphore>(&self.name).acquire().unwrap());
        0
    }

    /// A child that dies with both, one of them forgotten.
    fn one_dies_with_both(&self) {
        let take = || {
            let semaphore: &'static _ = Box::leak(Box::new(open::<BoundedSemaphore>(&self.name)));
            core::mem::forget(semaphore.acquire().unwrap());
            semaphore.acquire().unwrap().forget();
        };
        Child::fork(take, |()| {}).kill();
        assert!(!self.look().contains(&0));
    }

    /// How many the child had, and whether they are what they may be after this.
    fn had(&self, completed: bool) -> usize {
        let is_its = |word: &u32| word & !FORGOTTEN == self.id;
        let had = self.seen.iter().filter(|word| is_its(word)).count();
        let forgotten = self.seen.iter().filter(|word| is_its(word) && *word & FORGOTTEN != 0).count();
        let is_as_it_should_be = match self.deed {
            Deed::Acquire | Deed::Inherit => (had, forgotten) == (1, 0),
            Deed::Forget => (had, forgotten) == (1, 1),
            Deed::ReleaseNone => (had, forgotten) == (1, 0),
            _ => had == 0,
        };
        assert!(!completed || is_as_it_should_be, "what has returned has happened: {:x?}", self.seen);
        let least = usize::from(matches!(self.deed, Deed::Forget | Deed::ReleaseNone));
        let most = if self.deed == Deed::DropAndRelease { 2 } else { 1 };
        assert!((least..=most).contains(&had), "{:x?}", self.seen);
        had
    }
}

impl Subject for AtTheSemaphore {
    type Handle = (&'static BoundedSemaphore, RefCell<Option<BoundedSemaphorePermit<'static>>>);

    fn reset(&mut self) {
        self.reap();
        if matches!(self.deed, Deed::Inherit | Deed::Reap) {
            self.one_dies_with_both();
        }
    }

    fn open(&self) -> Self::Handle {
        let semaphore: &'static _ = Box::leak(Box::new(open::<BoundedSemaphore>(&self.name)));
        let has_one =
            matches!(self.deed, Deed::Forget | Deed::Drop | Deed::DropAndRelease | Deed::ReleaseNone);
        let permit = has_one.then(|| semaphore.acquire().unwrap());
        if matches!(self.deed, Deed::Release | Deed::DropAndRelease) {
            semaphore.acquire().unwrap().forget();
        }
        (semaphore, RefCell::new(permit))
    }

    fn operate(&self, (semaphore, permit): &Self::Handle) {
        match self.deed {
            Deed::Acquire => *permit.borrow_mut() = Some(semaphore.acquire().unwrap()),
            Deed::TryAndDrop => drop(semaphore.try_acquire().unwrap()),
            Deed::TimeoutAndDrop => drop(semaphore.acquire_timeout(SOON).unwrap()),
            Deed::Forget => permit.take().expect("a permit").forget(),
            Deed::Drop => drop(permit.take()),
            Deed::Release => semaphore.release().unwrap(),
            Deed::DropAndRelease => {
                drop(permit.take());
                semaphore.release().unwrap();
            }
            Deed::ReleaseNone => assert_eq!(semaphore.release(), Err(LockError::NotHeld)),
            Deed::Refused => assert!(semaphore.try_acquire().is_err()),
            Deed::Wait => drop(semaphore.acquire_timeout(drive::patiently(TO_STEP))),
            Deed::Inherit => *permit.borrow_mut() = Some(semaphore.try_acquire().unwrap()),
            Deed::Reap => drop(semaphore.segment().reap().unwrap()),
        }
    }

    fn begin(&mut self, child: &Child) {
        let all = self.semaphore.segment().participants().unwrap();
        self.id = all.iter().find(|participant| participant.pid == child.pid()).expect("it has attached").id;
        self.sleepers = match self.others {
            Others::None => Vec::new(),
            Others::Asleep => (0..2).map(|_| asleep(|| self.go_through())).collect(),
            Others::Awake => (0..2).map(|_| process::fork(|| self.go_through())).collect(),
        };
    }

    fn observe(&mut self, _: &Child) {
        self.seen = self.look();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        if self.others != Others::None {
            if !death.point.is_multiple_of(8) {
                self.reap();
            }
            self.sleepers.drain(..).for_each(|sleeper| assert_eq!(sleeper.exit_code(), Some(0), "stranded"));
            self.check(1);
            return "all came through";
        }
        assert_eq!(self.look(), self.seen, "a death changes nothing");
        if matches!(self.deed, Deed::Refused | Deed::Wait) {
            let me = self.semaphore.segment().participant_id().unwrap();
            self.reap();
            assert_eq!(self.look(), [me; 2], "whose they were, they are");
            return "still held";
        }
        let had = if self.deed == Deed::Reap { 0 } else { self.had(death.completed) };
        self.check(death.point);
        ["died with none", "died with one", "died with both"][had]
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.semaphore.segment().path().into_iter().collect()
    }

    /// Fewer than others where each takes as long as it waits.
    fn sample(&self) -> usize {
        if self.deed == Deed::Wait { 40 } else { 150 }
    }
}

fn each(name: &str, deeds: &[Deed]) -> Tally {
    let mut tally = Tally::default();
    for &deed in deeds {
        tally.merge(&drive::every(&mut AtTheSemaphore::new(name, deed, Others::None)));
    }
    tally
}

pub(crate) fn acquire(name: &str) -> Tally {
    each(name, &[Deed::Acquire, Deed::TryAndDrop, Deed::TimeoutAndDrop])
}

pub(crate) fn release(name: &str) -> Tally {
    each(name, &[Deed::Forget, Deed::Drop, Deed::Release, Deed::DropAndRelease, Deed::ReleaseNone])
}

/// One gives back two in turn, for each of which somebody sleeps.
pub(crate) fn release_with_sleepers(name: &str) -> Tally {
    drive::every(&mut AtTheSemaphore::new(name, Deed::DropAndRelease, Others::Asleep))
}

/// While its parent has both.
fn in_vain(name: &str, deed: Deed, run: fn(&mut AtTheSemaphore) -> Tally) -> Tally {
    let mut subject = AtTheSemaphore::new(name, deed, Others::None);
    let semaphore = subject.semaphore.clone();
    let both = [(); 2].map(|()| semaphore.acquire().unwrap());
    let tally = run(&mut subject);
    drop(both);
    subject.check(1);
    tally
}

pub(crate) fn refused(name: &str) -> Tally {
    in_vain(name, Deed::Refused, drive::changes)
}

/// A waiter killed: nobody notices.
pub(crate) fn wait(name: &str) -> Tally {
    without_spinning();
    in_vain(name, Deed::Wait, drive::changes_and_sleep)
}

/// The permits are a dead process's; one that finds that out by itself.
pub(crate) fn acquire_after_death(name: &str) -> Tally {
    drive::changes(&mut AtTheSemaphore::new(name, Deed::Inherit, Others::None))
}

/// The repair, killed: alone, and where others come upon the dead, too.
pub(crate) fn reap(name: &str) -> Tally {
    let mut tally = drive::changes(&mut AtTheSemaphore::new(name, Deed::Reap, Others::None));
    tally.merge(&drive::changes(&mut AtTheSemaphore::new(name, Deed::Reap, Others::Awake)));
    tally
}

/// B and D sleep; a permit comes back, which wakes B; it is killed after so many steps. `None` where it was too slow.
fn strand(subject: &mut AtTheSemaphore, steps: usize) -> Option<&'static str> {
    let semaphore = subject.semaphore.clone();
    let [first, second] = [(); 2].map(|()| semaphore.acquire().unwrap());
    let mut b = drive::start(subject);
    // Its second sleep: the first is a nap, too short for this.
    if b.run_to_sleep() != Stop::Asleep {
        return None;
    }
    let d = asleep(|| subject.go_through());
    let too_slow = b.poll().is_some();
    drop(first);
    if !too_slow {
        b.wait();
    }
    let end = (0..steps).map(|_| b.step()).find(|stop| *stop != Stop::Underway);
    let had = subject.look().iter().any(|word| word & !FORGOTTEN == subject.id);
    b.kill();
    if !steps.is_multiple_of(8) {
        subject.reap();
    }
    assert_eq!(d.exit_code(), Some(0), "D is not stranded");
    drop(second);
    subject.check(1);
    match end {
        _ if too_slow => None,
        Some(Stop::Done) => Some("done"),
        Some(_) => None,
        None => Some(if had { "died with it" } else { "died without it" }),
    }
}

/// B killed at every instruction between its waking and its end.
pub(crate) fn woken_waiter(name: &str) -> Tally {
    without_spinning();
    let mut subject = AtTheSemaphore::new(name, Deed::Wait, Others::None);
    let mut tally = Tally::default();
    let mut steps = 0;
    loop {
        progress::at(format_args!("a waiter killed {steps} instructions after it was woken"));
        let Some(outcome) = strand(&mut subject, steps) else { continue };
        tally.count(outcome);
        if outcome == "done" {
            return tally;
        }
        progress::count_kill();
        steps += 1;
    }
}
