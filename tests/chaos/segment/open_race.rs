//! Many processes create, open, replace and remove segments of few names at once. Each finds a
//! whole segment or none.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use breezeway::{Array, Segment, SegmentError, Value};
use support::scratch::{Name, stages_of};
use support::{Role, Watchdog, listen, role, say};

const PROCESSES: usize = 4;
const ROUNDS: usize = 2500;

const VALUES: usize = 3;
const ARRAYS: usize = 2;

const KILLED: usize = 300;

/// Numbers that look random and are the same in every run of the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// The names of a run; those of values first.
fn names(count: usize) -> Vec<Name> {
    (0..count).map(|_| Name::new("race")).collect()
}

/// One racer: what it holds, and what it has met with.
struct Racer {
    dice: Dice,
    names: Vec<String>,
    /// Whether others are killed: then there are stale segments.
    is_storm: bool,
    held: Vec<Held>,
    met: BTreeMap<&'static str, usize>,
}

enum Held {
    Value(Value<[u64; 4]>),
    Array(Array<u64>),
}

impl Racer {
    fn round(&mut self) {
        let value_name = self.names[self.dice.below(VALUES)].clone();
        let array_name = self.names[VALUES + self.dice.below(ARRAYS)].clone();
        let mark = u64::from(std::process::id()) << 32 | self.dice.below(1 << 32) as u64;
        let len = 1 + self.dice.below(3000);
        let elements = || vec![len as u64; len];
        let outcome = match self.dice.below(12) {
            0 | 1 => self.created(Value::create(&value_name, [mark; 4]).map(Held::Value)),
            2..=4 => self.opened(Value::open(&value_name).map(Held::Value)),
            5 | 6 => self.either(Value::open_or_create(&value_name, [mark; 4])),
            7 | 8 => self.created(Array::create(&array_name, elements()).map(Held::Array)),
            9 => self.opened(Array::open(&array_name).map(Held::Array)),
            10 => self.looked_at(Segment::open(&value_name)),
            _ => self.removed(Segment::remove(&array_name)),
        };
        *self.met.entry(outcome).or_default() += 1;
        if self.held.len() > self.dice.below(4) {
            let leaver = self.dice.below(self.held.len());
            whole(&self.held[leaver]);
            self.held.swap_remove(leaver);
        }
        // Whoever has a value may replace it as a whole.
        if let Some(Held::Value(value)) = self.held.first() {
            value.set([mark; 4]).unwrap();
        }
    }

    fn hold(&mut self, found: Held) {
        whole(&found);
        self.held.push(found);
    }

    fn created(&mut self, result: Result<Held, SegmentError>) -> &'static str {
        match result {
            Ok(made) => {
                self.hold(made);
                "created"
            }
            Err(SegmentError::AlreadyExists { .. }) => "taken",
            Err(error) => panic!("create: {error:?}"),
        }
    }

    fn opened(&mut self, result: Result<Held, SegmentError>) -> &'static str {
        match result {
            Ok(found) => {
                self.hold(found);
                "opened"
            }
            Err(SegmentError::NotFound { .. }) => "missing",
            Err(SegmentError::Stale { .. }) if self.is_storm => "stale",
            Err(error) => panic!("open: {error:?}"),
        }
    }

    fn either(&mut self, result: Result<Value<[u64; 4]>, SegmentError>) -> &'static str {
        let value = result.unwrap_or_else(|error| panic!("open_or_create: {error:?}"));
        let made = value.segment().was_created();
        self.hold(Held::Value(value));
        if made { "made it" } else { "found it" }
    }

    fn looked_at(&mut self, result: Result<Segment, SegmentError>) -> &'static str {
        match result {
            Ok(segment) => {
                let objects = segment.objects().unwrap();
                assert_eq!((objects.len(), &*objects[0].type_name), (1, "[u64; 4]"));
                assert!(
                    segment
                        .participants()
                        .unwrap()
                        .iter()
                        .any(|one| one.pid == std::process::id() && one.alive)
                );
                "looked at"
            }
            Err(SegmentError::NotFound { .. }) => "missing",
            Err(SegmentError::Stale { .. }) if self.is_storm => "stale",
            Err(error) => panic!("open: {error:?}"),
        }
    }

    fn removed(&mut self, result: Result<(), SegmentError>) -> &'static str {
        match result {
            Ok(()) => "removed",
            Err(SegmentError::NotFound { .. }) => "missing",
            Err(error) => panic!("remove: {error:?}"),
        }
    }
}

