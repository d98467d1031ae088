//! Calls every operation on a segment's objects. Errors are fine; panics, hangs and crashes are
//! not.
//!
//! A lock word of arbitrary bytes may look as if a live process held it, so a lock is only tried.
//! An operation that waits for a lock is called only after a try has found the lock free; no other
//! process uses it.

mod queues;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Segment, Shareable, Value};
use bytemuck::AnyBitPattern;

use crate::{repair, scratch};

/// The largest array that is copied, in bytes.
const SMALL: usize = 1 << 20;

/// Opens the input as a segment's file and calls every operation on what it finds.
///
/// The first byte says how much of the input is repaired; the rest is the file.
pub fn run(input: &[u8]) {
    let Some((&level, bytes)) = input.split_first() else { return };
    let file = scratch::File::with(&repair::repair(level, bytes));
    use_segment(file.path());
}

/// Opens the file as a segment and uses every object in it; then replaces and removes it.
fn use_segment(path: &Path) {
    if let Ok(segment) = Segment::builder().huge_pages(true).open_file(path) {
        inspect(&segment);
        // While one handle is open, a second handle takes other paths.
        if let Ok(second) = Segment::open_file(path) {
            inspect(&second);
        }
        use_objects(&segment);
        let _ = segment.reap();
        // Last, because it changes the segment.
        if let Ok(added) = segment.add::<Value<u64>>("added by the target", 5) {
            assert_eq!(added.get(), 5);
        }
        let _ = segment.get_or_add::<Array<u8>>("array", 10);
        inspect(&segment);
        segment.persist(false);
    }
    let _ = Segment::builder().objects(1).participants(1).open_or_create_file(path, 1 << 13);
    let _ = Segment::remove_file(path);
}

fn inspect(segment: &Segment) {
    let _ = format!("{segment:?} {} {:x}", segment.len(), segment.id());
    let _ = segment.participants();
    let _ = segment.participant_id();
    let _ = segment.is_linked();
    if let Ok(objects) = segment.objects() {
        let _ = format!("{objects:?}");
    }
}

fn use_objects(segment: &Segment) {
    let Ok(objects) = segment.objects() else { return };
    for object in objects.iter().take(16) {
        let name = object.name.as_str();
        value::<bool>(segment, name, true);
        plain_value::<u64>(segment, name, 8);
        plain_value::<[u64; 9]>(segment, name, [8; 9]);
        array::<bool>(segment, name, true);
        plain_array::<u8>(segment, name, 8);
        plain_array::<u64>(segment, name, 8);
        plain_array::<[u64; 3]>(segment, name, [8; 3]);
        atomic(segment, name);
        mutex(segment, name);
        queues::queue::<u64>(segment, name, 8);
        queues::queue::<[u64; 40]>(segment, name, [8; 40]);
        queues::values(segment, name);
        queues::messages(segment, name);
    }
}

/// Uses a value of any type. `None` if there is no value of this type, or its lock is not free.
fn value<T: Shareable + PartialEq>(segment: &Segment, name: &str, new: T) -> Option<Value<T>> {
    let value = segment.get::<Value<T>>(name).ok()?;
    let _ = value.get_checked();
    let mut guard = value.try_lock().ok()?;
    let _ = guard.recovered();
    *guard = new;
    drop(guard);
    if value.set(new).is_ok() {
        assert!(value.get_checked().is_ok_and(|found| found == new));
    }
    let _ = value.update(|_| ());
    let _ = value.lock_timeout(Duration::from_millis(1)).map(|guard| guard.discard());
    Some(value)
}

/// Uses a value of a type for which every bit pattern is valid.
fn plain_value<T: Shareable + AnyBitPattern + PartialEq>(segment: &Segment, name: &str, new: T) {
    if let Some(value) = value(segment, name, new) {
        let _ = value.get();
    }
}

/// Uses an array of any type. `None` if there is no array of this type, it is long, or its lock is
/// not free.
fn array<T: Shareable + PartialEq>(segment: &Segment, name: &str, new: T) -> Option<Array<T>> {
    let array = segment.get::<Array<T>>(name).ok()?;
    let ends = [0, array.len().wrapping_sub(1), array.len(), usize::MAX];
    let look = || ends.iter().filter(|index| array.get_checked(**index).is_ok()).count();
    if size_of::<T>() <= 8 {
        look();
    }
    if array.len().saturating_mul(size_of::<T>()) > SMALL {
        return None;
    }
    let mut guard = array.try_lock().ok()?;
    let _ = guard.recovered();
    if let Some(first) = guard.first_mut() {
        *first = new;
    }
    drop(guard);
    look();
    for index in ends {
        if array.set(index, new).is_ok() {
            assert!(array.get_checked(index).is_ok_and(|found| found == new));
        }
        let _ = array.update(index, |element| *element = new);
    }
    let _ = array.to_vec_checked();
    let _ = array.write(.., &vec![new; array.len()]);
    let _ = array.lock_range(1..).map(|guard| guard.discard());
    Some(array)
}

/// Uses an array of a type for which every bit pattern is valid.
fn plain_array<T: Shareable + AnyBitPattern + PartialEq>(segment: &Segment, name: &str, new: T) {
    let Some(array) = array(segment, name, new) else { return };
    assert!(array.get(array.len()).is_none());
    let _ = array.get(0);
    let mut copy = array.to_vec();
    if array.read_into(.., &mut copy).is_ok() {
        assert!(copy.iter().all(|element| *element == new));
    }
}

fn atomic(segment: &Segment, name: &str) {
    let Ok(atomic) = segment.get::<Atomic<u64>>(name) else { return };
    atomic.fetch_add(1, Ordering::Relaxed);
    let _ = atomic.load(Ordering::Acquire);
}

fn mutex(segment: &Segment, name: &str) {
    let Ok(mutex) = segment.get::<Mutex>(name) else { return };
    let tried = mutex.try_lock().map(|guard| guard.recovered());
    if tried.is_ok() {
        let _ = mutex.lock_timeout(Duration::from_millis(1)).map(|guard| guard.recovered());
    }
}
