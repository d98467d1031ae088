//! [`breezeway::pipe`] between processes.

mod deaths;
mod forked_child;
mod processes;
mod waiting;

use std::time::Duration;

use breezeway::pipe::{self, Receiver, Sender};

const SOON: Duration = Duration::from_millis(30);

fn of<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    pipe::builder().capacity(capacity).simplex().unwrap()
}
