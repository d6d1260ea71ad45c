# SPDX-License-Identifier: MIT
"""The package ringq: queues, pipes, arrays, regions, in one process and over fork."""
import gc
import os
import pickle
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

import ringq
from ringq.multiprocessing.connection import wait


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and other.x == self.x


class Unpicklable:
    def __reduce__(self):
        raise ZeroDivisionError('not today')


class NoUnpickle:
    def __reduce__(self):
        return int, ('no number',)


# Programs for the tests of signals: each wait, with what ends it, which leaves all as it was before.
WAITS = """
import os, pathlib, signal, threading, time, ringq, ringq.multiprocessing
from ringq.multiprocessing.connection import wait

full, empty, jobs, kept = ringq.Queue(1), ringq.Queue(), ringq.Queue(acknowledged=True), ringq.Queue(acknowledged=True)
unfinished, array = ringq.multiprocessing.JoinableQueue(), ringq.Array('i', 2)
r, w = ringq.Pipe()
held, let_go, had = threading.Event(), threading.Event(), threading.Event()

def hold():
    while True:
        with array.lock():
            held.set(), let_go.wait(), let_go.clear()
        had.wait(), had.clear()

def have(*_):
    had.set(), held.wait()

def let():
    held.clear(), let_go.set()

def leased():
    with jobs.lease():
        pass

lock = array.lock()
waits = [
    (empty.get, lambda: empty.put(1)),
    (r.recv, lambda: w.send(1)),
    (lambda: have(lock.acquire(), lock.release()), let),
    (lambda: (kept.join(), kept.put(1), kept.get()), kept.task_done),
    (lambda: full.put(1), full.get),
    (lambda: full.put_many([1]), full.get),
    (lambda: empty.get_many(9), lambda: empty.put(1)),
    (lambda: next(iter(empty)), lambda: empty.put(1)),
    (r.recv_bytes, lambda: w.send_bytes(b'1')),
    (lambda: (r.poll(None), r.recv()), lambda: w.send(1)),
    (lambda: have(lock.__enter__(), lock.__exit__()), let),
    (lambda: have(array.write([1, 2])), let),
    (leased, lambda: jobs.put(1)),
    (lambda: (jobs.get(), jobs.task_done()), lambda: jobs.put(1)),
    (lambda: (unfinished.join(), unfinished.put(1)), unfinished.task_done),
    (lambda: (wait([r, empty]), empty.get()), lambda: empty.put(1)),
]
full.put(1), kept.put(1), kept.get(), unfinished.put(1)
threading.Thread(target=hold, daemon=True).start()
held.wait()

def begin(number, end, late):
    def send():
        time.sleep(0.3 if late else 0.03)  # a first sleep is shorter than the first, and another kind of sleep
        while pathlib.Path('/proc/self/stat').read_text().rsplit(')')[1].split()[0] != 'S':
            time.sleep(0.01)
        os.kill(os.getpid(), number)
        end()
    thread = threading.Thread(target=send)
    thread.start()
    return thread
"""

HANDLED = """
handled = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: handled.set())
for restarts in False, True:
    signal.siginterrupt(signal.SIGUSR1, not restarts)
    for late, some in (False, waits), (True, waits[:4]):
        for call, end in some:
            handled.clear()
            thread = begin(signal.SIGUSR1, lambda: (handled.wait(), end()), late)
            call()
            thread.join()
            print('handled', flush=True)
"""

INTERRUPTED = """
for late, some in (False, waits), (True, waits[:4]):
    for call, end in some:
        thread = begin(signal.SIGINT, int, late)
        try:
            call()
        except KeyboardInterrupt:
            print('interrupted', flush=True)
        thread.join()
"""


