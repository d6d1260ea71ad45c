# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Process, Queue

def worker(q):
    data = q.get()
    print(f"Received data: {data}")

if __name__ == "__main__":
    q = Queue()
    p = Process(target=worker, args=(q,))
    p.start()
    q.put("Hello, worker!")
    p.join()
