//! The executors that futures are tested under.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use tokio::runtime::Builder;

pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// One that stays in its thread.
pub type LocalTask = Pin<Box<dyn Future<Output = ()>>>;

/// An executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    TokioOfOneThread,
    TokioOfThreads,
    /// async-executor.
    Smol,
    /// A thread for each task, and nothing but [`block_on`].
    Bare,
}

impl Executor {
    pub const ALL: [Self; 4] = [Self::TokioOfOneThread, Self::TokioOfThreads, Self::Smol, Self::Bare];

    /// That of which `Debug` says this.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|executor| format!("{executor:?}") == name).unwrap()
    }

    /// Runs tasks to their ends.
    pub fn run(self, tasks: Vec<Task>) {
        match self {
            Self::TokioOfOneThread => {
                let runtime = Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(on_tokio(tasks));
            }
            Self::TokioOfThreads => {
                let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
                runtime.block_on(on_tokio(tasks));
            }
            Self::Smol => {
                let executor = async_executor::Executor::new();
                let mut halves = [Vec::new(), Vec::new()];
                for (n, task) in tasks.into_iter().enumerate() {
                    halves[n % 2].push(executor.spawn(task));
                }
                let join = async |handles: Vec<async_executor::Task<()>>| {
                    for handle in handles {
                        handle.await;
                    }
                };
                let [one, other] = halves;
                thread::scope(|scope| {
                    scope.spawn(|| block_on(executor.run(join(one))));
                    block_on(executor.run(join(other)));
                });
            }
            Self::Bare => {
                thread::scope(|scope| {
                    for task in tasks {
                        scope.spawn(|| block_on(task));
                    }
                });
            }
        }
    }

    /// Runs tasks to their ends, all of them in this thread.
    pub fn run_here(self, tasks: Vec<LocalTask>) {
        match self {
            Self::TokioOfOneThread | Self::TokioOfThreads => {
                let mut builder = match self {
                    Self::TokioOfThreads => Builder::new_multi_thread(),
                    _ => Builder::new_current_thread(),
                };
                let runtime = builder.worker_threads(2).enable_time().build().unwrap();
                tokio::task::LocalSet::new().block_on(&runtime, async {
                    let handles: Vec<_> = tasks.into_iter().map(tokio::task::spawn_local).collect();
                    for handle in handles {
                        handle.await.unwrap();
                    }
                });
            }
            Self::Smol => {
                let executor = async_executor::LocalExecutor::new();
                let handles: Vec<_> = tasks.into_iter().map(|task| executor.spawn(task)).collect();
                block_on(executor.run(async {
                    for handle in handles {
                        handle.await;
                    }
                }));
            }
            Self::Bare => block_on(all(tasks)),
        }
    }
}

async fn on_tokio(tasks: Vec<Task>) {
    let handles: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

/// All of them, in one task.
async fn all(mut tasks: Vec<LocalTask>) {
    poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

/// Lets other tasks of the thread run.
pub async fn pause() {
    let mut has_paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
