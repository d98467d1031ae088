//! How long to wait, and the way from looking to sleeping: look, spin a little, then sleep in slices.

use core::iter;
use std::time::Duration;

use super::event_word::EventWord;
pub(crate) use super::event_word::Sleepers;
use super::tally::Tally;
use super::turn::{Bed, Turn};
use crate::primitive::{AtomicI32, AtomicU32, AtomicU64, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience<'a> {
    /// Not at all.
    None,
    /// So long.
    For(Duration),
    /// As long as it takes.
    Forever,
    /// Not in this call, which comes to the end of its time; but when there is news the task is called, and tries again.
    #[cfg_attr(not(feature = "async"), expect(dead_code))]
    Later(&'a dyn Turn),
}

/// The longest sleep before looking again.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// The first of them. So briefly may a sleeper be overlooked, which saves it a barrier that costs as much as falling asleep; a
/// waker would have to look in the very nanoseconds in which the sleeper's mark is on its way to it. A briefer nap is not a cheaper
/// one: a timer that ends before the next tick has to be set in the hardware, which in a virtual machine takes microseconds.
const NAP: Duration = Duration::from_millis(10);

/// Looks in a row before the first pause: half a microsecond, in which what is under way between two CPUs arrives. A pause takes
/// up to 50 ns, and would come on top of each round trip.
const EAGER_LOOKS: u32 = 400;

/// Looks between two looks at the clock.
const PAUSED_LOOKS: u32 = 16;

/// How long to spin before going to sleep, at most: a little more than it takes to wake a sleeper, so that two who wait for each
/// other and both sleep find out of that again.
const LONGEST: u32 = 50_000;
/// And at least, after many sleeps.
const SHORTEST: u32 = 1_000;
/// One wait in so many spins as long as it may, whatever was learnt: it would not be learnt otherwise that times have changed.
const HOPEFUL: u32 = 32;

/// Going on so little between two stops, or looking so few times while stopped, is going hard by the other side: each message then
/// moves its cache lines, and each look moves them back.
const FEW: u64 = 8;
/// What the longest pause is worth.
const MANY: u64 = 16;
/// So much is more than a pause is needed for.
const PLENTY: u64 = 128;
/// Pauses in a row where a side goes hard by the other, at most: a third of a microsecond.
const MOST_PAUSES: i32 = 7;
/// Stops without a pause after pausing did not help. Both sides may be one thread.
const REST: i32 = 256;

/// What a handle has learnt of how to wait.
///
/// How long, in nanoseconds, it spins before it sleeps: as long as was worth it lately, and hardly at all after spinning in vain.
///
/// And how long it pauses before it looks again, once it has come to a stop: longer each time while it goes hard by the other
/// side, so that many messages share the moves of a line. Two that take turns wait longer for each other, and do not pause; nor
/// does who finds that no more comes for it.
#[derive(Debug)]
pub(crate) struct Spin {
    nanos: AtomicU32,
    in_vain: AtomicU32,
    /// Or, below 0, how many stops are left without one.
    pauses: AtomicI32,
    /// How far this side had come when it stopped last.
    position: AtomicU64,
    /// Looks since then.
    looks: AtomicU64,
}

impl Default for Spin {
    fn default() -> Self {
        Self {
            nanos: AtomicU32::new(LONGEST),
            in_vain: AtomicU32::new(0),
            pauses: AtomicI32::new(0),
            position: AtomicU64::new(0),
            looks: AtomicU64::new(0),
        }
    }
}

impl Spin {
    /// To be called where a side can go no further for now, having come so far. Pauses where that is worth it, and says whether
    /// it did.
    #[inline]
    pub(crate) fn back_off(&self, position: u64) -> bool {
        let looks = self.looks.load(Ordering::Relaxed);
        let passed = position.wrapping_sub(self.position.load(Ordering::Relaxed));
        if passed == 0 {
            self.looks.store(looks.wrapping_add(1), Ordering::Relaxed);
            return false;
        }
        self.position.store(position, Ordering::Relaxed);
        self.looks.store(0, Ordering::Relaxed);
        let pauses = match self.pauses.load(Ordering::Relaxed) {
            resting if resting < 0 => resting + 1,
            _ if looks >= FEW => 0,
            MOST_PAUSES if passed < MANY => -REST,
            pauses if passed < FEW => 2 * pauses + 1,
            pauses if passed > PLENTY => pauses / 2,
            pauses => pauses,
        };
        self.pauses.store(pauses, Ordering::Relaxed);
        (0..pauses).for_each(|_| spin_loop());
        pauses > 0
    }

    fn nanos(&self) -> u32 {
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        if in_vain % HOPEFUL == HOPEFUL - 1 { LONGEST } else { self.nanos.load(Ordering::Relaxed) }
    }

    fn was_worth_it(&self) {
        self.nanos.store(LONGEST, Ordering::Relaxed);
    }

    fn was_in_vain(&self) {
        self.in_vain.fetch_add(1, Ordering::Relaxed);
        let shorter = self.nanos.load(Ordering::Relaxed) / 2;
        self.nanos.store(shorter.max(SHORTEST), Ordering::Relaxed);
    }

    /// Looks until something is found, or it is time to sleep.
    fn spin<R>(&self, look: &mut impl FnMut() -> Option<R>) -> Option<R> {
        for looks in 0..EAGER_LOOKS {
            spin_loop();
            if let Some(found) = look() {
                self.looks.store(looks.into(), Ordering::Relaxed);
                return Some(found);
            }
        }
        self.looks.store(EAGER_LOOKS.into(), Ordering::Relaxed);
        let end = Deadline::after(Duration::from_nanos(self.nanos().into()));
        while !end.has_passed() {
            for _ in 0..PAUSED_LOOKS {
                spin_loop();
                if let Some(found) = look() {
                    self.was_worth_it();
                    return Some(found);
                }
            }
        }
        self.was_in_vain();
        None
    }
}

/// Waits until `look` finds something, and says what; `None` where it found nothing in time.
///
/// Whoever makes `look` find something notifies `event`. `care` is called after a sleep in vain, the slices of a long one included,
/// and when the time is over: then it is worth a system call to see whether somebody has died whom this waits for. What becomes
/// of a wait that sleeps is counted in `tally`.
#[inline(always)]
pub(crate) fn wait_for<R>(
    (event, tally): (&EventWord, &Tally),
    sleepers: Sleepers,
    patience: Patience<'_>,
    spin: &Spin,
    mut look: impl FnMut() -> Option<R>,
    care: impl FnMut(),
) -> Option<R> {
    if let Some(found) = look() {
        return Some(found);
    }
    let deadline = match patience {
        Patience::None => return None,
        Patience::For(duration) => Some(Deadline::after(duration)),
        Patience::Forever => None,
        Patience::Later(turn) => return wait_later((event, tally), sleepers, turn, look, care),
    };
    wait_on((event, tally), sleepers, deadline, spin, look, care)
}

#[cold]
fn wait_on<R>(
    (event, tally): (&EventWord, &Tally),
    sleepers: Sleepers,
    deadline: Option<Deadline>,
    spin: &Spin,
    mut look: impl FnMut() -> Option<R>,
    mut care: impl FnMut(),
) -> Option<R> {
    if has_many_cpus()
        && let Some(found) = spin.spin(&mut look)
    {
        return Some(found);
    }
    for is_nap in iter::once(true).chain(iter::repeat(false)) {
        let is_over = deadline.is_some_and(Deadline::has_passed);
        if is_over || !is_nap {
            care();
        }
        if is_over {
            return look();
        }
        let announced = if is_nap { event.announce_nap() } else { event.announce() };
        if let Some(found) = look() {
            return Some(found);
        }
        tally.waits.add(is_nap.into());
        tally.parks.add(1);
        let slice = Deadline::after(if announced.is_seen { SLICE } else { NAP });
        event.sleep(announced, deadline.map_or(slice, |deadline| deadline.min(slice)));
        if let Some(found) = look() {
            tally.wakes.add(1);
            if sleepers != Sleepers::One {
                // One wake-up may have been for two, or found its way to who could not use it: it is passed on.
                event.notify(1);
            }
            return Some(found);
        }
    }
    None
}

#[cold]
fn wait_later<R>(
    (event, tally): (&EventWord, &Tally),
    sleepers: Sleepers,
    turn: &dyn Turn,
    mut look: impl FnMut() -> Option<R>,
    mut care: impl FnMut(),
) -> Option<R> {
    if turn.is_round() {
        care();
        if let Some(found) = look() {
            return Some(found);
        }
    }
    turn.wait_at(Bed::Event(event), sleepers);
    let found = look();
    if found.is_none() {
        tally.parks.add(1);
    }
    found
}
