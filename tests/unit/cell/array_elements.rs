//! [`breezeway::Array`]: elements of every size and type, and their neighbours.

use std::fmt::Debug;
use std::time::Duration;

use breezeway::{Array, BoundsError, Initial, Journaled, LockError, Segment, Shareable};
use bytemuck::{CheckedBitPattern, NoUninit, Pod, Zeroable};
use support::{Role, Watchdog, role, unique};

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u16)]
enum Color {
    Red = 0xff00,
    Blue = 0x00ff,
}

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Pixel {
    x: [f32; 3],
    color: Color,
    lit: bool,
    layer: u8,
}

const PIXEL: Pixel = Pixel { x: [0.5, 1.5, 2.5], color: Color::Red, lit: true, layer: 9 };

/// As long as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Bytes<const N: usize>([u8; N]);

/// Elements in each array: no multiple of what fits in a word.
const LEN: usize = 11;

trait Visitor {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T);
}

fn every_type(visitor: &mut impl Visitor) {
    visitor.visit("u8", 1_u8, u8::MAX);
    visitor.visit("u16", 1_u16, u16::MAX);
    visitor.visit("u32", 1_u32, u32::MAX);
    visitor.visit("u64", 1_u64, u64::MAX);
    visitor.visit("u128", 1_u128, u128::MAX - 1);
    visitor.visit("i8", -1_i8, i8::MIN);
    visitor.visit("i64", -1_i64, i64::MIN);
    visitor.visit("f32", 0.1_f32, f32::NEG_INFINITY);
    visitor.visit("f64", 0.1_f64, f64::MAX);
    visitor.visit("bool", true, false);
    visitor.visit("char", 'ß', char::MAX);
    visitor.visit("enum", Color::Red, Color::Blue);
    visitor.visit("3 bytes", [1_u8, 2, 3], [255; 3]);
    visitor.visit("5 bytes", [1_u8, 2, 3, 4, 5], [255; 5]);
    visitor.visit("6 bytes", [1_u16, 2, 3], [0xffff; 3]);
    visitor.visit("7 bytes", [1_u8, 2, 3, 4, 5, 6, 7], [255; 7]);
    visitor.visit("9 bytes", [1_u8; 9], [255; 9]);
    visitor.visit("12 bytes", [1_u8; 12], [255; 12]);
    visitor.visit("3 words", [1_u64, 2, 3], [u64::MAX; 3]);
    visitor.visit("mixed struct", PIXEL, Pixel { color: Color::Blue, lit: false, ..PIXEL });
    visitor.visit("72 bytes", Bytes([1; 72]), Bytes([2; 72]));
    visitor.visit("200 bytes", Bytes([1; 200]), Bytes([2; 200]));
    visitor.visit("4096 bytes", Bytes([1; 4096]), Bytes([2; 4096]));
}

struct Add<'a>(&'a Segment);

impl Visitor for Add<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, _: T) {
        let plain = self.0.add::<Array<T>>(name, [old; LEN]).unwrap();
        let journaled = self.0.add::<Array<T>>(&format!("{name}, journaled"), Journaled([old; LEN])).unwrap();
        assert_eq!(plain.get_checked(LEN - 1), Ok(old), "{name}");
        assert_eq!(journaled.get_checked(LEN - 1), Ok(old), "{name}");
    }
}

/// Finds the old elements everywhere and sets the odd ones.
struct SetOdd<'a>(&'a Segment);

impl Visitor for SetOdd<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T) {
        for name in [name, &format!("{name}, journaled")] {
            let array = self.0.get::<Array<T>>(name).unwrap();
            for index in 0..LEN {
                assert_eq!(array.get_checked(index), Ok(old), "{name}");
                if index % 2 == 1 {
                    array.set(index, new).unwrap();
                }
            }
        }
    }
}

/// Finds the odd elements new and tries every verb, seen from a second handle.
struct Verbs<'a>(&'a Segment);

