//! [`breezeway::queue::JoinableQueue`] between processes.

mod deaths;
mod join;

use breezeway::queue::JoinableQueue;
use breezeway::{PopError, PushError};
use support::scratch::Name;
use support::{Role, Watchdog, listen, role, say};

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", name] => join::work(&JoinableQueue::open(name).unwrap()),
        ["take", name, count] => deaths::take(&JoinableQueue::open(name).unwrap(), count.parse().unwrap()),
        ["detach", name] => {
            let queue = JoinableQueue::<u64>::open(name).unwrap();
            let (_, id) = queue.lease().unwrap().into_parts();
            drop(queue);
            say(&format!("{id:?}"));
            listen();
        }
        ["keep", name] => deaths::keep(&JoinableQueue::open(name).unwrap()),
        ["fork", name] => deaths::fork_with_a_job(&JoinableQueue::open(name).unwrap()),
        ["storm", name] => deaths::storm(&JoinableQueue::open(name).unwrap()),
        ["lease", name] => {
            let queue = JoinableQueue::<u64>::open(name).unwrap();
            say(&support::process::thread_id());
            match queue.lease() {
                Ok(job) => {
                    say(&format!("{} {}", *job, job.redelivered()));
                    job.ack().unwrap();
                }
                Err(error) => say(&format!("{error:?}")),
            }
        }
        ["join", name] => {
            let queue = JoinableQueue::<u64>::open(name).unwrap();
            say(&support::process::thread_id());
            queue.join().unwrap();
            say("joined");
        }
        ["travelled", text] => {
            let queue: JoinableQueue<u64> = serde_json::from_str(text).unwrap();
            let job = queue.lease().unwrap();
            say(&job.to_string());
            job.ack().unwrap();
            listen();
        }
        _ => unreachable!("{arguments:?}"),
    }
}

fn queue_of(jobs: &[u64]) -> JoinableQueue<u64> {
    let queue = JoinableQueue::new(8).unwrap();
    for job in jobs {
        queue.push(*job).unwrap();
    }
    queue
}

#[test]
fn get_on_closed_queue_waits_for_jobs_of_others() {
    let _watchdog = Watchdog::start(60);
    let name = Name::new("joinable-closed");
    let queue = JoinableQueue::<u64>::create(&name, 4).unwrap();
    queue.push(1).unwrap();
    let job = queue.lease().unwrap();
    queue.close();
    assert!(queue.is_closed());
    assert!(matches!(queue.push(2), Err(PushError::Closed(2))));
    // One's own jobs are nothing to wait for.
    assert!(matches!(queue.lease(), Err(PopError::Closed)));
    let mut others: Vec<Role> = (0..2).map(|_| Role::spawn(in_a_child, &["lease", &name])).collect();
    for other in &mut others {
        support::process::until_parked(&other.hear());
    }
    drop(job);
    let mut said: Vec<String> = others.iter_mut().map(Role::hear).collect();
    said.sort();
    assert_eq!(said, ["1 true", "Closed"]);
    queue.join().unwrap();
}

#[test]
fn serde_handle_works_in_child() {
    let _watchdog = Watchdog::start(60);
    let queue = queue_of(&[7]);
    let mut role = Role::spawn(in_a_child, &["travelled", &serde_json::to_string(&queue).unwrap()]);
    assert_eq!(role.hear(), "7");
    queue.join().unwrap();
    role.tell("end");
    assert!(role.join().success());
}
