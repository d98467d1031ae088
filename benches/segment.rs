//! The segment: to make one, to open one, and to let go of it.

use breezeway::{Segment, Value};
use criterion::{Criterion, criterion_group, criterion_main};

mod support;

/// A segment of no particular size.
const LENGTH: u64 = 1 << 20;

fn segments(c: &mut Criterion) {
    let mut group = c.benchmark_group("segment of 1 MiB");
    let name = support::unique("segment");
    let create = || Segment::create(&name, LENGTH).expect("a new name");
    drop(create());
    assert!(Segment::open(&name).is_err(), "its creator's drop has removed it");
    group.bench_function("create and drop, named", |b| b.iter(create));
    group.bench_function("create and drop, anonymous", |b| b.iter(|| Segment::new(LENGTH)));
    let there = create();
    let open = || Segment::open(&name).expect("the segment");
    assert_eq!(open().id(), there.id());
    group.bench_function("open and drop, named", |b| b.iter(open));
}

fn values(c: &mut Criterion) {
    let mut group = c.benchmark_group("value with a segment of its own");
    let name = support::unique("value");
    let create = || Value::<u64>::create(&name, 7).expect("a new name");
    assert_eq!(create().get(), 7);
    group.bench_function("create and drop", |b| b.iter(create));
    let _there = create();
    let open = || Value::<u64>::open(&name).expect("the value");
    assert_eq!(open().get(), 7);
    group.bench_function("open and drop", |b| b.iter(open));
}

criterion_group! { name = benches; config = support::criterion(); targets = segments, values }
criterion_main!(benches);
