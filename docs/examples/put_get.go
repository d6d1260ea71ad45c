// SPDX-License-Identifier: MIT

// Put and get from Go, by the C calls: go run put_get.go, with ringq installed.
package main

// #cgo pkg-config: ringq
// #include <ringq/ringq.h>
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// A handle may be used by any number of goroutines at once. A call that waits holds a thread of the system meanwhile.
type queue struct{ handle *C.ringq_queue }

func newQueue() (q queue) {
	if r := C.ringq_queue_create(&q.handle, nil, nil); r < 0 {
		panic(fmt.Sprint("ringq_queue_create: ", r))
	}
	return q
}

func (q queue) put(record []byte) {
	var data unsafe.Pointer // an empty record has none
	if len(record) > 0 {
		data = unsafe.Pointer(&record[0])
	}
	if r := C.ringq_put(q.handle, data, C.size_t(len(record)), C.RINGQ_FOREVER); r < 0 {
		panic(fmt.Sprint("ringq_put: ", r))
	}
}

// False: closed, and all taken.
func (q queue) get(buffer []byte) ([]byte, bool) {
	n := C.ringq_get(q.handle, unsafe.Pointer(&buffer[0]), C.size_t(len(buffer)), C.RINGQ_FOREVER)
	if n < 0 {
		return nil, false
	}
	return buffer[:n], true
}

func main() {
	q := newQueue()
	defer C.ringq_queue_release(q.handle)
	go func() {
		for _, word := range []string{"one", "two", "three"} {
			q.put([]byte(word))
		}
		C.ringq_close(q.handle)
	}()

	var got []string
	buffer := make([]byte, 64)
	for record, ok := q.get(buffer); ok; record, ok = q.get(buffer) {
		got = append(got, string(record))
	}
	fmt.Println("got", strings.Join(got, ", "))
}
