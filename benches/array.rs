//! The array: single elements, copies of all of it, and locked sections.

use std::hint::black_box;

use breezeway::{Array, Journaled, Shareable};
use bytemuck::AnyBitPattern;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

mod support;

const MIB: usize = 1 << 20;

fn elements(c: &mut Criterion) {
    one_element(&mut c.benchmark_group("array, u8 element"), 7_u8);
    one_element(&mut c.benchmark_group("array, u64 element"), 7_u64);
    one_element(&mut c.benchmark_group("array, [u64; 3] element"), [7_u64; 3]);
}

fn one_element<T: Shareable + AnyBitPattern + PartialEq>(group: &mut BenchmarkGroup<'_, WallTime>, new: T) {
    const INDEX: usize = 123;
    let array = Array::<T>::new(vec![T::zeroed(); 1000]).expect("an array");
    array.set(INDEX, new).expect("the lock");
    array.update(INDEX + 1, |element| *element = new).expect("the lock");
    assert!(array.get(INDEX) == Some(new) && array.get(INDEX + 1) == Some(new));
    assert!(array.get(INDEX + 2) == Some(T::zeroed()));
    group.bench_function("get", |b| b.iter(|| black_box(&array).get(black_box(INDEX))));
    group.bench_function("set", |b| b.iter(|| black_box(&array).set(black_box(INDEX), black_box(new))));
    group.bench_function("update", |b| {
        b.iter(|| black_box(&array).update(black_box(INDEX), |element| *element = black_box(new)));
    });
}

fn bulk(c: &mut Criterion) {
    let private: Vec<u8> = (0..MIB).map(|n| n as u8).collect();
    let array = Array::<u8>::new(&private).expect("an array");
    let mut target = vec![0; MIB];
    assert_eq!(array.to_vec(), private);
    array.read_into(.., &mut target).expect("the range");
    assert_eq!(target, private);
    array.write(.., &private).expect("the lock");
    assert_eq!(array.to_vec(), private);

    let mut group = c.benchmark_group("array, 1 MiB");
    group.throughput(Throughput::Bytes(MIB as u64));
    group.bench_function("private memory: Vec::to_vec", |b| b.iter(|| black_box(&private).to_vec()));
    group.bench_function("to_vec", |b| b.iter(|| black_box(&array).to_vec()));
    group.bench_function("private memory: copy_from_slice", |b| {
        b.iter(|| black_box(&mut target).copy_from_slice(black_box(&private)));
    });
    group.bench_function("read_into", |b| {
        b.iter(|| black_box(&array).read_into(.., black_box(&mut target)));
    });
    group.bench_function("write", |b| b.iter(|| black_box(&array).write(.., black_box(&private))));
}

fn sections(c: &mut Criterion) {
    let mut group = c.benchmark_group("array, locked section");
    let samples = Array::<f32>::new(4096_usize).expect("an array");
    samples.lock().expect("the lock").iter_mut().for_each(|x| *x += 1.0);
    assert_eq!(samples.to_vec(), [1.0; 4096]);
    group.bench_function("4096 f32, all changed", |b| {
        b.iter(|| black_box(&samples).lock().expect("the lock").iter_mut().for_each(|x| *x += 1.0));
    });
    group.bench_function("4096 f32, 64 of them", |b| {
        b.iter(|| {
            let mut section = black_box(&samples).lock_range(64..128).expect("the lock");
            section.iter_mut().for_each(|x| *x += 1.0);
        });
    });
    eight_of_64(&mut group, "64 u64, 8 changed", &Array::new(64_usize).expect("an array"));
    eight_of_64(
        &mut group,
        "64 u64, 8 changed, journaled",
        &Array::new(Journaled(64_usize)).expect("an array"),
    );
}

fn eight_of_64(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, array: &Array<u64>) {
    let section = || array.lock().expect("the lock").iter_mut().step_by(8).for_each(|n| *n += 1);
    section();
    assert_eq!(array.to_vec().iter().sum::<u64>(), 8);
    group.bench_function(name, |b| b.iter(section));
}

criterion_group! { name = benches; config = support::criterion(); targets = elements, bulk, sections }
criterion_main!(benches);
