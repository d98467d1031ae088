//! Where a case is, kept where its supervisor can still read it when the case has hung or crashed; and its watchdog.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// How long one kill point may take, its survivor's checks included.
const PATIENCE: libc::c_uint = 20;

static PAGE: AtomicPtr<Page> = AtomicPtr::new(core::ptr::null_mut());

/// Memory that the supervisor and its cases share.
struct Page {
    kill_points: AtomicUsize,
    len: AtomicUsize,
    text: [u8; 256],
}

/// Makes the page. Call it once, before any case is forked.
pub(crate) fn prepare() {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, zeroed, which is what an empty page consists of.
    let page = unsafe {
        libc::mmap(core::ptr::null_mut(), size_of::<Page>(), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    assert_ne!(page, libc::MAP_FAILED, "memory for the progress page");
    PAGE.store(page.cast(), Ordering::Relaxed);
}

fn page() -> *mut Page {
    let page = PAGE.load(Ordering::Relaxed);
    assert!(!page.is_null(), "prepared");
    page
}

/// Says where the case is, and starts the watchdog anew: SIGALRM ends a case that has been here for too long.
pub(crate) fn at(place: fmt::Arguments<'_>) {
    struct Text(usize);
    impl Write for Text {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            // SAFETY: the page lives for ever, and only the running case writes it.
            let text = unsafe { &mut (*page()).text };
            let end = (self.0 + piece.len()).min(text.len());
            text[self.0..end].copy_from_slice(&piece.as_bytes()[..end - self.0]);
            self.0 = end;
            Ok(())
        }
    }
    let mut text = Text(0);
    let _ = text.write_fmt(place);
    // SAFETY: as above.
    unsafe { (*page()).len.store(text.0, Ordering::Relaxed) };
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(PATIENCE) };
}

/// Where the case was last.
pub(crate) fn last() -> String {
    // SAFETY: the page lives for ever, and the case that wrote it has ended.
    let page = unsafe { &*page() };
    String::from_utf8_lossy(&page.text[..page.len.load(Ordering::Relaxed)]).into_owned()
}

/// Counts one more kill.
pub(crate) fn count_kill() {
    // SAFETY: as in `last`; the counter is atomic.
    unsafe { (*page()).kill_points.fetch_add(1, Ordering::Relaxed) };
}

/// How many kills all cases have counted.
pub(crate) fn kills() -> usize {
    // SAFETY: as above.
    unsafe { (*page()).kill_points.load(Ordering::Relaxed) }
}
