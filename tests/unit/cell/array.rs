//! [`breezeway::Array`]: the forms it is made from, its methods, and their errors.

use std::iter;
use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use breezeway::{Array, ArrayError, BoundsError, Initial, Journaled, LockError, SegmentError};
use support::scratch::patch;
use support::{Watchdog, unique};

fn made_from<I: Initial<Array<i32>> + Clone>(initial: I, expected: &[i32]) {
    let array = Array::<i32>::new(initial.clone()).unwrap();
    assert_eq!(array.to_vec(), expected);
    assert_eq!((array.len(), array.is_empty()), (expected.len(), expected.is_empty()));
    assert!(!array.is_journaled());
    let journaled = Array::<i32>::new(Journaled(initial)).unwrap();
    assert_eq!(journaled.to_vec(), expected);
    assert!(journaled.is_journaled());
}

#[test]
fn new_from_every_kind_of_initial_elements() {
    let vector = vec![3, 1, 2];
    made_from(4, &[0; 4]);
    made_from(0, &[]);
    made_from(-1..3, &[-1, 0, 1, 2]);
    made_from(-1..=3, &[-1, 0, 1, 2, 3]);
    made_from(3..3, &[]);
    made_from([3, 1, 2], &vector);
    made_from(&[3, 1, 2], &vector);
    made_from(&[3, 1, 2][1..], &[1, 2]);
    made_from([0; 0], &[]);
    made_from(vector.clone(), &vector);
    made_from(&vector, &vector);
    made_from(Vec::new(), &[]);
    made_from(vector.clone().into_iter(), &vector);
    made_from(vector.iter().copied(), &vector);
    made_from(vector.iter().cloned().fuse(), &vector);
    made_from((0..3).rev(), &[2, 1, 0]);
    made_from((0..9).step_by(4), &[0, 4, 8]);
    made_from((0..9).skip(7), &[7, 8]);
    made_from((0..).take(2), &[0, 1]);
    made_from((0..2).chain(7..9), &[0, 1, 7, 8]);
    made_from((0..9).filter(|n| n % 3 == 0), &[0, 3, 6]);
    made_from((0..4).filter_map(|n| (n > 1).then_some(-n)), &[-2, -3]);
    made_from((0..3).inspect(|_| ()), &[0, 1, 2]);
    made_from((0..3).map(|n| n * n), &[0, 1, 4]);
    made_from((0..9).map_while(|n| (n < 2).then_some(n)), &[0, 1]);
    made_from((0..9).skip_while(|n| *n < 7), &[7, 8]);
    made_from((0..9).take_while(|n| *n < 2), &[0, 1]);
    made_from((1..4).scan(0, |sum, n| Some(*sum + n)), &[1, 2, 3]);
    made_from(iter::from_fn(|| None), &[]);
    made_from(iter::successors(Some(1), |n| (*n < 8).then_some(n * 2)), &[1, 2, 4, 8]);
    made_from(iter::repeat_n(7, 3), &[7, 7, 7]);
    made_from(iter::once(7), &[7]);
    made_from(Box::new(0..3), &[0, 1, 2]);
}

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("array");
    assert!(matches!(Array::<i32>::open(&name), Err(SegmentError::NotFound { .. })));
    let made = Array::<i32>::open_or_create(&name, 0..4).unwrap();
    made.set(0, 9).unwrap();
    let found = Array::<i32>::open_or_create(&name, 4).unwrap();
    assert!(made.segment().was_created() && !found.segment().was_created());
    assert_eq!(found.to_vec(), [9, 1, 2, 3]);
    assert_eq!(Array::<i32>::open(&name).unwrap().to_vec(), [9, 1, 2, 3]);
    let mismatches = [
        Array::<i32>::open_or_create(&name, 5).err(),
        Array::<i32>::open_or_create(&name, Journaled(4)).err(),
        Array::<u32>::open(&name).err(),
    ];
    for mismatch in mismatches {
        assert!(matches!(mismatch, Some(SegmentError::TypeMismatch { .. })), "{mismatch:?}");
    }
    assert!(matches!(Array::<i32>::create(&name, 4), Err(SegmentError::AlreadyExists { .. })));
}

#[test]
fn new_longer_than_memory_returns_no_space() {
    for length in [usize::MAX, usize::MAX / 4, usize::MAX / 8 + 1, 1 << 60] {
        assert!(matches!(Array::<u32>::new(length), Err(SegmentError::NoSpace { .. })), "{length}");
        assert!(
            matches!(Array::<[u64; 3]>::new(Journaled(length)), Err(SegmentError::NoSpace { .. })),
            "{length}"
        );
    }
}

/// Calls `check` with an array of 0..10 of each kind, journaled and not.
fn each_kind(check: impl Fn(Array<i32>)) {
    check(Array::new(0..10).unwrap());
    check(Array::new(Journaled(0..10)).unwrap());
}

