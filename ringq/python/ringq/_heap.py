# SPDX-License-Identifier: MIT
"""Memory for values and arrays that are given no region.

Small ones share regions, so that thousands take a descriptor or two; they are named, as other processes find an array
of a region by its name, and used again when they are collected. A large one has a region of its own, which goes with it.

A value's memory is not used again while somebody else may have it: if the process has forked, or the value was sent,
since it was made, it waits until the children that multiprocessing knows have ended.
"""
from __future__ import annotations

import collections
import itertools
import multiprocessing.process
import os
import threading

from ._region import Region

SHARED_SIZE = 1 << 30  # of a region for small ones
LARGE = 64 << 10       # bytes; from there on, a region for each

_lock = threading.RLock()  # a ticket may be collected inside
_generation = 0  # counts forks
_heap = None


def _forked():
    global _generation
    _generation += 1


def _in_child():
    global _lock, _heap
    _lock = threading.RLock()
    _heap = None  # its arrays are the parent's to use again
    _forked()


os.register_at_fork(after_in_parent=_forked, after_in_child=_in_child)


class _Heap:
    def __init__(self):
        self.region = None
        self.numbers = itertools.count()
        self.free = collections.defaultdict(list)
        self.waiting = []

    def allocate(self, array, typecode, count):
        key = typecode, count
        if self.waiting and not self.free[key] and not multiprocessing.process.active_children():
            for place, other in self.waiting:
                self.free[other].append(place)
            self.waiting.clear()
        if self.free[key]:
            region, name = self.free[key].pop()
            array._open(region, name)
            with memoryview(array) as view, view.cast('B') as data:
                data[:] = bytes(len(data))
            return name
        for last in False, True:
            if self.region is None:
                self.region = Region.create(size=SHARED_SIZE)
            name = f'{os.getpid()}.{next(self.numbers)}'
            try:
                array._create(self.region, name, typecode, count)
                break
            except (MemoryError, OSError):
                if last:
                    raise
                self.region = None  # full: what is in it keeps it
        return name


class Ticket:
    """Holds an array's place; when it is collected in the process that made it, the place is free again."""

    def __init__(self, heap, region, name, key):
        self.heap, self.place, self.key = heap, (region, name), key
        self.process, self.generation = os.getpid(), _generation

    def sent(self):
        self.generation = -1

    def __del__(self, getpid=os.getpid):
        if self.process != getpid():
            return
        with _lock:
            if self.generation == _generation:
                self.heap.free[self.key].append(self.place)
            else:
                self.heap.waiting.append((self.place, self.key))


def allocate(array, typecode: str, count: int, itemsize: int):
    """Makes an array object a new zero array. Returns its name in its region, and its ticket, if it has one."""
    global _heap
    size = count * itemsize
    if size >= LARGE:
        array._create(Region.create(size=2 * size + (16 << 20)), 'array', typecode, count)
        return 'array', None
    with _lock:
        if _heap is None:
            _heap = _Heap()
        name = _heap.allocate(array, typecode, count)
        return name, Ticket(_heap, array.region, name, (typecode, count))
