//! Two processes, each with three tasks on an executor of its own, pop numbers from one queue.
//!
//! Each task prints its name, then squares numbers until the queue is closed. Prints `tokio 1`,
//! `tokio 2`, `tokio 3`, `async-executor 1` and so on, in any order, and then the squares of 1 to
//! 8, in their order.

use std::error::Error;

use async_executor::LocalExecutor;
use breezeway::process::Process;
use breezeway::queue::{MessageQueue, Queue};

/// The queue of the numbers, and the queue of their squares.
type Queues = (Queue<u64>, MessageQueue<(u64, u64)>);

const TASKS: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let queues: Queues = (Queue::new(4)?, MessageQueue::new(16)?);
    let processes =
        [Process::spawn(with_tokio, queues.clone())?, Process::spawn(with_async_executor, queues.clone())?];
    let (numbers, squares) = queues;
    let mut results = breezeway::block_on(async {
        for number in 1..=8 {
            numbers.push_async(number).await?;
        }
        numbers.close();
        let mut results = Vec::new();
        while results.len() < 8 {
            results.push(squares.pop_async().await?);
        }
        for process in processes {
            process.join_async().await?;
        }
        Ok::<_, Box<dyn Error>>(results)
    })?;
    results.sort();
    for (number, square) in results {
        println!("{number} squared is {square}");
    }
    Ok(())
}

fn with_tokio(queues: Queues) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> =
            (1..=TASKS).map(|task| tokio::spawn(square(format!("tokio {task}"), queues.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn with_async_executor(queues: Queues) {
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=TASKS)
        .map(|task| executor.spawn(square(format!("async-executor {task}"), queues.clone())))
        .collect();
    breezeway::block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
}

async fn square(name: String, (numbers, squares): Queues) {
    println!("{name}");
    while let Ok(number) = numbers.pop_async().await {
        squares.push_async((number, number * number)).await.unwrap();
    }
}
