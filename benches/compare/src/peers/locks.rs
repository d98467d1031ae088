//! A mutex, alone and with two at it; and a number that it protects.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use breezeway::Value;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::Lock;
use breezeway_bench::partner::Partner;
use breezeway_bench::race::{self, Track, race};
use breezeway_bench::sides::Side;
use breezeway::sync::Mutex;

use super::raw::Raw;
use super::{ADD, LOCK, OURS, RACE, RAW_SYNC, READ, add};
use crate::program::Program;

pub fn add_processes(program: &mut Program) {
    add(program, LOCK, OURS, |name| alone(name, Mutex::new().expect("a mutex")));
    add(program, LOCK, RAW_SYNC, |name| alone(name, Raw::new()));
    add(program, RACE, OURS, |name| both(name, Mutex::new().expect("a mutex")));
    add(program, RACE, RAW_SYNC, |name| both(name, Raw::new()));
    add(program, ADD, OURS, |name| {
        let value = Value::new(0_u64).expect("a value");
        Side::looped(name, move || black_box(&value).update(|n| *n += 1).expect("the lock"))
    });
    add(program, ADD, RAW_SYNC, |name| {
        let (mutex, value) = (Raw::new(), Page::new().word(0));
        // Not one atomic step: the lock makes it one.
        let add = move || value.store(value.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Side::looped(name, move || black_box(&mutex).locked(add))
    });
    add(program, READ, OURS, |name| {
        let value = Value::new(7_u64).expect("a value");
        Side::looped(name, move || assert!(black_box(&value).get() == 7))
    });
    add(program, READ, RAW_SYNC, |name| {
        let (mutex, value) = (Raw::new(), Page::new().word(0));
        value.store(7, Ordering::Relaxed);
        Side::looped(name, move || assert!(black_box(&mutex).locked(|| value.load(Ordering::Relaxed)) == 7))
    });
}

fn alone(name: &'static str, lock: impl Lock + 'static) -> Side<'static> {
    Side::looped(name, move || black_box(&lock).locked(|| ()))
}

fn both(name: &'static str, lock: impl Lock + 'static) -> Side<'static> {
    let (lock, track) = (Rc::new(lock), Track::new());
    let theirs = Shared(Rc::clone(&lock));
    let partner = Partner::fork(|| vec![race::job(theirs, track)]);
    Side::new(name, move |times| race(&partner, 0, &*lock, track, times).elapsed)
}

/// The same lock, in the process that was forked.
struct Shared<L>(Rc<L>);

impl<L: Lock> Lock for Shared<L> {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        self.0.locked(section)
    }
}
