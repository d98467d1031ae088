//! The mutex: alone, and with another process at it.

use std::hint::black_box;

use breezeway::sync::Mutex;
use breezeway_bench::kernel::pthread as c;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::locks::{Lock, SpinWord};
use breezeway_bench::peer_process::PeerProcess;
use breezeway_bench::contention::{self, SharedCounter};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

mod support;

use support::raw_sync::RawSync;

fn uncontended(c: &mut Criterion) {
    let page = Page::new();
    let mut group = c.benchmark_group("mutex, lock and unlock");
    alone(&mut group, "breezeway", &Mutex::new().expect("a mutex"));
    alone(&mut group, "robust pthread", &c::Mutex::robust(page, 0));
    alone(&mut group, "pthread", &c::Mutex::plain(page, 1));
    alone(&mut group, "raw_sync", &RawSync::new(page, 2));
    alone(&mut group, "compare and swap, swap", &SpinWord::new(page, 3));
}

fn alone(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, lock: &impl Lock) {
    let mut count = 0;
    (0..1000).for_each(|_| lock.locked(|| count += 1));
    assert_eq!(count, 1000);
    group.bench_function(name, |b| b.iter(|| black_box(lock).locked(|| black_box(()))));
}

fn contended(c: &mut Criterion) {
    let page = Page::new();
    let counter = SharedCounter::new();
    let mutex = Mutex::new().expect("a mutex");
    let robust = c::Mutex::robust(page, 1);
    let raw_sync = RawSync::new(page, 2);
    let peer = PeerProcess::fork(|| {
        let (mutex, raw_sync) = (mutex.clone(), RawSync::existing(page, 2));
        vec![contention::job(mutex, counter), contention::job(robust, counter), contention::job(raw_sync, counter)]
    });
    let mut group = c.benchmark_group("mutex, two processes");
    together(&mut group, "breezeway", &peer, 0, &mutex, counter);
    together(&mut group, "robust pthread", &peer, 1, &robust, counter);
    together(&mut group, "raw_sync", &peer, 2, &raw_sync, counter);
}

/// Time per section, whoever had it.
fn together(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    peer: &PeerProcess,
    job: usize,
    lock: &impl Lock,
    counter: SharedCounter,
) {
    // Until both have had the lock.
    while contention::race(peer, job, lock, counter, 100_000).turns < 2 {}
    group.bench_function(name, |b| {
        b.iter_custom(|sections| contention::race(peer, job, lock, counter, sections).elapsed);
    });
}

criterion_group! { name = benches; config = support::criterion(); targets = uncontended, contended }
criterion_main!(benches);
