//! A case's current stage, kept where it can be read after the case has hung or crashed; and its
//! watchdog.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// How many seconds one kill point may take, its survivor's checks included.
const WATCHDOG_SECONDS: libc::c_uint = 60;

/// The page of this process's case.
static INSTALLED: AtomicPtr<Shared> = AtomicPtr::new(core::ptr::null_mut());

/// Memory shared by the process of a case and its worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgressPage(*mut Shared);

struct Shared {
    kill_points: AtomicUsize,
    len: AtomicUsize,
    text: [u8; 256],
}

impl ProgressPage {
    /// An empty page.
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
    pub(crate) fn install(self) {
        INSTALLED.store(self.0, Ordering::Relaxed);
    }

    fn installed() -> Self {
        let page = INSTALLED.load(Ordering::Relaxed);
        assert!(!page.is_null(), "a page was installed");
        Self(page)
    }

    fn write(self, stage: fmt::Arguments<'_>) {
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
        // SAFETY: mapped for ever; only the running case writes it, and its supervisor reads it
        // afterwards.
        let shared = unsafe { &mut *self.0 };
        let size = shared.text.len();
        let mut text = Text(&mut shared.text);
        let _ = text.write_fmt(stage);
        let left = text.0.len();
        shared.len.store(size - left, Ordering::Relaxed);
    }

    /// The last stage of a case that has ended.
    pub(crate) fn stage(self) -> String {
        // SAFETY: mapped for ever, and the case that wrote it has ended.
        let shared = unsafe { &*self.0 };
        String::from_utf8_lossy(&shared.text[..shared.len.load(Ordering::Relaxed)]).into_owned()
    }

    /// How many kills the case has counted.
    pub(crate) fn kills(self) -> usize {
        // SAFETY: mapped for ever, and the case that wrote it has ended.
        unsafe { (*self.0).kill_points.load(Ordering::Relaxed) }
    }
}

/// Records the stage of the case, and restarts the watchdog: SIGALRM ends a case whose stage takes
/// too long.
pub(crate) fn set_stage(stage: fmt::Arguments<'_>) {
    ProgressPage::installed().write(stage);
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(WATCHDOG_SECONDS) };
}

/// Counts one more kill.
pub(crate) fn count_kill() {
    // SAFETY: mapped for ever; the counter is atomic.
    unsafe { (*ProgressPage::installed().0).kill_points.fetch_add(1, Ordering::Relaxed) };
}

/// Stops the watchdog until the next stage.
pub(crate) fn pause_watchdog() {
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(0) };
}
