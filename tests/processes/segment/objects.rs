//! Objects that several processes add at once.

use breezeway::sync::Mutex;
use breezeway::{Array, Segment, SegmentError, Value};
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

/// Child: adds 200 objects of its own and 50 that others add as well, and says how many of these it was the first to add.
#[test]
fn adder() {
    let Some(arguments) = role() else { return };
    let segment = Segment::open(&arguments[0]).unwrap();
    let me: u64 = arguments[1].parse().unwrap();
    say("ready");
    listen();
    for n in 0..200 {
        segment.add::<Array<u64>>(&format!("own-{me}-{n}"), [me, n]).unwrap();
        if n % 4 == 0 {
            let common = segment.get_or_add::<Value<[u64; 2]>>(&format!("common-{n}"), [me; 2]).unwrap();
            common.update(|value| value[1] += 1000).unwrap();
        }
    }
    say("done");
    listen();
}

#[test]
fn add_and_get_or_add_by_two_processes_concurrently() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("adders");
    let segment = Segment::builder().objects(450).create(&name, 1 << 20).unwrap();
    let mut adders = ["0", "1"].map(|me| Role::spawn(adder, &[&name, me]));
    adders.iter_mut().for_each(|adder| assert_eq!(adder.hear(), "ready"));
    adders.iter_mut().for_each(|adder| adder.tell("go"));
    adders.iter_mut().for_each(|adder| assert_eq!(adder.hear(), "done"));

    let objects = segment.objects().unwrap();
    assert_eq!(objects.len(), 450);
    assert!(objects.windows(2).all(|pair| pair[0].offset + pair[0].length <= pair[1].offset));
    for (me, n) in (0..2_u64).flat_map(|me| (0..200_u64).map(move |n| (me, n))) {
        assert_eq!(segment.get::<Array<u64>>(&format!("own-{me}-{n}")).unwrap().to_vec(), [me, n]);
        if n % 4 == 0 {
            let [maker, sum] = segment.get::<Value<[u64; 2]>>(&format!("common-{n}")).unwrap().get();
            assert!(maker < 2 && sum == maker + 2000, "{maker} {sum}");
        }
    }
    assert!(matches!(segment.add::<Mutex>("one more", ()), Err(SegmentError::DirectoryFull { max: 450 })));
}

#[test]
fn objects_usable_after_idle_adder_killed() {
    let _watchdog = Watchdog::start(120);
    let name = Name::new("idler");
    let segment = Segment::builder().objects(450).create(&name, 1 << 20).unwrap();
    let mut idler = Role::spawn(adder, &[&name, "0"]);
    idler.hear();
    idler.tell("go");
    assert_eq!(idler.hear(), "done");
    idler.kill();

    for n in 0..200 {
        let array = segment.get::<Array<u64>>(&format!("own-0-{n}")).unwrap();
        array.set(1, n + 1).unwrap();
        let mut guard = array.lock().unwrap();
        assert_eq!((&guard[..], guard.recovered()), (&[0, n + 1][..], false));
        guard[0] = 1;
    }
    segment.add::<Value<u64>>("one more", 1).unwrap();
    assert_eq!(segment.objects().unwrap().len(), 251);
}