def in_child(function):
    """Runs a function in a forked child. Its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Objects(unittest.TestCase):
    """What goes in comes out, with its type."""

    VALUES = [0, -1, 2**31 - 1, 2**31, -2**31 - 1, 2**63 - 1, -2**63, 2**63, -2**70, 0.0, -0.0, 1e308, float('inf'),
              '', 'text', '\u20ac\U0001f680', '\ud800 alone', 'x' * 1023, 'x' * 1024, 'y' * 100000, b'', b'bytes', bytes(1023),
              bytes(1024), os.urandom(300000), None, True, False, (), [], {}, [1, 'a', None], {'key': [1.5]}, {1, 2},
              Point(3), bytearray(b'array'), bytearray(100000), range(7), ('deep', [('deeper', {'x': Point(1)})])]

    def test_come_out_as_they_went_in(self):
        q = ringq.Queue()
        for value in self.VALUES:
            q.put(value)
        for value in self.VALUES:
            self.assertEqual((type(got := q.get()), got), (type(value), value))

    def test_come_out_of_batches_as_they_went_in(self):
        q = ringq.Queue()
        self.assertEqual(q.put_many(self.VALUES), len(self.VALUES))
        got = []
        while len(got) < len(self.VALUES):
            got += q.get_many(7)
        self.assertEqual([(type(each), each) for each in got], [(type(each), each) for each in self.VALUES])

    def test_nan_and_subclasses_keep_their_type(self):
        q = ringq.Queue()

        class Mine(int):
            pass
        globals()['Mine'] = Mine
        Mine.__qualname__ = 'Mine'
        q.put(float('nan'))
        q.put(Mine(5))
        self.assertNotEqual(got := q.get(), got)
        self.assertIs(type(q.get()), Mine)

    def test_are_pickled_at_once(self):
        q = ringq.Queue()
        items = [1]
        q.put(items)
        items.append(2)
        self.assertEqual(q.get(), [1])

    def test_that_cannot_be_pickled_raise_in_put(self):
        q = ringq.Queue(1)
        for put in q.put, lambda each: q.put_many([1, each]):
            with self.assertRaises(ZeroDivisionError):
                put(Unpicklable())
        with open(os.devnull) as file, self.assertRaises(TypeError):
            q.put(file)
        self.assertTrue(q.empty())
        q.put_nowait('the place is free')

    def test_a_reducer_may_use_the_queue(self):
        q = ringq.Queue()

        class Chatty:
            def __reduce__(self):
                q.put([0])
                return list, ()
        q.put([Chatty()])
        self.assertEqual([q.get(), q.get()], [[0], [[]]])

    def test_that_cannot_be_unpickled_do_not_take_others_along(self):
        q = ringq.Queue()
        q.put_many([1, NoUnpickle(), 2])
        with self.assertRaises(ValueError) as caught:
            q.get_many(3)
        self.assertEqual(caught.exception.objects, [1, 2])

    def test_identity_within_a_put(self):
        q = ringq.Queue()
        shared = [1]
        q.put((shared, shared))
        a, b = q.get()
        self.assertIs(a, b)
        loop = []
        loop.append(loop)
        q.put(loop)
        got = q.get()
        self.assertIs(got[0], got)


class Buffers(unittest.TestCase):
    """Large buffers go in and out beside the pickle."""

    def setUp(self):
        try:
            import numpy
        except ImportError:
            self.skipTest('numpy is missing')
        self.numpy = numpy

    def test_arrays_of_all_orders(self):
        q = ringq.Queue()
        for array in (self.numpy.arange(100000.0), self.numpy.asfortranarray(self.numpy.arange(90000).reshape(300, 300)),
                      self.numpy.arange(100000)[::3], self.numpy.zeros(0), self.numpy.arange(5)):
            q.put({'name': 'x', 'array': array, 'again': [array]})
            got = q.get()
            self.numpy.testing.assert_array_equal(got['array'], array)
            self.assertTrue(got['array'].flags.writeable)
            self.assertIs(got['again'][0], got['array'])

    def test_read_only_stays_read_only(self):
        q = ringq.Queue()
        array = self.numpy.arange(100000)
        array.flags.writeable = False
        q.put(array)
        self.assertFalse(q.get().flags.writeable)

    def test_are_aligned(self):
        q = ringq.Queue()
        q.put([self.numpy.arange(n, dtype='u1') for n in (5000, 5001, 7003)])
        for got in q.get():
            self.assertEqual(got.ctypes.data % 16, 0)


class Waiting(unittest.TestCase):
    def test_timeouts(self):
        q = ringq.Queue(1)
        for get in (lambda: q.get(timeout=0.05), lambda: q.get(True, 0.05), lambda: q.get_many(3, timeout=0.05)):
            begin = time.monotonic()
            self.assertRaises(queue.Empty, get)
            self.assertGreaterEqual(time.monotonic() - begin, 0.05)
        q.put(1)
        for put in (lambda: q.put(2, timeout=0.05), lambda: q.put(2, True, 0.05), lambda: q.put_many([2], timeout=0.05)):
            begin = time.monotonic()
            self.assertRaises(queue.Full, put)
            self.assertGreaterEqual(time.monotonic() - begin, 0.05)
        for put in (lambda: q.put_nowait(2), lambda: q.put(2, False), lambda: q.put(2, False, 9), lambda: q.put(2, timeout=-1),
                    lambda: q.put(2, timeout=0), lambda: q.put_many([2], block=False)):
            self.assertRaises(queue.Full, put)
        q.get()
        for get in (q.get_nowait, lambda: q.get(False), lambda: q.get(False, 9), lambda: q.get(timeout=-1),
                    lambda: q.get(timeout=0), lambda: q.get_many(2, False)):
            self.assertRaises(queue.Empty, get)

    def test_arguments_are_checked(self):
        q = ringq.Queue()
        for call in (lambda: q.put(), lambda: q.put(1, timeout='x'), lambda: q.put(1, False, 'x'), lambda: q.get(nonsense=1),
                     lambda: q.get(True, None, 1), lambda: q.put(1, obj=2), lambda: q.get_many(), lambda: q.get_many('x'),
                     lambda: q.put_many(5), lambda: ringq.Queue('3'), lambda: ringq.Queue(1.5), lambda: ringq.Queue(None),
                     lambda: ringq.Queue(name=5), lambda: ringq.Queue(region=5), lambda: ringq.Array(5, 5),
                     lambda: ringq.Region.create(7), lambda: ringq.Region.open(7), lambda: ringq.Region(),
                     lambda: ringq.Region.create(size='x'), lambda: ringq.Queue(acknowledged=True, max_attempts='x'),
                     lambda: ringq.Value('i', region=q.region, name=5),
                     lambda: type(ringq.Value('i').lock())()):
            self.assertRaises(TypeError, call)
        for call in (lambda: ringq.Queue(order='x'), lambda: q.get_many(0), lambda: q.put(1, timeout=float('nan')),
                     lambda: ringq.Queue(name='x' * 64), lambda: ringq.Region.create(size=1 << 40),
                     lambda: ringq.Region.create('a/b'), lambda: ringq.Array('x', 5), lambda: ringq.Array('i', 0)):
            self.assertRaises(ValueError, call)
        self.assertRaises(OverflowError, ringq.Queue, 1 << 31)
        self.assertTrue(q.empty())

    def test_a_sleeper_is_woken_by_another_thread(self):
        q = ringq.Queue()
        threading.Timer(0.05, q.put, ['late']).start()
        self.assertEqual(q.get(timeout=30), 'late')

    def test_the_gil_is_free_while_a_thread_waits(self):
        q = ringq.Queue()
        sleepers = [threading.Thread(target=q.get) for _ in range(3)]
        for sleeper in sleepers:
            sleeper.start()
        self.assertTrue(all(sleeper.is_alive() for sleeper in sleepers))
        q.put_many(range(3))
        for sleeper in sleepers:
            sleeper.join(30)
            self.assertFalse(sleeper.is_alive())

    def test_handled_signals_do_not_end_a_wait(self):
        """Each goes on until what it waits for comes, which here the handler brings: so that has run during the wait."""
        done = subprocess.run([sys.executable, '-c', WAITS + HANDLED], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.stdout.splitlines(), done.stderr), (['handled'] * 40, ''))

    def test_a_wait_sleeps(self):
        """Looking for signals and closes hardly wakes a thread that waits: its sleeps are the library's."""
        def wait_for(call):
            before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
            call()
            woken.append(resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before)

        q, woken = ringq.Queue(), []
        r, w = ringq.Pipe()
        child = os.fork()
        if child == 0:  # as a user of the pipe's, so that the other end has one
            w.send(1)
            time.sleep(60)
            os._exit(0)
        r.recv()
        w.close()
        lock = ringq.Value('i').lock()
        end = threading.Event()

        def hold():
            with lock:
                end.wait()

        def get():
            with self.assertRaises(queue.Empty):
                q.get(timeout=1.5)

        holder = threading.Thread(target=hold)
        holder.start()
        calls = get, lambda: r.poll(1.5), lambda: self.assertFalse(lock.acquire(timeout=1.5)), lambda: wait([r, q], 1.5)
        for call in calls:
            wait_for(call)
        thread = threading.Thread(target=wait_for, args=[get])
        thread.start()
        thread.join()
        end.set()
        holder.join()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self.assertEqual([len(woken), [n for n in woken if n > 10]], [len(calls) + 1, []])

    def test_ctrl_c_ends_each_wait(self):
        done = subprocess.run([sys.executable, '-c', WAITS + INTERRUPTED], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.stdout.splitlines(), done.stderr), (['interrupted'] * 20, ''))


