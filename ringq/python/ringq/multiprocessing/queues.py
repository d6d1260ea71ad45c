# SPDX-License-Identifier: MIT
"""Queue, JoinableQueue and SimpleQueue of multiprocessing, in shared memory without a feeder thread."""
import multiprocessing.queues as _std
import time
import types

from .. import _ringq
from .._queue import PRODUCERS, REGION_SIZE, check_maxsize
from .._region import Region
from .._ringq import Closed, Empty, Full

__all__ = ['Queue', 'SimpleQueue', 'JoinableQueue', 'Closed', 'Empty', 'Full']

_NAME = 'queue'


def __getattr__(name):
    return getattr(_std, name)


def _open(cls, region):
    queue = cls.__new__(cls)
    queue._reopen(region)
    return queue


class _Common:
    """What the three have in common: making, pickling, and the ends that other modules look for."""

    __class_getitem__ = classmethod(types.GenericAlias)

    def _make(self, maxsize):
        self._create(Region.create(size=REGION_SIZE), _NAME, check_maxsize(maxsize), None, 0, PRODUCERS)

    def _reopen(self, region):
        self._open(region, _NAME)

    def __reduce__(self):
        return _open, (type(self), self.region)

    @property
    def _reader(self):
        return _End(self)

    _writer = _reader


class _End:
    """The end of a queue's pipe, which modules of the standard library look for."""

    def __init__(self, queue):
        self._queue = queue

    def fileno(self):
        return self._queue.fileno()

    def recv(self):
        return self._queue.get()

    def send(self, obj):
        self._queue.put(obj)

    def poll(self, timeout=0.0):
        from multiprocessing.connection import wait
        return bool(wait([self], timeout))

    def close(self):
        self._queue.close()

    @property
    def closed(self):
        return self._queue._closed


class Queue(_Common, _ringq.Queue):
    """multiprocessing.Queue: an object is in the queue when put() returns, and stays whoever is killed.

    maxsize bounds how many objects wait, exactly; 0 or less is no bound. Subclasses may pass a context as ctx.
    """

    def __init__(self, maxsize=0, *, ctx=None):
        self._make(maxsize)
        self._maxsize = maxsize if maxsize > 0 else (1 << 31) - 1

    def _reopen(self, region):
        super()._reopen(region)
        self._maxsize = self.stat()['max_records'] or (1 << 31) - 1

    def join_thread(self):
        """Returns at once: there is no thread. AssertionError before close()."""
        assert self._closed, f'Queue {self!r} not closed'

    def cancel_join_thread(self):
        """Does nothing: there is no thread."""

    # Objects in hand are for ringq.Queue.
    lease = task_done = join = property()  # type: ignore

    @staticmethod
    def _on_queue_feeder_error(e, obj):
        """Never called: put() raises what pickling does."""

    def __repr__(self):
        try:
            if self._closed:
                return f'<{type(self).__module__}.{type(self).__name__}, closed here>'
            return f'<{type(self).__module__}.{type(self).__name__} of {len(self)} objects, ' \
                   f'{self.stat()["producers"]} producers>'
        except (AttributeError, OSError, ValueError):
            return f'<{type(self).__module__}.{type(self).__name__}>'


class JoinableQueue(Queue):
    """multiprocessing.JoinableQueue.

    What is unfinished is what was ever put, which the library counts, less what was said to be done. So a producer that
    is killed leaves no item counted that is not there.
    """

    def __init__(self, maxsize=0, *, ctx=None):
        super().__init__(maxsize, ctx=ctx)
        self._counts = _ringq.Array()  # done, joiners
        self._counts._create(self.region, 'counts', 'q', 2)
        self._wakes = _ringq.Queue()
        self._wakes._create(self.region, 'wakes', 64)

    def _reopen(self, region):
        super()._reopen(region)
        self._counts = _ringq.Array()
        self._counts._open(region, 'counts')
        self._wakes = _ringq.Queue()
        self._wakes._open(region, 'wakes')

    def _unfinished(self):
        done = self._counts[0]  # first: so 0 means that all was done at this instant
        self.qsize()            # counts what a producer put just before it died
        return self.stat()['records_in'] - done

    def task_done(self):
        """One object that was taken is done. ValueError: more than were put."""
        self._counts.add(0, 1)
        patience = 20
        while (unfinished := self._unfinished()) < 0:  # its producer may not have counted it yet
            if patience == 0:
                self._counts.add(0, -1)
                raise ValueError('task_done() called too many times')
            patience -= 1
            time.sleep(0.001)
        if unfinished == 0:
            for _ in range(self._counts[1]):
                try:
                    self._wakes.put_nowait(None)
                except Full:
                    break

    def join(self):
        """Waits until each object that was put has been taken and said to be done."""
        if self._unfinished() <= 0:
            return
        self._counts.add(1, 1)
        patience = 0.1
        try:
            while self._unfinished() > 0:
                try:
                    self._wakes.get(timeout=patience)
                except Empty:  # look again: who did the last one may have been killed before it woke us
                    patience = min(2 * patience, 32)
        finally:
            self._counts.add(1, -1)


class SimpleQueue(_Common, _ringq.SimpleQueue):
    """multiprocessing.SimpleQueue, whose put() waits for no reader."""

    # Those of Queue are not its own.
    put_nowait = get_nowait = put_many = get_many = peek = qsize = full = stat = delete = property()  # type: ignore
    shutdown = lease = task_done = join = property()  # type: ignore

    def __init__(self, *, ctx=None):
        self._make(0)

    def __repr__(self):
        return f'<{type(self).__module__}.{type(self).__name__}{", closed here" if self._closed else ""}>'
