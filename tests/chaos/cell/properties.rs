//! Random sequences of operations on a value and an array through two handles, against a naive model of each.

use std::fmt::Debug;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use breezeway::{Array, ArrayError, BoundsError, Initial, Journaled, Shareable, Value};
use bytemuck::AnyBitPattern;
use proptest::prelude::*;
use support::unique;

/// How a locked section ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Publish,
    Discard,
    Panic,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Publish), Just(End::Discard), Just(End::Panic)]
}

/// Values are told by a number; few of them, so that some are equal.
type Number = u8;

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![0..4_u8, any::<u8>()]
}

#[derive(Clone, Debug)]
enum ValueStep {
    Set(Number),
    Update(Number, End),
    Replace(Number),
    CompareExchange(Number, Number),
    Section(Vec<Number>, End),
    Reopen,
}

fn value_step() -> impl Strategy<Value = ValueStep> {
    prop_oneof![
        number().prop_map(ValueStep::Set),
        (number(), end()).prop_map(|(number, end)| ValueStep::Update(number, end)),
        number().prop_map(ValueStep::Replace),
        (number(), number()).prop_map(|(current, new)| ValueStep::CompareExchange(current, new)),
        (prop::collection::vec(number(), 0..3), end())
            .prop_map(|(numbers, end)| ValueStep::Section(numbers, end)),
        Just(ValueStep::Reopen),
    ]
}

#[derive(Clone, Debug)]
enum ArrayStep {
    Set(usize, Number),
    Update(usize, Number, End),
    Write(Range<usize>, Vec<Number>),
    ReadInto(Range<usize>, usize),
    Section(Option<Range<usize>>, Vec<(usize, Number)>, End),
    Reopen,
}

const LONGEST: usize = 20;

fn index() -> Range<usize> {
    0..LONGEST + 2
}

fn array_step() -> impl Strategy<Value = ArrayStep> {
    let range = || (index(), index()).prop_map(|(start, end)| start..end);
    let numbers = || prop::collection::vec(number(), index());
    // Often of the right length.
    let write = (range(), numbers(), any::<bool>()).prop_map(|(range, mut numbers, fit)| {
        if fit {
            numbers.resize(range.len(), 7);
        }
        ArrayStep::Write(range, numbers)
    });
    let read = (range(), prop::option::of(index())).prop_map(|(range, length)| {
        let length = length.unwrap_or(range.len());
        ArrayStep::ReadInto(range, length)
    });
    let changes = prop::collection::vec((index(), number()), 0..5);
    prop_oneof![
        (index(), number()).prop_map(|(index, number)| ArrayStep::Set(index, number)),
        (index(), number(), end()).prop_map(|(index, number, end)| ArrayStep::Update(index, number, end)),
        write,
        read,
        (prop::option::of(range()), changes, end())
            .prop_map(|(range, changes, end)| ArrayStep::Section(range, changes, end)),
        Just(ArrayStep::Reopen),
    ]
}

/// A type of values that are told by a number.
trait Numbered: Shareable + AnyBitPattern + PartialEq + Debug {
    fn of(number: Number) -> Self;
}

macro_rules! numbered {
    ($($value:ty: $of:expr;)*) => {$(
        impl Numbered for $value {
            fn of(number: Number) -> Self {
                $of(number)
            }
        }
    )*};
}

/// No two of a value's bytes alike.
fn bytes<const N: usize>(number: Number) -> [u8; N] {
    std::array::from_fn(|n| number.wrapping_add(n as u8))
}

numbered! {
    u8: |n| n;
    u16: |n: u8| u16::from(n) * 257;
    [u8; 3]: bytes;
    f32: f32::from;
    [u8; 5]: bytes;
    [u8; 7]: bytes;
    f64: f64::from;
    [u8; 9]: bytes;
    [u8; 12]: bytes;
    [u64; 3]: |n: u8| [u64::from(n), !u64::from(n), 5];
    [u64; 8]: |n: u8| [u64::from(n); 8];
    [[u8; 13]; 5]: |n| [bytes(n); 5];
    [u128; 12]: |n: u8| [u128::from(n) << 60; 12];
}

/// Runs a step that may end by a panic of ours, and says whether it did.
fn survives(step: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(step)).is_err_and(|panic| match panic.downcast::<Interruption>() {
        Ok(_) => true,
        Err(other) => resume_unwind(other),
    })
}

struct Interruption;

fn interrupt() -> ! {
    resume_unwind(Box::new(Interruption))
}