/// What is found is what somebody made, to the last word.
fn whole(found: &Held) {
    match found {
        Held::Value(value) => {
            let words = value.get();
            assert!(words[0] >> 32 != 0 && words == [words[0]; 4], "{words:?}");
        }
        Held::Array(array) => assert_eq!(array.to_vec(), vec![array.len() as u64; array.len()]),
    }
}

/// Child: races a number of rounds, then tells what it has met with.
#[test]
fn racer() {
    let Some(arguments) = role() else { return };
    let [seed, rounds] = [0, 1].map(|n| arguments[n].parse::<u64>().unwrap());
    let mut racer = Racer {
        dice: Dice(seed),
        names: arguments[3..].to_vec(),
        is_storm: arguments[2] == "storm",
        held: Vec::new(),
        met: BTreeMap::new(),
    };
    say("ready");
    listen();
    (0..rounds).for_each(|_| racer.round());
    let met: Vec<_> = racer.met.iter().map(|(what, times)| format!("{what}={times}")).collect();
    racer.held.clear();
    say(&met.join(","));
}

fn spawn_racer(seed: usize, rounds: usize, kind: &str, names: &[Name]) -> Role {
    // Neighbouring seeds start the dice alike.
    let seed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string();
    let rounds = rounds.to_string();
    let mut arguments = vec![&*seed, &rounds, kind];
    arguments.extend(names.iter().map(|name| &**name));
    let mut racer = Role::spawn(racer, &arguments);
    assert_eq!(racer.hear(), "ready");
    racer
}

/// Lets racers run to their end, and sums up what they have met with.
fn finish(mut racers: Vec<Role>) -> BTreeMap<String, usize> {
    racers.iter_mut().for_each(|racer| racer.tell("go"));
    let mut met = BTreeMap::new();
    for mut racer in racers {
        for outcome in racer.hear().split(',') {
            let (what, times) = outcome.split_once('=').unwrap();
            *met.entry(what.to_owned()).or_default() += times.parse::<usize>().unwrap();
        }
        assert!(racer.join().success());
    }
    met
}

#[test]
fn create_open_remove_race_finds_whole_or_none() {
    let _watchdog = Watchdog::start(300);
    let names = names(VALUES + ARRAYS);
    let racers: Vec<_> = (0..PROCESSES).map(|seed| spawn_racer(seed, ROUNDS, "peace", &names)).collect();
    let pids: Vec<_> = racers.iter().map(Role::pid).collect();
    let met = finish(racers);
    assert_eq!(met.values().sum::<usize>(), PROCESSES * ROUNDS);
    for what in ["created", "taken", "opened", "missing", "made it", "found it", "looked at", "removed"] {
        assert!(met.get(what).is_some_and(|times| *times > 10), "{what}: {met:?}");
    }
    assert!(names.iter().all(|name| !name.is_taken()));
    assert_eq!(stages_of(&pids), [""; 0]);
}

#[test]
fn create_race_under_kills_leaves_replaceable_segments() {
    let _watchdog = Watchdog::start(300);
    let names = names(VALUES + ARRAYS);
    let mut dice = Dice(0x5eed);
    let spawn = |seed| {
        let mut racer = spawn_racer(seed, usize::MAX, "storm", &names);
        racer.tell("go");
        racer
    };
    let mut racers: Vec<_> = (0..3).map(spawn).collect();
    let mut pids: Vec<_> = racers.iter().map(Role::pid).collect();
    for seed in 3..KILLED {
        // Not to wait for anything: to meet the racers somewhere else each time.
        std::thread::sleep(Duration::from_micros(dice.below(4000) as u64));
        let unlucky = dice.below(racers.len());
        let status = racers.swap_remove(unlucky).kill();
        assert_eq!(status.signal(), Some(libc::SIGKILL), "a racer failed before it was killed: {status}");
        racers.push(spawn(seed));
        pids.push(racers[2].pid());
    }
    // Those who come last do not know what was before.
    let last: Vec<_> = (KILLED..KILLED + 3).map(|seed| spawn_racer(seed, 500, "storm", &names)).collect();
    pids.extend(last.iter().map(Role::pid));
    for racer in racers {
        assert_eq!(racer.kill().signal(), Some(libc::SIGKILL));
    }
    assert_eq!(finish(last).values().sum::<usize>(), 1500);

    for name in &names {
        match Segment::open(name) {
            Err(SegmentError::NotFound { .. } | SegmentError::Stale { .. }) => {}
            other => panic!("{other:?}"),
        }
        let value = Value::<[u64; 4]>::open_or_create(name, [1; 4]).unwrap();
        assert!(value.segment().was_created());
        drop(value);
        assert!(!name.is_taken());
    }
    assert_eq!(stages_of(&pids), [""; 0]);
}