class Closing(unittest.TestCase):
    def test_close_is_for_this_object(self):
        q = ringq.Queue()
        other = ringq.Queue.open(q.region, q.name)
        q.put(1)
        q.close()
        q.close()
        for call in (q.get, lambda: q.put(1), lambda: q.put_many([1]), lambda: q.get_many(1), q.get_nowait, q.fileno, q.shutdown):
            with self.assertRaisesRegex(ValueError, 'is closed'):
                call()
        self.assertEqual((q.qsize(), other.get()), (1, 1))

    def test_close_ends_the_calls_of_other_threads(self):
        q = ringq.Queue()
        errors = []

        def wait():
            try:
                q.get()
            except ValueError as error:
                errors.append(error)
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.05)
        q.close()
        waiter.join(30)
        self.assertEqual(len(errors), 1)

    def test_shutdown_is_for_everybody(self):
        q = ringq.Queue()
        other = ringq.Queue.open(q.region, q.name)
        other.put_many('abc')
        q.shutdown()
        self.assertRaises(ringq.Closed, other.put, 1)
        self.assertEqual(list(other), ['a', 'b', 'c'])
        self.assertRaises(ringq.Closed, other.get)
        self.assertRaises(ringq.Closed, other.get_many, 5)

    def test_delete_is_for_everybody(self):
        q = ringq.Queue(name='gone')
        other = ringq.Queue.open(q.region, 'gone')
        other.put_many('abc')
        q.delete()
        for call in (other.get, lambda: other.put(1), other.delete, q.get):
            self.assertRaises(ringq.Closed, call)
        self.assertEqual((other.empty(), len(other)), (True, 0))
        self.assertIn('deleted', repr(other))
        again = ringq.Queue(name='gone', region=q.region)
        again.put(1)
        self.assertEqual(again.get(), 1)

    def test_a_queue_object_can_be_dropped_by_what_it_holds(self):
        q = ringq.Queue()
        q.put(ringq.Queue)  # a class: by name
        self.assertIs(q.get(), ringq.Queue)


