//! Where a case is, kept where its supervisor can still read it when the case has hung or crashed; and its watchdog.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// How long one kill point may take, its survivor's checks included.
const PATIENCE: libc::c_uint = 20;

/// The page of the case that this process runs.
static PAGE: AtomicPtr<Shared> = AtomicPtr::new(core::ptr::null_mut());

/// Memory that the supervisor and a case share, for as long as both live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page(*mut Shared);

struct Shared {
    kill_points: AtomicUsize,
    len: AtomicUsize,
    text: [u8; 256],
}

impl Page {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, zeroed, which is what an empty page consists of.
        let page =
            unsafe { libc::mmap(core::ptr::null_mut(), size_of::<Shared>(), protection, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED, "memory for a page");
        Self(page.cast())
    }

    /// Makes this the page of this process's case.
    pub(crate) fn adopt(self) {
        PAGE.store(self.0, Ordering::Relaxed);
    }

    fn own() -> Self {
        let page = PAGE.load(Ordering::Relaxed);
        assert!(!page.is_null(), "a page was adopted");
        Self(page)
    }

    fn write(self, place: fmt::Arguments<'_>) {
        struct Text<'a>(&'a mut [u8]);
        impl Write for Text<'_> {
            fn write_str(&mut self, piece: &str) -> fmt::Result {
                let len = piece.len().min(self.0.len());
                let (start, rest) = core::mem::take(&mut self.0).split_at_mut(len);
                start.copy_from_slice(&piece.as_bytes()[..len]);
                self.0 = rest;
                Ok(())
            }
        }
        // SAFETY: mapped for ever; only the running case writes it, and its supervisor reads it afterwards.
        let shared = unsafe { &mut *self.0 };
        let size = shared.text.len();
        let mut text = Text(&mut shared.text);
        let _ = text.write_fmt(place);
        let left = text.0.len();
        shared.len.store(size - left, Ordering::Relaxed);
    }

    /// Where the case was last, once it has ended.
    pub(crate) fn last(self) -> String {
        // SAFETY: mapped for ever, and nobody writes it any more.
        let shared = unsafe { &*self.0 };
        String::from_utf8_lossy(&shared.text[..shared.len.load(Ordering::Relaxed)]).into_owned()
    }

    /// How many kills the case has counted.
    pub(crate) fn kills(self) -> usize {
        // SAFETY: mapped for ever, and nobody writes it any more.
        unsafe { (*self.0).kill_points.load(Ordering::Relaxed) }
    }
}

/// Says where the case is, and starts the watchdog anew: SIGALRM ends a case that has been here for too long.
pub(crate) fn at(place: fmt::Arguments<'_>) {
    Page::own().write(place);
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(PATIENCE) };
}

/// Counts one more kill.
pub(crate) fn count_kill() {
    // SAFETY: mapped for ever; the counter is atomic.
    unsafe { (*Page::own().0).kill_points.fetch_add(1, Ordering::Relaxed) };
}
