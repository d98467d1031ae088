//! What the two kinds of queues in a message slab share: a lock, and the slab after it.

use super::super::atomic_copy::WORD;
use super::super::kind_ops::{FactSink, ObjectGeometry, ObjectWords};
use super::super::message_slab::{SlabLayout, SlabView};
use super::mutex::LOCK;

/// Where the slab begins in the object.
pub(crate) const SLAB_AT: usize = LOCK;

/// The slab's layout, if it takes the bytes that follow the lock.
pub(super) fn layout(geometry: &ObjectGeometry) -> Option<SlabLayout> {
    let layout = SlabLayout::new(geometry.element_count, geometry.aux)?;
    (layout.length() == geometry.length.checked_sub(SLAB_AT as u64)).then_some(layout)
}

/// The lock, the slab's header and its slots; not the messages.
pub(super) fn inspected_bytes(geometry: &ObjectGeometry) -> u64 {
    let words = SlabLayout::new(geometry.element_count, geometry.aux).map_or(0, SlabView::words);
    (words as u64).saturating_mul(WORD as u64).saturating_add(SLAB_AT as u64)
}

/// A slab that is only read, perhaps without its last slots.
pub(super) fn view<'a>(object: &ObjectWords<'a>) -> Option<SlabView<'a>> {
    let view = SlabView::new(layout(&object.geometry)?, object.words_from(SLAB_AT)?)?;
    Some(view)
}

/// Reports how many messages there are, and for how many there are places.
pub(super) fn fill(object: &ObjectWords<'_>, slab: &SlabView<'_>, facts: &mut dyn FactSink) {
    facts.count("fill", slab.ready());
    facts.count("capacity", object.geometry.element_count);
}

/// Reports whether the queue is closed, and how many messages went in and out.
pub(super) fn traffic(slab: &SlabView<'_>, facts: &mut dyn FactSink) {
    facts.is("closed", slab.is_closed());
    facts.counter("pushes", slab.pushed());
    facts.counter("pops", slab.popped());
}
