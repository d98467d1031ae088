//! [`ArrayPlan`]: what a new array is built from.

/// The contents and options of a new array.
#[derive(Debug)]
pub struct ArrayPlan<T> {
    pub(super) elements: InitialElements<T>,
    pub(super) journaled: bool,
}

#[derive(Debug)]
pub(super) enum InitialElements<T> {
    Zeroed(usize),
    Given(Vec<T>),
}

impl<T> InitialElements<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Zeroed(len) => *len,
            Self::Given(elements) => elements.len(),
        }
    }
}

impl<T> From<InitialElements<T>> for ArrayPlan<T> {
    fn from(elements: InitialElements<T>) -> Self {
        Self { elements, journaled: false }
    }
}