class Looking(unittest.TestCase):
    def test_sizes(self):
        q = ringq.Queue(3)
        self.assertEqual((len(q), q.empty(), q.full(), bool(q)), (0, True, False, True))
        q.put_many('abc')
        self.assertEqual((len(q), q.qsize(), q.empty(), q.full()), (3, 3, False, True))
        self.assertEqual((q.peek(), q.peek(), q.get(), q.peek()), ('a', 'a', 'a', 'b'))
        self.assertIn('2 waiting, 1 producers', repr(q))
        self.assertEqual((q.stat()['records_in'], q.stat()['records_out']), (3, 1))

    def test_peek_of_large_and_of_none(self):
        q = ringq.Queue()
        self.assertRaises(queue.Empty, q.peek)
        q.put(bytes(1000000))
        self.assertEqual(q.peek(), bytes(1000000))
        self.assertEqual(len(q), 1)

    def test_members(self):
        q = ringq.Queue()
        q.put(1)
        self.assertIn(os.getpid(), [member.process for member in q.members()])


    def test_peek_of_several(self):
        q = ringq.Queue()
        self.assertEqual(q.peek(5), [])
        q.put_many(['a', bytes(5000), 'b', bytes(100000), 'c'])
        q.get()
        self.assertEqual(q.peek(2), [bytes(5000), 'b'])
        self.assertEqual(q.peek(9), [bytes(5000), 'b', bytes(100000), 'c'])
        self.assertEqual(len(q), 4)
        self.assertRaises(ValueError, q.peek, 0)
        self.assertRaises(TypeError, q.peek, 'x')
        q.put(NoUnpickle())
        self.assertRaises(ValueError, q.peek, 9)


