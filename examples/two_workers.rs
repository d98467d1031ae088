//! Two processes at one queue: `put_it` squares 2 four times and puts each square, `get_it` takes four and puts value − value.
//!
//! Prints the four numbers that are left: zeros where `get_it` took one of `put_it`'s squares (4, 16, 256, 65536).

use breezeway::queue::Queue;

#[path = "support/mod.rs"]
mod support;

use support::{Outcome, join, name, role, start};

fn main() -> Outcome {
    match role() {
        Some((role, queue)) => {
            let queue = Queue::<i64>::open(&queue)?;
            if role == "put_it" { put_it(&queue) } else { get_it(&queue) }
        }
        None => {
            let name = name("two-workers");
            let queue = Queue::<i64>::create(&name, 10)?;
            let workers = [start("put_it", &name)?, start("get_it", &name)?];
            workers.into_iter().try_for_each(join)?;
            queue.close();
            for number in &queue {
                println!("{number}");
            }
            Ok(())
        }
    }
}

fn put_it(queue: &Queue<i64>) -> Outcome {
    let mut number: i64 = 2;
    for _ in 0..4 {
        number *= number;
        queue.push(number)?;
    }
    Ok(())
}

fn get_it(queue: &Queue<i64>) -> Outcome {
    for _ in 0..4 {
        let number = queue.pop()?;
        // What the program asks for.
        #[allow(clippy::eq_op)]
        queue.push(number - number)?;
    }
    Ok(())
}
