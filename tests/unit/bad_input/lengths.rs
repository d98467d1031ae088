//! Invalid lengths and options.

#![allow(unsafe_code)]

use breezeway::{Array, Journaled, Segment, SegmentBuilder, SegmentError, Value};
use support::scratch::{Name, Scratch, stages_of};
use support::{Role, Watchdog, role, say};

use super::{assert_refused, refused};

/// Header and tables of a segment for 128 participants.
const NEEDED: u64 = 20_736;

/// By default their number is the machine's.
fn for_128() -> SegmentBuilder {
    Segment::builder().participants(128)
}

/// More than any file system or memory has, by a lot.
const HUGE: [u64; 4] = [u64::MAX, i64::MAX as u64, 1 << 62, 1 << 46];

/// Child: asks for too much in every way, and looks whether anything is left of it.
#[test]
fn create_too_large_child() {
    let Some(arguments) = role() else { return };
    let (name, other) = (Name::exactly(arguments[0].clone()), Name::exactly(arguments[1].clone()));
    let scratch = Scratch::in_shared_memory("glutton");
    let space = rustix::fs::statvfs("/dev/shm").unwrap();
    let too_much = space.f_blocks * space.f_frsize + 4096;
    for length in HUGE.into_iter().chain([too_much]) {
        assert_refused!(Segment::create(&name, length), SegmentError::NoSpace { needed } if needed >= length);
        assert_refused!(Segment::open_or_create(&name, length), SegmentError::NoSpace { .. });
        assert_refused!(Segment::create_file(scratch.file("it"), length), SegmentError::NoSpace { .. });
        let elements = (length / 8) as usize;
        assert_refused!(Array::<u64>::create(&name, elements), SegmentError::NoSpace { .. });
        assert_refused!(Array::<[u64; 4]>::open_or_create(&name, elements), SegmentError::NoSpace { .. });
        assert_refused!(Array::<u64>::create(&name, Journaled(elements)), SegmentError::NoSpace { .. });
    }
    // The folder of temporary files may lie on a real disk, which must not be filled for a test.
    let disk = Scratch::new("glutton");
    for length in &HUGE[..3] {
        assert_refused!(Segment::create_file(disk.file("it"), *length), SegmentError::NoSpace { .. });
    }
    assert!(std::fs::read_dir(disk.file("")).unwrap().next().is_none());
    assert!(std::fs::read_dir(scratch.file("")).unwrap().next().is_none());
    assert!(!name.is_taken());
    assert_eq!(stages_of(&[std::process::id()]), [""; 0]);
    // And it does no harm to what comes next.
    for_128().create(&other, NEEDED).unwrap();
    say("full");
}

/// Child: asks for more memory than the machine has. The limit is for the case that the crate passes such a wish on: anonymous
/// memory has no limit of its own, and the machine would go down instead of this child.
#[test]
fn new_too_large_child() {
    let Some(arguments) = role() else { return };
    let limit = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
    // SAFETY: `limit` is a local. What goes beyond it is SIGXFSZ, the end of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    let length: u64 = arguments[0].parse().unwrap();
    let error = refused(Segment::new(length));
    say(if matches!(error, SegmentError::NoSpace { .. }) { "no space" } else { "other" });
    let error = refused(Array::<u64>::new((length / 8) as usize));
    say(if matches!(error, SegmentError::NoSpace { .. }) { "no space" } else { "other" });
}

#[test]
fn create_smaller_than_tables_returns_too_small() {
    let (name, scratch) = (Name::new("small"), Scratch::new("small"));
    for length in [0, 1, 4095, 4096, NEEDED - 1] {
        assert_refused!(
            for_128().create(&name, length),
            SegmentError::TooSmall { length: told, needed: NEEDED } if told == length
        );
        assert_refused!(
            for_128().open_or_create(&name, length),
            SegmentError::TooSmall { needed: NEEDED, .. }
        );
        assert_refused!(for_128().create_anonymous(length), SegmentError::TooSmall { needed: NEEDED, .. });
        assert_refused!(
            for_128().create_file(scratch.file("it"), length),
            SegmentError::TooSmall { needed: NEEDED, .. }
        );
    }
    let most = Segment::builder().participants(65_535).objects(65_535);
    let needed = 256 + 65_535 * (64 + 192);
    assert_refused!(
        most.create_anonymous(needed - 1),
        SegmentError::TooSmall { needed: told, .. } if told == needed
    );
    most.create_anonymous(needed).unwrap();
    assert!(!name.is_taken() && !scratch.file("it").exists());
    for_128().create(&name, NEEDED).unwrap();
}

