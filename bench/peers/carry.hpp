/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_CARRY_HPP
#define BENCH_PEERS_CARRY_HPP

#include <cstdint>
#include <cstring>
#include <new>

#include <sched.h>

#include "harness/peer.h"

/*
 * How queues of fixed-size elements carry records. Records of 8 and 56 bytes go by value, as an element of that size.
 * Larger ones lie in a pool of as many blocks as the queue is deep: the queue carries the number of a block, and a second
 * queue of the same kind brings the free ones back, so that each record is copied once in and once out, as with ringq.
 *
 * A queue is a class template over its element, with
 *   Queue(size_t depth)
 *   struct Local { Local(Queue &, bool producer); }    what an end has of it, such as a token
 *   bool try_put(Local &, const T &), bool try_get(Local &, T &)
 * and, if it knows batches, which must be all that are there up to n and may be none,
 *   size_t put_some(Local &, const T *, size_t n), size_t get_some(Local &, T *, size_t n)
 *
 * Each adapter has a namespace of its own with a name: what is made here from an alias template in an unnamed one has
 * external linkage, and the linker would take two of the same name for one.
 */
namespace carry
{

template <size_t N> struct Value {
	alignas(8) unsigned char bytes[N];
};

/* For queues whose ends have nothing of their own. */
struct NoLocal {
	template <class Queue> NoLocal(Queue &, bool)
	{
	}
};

template <class Q> concept Batches = requires(Q q) { &Q::put_some; };

template <template <class> class Queue, size_t N> struct ByValue {
	using T = Value<N>;
	using Q = Queue<T>;
	using Local = typename Q::Local;

	static int put(end *end, const void *record, size_t)
	{
		T value;

		memcpy(&value, record, N);
		return queue(end).try_put(local(end), value);
	}

	static int get(end *end, void *record, size_t)
	{
		T value;

		if (!queue(end).try_get(local(end), value))
			return 0;
		memcpy(record, &value, N);
		return 1;
	}

	/* Records of a batch lie one behind the other, as elements do. */
	static int put_many(end *end, const void *records, size_t, unsigned n)
	{
		return (int)queue(end).put_some(local(end), static_cast<const T *>(records), n);
	}

	static int get_many(end *end, void *records, size_t, unsigned n)
	{
		return (int)queue(end).get_some(local(end), static_cast<T *>(records), n);
	}

	static void join(end *end)
	{
		end->local = new Local(queue(end), end->producer);
	}

	static void leave(end *end)
	{
		delete static_cast<Local *>(end->local);
	}

	static void open(channel *c)
	{
		c->state = new (channel_memory(c, sizeof(Q))) Q(c->options.depth);
		c->ops.try_put = put;
		c->ops.try_get = get;
		c->ops.join = join;
		c->ops.leave = leave;
		if constexpr (Batches<Q>) {
			c->ops.put_many = put_many;
			c->ops.get_many = get_many;
		}
	}

private:
	static Q &queue(end *end)
	{
		return *static_cast<Q *>(end->state);
	}

	static Local &local(end *end)
	{
		return *static_cast<Local *>(end->local);
	}
};

template <template <class> class Queue> struct ByPool {
	using Q = Queue<uint32_t>;
	using Local = typename Q::Local;

	struct State {
		Q used, free;
		char *blocks;

		explicit State(size_t depth) : used(depth), free(depth), blocks(nullptr)
		{
		}
	};

	struct Locals {
		Local used, free;

		Locals(State &state, bool producer) : used(state.used, producer), free(state.free, !producer)
		{
		}
	};

	/* There is room for all blocks in either queue, if not always at once. */
	static void must_put(Q &queue, Local &local, uint32_t block)
	{
		while (!queue.try_put(local, block))
			sched_yield();
	}

	static int put(end *end, const void *record, size_t len)
	{
		State *state = static_cast<State *>(end->state);
		Locals *locals = static_cast<Locals *>(end->local);
		uint32_t block;

		if (!state->free.try_get(locals->free, block))
			return 0;
		memcpy(state->blocks + block * len, record, len);
		must_put(state->used, locals->used, block);
		return 1;
	}

	static int get(end *end, void *record, size_t len)
	{
		State *state = static_cast<State *>(end->state);
		Locals *locals = static_cast<Locals *>(end->local);
		uint32_t block;

		if (!state->used.try_get(locals->used, block))
			return 0;
		memcpy(record, state->blocks + block * len, len);
		must_put(state->free, locals->free, block);
		return 1;
	}

	static void join(end *end)
	{
		end->local = new Locals(*static_cast<State *>(end->state), end->producer);
	}

	static void leave(end *end)
	{
		delete static_cast<Locals *>(end->local);
	}

	static void open(channel *c)
	{
		size_t n = c->options.depth;
		State *state = new (channel_memory(c, sizeof(State))) State(n);
		Local filler(state->free, true);

		state->blocks = static_cast<char *>(channel_memory(c, n * c->options.len));
		for (size_t i = 0; i < n; i++)
			must_put(state->free, filler, (uint32_t)i);
		c->state = state;
		c->ops.try_put = put;
		c->ops.try_get = get;
		c->ops.join = join;
		c->ops.leave = leave;
	}
};

template <template <class> class Queue> void open(channel *c)
{
	if (c->options.len == 8)
		ByValue<Queue, 8>::open(c);
	else if (c->options.len == 56)
		ByValue<Queue, 56>::open(c);
	else
		ByPool<Queue>::open(c);
}

/* A peer to register before main(). */
struct Registered : peer {
	Registered(const char *name, const char *mode, unsigned flags, unsigned parties, void (*open)(channel *)) : peer{}
	{
		this->name = name;
		this->mode = mode;
		this->flags = flags;
		this->max_producers = parties;
		this->max_consumers = parties;
		this->open = open;
		peer_add(this);
	}
};

const unsigned THREADS = PEER_THREADS | PEER_TRIES;
const unsigned BOTH = THREADS | PEER_PROCESSES;

/* Number of producers, and of consumers. */
const unsigned ANY = 0;
const unsigned SINGLE = 1;

} // namespace carry

#endif
