//! The array: single elements, copies of all of it, and locked sections.

use std::cell::RefCell;
use std::hint::black_box;

use breezeway::{Array, Journaled, Shareable};
use breezeway_bench::kernel::affinity::pin_to_our_cpu;
use breezeway_bench::report::run_group;
use breezeway_bench::runner::Entry;
use bytemuck::AnyBitPattern;

const MIB: usize = 1 << 20;

fn main() {
    pin_to_our_cpu();
    one_element("array, u8 element", 7_u8);
    one_element("array, u64 element", 7_u64);
    one_element("array, [u64; 3] element", [7_u64; 3]);
    copies();
    sections();
}

fn one_element<T: Shareable + AnyBitPattern + PartialEq>(title: &str, new: T) {
    const INDEX: usize = 123;
    let array = Array::<T>::new(vec![T::zeroed(); 1000]).expect("an array");
    array.set(INDEX, new).expect("the lock");
    array.update(INDEX + 1, |element| *element = new).expect("the lock");
    assert!(array.get(INDEX) == Some(new) && array.get(INDEX + 1) == Some(new));
    assert!(array.get(INDEX + 2) == Some(T::zeroed()));
    let update = || black_box(&array).update(black_box(INDEX), |element| *element = black_box(new));
    run_group(
        title,
        vec![
            Entry::looped("get", || black_box(&array).get(black_box(INDEX))),
            Entry::looped("set", || black_box(&array).set(black_box(INDEX), black_box(new))),
            Entry::looped("update", update),
        ],
    );
}

fn copies() {
    let private: Vec<u8> = (0..MIB).map(|n| n as u8).collect();
    let array = Array::<u8>::new(&private).expect("an array");
    let mut target = vec![0; MIB];
    assert_eq!(array.to_vec(), private);
    array.read_into(.., &mut target).expect("the range");
    assert_eq!(target, private);
    array.write(.., &private).expect("the lock");
    assert_eq!(array.to_vec(), private);
    let target = RefCell::new(target);
    run_group(
        "array, to a new Vec of 1 MiB",
        vec![
            Entry::looped("private memory: Vec::to_vec", || black_box(&private).to_vec()).bytes(MIB),
            Entry::looped("to_vec", || black_box(&array).to_vec()).bytes(MIB),
        ],
    );
    let copy = || black_box(target.borrow_mut()).copy_from_slice(black_box(&private));
    run_group(
        "array, copies of 1 MiB",
        vec![
            Entry::looped("private memory: copy_from_slice", copy).bytes(MIB),
            Entry::looped("read_into", || {
                black_box(&array).read_into(.., black_box(&mut *target.borrow_mut()))
            })
            .bytes(MIB),
            Entry::looped("write", || black_box(&array).write(.., black_box(&private))).bytes(MIB),
        ],
    );
}

fn sections() {
    let samples = Array::<f32>::new(4096_usize).expect("an array");
    samples.lock().expect("the lock").iter_mut().for_each(|x| *x += 1.0);
    assert_eq!(samples.to_vec(), [1.0; 4096]);
    run_group(
        "array, locked section",
        vec![
            Entry::looped("4096 f32, all changed", || {
                black_box(&samples).lock().expect("the lock").iter_mut().for_each(|x| *x += 1.0);
            }),
            Entry::looped("4096 f32, 64 of them", || {
                let mut section = black_box(&samples).lock_range(64..128).expect("the lock");
                section.iter_mut().for_each(|x| *x += 1.0);
            }),
            eight_of_64("64 u64, 8 changed", Array::new(64_usize).expect("an array")),
            eight_of_64("64 u64, 8 changed, journaled", Array::new(Journaled(64_usize)).expect("an array")),
        ],
    );
}

fn eight_of_64(name: &'static str, array: Array<u64>) -> Entry<'static> {
    let section =
        |array: &Array<u64>| array.lock().expect("the lock").iter_mut().step_by(8).for_each(|n| *n += 1);
    section(&array);
    assert_eq!(array.to_vec().iter().sum::<u64>(), 8);
    Entry::looped(name, move || section(black_box(&array)))
}
