//! There and back between two CPUs that do nothing else: a message is answered with the next number.

use breezeway_bench::kernel::wire::pipe;
use breezeway_bench::message::{Message, Receiver, Sender};
use breezeway_bench::ours::Ring;
use breezeway_bench::partner::Partner;
use breezeway_bench::round_trip::yardstick::Line;
use breezeway_bench::round_trip::{Ask, Ends, FEW, echo};
use breezeway_bench::sides::Side;

use crate::program::Program;

pub const SPSC: &str = "round trip 64 B: breezeway spsc";
pub const LINE: &str = "round trip: naked line";
pub const LINE_PAUSING: &str = "round trip: naked line, pausing";
pub const PIPE: &str = "round trip 64 B: pipes";

pub fn add_processes(program: &mut Program) {
    program.add(SPSC, |name| {
        let [there, back] = [(); 2].map(|()| Ring::new::<[u64; 8]>(FEW).expect("a queue"));
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(there.rx(), back.tx())]);
        side(name, ends::<[u64; 8]>(there.tx(), back.rx()), partner)
    });
    program.add(LINE, bounce::<false>);
    program.add(LINE_PAUSING, bounce::<true>);
    program.add(PIPE, |name| {
        let [(their_rx, tx), (rx, their_tx)] = [(); 2].map(|()| pipe().expect("a pipe"));
        let partner = Partner::fork(|| vec![echo::<[u64; 8]>(their_rx, their_tx)]);
        side(name, ends::<[u64; 8]>(tx, rx), partner)
    });
}

pub fn ends<M: Message>(tx: impl Sender<M> + 'static, rx: impl Receiver<M> + 'static) -> impl Ask + 'static {
    Ends::new(tx, rx)
}

/// We ask, and the partner answers.
pub fn side(name: &'static str, mut asker: impl Ask + 'static, partner: Partner) -> Side<'static> {
    Side::new(name, move |times| {
        let echo = partner.begin(0, times);
        let elapsed = asker.time(times);
        assert_eq!(echo.answer(), times);
        elapsed
    })
}

/// One cache line that goes to and fro: what no queue is faster than.
fn bounce<const PAUSING: bool>(name: &'static str) -> Side<'static> {
    let (ours, theirs) = Line::<PAUSING>::ends();
    side(name, ours, Partner::fork(|| vec![theirs.echo()]))
}
