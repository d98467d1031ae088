//! What became of every message of a `Queue`, and the scripts of survivors that enter it in a ledger.

use super::numbered::Numbered;
use super::queue::Parent;

/// What became of every message.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By those that operate around the stopped process.
    pub(super) pushed: Vec<u32>,
    pub(super) popped: Vec<u32>,
    /// Pushed by others.
    pub(super) others: Vec<u32>,
    /// Popped by others.
    pub(super) taken: Vec<u32>,
    /// Messages that had been leased, and whose lease was dropped.
    pub(super) returned: Vec<u32>,
    /// How many processes there are at most to be reaped, if that is known. (A process that tries
    /// often enough reaps, too.)
    pub(super) dead: Option<u32>,
}

impl Ledger {
    /// After the death of a process that found the messages `found` and left those in `left`, of
    /// which the first `leased` had been leased; it may have pushed `new`. Returns the outcome of
    /// its operation, too.
    pub(super) fn after_death(
        (found, left): (&[u32], &[u32]),
        leased: usize,
        new: u32,
    ) -> (Self, &'static str) {
        let missing_in = |some: &[u32], others: &[u32]| -> Vec<u32> {
            others.iter().filter(|number| !some.contains(number)).copied().collect()
        };
        let (others, taken) = (missing_in(found, left), missing_in(left, found));
        let outcome = match (&others[..], &taken[..]) {
            ([], []) => "as before",
            (&[number], []) if number == new => "pushed",
            ([], [_]) => "popped",
            _ => panic!("from {found:?} to {left:?}"),
        };
        (Self { others, taken, returned: left[..leased].to_vec(), ..Self::default() }, outcome)
    }

    pub(super) fn push<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let number = parent.number(60) + self.pushed.len() as u32;
        let pushed = parent.queue.try_push(T::of(number)).is_ok();
        self.pushed.extend(pushed.then_some(number));
        pushed
    }

    pub(super) fn pop<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let popped = parent.queue.try_pop().map(|value| value.number());
        self.popped.extend(popped.iter());
        popped.is_ok()
    }

    fn pop_by_lease<T: Numbered>(&mut self, parent: &Parent<T>) -> bool {
        let Ok(lease) = parent.queue.try_lease() else { return false };
        self.popped.push(lease.number());
        lease.ack().unwrap();
        true
    }

    /// Every message that was there before or was pushed has been popped once, and in the order in
    /// which it was pushed. (The order between several producers is not checked, nor that of
    /// returned messages.)
    pub(super) fn assert_balanced(&self, before: &[u32]) {
        let mut all = [before, &self.pushed, &self.others].concat();
        let mut popped = [&self.popped[..], &self.taken].concat();
        all.sort_unstable();
        popped.sort_unstable();
        assert_eq!(popped, all, "each message once: {self:?}");
        let ours = |number: &&u32| !self.others.contains(number) && !self.returned.contains(number);
        assert!(self.popped.iter().filter(ours).is_sorted(), "in order: {self:?}");
    }
}

/// What the others do while the process is stopped.
pub(super) type Script<T> = fn(&Parent<T>, &mut Ledger);

/// Several laps, with and without a message in the queue; no live process is reaped.
pub(super) fn several_laps<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    for _ in 0..2 * parent.queue.capacity() + 1 {
        ledger.push(parent);
        ledger.pop(parent);
    }
    let reaped = parent.segment.reap().unwrap();
    assert!(ledger.dead.is_none_or(|dead| reaped <= dead), "a stopped process is alive");
    for _ in 0..=parent.queue.capacity() {
        ledger.pop_by_lease(parent);
        ledger.push(parent);
    }
}

pub(super) fn fill<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    while ledger.push(parent) {}
}

pub(super) fn empty<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    while ledger.pop(parent) {}
}

/// One full lap: the next message goes to the last one's slot.
pub(super) fn empty_and_fill<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    empty(parent, ledger);
    fill(parent, ledger);
}

/// A lease is dropped, and producers have to pass that slot.
pub(super) fn drop_one_lease<T: Numbered>(parent: &Parent<T>, ledger: &mut Ledger) {
    fill(parent, ledger);
    let first = parent.queue.try_lease();
    ledger.returned.extend(first.iter().map(|lease| lease.number()));
    ledger.pop(parent);
    drop(first);
    fill(parent, ledger);
}
