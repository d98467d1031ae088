//! The ratios that breezeway promises.
//!
//! `cargo bench --bench ratios` measures them; `-- --rounds N` sets the number of rounds.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::sync::Mutex;
use breezeway::{Array, Value};
use breezeway_bench::contention;
use breezeway_bench::kernel::affinity::pin_to_our_cpu;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::kernel::pthread;
use breezeway_bench::locks::{Lock, SpinWord};
use breezeway_bench::report::{self, Bound::AtMost, Promise};
use breezeway_bench::runner::{Entry, timed};

#[path = "support/raw_sync.rs"]
mod raw_sync;

use raw_sync::RawSync;

const MIB: usize = 1 << 20;

const PROMISES: [Promise; 5] = [
    Promise { what: "mutex, alone", of: MUTEX, to: &[ROBUST], bound: AtMost(0.7) },
    Promise { what: "Value<u64>::get, ns", of: GET, to: &[], bound: AtMost(3.0) },
    Promise { what: "*lock()? += 1, to the bare mutex", of: ADD, to: &[MUTEX], bound: AtMost(1.6) },
    Promise {
        what: "to_vec of 1 MiB, to private memory",
        of: TO_VEC,
        to: &[VEC_TO_VEC],
        bound: AtMost(1.0 / 0.7),
    },
    Promise { what: "mutex, two processes", of: MUTEX_RACE, to: &[ROBUST_RACE], bound: AtMost(1.0) },
];

const MUTEX: &str = "Mutex, lock and unlock";
const ROBUST: &str = "robust pthread mutex";
const PLAIN: &str = "pthread mutex";
const RAW_SYNC: &str = "raw_sync mutex";
const SPIN: &str = "compare and swap, swap";
const GET: &str = "Value<u64>::get";
const LOAD: &str = "AtomicU64::load";
const ADD: &str = "*value.lock()? += 1";
const TO_VEC: &str = "Array<u8>::to_vec, 1 MiB";
const VEC_TO_VEC: &str = "Vec<u8>::to_vec, 1 MiB";
const MUTEX_RACE: &str = "two processes: Mutex";
const ROBUST_RACE: &str = "two processes: robust pthread mutex";
const RAW_SYNC_RACE: &str = "two processes: raw_sync mutex";

fn main() {
    pin_to_our_cpu();
    let page = Page::new();
    let (mutex, contended) = (Mutex::new().expect("a mutex"), Mutex::new().expect("a mutex"));
    let (robust, contended_robust) = (pthread::Mutex::robust(page, 0), pthread::Mutex::robust(page, 1));
    let (plain, spin) = (pthread::Mutex::plain(page, 2), SpinWord::new(page, 3));
    let (raw_sync, contended_raw_sync) = (RawSync::new(page, 4), RawSync::new(page, 5));
    let (value, atomic) = (Value::new(7_u64).expect("a value"), AtomicU64::new(7));
    let (number, added) = (Value::new(0_u64).expect("a value"), Cell::new(0));
    let private: Vec<u8> = (0..MIB).map(|n| n as u8).collect();
    let array = Array::new(&private).expect("an array");
    assert_eq!(value.get(), 7);
    assert_eq!(array.to_vec(), private);

    let mut entries = [
        Entry::looped(MUTEX, || black_box(&mutex).locked(|| ())),
        Entry::looped(ROBUST, || black_box(&robust).locked(|| ())),
        Entry::looped(PLAIN, || black_box(&plain).locked(|| ())),
        Entry::looped(RAW_SYNC, || black_box(&raw_sync).locked(|| ())),
        Entry::looped(SPIN, || black_box(&spin).locked(|| ())),
        Entry::looped(GET, || black_box(&value).get()),
        Entry::looped(LOAD, || black_box(&atomic).load(Ordering::Acquire)),
        Entry::new(ADD, |times| {
            added.set(added.get() + times);
            timed(times, || *black_box(&number).lock().expect("the lock") += 1)
        }),
        Entry::looped(TO_VEC, || black_box(&array).to_vec()).bytes(MIB),
        Entry::looped(VEC_TO_VEC, || black_box(&private).to_vec()).bytes(MIB),
        contention::entry(MUTEX_RACE, &contended, || contended.clone()),
        contention::entry(ROBUST_RACE, contended_robust, || contended_robust),
        contention::entry(RAW_SYNC_RACE, contended_raw_sync, || RawSync::existing(page, 5)),
    ];
    if report::run(&mut entries) {
        report::print(&entries);
        report::print_promises(&entries, &PROMISES);
        report::print_handovers(&entries);
    }
    drop(entries);
    assert_eq!(number.get(), added.get(), "every addition has counted");
}
