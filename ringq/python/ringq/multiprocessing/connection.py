# SPDX-License-Identifier: MIT
"""Connection and Pipe of multiprocessing.connection; Listener, Client and wait are the standard library's."""
import multiprocessing.connection as _std
import time
from multiprocessing.connection import Client, Listener

from .. import _pipe, _ringq

__all__ = ['Client', 'Connection', 'Listener', 'Pipe', 'wait']


def __getattr__(name):
    return getattr(_std, name)


class Connection(_pipe.Connection):
    """One end of a Pipe()."""


def Pipe(duplex=True):
    """Two connections; with duplex=False the first receives and the second sends."""
    return _pipe.pipe(Connection, duplex)


def _is_ready(each):
    return each.poll() if isinstance(each, _ringq.Connection) else not each.empty()


def wait(object_list, timeout=None):
    """Those of a list that are ready: connections, queues, sockets, sentinels and whatever has a descriptor.

    Waits until there is one, for timeout seconds if it is given. As the standard library's, and takes queues.
    """
    objects = list(object_list)
    ours = [each for each in objects if isinstance(each, (_ringq.Connection, _ringq.Queue))]
    end = None if timeout is None else time.monotonic() + max(timeout, 0)
    while ours:
        ready = [each for each in ours if _is_ready(each)]
        if ready:
            others = [each for each in objects if each not in ours]
            ready += _std.wait(others, 0) if others else []
            return [each for each in objects if each in ready]
        left = None if end is None else max(end - time.monotonic(), 0)
        woken = _std.wait(objects, left)
        if not woken and left == 0:
            return []
        others = [each for each in woken if each not in ours]
        if others:
            return [each for each in objects if each in others or each in ours and _is_ready(each)]
    return _std.wait(objects, timeout)
