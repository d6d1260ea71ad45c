# SPDX-License-Identifier: MIT
"""Waiting in an event loop, on the descriptor of a queue, without a thread.

A call takes or puts an object only in a step of its own task, so that one that is cancelled while it waits has done
neither. Each queue object has a list of futures for each loop. When the descriptor is readable, the loop wakes the
first that is not done, and goes on doing so in each round while there is one and the descriptor stays readable: so the
wake-up of a task that was cancelled goes to the next one.
"""
from __future__ import annotations

import asyncio
import collections
import queue as _queue

_SHORTEST, _LONGEST = 0.0005, 0.02


class _Waiters:
    """The tasks of one loop that wait on one queue."""

    def __init__(self, loop, fd):
        self.loop, self.fd = loop, fd
        self.futures = collections.deque()

    def wake(self):
        while self.futures:
            future = self.futures.popleft()
            if not future.done():
                future.set_result(None)
                break
        if not self.futures:
            self.loop.remove_reader(self.fd)

    async def wait(self):
        future = self.loop.create_future()
        if not self.futures:
            self.loop.add_reader(self.fd, self.wake)
        self.futures.append(future)
        try:
            await future
        finally:
            if future in self.futures:
                self.futures.remove(future)
                if not self.futures:
                    self.loop.remove_reader(self.fd)


def _waiters(queue, descriptor):
    """The waiters of the running loop on a descriptor: queue.fileno or queue._writable."""
    loop = asyncio.get_running_loop()
    by_loop = queue.__dict__.setdefault(f'_{descriptor.__name__}_waiters', {})
    fd = descriptor()
    waiters = by_loop.get(loop)
    if waiters is None or waiters.fd != fd:  # a forked child has another one, for room each thread has
        for other in [other for other in by_loop if other.is_closed()]:
            del by_loop[other]
        waiters = by_loop[loop] = _Waiters(loop, fd)
    return waiters


async def get(queue):
    """The next object of a queue."""
    while True:
        try:
            return queue.get_nowait()
        except _queue.Empty:
            pass
        await _waiters(queue, queue.fileno).wait()


async def put(queue, obj):
    """Puts an object once there is room.

    The descriptor tells of room for a small one: while there is no more than that, it is looked for less and less often.
    """
    pause = 0
    while True:
        try:
            return queue.put_nowait(obj)
        except _queue.Full:
            pass
        if pause:
            await asyncio.sleep(pause)
        await _waiters(queue, queue._writable).wait()
        pause = min(pause * 1.5, _LONGEST) or _SHORTEST
