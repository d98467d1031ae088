//! The bytes of a whole segment of ABI version 2. What is left of version 1 is in `layout_1.rs`.
//!
//! Programs of different builds share segments, so what is written here is a promise. If this fails and the change was meant,
//! **do not adjust the numbers**: raise `ABI_VERSION` in `src/layout.rs`, keep what this file says as the record of version 2
//! (with an opener that refuses or converts it), and add the new version's bytes beside it. If it was not meant, it is a bug:
//! the builds before and after would misread each other's memory. The numbers are written down, not computed by the crate.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Journaled, Segment, Value};
use support::scratch::Scratch;

/// The segment: 3 participants, 7 objects, one page.
const LENGTH: usize = 4096;
const PARTICIPANTS_AT: usize = 256;
const DIRECTORY_AT: usize = 448;
const ARENA_AT: usize = 1792;

/// A page of expected bytes, and which of them are to be compared.
struct Page {
    bytes: Vec<u8>,
    varies: Vec<bool>,
}

impl Page {
    fn zeros() -> Self {
        Self { bytes: vec![0; LENGTH], varies: vec![false; LENGTH] }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put16(&mut self, at: usize, number: u16) {
        self.put(at, &number.to_le_bytes());
    }

    fn put32(&mut self, at: usize, number: u32) {
        self.put(at, &number.to_le_bytes());
    }

    fn put64(&mut self, at: usize, number: u64) {
        self.put(at, &number.to_le_bytes());
    }

    /// These differ from run to run.
    fn vary(&mut self, at: usize, length: usize) {
        self.varies[at..at + length].fill(true);
    }

    /// A lock, without the word that is its object's.
    fn lock(&mut self, at: usize) {
        self.vary(at, 40);
    }

    /// An entry of the directory. `numbers`: kind, element's alignment, offset, length, element's size, count, hash of
    /// the type's name, flags.
    fn entry(&mut self, index: usize, name: &str, type_name: &str, numbers: [u64; 8]) {
        let at = DIRECTORY_AT + 192 * index;
        let [kind, align, offset, length, size, count, hash, flags] = numbers;
        self.put(at, name.as_bytes());
        self.put32(at + 64, kind as u32);
        self.put32(at + 68, align as u32);
        for (n, number) in [offset, length, size, count, hash, flags].into_iter().enumerate() {
            self.put64(at + 72 + 8 * n, number);
        }
        self.put(at + 128, type_name.as_bytes());
    }

    fn assert_is(&self, found: &[u8]) {
        assert_eq!(found.len(), LENGTH);
        for (at, byte) in found.iter().enumerate() {
            let line = at / 16 * 16;
            assert!(
                self.varies[at] || *byte == self.bytes[at],
                "byte {at} is {byte:#04x} instead of {:#04x}; from {line} on:\n{:02x?}\n{:02x?}",
                self.bytes[at],
                &found[line..line + 16],
                &self.bytes[line..line + 16],
            );
        }
    }
}

fn header(page: &mut Page) {
    page.put(0, b"BREEZEWY");
    page.put32(8, 0x0102_0304); // byte order
    page.put32(12, 2); // ABI version
    page.put32(16, 64); // pointer width
    page.put64(24, LENGTH as u64);
    page.vary(32, 16); // id
    page.vary(48, 4); // creator's pid
    page.put32(52, 3); // participants
    page.put32(56, 7); // objects
    page.put64(64, PARTICIPANTS_AT as u64);
    page.put64(72, DIRECTORY_AT as u64);
    page.put64(80, ARENA_AT as u64);
    page.vary(88, 8); // made at
    page.vary(96, 8); // creator's start
    page.vary(104, 8); // creator's pid namespace
    page.put64(112, 1); // flags: persists
    page.put64(120, 7); // objects that count
    page.lock(128);
    page.put32(200, 1); // highest id
}

/// Participant 1 is attached, the others have never been.
fn participants(page: &mut Page) {
    page.put32(PARTICIPANTS_AT, 1); // taken
    page.vary(PARTICIPANTS_AT + 4, 60); // pid, start, pid namespace, since when, name
}

fn directory(page: &mut Page) {
    // The hashes are FNV-1a (64 bits) of the types' names.
    page.entry(0, "small", "u64", [1, 8, 1792, 64, 8, 1, 0x4d35_d319_3e8d_66f2, 0]);
    page.entry(1, "short value", "[u64; 4]", [1, 8, 1920, 200, 32, 1, 0x0aaf_aa87_ffe0_aab7, 0]);
    page.entry(2, "long value", "[u32; 17]", [1, 4, 2176, 360, 68, 1, 0xc0e1_7777_50a7_0932, 0]);
    page.entry(3, "array", "u32", [2, 4, 2560, 80, 4, 3, 0x4d2b_df19_3e85_26d1, 0]);
    page.entry(4, "journaled ü", "u16", [2, 2, 2688, 208, 2, 5, 0x4d24_d319_3e7e_f3bf, 1]);
    page.entry(5, "atomic", "i16", [3, 2, 2944, 8, 2, 1, 0x2aeb_bf19_2b3b_86fb, 0]);
    page.entry(6, "mutex", "()", [4, 1, 3072, 64, 0, 1, 0x07e1_1f07_b4a6_665a, 0]);
}

fn objects(page: &mut Page) {
    // The value itself, on the lock's line.
    page.lock(1792);
    page.put64(1792 + 56, 0x1122_3344_5566_7788);

    // Four slots, of which version 1 counts, after one change; slot 0 is what was. Then the word of readers that ask for a pass.
    page.lock(1920);
    page.put64(1920 + 56, 1);
    for n in 0..4 {
        page.put64(1920 + 64 + 8 * n, 10 + n as u64);
        page.put64(1920 + 96 + 8 * n, 20 + n as u64);
    }

    // Version 2 of four slots, 9 words each, the last half full.
    page.lock(2176);
    page.put64(2176 + 56, 2);
    for slot in 0..3 {
        for n in 0..17 {
            page.put32(2176 + 64 + 72 * slot + 4 * n, (100 * slot + n) as u32);
        }
    }

    // No journal: the elements, and the word beside the lock is not used.
    page.lock(2560);
    for n in 0..3 {
        page.put32(2560 + 64 + 4 * n, 7 + n as u32);
    }

    // Five records of two words and a gap up to a cache line, then the elements. The last section changed elements 1 and 4: the
    // records are left behind, and none of them is pending.
    page.lock(2688);
    page.put64(2688 + 64, 1);
    page.put64(2688 + 72, 0x0101);
    page.put64(2688 + 80, 4);
    page.put64(2688 + 88, 0x0404);
    for (n, element) in [0x0000, 0xaaaa, 0x0202, 0x0303, 0xbbbb].into_iter().enumerate() {
        page.put16(2688 + 192 + 2 * n, element);
    }

    page.put16(2944, (-2_i16) as u16);

    page.lock(3072);
}

#[test]
fn segment_of_version_2_byte_for_byte() {
    let scratch = Scratch::new("layout");
    let path = scratch.file("segment");
    let options = Segment::builder().participants(3).objects(7);
    let segment = options.create_file(&path, LENGTH as u64).unwrap();
    let small = segment.add::<Value<u64>>("small", 0).unwrap();
    let short = segment.add::<Value<[u64; 4]>>("short value", [10, 11, 12, 13]).unwrap();
    let hundreds = |slot: u32| core::array::from_fn(|n| 100 * slot + n as u32);
    let long = segment.add::<Value<[u32; 17]>>("long value", hundreds(0)).unwrap();
    segment.add::<Array<u32>>("array", 7..10).unwrap();
    let old = Journaled([0x0000, 0x0101, 0x0202, 0x0303, 0x0404]);
    let journaled = segment.add::<Array<u16>>("journaled ü", old).unwrap();
    let atomic = segment.add::<Atomic<i16>>("atomic", -1).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();

    small.set(0x1122_3344_5566_7788).unwrap();
    short.set([20, 21, 22, 23]).unwrap();
    long.set(hundreds(1)).unwrap();
    long.set(hundreds(2)).unwrap();
    let mut section = journaled.lock().unwrap();
    (section[1], section[4]) = (0xaaaa, 0xbbbb);
    drop(section);
    atomic.fetch_sub(1, Relaxed);
    drop(mutex.lock().unwrap());

    let mut page = Page::zeros();
    header(&mut page);
    participants(&mut page);
    directory(&mut page);
    objects(&mut page);
    page.assert_is(&fs::read(&path).unwrap());

    // The fields left out above hold what they are for.
    let bytes = fs::read(&path).unwrap();
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(bytes[32..48], segment.id().to_ne_bytes());
    let me = std::process::id().to_le_bytes();
    assert_eq!((&bytes[48..52], &bytes[PARTICIPANTS_AT + 4..PARTICIPANTS_AT + 8]), (&me[..], &me[..]));
    assert_eq!((number(96), number(104)), (number(PARTICIPANTS_AT + 8), number(PARTICIPANTS_AT + 16)));
    assert!(
        number(88) > 0 && number(96) > 0 && number(104) > 0 && number(PARTICIPANTS_AT + 24) >= number(88)
    );
    assert_eq!(bytes[PARTICIPANTS_AT + 63], 0);

    // Detached, the participant's place is free; nothing else has changed.
    drop((segment, small, short, long, journaled, atomic, mutex));
    page.put32(PARTICIPANTS_AT, 0);
    page.assert_is(&fs::read(&path).unwrap());
}

/// Both ends of a single-producer queue, taken for the first time by participant 1: `{changes:13 | state:2 | id:16}` each.
const BOTH_TAKEN: u64 = 0x5_0001 << 31 | 0x5_0001;

/// 384 bytes of state, of which each side's index has two cache lines; then the slots, packed.
fn spsc_queue(page: &mut Page, at: usize) {
    page.put64(at, 6); // tail: as many were pushed
    page.put64(at + 128, 2); // head: as many were popped
    page.put64(at + 256, BOTH_TAKEN);
    page.put32(at + 264, 0); // the consumer's sleepers
    page.put32(at + 268, 0); // the producer's
    // The sixth lies in the first slot again, and what was popped lies where it lay.
    for (slot, value) in [15, 11, 12, 13, 14].into_iter().enumerate() {
        page.put32(at + 384 + 4 * slot, value);
    }
}

/// 384 bytes of state like the queue's of values, counting bytes; then the ring.
fn bytes_queue(page: &mut Page, at: usize) {
    page.put64(at, 96);
    page.put64(at + 128, 40);
    page.put64(at + 256, BOTH_TAKEN);
    let ring = at + 384;
    // A message: its length, its kind, no flags.
    page.put32(ring, 24);
    page.put16(ring + 4, 1);
    page.put(ring + 8, &[3; 24]);
    page.put(ring + 32, &[2; 2]); // the end of an earlier one
    // A pad up to the end of the ring, in which the message would not have fitted.
    page.put32(ring + 40, 16);
    page.put16(ring + 44, 2);
}

/// 384 bytes of state; then slots of a word, `{lap:44 | owner:16 | state:4}`, and the value, rounded up to words.
fn queue(page: &mut Page, at: usize) {
    page.put64(at, 1 << 2 | 1); // tail: lap 1, slot 1
    page.put64(at + 128, 1 << 2); // head: lap 1, slot 0
    page.put64(at + 256, 0); // the event count of consumers
    page.put64(at + 264, 0); // of producers
    page.put64(at + 272, 1 | 2); // closed, and messages were leased
    page.put64(at + 280, 1 << 34 | 2 << 2 | 1); // one was returned: slot 2, if any
    let words = [1 << 20 | 2, 1 << 4 | 3, 4]; // full in lap 1; leased by 1; returned
    for (slot, (word, value)) in words.into_iter().zip([4, 2, 3]).enumerate() {
        page.put64(at + 384 + 16 * slot, word);
        page.put(at + 392 + 16 * slot, &[value; 3]);
    }
}

#[test]
fn queues_of_version_2_byte_for_byte() {
    let scratch = Scratch::new("layout-queues");
    let path = scratch.file("segment");
    let options = Segment::builder().participants(3).objects(7);
    let segment = options.create_file(&path, LENGTH as u64).unwrap();
    let (mut tx, mut rx) = spsc::add::<u32>(&segment, "spsc", 5).unwrap();
    let (mut byte_tx, mut byte_rx) = bytes::add(&segment, "bytes", 64).unwrap();
    let values = segment.add::<Queue<[u8; 3]>>("queue", 3).unwrap();

    tx.push_slice(&[10, 11, 12]).unwrap();
    assert_eq!((rx.pop().unwrap(), rx.pop().unwrap()), (10, 11));
    tx.push_slice(&[13, 14, 15]).unwrap();

    byte_tx.push(&[1; 3]).unwrap();
    byte_tx.push(&[2; 10]).unwrap();
    assert_eq!(byte_rx.read().unwrap().len(), 3);
    assert_eq!(byte_rx.read().unwrap().len(), 10);
    byte_tx.push(&[3; 24]).unwrap();

    values.push_slice(&[[1; 3], [2; 3], [3; 3]]).unwrap();
    assert_eq!(values.pop().unwrap(), [1; 3]);
    values.push([4; 3]).unwrap();
    std::mem::forget(values.lease().unwrap());
    drop(values.lease().unwrap());
    values.close();

    let mut page = Page::zeros();
    page.vary(0, DIRECTORY_AT); // the other test's
    page.entry(0, "spsc", "u32", [5, 4, 1792, 408, 4, 5, 0x4d2b_df19_3e85_26d1, 0]);
    page.entry(1, "bytes", "u8", [7, 1, 2304, 448, 1, 64, 0x08c4_8207_b567_53d8, 0]);
    page.entry(2, "queue", "[u8; 3]", [6, 1, 2816, 432, 3, 3, 0xbf28_6c91_26d5_83d8, 0]);
    spsc_queue(&mut page, 1792);
    bytes_queue(&mut page, 2304);
    queue(&mut page, 2816);
    page.assert_is(&fs::read(&path).unwrap());
}
