# SPDX-License-Identifier: MIT
"""ringq.Queue: a queue of objects for new programs."""
from __future__ import annotations

import uuid

from . import _aio, _ringq
from ._region import Region

#: Address space of a queue's own region. What waits in it must fit; memory is taken as it is used.
REGION_SIZE = 4 << 30
#: Producers at once, each a thread of some process.
PRODUCERS = 512

#: A queue that holds so many at once is bounded by the library; above that, by its region alone.
_MOST_RECORDS = 1 << 24
_ORDERS = {'total': 0, 'producer': 1}
_ACKNOWLEDGED = 1 << 3


def check_maxsize(maxsize):
    """The bound for the library: 0 is none."""
    if not isinstance(maxsize, int):
        raise TypeError(f'maxsize must be an int, not {type(maxsize).__name__}')
    if maxsize >= 1 << 31:
        raise OverflowError('maxsize is above 2**31 - 1')
    return maxsize if 0 < maxsize <= _MOST_RECORDS else 0


def _open(cls, region, name):
    queue = cls.__new__(cls)
    queue._open(region, name)
    queue._name = name
    return queue


class Queue(_ringq.Queue):
    """A queue of objects: any number of threads and processes put and get.

    maxsize   bounds how many objects wait, exactly; 0 is no bound but the region's size.
    region    the Region that it lies in, with a name of the caller's or one of its own; None makes a region for it.
    order     'total': one order for all; 'producer': each producer's objects come out in its order, which is faster.

    With acknowledged=True an object that was taken comes back, before all younger ones, when the thread that took it ends,
    in whatever way, before it has said that it is done: by lease(), or after get() by task_done(). One that has come back
    max_attempts times is put to the queue of the same region called dead_letters, or dropped; 0 is no bound.

    A queue can be an argument of a Process, of a Pool's call, and an item of another queue, whatever the start method.
    It can be iterated, by `for` and `async for`, until it is shut down and empty.

    Raises FileExistsError: the name is taken in the region; OSError: no more descriptors, names; MemoryError.
    """

    def __init__(self, maxsize: int = 0, *, region: Region | None = None, name: str | None = None,
                 order: str = 'total', max_producers: int = PRODUCERS, size: int = REGION_SIZE,
                 acknowledged: bool = False, max_attempts: int = 0, dead_letters: str | None = None):
        if order not in _ORDERS:
            raise ValueError(f"order must be 'total' or 'producer', not {order!r}")
        if not acknowledged and (max_attempts or dead_letters is not None):
            raise ValueError('max_attempts and dead_letters are for acknowledged=True')
        if not isinstance(max_attempts, int):
            raise TypeError(f'max_attempts must be an int, not {type(max_attempts).__name__}')
        if not 0 <= max_attempts < (1 << 24) - 1:
            raise ValueError('max_attempts must be from 0 to 2**24 - 2')
        limit = check_maxsize(maxsize)
        if region is None:
            region = Region.create(size=size)
        self._name = name or uuid.uuid4().hex
        self._create(region, self._name, limit, None, _ORDERS[order], max_producers,
                     _ACKNOWLEDGED if acknowledged else 0, max_attempts, dead_letters)

    @classmethod
    def open(cls, region: Region, name: str) -> Queue:
        """The queue of that name in a region. Raises FileNotFoundError."""
        return _open(cls, region, name)

    def __reduce__(self):
        return _open, (type(self), self.region, self._name)

    @property
    def name(self) -> str:
        """The queue's name in its region."""
        return self._name

    def members(self):
        """The threads that take part in the queue's region."""
        return self.region.members()

    async def aget(self):
        """Takes the next object, waiting in the event loop. A cancelled call has taken nothing.

        Raises Closed, ValueError and what unpickling raises, as get().
        """
        return await _aio.get(self)

    async def aput(self, obj) -> None:
        """Puts an object, waiting in the event loop for room. A cancelled call has put nothing."""
        await _aio.put(self, obj)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await _aio.get(self)
        except _ringq.Closed:
            raise StopAsyncIteration from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        name = type(self).__name__
        if self._closed:
            return f'<{name} {self._name!r}, closed here>'
        try:
            stat = self.stat()
            return (f'<{name} {self._name!r}: {len(self)} waiting, {stat["producers"]} producers'
                    f'{", shut down" if stat["closed"] else ""}>')
        except BrokenPipeError:
            return f'<{name} {self._name!r}, deleted>'
        except (AttributeError, ValueError):
            return f'<{name}, not made>'
