# SPDX-License-Identifier: MIT
from ringq.multiprocessing import Process, Value, Array

def modify_shared_data(val, arr):
    val.value = 5
    for i in range(len(arr)):
        arr[i] = arr[i] * 2

if __name__ == "__main__":
    shared_val = Value('i', 0)  # 정수형 공유 변수
    shared_arr = Array('d', [1.0, 2.0, 3.0, 4.0])  # 배열형 공유 변수
    p = Process(target=modify_shared_data, args=(shared_val, shared_arr))
    p.start()
    p.join()
    print(shared_val.value)
    print(shared_arr[:])
