/* SPDX-License-Identifier: MIT */
/*
 * DPDK's rte_ring in the modes that its guide names: single and multi producers and consumers; relaxed tail sync (RTS) and
 * head/tail sync (HTS), which it advises where threads may be preempted. Elements by value (rte_ring_*_elem), in memory
 * of our own, without the rest of DPDK (EAL). Batches by the burst calls.
 */
#include <rte_ring.h>

#include "peers/carry.hpp"

namespace peer_rte_ring
{

enum { DEPTH_MAX = 4096 };

template <class T, unsigned FLAGS> struct Queue {
	using Local = carry::NoLocal;
	alignas(64) unsigned char memory[sizeof(rte_ring) + (DEPTH_MAX + 1) * 2 * sizeof(T)];

	explicit Queue(size_t depth)
	{
		unsigned count = depth < 2 ? 2 : (unsigned)depth;
		ssize_t size = rte_ring_get_memsize_elem(sizeof(T), (unsigned)power_up(count + 1));

		if (size < 0 || (size_t)size > sizeof(memory) || rte_ring_init(ring(), "bench", count, FLAGS | RING_F_EXACT_SZ))
			bench_die(0, "rte_ring_init failed");
	}

	rte_ring *ring()
	{
		return reinterpret_cast<rte_ring *>(memory);
	}

	bool try_put(Local &, const T &value)
	{
		return rte_ring_enqueue_elem(ring(), const_cast<T *>(&value), sizeof(T)) == 0;
	}

	bool try_get(Local &, T &value)
	{
		return rte_ring_dequeue_elem(ring(), &value, sizeof(T)) == 0;
	}

	size_t put_some(Local &, const T *values, size_t n)
	{
		return rte_ring_enqueue_burst_elem(ring(), values, sizeof(T), (unsigned)n, NULL);
	}

	size_t get_some(Local &, T *values, size_t n)
	{
		return rte_ring_dequeue_burst_elem(ring(), values, sizeof(T), (unsigned)n, NULL);
	}
};

template <class T> using Single = Queue<T, RING_F_SP_ENQ | RING_F_SC_DEQ>;
template <class T> using Multi = Queue<T, 0>;
template <class T> using Relaxed = Queue<T, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ>;
template <class T> using HeadTail = Queue<T, RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ>;

const unsigned FLAGS = carry::BOTH | PEER_MANY;

carry::Registered single("rte_ring SP/SC", "by value, bursts for batches", FLAGS, carry::SINGLE, carry::open<Single>);
carry::Registered multi("rte_ring MP/MC", "by value, bursts for batches", FLAGS, carry::ANY, carry::open<Multi>);
carry::Registered relaxed("rte_ring RTS", "relaxed tail sync, by value", FLAGS, carry::ANY, carry::open<Relaxed>);
carry::Registered head_tail("rte_ring HTS", "head/tail sync, by value", FLAGS, carry::ANY, carry::open<HeadTail>);

} // namespace peer_rte_ring
