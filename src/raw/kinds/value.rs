//! `Value`: a lock, and the value after it.

use super::super::kind_ops::KindOps;
use super::{describe, mutex};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Value,
    describe: |of| describe::typed("a Value", of),
    repair: mutex::repair,
    inspected_bytes: mutex::lock_bytes,
    inspect: |object, facts| mutex::lock(object, facts).map(drop),
};
