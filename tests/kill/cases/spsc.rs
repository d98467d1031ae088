//! `spsc`: every push that returned is delivered once and in order, every other one wholly or not at all; and what a dead
//! consumer had not taken is there for the next.

use breezeway::queue::spsc::{Consumer, Producer};

use super::number::Numbered;
use super::two_ends::{self, Act, Scene, Values, every};
use crate::tally::Tally;

/// Where the first value lies in a ring of four, and how many there are: the ring goes round at each possible place.
const STATES: [(u64, &[u32]); 5] = [(0, &[]), (3, &[]), (2, &[0; 2]), (1, &[0; 3]), (3, &[0; 3])];

fn push<T: Numbered>(name: &str) -> Tally {
    let act = || Act::<Values<T, 4>>::Push(&[0], |tx, values| tx.push(values[0]).unwrap());
    every(name, STATES.map(|(start, filled)| Scene { start, filled, act: act() }))
}

fn pop<T: Numbered>(name: &str) -> Tally {
    let act = || Act::<Values<T, 4>>::Pop(1, |rx, values| assert!(rx.pop().unwrap() == values[0]));
    let full: (u64, &[u32]) = (2, &[0; 4]);
    let states = STATES.into_iter().filter(|(_, filled)| !filled.is_empty()).chain([full]);
    every(name, states.map(|(start, filled)| Scene { start, filled, act: act() }))
}

pub(crate) fn push_8_bytes(name: &str) -> Tally {
    push::<u64>(name)
}

pub(crate) fn push_20_bytes(name: &str) -> Tally {
    push::<[u32; 5]>(name)
}

pub(crate) fn pop_8_bytes(name: &str) -> Tally {
    pop::<u64>(name)
}

pub(crate) fn pop_20_bytes(name: &str) -> Tally {
    pop::<[u32; 5]>(name)
}

type Value = [u32; 6];
/// Five slots of 24 bytes.
type Batches = Values<Value, 5>;

/// A batch is there as a whole, or not at all.
pub(crate) fn push_slice(name: &str) -> Tally {
    let all: fn(&mut Producer<Value>, &[Value]) = |tx, values| tx.push_slice(values).unwrap();
    let as_many_as_fit: fn(&mut Producer<Value>, &[Value]) = |tx, values| {
        let mut more = [Value::of(1); 8];
        more[..values.len()].copy_from_slice(values);
        assert_eq!(tx.try_push_slice(&more).unwrap(), values.len());
    };
    let scenes = [
        Scene { start: 0, filled: &[0; 2], act: Act::<Batches>::Push(&[0; 3], all) },
        Scene { start: 3, filled: &[0], act: Act::Push(&[0; 2], all) },
        Scene { start: 2, filled: &[], act: Act::Push(&[0; 5], all) },
        Scene { start: 1, filled: &[0; 2], act: Act::Push(&[0; 3], as_many_as_fit) },
    ];
    every(name, scenes)
}

pub(crate) fn pop_slice(name: &str) -> Tally {
    let pop: fn(&mut Consumer<Value>, &[Value]) = |rx, values| {
        let mut found = [Value::of(0); 5];
        assert_eq!(rx.pop_slice(&mut found[..values.len()]).unwrap(), values.len());
        assert!(found[..values.len()] == *values);
    };
    let scenes = [
        Scene { start: 0, filled: &[0; 3], act: Act::<Batches>::Pop(2, pop) },
        Scene { start: 4, filled: &[0; 5], act: Act::Pop(3, pop) },
        Scene { start: 2, filled: &[0; 4], act: Act::Pop(4, pop) },
    ];
    every(name, scenes)
}

/// A push that finds no room, and a pop that finds no value, change nothing.
pub(crate) fn refused(name: &str) -> Tally {
    let push = || Act::<Values<u64, 4>>::Push(&[], |tx, _| assert!(tx.try_push(u64::of(7)).is_err()));
    let pop = || Act::Pop(0, |rx: &mut Consumer<u64>, _| assert!(rx.try_pop().is_err()));
    let scenes = [
        Scene { start: 0, filled: &[0; 4], act: push() },
        Scene { start: 3, filled: &[0; 4], act: push() },
        Scene { start: 0, filled: &[], act: pop() },
        Scene { start: 3, filled: &[], act: pop() },
    ];
    every(name, scenes)
}

/// A consumer that stands still has its value's slot to itself; a producer, that which it writes.
pub(crate) fn frozen(name: &str) -> Tally {
    type Line = Values<Value, 3>;
    let push = || Act::<Line>::Push(&[0], |tx, values| tx.push(values[0]).unwrap());
    let pop = || Act::Pop(1, |rx: &mut Consumer<Value>, values| assert!(rx.pop().unwrap() == values[0]));
    let scenes = [
        Scene { start: 2, filled: &[0; 2], act: push() },
        Scene { start: 1, filled: &[0; 3], act: pop() },
        Scene { start: 2, filled: &[0], act: pop() },
    ];
    two_ends::frozen(name, scenes)
}