impl Visitor for Verbs<'_> {
    fn visit<T: Shareable + PartialEq + Debug>(&mut self, name: &str, old: T, new: T) {
        for name in [name, &format!("{name}, journaled")] {
            let array = self.0.get::<Array<T>>(name).unwrap();
            let seen = self.0.get::<Array<T>>(name).unwrap();
            let mut model: Vec<T> = (0..LEN).map(|index| if index % 2 == 1 { new } else { old }).collect();
            let agree = |model: &[T], verb: &str| {
                assert_eq!(seen.to_vec_checked().as_deref(), Ok(model), "{name} after {verb}");
                for (index, element) in model.iter().enumerate() {
                    assert_eq!(seen.get_checked(index), Ok(*element), "{name} after {verb}");
                }
            };
            agree(&model, "set");

            assert_eq!(array.update(4, |x| std::mem::replace(x, new)), Ok(old), "{name}");
            model[4] = new;
            agree(&model, "update");

            array.write(2..5, &[new, old, old]).unwrap();
            model[2..5].copy_from_slice(&[new, old, old]);
            agree(&model, "write");

            let mut section = array.lock().unwrap();
            assert_eq!(*section, model[..], "{name}");
            section.reverse();
            section[0] = new;
            drop(section);
            model.reverse();
            model[0] = new;
            agree(&model, "lock");

            array.lock_range(3..=8).unwrap().fill(new);
            model[3..=8].fill(new);
            agree(&model, "lock_range");

            array.try_lock().unwrap()[LEN - 1] = new;
            model[LEN - 1] = new;
            agree(&model, "try_lock");

            array.lock_timeout(Duration::ZERO).unwrap().fill(old);
            agree(&[old; LEN], "lock_timeout");
        }
    }
}

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    every_type(&mut SetOdd(&Segment::open(&arguments[0]).unwrap()));
}

#[test]
fn elements_of_every_type_get_set_across_processes() {
    let _watchdog = Watchdog::start(60);
    let name = unique("array-types");
    let segment = Segment::builder().objects(100).create(&name, 1 << 20).unwrap();
    every_type(&mut Add(&segment));
    assert!(Role::spawn(in_a_child, &[&name]).join().success());
    every_type(&mut Verbs(&segment));
}

/// Makes an array of each length and compares all it says with a vector.
fn agrees_at_every_length<T: Shareable + bytemuck::AnyBitPattern + PartialEq + Debug>(of: impl Fn(u8) -> T) {
    for len in 0..=17 {
        let model: Vec<T> = (0..len).map(&of).collect();
        for array in [Array::new(&model).unwrap(), Array::new(Journaled(&model)).unwrap()] {
            assert_eq!(array.to_vec(), model);
            for first in 0..=model.len() {
                let mut tail = vec![of(99); model.len() - first];
                array.read_into(first.., &mut tail).unwrap();
                assert_eq!(tail, model[first..]);
                array.write(first.., &vec![of(77); tail.len()]).unwrap();
                assert_eq!(array.get(first), (first < model.len()).then(|| of(77)));
                array.lock_range(first..).unwrap().copy_from_slice(&tail);
                assert_eq!(array.to_vec(), model);
            }
        }
    }
}

#[test]
fn reads_and_writes_match_vec_at_every_length_and_offset() {
    agrees_at_every_length(|n| n);
    agrees_at_every_length(|n| u16::from(n) * 257);
    agrees_at_every_length(|n| [n; 3]);
    agrees_at_every_length(f32::from);
    agrees_at_every_length(|n| [n; 5]);
    agrees_at_every_length(|n| [n; 7]);
    agrees_at_every_length(f64::from);
    agrees_at_every_length(|n| [n; 12]);
    agrees_at_every_length(|n| [u64::from(n); 3]);
    agrees_at_every_length(|n| Bytes([n; 130]));
}

