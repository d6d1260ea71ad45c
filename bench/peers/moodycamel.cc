/* SPDX-License-Identifier: MIT */
/*
 * Cameron Desrochers' ConcurrentQueue: tokens for each end and bulk calls for batches, as its README advises for speed.
 * It has no bound of its own that would not starve producers, so a producer looks, every 64 records, whether about as many
 * are in the queue as others may have, and says full if so. Blocking is its own class, which waits on a semaphore.
 */
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>

#include "peers/carry.hpp"

namespace peer_moodycamel
{

template <class T, class Base> struct Queue {
	struct Local {
		moodycamel::ProducerToken producer;
		moodycamel::ConsumerToken consumer;
		size_t left; /* records until the next look */

		Local(Queue &queue, bool) : producer(queue.queue), consumer(queue.queue), left(LOOK)
		{
		}
	};

	enum { LOOK = 64 };
	Base queue;
	size_t depth;

	explicit Queue(size_t depth) : queue(depth), depth(depth)
	{
	}

	bool has_room(Local &local, size_t n)
	{
		if (local.left < n) {
			if (queue.size_approx() + n > depth)
				return false;
			local.left = LOOK;
		}
		local.left -= n < local.left ? n : local.left;
		return true;
	}

	bool try_put(Local &local, const T &value)
	{
		return has_room(local, 1) && queue.enqueue(local.producer, value);
	}

	bool try_get(Local &local, T &value)
	{
		return queue.try_dequeue(local.consumer, value);
	}

	size_t put_some(Local &local, const T *values, size_t n)
	{
		return has_room(local, n) && queue.enqueue_bulk(local.producer, values, n) ? n : 0;
	}

	size_t get_some(Local &local, T *values, size_t n)
	{
		return queue.try_dequeue_bulk(local.consumer, values, n);
	}
};

template <class T> using Plain = Queue<T, moodycamel::ConcurrentQueue<T>>;
template <class T> using Blocking = Queue<T, moodycamel::BlockingConcurrentQueue<T>>;

/* Waits for records; a producer that finds it full backs off, as there is nothing to wait on. */
template <size_t N> int get_asleep(end *end, void *record, size_t)
{
	using Q = Blocking<carry::Value<N>>;
	Q *queue = static_cast<Q *>(end->state);
	typename Q::Local *local = static_cast<typename Q::Local *>(end->local);
	carry::Value<N> value;

	if (!queue->queue.wait_dequeue_timed(local->consumer, value, (int64_t)PEER_PATIENCE_MS * 1000))
		return 0;
	memcpy(record, &value, N);
	return 1;
}

void open_blocking(channel *c)
{
	carry::open<Blocking>(c);
	c->ops.get = c->options.len == 8 ? get_asleep<8> : get_asleep<56>;
}

carry::Registered plain("moodycamel", "`ConcurrentQueue`, tokens, bulk calls for batches",
	carry::THREADS | PEER_MANY | PEER_BACKLOG, carry::ANY, carry::open<Plain>);

struct Sleeping : carry::Registered {
	Sleeping() :
		Registered("moodycamel blocking", "`BlockingConcurrentQueue`, tokens", carry::THREADS | PEER_SLEEPS, carry::ANY,
			open_blocking)
	{
		max_len = 56;
	}
} blocking;

} // namespace peer_moodycamel
