# SPDX-License-Identifier: MIT
"""Pipe(): two connections, and how one gets to another process."""
from __future__ import annotations

import os
import socket

from . import _ringq
from ._region import Region

#: Address space of the region that the pipes of a process and its forked children share.
REGION_SIZE = 4 << 30
_region = None


def _take(cls, duplicate):
    connection = cls.__new__(cls)
    fd = duplicate.detach()
    try:
        connection._take(fd)
    finally:
        os.close(fd)
    return connection


class _Sockets(list):
    """Sockets that a process to come inherits; closed when its Popen object goes."""

    def __del__(self):
        for each in self:
            each.close()


class Connection(_ringq.Connection):
    """One end of a Pipe(): send() and recv() objects, send_bytes() and recv_bytes().

    When the last process that holds the other end has closed it or has ended, in whatever way, recv() raises EOFError
    after what was sent, and send() BrokenPipeError. An end can be an argument of a Process, of a Pool's call, and an
    item of a queue or of another connection.
    """

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        from multiprocessing import context, reduction
        mine, theirs = socket.socketpair()
        with mine:
            self._give(mine.fileno())  # on its way, the end is held by the message in the socket
        popen = context.get_spawning_popen()
        if popen is None:
            with theirs:
                return _take, (type(self), reduction.DupFd(theirs.fileno()))
        popen.__dict__.setdefault('_ringq_sockets', _Sockets()).append(theirs)
        return _take, (type(self), reduction.DupFd(theirs.fileno()))

    def __repr__(self):
        way = 'closed' if self.closed else '/'.join(
            word for word, on in (('receives', self.readable), ('sends', self.writable)) if on)
        return f'<{type(self).__module__}.{type(self).__name__}, {way}>'


def pipe(cls, duplex: bool = True):
    """Two connected objects of a class derived from Connection."""
    global _region
    if _region is None:
        _region = Region.create(size=REGION_SIZE)
    return _ringq.pipe(cls, _region, duplex)


def Pipe(duplex: bool = True):
    """Two connected ends. With duplex=False the first receives and the second sends."""
    return pipe(Connection, duplex)
