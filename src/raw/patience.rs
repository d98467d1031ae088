//! How long to wait, and the way from looking to sleeping: look, spin a little, then sleep in slices.

use std::time::Duration;

use super::event_word::EventWord;
use crate::primitive::{AtomicU32, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// So long.
    For(Duration),
    /// As long as it takes.
    Forever,
}

/// The longest sleep before looking again.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// The same where the system lacks the barrier without which a waker may overlook a sleeper.
const SHORT_SLICE: Duration = Duration::from_millis(1);

/// Looks in a row before the first pause: half a microsecond, in which what is under way between two CPUs arrives. A pause takes
/// up to 50 ns, and would come on top of each round trip.
const EAGER_LOOKS: u32 = 400;

/// Pauses before going to sleep, at most: together a little less than a sleep and a wake-up take.
const MOST_PAUSES: u32 = 400;
/// And at least, so that who waits more briefly again is noticed.
const FEWEST_PAUSES: u32 = 8;

/// How long a handle spins before it sleeps: about twice as long as it had to lately, and hardly at all after spinning in vain.
#[derive(Debug)]
pub(crate) struct Spin(AtomicU32);

impl Default for Spin {
    fn default() -> Self {
        Self(AtomicU32::new(MOST_PAUSES / 4))
    }
}

impl Spin {
    fn most_pauses(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn was_worth(&self, pauses: u32) {
        let (before, now) = (self.most_pauses(), 2 * pauses);
        self.set((before * 7 + now) / 8);
    }

    fn was_in_vain(&self) {
        self.set(self.most_pauses() / 2);
    }

    fn set(&self, pauses: u32) {
        self.0.store(pauses.clamp(FEWEST_PAUSES, MOST_PAUSES), Ordering::Relaxed);
    }
}

/// Waits until `look` finds something, and says what; `None` where it found nothing in time.
///
/// Whoever makes `look` find something notifies `event`. `care` is called before each sleep, the slices of a long one included:
/// there is time to see whether somebody has died whom this waits for. It says how often it was called before.
#[inline(always)]
pub(crate) fn wait_for<R>(
    event: &EventWord,
    patience: Patience,
    spin: &Spin,
    mut look: impl FnMut() -> Option<R>,
    care: impl FnMut(u32),
) -> Option<R> {
    if let Some(found) = look() {
        return Some(found);
    }
    let deadline = match patience {
        Patience::None => return None,
        Patience::For(duration) => Some(Deadline::after(duration)),
        Patience::Forever => None,
    };
    wait_on(event, deadline, spin, look, care)
}

#[cold]
fn wait_on<R>(
    event: &EventWord,
    deadline: Option<Deadline>,
    spin: &Spin,
    mut look: impl FnMut() -> Option<R>,
    mut care: impl FnMut(u32),
) -> Option<R> {
    if has_many_cpus() && deadline.is_none_or(|deadline| !deadline.has_passed()) {
        for _ in 0..EAGER_LOOKS {
            if let Some(found) = look() {
                spin.was_worth(0);
                return Some(found);
            }
        }
        for pauses in 0..spin.most_pauses() {
            spin_loop();
            if let Some(found) = look() {
                spin.was_worth(pauses);
                return Some(found);
            }
        }
        spin.was_in_vain();
    }
    for sleeps in 0_u32.. {
        care(sleeps);
        let announced = event.announce();
        if let Some(found) = look() {
            return Some(found);
        }
        if deadline.is_some_and(Deadline::has_passed) {
            break;
        }
        let slice = Deadline::after(if announced.is_seen { SLICE } else { SHORT_SLICE });
        event.sleep(announced, deadline.map_or(slice, |deadline| deadline.min(slice)));
        if let Some(found) = look() {
            return Some(found);
        }
    }
    None
}
