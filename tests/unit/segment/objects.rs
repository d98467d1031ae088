//! Adding, finding and listing objects, and the errors.

use std::sync::atomic::Ordering::Relaxed;

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Journaled, Kind, Segment, SegmentError, Value};

const SIZE: u64 = 1 << 16;

fn segment() -> Segment {
    Segment::new(SIZE).unwrap()
}

#[test]
fn add_then_get_finds_same_object() {
    let segment = segment();
    let value = segment.add::<Value<f64>>("value", 1.5).unwrap();
    let array = segment.add::<Array<i32>>("array", 0..10).unwrap();
    let atomic = segment.add::<Atomic<u8>>("atomic", 3).unwrap();
    let mutex = segment.add::<Mutex>("mutex", ()).unwrap();

    value.set(2.5).unwrap();
    array.set(9, -1).unwrap();
    atomic.store(4, Relaxed);
    let guard = mutex.lock().unwrap();
    assert_eq!(segment.get::<Value<f64>>("value").unwrap().get(), 2.5);
    assert_eq!(segment.get::<Array<i32>>("array").unwrap().get(9), Some(-1));
    assert_eq!(segment.get::<Atomic<u8>>("atomic").unwrap().load(Relaxed), 4);
    assert!(segment.get::<Mutex>("mutex").unwrap().try_lock().is_err());
    drop(guard);
    assert_eq!(value.segment().id(), segment.id());
}

#[test]
fn get_or_add_keeps_existing_object() {
    let segment = segment();
    assert_eq!(segment.get_or_add::<Value<u32>>("value", 1).unwrap().get(), 1);
    assert_eq!(segment.get_or_add::<Value<u32>>("value", 2).unwrap().get(), 1);
    segment.get_or_add::<Array<u8>>("array", 10).unwrap();
    for wrong in [9, 11] {
        let error = segment.get_or_add::<Array<u8>>("array", wrong).unwrap_err();
        assert!(matches!(error, SegmentError::TypeMismatch { .. }), "{error:?}");
    }
    let error = segment.get_or_add::<Array<u8>>("array", Journaled(10)).unwrap_err();
    assert!(matches!(error, SegmentError::TypeMismatch { .. }), "{error:?}");
    assert_eq!(segment.objects().unwrap().len(), 2);
}

#[test]
fn objects_lists_name_kind_type_and_location() {
    let segment = segment();
    segment.add::<Value<f64>>("value", 1.5).unwrap();
    segment.add::<Array<u32>>("array", 100).unwrap();
    segment.add::<Atomic<bool>>("atomic", true).unwrap();
    segment.add::<Mutex>("Mutex ü", ()).unwrap();
    let objects = segment.objects().unwrap();
    let told: Vec<_> = objects.iter().map(|o| (&*o.name, o.kind, &*o.type_name, o.count)).collect();
    assert_eq!(
        told,
        [
            ("value", Some(Kind::Value), "f64", 1),
            ("array", Some(Kind::Array), "u32", 100),
            ("atomic", Some(Kind::Atomic), "bool", 1),
            ("Mutex ü", Some(Kind::Mutex), "()", 1),
        ]
    );
    let mut free_from = 20_736;
    for object in &objects {
        assert!(object.offset >= free_from && object.offset % 128 == 0 && object.length > 0, "{object:?}");
        free_from = object.offset + object.length;
    }
    assert!(free_from <= segment.len());
    assert_eq!(objects, segment.objects().unwrap());
}

#[test]
fn add_existing_name_returns_object_exists() {
    let segment = segment();
    let value = segment.add::<Value<u64>>("it", 1).unwrap();
    let error = segment.add::<Value<u64>>("it", 2).unwrap_err();
    assert!(matches!(&error, SegmentError::ObjectExists { name } if name == "it"));
    assert!(matches!(segment.add::<Mutex>("it", ()), Err(SegmentError::ObjectExists { .. })));
    assert_eq!(value.get(), 1);
    let error = segment.get::<Value<u64>>("It").unwrap_err();
    assert!(matches!(&error, SegmentError::NoSuchObject { name } if name == "It"));
}

