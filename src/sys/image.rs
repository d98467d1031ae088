//! The executable that this process runs: where it lies in memory, which build it is, and its
//! constructors.
//!
//! Each process that runs an executable has it at another address (ASLR), and everything in it at
//! the same distance from that address. So between processes of one build, a place in the
//! executable is told by its distance.

#![allow(unsafe_code)]

use core::ffi::{c_char, c_int, c_void};
use core::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

/// What the C library runs before `main`, for each entry of `.init_array`.
pub(crate) type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// The executable.
pub(crate) struct Image {
    /// The address that those in the file are relative to.
    base: usize,
    /// The addresses of its code.
    code: Vec<Range<usize>>,
    build: Vec<u8>,
    /// Where the array of its constructors' addresses lies, and how long that is.
    constructors: (usize, usize),
}

impl Image {
    /// The executable of this process.
    pub(crate) fn current() -> &'static Self {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        IMAGE.get_or_init(|| {
            let mut image = Self { base: 0, code: Vec::new(), build: Vec::new(), constructors: (0, 0) };
            // SAFETY: `look` is called with this pointer, while there is no other borrow of the
            // image.
            unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut image).cast()) };
            if image.build.is_empty() {
                image.build = file_identity();
            }
            image
        })
    }

    /// What tells this build from every other: the linker's build id, or the file's identity if the
    /// linker made none.
    pub(crate) fn build(&self) -> &[u8] {
        &self.build
    }

    /// Where in the executable's code an address lies; `None` if it lies elsewhere.
    pub(crate) fn offset_of(&self, address: usize) -> Option<u64> {
        self.is_code(address).then(|| (address - self.base) as u64)
    }

    /// The address of a place in the executable's code; `None` if the offset is not of its code.
    pub(crate) fn address_of(&self, offset: u64) -> Option<usize> {
        let address = self.base.checked_add(usize::try_from(offset).ok()?)?;
        self.is_code(address).then_some(address)
    }

    fn is_code(&self, address: usize) -> bool {
        self.code.iter().any(|code| code.contains(&address))
    }

    /// The constructors that the C library runs after `own`.
    ///
    /// # Safety
    /// The caller runs each at most once, with the arguments that the C library has passed to
    /// `own`.
    pub(crate) unsafe fn constructors_behind(&self, own: Constructor) -> Vec<Constructor> {
        let (array, count) = self.constructors;
        let array: *const usize = core::ptr::with_exposed_provenance(array);
        let all: &[usize] = match count {
            0 => &[],
            // SAFETY: the dynamic section says that there are this many addresses, and they stay
            // for as long as the program runs.
            _ => unsafe { core::slice::from_raw_parts(array, count) },
        };
        let behind = all.iter().copied().skip_while(|address| *address != own as usize).skip(1);
        // Old linkers fill the array with these.
        let real = behind.filter(|address| *address != 0 && *address != usize::MAX);
        // SAFETY: what `.init_array` holds are constructors.
        real.map(|address| unsafe {
            core::mem::transmute::<*const (), Constructor>(core::ptr::with_exposed_provenance(address))
        })
        .collect()
    }
}

const DT_NULL: u64 = 0;
const DT_INIT_ARRAY: u64 = 25;
const DT_INIT_ARRAYSZ: u64 = 27;

/// Fills the image from the executable's headers. `dl_iterate_phdr` calls it for each loaded
/// object, the executable first, and stops after that because the result is not 0.
unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, image: *mut c_void) -> c_int {
    // SAFETY: the pointer that `Image::current` has passed.
    let image = unsafe { &mut *image.cast::<Image>() };
    // SAFETY: valid during this call.
    let info = unsafe { &*info };
    image.base = info.dlpi_addr as usize;
    // SAFETY: there are this many program headers, which stay in memory with the program.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers {
        let start = image.base.wrapping_add(header.p_vaddr as usize);
        let len = header.p_memsz as usize;
        match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_X != 0 => image.code.push(start..start + len),
            libc::PT_NOTE if image.build.is_empty() => {
                // SAFETY: this part of the executable is mapped, read-only, for as long as the
                // program runs.
                let notes = unsafe { bytes(start, len) };
                image.build = build_id(notes, header.p_align as usize).unwrap_or_default().to_vec();
            }
            libc::PT_DYNAMIC => {
                // SAFETY: this part of the executable is mapped for as long as the program runs.
                // The loader writes into it, but not after the program has started.
                let dynamic = unsafe { bytes(start, len) };
                image.constructors = init_array(dynamic, image.base);
            }
            _ => {}
        }
    }
    1
}

