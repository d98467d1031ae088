//! News that a task was called for, or the watcher was woken for, is not lost on another when the task goes.

use loom::sync::Arc;
use loom::thread;

use super::{Scene, Task, Watcher, explore};
use crate::raw::event_count::WakePolicy;

/// The first in line goes without looking, when it was called or before.
#[test]
fn a_task_goes_and_another_waits() {
    explore(3, WakePolicy::AnyOne, |scene| {
        let goes = Task::waiting(scene, 0);
        let waits = Task::waiting(scene, 0);
        let watcher = Watcher::start(scene);
        let publisher = thread::spawn({
            let scene = Arc::clone(scene);
            move || scene.publish(0, 1, 1)
        });
        goes.cancel();
        waits.proceed();
        publisher.join().unwrap();
        watcher.finish();
    });
}

/// A task goes while a sleeper waits: if the watcher is woken and not the sleeper, it has no task to call
/// for that.
#[test]
fn a_task_goes_and_a_sleeper_waits() {
    explore(3, WakePolicy::AnyOne, |scene| {
        let goes = Task::waiting(scene, 0);
        let watcher = Watcher::start(scene);
        let sleeper = sleeper(scene);
        goes.cancel();
        scene.publish(0, 1, 1);
        sleeper.join().unwrap();
        watcher.finish();
    });
}

#[test]
fn a_task_goes_when_there_is_news_and_a_sleeper_waits() {
    explore(3, WakePolicy::AnyOne, |scene| {
        let goes = Task::waiting(scene, 0);
        let watcher = Watcher::start(scene);
        let sleeper = sleeper(scene);
        scene.publish(0, 1, 1);
        goes.cancel();
        sleeper.join().unwrap();
        watcher.finish();
    });
}

/// It has found the first item without having been called.
#[test]
fn a_task_is_served_and_a_sleeper_waits() {
    explore(3, WakePolicy::AnyOne, |scene| {
        let mut task = Task::waiting(scene, 0);
        let watcher = Watcher::start(scene);
        scene.publish(0, 1, 1);
        if task.poll() {
            task.end()
        } else {
            task.proceed()
        };
        let sleeper = sleeper(scene);
        scene.publish(0, 1, 1);
        sleeper.join().unwrap();
        watcher.finish();
    });
}

fn sleeper(scene: &Arc<Scene>) -> thread::JoinHandle<()> {
    let scene = Arc::clone(scene);
    thread::spawn(move || scene.look_or_sleep(0))
}
