# SPDX-License-Identifier: MIT
"""multiprocessing.Queue in the scenarios that it can do.

usage: multiprocessing_queue.py flow|asleep N LEN PRODUCERS CONSUMERS

Prints the seconds it took, the records a second (flow) or the ns of a round trip (asleep), and the share of the consumer
that got least. Ends with 1 when a record is wrong or missing.
"""
import multiprocessing
import os
import signal
import struct
import sys
import time

THINK_NS = 200000


def record(length, stamp):
    """A record that shows at both ends which it is."""
    mark = struct.pack('<Q', stamp)
    return (mark + bytes(max(0, length - 16)) + mark)[:max(length, 8)]


def stamp_of(data, length):
    if len(data) != max(length, 8) or data[:8] != data[-8:]:
        sys.exit('a torn record')
    return struct.unpack_from('<Q', data)[0]


def produce(queue, gate, length, who, each):
    gate.wait()
    for seq in range(1, each + 1):
        queue.put(record(length, who << 48 | seq))


def consume(queue, gate, length, results, producers):
    last = [0] * producers
    n = total = 0
    gate.wait()
    while (data := queue.get()) is not None:
        stamp = stamp_of(data, length)
        who, seq = stamp >> 48, stamp & (1 << 48) - 1
        if seq <= last[who]:
            sys.exit('a record out of order')
        last[who] = seq
        n += 1
        total += seq
    results.put((n, total, time.monotonic()))


def start(target, *args):
    process = multiprocessing.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def flow(n, length, producers, consumers):
    each = n // producers + 1
    queue, results = multiprocessing.Queue(4096), multiprocessing.Queue()
    gate = multiprocessing.Barrier(producers + consumers + 1)
    for _ in range(consumers):
        start(consume, queue, gate, length, results, producers)
    putting = [start(produce, queue, gate, length, who, each) for who in range(producers)]
    gate.wait()
    begin = time.monotonic()
    for process in putting:
        process.join()
        if process.exitcode:
            sys.exit('a producer failed')
    for _ in range(consumers):
        queue.put(None)
    got = [results.get() for _ in range(consumers)]
    if sum(g[0] for g in got) != each * producers or sum(g[1] for g in got) != producers * each * (each + 1) // 2:
        sys.exit('loses or doubles records')
    seconds = max(g[2] for g in got) - begin
    print(seconds, each * producers / seconds, min(g[0] for g in got) * consumers / (each * producers))


def send(queue, length, seq):
    begin = time.monotonic_ns()
    while time.monotonic_ns() < begin + THINK_NS:
        pass
    queue.put((time.monotonic_ns(), record(length, seq)))


def receive(queue, length, seq):
    sent, data = queue.get()
    now = time.monotonic_ns()
    if stamp_of(data, length) != seq:
        sys.exit('a wrong answer')
    return now - sent


def answer(there, back, results, n, length):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ns = 0
    for seq in range(n):
        ns += receive(there, length, seq)
        send(back, length, seq)
    results.put(ns)


def asleep(n, length, _producers, _consumers):
    there, back, results = (multiprocessing.Queue() for _ in range(3))
    start(answer, there, back, results, n, length)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    begin = time.monotonic()
    ns = 0
    for seq in range(n):
        send(there, length, seq)
        ns += receive(back, length, seq)
    seconds = time.monotonic() - begin
    print(seconds, (ns + results.get()) / n, 1)


def main():
    kind, numbers = sys.argv[1], [int(arg) for arg in sys.argv[2:]]
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    {'flow': flow, 'asleep': asleep}[kind](*numbers)


if __name__ == '__main__':
    main()
