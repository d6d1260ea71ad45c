# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Manager, Pool
import os
import time
import random

def reader(q):
    print("reader启动(%s)，父进程为(%s)" % (os.getpid(), os.getppid()))
    for i in range(q.qsize()):
        print('ge data from queue:\t%s' % q.get(True))

def writer(q):
    print("reader启动(%s)，父进程为(%s)" % (os.getpid(), os.getppid()))
    for v in ['A', 'B', 'C']:
        q.put(v)

if __name__ == '__main__':
    print('(%s) start' % os.getpid())
    q = Manager().Queue() # 创建一个队列
    pool = Pool() # 创建一个进程池

    # 使用阻塞的方式创建进程，其主要作用就是我们不需要在reader中再次进行死循环了，可以保证在wriiter完全执行成功后再执行reader
    pool.apply(writer, (q,))
    pool.apply(reader, (q,))

    pool.close()
    pool.join()

    print('(%s) end' % os.getpid())
