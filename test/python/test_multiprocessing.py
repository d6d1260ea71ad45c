# SPDX-License-Identifier: MIT
"""ringq.multiprocessing, where it does more than the standard library's or does it otherwise; by all start methods."""
import multiprocessing as std
import os
import queue
import signal
import subprocess
import sys
import time
import unittest

import ringq
import ringq.multiprocessing as multiprocessing
import ringq.multiprocessing.connection

METHODS = 'fork', 'spawn', 'forkserver'


def echo(inbox, outbox):
    for item in iter(inbox.get, None):
        outbox.put(item)


def put_on(q, item):
    q.put(item)
    return len(q)


def fill(q, n):
    for i in range(n):
        q.put(i)


def change(value, array, raw):
    with value.get_lock():
        value.value += 1
    value.add(10)
    array[0] = 5
    raw.value = 7


def use_ringq(q, value, array, pipe):
    value.add(q.get())
    array[1] = 2.5
    pipe.send(os.getpid())


def die_with(lock):
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def answer(connection):
    connection.send(connection.recv())


def consume_some(q, n):
    for _ in range(n):
        q.get()
        q.task_done()


class EachMethod(unittest.TestCase):
    """For each start method."""

    def run(self, result=None):
        for self.method in METHODS:
            self.context = multiprocessing.get_context(self.method)
            super().run(result)
        return result

    def start(self, *args):
        process = self.context.Process(target=args[0], args=args[1:])
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process

    def test_queues_as_arguments_and_in_queues(self):
        outer = self.context.Queue()
        self.start(echo, outer, (back := self.context.SimpleQueue()))
        inner = self.context.JoinableQueue(5)
        inner.put('inside')
        outer.put(inner)
        got = back.get()
        self.assertEqual(got.get(), 'inside')
        inner.put('again')
        self.assertEqual(got.get(timeout=60), 'again')
        outer.put(None)

    def test_connections_in_queues(self):
        outer = self.context.Queue()
        self.start(echo, outer, (back := self.context.SimpleQueue()))
        r, w = self.context.Pipe(False)
        outer.put(r)
        r.close()
        got = back.get()
        w.send('through')
        w.close()
        self.assertEqual(got.recv(), 'through')
        self.assertRaises(EOFError, got.recv)
        outer.put(None)

    def test_a_queue_that_the_parent_drops_lives_in_the_child(self):
        back = self.context.SimpleQueue()
        self.start(echo, self.filled(), back)
        self.assertEqual([back.get() for _ in range(3)], [0, 1, 2])

    def filled(self):
        q = self.context.Queue()
        q.put_many([0, 1, 2, None])
        return q

    def test_a_pool_takes_queues(self):
        with self.context.Pool(2) as pool:
            q = self.context.Queue()
            pool.map(put_many, [(q, i) for i in range(10)])
            self.assertEqual(sorted(q.get() for _ in range(10)), list(range(10)))
            manager = self.context.Manager()
            other = manager.Queue()
            self.assertEqual(pool.apply(put_on, (other, 'x')), 1)
            self.assertEqual(other.get(), 'x')
            native = ringq.Queue()
            self.assertEqual(pool.apply(put_on, (native, 'y')), 1)
            self.assertEqual(native.get(), 'y')

    def test_values_and_arrays(self):
        value, array, raw = self.context.Value('i', 1), self.context.Array('d', 3), self.context.RawValue('h')
        process = self.start(change, value, array, raw)
        process.join()
        self.assertEqual((value.value, array[:], raw.value), (12, [5.0, 0.0, 0.0], 7))

    def test_ringqs_own_as_arguments(self):
        q, value, array, (r, w) = ringq.Queue(), ringq.Value('q', 1), ringq.Array('d', 2), ringq.Pipe(False)
        q.put(41)
        process = self.start(use_ringq, q, value, array, w)
        w.close()
        self.assertEqual((r.recv(), value.value, list(array)), (process.pid, 42, [0.0, 2.5]))
        self.assertRaises(EOFError, r.recv)

    def test_a_killed_holder_frees_the_lock(self):
        value = self.context.Value('i')
        process = self.start(die_with, value.get_lock())
        process.join()
        with value.get_lock():
            self.assertTrue(value.get_lock().owner_died)

    def test_thousands_unread_at_exit(self):
        q = self.context.Queue()
        process = self.start(fill, q, 20000)
        process.join(100)
        self.assertEqual((process.exitcode, q.qsize()), (0, 20000))

    def test_join_waits_for_all_that_was_put(self):
        q = self.context.JoinableQueue()
        q.put_many(range(100))
        processes = [self.start(consume_some, q, 50) for _ in range(2)]
        q.join()
        self.assertTrue(q.empty())
        self.assertRaises(ValueError, q.task_done)
        for process in processes:
            process.join()

    def test_wait_for_connections_queues_and_processes(self):
        wait = multiprocessing.connection.wait
        r, w = self.context.Pipe(False)
        q = self.context.Queue()
        self.assertEqual(wait([r, q], 0.05), [])
        process = self.start(put_on, q, 1)
        self.assertEqual(wait([r, q], 100), [q])
        w.send(1)
        self.assertEqual(wait([r, q], 100), [r, q])
        q.get()
        r.recv()
        self.assertEqual(wait([r, q, process.sentinel], 100), [process.sentinel])
        w.close()
        self.assertEqual(wait([q, r]), [r])

    def test_executors(self):
        import concurrent.futures
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=self.context) as executor:
            q = self.context.Queue()
            self.assertEqual(sorted(executor.map(put_one, [q] * 3, [5, 6, 7])), [5, 6, 7])
            self.assertEqual(sorted(q.get() for _ in range(3)), [5, 6, 7])


