# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Queue,Process,current_process
#取的时候会不会是一个顺序的
def func_get(q):
    p = current_process()
    for var in range(50000):
        ret = q.get()
        print('%s取到了:%s',(p.name,ret))

def main():
    q = Queue()
    for var in range(150000):
        q.put(var)
    #q = [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14]
    p1 = Process(target=func_get,name='p1',args=(q,)) #0,1,2,3,4
    p2 = Process(target=func_get,name='p2',args=(q,)) #5,6,7,8,9
    p3 = Process(target=func_get,name='p3',args=(q,))
    p1.start()
    p2.start()
    p3.start()
    p1.join()
    p2.join()
    p3.join()
# 单核： 涉及不到CPU切换
if __name__ == '__main__':
    main()