class Acknowledged(unittest.TestCase):
    """What was taken comes back until it is done."""

    def test_a_lease_is_done_with_its_block(self):
        q = ringq.Queue(acknowledged=True)
        q.put_many('abc')
        with q.lease() as item:
            self.assertEqual((item, q.peek(9), q.join(0)), ('a', ['b', 'c'], False))
        lease = q.lease()
        self.assertEqual((lease.object, lease.attempt), ('b', 1))
        lease.ack()
        for call in (lease.ack, lease.requeue):
            self.assertRaises(ValueError, call)
        with q.lease():
            pass
        self.assertTrue(q.join())
        self.assertRaises(queue.Empty, lambda: q.lease(False))
        self.assertRaises(queue.Empty, lambda: q.lease(timeout=0.05))

    def test_it_comes_back_first_when_the_block_raises_or_the_lease_is_dropped(self):
        q = ringq.Queue(acknowledged=True)
        q.put_many('abc')
        with self.assertRaises(ZeroDivisionError), q.lease():
            1 / 0
        lease = q.lease()
        self.assertEqual((lease.object, lease.attempt), ('a', 2))
        del lease
        lease = q.lease()
        self.assertEqual((lease.object, lease.attempt), ('a', 3))
        lease.requeue()
        with lease, q.lease() as item:  # over: leaving it does nothing
            self.assertEqual(item, 'a')
        self.assertEqual(q.get(), 'b')

    def test_get_and_task_done(self):
        q = ringq.Queue(acknowledged=True)
        self.assertRaises(ValueError, q.task_done)
        q.put_many(range(40))
        self.assertEqual((q.get(), q.get_nowait(), next(q), q.get_many(99)), (0, 1, 2, list(range(3, 40))))
        self.assertRaises(queue.Empty, lambda: q.get_many(9, False))
        for _ in range(40):
            self.assertFalse(q.join(timeout=0))
            q.task_done()
        self.assertTrue(q.join())
        self.assertRaises(ValueError, q.task_done)

    def test_what_a_dropped_queue_object_took_comes_back(self):
        q = ringq.Queue(acknowledged=True)
        other = ringq.Queue.open(q.region, q.name)
        q.put('a')
        self.assertEqual(other.get(), 'a')
        del other
        self.assertEqual(q.get(timeout=60), 'a')

    def test_what_a_killed_child_took_comes_back(self):
        q = ringq.Queue(acknowledged=True)
        q.put_many('abc')

        def take():
            q.get()
            lease = q.lease()
            os.kill(os.getpid(), signal.SIGKILL)
            del lease
        self.assertEqual(in_child(take), -signal.SIGKILL)
        self.assertEqual(''.join(sorted(q.get(timeout=60) for _ in range(3))), 'abc')

    def test_a_child_holds_none_of_its_parents(self):
        q = ringq.Queue(acknowledged=True)
        q.put_many('ab')
        lease = q.lease()
        q.get()

        def try_all():
            for call in q.task_done, lease.ack:
                try:
                    call()
                except ValueError:
                    continue
                os._exit(9)
            gc.collect()
        self.assertEqual(in_child(try_all), 0)
        self.assertRaises(queue.Empty, q.get_nowait)
        q.task_done()
        lease.ack()
        self.assertTrue(q.join())

    def test_the_thread_that_took_it_has_ended(self):
        q = ringq.Queue(acknowledged=True)
        q.put('a')
        thread = threading.Thread(target=q.get)
        thread.start()
        thread.join()
        lease = q.lease(timeout=60)
        self.assertEqual((lease.object, lease.attempt), ('a', 2))
        self.assertRaises(ValueError, q.task_done)
        lease.ack()

    def test_dead_letters(self):
        region = ringq.Region.create()
        dead = ringq.Queue(region=region, name='dead')
        q = ringq.Queue(region=region, name='q', acknowledged=True, max_attempts=2, dead_letters='dead')
        q.put({'job': 1})
        for _ in range(2):
            self.assertRaises(ZeroDivisionError, self.fail_with, q)
        self.assertRaises(queue.Empty, lambda: q.lease(False))
        letter = dead.get()
        self.assertEqual((letter, letter.object, letter.attempts), (({'job': 1}, 2, 0, 0), {'job': 1}, 2))
        self.assertTrue(q.join(0))

    @staticmethod
    def fail_with(q):
        with q.lease(False):
            1 / 0

    def test_what_cannot_be_unpickled_goes_back(self):
        q = ringq.Queue(acknowledged=True, max_attempts=3)
        q.put(NoUnpickle())
        for call in q.get, q.lease, lambda: q.get_many(5):
            self.assertRaises(ValueError, call)
        self.assertRaises(queue.Empty, q.get_nowait)

    def test_ends_with_shutdown_once_all_is_done(self):
        q = ringq.Queue(acknowledged=True)
        q.put_many('ab')
        q.shutdown()
        got = []
        for item in q:
            got.append(item)
            q.task_done()
        self.assertEqual(got, ['a', 'b'])
        self.assertRaises(ringq.Closed, q.lease)

    def test_join_is_woken(self):
        q = ringq.Queue(acknowledged=True)
        q.put(1)
        threading.Timer(0.05, lambda: (q.get(), q.task_done())).start()
        self.assertTrue(q.join(60))

    def test_only_where_it_was_asked_for(self):
        q = ringq.Queue()
        q.put(1)
        for call in (q.lease, q.task_done, q.join, lambda: ringq.Queue(max_attempts=1), lambda: ringq.Queue(dead_letters='x'),
                     lambda: ringq.Queue(acknowledged=True, max_attempts=-1)):
            self.assertRaises(ValueError, call)
        self.assertEqual(q.get(), 1)
        self.assertRaises(TypeError, ringq.Lease)