fn value_agrees<T: Numbered>(steps: &[(bool, ValueStep)]) {
    let name = unique("property-value");
    let creator = Value::create(&name, T::of(0)).unwrap();
    let mut opened = Value::<T>::open(&name).unwrap();
    let mut model = T::of(0);
    for (use_creator, step) in steps {
        let value = if *use_creator { &creator } else { &opened };
        match step {
            ValueStep::Set(number) => {
                value.set(T::of(*number)).unwrap();
                model = T::of(*number);
            }
            ValueStep::Update(number, end) => {
                let panics = matches!(end, End::Panic);
                let panicked = survives(|| {
                    let old = value.update(|v| {
                        let old = std::mem::replace(v, T::of(*number));
                        if panics { interrupt() } else { old }
                    });
                    assert_eq!(old, Ok(model));
                });
                assert_eq!(panicked, panics);
                model = if panics { model } else { T::of(*number) };
            }
            ValueStep::Replace(number) => {
                assert_eq!(value.replace(T::of(*number)), Ok(model));
                model = T::of(*number);
            }
            ValueStep::CompareExchange(current, new) => {
                let (current, new) = (T::of(*current), T::of(*new));
                let expected = if model == current { Ok(model) } else { Err(model) };
                assert_eq!(value.compare_exchange(current, new), Ok(expected));
                model = if expected.is_ok() { new } else { model };
            }
            ValueStep::Section(numbers, end) => {
                let panicked = survives(|| {
                    let mut guard = value.lock().unwrap();
                    for number in numbers {
                        *guard = T::of(*number);
                    }
                    assert_eq!((creator.get(), opened.get_checked()), (model, Ok(model)));
                    match end {
                        End::Publish => drop(guard),
                        End::Discard => guard.discard(),
                        End::Panic => interrupt(),
                    }
                });
                assert_eq!(panicked, matches!(end, End::Panic));
                if let (End::Publish, Some(last)) = (end, numbers.last()) {
                    model = T::of(*last);
                }
            }
            ValueStep::Reopen => opened = Value::open(&name).unwrap(),
        }
        assert_eq!((creator.get(), opened.get()), (model, model), "after {step:?}");
        assert_eq!((creator.get_checked(), opened.get_checked()), (Ok(model), Ok(model)));
    }
}

fn array_agrees<T: Numbered>(initial: &[Number], steps: &[(bool, ArrayStep)]) {
    let model: Vec<T> = initial.iter().copied().map(T::of).collect();
    array_agrees_from(model.clone(), model.clone(), steps);
    array_agrees_from(model.clone(), Journaled(model), steps);
}

