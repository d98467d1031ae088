//! The segment: creating, opening and dropping one.

use breezeway::{Segment, Value};
use breezeway_bench::kernel::affinity::pin_to_our_cpu;
use breezeway_bench::report::run_group;
use breezeway_bench::runner::Entry;

/// The length of a segment.
const LENGTH: u64 = 1 << 20;

fn main() {
    pin_to_our_cpu();
    let (new, existing) = (unique_name("segment-new"), unique_name("segment"));
    let create = || Segment::create(&new, LENGTH).expect("a new name");
    drop(create());
    assert!(Segment::open(&new).is_err(), "its creator's drop has removed it");
    let segment = Segment::create(&existing, LENGTH).expect("a new name");
    let open = || Segment::open(&existing).expect("the segment");
    assert_eq!(open().id(), segment.id());
    run_group(
        "segment of 1 MiB",
        vec![
            Entry::looped("create and drop, named", create),
            Entry::looped("create and drop, anonymous", || Segment::new(LENGTH)),
            Entry::looped("open and drop, named", open),
        ],
    );

    let (new, existing) = (unique_name("value-new"), unique_name("value"));
    let create = || Value::<u64>::create(&new, 7).expect("a new name");
    assert_eq!(create().get(), 7);
    let _value = Value::<u64>::create(&existing, 7).expect("a new name");
    let open = || Value::<u64>::open(&existing).expect("the value");
    assert_eq!(open().get(), 7);
    run_group(
        "value with a segment of its own",
        vec![Entry::looped("create and drop", create), Entry::looped("open and drop", open)],
    );
}

/// A name that no other run uses.
fn unique_name(what: &str) -> String {
    format!("breezeway-bench-{what}-{}", std::process::id())
}
