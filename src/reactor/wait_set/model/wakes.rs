//! Nobody is overlooked who waits for news.

use loom::sync::Arc;
use loom::thread;

use super::{Scene, Task, Watcher, explore};
use crate::raw::event_count::{WAKE_ALL, WakePolicy};

#[test]
fn a_task_beside_a_publisher() {
    explore(4, WakePolicy::AnyOne, |scene| {
        let watcher = Watcher::start(scene);
        let task = Task::spawn(scene, 0);
        scene.publish(0, 1, 1);
        task.join().unwrap();
        watcher.finish();
    });
}

/// Somebody else wakes the task as well: it looks, and marks the word, without having been called.
#[test]
fn a_task_that_is_polled_for_no_reason() {
    explore(4, WakePolicy::AnyOne, |scene| {
        let watcher = Watcher::start(scene);
        let task = thread::spawn({
            let scene = Arc::clone(scene);
            move || {
                let mut task = Task::new(&scene, 0);
                if task.poll() { task.end() } else { task.finish() }
            }
        });
        scene.publish(0, 1, 1);
        task.join().unwrap();
        watcher.finish();
    });
}

#[test]
fn two_tasks_and_a_publication_for_each() {
    explore(2, WakePolicy::AnyOne, |scene| {
        let watcher = Watcher::start(scene);
        let tasks = [Task::spawn(scene, 0), Task::spawn(scene, 0)];
        scene.publish(0, 1, 1);
        scene.publish(0, 1, 1);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        watcher.finish();
    });
}

#[test]
fn two_tasks_and_a_publication_for_both() {
    for (policy, wakes) in
        [(WakePolicy::AnyOne, 2), (WakePolicy::AnyOne, WAKE_ALL), (WakePolicy::All, WAKE_ALL)]
    {
        explore(2, policy, move |scene| {
            let watcher = Watcher::start(scene);
            let tasks = [Task::spawn(scene, 0), Task::spawn(scene, 0)];
            scene.publish(0, 2, wakes);
            tasks.into_iter().for_each(|task| task.join().unwrap());
            watcher.finish();
        });
    }
}

/// It marks the word anew, and the watcher does not see by that what has happened before. Those who waited already are called yet.
#[test]
fn a_task_that_comes_when_there_is_news_for_another() {
    for (policy, items, wakes) in [(WakePolicy::AnyOne, 2, 2), (WakePolicy::All, 1, WAKE_ALL)] {
        explore(2, policy, move |scene| {
            let waits = Task::waiting(scene, 0);
            let watcher = Watcher::start(scene);
            let comes = thread::spawn({
                let scene = Arc::clone(scene);
                move || Task::new(&scene, 0).poll_once()
            });
            scene.publish(0, items, wakes);
            waits.proceed();
            comes.join().unwrap();
            watcher.finish();
        });
    }
}

/// The watcher is told of one of the words only, and sees the other's news for itself.
#[test]
fn two_words_with_news_at_about_the_same_time() {
    explore(2, WakePolicy::AnyOne, |scene| {
        let tasks = [Task::waiting(scene, 0), Task::waiting(scene, 1)];
        let watcher = Watcher::start(scene);
        let publisher = thread::spawn({
            let scene = Arc::clone(scene);
            move || scene.publish(1, 1, 1)
        });
        scene.publish(0, 1, 1);
        for task in tasks {
            task.proceed();
        }
        publisher.join().unwrap();
        watcher.finish();
    });
}

#[test]
fn a_task_beside_a_sleeper() {
    fn play(scene: &Arc<Scene>, publish: impl FnOnce()) {
        let watcher = Watcher::start(scene);
        let sleeper = thread::spawn({
            let scene = Arc::clone(scene);
            move || scene.look_or_sleep(0)
        });
        let task = Task::spawn(scene, 0);
        publish();
        sleeper.join().unwrap();
        task.join().unwrap();
        watcher.finish();
    }
    explore(2, WakePolicy::AnyOne, |scene| {
        play(scene, || {
            scene.publish(0, 1, 1);
            scene.publish(0, 1, 1);
        });
    });
    explore(2, WakePolicy::AnyOne, |scene| play(scene, || scene.publish(0, 2, 2)));
}

/// Nobody is called in vain: one item is news for one.
#[test]
fn one_of_two_is_called_for_one_item() {
    explore(5, WakePolicy::AnyOne, |scene| {
        let tasks = [Task::waiting(scene, 0), Task::waiting(scene, 0)];
        scene.publish(0, 1, 1);
        Watcher::start(scene).stop();
        assert_eq!(tasks.each_ref().map(Task::calls), [1, 0], "the first in line");
        tasks.into_iter().for_each(Task::cancel);
    });
}
