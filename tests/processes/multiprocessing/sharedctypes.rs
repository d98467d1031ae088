//! `_TestValue` and `_TestArray`: values and arrays that children change.

use breezeway::process::Process;
use breezeway::{Array, ArrayError, BoundsError, Value};
use support::Watchdog;

type Values =
    (Value<i8>, Value<u16>, Value<i32>, Value<u64>, Value<f32>, Value<f64>, Value<bool>, Value<[u8; 3]>);

#[test]
fn value() {
    let _watchdog = Watchdog::start(120);
    let values: Values = (
        Value::<i8>::new(-1).unwrap(),
        Value::<u16>::new(1).unwrap(),
        Value::<i32>::new(2).unwrap(),
        Value::<u64>::new(3).unwrap(),
        Value::<f32>::new(4.5).unwrap(),
        Value::<f64>::new(5.5).unwrap(),
        Value::<bool>::new(false).unwrap(),
        Value::<[u8; 3]>::new([1, 2, 3]).unwrap(),
    );
    let (a, b, c, d, e, f, g, h) = values.clone();
    let change = |(a, b, c, d, e, f, g, h): Values| {
        let seen = (a.get(), b.get(), c.get(), d.get(), e.get(), f.get(), g.get_checked().unwrap(), h.get());
        assert_eq!(seen, (-1, 1, 2, 3, 4.5, 5.5, false, [1, 2, 3]));
        a.set(i8::MIN).unwrap();
        b.set(u16::MAX).unwrap();
        c.set(i32::MIN).unwrap();
        d.set(u64::MAX).unwrap();
        e.set(f32::MIN_POSITIVE).unwrap();
        f.set(f64::NEG_INFINITY).unwrap();
        g.set(true).unwrap();
        h.set([7, 8, 9]).unwrap();
    };
    assert_eq!(Process::spawn(change, values).unwrap().join().unwrap(), 0);
    assert_eq!((a.get(), b.get(), c.get(), d.get()), (i8::MIN, u16::MAX, i32::MIN, u64::MAX));
    assert_eq!((e.get(), f.get()), (f32::MIN_POSITIVE, f64::NEG_INFINITY));
    assert_eq!((g.get_checked().unwrap(), h.get()), (true, [7, 8, 9]));
}

/// `+=` by many is one section each.
#[test]
fn getobj_getlock() {
    let _watchdog = Watchdog::start(120);
    let count = Value::<u64>::new(0).unwrap();
    let work = |count: Value<u64>| (0..1000).for_each(|_| count.update(|n| *n += 1).unwrap());
    let children = [(); 4].map(|()| Process::spawn(work, count.clone()).unwrap());
    assert!(children.iter().all(|child| child.join().unwrap() == 0));
    assert_eq!(count.get(), 4000);
}

#[test]
fn array() {
    let _watchdog = Watchdog::start(120);
    let sequence = [680, 626, 934, 821, 150, 233, 548, 982, 714, 831];
    let sums = |array: Array<i32>| {
        let mut array = array.lock().unwrap();
        (1..array.len()).for_each(|at| array[at] += array[at - 1]);
    };
    let array = Array::<i32>::new(sequence).unwrap();
    assert_eq!((array.len(), array.to_vec()), (10, sequence.to_vec()));
    assert_eq!(Process::spawn(sums, array.clone()).unwrap().join().unwrap(), 0);
    let expected = sequence.iter().scan(0, |sum, x| {
        *sum += x;
        Some(*sum)
    });
    assert_eq!(array.to_vec(), expected.collect::<Vec<_>>());
}

#[test]
fn slices() {
    let _watchdog = Watchdog::start(120);
    let array = Array::<i32>::new(0..10).unwrap();
    let work = |array: Array<i32>| {
        array.write(4..8, &[10, 20, 30, 40]).unwrap();
        assert!(matches!(
            array.write(8..12, &[0; 4]),
            Err(ArrayError::Bounds(BoundsError::OutOfBounds { .. }))
        ));
        assert!(matches!(
            array.write(0..2, &[0; 3]),
            Err(ArrayError::Bounds(BoundsError::LengthMismatch { .. }))
        ));
        // A slice is a copy.
        let mut copy = [0; 4];
        array.read_into(2..6, &mut copy).unwrap();
        let seen = copy;
        copy.fill(99);
        seen
    };
    assert_eq!(Process::spawn(work, array.clone()).unwrap().result().unwrap(), [2, 3, 10, 20]);
    assert_eq!(array.to_vec(), [0, 1, 2, 3, 10, 20, 30, 40, 8, 9]);
}

/// Of a length: zeroed, also where memory was used before.
#[test]
fn array_from_size() {
    let _watchdog = Watchdog::start(120);
    for _ in 0..3 {
        let array = Array::<u64>::new(1000).unwrap();
        let fill = |array: Array<u64>| {
            let was_zero = array.to_vec() == [0; 1000];
            array.lock().unwrap().fill(42);
            was_zero
        };
        assert!(Process::spawn(fill, array.clone()).unwrap().result().unwrap());
        assert_eq!(array.to_vec(), [42; 1000]);
    }
}
