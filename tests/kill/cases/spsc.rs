//! `spsc`: every push that has returned is delivered once and in order, and any other push wholly
//! or not at all. What a dead consumer had not taken is available to the next one.

use breezeway::queue::spsc::{Consumer, Producer};

use super::numbered::Numbered;
use super::spsc_fixture::{Operation, Run, every, stopped_at_every_instruction};
use super::spsc_kinds::ValueQueue;
use crate::kill_counts::KillCounts;

/// The slot of the first value in a ring of four, and how many values there are: the ring wraps at
/// each possible place.
const STATES: [(u64, &[u32]); 5] = [(0, &[]), (3, &[]), (2, &[0; 2]), (1, &[0; 3]), (3, &[0; 3])];

fn push<T: Numbered>(name: &str) -> KillCounts {
    let operation = || Operation::<ValueQueue<T, 4>>::Push(&[0], |tx, values| tx.push(values[0]).unwrap());
    every(name, STATES.map(|(start, filled)| Run { start, filled, operation: operation() }))
}

fn pop<T: Numbered>(name: &str) -> KillCounts {
    let operation =
        || Operation::<ValueQueue<T, 4>>::Pop(1, |rx, values| assert!(rx.pop().unwrap() == values[0]));
    let full: (u64, &[u32]) = (2, &[0; 4]);
    let states = STATES.into_iter().filter(|(_, filled)| !filled.is_empty()).chain([full]);
    every(name, states.map(|(start, filled)| Run { start, filled, operation: operation() }))
}

pub(crate) fn push_8_bytes(name: &str) -> KillCounts {
    push::<u64>(name)
}

pub(crate) fn push_20_bytes(name: &str) -> KillCounts {
    push::<[u32; 5]>(name)
}

pub(crate) fn pop_8_bytes(name: &str) -> KillCounts {
    pop::<u64>(name)
}

pub(crate) fn pop_20_bytes(name: &str) -> KillCounts {
    pop::<[u32; 5]>(name)
}

type Value = [u32; 6];
/// Five slots of 24 bytes.
type Batches = ValueQueue<Value, 5>;

/// A batch is pushed as a whole, or not at all.
pub(crate) fn push_slice(name: &str) -> KillCounts {
    let all: fn(&mut Producer<Value>, &[Value]) = |tx, values| tx.push_slice(values).unwrap();
    let as_many_as_fit: fn(&mut Producer<Value>, &[Value]) = |tx, values| {
        let mut more = [Value::of(1); 8];
        more[..values.len()].copy_from_slice(values);
        assert_eq!(tx.try_push_slice(&more).unwrap(), values.len());
    };
    let runs = [
        Run { start: 0, filled: &[0; 2], operation: Operation::<Batches>::Push(&[0; 3], all) },
        Run { start: 3, filled: &[0], operation: Operation::Push(&[0; 2], all) },
        Run { start: 2, filled: &[], operation: Operation::Push(&[0; 5], all) },
        Run { start: 1, filled: &[0; 2], operation: Operation::Push(&[0; 3], as_many_as_fit) },
    ];
    every(name, runs)
}

pub(crate) fn pop_slice(name: &str) -> KillCounts {
    let pop: fn(&mut Consumer<Value>, &[Value]) = |rx, values| {
        let mut found = [Value::of(0); 5];
        assert_eq!(rx.pop_slice(&mut found[..values.len()]).unwrap(), values.len());
        assert!(found[..values.len()] == *values);
    };
    let runs = [
        Run { start: 0, filled: &[0; 3], operation: Operation::<Batches>::Pop(2, pop) },
        Run { start: 4, filled: &[0; 5], operation: Operation::Pop(3, pop) },
        Run { start: 2, filled: &[0; 4], operation: Operation::Pop(4, pop) },
    ];
    every(name, runs)
}

/// A push that finds no room, and a pop that finds no value, change nothing.
pub(crate) fn try_push_full_try_pop_empty(name: &str) -> KillCounts {
    let push =
        || Operation::<ValueQueue<u64, 4>>::Push(&[], |tx, _| assert!(tx.try_push(u64::of(7)).is_err()));
    let pop = || Operation::Pop(0, |rx: &mut Consumer<u64>, _| assert!(rx.try_pop().is_err()));
    let runs = [
        Run { start: 0, filled: &[0; 4], operation: push() },
        Run { start: 3, filled: &[0; 4], operation: push() },
        Run { start: 0, filled: &[], operation: pop() },
        Run { start: 3, filled: &[], operation: pop() },
    ];
    every(name, runs)
}

/// A stopped consumer's slot is not overwritten, and what a stopped producer writes is not read.
pub(crate) fn push_pop_stopped_peer(name: &str) -> KillCounts {
    type EndpointQueue = ValueQueue<Value, 3>;
    let push = || Operation::<EndpointQueue>::Push(&[0], |tx, values| tx.push(values[0]).unwrap());
    let pop =
        || Operation::Pop(1, |rx: &mut Consumer<Value>, values| assert!(rx.pop().unwrap() == values[0]));
    let runs = [
        Run { start: 2, filled: &[0; 2], operation: push() },
        Run { start: 1, filled: &[0; 3], operation: pop() },
        Run { start: 2, filled: &[0], operation: pop() },
    ];
    stopped_at_every_instruction(name, runs)
}