fn empty<T: Shareable + bytemuck::AnyBitPattern + PartialEq + Debug>(some: T) {
    fn check<T: Shareable + bytemuck::AnyBitPattern + PartialEq + Debug>(
        some: T,
        initial: impl Initial<Array<T>>,
    ) {
        let array = Array::<T>::new(initial).unwrap();
        assert!(array.is_empty());
        assert_eq!((array.len(), array.get(0)), (0, None));
        assert_eq!(array.to_vec(), []);
        assert_eq!(array.to_vec_checked(), Ok(vec![]));
        array.read_into(.., &mut []).unwrap();
        array.write(.., &[]).unwrap();
        assert_eq!(array.set(0, some), Err(BoundsError::OutOfBounds { index: 0, len: 0 }.into()));
        let mut section = array.lock().unwrap();
        section.reverse();
        assert_eq!(section.len(), 0);
    }
    check(some, 0);
    check(some, Journaled(Vec::new()));
}

#[test]
fn empty_array_supports_every_operation() {
    empty(1_u8);
    empty([1_u8; 3]);
    empty(1.5_f64);
    empty([1_u64; 3]);
}

/// Another type under the same tag writes what is no `T`.
fn damaged<T: Shareable + PartialEq + Debug, B: Shareable>(good: T, fine: B, bad: B) {
    let segment = Segment::new(1 << 16).unwrap();
    let bytes = segment.tagged(1).add::<Array<B>>("array", [fine, bad, fine]).unwrap();
    let array = segment.tagged(1).get::<Array<T>>("array").unwrap();
    let corrupt = LockError::Corrupt { what: "an element of an array" };
    assert_eq!(array.get_checked(0), Ok(good));
    assert_eq!(array.get_checked(1), Err(corrupt.into()));
    assert_eq!(array.to_vec_checked(), Err(corrupt));
    assert_eq!(array.lock().err(), Some(corrupt));
    assert_eq!(array.update(1, |_| ()), Err(corrupt.into()));
    assert!(bytes.try_lock().is_ok(), "an error left the lock locked");
    assert_eq!(*array.lock_range(2..).unwrap(), [good]);
    array.set(1, good).unwrap();
    assert_eq!(array.to_vec_checked(), Ok(vec![good; 3]));
}

#[test]
fn get_checked_of_invalid_bytes_is_corrupt_until_set() {
    damaged(true, 1_u8, 2);
    damaged('x', u32::from('x'), 0xd800);
    damaged(Color::Red, 0xff00_u16, 1);
    damaged(PIXEL, [0x3f00_0000, 0x3fc0_0000, 0x4020_0000, 0x0901_ff00_u32], [u32::MAX; 4]);
}

/// Neighbours in one word, each changed by a thread of its own.
fn neighbours_do_not_disturb_each_other<T: Shareable + bytemuck::AnyBitPattern + PartialEq + Debug>(
    of: fn(u8) -> T,
) {
    let _watchdog = Watchdog::start(60);
    let array = Array::<T>::new(vec![of(0); 8]).unwrap();
    std::thread::scope(|scope| {
        for index in 0..array.len() {
            let array = &array;
            scope.spawn(move || {
                for round in 1..=200 {
                    array.set(index, of(round)).unwrap();
                    assert_eq!(array.get(index), Some(of(round)), "a neighbour wrote element {index}");
                }
            });
        }
    });
    assert_eq!(array.to_vec(), vec![of(200); 8]);
}

#[test]
fn set_by_threads_leaves_neighbours_in_word_unchanged() {
    neighbours_do_not_disturb_each_other(|n| n);
    neighbours_do_not_disturb_each_other(|n| u16::from(n) * 257);
    neighbours_do_not_disturb_each_other(|n| [n; 3]);
    neighbours_do_not_disturb_each_other(|n| [n; 2]);
    neighbours_do_not_disturb_each_other(f32::from);
    neighbours_do_not_disturb_each_other(|n| [n; 12]);
}
