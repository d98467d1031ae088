//! A mutex, alone and contended by two processes, and a number that it protects.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use breezeway::Value;
use breezeway::sync::Mutex;
use breezeway_bench::contention;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::Lock;
use breezeway_bench::runner::Entry;

use super::raw_sync::RawSyncMutex;
use super::{ADD, LOCK, OURS, RACE, RAW_SYNC, READ, add};
use crate::selection::Selection;

pub fn add_processes(selection: &mut Selection) {
    add(selection, LOCK, OURS, |name| alone(name, Mutex::new().expect("a mutex")));
    add(selection, LOCK, RAW_SYNC, |name| alone(name, RawSyncMutex::new()));
    add(selection, RACE, OURS, |name| both(name, Mutex::new().expect("a mutex")));
    add(selection, RACE, RAW_SYNC, |name| both(name, RawSyncMutex::new()));
    add(selection, ADD, OURS, |name| {
        let value = Value::new(0_u64).expect("a value");
        Entry::looped(name, move || black_box(&value).update(|n| *n += 1).expect("the lock"))
    });
    add(selection, ADD, RAW_SYNC, |name| {
        let (mutex, value) = (RawSyncMutex::new(), Page::new().word(0));
        // Not one atomic step: the lock makes it one.
        let add = move || value.store(value.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Entry::looped(name, move || black_box(&mutex).locked(add))
    });
    add(selection, READ, OURS, |name| {
        let value = Value::new(7_u64).expect("a value");
        Entry::looped(name, move || assert!(black_box(&value).get() == 7))
    });
    add(selection, READ, RAW_SYNC, |name| {
        let (mutex, value) = (RawSyncMutex::new(), Page::new().word(0));
        value.store(7, Ordering::Relaxed);
        Entry::looped(name, move || assert!(black_box(&mutex).locked(|| value.load(Ordering::Relaxed)) == 7))
    });
}

fn alone(name: &'static str, lock: impl Lock + 'static) -> Entry<'static> {
    Entry::looped(name, move || black_box(&lock).locked(|| ()))
}

fn both(name: &'static str, lock: impl Lock + 'static) -> Entry<'static> {
    let lock = Rc::new(lock);
    contention::entry(name, Rc::clone(&lock), || lock)
}
