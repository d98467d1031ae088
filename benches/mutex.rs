//! The mutex: alone, and with another process at it.

use std::hint::black_box;

use breezeway::sync::Mutex;
use breezeway_bench::contention;
use breezeway_bench::kernel::affinity::pin_to_our_cpu;
use breezeway_bench::kernel::page::Page;
use breezeway_bench::kernel::pthread;
use breezeway_bench::locks::{Lock, SpinWord};
use breezeway_bench::report::run_group;
use breezeway_bench::runner::Entry;

#[path = "support/raw_sync.rs"]
mod raw_sync;

use raw_sync::RawSync;

fn main() {
    pin_to_our_cpu();
    let page = Page::new();
    run_group(
        "mutex, lock and unlock",
        vec![
            alone("robust pthread", pthread::Mutex::robust(page, 0)),
            alone("breezeway", Mutex::new().expect("a mutex")),
            alone("pthread", pthread::Mutex::plain(page, 1)),
            alone("raw_sync", RawSync::new(page, 2)),
            alone("compare and swap, swap", SpinWord::new(page, 3)),
        ],
    );
    let (robust, mutex) = (pthread::Mutex::robust(page, 4), Mutex::new().expect("a mutex"));
    run_group(
        "mutex, two processes, a section",
        vec![
            contention::entry("robust pthread", robust, || robust),
            contention::entry("breezeway", &mutex, || mutex.clone()),
            contention::entry("raw_sync", RawSync::new(page, 5), || RawSync::existing(page, 5)),
        ],
    );
}

fn alone(name: &'static str, lock: impl Lock + 'static) -> Entry<'static> {
    let mut count = 0;
    (0..1000).for_each(|_| lock.locked(|| count += 1));
    assert_eq!(count, 1000);
    Entry::looped(name, move || black_box(&lock).locked(|| black_box(())))
}
