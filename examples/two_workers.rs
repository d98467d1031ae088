//! Two processes at one queue: `put_it` squares 2 four times and pushes each square, `get_it` pops
//! four times and pushes value − value.
//!
//! Prints the four numbers that are left: a zero for each of the squares (4, 16, 256, 65536) that
//! `get_it` has popped.

use std::error::Error;

use breezeway::process::Process;
use breezeway::queue::Queue;

fn main() -> Result<(), Box<dyn Error>> {
    let queue = Queue::<i64>::new(10)?;
    let workers = [Process::spawn(put_it, queue.clone())?, Process::spawn(get_it, queue.clone())?];
    workers.into_iter().try_for_each(Process::result)?;
    queue.close();
    for number in &queue {
        println!("{}", number?);
    }
    Ok(())
}

fn put_it(queue: Queue<i64>) {
    let mut number: i64 = 2;
    for _ in 0..4 {
        number *= number;
        queue.push(number).unwrap();
    }
}

fn get_it(queue: Queue<i64>) {
    for _ in 0..4 {
        let number = queue.pop().unwrap();
        // The point of the example: always 0.
        #[allow(clippy::eq_op)]
        queue.push(number - number).unwrap();
    }
}