class Regions(unittest.TestCase):
    def test_named(self):
        name = f'ringq-python-{os.getpid()}'
        with ringq.Region.create(name, size=1 << 20) as region:
            self.assertRaises(FileExistsError, ringq.Region.create, name)
            q = ringq.Queue(region=region, name='q')
            self.assertRaises(FileExistsError, lambda: ringq.Queue(region=region, name='q'))
            q.put('over there')
            other = ringq.Region.open(name)
            self.assertEqual(ringq.Queue.open(other, 'q').get(), 'over there')
            self.assertRaises(FileNotFoundError, ringq.Queue.open, other, 'none')
            ringq.Region.unlink(name)
            self.assertRaises(FileNotFoundError, ringq.Region.open, name)
        self.assertRaises(ValueError, region.memory)
        self.assertRaises(ValueError, lambda: ringq.Queue(region=region))

    def test_the_largest(self):
        region = ringq.Region.create(size=64 << 30)
        data = os.urandom(1 << 20)
        for order in 'total', 'producer':
            q = ringq.Queue(region=region, name=order, order=order)

            def put_and_get():
                again = ringq.Queue.open(ringq.Region.attach(region.fileno()), order)
                for item in (5, data) * 10:
                    again.put(item)
                    self.assertIn(again.get(timeout=60), (5, data))
            for _ in range(3):
                self.assertEqual(in_child(put_and_get), 0)
            q.put_many([data] * 20)
            self.assertEqual([q.get() for _ in range(20)], [data] * 20)
        self.assertEqual(ringq.Array('d', [1.5] * 100000, region=region, name='a').snapshot()[99999], 1.5)

    def test_a_record_larger_than_the_region(self):
        q = ringq.Queue(size=2 << 20)
        self.assertRaises((ValueError, MemoryError), q.put, bytes(4 << 20))
        q.put('small')
        self.assertEqual(q.get(), 'small')

    def test_a_full_region_waits_for_a_get(self):
        q = ringq.Queue(size=4 << 20)
        with self.assertRaises((queue.Full, MemoryError)):
            while True:
                q.put(bytes(100000), timeout=0.05)
        n = len(q)
        taker = threading.Timer(0.05, lambda: [q.get() for _ in range(n)])
        taker.start()
        q.put(bytes(100000), timeout=30)
        taker.join()


