# SPDX-License-Identifier: MIT
"""Contexts: what get_context() returns. They are the standard library's, with ringq's factories."""
import multiprocessing
import multiprocessing.context as _std
from multiprocessing.context import BaseContext, Process


def __getattr__(name):
    return getattr(_std, name)


class _Factories:
    """The factories of multiprocessing's contexts that make ringq's objects."""

    _name: str

    def Manager(self):
        """A manager whose Queue() and JoinableQueue() are ringq queues; its process starts when something else is asked."""
        from .managers import Manager
        return Manager(ctx=self.get_context())

    def Pipe(self, duplex=True):
        """Two connections; with duplex=False the first receives and the second sends."""
        from .connection import Pipe
        return Pipe(duplex)

    def Queue(self, maxsize=0):
        """A queue of objects."""
        from .queues import Queue
        return Queue(maxsize, ctx=self.get_context())

    def JoinableQueue(self, maxsize=0):
        """A queue of objects with task_done() and join()."""
        from .queues import JoinableQueue
        return JoinableQueue(maxsize, ctx=self.get_context())

    def SimpleQueue(self):
        """A queue of objects with put(), get() and empty()."""
        from .queues import SimpleQueue
        return SimpleQueue(ctx=self.get_context())

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None):
        """The standard library's pool."""
        from multiprocessing.pool import Pool
        return Pool(processes, initializer, initargs, maxtasksperchild,
                    context=multiprocessing.get_context(self.get_start_method()))

    def RawValue(self, typecode_or_type, *args):
        """A shared ctypes object without a lock."""
        from .sharedctypes import RawValue
        return RawValue(typecode_or_type, *args)

    def RawArray(self, typecode_or_type, size_or_initializer):
        """A shared ctypes array without a lock."""
        from .sharedctypes import RawArray
        return RawArray(typecode_or_type, size_or_initializer)

    def Value(self, typecode_or_type, *args, lock=True):
        """A shared ctypes object with a lock."""
        from .sharedctypes import Value
        return Value(typecode_or_type, *args, lock=lock, ctx=self.get_context())

    def Array(self, typecode_or_type, size_or_initializer, *, lock=True):
        """A shared ctypes array with a lock."""
        from .sharedctypes import Array
        return Array(typecode_or_type, size_or_initializer, lock=lock, ctx=self.get_context())

    def get_context(self, method=None):
        """The context of a start method; of the one that is set, or else the default one, for None."""
        if method is None:
            return self
        if method not in _contexts:
            raise ValueError(f'cannot find context for {method!r}')
        _contexts[method]._check_available()
        return _contexts[method]


class ForkContext(_Factories, _std.ForkContext):
    """Starts processes by fork."""


class SpawnContext(_Factories, _std.SpawnContext):
    """Starts processes anew."""


class ForkServerContext(_Factories, _std.ForkServerContext):
    """Has processes forked by a server."""


_contexts = {context._name: context for context in (ForkContext(), SpawnContext(), ForkServerContext())}


class DefaultContext(_Factories, BaseContext):
    """The context behind the module's functions. Its start method is that of the standard library's."""

    Process = Process

    def get_context(self, method=None):
        """The context of a start method; of the one that is set, or else the default one, for None."""
        return super().get_context(method or multiprocessing.get_start_method())

    def get_start_method(self, allow_none=False):
        """The start method that is set."""
        return multiprocessing.get_start_method(allow_none)

    def set_start_method(self, method, force=False):
        """Sets the start method, for the standard library's multiprocessing too."""
        multiprocessing.set_start_method(method, force)

    def get_all_start_methods(self):
        """The start methods that this system has."""
        return multiprocessing.get_all_start_methods()


_default_context = DefaultContext()
