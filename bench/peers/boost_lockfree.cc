/* SPDX-License-Identifier: MIT */
/*
 * Boost.Lockfree: queue and spsc_queue, both with a capacity known when compiled, which makes nodes an array and, for
 * spsc_queue, the object fit for shared memory. queue links nodes by tagged indices: bounded_push takes no memory.
 */
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include "peers/carry.hpp"

namespace peer_boost_lockfree
{

enum { DEPTH = 4096 };

template <class T> struct Many {
	using Local = carry::NoLocal;
	boost::lockfree::queue<T, boost::lockfree::capacity<DEPTH>> queue;

	explicit Many(size_t)
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.bounded_push(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.pop(value);
	}
};

template <class T> struct One {
	using Local = carry::NoLocal;
	boost::lockfree::spsc_queue<T, boost::lockfree::capacity<DEPTH>> queue;

	explicit One(size_t)
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.push(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.pop(value);
	}

	size_t put_some(Local &, const T *values, size_t n)
	{
		return queue.push(values, n);
	}

	size_t get_some(Local &, T *values, size_t n)
	{
		return queue.pop(values, n);
	}
};

carry::Registered many("Boost.Lockfree queue", "fixed capacity, `bounded_push`, `pop`", carry::THREADS, carry::ANY,
	carry::open<Many>);
carry::Registered one("Boost.Lockfree spsc_queue", "fixed capacity; ranges for batches", carry::BOTH | PEER_MANY,
	carry::SINGLE, carry::open<One>);

} // namespace peer_boost_lockfree
