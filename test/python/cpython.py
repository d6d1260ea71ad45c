#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's own tests of multiprocessing, with ringq.multiprocessing in its place.

usage: cpython.py START_METHOD [TEST...]

A copy of the interpreter's test/_test_multiprocessing.py is made, in which the imports of multiprocessing name
ringq.multiprocessing, and nothing else is changed. Each test runs in a process of its own, two at a time, so that one
that hangs has failed. A test that never made one of ringq's objects has failed, too. SKIPPED says which tests are not
run, and why; docs/python.md has the same list.
"""
import importlib.util
import multiprocessing.util
import os
import pathlib
import re
import signal
import sys
import tempfile
import time
import traceback
import unittest

CLASSES = [
    'TestForkAwareThreadLock', 'TestIgnoreEINTR', 'TestSimpleQueue', 'TestStartMethod', 'TestTimeouts', 'TestWait',
    'WithManagerTestQueue', 'WithProcessesTestArray', 'WithProcessesTestConnection', 'WithProcessesTestPicklingConnections',
    'WithProcessesTestPoll', 'WithProcessesTestQueue', 'WithProcessesTestSharedCTypes', 'WithProcessesTestValue',
]

# Tests that pin how the standard library does it, not what it does.
_SOCKET = 'it takes the descriptor of a connection for a socket, to send descriptors beside messages'
_FILE = "it runs a program of the standard library's tests, which imports multiprocessing"
_ROOM = 'it signals a child that has sent 16 MiB nobody reads, which a pipe of ringq has room for: its server has reaped it'
_THREAD = 'it has put() return for an object that cannot be pickled, and a thread report it; ringq raises in put()'
SKIPPED = {
    'forkserver: TestIgnoreEINTR.test_ignore': _ROOM,
    'TestStartMethod.test_preload_resources': _FILE,
    'WithProcessesTestConnection.test_fd_transfer': _SOCKET,
    'WithProcessesTestConnection.test_large_fd_transfer': _SOCKET,
    'WithProcessesTestConnection.test_missing_fd_transfer': _SOCKET,
    'WithProcessesTestQueue.test_queue_feeder_donot_stop_onexc': _THREAD,
    'WithProcessesTestQueue.test_queue_feeder_on_queue_feeder_error': _THREAD,
}

# Tests of what ringq.multiprocessing hands through: they need not make an object of ringq's.
HANDED_THROUGH = {
    'TestStartMethod', 'TestWait.test_wait_socket', 'TestWait.test_wait_socket_slow',
}

TIMEOUT = 100
MODULE = 'ringq_test_multiprocessing'


def change_imports(source):
    """The source with ringq.multiprocessing in place of multiprocessing in import statements."""
    source = re.sub(r'^( *)import multiprocessing(\.\w+)$',
                    r'\1import ringq.multiprocessing as multiprocessing; import ringq.multiprocessing\2',
                    source, flags=re.M)
    source = re.sub(r'^( *)import multiprocessing$', r'\1import ringq.multiprocessing as multiprocessing', source, flags=re.M)
    return re.sub(r'^( *)from multiprocessing\b', r'\1from ringq.multiprocessing', source, flags=re.M)


def count_objects():
    """Has each object that is made counted. Returns what tells the count."""
    import ringq._pipe
    import ringq.multiprocessing.queues
    from ringq.multiprocessing import sharedctypes
    made = []

    def counted(owner, name):
        function = getattr(owner, name)

        def call(*args, **keywords):
            made.append(name)
            return function(*args, **keywords)
        setattr(owner, name, call)

    counted(ringq.multiprocessing.queues._Common, '_make')
    counted(ringq._pipe, 'pipe')
    counted(sharedctypes, '_new_block')
    return made


def run_here(name):
    """Runs one test, in a process of its own. Its exit status."""
    made = count_objects()
    tests = importlib.import_module('ringq_tests')
    cls, method = name.split('.')
    test = getattr(tests, cls)(method)
    tests.setUpModule()
    result = unittest.TestResult()
    unittest.TestSuite([test]).run(result)
    for _, trace in result.errors + result.failures:
        print(trace)
    tests.tearDownModule()
    if result.skipped:
        print('skipped by itself:', result.skipped[0][1])
        return 77
    if result.wasSuccessful() and not made and not {cls, name} & HANDED_THROUGH:
        print('made no object of ringq')
        return 1
    return not result.wasSuccessful()


def prepare(directory):
    spec = importlib.util.find_spec('test')
    original = spec and pathlib.Path(spec.origin).with_name('_test_multiprocessing.py')
    if not original or not original.exists():
        print("CPython's tests are not there: Debian has them in libpython3.11-testsuite")
        sys.exit(77)
    (directory / f'{MODULE}.py').write_text(change_imports(original.read_text()))
    # The children of some tests look for the test's class where it says that it comes from.
    (directory / 'ringq_tests.py').write_text(
        f"import os, {MODULE} as tests\ntests.install_tests_in_module_dict(globals(), os.environ['START_METHOD'])\n")
    sys.path.insert(0, str(directory))


def names_of_tests():
    tests = importlib.import_module('ringq_tests')
    return [f'{cls}.{name}' for cls in CLASSES for name in sorted(dir(getattr(tests, cls))) if name.startswith('test')]


class Running:
    """A test in a child of this process, which has loaded all that it needs; its group ends with it."""

    def __init__(self, directory, name):
        self.name, self.begin = name, time.monotonic()
        self.path = directory / f'{name}.log'
        sys.stdout.flush()
        self.process = os.fork()
        if self.process == 0:
            status = 1
            try:
                os.setsid()
                os.chdir(directory)
                with open(self.path, 'w') as log:
                    os.dup2(log.fileno(), 1)
                    os.dup2(log.fileno(), 2)
                status = run_here(name)
                sys.stdout.flush()
                multiprocessing.util._exit_function()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)

    def status(self):
        """What became of it; None while it runs."""
        if os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() < self.begin + TIMEOUT:
                return None
            status = 'hangs'
        else:
            status = None
        try:
            os.killpg(self.process, signal.SIGKILL)  # and what it has left behind
        except ProcessLookupError:
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return code if status is None else status


def run_all(directory, names, counts):
    running = []
    waiting = list(names)
    while running or waiting:
        while waiting and len(running) < 2:
            running.append(Running(directory, waiting.pop(0)))
        time.sleep(0.01)
        for test in list(running):
            status = test.status()
            if status is None:
                continue
            running.remove(test)
            what = {0: 'passed', 77: 'skipped'}.get(status, 'failed')
            counts[what] += 1
            seconds = time.monotonic() - test.begin
            print(f'{what} {test.name} [{seconds:.1f} s]')
            if what != 'passed':
                print(f'({status})', test.path.read_text(), flush=True)


def main():
    os.environ['START_METHOD'] = sys.argv[1]
    with tempfile.TemporaryDirectory() as path:
        directory = pathlib.Path(path)
        prepare(directory)
        names = sys.argv[2:] or names_of_tests()
        counts = {'passed': 0, 'failed': 0, 'skipped': 0}
        skipped = {name: SKIPPED.get(name) or SKIPPED.get(f'{sys.argv[1]}: {name}') for name in names}
        for name, why in skipped.items():
            if why:
                print(f'skipped {name}: {why}')
                counts['skipped'] += 1
        run_all(directory, [name for name in names if not skipped[name]], counts)
        print(', '.join(f'{n} {what}' for what, n in counts.items()))
        return counts['failed'] > 0


if __name__ == '__main__':
    sys.exit(main())
