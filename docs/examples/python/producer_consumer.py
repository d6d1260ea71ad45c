# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Process, Queue

def producer(queue):
    for i in range(5):
        print(f"Producing: {i}")
        queue.put(i)

def consumer(queue):
    while not queue.empty():
        item = queue.get()
        print(f"Consuming: {item}")

if __name__ == "__main__":
    q = Queue()

    # 프로듀서와 컨슈머 프로세스 생성
    p1 = Process(target=producer, args=(q,))
    p2 = Process(target=consumer, args=(q,))

    # 프로세스 시작
    p1.start()
    p1.join()  # 프로듀서가 작업을 완료한 뒤 컨슈머가 실행되도록

    p2.start()
    p2.join()
