# SPDX-License-Identifier: MIT
"""Queues in event loops."""
import asyncio
import random
import threading
import unittest

import ringq


class Loops(unittest.IsolatedAsyncioTestCase):
    async def test_a_thousand_tasks_on_a_hundred_queues(self):
        queues = [ringq.Queue(3, size=4 << 20) for _ in range(100)]
        got = []

        async def produce(q, who):
            for i in range(20):
                await q.aput((who, i))

        async def consume(q):
            for _ in range(20):
                got.append(await q.aget())
        await asyncio.wait_for(asyncio.gather(
            *(produce(q, (n, k)) for n, q in enumerate(queues) for k in range(5)),
            *(consume(q) for q in queues for _ in range(5))), 100)
        self.assertEqual(sorted(got), sorted(((n, k), i) for n in range(100) for k in range(5) for i in range(20)))

    async def test_cancelling_loses_nothing(self):
        q = ringq.Queue()
        got = []

        async def consume():
            while True:
                got.append(await q.aget())
        consumers = [asyncio.create_task(consume()) for _ in range(10)]
        await asyncio.sleep(0)
        for i in range(500):
            q.put(i)
            if i % 10 == 0:
                victim = random.randrange(10)
                consumers[victim].cancel()
                consumers[victim] = asyncio.create_task(consume())
            if i % 7 == 0:
                await asyncio.sleep(0)
        for _ in range(2000):
            if len(got) == 500:
                break
            await asyncio.sleep(0.01)
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        self.assertEqual(got, list(range(500)))

    async def test_a_cancelled_put_has_put_nothing(self):
        q = ringq.Queue(1)
        q.put(1)
        task = asyncio.create_task(q.aput(2))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.assertEqual((q.get(), len(q)), (1, 0))

    async def test_a_put_waits_for_room_of_its_size(self):
        q = ringq.Queue(size=4 << 20)
        while True:
            try:
                q.put_nowait(bytes(100000))
            except (ringq.Full, MemoryError):
                break
        put = asyncio.create_task(q.aput(5))
        await asyncio.sleep(0.01)
        while q.get() != 5:
            await asyncio.sleep(0)
        await put

    async def test_the_wake_up_of_a_cancelled_task_goes_to_the_next(self):
        q = ringq.Queue()
        first, second = asyncio.create_task(q.aget()), asyncio.create_task(q.aget())
        await asyncio.sleep(0.01)
        q.put('for one')
        first.cancel()
        self.assertEqual(await asyncio.wait_for(second, 60), 'for one')
        with self.assertRaises(asyncio.CancelledError):
            await first

    async def test_iteration_ends_with_shutdown(self):
        q = ringq.Queue()
        threading.Timer(0.05, lambda: (q.put_many('abc'), q.shutdown())).start()
        self.assertEqual([item async for item in q], ['a', 'b', 'c'])
        with self.assertRaises(ringq.Closed):
            await q.aget()

    async def test_timeouts_of_the_loop(self):
        q = ringq.Queue()
        for _ in range(3):
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(q.aget(), 0.01)
        q.put(1)
        self.assertEqual(await asyncio.wait_for(q.aget(), 60), 1)


class TwoLoops(unittest.TestCase):
    def test_a_queue_serves_loops_one_after_another_and_at_once(self):
        q = ringq.Queue()
        for i in range(3):
            threading.Timer(0.02, q.put, [i]).start()
            self.assertEqual(asyncio.run(q.aget()), i)
        got = []
        threads = [threading.Thread(target=lambda: got.append(asyncio.run(q.aget()))) for _ in range(3)]
        for thread in threads:
            thread.start()
        q.put_many('xyz')
        for thread in threads:
            thread.join(60)
        self.assertEqual(sorted(got), ['x', 'y', 'z'])


if __name__ == '__main__':
    unittest.main()
