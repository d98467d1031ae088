//! [`MapIter`] and [`MapIterUnordered`]: results one by one, of arguments that are pulled as results are
//! taken.

use core::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Pool;
use super::shared::PoolShared;
use super::task_stream::TaskStream;
use crate::error::TaskError;
use crate::process::call::FunctionCall;

macro_rules! results_iterator {
    ($(#[$doc:meta])* $name:ident, $is_ordered:expr) => {
        $(#[$doc])*
        ///
        /// It pulls its input as far as the pool's [window](super::PoolBuilder::window) allows,
        /// when it is created and after each result that is taken. An error is one item's, and
        /// other items follow; only a panic of the input ([`TaskError::InputPanicked`]) and the end
        /// of the pool ([`TaskError::Closed`], [`TaskError::Terminated`], [`TaskError::Broken`])
        /// are the last item. If it is dropped, the tasks that were submitted are done all the
        /// same.
        #[must_use = "the input is pulled as results are taken"]
        pub struct $name<I: Iterator, R>(pub(super) TaskStream<I, R>);

        impl<I, R> $name<I, R>
        where
            I: Iterator,
            I::Item: Serialize + DeserializeOwned + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            pub(super) fn start(
                shared: &Arc<PoolShared>,
                call: FunctionCall,
                input: I,
                chunk: usize,
            ) -> Result<Self, TaskError> {
                TaskStream::start(shared, call, input, chunk, $is_ordered).map(Self)
            }
        }

        impl<I, R> Iterator for $name<I, R>
        where
            I: Iterator,
            I::Item: Serialize + DeserializeOwned + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            type Item = Result<R, TaskError>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next()
            }
        }

        impl<I: Iterator, R> fmt::Debug for $name<I, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(f, stringify!($name))
            }
        }
    };
}

results_iterator!(
    /// The results of a [`Pool`]'s tasks, in the order of their arguments; see [`Pool::map_iter`].
    MapIter,
    true
);
results_iterator!(
    /// The results of a [`Pool`]'s tasks, in the order of their arrival; see
    /// [`Pool::map_iter_unordered`].
    MapIterUnordered,
    false
);

impl Pool {
    /// Has the workers call `f` with each of the arguments, and returns an iterator of the results,
    /// in the order of the arguments.
    ///
    /// The arguments are pulled as results are taken, at most the
    /// [window](super::PoolBuilder::window) ahead.
    ///
    /// ```
    /// use breezeway::process::Pool;
    ///
    /// let pool = Pool::new(2)?;
    /// let squares = pool.map_iter(|x: u64| x * x, 1..)?; // without an end
    /// let sum: u64 = squares.take(10).sum::<Result<_, _>>()?;
    /// assert_eq!(sum, 385);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`TaskError::Closed`] if the pool was closed, [`TaskError::Terminated`] if it was
    ///   terminated, [`TaskError::Broken`] if its workers cannot start.
    /// - [`TaskError::NotInExecutable`] if `f` lies in a shared library.
    /// - [`TaskError::NotOurs`] if this process was forked from the pool's.
    ///
    /// Every other error is an item of the iterator.
    #[doc(alias = "imap")]
    pub fn map_iter<I, R>(&self, f: fn(I::Item) -> R, args: I) -> Result<MapIter<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.map_iter_chunked(f, args, 1)
    }

    /// Has the workers call `f` with each of the arguments, in chunks of `chunk` arguments, and
    /// returns an iterator of the results, in the order of the arguments. The window counts chunks.
    ///
    /// # Errors
    /// - [`TaskError::InvalidOption`] if `chunk` is 0.
    /// - Those of [`map_iter`](Self::map_iter).
    pub fn map_iter_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<MapIter<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        MapIter::start(&self.shared, call, args.into_iter(), chunk)
    }

    /// Has the workers call `f` with each of the arguments, and returns an iterator of the results,
    /// in the order of their arrival. The arguments are pulled as for [`map_iter`](Self::map_iter).
    ///
    /// # Errors
    /// Those of [`map_iter`](Self::map_iter).
    #[doc(alias = "imap_unordered")]
    pub fn map_iter_unordered<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
    ) -> Result<MapIterUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.map_iter_unordered_chunked(f, args, 1)
    }

    /// Has the workers call `f` with each of the arguments, in chunks of `chunk` arguments, and
    /// returns an iterator of the results, in the order of their arrival. The window counts chunks.
    ///
    /// # Errors
    /// Those of [`map_iter_chunked`](Self::map_iter_chunked).
    pub fn map_iter_unordered_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<MapIterUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        MapIterUnordered::start(&self.shared, call, args.into_iter(), chunk)
    }
}
