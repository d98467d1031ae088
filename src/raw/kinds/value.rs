//! `Value`: a lock, and the value after it.

use super::super::kind_ops::{KindOps, nothing_to_repair};
use super::{describe, mutex};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Value,
    describe: |of| describe::typed("a Value", of),
    begins_with_lock: true,
    repair: nothing_to_repair,
    inspected_bytes: mutex::lock_bytes,
    inspect: |object, facts| mutex::lock(object, facts).map(drop),
};
