//! `Spsc`: a ring of elements with one producer and one consumer.

use super::super::kind_ops::KindOps;
use super::{describe, endpoints};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Spsc,
    describe: |of| describe::ring("a Spsc", of),
    repair: endpoints::repair,
    inspected_bytes: endpoints::inspected_bytes,
    inspect: endpoints::inspect,
};
