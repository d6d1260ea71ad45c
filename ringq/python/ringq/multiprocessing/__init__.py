# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing, with ringq's queues, pipes, values and arrays.

    import ringq.multiprocessing as multiprocessing

Every public name of multiprocessing is here. Queue, JoinableQueue, SimpleQueue, Pipe, Value, Array, RawValue, RawArray,
Manager and get_context() are ringq's; all else is the standard library's own, and so is the start method.
"""
from . import context, process, reduction  # noqa: F401

__all__ = [name for name in dir(context._default_context) if not name.startswith('_')]
globals().update((name, getattr(context._default_context, name)) for name in __all__)

SUBDEBUG = 5
SUBWARNING = 25
