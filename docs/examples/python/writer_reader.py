# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Process, Queue
import os
import time
import random

# 写数据进程执行的代码
def write(q):
    for value in ['A', 'B', 'C']:
        q.put(value)
        time.sleep(random.random())

# 读数据进程代码
def read(q):
    while True:
        if not q.empty():
            value = q.get(True)
            print('get %s from queue' % value)
            time.sleep(random.random())
        else:
            break

if __name__ == '__main__':
    # 主进程用于创建队列
    q = Queue()
    # 创建一个写进程
    pw = Process(target=write, args=(q,))
    # 创建一个读进程
    pr = Process(target=read, args=(q,))

    # 启动写进程
    pw.start()
    # 等待写结束
    pw.join()

    # 启动读进程
    pr.start()
    # 等待读进程结束
    pr.join()

    print('数据读写结束')
