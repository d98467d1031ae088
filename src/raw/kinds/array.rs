//! `Array`: a lock, and the elements after it. The next locker rolls a dead process's journal back.

use super::super::kind_ops::KindOps;
use super::{describe, mutex};
use crate::layout::fingerprint::{Kind, TypeDescription};

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Array,
    describe: sized,
    repair: mutex::repair,
    inspected_bytes: mutex::lock_bytes,
    inspect: |object, facts| mutex::lock(object, facts).map(drop),
};

fn sized(of: &TypeDescription<'_>) -> String {
    match of.count {
        Some(count) => {
            format!("an Array<{}> of {count} elements ({} bytes, align {})", of.name, of.size, of.align)
        }
        None => describe::typed("an Array", of),
    }
}
