#!/usr/bin/env python3
"""Python's multiprocessing at breezeway's work: by itself, or for `cargo run --features peers -- --python`.

    multiprocessing_figures.py [--rounds N]
        measures all works in interleaved rounds, and prints medians

    multiprocessing_figures.py WORK OUR_CPU PEER_CPU
        for each line with a number, does WORK that many times and prints the nanoseconds it took

The peer is another process, on another CPU. What it receives is checked.
"""

import ctypes
import multiprocessing
import os
import signal
import statistics
import sys
import time

mp = multiprocessing.get_context("fork")

PR_SET_PDEATHSIG = 1
# The capacity of breezeway's queues, for those of Python's that have one.
CAPACITY = 1024
# The tasks of one Pool.map.
TASKS = 64
OUR_CPU, PEER_CPU = "0", "1"
# The least time of a batch, in nanoseconds.
BATCH = 2_000_000


def pin(cpu):
    if cpu:
        try:
            os.sched_setaffinity(0, {int(cpu)})
        except OSError:
            pass  # The process stays where it may run.


def start(part, cpu):
    """Starts a peer that, for each number, does its part and answers when it was done."""
    ours, theirs = mp.Pipe()

    def live():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        pin(cpu)
        while True:
            times = theirs.recv()
            theirs.send(None)
            part(times)
            theirs.send(time.monotonic_ns())

    mp.Process(target=live, daemon=True).start()
    return ours


def begin(peer, times):
    peer.send(times)
    peer.recv()


def message(number, size):
    """A message with this number in each word; a long one has it at its beginning and end."""
    word = number.to_bytes(8, "little")
    return word * (size // 8) if size <= 64 else word + bytes(size - 16) + word


def check(received, number, size):
    word = number.to_bytes(8, "little")
    right = received == message(number, size) if size <= 64 else received[:8] == word == received[-8:]
    assert right and len(received) == size, "a message that was not sent"


def round_trip(size, cpu, link):
    send, their_receive = link()
    their_send, receive = link()

    def answer(times):
        for n in range(times + 1):
            check(their_receive(), n, size)
            their_send(message(n + 1, size))

    peer = start(answer, cpu)

    def batch(times):
        begin(peer, times)
        began = 0
        for n in range(times + 1):
            send(message(n, size))
            check(receive(), n + 1, size)
            if n == 0:  # The first makes sure that the peer is ready.
                began = time.monotonic_ns()
        elapsed = time.monotonic_ns() - began
        peer.recv()
        return elapsed

    return batch


def stream(size, cpu, link):
    send, receive = link()

    def take(times):
        for n in range(times):
            check(receive(), n, size)

    peer = start(take, cpu)

    def batch(times):
        begin(peer, times)
        began = time.monotonic_ns()
        for n in range(times):
            send(message(n, size))
        return peer.recv() - began

    return batch


def pipe():
    receiver, sender = mp.Pipe(duplex=False)
    return sender.send_bytes, receiver.recv_bytes


def queue():
    both = mp.Queue(CAPACITY)
    return both.put, both.get


def timed(once):
    def batch(times):
        began = time.monotonic_ns()
        for _ in range(times):
            once()
        return time.monotonic_ns() - began

    return batch


def lock(_cpu):
    lock = mp.Lock()

    def once():
        with lock:
            pass

    return timed(once)


def value_add(_cpu):
    value = mp.Value("Q", 0)

    def once():
        with value.get_lock():
            value.value += 1

    return timed(once)


def value_read(_cpu):
    value = mp.Value("Q", 7)

    def once():
        assert value.value == 7

    return timed(once)


def increment(n):
    return n + 1


def pool_map(cpu):
    pool = mp.Pool(1, initializer=pin, initargs=(cpu,))

    def batch(times):
        left, elapsed = times, 0
        while left > 0:
            tasks = range(min(left, TASKS))
            began = time.monotonic_ns()
            results = pool.map(increment, tasks, chunksize=1)
            elapsed += time.monotonic_ns() - began
            assert results == [n + 1 for n in tasks], "a wrong result"
            left -= len(tasks)
        return elapsed

    return batch


WORKS = {
    "value-read": value_read,
    "value-add": value_add,
    "lock": lock,
    "pipe-round-trip-64": lambda cpu: round_trip(64, cpu, pipe),
    "pipe-stream-8": lambda cpu: stream(8, cpu, pipe),
    "pipe-stream-64": lambda cpu: stream(64, cpu, pipe),
    "pipe-stream-65536": lambda cpu: stream(64 << 10, cpu, pipe),
    "queue-round-trip-64": lambda cpu: round_trip(64, cpu, queue),
    "queue-stream-64": lambda cpu: stream(64, cpu, queue),
    "pool-map": pool_map,
}


def serve(work, our_cpu, peer_cpu):
    batch = WORKS[work](peer_cpu)
    pin(our_cpu)
    for line in sys.stdin:
        print(batch(int(line)), flush=True)


def report(rounds):
    # Peers are forked before there are threads, and before this process is pinned.
    batches = {name: make(PEER_CPU) for name, make in WORKS.items()}
    pin(OUR_CPU)
    times = dict.fromkeys(batches, 1)
    for name, batch in batches.items():
        # A long batch may have been interrupted, so several in a row must be long enough.
        while any(batch(times[name]) < BATCH for _ in range(3)):
            times[name] *= 2
    taken = {name: [] for name in batches}
    for _ in range(rounds):
        for name, batch in batches.items():
            taken[name].append(statistics.median(batch(times[name]) / times[name] for _ in range(20)))
    print(f"{'Python ' + sys.version.split()[0]:<24}{'median, ns':>12}")
    for name, figures in taken.items():
        print(f"{name:<24}{statistics.median(figures):>12.0f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 3:
        serve(*arguments)
    elif not arguments:
        report(5)
    elif len(arguments) == 2 and arguments[0] == "--rounds":
        report(int(arguments[1]))
    else:
        sys.exit(__doc__)