#[test]
fn get_wrong_type_names_both_types() {
    let segment = segment();
    segment.add::<Value<f64>>("it", 1.0).unwrap();
    segment.add::<Array<u16>>("them", 12).unwrap();
    let told = |error: SegmentError, name: &str, words: [&str; 2]| {
        let text = error.to_string();
        assert!(matches!(error, SegmentError::TypeMismatch { .. }), "{error:?}");
        assert!(text.contains(name) && words.iter().all(|word| text.contains(word)), "{text}");
    };
    told(segment.get::<Value<u64>>("it").unwrap_err(), "it", ["Value<f64>", "Value<u64>"]);
    told(segment.get::<Value<f32>>("it").unwrap_err(), "it", ["Value<f64>", "Value<f32>"]);
    told(segment.get::<Value<[f64; 1]>>("it").unwrap_err(), "it", ["Value<f64>", "Value<[f64; 1]>"]);
    told(segment.get::<Atomic<u64>>("it").unwrap_err(), "it", ["Value<f64>", "Atomic<u64>"]);
    told(segment.get::<Mutex>("it").unwrap_err(), "it", ["Value<f64>", "Mutex"]);
    told(segment.get::<Array<i16>>("them").unwrap_err(), "them", ["Array<u16>", "Array<i16>"]);
    told(segment.get_or_add::<Array<u16>>("them", 13).unwrap_err(), "them", ["12 elements", "13 elements"]);
}

#[test]
fn tagged_matches_by_tag_instead_of_type_name() {
    let segment = segment();
    let tagged = segment.tagged(77);
    tagged.add::<Value<[f32; 2]>>("it", [1.0, 2.0]).unwrap();
    assert_eq!(tagged.get::<Value<[f32; 2]>>("it").unwrap().get(), [1.0, 2.0]);
    // Another name, but the size and alignment are right.
    assert_eq!(tagged.get_or_add::<Value<[u32; 2]>>("it", [0; 2]).unwrap().get()[0], 1.0_f32.to_bits());
    let mismatches = [
        segment.get::<Value<[f32; 2]>>("it").err(),
        segment.tagged(78).get::<Value<[f32; 2]>>("it").err(),
        tagged.get::<Value<u64>>("it").err(),
        tagged.get::<Value<[f32; 3]>>("it").err(),
        tagged.get::<Atomic<u64>>("it").err(),
    ];
    for error in mismatches {
        assert!(matches!(error, Some(SegmentError::TypeMismatch { .. })), "{error:?}");
    }
}

#[test]
fn add_to_full_directory_returns_directory_full() {
    let segment = Segment::builder().objects(3).create_anonymous(SIZE).unwrap();
    for name in ["a", "b", "c"] {
        segment.add::<Value<u64>>(name, 1).unwrap();
    }
    let error = segment.add::<Value<u64>>("d", 1).unwrap_err();
    assert!(matches!(error, SegmentError::DirectoryFull { max: 3 }));
    assert!(matches!(segment.get_or_add::<Mutex>("d", ()), Err(SegmentError::DirectoryFull { max: 3 })));
    assert_eq!(segment.get_or_add::<Value<u64>>("c", 2).unwrap().get(), 1);
    assert!(matches!(segment.add::<Value<u64>>("c", 1), Err(SegmentError::ObjectExists { .. })));

    // A segment of one's own for an object has room for that one only.
    let alone = Value::<u64>::new(1).unwrap();
    assert!(matches!(alone.segment().add::<Mutex>("more", ()), Err(SegmentError::DirectoryFull { max: 1 })));
}

#[test]
fn add_to_full_segment_returns_out_of_space() {
    // 128 bytes of participants, 576 of directory and the header's 256 make 1024 in whole units of 128.
    let segment = Segment::builder().participants(2).objects(3).create_anonymous(4096).unwrap();
    let error = segment.add::<Array<u8>>("it", 3072 - 64 + 1).unwrap_err();
    assert!(matches!(error, SegmentError::OutOfSpace { needed: 3080, available: 3072 }), "{error:?}");
    // More than any segment has, but it is this one that has not got it.
    let error = segment.add::<Array<u64>>("it", usize::MAX).unwrap_err();
    assert!(matches!(error, SegmentError::OutOfSpace { available: 3072, .. }), "{error:?}");
    assert!(segment.objects().unwrap().is_empty());
    segment.add::<Array<u8>>("it", 3072 - 64).unwrap();
    let error = segment.add::<Atomic<u8>>("more", 0).unwrap_err();
    assert!(matches!(error, SegmentError::OutOfSpace { needed: 8, available: 0 }), "{error:?}");
}

#[test]
fn add_and_get_thousand_objects() {
    let segment = Segment::builder().objects(1000).create_anonymous(1 << 20).unwrap();
    for n in 0..1000_u64 {
        segment.add::<Value<u64>>(&format!("object {n}"), n).unwrap();
    }
    for n in (0..1000_u64).rev() {
        assert_eq!(segment.get::<Value<u64>>(&format!("object {n}")).unwrap().get(), n);
    }
    assert_eq!(segment.objects().unwrap().len(), 1000);
}
