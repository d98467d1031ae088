//! `Atomic`: one element, changed by single instructions.

use super::super::kind_ops::{KindOps, nothing_to_repair};
use super::describe;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Atomic,
    describe: |of| describe::typed("an Atomic", of),
    repair: nothing_to_repair,
    inspected_bytes: |_| 0,
    inspect: |_, _| None,
};