class Numbers(unittest.TestCase):
    def test_values(self):
        for code in 'bBhHiIlLqQ':
            v = ringq.Value(code, 5)
            self.assertEqual((v.add(3), v.value, v.add(-8), v.value), (5, 8, 8, 0))
            self.assertTrue(v.compare_exchange(0, 7))
            self.assertFalse(v.compare_exchange(0, 9))
            self.assertEqual(v.value, 7)
            with self.assertRaises(OverflowError):
                v.value = 1 << 64
        for code in 'fd':
            v = ringq.Value(code, 0.5)
            self.assertEqual(v.value, 0.5)
            self.assertRaises(TypeError, v.add, 1)
        self.assertEqual(ringq.Value('Q', 2**64 - 1).value, 2**64 - 1)

    def test_arrays(self):
        a = ringq.Array('i', [1, 2, 3])
        self.assertEqual((list(a), a[-1], len(a), a.typecode), ([1, 2, 3], 3, 3, 'i'))
        a[0] = 9
        self.assertEqual(a.add(-1, 5), 3)
        self.assertEqual(a.snapshot().tolist(), [9, 2, 8])
        a.write([7, 8, 9])
        self.assertEqual(memoryview(a).tolist(), [7, 8, 9])
        self.assertEqual(memoryview(a).format, 'i')
        for call in (lambda: a[3], lambda: a[-4], lambda: a.add(3, 1), lambda: a.compare_exchange(-4, 1, 2)):
            self.assertRaises(IndexError, call)
        self.assertRaises(ValueError, a.write, [1])

    def test_a_view_keeps_the_array(self):
        view = memoryview(ringq.Array('d', [1.5] * 10000))
        gc.collect()
        self.assertEqual(view[9999], 1.5)

    def test_add_is_atomic(self):
        v = ringq.Value('i')

        def add():
            for _ in range(20000):
                v.add(1)
        children = [os.fork() for _ in range(2)]  # in each child, the second is a grandchild's
        add()
        if 0 in children:
            if children[-1]:
                os.waitpid(children[-1], 0)
            os._exit(0)
        for child in children:
            os.waitpid(child, 0)
        self.assertEqual(v.value, 80000)

    def test_memory_is_used_again_and_is_zero(self):
        v = ringq.Value('i', 7)
        name = v.name
        del v
        w = ringq.Value('i')
        self.assertEqual((w.name, w.value), (name, 0))

    def test_memory_is_not_used_again_after_a_fork(self):
        v = ringq.Value('i', 7)
        name = v.name
        self.assertEqual(in_child(lambda: None), 0)
        del v
        import multiprocessing
        keeper = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
        keeper.start()
        self.assertNotEqual(ringq.Value('i').name, name)
        keeper.kill()
        keeper.join()

    def test_the_lock_tells_of_its_holders_death(self):
        v = ringq.Value('i')
        self.assertEqual(in_child(lambda: v.lock().acquire()), 0)
        lock = v.lock()
        self.assertTrue(lock.acquire(timeout=30))
        self.assertTrue(lock.owner_died)
        lock.release()
        with lock:
            self.assertFalse(lock.owner_died)
        self.assertRaises(AssertionError, lock.release)

    def test_the_lock_keeps_others_out(self):
        lock = ringq.Array('i', 3).lock()
        with lock, lock:
            other = []
            thread = threading.Thread(target=lambda: other.append(lock.acquire(timeout=0.02)))
            thread.start()
            thread.join()
            self.assertEqual(other, [False])


