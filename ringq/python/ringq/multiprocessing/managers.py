# SPDX-License-Identifier: MIT
"""Manager() whose queues are ringq's, and whose process is started by what needs it."""
import multiprocessing.managers as _std
from multiprocessing.managers import *  # noqa: F401,F403
from multiprocessing.managers import State, SyncManager  # type: ignore[attr-defined]
from multiprocessing.managers import __all__  # noqa: F401


def __getattr__(name):
    return getattr(_std, name)


class Manager(SyncManager):
    """multiprocessing's manager. Queue() and JoinableQueue() are ringq queues, which need no manager's process."""

    def Queue(self, maxsize=0):
        """A queue of objects with task_done() and join()."""
        from .queues import JoinableQueue
        return JoinableQueue(maxsize)

    JoinableQueue = Queue

    def _create(self, typeid, /, *args, **keywords):
        self._started()
        return super()._create(typeid, *args, **keywords)

    def _started(self):
        if self._state.value == State.INITIAL:
            self.start()

    def _number_of_objects(self):
        return super()._number_of_objects() if self._state.value == State.STARTED else 0

    def join(self, timeout=None):
        """Waits for the manager's process, if there is one."""
        if self._state.value != State.INITIAL:
            super().join(timeout)

    def shutdown(self):
        """Ends the manager's process, if there is one."""

    @property
    def address(self):
        """The address of the manager's process."""
        self._started()
        return self._address

    def __enter__(self):
        return self