def put_many(pair):
    pair[0].put(pair[1])


def put_one(q, item):
    q.put(item)
    return item


class Names(unittest.TestCase):
    def test_all_public_names_are_there(self):
        self.assertEqual(set(multiprocessing.__all__), set(std.__all__))
        for name in std.__all__:
            self.assertTrue(hasattr(multiprocessing, name), name)
        for name in ('connection', 'context', 'managers', 'queues', 'sharedctypes', 'pool', 'shared_memory', 'synchronize'):
            ours, theirs = (__import__(f'{package}.{name}', fromlist=['x']) for package in
                            ('ringq.multiprocessing', 'multiprocessing'))
            for each in dir(theirs):
                self.assertTrue(hasattr(ours, each), f'{name}.{each}')

    def test_the_start_method_is_the_standard_librarys(self):
        self.assertEqual(multiprocessing.get_start_method(), std.get_start_method())
        self.assertIs(multiprocessing.Process, std.Process)
        self.assertRaises(ValueError, multiprocessing.get_context, 'nonsense')

    def test_managers_start_no_process_for_queues(self):
        manager = multiprocessing.Manager()
        q = manager.Queue(2)
        q.put(1)
        self.assertEqual((q.get(), multiprocessing.active_children()), (1, []))
        shared = manager.dict(a=1)
        self.assertEqual(shared['a'], 1)
        manager.shutdown()

    def test_queue_subclasses(self):
        class Mine(multiprocessing.queues.Queue):
            def __init__(self, maxsize=0):
                super().__init__(maxsize, ctx=multiprocessing.get_context())

            def put(self, obj, block=True, timeout=None):
                super().put(('mine', obj), block, timeout)
        q = Mine(1)
        q.put(1)
        self.assertEqual((q.get(), multiprocessing.queues.Queue[int].__origin__), (('mine', 1), multiprocessing.queues.Queue))

    def test_maxsize(self):
        for bad, error in ((1 << 31, OverflowError), (1.5, TypeError), (None, TypeError), ('3', TypeError)):
            self.assertRaises(error, multiprocessing.Queue, bad)
        self.assertRaises(TypeError, multiprocessing.SimpleQueue, 1)
        self.assertEqual(multiprocessing.Queue(-1).stat()['max_records'], 0)

    def test_simple_queue(self):
        q = multiprocessing.SimpleQueue()
        q.put([1])
        self.assertEqual((q.empty(), q.get(), q.empty()), (False, [1], True))
        for name in 'qsize', 'full', 'get_nowait', 'put_nowait', 'join_thread', 'peek', 'stat', 'delete':
            self.assertFalse(hasattr(q, name), name)
        q.close()
        q.close()
        for call in (q.get, q.empty, lambda: q.put(1)):
            with self.assertRaisesRegex(OSError, 'is closed'):
                call()

    def test_close_and_join_thread(self):
        q = multiprocessing.Queue()
        self.assertRaises(AssertionError, q.join_thread)
        q.cancel_join_thread()
        q.put(1)
        q.close()
        q.join_thread()
        self.assertRaises(OSError, q.empty)
        unused = multiprocessing.Queue()
        unused.close()
        self.assertTrue(unused.empty())

    def test_too_many_task_done(self):
        q = multiprocessing.JoinableQueue()
        q.join()
        q.put(1)
        q.get()
        q.task_done()
        self.assertRaises(ValueError, q.task_done)
        q.join()

    def test_shared_ctypes(self):
        import ctypes

        class Pair(ctypes.Structure):
            _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_double)]
        pair = multiprocessing.Value(Pair, 3, 2.5)
        pair.x += 1
        self.assertEqual((pair.x, pair.y), (4, 2.5))
        self.assertEqual(multiprocessing.Value('i', 2**31).value, -2**31)
        self.assertEqual(multiprocessing.Array('c', b'hello').value, b'hello')
        self.assertEqual(multiprocessing.Array('u', 'text')[:], 'text')
        self.assertEqual(len(multiprocessing.Array('i', 0)), 0)
        self.assertEqual(multiprocessing.Array('i', range(3))[:], [0, 1, 2])
        self.assertRaises(TypeError, multiprocessing.Value, 'i', lock=True, bad=1)
        self.assertRaises(ValueError, multiprocessing.Array, 'i', -1)
        self.assertRaises(AttributeError, lambda: multiprocessing.Value('i', lock='navalue'))
        own = std.RLock()
        self.assertIs(multiprocessing.Value('i', lock=own).get_lock(), own)
        big = multiprocessing.Array('i', 1 << 20)
        big[-1] = 9
        self.assertEqual(memoryview(big.get_obj()).nbytes, 4 << 20)

    def test_logging_handlers(self):
        import logging
        import logging.handlers
        q = multiprocessing.Queue()
        logger = logging.Logger('x')
        logger.addHandler(logging.handlers.QueueHandler(q))
        logger.warning('said %d', 5)
        self.assertEqual(q.get(timeout=60).getMessage(), 'said 5')

    def test_no_thread_and_no_warning_at_fork(self):
        program = ('import os, threading, ringq.multiprocessing as multiprocessing\n'
                   'q, (r, w), v = multiprocessing.Queue(), multiprocessing.Pipe(), multiprocessing.Value("i")\n'
                   'q.put([1]); q.get(); w.send(1); r.recv(); r.poll(0.01); v.value += 1\n'
                   'assert len(os.listdir("/proc/self/task")) == 1\n'
                   'p = multiprocessing.get_context("fork").Process(target=q.put, args=(5,)); p.start(); p.join()\n'
                   'assert q.get() == 5\n')
        done = subprocess.run([sys.executable, '-W', 'error', '-X', 'dev', '-c', program], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))


if __name__ == '__main__':
    unittest.main()
