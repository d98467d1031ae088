//! [`Initial`] for an [`Array`]: the values that one can be made from; [`Journaled`].

use std::iter;
use std::ops::{Range, RangeInclusive};

use bytemuck::Zeroable;

use super::Array;
use super::plan::{ArrayPlan, InitialElements};
use crate::segment::object::{Initial, sealed};
use crate::shareable::Shareable;

/// Makes an [`Array`] whose locked sections are all or nothing: if a process dies in the middle of
/// publishing a section, the next locker rolls the section back.
///
/// The array then takes room for a copy of itself. When a section ends, it first saves there the
/// elements that it changes.
///
/// ```
/// use breezeway::{Array, Journaled};
///
/// let accounts = Array::<i64>::new(Journaled([100, 0]))?;
/// let mut section = accounts.lock()?;
/// section[0] -= 30;
/// section[1] += 30; // killed anywhere: both, or neither
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Journaled<I>(pub I);

impl<T: Shareable, I: Initial<Array<T>>> Initial<Array<T>> for Journaled<I> {}

impl<T: Shareable, I: Initial<Array<T>>> sealed::IntoPlan<Array<T>> for Journaled<I> {
    fn plan(self) -> ArrayPlan<T> {
        ArrayPlan { journaled: true, ..self.0.plan() }
    }
}

/// A length: the array has this many elements, all zero.
impl<T: Shareable + Zeroable> Initial<Array<T>> for usize {}

impl<T: Shareable + Zeroable> sealed::IntoPlan<Array<T>> for usize {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Zeroed(self).into()
    }
}

impl<T: Shareable> Initial<Array<T>> for Vec<T> {}

impl<T: Shareable> sealed::IntoPlan<Array<T>> for Vec<T> {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Given(self).into()
    }
}

impl<T: Shareable> Initial<Array<T>> for &Vec<T> {}

impl<T: Shareable> sealed::IntoPlan<Array<T>> for &Vec<T> {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Given(self.clone()).into()
    }
}

impl<T: Shareable> Initial<Array<T>> for &[T] {}

impl<T: Shareable> sealed::IntoPlan<Array<T>> for &[T] {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Given(self.to_vec()).into()
    }
}

impl<T: Shareable, const N: usize> Initial<Array<T>> for &[T; N] {}

impl<T: Shareable, const N: usize> sealed::IntoPlan<Array<T>> for &[T; N] {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Given(self.to_vec()).into()
    }
}

impl<T: Shareable, const N: usize> Initial<Array<T>> for [T; N] {}

impl<T: Shareable, const N: usize> sealed::IntoPlan<Array<T>> for [T; N] {
    fn plan(self) -> ArrayPlan<T> {
        InitialElements::Given(self.to_vec()).into()
    }
}

/// Implements [`Initial`] for std's iterators, one by one. A blanket implementation would collide
/// with that of a length, because `usize` might become an iterator.
macro_rules! initial_for_iterators {
    ($([$($generics:tt)*] $iterator:ty;)*) => {$(
        impl<T: Shareable, $($generics)*> Initial<Array<T>> for $iterator where $iterator: Iterator<Item = T> {}

        impl<T: Shareable, $($generics)*> sealed::IntoPlan<Array<T>> for $iterator
        where
            $iterator: Iterator<Item = T>,
        {
            fn plan(self) -> ArrayPlan<T> {
                InitialElements::Given(self.collect()).into()
            }
        }
    )*};
}

initial_for_iterators! {
    [] Range<T>;
    [] RangeInclusive<T>;
    [] std::vec::IntoIter<T>;
    [I] Box<I>;
    [I] iter::Cloned<I>;
    [I] iter::Copied<I>;
    [I] iter::Fuse<I>;
    [I] iter::Rev<I>;
    [I] iter::Skip<I>;
    [I] iter::StepBy<I>;
    [I] iter::Take<I>;
    [I, J] iter::Chain<I, J>;
    [I, F] iter::Filter<I, F>;
    [I, F] iter::FilterMap<I, F>;
    [I, F] iter::Inspect<I, F>;
    [I, F] iter::Map<I, F>;
    [I, F] iter::MapWhile<I, F>;
    [I, F] iter::SkipWhile<I, F>;
    [I, F] iter::TakeWhile<I, F>;
    [I, S, F] iter::Scan<I, S, F>;
    [F] iter::FromFn<F>;
    [F] iter::Successors<T, F>;
    [] iter::RepeatN<T>;
    [] iter::Once<T>;
}
