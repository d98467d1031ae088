//! [`ObjectDetails`]: what an object's kind reports of its state, with processes for ids.

use super::object_copy::ObjectCopy;
use super::participants::ParticipantIndex;
use super::report::{self, Fact, NamedValues};
use crate::raw::kind_ops::{FactSink, KindOps, ObjectGeometry};

/// What is known of an object's state.
#[derive(Default)]
pub(super) struct ObjectDetails {
    pub(super) facts: NamedValues<Fact>,
    pub(super) counters: NamedValues<u64>,
    pub(super) waiters: Vec<report::Holder>,
}

/// What an object of this kind reports; nothing, if its bytes cannot be such an object's.
pub(super) fn of(
    ops: &KindOps,
    geometry: ObjectGeometry,
    copy: &ObjectCopy,
    participants: &ParticipantIndex,
) -> ObjectDetails {
    let mut facts = CollectedFacts { participants, details: ObjectDetails::default() };
    // If a part of the state makes no sense, what was reported before it stays.
    let _ = (ops.inspect)(&copy.object_words(geometry), &mut facts);
    facts.details
}

struct CollectedFacts<'a> {
    participants: &'a ParticipantIndex,
    details: ObjectDetails,
}

impl CollectedFacts<'_> {
    fn push(&mut self, name: &'static str, fact: Fact) {
        self.details.facts.push((name, fact));
    }
}

impl FactSink for CollectedFacts<'_> {
    fn count(&mut self, name: &'static str, count: u64) {
        self.push(name, Fact::Count(count));
    }

    fn is(&mut self, name: &'static str, is: bool) {
        self.push(name, Fact::Is(is));
    }

    fn text(&mut self, name: &'static str, text: &'static str) {
        self.push(name, Fact::Text(text));
    }

    fn holders(&mut self, name: &'static str, ids: &mut dyn Iterator<Item = u32>) {
        self.push(name, Fact::Holders(self.participants.holders(ids)));
    }

    fn holders_with_times(&mut self, name: &'static str, holders: &mut dyn Iterator<Item = (u32, u64)>) {
        self.push(name, Fact::Holders(self.participants.holders_of(holders)));
    }

    fn counter(&mut self, name: &'static str, count: u64) {
        self.details.counters.push((name, count));
    }

    fn is_dead(&self, id: u32) -> bool {
        self.participants.is_dead(id)
    }
}