class Pipes(unittest.TestCase):
    def test_the_end_of_the_other_side(self):
        r, w = ringq.Pipe(False)
        w.send('x')
        w.close()
        self.assertEqual((r.poll(), r.recv(), r.poll()), (True, 'x', True))
        self.assertRaises(EOFError, r.recv)
        a, b = ringq.Pipe()
        b.close()
        self.assertRaises(BrokenPipeError, a.send, 1)

    def test_a_killed_child_is_an_end(self):
        r, w = ringq.Pipe(False)
        child = os.fork()
        if child == 0:
            w.send('said')
            os.kill(os.getpid(), signal.SIGKILL)
        w.close()
        self.assertEqual(r.recv(), 'said')
        self.assertRaises(EOFError, r.recv)
        os.waitpid(child, 0)

    def test_objects_and_bytes_mix_as_in_the_standard_library(self):
        a, b = ringq.Pipe()
        a.send_bytes(pickle.dumps({'x': 1}))
        self.assertEqual(b.recv(), {'x': 1})
        for each in ({'y': 2}, 5, 'text'):
            a.send(each)
            self.assertEqual(pickle.loads(b.recv_bytes()), each)

    def test_large_messages(self):
        a, b = ringq.Pipe()
        data = os.urandom(16 << 20)
        a.send_bytes(data)
        self.assertEqual(b.recv_bytes(), data)

    def test_close_beside_a_receiving_thread(self):
        a, b = ringq.Pipe()
        errors = []

        def receive():
            try:
                b.recv()
            except OSError as error:
                errors.append(str(error))
        thread = threading.Thread(target=receive)
        thread.start()
        time.sleep(0.05)
        b.close()
        thread.join(30)
        self.assertEqual(errors, ['handle is closed'])
        self.assertRaises(BrokenPipeError, a.send, 1)


class Interpreters(unittest.TestCase):
    def test_a_subinterpreter_is_told_that_it_may_not(self):
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        other = interpreters.create()
        program = 'try:\n    import ringq\nexcept ImportError:\n    pass\nelse:\n    raise SystemError("was imported")\n'
        self.assertIsNone(interpreters.run_string(other, program))
        interpreters.destroy(other)


if __name__ == '__main__':
    unittest.main()
