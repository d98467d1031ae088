//! What the state of an object says, by kind.

use super::report::Fact;
use super::snapshot::{Copy, process};
use crate::layout::fingerprint::Kind;
use crate::layout::header::DirectoryEntry;
use crate::primitive::Ordering;
use crate::raw::depot::{Depot, Layout};
use crate::raw::ends::{End, Holder};
use crate::raw::mpmc::{self, AtWork};
use crate::raw::spsc;
use crate::sys::robust::LockWord;

/// A fact with its name.
type Named = (&'static str, Fact);

/// Bytes of the lock that some objects begin with.
const LOCK: usize = 64;

/// The facts of an object of this kind; none, where its bytes cannot be such an object's.
pub(super) fn of(kind: Kind, entry: &DirectoryEntry, copy: &Copy) -> Vec<Named> {
    match kind {
        Kind::Value | Kind::Array | Kind::Mutex | Kind::ReentrantMutex | Kind::Once => lock(copy),
        Kind::MessageQueue | Kind::JoinableQueue => {
            let mut facts = lock(copy);
            facts.extend(depot(kind, entry, copy));
            facts
        }
        Kind::Spsc | Kind::Bytes => ends(entry, copy).unwrap_or_default(),
        Kind::Queue => ring(entry, copy).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Who holds the lock at the object's start.
fn lock(copy: &Copy) -> Vec<Named> {
    let Some(word) = copy.words().first() else { return Vec::new() };
    let [a, b, c, d, ..] = word.load(Ordering::Relaxed).to_ne_bytes();
    let word = LockWord(u32::from_ne_bytes([a, b, c, d]));
    let holder = match word.owner() {
        Some(thread) => Fact::Process(process(thread)),
        None if word.is_abandoned() => Fact::Text("one that died".to_owned()),
        None => Fact::Text("nobody".to_owned()),
    };
    vec![("held by", holder), ("waiters", Fact::Is(word.has_waiters()))]
}

/// How many messages there are, and how many are being worked on.
fn depot(kind: Kind, entry: &DirectoryEntry, copy: &Copy) -> Vec<Named> {
    let layout = Layout::new(entry.element_count, entry.flags);
    let layout =
        layout.filter(|layout| copy.is_whole && layout.length() == entry.length.checked_sub(LOCK as u64));
    let Some(layout) = layout else { return Vec::new() };
    let depot = Depot::new(layout, &copy.words()[LOCK / 8..]);
    let mut facts = vec![
        ("messages", Fact::Count(depot.ready() as u64)),
        ("room for", Fact::Count(entry.element_count)),
        ("closed", Fact::Is(depot.is_closed())),
    ];
    if kind == Kind::JoinableQueue {
        facts.push(("unfinished", Fact::Count(depot.unfinished() as u64)));
    }
    facts
}

/// How full a queue with two ends is, and whose the ends are.
fn ends(entry: &DirectoryEntry, copy: &Copy) -> Option<Vec<Named>> {
    let state: &spsc::State = copy.state()?;
    let view = state.ends.view();
    let holder = |end| match view.holder(end) {
        Holder::Taken(id) => Fact::Participants(vec![id]),
        Holder::Pledged(id) => Fact::Text(format!("on its way from #{id}")),
        Holder::Vacant => Fact::Text("nobody yet".to_owned()),
        Holder::Gone => Fact::Text("nobody any more".to_owned()),
    };
    let (pushed, popped) = state.progress();
    Some(vec![
        ("fill", Fact::Count(state.len(entry.element_count))),
        ("capacity", Fact::Count(entry.element_count)),
        ("pushed", Fact::Count(pushed)),
        ("popped", Fact::Count(popped)),
        ("producer", holder(End::Producer)),
        ("consumer", holder(End::Consumer)),
        ("closed", Fact::Is(view.is_closed())),
    ])
}

/// How full a queue is, and who is at work in its slots.
fn ring(entry: &DirectoryEntry, copy: &Copy) -> Option<Vec<Named>> {
    let state: &mpmc::State = copy.state()?;
    let size = usize::try_from(entry.element_size).ok()?;
    if !copy.is_whole || mpmc::length(entry.element_count, size) != Some(entry.length) {
        return None;
    }
    let geometry = mpmc::Geometry::new(entry.element_count, size);
    let ring = mpmc::Ring::new(state, &copy.words()[size_of::<mpmc::State>() / 8..], &geometry);
    let (mut writing, mut leased, mut returned) = (Vec::new(), Vec::new(), 0);
    for at_work in ring.at_work() {
        match at_work {
            AtWork::Writes(id) => writing.push(id),
            AtWork::Leases(id) => leased.push(id),
            AtWork::Returned => returned += 1,
        }
    }
    Some(vec![
        ("fill", Fact::Count(ring.len())),
        ("capacity", Fact::Count(entry.element_count)),
        ("pushed", Fact::Count(ring.passed_by_producers())),
        ("popped", Fact::Count(ring.passed_by_consumers())),
        ("being written by", Fact::Participants(writing)),
        ("leased by", Fact::Participants(leased)),
        ("returned", Fact::Count(returned)),
        ("closed", Fact::Is(ring.is_closed())),
    ])
}