#[test]
fn create_larger_than_space_returns_no_space() {
    let _watchdog = Watchdog::start(120);
    let (name, other) = (Name::new("glutton"), Name::new("glutton"));
    let mut glutton = Role::spawn(create_too_large_child, &[&name, &other]);
    assert_eq!(glutton.hear(), "full");
    assert!(glutton.join().success());
}

#[test]
fn new_longer_than_address_space_returns_no_space() {
    for length in &HUGE[..2] {
        assert_refused!(Segment::new(*length), SegmentError::NoSpace { .. });
    }
    assert_refused!(Array::<u64>::new(usize::MAX), SegmentError::NoSpace { .. });
    assert_refused!(Array::<u8>::new(usize::MAX), SegmentError::NoSpace { .. });
    assert_refused!(Array::<u64>::new(usize::MAX / 8), SegmentError::NoSpace { .. });
    assert_refused!(Array::<[u64; 9]>::new(Journaled(usize::MAX / 8)), SegmentError::NoSpace { .. });
}

/// Found by reading: memory behind a memfd has no limit but the machine's, so what cannot be is to be refused before the
/// system is asked; otherwise it hands out page after page until it kills some process for want of memory.
#[test]
fn new_larger_than_memory_returns_no_space() {
    let _watchdog = Watchdog::start(120);
    for length in &HUGE[2..] {
        let mut glutton = Role::spawn(new_too_large_child, &[&length.to_string()]);
        assert_eq!((glutton.hear(), glutton.hear()), ("no space".to_owned(), "no space".to_owned()));
    }
}

#[test]
fn open_or_create_longer_than_found_returns_wrong_length() {
    let (name, scratch) = (Name::new("short"), Scratch::new("short"));
    let segment = for_128().create(&name, 24_576).unwrap();
    assert_eq!(Segment::open_or_create(&name, 24_576).unwrap().id(), segment.id());
    Segment::open_or_create(&name, NEEDED).unwrap();
    assert_refused!(
        Segment::open_or_create(&name, 24_577),
        SegmentError::WrongLength { expected: 24_577, found: 24_576 }
    );
    assert_refused!(
        Segment::open_or_create(&name, u64::MAX),
        SegmentError::WrongLength { found: 24_576, .. }
    );

    let path = scratch.file("it");
    for_128().create_file(&path, 24_576).unwrap();
    let wrong = Segment::builder().open_or_create_file(&path, 30_000);
    assert_refused!(wrong, SegmentError::WrongLength { expected: 30_000, found: 24_576 });
}

#[test]
fn array_open_or_create_other_length_is_type_mismatch() {
    let name = Name::new("array");
    let array = Array::<u16>::create(&name, 10).unwrap();
    for len in [0, 9, 11, usize::MAX / 16] {
        assert_refused!(
            Array::<u16>::open_or_create(&name, len),
            SegmentError::TypeMismatch { expected, found, .. }
                if found.contains("10 elements") && expected.contains(&format!("{len} elements"))
        );
    }
    assert_refused!(Array::<u16>::open_or_create(&name, Journaled(10)), SegmentError::TypeMismatch { .. });
    assert_refused!(Array::<i16>::open(&name), SegmentError::TypeMismatch { .. });
    assert_refused!(Value::<[u16; 10]>::open(&name), SegmentError::TypeMismatch { .. });
    assert_eq!(Array::<u16>::open_or_create(&name, 10).unwrap().len(), array.len());
}

#[test]
fn builder_options_out_of_range_return_invalid_option() {
    let (name, scratch) = (Name::new("options"), Scratch::new("options"));
    let wrong = |option: &str, range: &str, options: breezeway::SegmentBuilder| {
        let results = [
            options.create(&name, 1 << 25),
            options.open_or_create(&name, 1 << 25),
            options.create_file(scratch.file("it"), 1 << 25),
            options.open_or_create_file(scratch.file("it"), 1 << 25),
            options.create_anonymous(1 << 25),
        ];
        for result in results {
            let error = refused(result);
            assert!(error.to_string().contains(option) && error.to_string().contains(range), "{error}");
            assert!(matches!(
                error,
                SegmentError::InvalidOption { option: told, allowed }
                    if told == option && allowed.contains(range)
            ));
        }
    };
    for count in [0, 65_536, u32::MAX] {
        wrong("participants", "1 to 65535", Segment::builder().participants(count));
        wrong("objects", "1 to 65535", Segment::builder().objects(count));
    }
    for mode in [0, 0o1000, 0o4600, 0o400, 0o060, u32::MAX] {
        wrong("mode", "0600 to 0777", Segment::builder().mode(mode));
    }
    assert!(!name.is_taken());
}
