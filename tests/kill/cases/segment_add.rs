//! Adding an object to a segment: the object exists complete, or not at all.

use std::path::PathBuf;

use breezeway::{Array, Segment, SegmentError, Value};

use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

const LENGTH: u64 = 1 << 16;

/// How the child adds the object, and how the parent checks it.
#[derive(Clone, Copy)]
struct Method {
    add: fn(&Segment) -> Result<(), SegmentError>,
    check: fn(&Segment) -> Result<(), SegmentError>,
}

const VALUE: Method = Method {
    add: |segment| segment.add::<Value<u64>>("new", 7).map(drop),
    check: |segment| {
        let value = segment.get::<Value<u64>>("new")?;
        assert_eq!(value.replace(7).unwrap(), 7);
        Ok(())
    },
};

const VALUE_GOT_OR_ADDED: Method =
    Method { add: |segment| segment.get_or_add::<Value<u64>>("new", 7).map(drop), ..VALUE };

const ARRAY: Method = Method {
    add: |segment| segment.add::<Array<[u64; 3]>>("new", [[1, 2, 3], [4, 5, 6]]).map(drop),
    check: |segment| {
        let array = segment.get::<Array<[u64; 3]>>("new")?;
        assert_eq!(array.to_vec(), [[1, 2, 3], [4, 5, 6]]);
        array.set(1, [4, 5, 6]).unwrap();
        Ok(())
    },
};

/// A child adds an object to a segment that its parent has open.
struct Add {
    name: String,
    method: Method,
    segment: Option<Segment>,
}

impl Add {
    fn new(name: &str, method: Method) -> Self {
        Self { name: name.to_owned(), method, segment: None }
    }
}

impl Scenario for Add {
    type Handle = Segment;

    /// Objects are never removed, so every child gets a new segment.
    fn reset(&mut self) {
        self.segment = None;
        let segment = Segment::create(&self.name, LENGTH).unwrap();
        segment.add::<Value<u64>>("old", 6).unwrap();
        self.segment = Some(segment);
    }

    fn open(&self) -> Segment {
        Segment::open(&self.name).unwrap()
    }

    fn operate(&self, segment: &Segment) {
        (self.method.add)(segment).unwrap();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let segment = self.segment.take().unwrap();
        let outcome = match (self.method.check)(&segment) {
            Ok(()) => "complete",
            Err(SegmentError::NoSuchObject { .. }) => {
                assert!(!death.completed, "it was added");
                // The array takes the place of the incomplete object, of which nothing shows.
                let zeros = segment.add::<Array<u64>>("zeros", 32).expect("there is room for it");
                assert_eq!(zeros.to_vec(), [0; 32]);
                (self.method.add)(&segment).expect("there is room for it");
                (self.method.check)(&segment).expect("it is there");
                "no object"
            }
            other => panic!("complete or not at all: {other:?}"),
        };
        let again = (self.method.add)(&segment);
        let is_idempotent = core::ptr::fn_addr_eq(self.method.add, VALUE_GOT_OR_ADDED.add);
        assert!(
            if is_idempotent {
                again.is_ok()
            } else {
                matches!(again, Err(SegmentError::ObjectExists { .. }))
            },
            "{again:?}"
        );
        assert_eq!(segment.add::<Value<u64>>("another", 9).unwrap().get(), 9);
        (self.method.check)(&segment).expect("the other object does not change it");
        assert_eq!(segment.get::<Value<u64>>("old").unwrap().get(), 6);
        let names: Vec<String> = segment.objects().unwrap().into_iter().map(|object| object.name).collect();
        let expected = ["old", "zeros", "new", "another"];
        assert!(
            names.iter().eq(expected.iter().filter(|name| **name != "zeros" || outcome == "no object")),
            "{names:?}"
        );
        outcome
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.segment.iter().filter_map(Segment::path).collect()
    }
}

pub(crate) fn add_value(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Add::new(name, VALUE))
}

pub(crate) fn get_or_add_value(name: &str) -> KillCounts {
    kill::at_changes(&mut Add::new(name, VALUE_GOT_OR_ADDED))
}

pub(crate) fn add_array(name: &str) -> KillCounts {
    kill::at_changes(&mut Add::new(name, ARRAY))
}
