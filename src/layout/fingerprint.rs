//! What an object is: its kind, and the fingerprint of the type it holds.

use core::fmt;

use super::header::{DirectoryEntry, field_text, text_field};

/// The kinds of objects a directory can name. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum Kind {
    /// A [`Value`](crate::Value).
    Value = 1,
    /// An [`Array`](crate::Array).
    Array = 2,
    /// An [`Atomic`](crate::Atomic).
    Atomic = 3,
    /// A [`Mutex`](crate::sync::Mutex).
    Mutex = 4,
    /// A single-producer queue; see [`queue::spsc`](crate::queue::spsc).
    Spsc = 5,
    /// A [`Queue`](crate::queue::Queue).
    Queue = 6,
    /// A queue of bytes; see [`queue::bytes`](crate::queue::bytes).
    Bytes = 7,
    /// A `MessageQueue`.
    MessageQueue = 8,
    /// A `JoinableQueue`.
    JoinableQueue = 9,
    /// A `ReentrantMutex`.
    ReentrantMutex = 10,
    /// An `RwLock`.
    RwLock = 11,
    /// A `Condvar`.
    Condvar = 12,
    /// A `Semaphore`.
    Semaphore = 13,
    /// A `BoundedSemaphore`.
    BoundedSemaphore = 14,
    /// An `Event`.
    Event = 15,
    /// A `Barrier`.
    Barrier = 16,
    /// A `Once`.
    Once = 17,
}

const KINDS: [Kind; 17] = [
    Kind::Value,
    Kind::Array,
    Kind::Atomic,
    Kind::Mutex,
    Kind::Spsc,
    Kind::Queue,
    Kind::Bytes,
    Kind::MessageQueue,
    Kind::JoinableQueue,
    Kind::ReentrantMutex,
    Kind::RwLock,
    Kind::Condvar,
    Kind::Semaphore,
    Kind::BoundedSemaphore,
    Kind::Event,
    Kind::Barrier,
    Kind::Once,
];

impl Kind {
    /// The kind of this number in the format, if it is one.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        KINDS.into_iter().find(|kind| *kind as u32 == number)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What must agree between who made an object and who opens it.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    kind: Kind,
    size: u64,
    align: u32,
    hash: u64,
    name: &'static str,
}

impl Fingerprint {
    /// The fingerprint of an object of this kind over elements of type `T`.
    pub(crate) fn of<T>(kind: Kind) -> Self {
        let name = core::any::type_name::<T>();
        Self {
            kind,
            size: size_of::<T>() as u64,
            align: align_of::<T>() as u32,
            hash: hash_unqualified(name),
            name,
        }
    }

    /// The same with the type's name replaced by a number both sides agreed on.
    pub(crate) fn tagged(self, tag: u64) -> Self {
        Self { hash: tag, ..self }
    }

    /// The tag that stands for the type's name in an entry that was made under one.
    #[cfg(feature = "serde")]
    pub(crate) fn tag_of(&self, entry: &DirectoryEntry) -> Option<u64> {
        (entry.type_hash != self.hash).then_some(entry.type_hash)
    }

    /// Fills the type's part of a directory entry.
    pub(crate) fn describe(&self, entry: &mut DirectoryEntry) {
        entry.kind = self.kind as u32;
        entry.element_size = self.size;
        entry.element_align = self.align;
        entry.type_hash = self.hash;
        entry.type_name = text_field(self.name);
    }

    /// Whether an entry was made for this fingerprint.
    pub(crate) fn matches(&self, entry: &DirectoryEntry) -> bool {
        entry.kind == self.kind as u32
            && entry.element_size == self.size
            && entry.element_align == self.align
            && entry.type_hash == self.hash
    }

    /// In words, for messages.
    pub(crate) fn words(&self, count: Option<u64>) -> String {
        words(self.kind, self.name, self.size, self.align, count)
    }
}

/// An entry in words, for messages.
pub(crate) fn entry_words(entry: &DirectoryEntry) -> String {
    let name = field_text(&entry.type_name).unwrap_or("?");
    match Kind::from_number(entry.kind) {
        Some(kind) => words(kind, name, entry.element_size, entry.element_align, Some(entry.element_count)),
        None => format!("an object of the unknown kind {}", entry.kind),
    }
}

fn words(kind: Kind, name: &str, size: u64, align: u32, count: Option<u64>) -> String {
    match (kind, count) {
        (Kind::Barrier, Some(count)) => format!("a {kind} for {count} parties"),
        (Kind::BoundedSemaphore, Some(count)) => format!("a {kind} of {count} permits"),
        (Kind::RwLock | Kind::Event, _) => format!("an {kind}"),
        (
            Kind::Mutex
            | Kind::ReentrantMutex
            | Kind::Condvar
            | Kind::Semaphore
            | Kind::BoundedSemaphore
            | Kind::Barrier
            | Kind::Once,
            _,
        ) => format!("a {kind}"),
        (Kind::Array, Some(count)) => {
            format!("an {kind}<{name}> of {count} elements ({size} bytes, align {align})")
        }
        (Kind::Array | Kind::Atomic, _) => format!("an {kind}<{name}> ({size} bytes, align {align})"),
        (Kind::Bytes, Some(count)) => format!("a byte queue of {count} bytes"),
        (Kind::Bytes, None) => "a byte queue".to_owned(),
        (Kind::MessageQueue | Kind::JoinableQueue, _) => format!("a {kind}<{name}>"),
        (Kind::Spsc | Kind::Queue, Some(count)) => {
            format!("a {kind}<{name}> of capacity {count} ({size} bytes, align {align})")
        }
        (Kind::Value | Kind::Spsc | Kind::Queue, _) => {
            format!("a {kind}<{name}> ({size} bytes, align {align})")
        }
    }
}

/// FNV-1a over a type's name without its module paths, so that two programs that declare the same type each in a module
/// of its own agree.
fn hash_unqualified(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = name;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(word);
        let qualifies = !head.is_empty() && tail.starts_with("::");
        let taken = match (qualifies, head.is_empty()) {
            (true, _) => word + 2,
            (false, true) => rest.chars().next().map_or(1, char::len_utf8),
            (false, false) => word,
        };
        if !qualifies {
            for byte in &rest.as_bytes()[..taken] {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        rest = &rest[taken..];
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_path_does_not_count() {
        assert_eq!(hash_unqualified("alpha::model::Point"), hash_unqualified("beta::Point"));
        assert_eq!(hash_unqualified("[a::Point; 3]"), hash_unqualified("[b::c::Point; 3]"));
        assert_ne!(hash_unqualified("a::Point"), hash_unqualified("a::Pint"));
        assert_ne!(hash_unqualified("[u8; 3]"), hash_unqualified("[u8; 4]"));
        assert_eq!(hash_unqualified(""), 0xcbf2_9ce4_8422_2325);
    }
}
