#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills users of a queue at random instants of put and get: nobody else hangs, and nothing that was put is lost.

usage: kill.py [--standard]

400 processes in all are killed by SIGKILL, 200 of each kind of queue. A producer counts each put that has returned; all of
these must come out, in order. A consumer marks each item that get has returned; of the items that are marked by nobody there
may be one for each consumer that was killed, which it had taken along. With --standard the same is done to
multiprocessing.Queue; it tells after how many kills the queue could not be used any more.
"""
import faulthandler
import os
import queue
import random
import signal
import sys
import time

import ringq

KILLS = 100  # of producers, and of consumers
PATIENCE = 20


def start(function, *args):
    child = os.fork()
    if child == 0:
        try:
            function(*args)
        finally:
            os._exit(0)
    return child


def end(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def produce(q, puts, who, first):
    for i in range(first, 1 << 30):
        q.put((who, i))
        puts[who] = i + 1


def kill_producers(q):
    """Two producers put; each is killed while the parent takes, or while the queue is full."""
    puts = ringq.Array('q', 2)
    expected = [0, 0]
    for kill in range(KILLS // 2):
        children = [start(produce, q, puts, who, expected[who]) for who in range(2)]
        until = time.monotonic() + random.random() * 0.01
        while time.monotonic() < until:
            take(q, expected, PATIENCE)
        for child in children:
            time.sleep(random.random() * 0.002)
            end(child)
        try:
            while True:
                take(q, expected, 0)
        except queue.Empty:
            pass
        for who in range(2):  # one that was put may not have been counted any more
            assert puts[who] <= expected[who] <= puts[who] + 1, f'{puts[who]} were put, {expected[who]} came out'
            puts[who] = expected[who]


def take(q, expected, timeout):
    who, i = q.get(timeout=timeout)
    assert i == expected[who], f'producer {who}: {i} in place of {expected[who]}'
    expected[who] = i + 1


def consume(q, seen):
    while True:
        seen.add(q.get(), 1)


def kill_consumers(q):
    """Two consumers mark what they take; each is killed in turn while the parent puts."""
    items = KILLS * 400
    seen = ringq.Array('B', items)
    children = [start(consume, q, seen) for _ in range(2)]
    for kill in range(KILLS):
        for i in range(kill * 400, (kill + 1) * 400):
            q.put(i, timeout=PATIENCE)
        time.sleep(random.random() * 0.005)
        end(children[kill % 2])
        children[kill % 2] = start(consume, q, seen)
    until = time.monotonic() + PATIENCE
    while not q.empty():
        assert time.monotonic() < until, 'what is there is not taken'
        time.sleep(0.01)
    time.sleep(0.1)
    for child in children:
        end(child)
    counts = seen.snapshot().tolist()
    assert max(counts) == 1, 'something came out twice'
    assert counts.count(0) <= KILLS + 2, f'{counts.count(0)} items are lost'


def standard():
    """How many kills multiprocessing.Queue bears."""
    import multiprocessing
    wedged = 0
    for _ in range(40):
        q = multiprocessing.Queue(20)
        children = [start(lambda: [q.put(i) for i in range(1 << 30)]), start(lambda: [q.get() for _ in range(1 << 30)])]
        time.sleep(0.02 + random.random() * 0.02)
        for child in children:
            end(child)
        watch = start(lambda: ([q.get(timeout=1) for _ in range(q.qsize())], q.put(1), q.get(timeout=1), os._exit(7)))
        time.sleep(0)
        until = time.monotonic() + 3
        status = None
        while time.monotonic() < until and status is None:
            done, code = os.waitpid(watch, os.WNOHANG)
            status = code if done else None
            time.sleep(0.01)
        if status is None:
            end(watch)
        wedged += status is None or os.waitstatus_to_exitcode(status) != 7
    print(f'multiprocessing.Queue could not be used any more after {wedged} of 40 kills of a producer and a consumer')
    os._exit(0)


def main():
    seed = random.randrange(1 << 30)
    print('seed', seed)
    random.seed(seed)
    if '--standard' in sys.argv:
        standard()
    import ringq.multiprocessing as multiprocessing
    faulthandler.dump_traceback_later(240, exit=True)
    for make in multiprocessing.Queue, lambda: multiprocessing.Queue(20):
        kill_producers(make())
        kill_consumers(make())


main()
