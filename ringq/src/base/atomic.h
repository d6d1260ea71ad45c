/* SPDX-License-Identifier: MIT */
#ifndef RQ_ATOMIC_H
#define RQ_ATOMIC_H

/*
 * The only atomics. Orders stand on the operations; the one fence pairs with itself, the light barrier with membarrier.
 *
 * Shared memory is accessed by several processes, so every object here must be lock-free at any address: asserted below.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/late.h"

typedef _Atomic uint64_t rq_u64;
typedef _Atomic uint32_t rq_u32;
typedef _Atomic uint16_t rq_u16; /* elements of arrays only */
typedef _Atomic uint8_t rq_u8;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_SHORT_LOCK_FREE == 2 &&
		       ATOMIC_CHAR_LOCK_FREE == 2,
	"shared words must be lock-free");
_Static_assert(sizeof(rq_u64) == 8 && sizeof(rq_u32) == 4, "shared words must have no hidden lock");

#define rq_load(p) atomic_load_explicit((p), memory_order_relaxed)
#define rq_load_acquire(p) (rq_late(), atomic_load_explicit((p), memory_order_acquire))
/* A plain word of shared memory: read just once, whatever the compiler would like. */
#define rq_load_once(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define rq_store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define rq_store_release(p, v) (rq_late(), atomic_store_explicit((p), (v), memory_order_release))
#define rq_swap(p, v) (rq_late(), atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define rq_add(p, v) (rq_late(), atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))

/* Acquire and release when it succeeds; acquire when it fails, so that the caller may follow what it found. */
#define rq_cas(p, expected, desired)                         \
	(rq_late(), atomic_compare_exchange_strong_explicit( \
			    (p), (expected), (desired), memory_order_acq_rel, memory_order_acquire))

/* A CAS that takes part in the one order of all rq_fence(): for announcements that two sides must not both miss. */
#define rq_cas_full(p, expected, desired)                    \
	(rq_late(), atomic_compare_exchange_strong_explicit( \
			    (p), (expected), (desired), memory_order_seq_cst, memory_order_seq_cst))

/*
 * A CAS of two words that lie side by side, 16-byte aligned: both, or none. Acquire and release when it succeeds. It may
 * fail where both are as expected, on AArch64, if somebody else changes one of them to what it was. Loads and a CAS of
 * one of the two are coherent with it.
 */
#if defined(__x86_64__)
#define RQ_HAVE_PAIR 1
static inline __attribute__((always_inline)) bool rq_cas_two(
	rq_u64 *at, uint64_t e0, uint64_t e1, uint64_t d0, uint64_t d1)
{
	struct rq_two {
		rq_u64 words[2];
	} *two = (struct rq_two *)at;
	bool done;
	rq_late();
	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*two), "+a"(e0), "+d"(e1)
			 : "b"(d0), "c"(d1)
			 : "memory");
	return done;
}
#elif defined(__aarch64__)
#define RQ_HAVE_PAIR 1
static inline __attribute__((always_inline)) bool rq_cas_two(
	rq_u64 *at, uint64_t e0, uint64_t e1, uint64_t d0, uint64_t d1)
{
	struct rq_two {
		rq_u64 words[2];
	} *two = (struct rq_two *)at;
	uint64_t w0, w1;
	uint32_t failed;
	rq_late();
	__asm__ volatile("1:	ldaxp	%0, %1, %3\n"
			 "	cmp	%0, %4\n"
			 "	ccmp	%1, %5, #0, eq\n"
			 "	b.ne	2f\n"
			 "	stlxp	%w2, %6, %7, %3\n"
			 "	cbnz	%w2, 1b\n"
			 "	b	3f\n"
			 "2:	clrex\n"
			 "3:"
			 : "=&r"(w0), "=&r"(w1), "=&r"(failed), "+Q"(*two)
			 : "r"(e0), "r"(e1), "r"(d0), "r"(d1)
			 : "cc", "memory");
	return w0 == e0 && w1 == e1;
}
#else
#define RQ_HAVE_PAIR 0
static inline bool rq_cas_two(rq_u64 *at, uint64_t e0, uint64_t e1, uint64_t d0, uint64_t d1)
{
	(void)at, (void)e0, (void)e1, (void)d0, (void)d1;
	return false;
}
#endif

static inline void rq_fence(void)
{
	rq_late();
	atomic_thread_fence(memory_order_seq_cst);
}

/* The same right behind a rq_cas() that has succeeded: on x86 that was one already, as every locked instruction is. */
static inline void rq_fence_behind_cas(void)
{
#if defined(__x86_64__)
	atomic_signal_fence(memory_order_seq_cst);
	rq_late();
#else
	rq_fence();
#endif
}

/* Keeps the plain copy before it before the look after it. */
static inline void rq_acquire_fence(void)
{
	rq_late();
	atomic_thread_fence(memory_order_acquire);
}

/* Keeps the store before it before the plain copy after it. */
static inline void rq_release_fence(void)
{
	rq_late();
	atomic_thread_fence(memory_order_release);
}

/*
 * The light side of an asymmetric fence: orders nothing but the compiler here. The heavy side, rq_sys.barrier(), makes
 * every running thread of every attached process pass a full barrier, which is then ordered against this place.
 */
static inline void rq_light_barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	rq_late();
}

static inline void rq_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Asks for a cache line to write to it soon. Not __builtin_prefetch() on x86: without -mprfchw that asks to read it. */
static inline void rq_prefetch_write(const void *at)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
	__builtin_prefetch(at, 1);
#endif
}

#if defined(__SANITIZE_THREAD__)
#define RQ_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RQ_TSAN 1
#endif
#endif

/* The thread sanitizer does not look into rq_cas_two(): tell it. */
#ifdef RQ_TSAN
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define rq_tsan_acquire(p) __tsan_acquire((void *)(p))
#define rq_tsan_release(p) __tsan_release((void *)(p))
#else
#define rq_tsan_acquire(p) ((void)(p))
#define rq_tsan_release(p) ((void)(p))
#endif

#define rq_always_inline inline __attribute__((always_inline))
#define rq_cold __attribute__((noinline, cold))
/* Not cold, but its registers are not to be saved where it is not called. */
#define rq_noinline __attribute__((noinline))
#define rq_likely(x) __builtin_expect(!!(x), 1)
#define rq_unlikely(x) __builtin_expect(!!(x), 0)

#endif