fn array_agrees_from<T: Numbered>(
    mut model: Vec<T>,
    initial: impl Initial<Array<T>>,
    steps: &[(bool, ArrayStep)],
) {
    let name = unique("property-array");
    let creator = Array::create(&name, initial).unwrap();
    let mut opened = Array::<T>::open(&name).unwrap();
    for (use_creator, step) in steps {
        let array = if *use_creator { &creator } else { &opened };
        match step {
            ArrayStep::Set(index, number) => match model.get_mut(*index) {
                Some(element) => {
                    array.set(*index, T::of(*number)).unwrap();
                    *element = T::of(*number);
                }
                None => assert_eq!(array.set(*index, T::of(*number)), Err(outside(*index, &model))),
            },
            ArrayStep::Update(index, number, end) => {
                let panics = matches!(end, End::Panic) && *index < model.len();
                let panicked = survives(|| {
                    let old = array.update(*index, |x| {
                        let old = std::mem::replace(x, T::of(*number));
                        if panics { interrupt() } else { old }
                    });
                    assert_eq!(old, model.get(*index).copied().ok_or(outside(*index, &model)));
                });
                assert_eq!(panicked, panics);
                if let (false, Some(element)) = (panics, model.get_mut(*index)) {
                    *element = T::of(*number);
                }
            }
            ArrayStep::Write(range, numbers) => {
                let new: Vec<T> = numbers.iter().copied().map(T::of).collect();
                match model.get_mut(range.clone()) {
                    Some(part) if part.len() == new.len() => {
                        array.write(range.clone(), &new).unwrap();
                        part.copy_from_slice(&new);
                    }
                    part => assert_eq!(
                        array.write(range.clone(), &new).err(),
                        Some(refusal(range, part.is_some(), &new, creator.len()).into())
                    ),
                }
            }
            ArrayStep::ReadInto(range, length) => {
                let mut target = vec![T::of(255); *length];
                let answer = array.read_into(range.clone(), &mut target);
                match model.get(range.clone()) {
                    Some(part) if part.len() == *length => assert_eq!((answer, &target[..]), (Ok(()), part)),
                    part => {
                        assert_eq!(
                            answer.err(),
                            Some(refusal(range, part.is_some(), &target, creator.len()).into())
                        )
                    }
                }
            }
            ArrayStep::Section(range, changes, end) => {
                let whole = 0..model.len();
                let part = range.clone().unwrap_or(whole);
                let Some(mut copy) = model.get(part.clone()).map(<[T]>::to_vec) else {
                    let error = array.lock_range(part).err();
                    assert!(matches!(error, Some(ArrayError::Bounds(BoundsError::OutOfBounds { .. }))));
                    continue;
                };
                let panicked = survives(|| {
                    let mut section = match range {
                        Some(range) => array.lock_range(range.clone()).unwrap(),
                        None => array.lock_timeout(Duration::ZERO).unwrap(),
                    };
                    assert_eq!(*section, copy[..]);
                    for (index, number) in changes.iter().filter(|(index, _)| *index < copy.len()) {
                        section[*index] = T::of(*number);
                    }
                    assert_eq!((creator.to_vec(), opened.to_vec()), (model.clone(), model.clone()));
                    match end {
                        End::Publish => drop(section),
                        End::Discard => section.discard(),
                        End::Panic => interrupt(),
                    }
                });
                assert_eq!(panicked, matches!(end, End::Panic));
                if let End::Publish = end {
                    for (index, number) in changes.iter().filter(|(index, _)| *index < part.len()) {
                        copy[*index] = T::of(*number);
                    }
                    model[part].copy_from_slice(&copy);
                }
            }
            ArrayStep::Reopen => opened = Array::open(&name).unwrap(),
        }
        for array in [&creator, &opened] {
            assert_eq!(array.to_vec(), model, "after {step:?}");
            assert_eq!(array.to_vec_checked().as_ref(), Ok(&model));
            for index in 0..=model.len() {
                assert_eq!(array.get(index), model.get(index).copied());
            }
        }
    }
}

fn outside<T>(index: usize, model: &[T]) -> ArrayError {
    BoundsError::OutOfBounds { index, len: model.len() }.into()
}

/// Why a range and a slice do not go with each other.
fn refusal<T>(range: &Range<usize>, is_inside: bool, slice: &[T], len: usize) -> BoundsError {
    if is_inside {
        BoundsError::LengthMismatch { range: range.len(), slice: slice.len() }
    } else {
        BoundsError::OutOfBounds { index: range.start.max(range.end), len }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn value_operations_match_variable_model(steps in prop::collection::vec((any::<bool>(), value_step()), 0..40)) {
        value_agrees::<u8>(&steps);
        value_agrees::<u16>(&steps);
        value_agrees::<[u8; 3]>(&steps);
        value_agrees::<f64>(&steps);
        value_agrees::<[u8; 12]>(&steps);
        value_agrees::<[u64; 8]>(&steps);
        value_agrees::<[[u8; 13]; 5]>(&steps);
        value_agrees::<[u128; 12]>(&steps);
    }

    #[test]
    fn array_small_elements_match_vec_model(
        initial in prop::collection::vec(number(), 0..LONGEST),
        steps in prop::collection::vec((any::<bool>(), array_step()), 0..40),
    ) {
        array_agrees::<u8>(&initial, &steps);
        array_agrees::<u16>(&initial, &steps);
        array_agrees::<f32>(&initial, &steps);
        array_agrees::<f64>(&initial, &steps);
    }

    #[test]
    fn array_odd_sized_elements_match_vec_model(
        initial in prop::collection::vec(number(), 0..LONGEST),
        steps in prop::collection::vec((any::<bool>(), array_step()), 0..40),
    ) {
        array_agrees::<[u8; 3]>(&initial, &steps);
        array_agrees::<[u8; 5]>(&initial, &steps);
        array_agrees::<[u8; 7]>(&initial, &steps);
    }

    #[test]
    fn array_large_elements_match_vec_model(
        initial in prop::collection::vec(number(), 0..LONGEST),
        steps in prop::collection::vec((any::<bool>(), array_step()), 0..40),
    ) {
        array_agrees::<[u8; 9]>(&initial, &steps);
        array_agrees::<[u8; 12]>(&initial, &steps);
        array_agrees::<[u64; 3]>(&initial, &steps);
        array_agrees::<[u128; 12]>(&initial, &steps);
    }
}
