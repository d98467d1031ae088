//! The value: reads without a lock, writes with one, and reads beside a process that writes all the
//! time.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::sync::Mutex;
use breezeway::{Shareable, Value};
use breezeway_bench::kernel::affinity::pin_to_our_cpu;
use breezeway_bench::peer_process::{Job, PeerProcess};
use breezeway_bench::report::run_group;
use breezeway_bench::runner::{Entry, timed};
use bytemuck::AnyBitPattern;

fn main() {
    pin_to_our_cpu();
    let atomic = AtomicU64::new(1);
    run_group(
        "value, get",
        vec![
            Entry::looped("AtomicU64::load", || black_box(&atomic).load(Ordering::Acquire)),
            get("u64", 1_u64),
            get("[u64; 4]", [1_u64; 4]),
            get("[u64; 64]", [1_u64; 64]),
        ],
    );
    run_group("value, change", changes(&Mutex::new().expect("a mutex"), &value(1)));
    run_group(
        "value, get beside a writing process",
        vec![
            get_beside_writer::<1>("[u64; 1]"),
            get_beside_writer::<4>("[u64; 4]"),
            get_beside_writer::<64>("[u64; 64]"),
        ],
    );
}

fn value<T: Shareable>(initial: T) -> Value<T> {
    Value::new(initial).expect("a value")
}

fn get<T: Shareable + AnyBitPattern + PartialEq>(name: &'static str, content: T) -> Entry<'static> {
    let value = value(content);
    assert!(value.get() == content);
    Entry::looped(name, move || black_box(&value).get())
}

fn changes<'a>(mutex: &'a Mutex, number: &'a Value<u64>) -> Vec<Entry<'a>> {
    number.set(2).expect("the lock");
    *number.lock().expect("the lock") += 1;
    number.update(|n| *n += 1).expect("the lock");
    assert_eq!(number.get(), 4);
    let mut entries = vec![
        Entry::looped("nothing, under a Mutex", move || drop(black_box(mutex).lock().expect("the lock"))),
        Entry::looped("u64, *lock()? += 1", move || *black_box(number).lock().expect("the lock") += 1),
        Entry::looped("u64, update", move || black_box(number).update(|n| *n += 1)),
        Entry::looped("u64, set", move || black_box(number).set(black_box(7))),
    ];
    let (four, also_four) = (value([1_u64; 4]), value([1_u64; 4]));
    entries.push(Entry::looped("[u64; 4], update", move || black_box(&four).update(|n| n[2] += 1)));
    entries.push(Entry::looped("[u64; 4], set", move || black_box(&also_four).set(black_box([7; 4]))));
    let (many, also_many) = (value([1_u64; 64]), value([1_u64; 64]));
    entries.push(Entry::looped("[u64; 64], update", move || black_box(&many).update(|n| n[2] += 1)));
    entries.push(Entry::looped("[u64; 64], set", move || black_box(&also_many).set(black_box([7; 64]))));
    entries
}

fn get_beside_writer<const N: usize>(name: &'static str) -> Entry<'static> {
    let value = value([0_u64; N]);
    let peer = PeerProcess::fork(|| vec![write(value.clone())]);
    let writer = peer.begin(0, 0);
    for _ in 0..100_000 {
        let words = value.get();
        assert_eq!(words, [words[0]; N], "one of the writer's numbers, whole");
    }
    let last = writer.stop();
    assert_eq!(value.get(), [last; N]);
    Entry::new(name, move |times| {
        let writer = peer.begin(0, 0);
        let elapsed = timed(times, || black_box(&value).get());
        writer.stop();
        elapsed
    })
}

/// Sets each word of the value to one number after the other, until told to stop, and answers the
/// last.
fn write<const N: usize>(value: Value<[u64; N]>) -> Job {
    Box::new(move |_, stop| {
        let mut n = 0;
        while !stop.is_set() {
            n += 1;
            value.set([n; N]).expect("the lock");
        }
        n
    })
}
