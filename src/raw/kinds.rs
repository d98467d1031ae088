//! The registry of kinds: one static [`KindOps`] for each, found by its number in the format.
//!
//! A new kind is a variant of [`Kind`], a file here, and a line
//! in [`TABLE`].

mod array;
mod atomic;
mod barrier;
mod bounded_semaphore;
mod bytes;
mod condvar;
mod describe;
mod endpoints;
mod event;
mod joinable_queue;
mod message_queue;
mod messages;
mod mutex;
pub(crate) mod once;
mod queue;
mod reentrant_mutex;
mod rw_lock;
mod semaphore;
mod spsc;
mod value;

use super::kind_ops::KindOps;
use crate::layout::fingerprint::{Kind, TypeDescription};
use crate::layout::header::{DirectoryEntry, field_text};

/// All kinds, in the order of their numbers, which begin with 1.
static TABLE: [&KindOps; 17] = [
    &value::KIND,
    &array::KIND,
    &atomic::KIND,
    &mutex::KIND,
    &spsc::KIND,
    &queue::KIND,
    &bytes::KIND,
    &message_queue::KIND,
    &joinable_queue::KIND,
    &reentrant_mutex::KIND,
    &rw_lock::KIND,
    &condvar::KIND,
    &semaphore::KIND,
    &bounded_semaphore::KIND,
    &event::KIND,
    &barrier::KIND,
    &once::KIND,
];

/// What is known of the kind of this number, if there is one.
pub(crate) fn by_number(number: u32) -> Option<&'static KindOps> {
    TABLE.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

/// An object's type in words, for messages. Without a number of elements, any number is meant.
pub(crate) fn describe(kind: Kind, described: &TypeDescription<'_>) -> String {
    describe_number(kind as u32, described)
}

/// A directory entry's object in words, for messages and reports.
pub(crate) fn describe_entry(entry: &DirectoryEntry) -> String {
    let described = TypeDescription {
        name: field_text(&entry.type_name).unwrap_or("?"),
        size: entry.element_size,
        align: entry.element_align,
        count: Some(entry.element_count),
    };
    describe_number(entry.kind, &described)
}

fn describe_number(number: u32, described: &TypeDescription<'_>) -> String {
    match by_number(number) {
        Some(ops) => (ops.describe)(described),
        None => format!("an object of the unknown kind {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_number_finds_each_at_its_number() {
        for (ops, number) in TABLE.iter().zip(1..) {
            assert_eq!(ops.kind as u32, number);
            assert_eq!(by_number(number).map(|ops| ops.kind), Some(ops.kind));
        }
        assert!(by_number(0).is_none());
        assert!(by_number(TABLE.len() as u32 + 1).is_none());
        assert!(by_number(u32::MAX).is_none());
    }

    #[test]
    fn kinds_describe_words_each_kind() {
        let words =
            |kind: Kind, count| describe(kind, &TypeDescription { name: "u64", size: 8, align: 8, count });
        assert_eq!(words(Kind::Value, Some(1)), "a Value<u64> (8 bytes, align 8)");
        assert_eq!(words(Kind::Array, Some(3)), "an Array<u64> of 3 elements (8 bytes, align 8)");
        assert_eq!(words(Kind::Array, None), "an Array<u64> (8 bytes, align 8)");
        assert_eq!(words(Kind::Atomic, Some(1)), "an Atomic<u64> (8 bytes, align 8)");
        assert_eq!(words(Kind::Spsc, Some(4)), "a Spsc<u64> of capacity 4 (8 bytes, align 8)");
        assert_eq!(words(Kind::Queue, Some(4)), "a Queue<u64> of capacity 4 (8 bytes, align 8)");
        assert_eq!(words(Kind::Queue, None), "a Queue<u64> (8 bytes, align 8)");
        assert_eq!(words(Kind::Bytes, Some(64)), "a byte queue of 64 bytes");
        assert_eq!(words(Kind::Bytes, None), "a byte queue");
        assert_eq!(words(Kind::MessageQueue, Some(4)), "a MessageQueue<u64>");
        assert_eq!(words(Kind::JoinableQueue, None), "a JoinableQueue<u64>");
        assert_eq!(words(Kind::Mutex, Some(1)), "a Mutex");
        assert_eq!(words(Kind::ReentrantMutex, Some(1)), "a ReentrantMutex");
        assert_eq!(words(Kind::RwLock, Some(128)), "an RwLock");
        assert_eq!(words(Kind::Condvar, Some(1)), "a Condvar");
        assert_eq!(words(Kind::Semaphore, Some(1)), "a Semaphore");
        assert_eq!(words(Kind::BoundedSemaphore, Some(2)), "a BoundedSemaphore of 2 permits");
        assert_eq!(words(Kind::BoundedSemaphore, None), "a BoundedSemaphore");
        assert_eq!(words(Kind::Event, Some(1)), "an Event");
        assert_eq!(words(Kind::Barrier, Some(3)), "a Barrier for 3 parties");
        assert_eq!(words(Kind::Barrier, None), "a Barrier");
        assert_eq!(words(Kind::Once, Some(1)), "a Once");
    }
}
