//! Waiting as futures.

#[allow(unreachable_pub)]
mod support;

use std::time::Duration;

use breezeway::queue::{Queue, spsc};
use futures_lite::future::block_on;
use support::unique;

#[test]
fn smoke() {
    let queue = Queue::<u64>::create(&unique("smoke"), 4).unwrap();
    block_on(async {
        queue.push_async(7).await.unwrap();
        assert_eq!(queue.pop_async().await.unwrap(), 7);
    });
    let other = queue.clone();
    let thread = std::thread::spawn(move || {
        for n in 0..1000 {
            if n % 100 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
            other.push(n).unwrap();
        }
    });
    block_on(async {
        for n in 0..1000 {
            assert_eq!(queue.pop_async().await.unwrap(), n);
        }
    });
    thread.join().unwrap();
}

#[test]
fn pingpong() {
    let (mut a, mut b) = spsc::new::<u64>(4).unwrap();
    let (mut c, mut d) = spsc::new::<u64>(4).unwrap();
    let thread = std::thread::spawn(move || {
        block_on(async {
            while let Ok(n) = b.pop_async().await {
                c.push_async(n).await.unwrap();
            }
        })
    });
    let start = std::time::Instant::now();
    block_on(async {
        for n in 0..20000 {
            a.push_async(n).await.unwrap();
            assert_eq!(d.pop_async().await.unwrap(), n);
        }
    });
    eprintln!("{:?}", start.elapsed() / 20000);
    drop(a);
    thread.join().unwrap();
}
