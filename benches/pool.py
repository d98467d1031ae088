"""The cost of a task of Python's pool; see pool.rs."""

import multiprocessing
import statistics
import sys
import time


def plus_one(x):
    return x + 1


def main():
    tasks = int(sys.argv[1])
    calls = 2_000
    mapped, called = [], []
    with multiprocessing.Pool(2) as pool:
        for _ in range(3):
            start = time.perf_counter()
            results = pool.map(plus_one, range(tasks), chunksize=1)
            mapped.append((time.perf_counter() - start) / tasks)
            assert sum(results) == sum(range(1, tasks + 1))
            start = time.perf_counter()
            for x in range(calls):
                assert pool.apply(plus_one, (x,)) == x + 1
            called.append((time.perf_counter() - start) / calls)
    micros = [statistics.median(times) * 1e6 for times in (mapped, called)]
    print("Python's pool: map, chunk 1: {:.1f} µs a task; apply: {:.1f} µs".format(*micros))


if __name__ == "__main__":
    main()
