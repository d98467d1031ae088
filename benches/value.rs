//! The value: reads without a lock, writes with one, and reads beside a process that writes all the time.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::sync::Mutex;
use breezeway::{Shareable, Value};
use breezeway_bench::peer_process::{Job, PeerProcess};
use bytemuck::AnyBitPattern;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

mod support;

fn value<T: Shareable>(initial: T) -> Value<T> {
    Value::new(initial).expect("a value")
}

fn get(c: &mut Criterion) {
    let mut group = c.benchmark_group("value, get");
    let atomic = AtomicU64::new(1);
    group.bench_function("atomic u64", |b| b.iter(|| black_box(&atomic).load(Ordering::Acquire)));
    get_one(&mut group, "u64", 1_u64);
    get_one(&mut group, "[u64; 4]", [1_u64; 4]);
    get_one(&mut group, "[u64; 64]", [1_u64; 64]);
}

fn get_one<T: Shareable + AnyBitPattern + PartialEq>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    content: T,
) {
    let value = value(content);
    assert!(value.get() == content);
    group.bench_function(name, |b| b.iter(|| black_box(&value).get()));
}

fn change(c: &mut Criterion) {
    let mut group = c.benchmark_group("value, change");
    let mutex = Mutex::new().expect("a mutex");
    group.bench_function("nothing: the bare mutex", |b| {
        b.iter(|| drop(black_box(&mutex).lock().expect("the lock")));
    });
    let number = value(1_u64);
    number.set(2).expect("the lock");
    *number.lock().expect("the lock") += 1;
    number.update(|n| *n += 1).expect("the lock");
    assert_eq!(number.get(), 4);
    group.bench_function("u64, *lock()? += 1", |b| {
        b.iter(|| *black_box(&number).lock().expect("the lock") += 1);
    });
    group.bench_function("u64, update", |b| b.iter(|| black_box(&number).update(|n| *n += 1)));
    group.bench_function("u64, set", |b| b.iter(|| black_box(&number).set(black_box(7))));
    let four = value([1_u64; 4]);
    group.bench_function("[u64; 4], update", |b| b.iter(|| black_box(&four).update(|n| n[2] += 1)));
    group.bench_function("[u64; 4], set", |b| b.iter(|| black_box(&four).set(black_box([7; 4]))));
    let many = value([1_u64; 64]);
    group.bench_function("[u64; 64], update", |b| b.iter(|| black_box(&many).update(|n| n[2] += 1)));
    group.bench_function("[u64; 64], set", |b| b.iter(|| black_box(&many).set(black_box([7; 64]))));
}

fn get_beside_a_writer(c: &mut Criterion) {
    let (one, four, many) = (value([0_u64; 1]), value([0_u64; 4]), value([0_u64; 64]));
    let peer = PeerProcess::fork(|| vec![write(one.clone()), write(four.clone()), write(many.clone())]);
    let mut group = c.benchmark_group("value, get beside a process that sets it all the time");
    get_one_beside(&mut group, "[u64; 1]", &peer, 0, &one);
    get_one_beside(&mut group, "[u64; 4]", &peer, 1, &four);
    get_one_beside(&mut group, "[u64; 64]", &peer, 2, &many);
}

/// Sets the value to a number after the other, in each of its words.
fn write<const N: usize>(value: Value<[u64; N]>) -> Job {
    Box::new(move |_, stop| {
        let mut n = 0;
        while !stop.is_told() {
            n += 1;
            value.set([n; N]).expect("the lock");
        }
        n
    })
}

fn get_one_beside<const N: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    peer: &PeerProcess,
    job: usize,
    value: &Value<[u64; N]>,
) {
    let writer = peer.begin(job, 0);
    for _ in 0..100_000 {
        let words = value.get();
        assert_eq!(words, [words[0]; N], "one of the writer's numbers, whole");
    }
    group.bench_function(name, |b| b.iter(|| black_box(value).get()));
    let last = writer.stop();
    assert_eq!(value.get(), [last; N]);
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = get, change, get_beside_a_writer
}
criterion_main!(benches);
