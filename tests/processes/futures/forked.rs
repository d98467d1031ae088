//! Tasks in forked children: each process has its own waiter thread.

use breezeway::queue::Queue;
use breezeway::sync::Mutex;
use support::executors::{Executor, Task, block_on};
use support::fork::fork;
use support::polled::Polled;
use support::{Role, Watchdog, listen, role, say, unique};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fork", name] => fork_with_tasks(name),
        _ => unreachable!("{arguments:?}"),
    }
}

fn ping(there: &Queue<u64>, back: &Queue<u64>) {
    let (there, back) = (there.clone(), back.clone());
    let thread = std::thread::spawn(move || {
        (0..50).for_each(|n| {
            there.push(n).unwrap();
            assert_eq!(back.pop().unwrap(), n + 1);
        });
    });
    thread.join().unwrap();
}

async fn pong(there: Queue<u64>, back: Queue<u64>) {
    for _ in 0..50 {
        let n = there.pop_async().await.unwrap();
        back.push_async(n + 1).await.unwrap();
    }
}

fn fork_with_tasks(name: &str) {
    let queue = Queue::<u64>::open(name).unwrap();
    let mutex = Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Some(Polled::waiting(queue.pop_async()))).collect();
    let mut locking = Some(Polled::waiting(mutex.lock_async()));
    // The child drops a copy of one, goes on with another, and leaves the rest as it is.
    fork(|| {
        let counter = waiting[0].as_ref().unwrap().counter.clone();
        drop(waiting[0].take());
        assert_eq!(counter.late_calls(), 0);
        drop(locking.take());
        let [there, back] = [(); 2].map(|()| Queue::<u64>::new(1).unwrap());
        let ponger = std::thread::spawn({
            let (there, back) = (there.clone(), back.clone());
            move || block_on(pong(there, back))
        });
        ping(&there, &back);
        ponger.join().unwrap();
        say("child");
        // Whom its parent's thread will call is its parent's task.
        let mut task = waiting[1].take().unwrap();
        let number = task.poll().unwrap_or_else(|| task.finish());
        assert_eq!(number.unwrap(), 1);
        // And another generation.
        fork(|| {
            say("grandchild");
            assert_eq!(block_on(queue.pop_async()).unwrap(), 2);
            let task = |_| -> Task { Box::pin(pong(there.clone(), back.clone())) };
            let tasks = vec![task(0)];
            let runner = std::thread::spawn(move || Executor::Smol.run(tasks));
            ping(&there, &back);
            runner.join().unwrap();
        })
        .join();
    })
    .join();
    // What the parent waits for it gets: nobody has taken that away.
    say("parent");
    let found: Vec<u64> = waiting.into_iter().map(|waiting| waiting.unwrap().finish().unwrap()).collect();
    assert_eq!(found.iter().sum::<u64>(), 3 + 4 + 5);
    drop(guard);
    drop(locking.take().unwrap().finish().unwrap());
    say("done");
    listen();
}

#[test]
fn async_waits_work_in_forked_child_and_grandchild() {
    let _watchdog = Watchdog::start(60);
    for _ in 0..10 {
        let name = unique("futures-fork");
        let queue = Queue::<u64>::create(&name, 8).unwrap();
        let mut parent = Role::spawn(in_a_child, &["fork", &name]);
        for (next, who) in (1..).zip(["child", "grandchild"]) {
            assert_eq!(parent.hear(), who);
            queue.push(next).unwrap();
        }
        assert_eq!(parent.hear(), "parent");
        queue.push_slice(&[3, 4, 5]).unwrap();
        assert_eq!(parent.hear(), "done");
    }
}
