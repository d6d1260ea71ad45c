# SPDX-License-Identifier: MIT
"""Value, Array, RawValue and RawArray of multiprocessing: ctypes objects in shared memory.

Each lies in a ringq array of its own, whose lock is its lock: recursive, and free again when its holder dies.
"""
import ctypes
import multiprocessing.sharedctypes as _std
import struct
import weakref
from multiprocessing.reduction import ForkingPickler
from multiprocessing.sharedctypes import typecode_to_type  # type: ignore[attr-defined]

from .. import _heap, _ringq
from .._array import Shared

__all__ = ['RawValue', 'RawArray', 'Value', 'Array', 'copy', 'synchronized']

_INTEGERS = {(1, True): 'b', (1, False): 'B', (2, True): 'h', (2, False): 'H',
             (4, True): 'i', (4, False): 'I', (8, True): 'q', (8, False): 'Q'}


def __getattr__(name):
    return getattr(_std, name)


def _kind(type_):
    """The typecode and count by which a ringq array is as large as a ctypes type."""
    if issubclass(type_, ctypes.Array):
        code, count = _kind(type_._type_)
        return code, count * type_._length_
    if issubclass(type_, ctypes._SimpleCData):
        code = type_._type_
        if code in 'fd':
            return code, 1
        if code in 'bBhHiIlLqQ':
            return _INTEGERS[ctypes.sizeof(type_), code.islower()], 1
    return 'c', ctypes.sizeof(type_)


class _Array(Shared, _ringq.Array):
    pass


class _Value(Shared, _ringq.Value):
    pass


class _Block:
    """The memory of a ctypes object: what multiprocessing.sharedctypes calls its wrapper."""

    def __init__(self, array, size):
        self.array, self.size = array, size

    def create_memoryview(self):
        return memoryview(self.array).cast('B')[:self.size]

    def __reduce__(self):
        return _Block, (self.array, self.size)


def _new_block(type_):
    code, count = _kind(type_)
    if count == 0:
        code, count = 'c', 1  # memory is at least a byte
    array = _Value() if count == 1 else _Array()
    array._name, array._ticket = _heap.allocate(array, code, count, 1 if code == 'c' else struct.calcsize(code))
    return _Block(array, ctypes.sizeof(type_))


def _reduce_ctype(obj):
    block = getattr(obj, '_wrapper', None)
    if block is None:  # not shared, but of a type that was
        return obj.__reduce_ex__(2)
    if not isinstance(block, _Block):
        return _std.reduce_ctype(obj)
    if isinstance(obj, ctypes.Array):
        return _rebuild_ctype, (obj._type_, block, obj._length_)
    return _rebuild_ctype, (type(obj), block, None)


def _rebuild_ctype(type_, block, length):
    obj = _std.rebuild_ctype(type_, block, length)
    ForkingPickler.register(type(obj), _reduce_ctype)
    return obj


def RawValue(typecode_or_type, *args):
    """A shared ctypes object, zero or made of args, without a lock. Raises TypeError; MemoryError; OSError."""
    type_ = typecode_to_type.get(typecode_or_type, typecode_or_type)
    obj = _rebuild_ctype(type_, _new_block(type_), None)
    if args:
        obj.__init__(*args)
    return obj


def RawArray(typecode_or_type, size_or_initializer):
    """A shared ctypes array, zero or with the items of a sequence, without a lock."""
    type_ = typecode_to_type.get(typecode_or_type, typecode_or_type)
    if isinstance(size_or_initializer, int):
        length, items = size_or_initializer, ()
    else:
        length, items = len(size_or_initializer), size_or_initializer
    type_ = type_ * length
    obj = _rebuild_ctype(type_, _new_block(type_), None)
    if items:
        obj.__init__(*items)
    return obj


def _locked(obj, lock, ctx):
    if lock is False:
        return obj
    if lock is True or lock is None:
        lock = obj._wrapper.array._lock()
    elif not hasattr(lock, 'acquire'):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(obj, lock, ctx)


def Value(typecode_or_type, *args, lock=True, ctx=None):
    """A shared ctypes object with a lock: its own, or the one that is given; False for none."""
    return _locked(RawValue(typecode_or_type, *args), lock, ctx)


def Array(typecode_or_type, size_or_initializer, *, lock=True, ctx=None):
    """A shared ctypes array with a lock: its own, or the one that is given; False for none."""
    return _locked(RawArray(typecode_or_type, size_or_initializer), lock, ctx)


def copy(obj):
    """A shared copy of a ctypes object, without a lock."""
    new = _rebuild_ctype(type(obj), _new_block(type(obj)), None)
    ctypes.pointer(new)[0] = obj
    return new


def synchronized(obj, lock=None, ctx=None):
    """Wraps a shared ctypes object with a lock: its own, if none is given."""
    assert not isinstance(obj, _std.SynchronizedBase), 'object already synchronized'
    if lock is None and isinstance(getattr(obj, '_wrapper', None), _Block):
        lock = obj._wrapper.array._lock()
    if isinstance(obj, ctypes._SimpleCData):
        return Synchronized(obj, lock, ctx)
    if isinstance(obj, ctypes.Array):
        cls = SynchronizedString if obj._type_ is ctypes.c_char else SynchronizedArray
        return cls(obj, lock, ctx)
    cls = type(obj)
    if cls not in _classes:
        names = {field[0]: _std.make_property(field[0]) for field in cls._fields_}
        _classes[cls] = type('Synchronized' + cls.__name__, (_Synchronized,), names)
    return _classes[cls](obj, lock, ctx)


_classes: "weakref.WeakKeyDictionary[type, type]" = weakref.WeakKeyDictionary()


class _Synchronized(_std.SynchronizedBase):
    """What the wrappers have in common."""

    def __reduce__(self):
        lock = None if isinstance(self._lock, _ringq.Lock) else self._lock
        return synchronized, (self._obj, lock)


class Synchronized(_Synchronized, _std.Synchronized):
    """A number with a lock. Of an integer that lies in memory of its own, add() is atomic without it."""

    def __init__(self, obj, lock=None, ctx=None):
        super().__init__(obj, lock, ctx)
        block = getattr(obj, '_wrapper', None)
        if isinstance(block, _Block) and isinstance(block.array, _ringq.Value):
            self.add = block.array.add
            self.compare_exchange = block.array.compare_exchange


class SynchronizedArray(_Synchronized, _std.SynchronizedArray):
    """An array with a lock, which each access to an item takes."""


class SynchronizedString(SynchronizedArray, _std.SynchronizedString):
    """An array of characters with a lock, with `value` up to the first zero, and `raw`."""