#[test]
fn read_into_write_lock_range_with_every_range_form() {
    fn check(range: impl RangeBounds<usize> + Clone, expected: std::ops::Range<usize>) {
        each_kind(|array| {
            let old: Vec<i32> = (0..10).collect();
            let mut part = vec![-1; expected.len()];
            array.read_into(range.clone(), &mut part).unwrap();
            assert_eq!(part, old[expected.clone()]);

            let guard = array.lock_range(range.clone()).unwrap();
            assert_eq!(*guard, old[expected.clone()]);
            drop(guard);

            let mut new = old.clone();
            new[expected.clone()].fill(77);
            array.write(range.clone(), &new[expected.clone()]).unwrap();
            assert_eq!(array.to_vec(), new);

            array.lock_range(range.clone()).unwrap().iter_mut().for_each(|x| *x = 88);
            new[expected.clone()].fill(88);
            assert_eq!(array.to_vec(), new);
        });
    }
    check(.., 0..10);
    check(3..7, 3..7);
    check(0..10, 0..10);
    check(3..=7, 3..8);
    check(..4, 0..4);
    check(..=4, 0..5);
    check(4.., 4..10);
    check(10.., 10..10);
    check(3..3, 3..3);
    check(..0, 0..0);
    check((Bound::Excluded(2), Bound::Included(5)), 3..6);
    check((Bound::Excluded(8), Bound::Unbounded), 9..10);
}

#[test]
fn get_set_write_read_into_out_of_bounds() {
    let array = Array::<i32>::new(0..10).unwrap();
    let outside = |index| ArrayError::Bounds(BoundsError::OutOfBounds { index, len: 10 });
    for index in [10, 11, usize::MAX] {
        assert_eq!(array.get(index), None);
        assert_eq!(array.get_checked(index), Err(outside(index)));
        assert_eq!(array.set(index, 1), Err(outside(index)));
        assert_eq!(array.update(index, |_| ()), Err(outside(index)));
    }
    let refuses = |range: (Bound<usize>, Bound<usize>)| {
        let is_outside = |error| matches!(error, Some(BoundsError::OutOfBounds { len: 10, .. }));
        let bounds = |error| match error {
            Some(ArrayError::Bounds(error)) => Some(error),
            _ => None,
        };
        assert!(is_outside(bounds(array.lock_range(range).err())), "{range:?}");
        assert!(is_outside(bounds(array.write(range, &[0; 1]).err())), "{range:?}");
        assert!(is_outside(bounds(array.read_into(range, &mut [0; 1]).err())), "{range:?}");
    };
    use Bound::{Excluded, Included, Unbounded};
    refuses((Included(0), Excluded(11)));
    refuses((Included(0), Included(10)));
    refuses((Included(11), Unbounded));
    refuses((Included(11), Excluded(11)));
    refuses((Included(7), Excluded(6)));
    refuses((Excluded(usize::MAX), Unbounded));
    refuses((Included(usize::MAX), Excluded(usize::MAX)));
    refuses((Unbounded, Included(usize::MAX)));
    assert_eq!(array.to_vec(), (0..10).collect::<Vec<_>>());
}

#[test]
fn write_read_into_other_length_returns_length_mismatch() {
    let array = Array::<i32>::new(0..10).unwrap();
    let mismatch = |range, slice| BoundsError::LengthMismatch { range, slice };
    assert_eq!(array.write(2..5, &[1, 2]), Err(mismatch(3, 2).into()));
    assert_eq!(array.write(.., &[1; 11]), Err(mismatch(10, 11).into()));
    assert_eq!(array.write(3..3, &[1]), Err(mismatch(0, 1).into()));
    assert_eq!(array.read_into(2..5, &mut [0; 4]), Err(mismatch(3, 4).into()));
    assert_eq!(array.read_into(.., &mut []), Err(mismatch(10, 0).into()));
    assert_eq!(array.to_vec(), (0..10).collect::<Vec<_>>());
}

#[test]
fn lock_section_is_a_slice_published_on_drop() {
    each_kind(|array| {
        let mut section = array.lock().unwrap();
        section.sort_by_key(|n| (n % 2, -n));
        assert_eq!(*section, [8, 6, 4, 2, 0, 9, 7, 5, 3, 1]);
        assert_eq!(array.get(0), Some(0), "published too early");
        assert!(!section.recovered());
        drop(section);
        assert_eq!(array.to_vec(), [8, 6, 4, 2, 0, 9, 7, 5, 3, 1]);
        array.try_lock().unwrap()[..2].fill(-1);
        array.lock_timeout(Duration::ZERO).unwrap()[9] = -9;
        assert_eq!(array.to_vec(), [-1, -1, 4, 2, 0, 9, 7, 5, 3, -9]);
    });
}

#[test]
fn discard_of_section_changes_nothing() {
    each_kind(|array| {
        let mut section = array.lock_range(2..5).unwrap();
        section.fill(99);
        section.discard();
        assert_eq!(array.to_vec(), (0..10).collect::<Vec<_>>());
        assert!(array.try_lock().is_ok());
    });
}

