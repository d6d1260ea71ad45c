# SPDX-License-Identifier: MIT
"""Nothing stays behind: memory, descriptors, mappings, objects."""
import gc
import os
import unittest
import weakref

import ringq
import ringq.multiprocessing as multiprocessing

ITEMS = 100000 if os.environ.get('RINGQ_TEST_SIZE') == 'quick' else 1000000


class Fails:
    def __reduce__(self):
        raise ZeroDivisionError


def resident():
    """The process's own memory in bytes, shared memory included."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def descriptors():
    return len(os.listdir('/proc/self/fd'))


def mappings():
    with open('/proc/self/maps') as file:
        return len(file.readlines())


class Flat(unittest.TestCase):
    def assert_flat(self, step, n):
        """After a tenth of n steps, memory stays where it is."""
        for _ in range(n // 10):
            step()
        before = resident()
        for _ in range(n):
            step()
        self.assertLess(resident() - before, 2 << 20)

    def test_items(self):
        q = ringq.Queue()
        for item in 5, 2**70, 1.5, 'text', b'bytes', (1, 'a', [2]), {'k': 'v' * 50}:
            def step(item=item):
                q.put(item)
                q.get()
            self.assert_flat(step, ITEMS // 7)

    def test_large_items(self):
        q = ringq.Queue()
        for item in bytes(100000), bytearray(100000), 'x' * 100000:
            def step(item=item):
                q.put(item)
                q.get()
            self.assert_flat(step, 300)

    def test_batches(self):
        q = ringq.Queue()

        def step():
            q.put_many([1, 'a', None, [1.5]])
            q.get_many(4)
        self.assert_flat(step, ITEMS // 20)

    def test_leases(self):
        q = ringq.Queue(acknowledged=True)

        def step():
            q.put_many([[1], 'x' * 2000])
            q.lease()
            with q.lease():
                q.get()
            q.task_done()
            q.peek(2)
        self.assert_flat(step, ITEMS // 20)

    def test_failures(self):
        q = ringq.Queue(1)
        q.put(b'\0')

        def step():
            for call in (lambda: q.put_nowait(1), lambda: q.put(Fails()), lambda: q.put_many([1, Fails()]),
                         lambda: q.get_many(0), lambda: q.put(1, timeout='x')):
                try:
                    call()
                except Exception:
                    continue
                raise AssertionError('did not fail')
        self.assert_flat(step, 1000)

    def test_connections(self):
        a, b = ringq.Pipe()

        def step():
            a.send([1])
            b.recv()
            b.send_bytes(b'x' * 2000)
            a.recv_bytes()
        self.assert_flat(step, ITEMS // 20)


class Objects(unittest.TestCase):
    MAKERS = [ringq.Queue, lambda: ringq.Queue(acknowledged=True), lambda: ringq.Pipe()[0], lambda: ringq.Value('i'), lambda: ringq.Array('d', 5),
              lambda: ringq.Array('d', 100000), ringq.Region.create, multiprocessing.Queue, multiprocessing.JoinableQueue,
              multiprocessing.SimpleQueue, lambda: multiprocessing.Pipe()[1], lambda: multiprocessing.Value('i'),
              lambda: multiprocessing.Array('d', 5), lambda: multiprocessing.Value('i').get_lock()._array]

    def test_all_are_collected(self):
        for make in self.MAKERS:
            made = make()
            if isinstance(made, ringq.Queue):
                made.put([1])
                made.myself = made
                made.fileno()
            reference = weakref.ref(made)
            del made
            gc.collect()
            self.assertIsNone(reference())

    def test_their_descriptors_and_mappings_go(self):
        for make in self.MAKERS:
            for _ in range(3):
                make()
            gc.collect()
            before = descriptors(), mappings()
            for _ in range(20):
                make()
            gc.collect()
            after = descriptors(), mappings()
            self.assertLessEqual(after[0] - before[0], 2, make)
            self.assertLessEqual(after[1] - before[1], 6, make)

    def test_thousands_of_values_take_few_descriptors(self):
        before = descriptors()
        values = [multiprocessing.Value('i', i) for i in range(3000)]
        self.assertLess(descriptors() - before, 10)
        self.assertEqual(values[2999].value, 2999)

    def test_values_that_come_and_go_take_no_more_memory(self):
        for _ in range(100):
            multiprocessing.Value('d')
        before = resident()
        for _ in range(20000):
            multiprocessing.Value('d')
        self.assertLess(resident() - before, 2 << 20)


if __name__ == '__main__':
    unittest.main()
