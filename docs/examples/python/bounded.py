# SPDX-License-Identifier: MIT
# coding:utf-8
from ringq.multiprocessing import Queue

q = Queue(3) # 初始化一个Queue对象，这个对象最多可以put三条信息
# 查看队列是不是空的
print(q.empty()) # True
q.put('消息1')
q.put('消息2')
# 判断队列中的信息是否达到了最大的容量
print(q.full()) # False
q.put('消息3')
print(q.full()) # True

# 判断队列中存储的消息的数量
print(q.qsize()) # 3
# 取出一个数据
print(q.get()) # 消息1
print(q.qsize()) # 2

# 如果消息的队列已经满了，当我们再次向其中put内容的时候，会报错