#[test]
fn panic_in_section_changes_nothing_and_unlocks() {
    each_kind(|array| {
        let in_section = catch_unwind(AssertUnwindSafe(|| {
            let mut section = array.lock().unwrap();
            section.fill(99);
            panic!("in a section");
        }));
        let in_update = catch_unwind(AssertUnwindSafe(|| {
            array.update(3, |x| {
                *x = 99;
                panic!("in an update");
            })
        }));
        assert!(in_section.is_err() && in_update.is_err());
        assert_eq!(array.to_vec(), (0..10).collect::<Vec<_>>());
        assert!(!array.try_lock().unwrap().recovered(), "a panic is no death");
    });
}

#[test]
fn lock_section_begun_during_unwinding_publishes() {
    struct FillsWhenDropped(Array<i32>);
    impl Drop for FillsWhenDropped {
        fn drop(&mut self) {
            self.0.lock().unwrap().fill(5);
        }
    }
    each_kind(|array| {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _fills = FillsWhenDropped(array.clone());
            panic!("elsewhere");
        }));
        assert!(unwound.is_err());
        assert_eq!(array.to_vec(), [5; 10]);
    });
}

#[test]
fn lock_section_only_read_writes_nothing() {
    const MARK: u64 = 0x8bad_f00d_5eed_cafe;
    let name = unique("array-untouched");
    let array = Array::<u64>::create(&name, [MARK, 1]).unwrap();
    // Somebody who keeps to no lock shows whether anything is written.
    let path = array.segment().path().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == MARK.to_ne_bytes()).unwrap() as u64;

    let section = array.lock().unwrap();
    assert_eq!(section.iter().max(), Some(&MARK));
    patch(&path, at, &7_u64.to_ne_bytes());
    drop(section);
    assert_eq!(array.get(0), Some(7));

    let mut section = array.lock().unwrap();
    section[1] = 2;
    patch(&path, at, &8_u64.to_ne_bytes());
    drop(section);
    assert_eq!(array.to_vec(), [7, 2]);
}

#[test]
fn lock_by_holder_returns_deadlock_reads_work() {
    let _watchdog = Watchdog::start(20);
    each_kind(|array| {
        let same = array.clone();
        let mut section = array.lock_range(1..3).unwrap();
        section.fill(50);
        for array in [&array, &same] {
            assert_eq!(array.lock().err(), Some(LockError::Deadlock));
            assert_eq!(array.lock_range(5..6).err(), Some(LockError::Deadlock.into()));
            assert_eq!(array.try_lock().err(), Some(LockError::Deadlock));
            assert_eq!(array.lock_timeout(Duration::from_secs(1)).err(), Some(LockError::Deadlock));
            assert_eq!(array.set(9, 1), Err(LockError::Deadlock.into()));
            assert_eq!(array.update(9, |x| *x = 1), Err(LockError::Deadlock.into()));
            assert_eq!(array.write(8..9, &[1]), Err(LockError::Deadlock.into()));
            assert_eq!((array.get(1), array.get_checked(1)), (Some(1), Ok(1)));
            assert_eq!(array.to_vec(), (0..10).collect::<Vec<_>>());
            assert_eq!(array.to_vec_checked(), Ok((0..10).collect()));
            let mut part = [0; 3];
            array.read_into(..3, &mut part).unwrap();
            assert_eq!(part, [0, 1, 2]);
        }
        drop(section);
        assert_eq!(array.to_vec(), [0, 50, 50, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(array.update(0, |_| array.set(1, 1)), Ok(Err(LockError::Deadlock.into())));
    });
}

#[test]
fn lock_timeout_elapses_while_held_by_other_thread() {
    let _watchdog = Watchdog::start(20);
    let array = Array::<i32>::new(0..10).unwrap();
    let section = array.lock_range(0..1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(array.try_lock().err(), Some(LockError::WouldBlock));
            for timeout in [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(150)] {
                let begin = Instant::now();
                assert_eq!(array.lock_timeout(timeout).err(), Some(LockError::Timeout));
                assert!(begin.elapsed() >= timeout);
            }
            assert_eq!(array.get(9), Some(9));
        });
    });
    drop(section);
}

#[test]
fn clone_and_threads_share_array() {
    let _watchdog = Watchdog::start(60);
    let array = Array::<i32>::new(2).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let clone = array.clone();
            let shared = &array;
            scope.spawn(move || {
                for _ in 0..1000 {
                    clone.lock().unwrap()[0] += 1;
                    shared.update(1, |x| *x += 1).unwrap();
                }
            });
        }
    });
    assert_eq!(array.to_vec(), [4000; 2]);
}

#[test]
fn debug_does_not_show_elements() {
    let array = Array::<u64>::new([987_654_321]).unwrap();
    assert!(!format!("{array:?}").contains("987654321"));
    assert!(!format!("{:?}", array.lock().unwrap()).contains("987654321"));
}
