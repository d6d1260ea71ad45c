/* SPDX-License-Identifier: MIT */
/*
 * Manuel Pöter's xenium: vyukov_bounded_queue, with the weak tries that its docs call the fast ones: they may fail while
 * another is in the middle, which the harness takes as full or empty, and tries again.
 */
#include <bit>

#include <xenium/vyukov_bounded_queue.hpp>

#include "peers/carry.hpp"

namespace peer_xenium
{

template <class T> struct Vyukov {
	using Local = carry::NoLocal;
	xenium::vyukov_bounded_queue<T> queue;

	explicit Vyukov(size_t depth) : queue(std::bit_ceil(depth < 2 ? size_t{2} : depth))
	{
	}

	bool try_put(Local &, const T &value)
	{
		return queue.try_push_weak(value);
	}

	bool try_get(Local &, T &value)
	{
		return queue.try_pop_weak(value);
	}
};

carry::Registered vyukov("xenium vyukov_bounded_queue", "`try_push_weak`, `try_pop_weak`", carry::THREADS | PEER_BACKLOG,
	carry::ANY, carry::open<Vyukov>);

} // namespace peer_xenium