/// # Safety
/// `len` bytes from `start` on are mapped, and not written for as long as the result lives.
unsafe fn bytes<'a>(start: usize, len: usize) -> &'a [u8] {
    // SAFETY: the caller's promise; bytes need no alignment.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start), len) }
}

fn init_array(dynamic: &[u8], base: usize) -> (usize, usize) {
    let field = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    let entries = dynamic.chunks_exact(16).map(|entry| (field(&entry[..8]), field(&entry[8..])));
    let (mut array, mut len) = (0, 0);
    for (tag, value) in entries.take_while(|(tag, _)| *tag != DT_NULL) {
        match tag {
            DT_INIT_ARRAY => array = base.wrapping_add(value as usize),
            DT_INIT_ARRAYSZ => len = value as usize,
            _ => {}
        }
    }
    if array == 0 { (0, 0) } else { (array, len / size_of::<usize>()) }
}

const NT_GNU_BUILD_ID: u32 = 3;

/// The build id in a segment of notes. Each note is three numbers (the lengths of its name and its
/// contents, its type), the name, and the contents.
fn build_id(mut notes: &[u8], align: usize) -> Option<&[u8]> {
    let align = if align == 8 { 8 } else { 4 };
    loop {
        let number = |index: usize| {
            let bytes = notes.get(index * 4..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (name_len, len, kind) = (number(0)? as usize, number(1)? as usize, number(2)?);
        let name = notes.get(12..)?.get(..name_len)?;
        let start = (12 + name_len).next_multiple_of(align);
        let contents = notes.get(start..)?.get(..len)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" && !contents.is_empty() {
            return Some(contents);
        }
        notes = notes.get((start + len).next_multiple_of(align)..)?;
    }
}

/// The executable's file, and when it was written.
fn file_identity() -> Vec<u8> {
    let Ok(file) = std::fs::metadata(EXECUTABLE) else { return Vec::new() };
    let numbers = [file.dev(), file.ino(), file.size(), file.mtime() as u64, file.mtime_nsec() as u64];
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// This process's executable, even if the file has been replaced or removed since.
pub(crate) const EXECUTABLE: &str = "/proc/self/exe";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_offset_of_finds_code_only() {
        let image = Image::current();
        let here = image_offset_of_finds_code_only as fn() as usize;
        let offset = image.offset_of(here).unwrap();
        assert_eq!(image.address_of(offset), Some(here));
        assert_eq!(image.offset_of(EXECUTABLE.as_ptr().addr()), None);
        assert_eq!(image.offset_of(libc::getpid as *const () as usize), None, "a shared library's");
        assert_eq!(image.address_of(u64::MAX), None);
        assert_eq!(image.address_of(0), None, "the file's header");
        assert!(!image.build().is_empty());
    }

    fn note(kind: u32, name: &[u8], contents: &[u8], align: usize) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [name.len() as u32, contents.len() as u32, kind] {
            note.extend(number.to_ne_bytes());
        }
        note.extend(name);
        note.resize(note.len().next_multiple_of(align), 0);
        note.extend(contents);
        note.resize(note.len().next_multiple_of(align), 0);
        note
    }

    #[test]
    fn build_id_is_found_among_notes() {
        for align in [4, 8] {
            let id = note(NT_GNU_BUILD_ID, b"GNU\0", b"twenty bytes of hash", align);
            let other =
                [note(1, b"GNU\0", b"abi", align), note(NT_GNU_BUILD_ID, b"Go\0", b"else", align)].concat();
            assert_eq!(build_id(&[&*other, &*id].concat(), align), Some(&b"twenty bytes of hash"[..]));
            assert_eq!(build_id(&other, align), None);
            for len in 0..id.len() - 4 {
                let _ = build_id(&id[..len], align);
            }
        }
        let mut endless = note(1, b"", b"", 4);
        endless[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(build_id(&endless, 4), None);
    }
}
