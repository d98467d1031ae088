//! A process that owns one endpoint, operates on it on command, and reports the result.

use std::fmt::Debug;

use breezeway::queue::spsc::{Consumer, Producer};
use support::process::thread_id;
use support::{Role, listen, role, say};

/// Child: has an end.
#[test]
fn end() {
    let Some(arguments) = role() else { return };
    match (&*arguments[0], &*arguments[1]) {
        ("producer", name) => produce(Producer::open(name).unwrap()),
        ("consumer", name) => consume(Consumer::open(name).unwrap()),
        _ => unreachable!("{arguments:?}"),
    }
}

/// A child that has an end.
pub fn spawn(end: &str, name: &str) -> Role {
    let mut child = Role::spawn(self::end, &[end, name]);
    assert_eq!(child.hear(), "ready");
    child
}

/// Has a child do something.
pub fn ask(child: &mut Role, what: &str) -> String {
    child.tell(what);
    child.hear()
}

fn answer(result: impl Debug) {
    say(&format!("{result:?}"));
}

pub fn produce(mut tx: Producer<u64>) {
    say("ready");
    loop {
        let word = listen();
        let (verb, numbers) = word.split_once(' ').unwrap_or((&word, ""));
        let numbers: Vec<u64> = numbers.split_whitespace().map(|word| word.parse().unwrap()).collect();
        match verb {
            "push" => answer(tx.push_slice(&numbers)),
            "try" => answer(tx.try_push(numbers[0])),
            "wait" => {
                say(&thread_id());
                answer(tx.push(numbers[0]));
            }
            "hammer" => {
                for n in numbers[0]..u64::MAX {
                    tx.push(n).unwrap();
                }
            }
            "close" => answer(tx.close()),
            "release" => return end_with("released", || tx.release()),
            "drop" => return end_with("dropped", || drop(tx)),
            _ => unreachable!("{word}"),
        }
    }
}

pub fn consume(mut rx: Consumer<u64>) {
    say("ready");
    loop {
        match &*listen() {
            "pop" => answer(rx.pop()),
            "try" => answer(rx.try_pop()),
            "wait" => {
                say(&thread_id());
                answer(rx.pop());
            }
            "close" => answer(rx.close()),
            "release" => return end_with("released", || rx.release()),
            "drop" => return end_with("dropped", || drop(rx)),
            word => unreachable!("{word}"),
        }
    }
}

/// Lets go of the end, and lives on.
fn end_with(word: &str, end: impl FnOnce()) {
    end();
    say(word);
    listen();
}
