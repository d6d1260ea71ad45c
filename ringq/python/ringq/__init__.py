# SPDX-License-Identifier: MIT
"""Queues, pipes and numbers in shared memory, for any number of processes and threads on one Linux machine.

Nobody who is killed leaves others waiting, and what was put comes out. ringq.multiprocessing takes the place of the
standard library's multiprocessing. What comes out of a queue is unpickled: share one only with who may run code in your
process.
"""
from ._array import Array, Value
from ._pipe import Connection, Pipe
from ._queue import Queue
from ._region import Member, Region
from ._ringq import Closed, DeadLetter, Empty, Full, Lease

__all__ = ['Array', 'Closed', 'Connection', 'DeadLetter', 'Empty', 'Full', 'Lease', 'Member', 'Pipe', 'Queue', 'Region', 'Value']
