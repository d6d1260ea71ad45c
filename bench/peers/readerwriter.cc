/* SPDX-License-Identifier: MIT */
/*
 * Cameron Desrochers' ReaderWriterQueue, one to one: try_enqueue within the memory that it was made with. And the same
 * author's BlockingReaderWriterCircularBuffer, which he advises for bounded use where the ends sleep.
 */
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include "peers/carry.hpp"

namespace peer_readerwriter
{

template <class T> struct Plain {
	using Local = carry::NoLocal;
	moodycamel::ReaderWriterQueue<T> queue;

	explicit Plain(size_t depth) : queue(depth)
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.try_enqueue(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.try_dequeue(value);
	}
};

template <class T> struct Ring {
	using Local = carry::NoLocal;
	moodycamel::BlockingReaderWriterCircularBuffer<T> queue;

	explicit Ring(size_t depth) : queue(depth)
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.try_enqueue(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.try_dequeue(value);
	}
};

const int64_t PATIENCE_US = (int64_t)PEER_PATIENCE_MS * 1000;

template <size_t N> int put_asleep(end *end, const void *record, size_t)
{
	carry::Value<N> value;

	memcpy(&value, record, N);
	return static_cast<Ring<carry::Value<N>> *>(end->state)->queue.wait_enqueue_timed(value, PATIENCE_US);
}

template <size_t N> int get_asleep(end *end, void *record, size_t)
{
	carry::Value<N> value;

	if (!static_cast<Ring<carry::Value<N>> *>(end->state)->queue.wait_dequeue_timed(value, PATIENCE_US))
		return 0;
	memcpy(record, &value, N);
	return 1;
}

void open_blocking(channel *c)
{
	carry::open<Ring>(c);
	c->ops.put = c->options.len == 8 ? put_asleep<8> : put_asleep<56>;
	c->ops.get = c->options.len == 8 ? get_asleep<8> : get_asleep<56>;
}

carry::Registered plain("ReaderWriterQueue", "`try_enqueue`, `try_dequeue`", carry::THREADS | PEER_BACKLOG, carry::SINGLE,
	carry::open<Plain>);

struct Sleeping : carry::Registered {
	Sleeping() :
		Registered("ReaderWriterQueue blocking", "`BlockingReaderWriterCircularBuffer`",
			carry::THREADS | PEER_SLEEPS | PEER_FIFO, carry::SINGLE, open_blocking)
	{
		max_len = 56;
	}
} blocking;

} // namespace peer_readerwriter
