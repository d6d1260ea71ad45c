# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Queue,Process,current_process
import time

#列表的测试
def func_get(q):
    p = current_process()
    print('我是子进程:',p.name)
    for var in range(10):
        #time.sleep(1)
        ret = q.get(block=False) #非阻塞 取不到数据 直接抛出异常queue.Empty异常
        #q.get(block=False) q.get_nowait()
        print('我取到了:',ret)
        print('***************')

#多进程下，进程的顺序是无法控制的
def func_put(q):
    p = current_process()
    print('我是子进程:',p.name)
    for var in range(10):
        #time.sleep(1)
        q.put_nowait(var)
        print('我放进去了:',var)
        print('---------------')
#在非阻塞模型下，有先后顺序！
    #1:func_get
    #2:func_put
def main():
    q = Queue()
    p_get = Process(target=func_get,name='拿取进程',args=(q,))
    p_put = Process(target=func_put,name='存放进程',args=(q,))
    #开启子进程
    #CPU执行的顺序 不是你开启进程的顺序
    p_put.start()
    #time.sleep(1)
    p_get.start() #反而在取的时候被CPU首先执行

    #回收子进程
    p_get.join()
    p_put.join()

    q.put(1)
    q.put(1)
    q.put(1)
    print(q)
    #<multiprocessing.queues.Queue object at 0x7f1388bdb4a8>
        #这个共享队列无法直接看到里面的内容
    q.close()
if __name__ == '__main__':
    main()
