# SPDX-License-Identifier: MIT
"""Regions: the shared memory that everything else lies in, and how it gets to other processes."""
from __future__ import annotations

import os
from typing import NamedTuple

from . import _ringq


class Member(NamedTuple):
    """A thread that takes part in a region."""

    process: int
    thread: int
    name: str


def _attach(cls, duplicate):
    fd = duplicate.detach()
    try:
        return cls.attach(fd)
    finally:
        os.close(fd)


class Region(_ringq.Region):
    """Shared memory that holds any number of queues and arrays.

    Region.create() makes one, Region.open() finds a named one, Region.attach() takes a descriptor that was inherited or
    received. A region can be an argument of a Process, of a Pool's call, and an item of a queue. Without a name it goes
    with its last holder.
    """

    @classmethod
    def create(cls, name: str | None = None, *, size: int = 0) -> Region:
        """Makes a region of `size` bytes of address space; 0 is 1 GiB. Memory is taken as it is used.

        Raises FileExistsError: the name is taken; ValueError: size or name; OSError: EMFILE, ENFILE, ENOSYS; MemoryError.
        """
        return cls._create(size, name)

    @classmethod
    def open(cls, name: str) -> Region:
        """Attaches to the named region. Raises FileNotFoundError; OSError as attach()."""
        return cls._open(name)

    def members(self) -> list[Member]:
        """The threads that take part in the region now, in whatever process."""
        return [Member(*each) for each in self._members()]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        from multiprocessing.reduction import DupFd
        return _attach, (type(self), DupFd(self.fileno()))

    def __repr__(self):
        try:
            return f'<{type(self).__name__} of {self.memory()} bytes, {len(self.members())} members>'
        except ValueError:
            return f'<{type(self).__name__}, closed>'
