# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Queue,Process,current_process
import time
#一个生产，一个取
#列表的测试
def func_get(q):
    p = current_process()
    print('我是子进程:',p.name)
    for var in range(10):
        #time.sleep(1)
        ret = q.get()
        print('我取到了:',ret)
        print('***************')

#多进程下，进程的顺序是无法控制的
def func_put(q):
    p = current_process()
    print('我是子进程:',p.name)
    for var in range(10):
        time.sleep(0)
        q.put(var)
        print('我放进去了:',var)
        print('---------------')

def main():
    q = Queue()
    p_get = Process(target=func_get,name='拿取进程',args=(q,))
    p_put = Process(target=func_put,name='存放进程',args=(q,))
    #开启子进程
    p_get.start() #先取
    p_put.start() #后放
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
