//! `ReentrantMutex`: a lock whose inline word counts the levels of its holder.

use super::super::kind_ops::{FactSink, KindOps, ObjectWords};
use super::mutex;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::ReentrantMutex,
    describe: |_| "a ReentrantMutex".to_owned(),
    repair: mutex::repair,
    inspected_bytes: mutex::lock_bytes,
    inspect,
};

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let lock = mutex::lock(object, facts)?;
    facts.count("levels", if !lock.word.is_free() { lock.inline_word } else { 0 });
    Some(())
}
