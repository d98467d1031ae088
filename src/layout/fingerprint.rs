//! What an object is: its kind, and the fingerprint of the type it holds.

use core::fmt;

use super::header::{DirectoryEntry, text_field};

/// The kinds of objects that a segment can hold.
///
/// The numbers are part of the format, and are never used again for another kind.
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The kind and element type of an object, which must agree between its creator and its openers.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    kind: Kind,
    size: u64,
    align: u32,
    hash: u64,
    name: &'static str,
}

/// An object's element type and its number of elements, as far as messages tell of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeDescription<'a> {
    /// The element type's name.
    pub(crate) name: &'a str,
    /// Bytes of one element.
    pub(crate) size: u64,
    pub(crate) align: u32,
    /// How many elements; `None` if any number is meant.
    pub(crate) count: Option<u64>,
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

    /// This fingerprint with a number that both sides agreed on in place of the type's name.
    pub(crate) fn tagged(self, tag: u64) -> Self {
        Self { hash: tag, ..self }
    }

    /// The tag that an entry was made under, if it was: the number that stands in it for the type's
    /// name.
    #[cfg(feature = "serde")]
    pub(crate) fn tag_of(&self, entry: &DirectoryEntry) -> Option<u64> {
        (entry.type_hash != self.hash).then_some(entry.type_hash)
    }

    /// Writes the kind and the type into a directory entry.
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

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The type as messages tell it, with this number of elements.
    pub(crate) fn description(&self, count: Option<u64>) -> TypeDescription<'static> {
        TypeDescription { name: self.name, size: self.size, align: self.align, count }
    }
}

/// FNV-1a over a type's name without its module paths: two programs that each declare the type in a
/// module of their own agree on the hash.
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
    fn hash_unqualified_ignores_module_paths() {
        assert_eq!(hash_unqualified("alpha::model::Point"), hash_unqualified("beta::Point"));
        assert_eq!(hash_unqualified("[a::Point; 3]"), hash_unqualified("[b::c::Point; 3]"));
        assert_ne!(hash_unqualified("a::Point"), hash_unqualified("a::Pint"));
        assert_ne!(hash_unqualified("[u8; 3]"), hash_unqualified("[u8; 4]"));
        assert_eq!(hash_unqualified(""), 0xcbf2_9ce4_8422_2325);
    }
}
