# SPDX-License-Identifier: MIT
"""ringq.Array and ringq.Value: numbers in shared memory."""
from __future__ import annotations

import array as _std_array
import copyreg
import struct

from . import _heap, _ringq
from ._region import Region

_CODES = 'bBhHiIlLqQfd'


def _check(typecode):
    if not isinstance(typecode, str):
        raise TypeError(f'the typecode must be a str, not {type(typecode).__name__}')
    if len(typecode) != 1 or typecode not in _CODES:
        raise ValueError(f'no typecode: {typecode!r}; there are {" ".join(_CODES)}')
    return struct.calcsize(typecode)


def _make(array, typecode, count, region, name):
    size = _check(typecode)
    if region is None:
        if name is not None:
            raise TypeError('a name needs a region')
        array._name, array._ticket = _heap.allocate(array, typecode, count, size)
    else:
        array._name, array._ticket = name, None
        array._create(region, name, typecode, count)


def _open(cls, region, name):
    array = cls.__new__(cls)
    array._open(region, name)
    array._name, array._ticket = name, None
    return array


def _open_lock(array):
    return array._lock()


def _reduce_lock(lock):
    return _open_lock, (lock._array,)


copyreg.pickle(_ringq.Lock, _reduce_lock)


class Shared:
    """What arrays have in common: how they get to other processes."""

    def __reduce__(self):
        if self._name is None:
            raise TypeError('an array without a name, in a region, can only be inherited')
        if self._ticket is not None:
            self._ticket.sent()
        return _open, (type(self), self.region, self._name)


class _Public(Shared):
    """What Array and Value have in common."""

    @property
    def name(self) -> str | None:
        """The name in the region."""
        return self._name

    def lock(self):
        """The array's lock, for `with`: recursive; a holder that dies frees it, and the next is told by owner_died."""
        return self._lock()


class Array(_Public, _ringq.Array):
    """An array of numbers in shared memory: Array('d', 100), Array('i', [1, 2, 3]).

    It has the buffer protocol, so that numpy.frombuffer(a) is a view of it. Elements are loaded and stored atomically.
    It can be an argument of a Process, of a Pool's call, and an item of a queue. Without region and name it is the
    process's that made it: whoever else uses it must end before that drops it.
    """

    def __init__(self, typecode: str, size_or_initializer, *, region: Region | None = None, name: str | None = None):
        values = None
        if isinstance(size_or_initializer, int):
            count = size_or_initializer
        else:
            values = _std_array.array(typecode, size_or_initializer) if _check(typecode) else None
            count = len(values)
        _make(self, typecode, count, region, name)
        if values is not None:
            memoryview(self).cast('B')[:] = memoryview(values).cast('B')

    @classmethod
    def open(cls, region: Region, name: str) -> Array:
        """The array of that name in a region. Raises FileNotFoundError."""
        return _open(cls, region, name)

    def snapshot(self) -> _std_array.array:
        """All elements as one write() left them, never a mixture; waits for nobody."""
        copy = _std_array.array(self.typecode)
        copy.frombytes(self._snapshot())
        return copy

    def write(self, values) -> None:
        """Writes all elements, for snapshots at one instant, under the lock. Raises ValueError: another length."""
        self._write(values if isinstance(values, (bytes, bytearray, memoryview)) else
                    _std_array.array(self.typecode, values))

    def __repr__(self):
        return f'<Array {self.typecode!r} of {len(self)}>'


class Value(_Public, _ringq.Value):
    """A number in shared memory: Value('i'), Value('d', 0.5), with `value`, add(), compare_exchange() and lock()."""

    def __init__(self, typecode: str, value=0, *, region: Region | None = None, name: str | None = None):
        _make(self, typecode, 1, region, name)
        self.value = value

    @classmethod
    def open(cls, region: Region, name: str) -> Value:
        """The value of that name in a region. Raises FileNotFoundError."""
        return _open(cls, region, name)

    def __repr__(self):
        return f'<Value {self.typecode!r} {self.value}>'
