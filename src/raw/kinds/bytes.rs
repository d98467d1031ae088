//! `Bytes`: a ring of framed messages with one producer and one consumer.

use super::super::kind_ops::KindOps;
use super::endpoints;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Bytes,
    describe: |of| match of.count {
        Some(count) => format!("a byte queue of {count} bytes"),
        None => "a byte queue".to_owned(),
    },
    repair: endpoints::repair,
    inspected_bytes: endpoints::inspected_bytes,
    inspect: endpoints::inspect,
};
