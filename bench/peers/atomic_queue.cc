/* SPDX-License-Identifier: MIT */
/*
 * Maxim Egorushkin's atomic_queue: fixed arrays, as they are inside the object and so work in shared memory. AtomicQueue2
 * carries records by value, AtomicQueue the numbers of blocks, where the value itself tells whether the place is taken,
 * which its README calls the fastest. Options are the defaults, which are its fastest, but for TOTAL_ORDER, as ringq keeps
 * order too. Even so, two producers that wait for one place, a lap apart, may swap, and then a producer's own records come
 * out of order, which happens with more threads than cores: that is counted. One to one has SPSC set.
 */
#include <atomic_queue/atomic_queue.h>

#include "peers/carry.hpp"

namespace peer_atomic_queue
{

enum : unsigned { DEPTH = 4096 };

template <class T, bool SPSC> struct Array {
	using Of = atomic_queue::AtomicQueue2<T, DEPTH, true, true, true, SPSC>;
};

template <bool SPSC> struct Array<uint32_t, SPSC> {
	using Of = atomic_queue::AtomicQueue<uint32_t, DEPTH, UINT32_MAX, true, true, true, SPSC>;
};

template <class T, bool SPSC> struct Queue {
	using Local = carry::NoLocal;
	typename Array<T, SPSC>::Of queue;

	explicit Queue(size_t)
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.try_push(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.try_pop(value);
	}
};

template <class T> using Many = Queue<T, false>;
template <class T> using One = Queue<T, true>;

carry::Registered many("atomic_queue", "`AtomicQueue2` by value, `AtomicQueue` for block numbers", carry::BOTH | PEER_SWAPS,
	carry::ANY, carry::open<Many>);
carry::Registered one("atomic_queue SPSC", "the same with `SPSC`", carry::BOTH, carry::SINGLE, carry::open<One>);

} // namespace peer_atomic_queue
