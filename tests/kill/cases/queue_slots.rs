//! The slots of a `Queue`, read from outside.

use breezeway::Segment;

use crate::observe::FileMapping;
use crate::trace::Trace;

/// The state in a slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    Free,
    Writing,
    Full,
    Leased,
    Returned,
}

/// A slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotView {
    pub(super) lap: u64,
    pub(super) owner: u32,
    pub(super) state: SlotState,
    /// The number of the message in the slot, if there is one.
    pub(super) number: u32,
}

/// The slots of a queue in a segment.
#[derive(Debug)]
pub(super) struct QueueSlots {
    mapping: FileMapping,
    at: usize,
    capacity: usize,
    slot_bytes: usize,
}

impl QueueSlots {
    /// Of the queue of this name, for this many messages of `size` bytes.
    pub(super) fn of(segment: &Segment, name: &str, capacity: usize, size: usize) -> Self {
        let mapping = FileMapping::open(&segment.path().expect("a name")).expect("a segment");
        let objects = segment.objects().expect("a directory");
        let at = objects.iter().find(|object| object.name == name).expect("a queue").offset as usize;
        Self { mapping, at, capacity, slot_bytes: 8 + size.next_multiple_of(8) }
    }

    /// The slot of the next message, if no process died in an operation.
    pub(super) fn tail_index(&self) -> usize {
        self.mapping.word64(self.at) as usize & (self.capacity.next_power_of_two() - 1)
    }

    /// Whether consumers look for returned messages.
    pub(super) fn knows_of_returned(&self) -> bool {
        self.mapping.word64(self.at + 280) & 1 != 0
    }

    /// All words of the queue, for comparison.
    fn snapshot(&self) -> Vec<u64> {
        let end = 384 + self.capacity * self.slot_bytes;
        (0..end).step_by(8).map(|at| self.mapping.word64(self.at + at)).collect()
    }

    pub(super) fn all(&self) -> Vec<SlotView> {
        (0..self.capacity).map(|index| self.slot(index)).collect()
    }

    fn slot(&self, index: usize) -> SlotView {
        let at = self.at + 384 + index * self.slot_bytes;
        let word = self.mapping.word64(at);
        let state = match word & 0xf {
            0 => SlotState::Free,
            1 => SlotState::Writing,
            2 => SlotState::Full,
            3 => SlotState::Leased,
            4 => SlotState::Returned,
            other => panic!("slot {index} has no state {other}"),
        };
        let number = self.mapping.word64(at + 8) as u32;
        SlotView { lap: word >> 20, owner: (word >> 4 & 0xffff) as u32, state, number }
    }

    /// The messages that can be had when no process is in an operation, in this order; and how many
    /// of them come first because they had been leased.
    pub(super) fn messages(&self) -> (Vec<u32>, usize) {
        let slots = self.all();
        let leased = |slot: &&SlotView| matches!(slot.state, SlotState::Leased | SlotState::Returned);
        let mut messages: Vec<u32> = slots.iter().filter(leased).map(|slot| slot.number).collect();
        let redelivered = messages.len();
        let mut full: Vec<(u64, usize)> = (0..slots.len())
            .filter(|&n| slots[n].state == SlotState::Full)
            .map(|n| (slots[n].lap, n))
            .collect();
        full.sort_unstable();
        messages.extend(full.into_iter().map(|(_, n)| slots[n].number));
        (messages, redelivered)
    }

    /// Whether any slot is in this state.
    pub(super) fn any(&self, state: SlotState) -> bool {
        self.all().iter().any(|slot| slot.state == state)
    }
}

/// The points of an operation after an instruction that changes the queue.
#[derive(Debug, Default)]
pub(super) struct SlotChanges {
    pub(super) points: Vec<usize>,
    last: Vec<u64>,
}

impl SlotChanges {
    /// To be called at each point.
    pub(super) fn look(&mut self, slots: &QueueSlots, trace: &Trace) {
        let now = slots.snapshot();
        if trace.last() > 0 && now != self.last {
            self.points.push(trace.last());
        }
        self.last = now;
    }
}
