//! Waiting for processes as futures.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::child::WAIT_OPERATION;
use super::child::exit_code_of;
use super::{Child, Process};
use crate::error::TaskError;
use crate::reactor::readable;
use crate::sys::pidfd::ProcessExit;

/// Operations as futures (feature `async`).
impl Child {
    /// Waits until the child has ended, without blocking the task's thread, and returns its exit
    /// code as [`join`](Self::join) does. Any number of tasks may wait, any number of times.
    ///
    /// Dropping the future before it is ready changes nothing.
    ///
    /// ```
    /// use breezeway::process::Process;
    /// # use futures_lite::future::{block_on, zip}; // any executor
    ///
    /// let end = |code| if code > 0 { std::process::exit(code) };
    /// let (a, b) = (Process::spawn(end, 3)?, Process::spawn(end, 4)?);
    /// let (a, b) = block_on(zip(a.join_async(), b.join_async()));
    /// assert_eq!((a?, b?), (3, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`join`](Self::join).
    pub async fn join_async(&self) -> Result<i32, TaskError> {
        self.exit_async().await.and_then(exit_code_of)
    }

    async fn exit_async(&self) -> Result<ProcessExit, TaskError> {
        loop {
            if let Some(exit) = self.try_wait()? {
                return Ok(exit);
            }
            readable(Arc::clone(&self.inner)).await.map_err(TaskError::os(WAIT_OPERATION))?;
        }
    }
}

/// Operations as futures (feature `async`).
impl<R> Process<R> {
    /// Waits until the process has ended, without blocking the task's thread, and returns its exit
    /// code; see [`Child::join_async`].
    ///
    /// # Errors
    /// Those of [`join`](Self::join).
    pub async fn join_async(&self) -> Result<i32, TaskError> {
        self.child.join_async().await
    }
}

/// Operations as futures (feature `async`).
impl<R: Serialize + DeserializeOwned> Process<R> {
    /// Waits until the process has ended, without blocking the task's thread, and returns the
    /// function's result as [`result`](Self::result) does.
    ///
    /// Dropping the future before it is ready drops the handle, which neither ends the process nor
    /// waits for it; to keep the handle, await [`join_async`](Self::join_async) first.
    ///
    /// # Errors
    /// Those of [`result`](Self::result).
    pub async fn result_async(self) -> Result<R, TaskError> {
        let exit = self.child.exit_async().await?;
        self.result_of(Some(exit))
    }
}
