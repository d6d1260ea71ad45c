/* SPDX-License-Identifier: MIT */
#ifndef RQ_COPY_H
#define RQ_COPY_H

/*
 * Copies of payloads into and out of shared memory.
 *
 * They race by design: a consumer may copy what a producer already overwrites, and then throws the copy away because its
 * claim fails. Bytes of a lost race are never looked at. What the language says about such a race is met where it can be
 * checked, under the thread sanitizer, by copying atomically; elsewhere by memcpy, whose loads are ordered before the claim
 * by its release and whose stores are ordered before publish by its release.
 */

#include <string.h>

#include "base/atomic.h"

/*
 * Copies of elements of up to 8 bytes that others may load and store meanwhile, one at a time and by their own atomics:
 * whatever the length, and however the private side is aligned, no element is copied in two parts. libc's memcpy() does
 * not promise that: it aligns its moves to one of the two sides, and what lies across a border is loaded in two moves, or
 * twice. Here all moves are aligned on the shared side, which begins at a multiple of 16.
 */
void rq_copy_elements_out(void *to, const void *shared, size_t len);
void rq_copy_elements_in(void *shared, const void *from, size_t len);

/*
 * A length that the compiler must not know anything of: else it may copy some KiB by `rep movs`, which takes longer than
 * a call of libc's memcpy().
 */
static inline size_t rq_hide(size_t len)
{
	__asm__("" : "+r"(len));
	return len;
}

#ifdef RQ_TSAN
static inline void rq_copy_in(void *shared, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		rq_store((_Atomic unsigned char *)shared + i, ((const unsigned char *)from)[i]);
}

static inline void rq_copy_out(void *to, const void *shared, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)to)[i] = rq_load((_Atomic unsigned char *)(uintptr_t)shared + i);
}
#define rq_copy_in_short rq_copy_in
#define rq_copy_out_short rq_copy_out
#else
/* Those of more bytes, for which there is more to choose. */
#define RQ_COPY_AT_ONCE ((size_t)2048)
void rq_copy_in_long(void *shared, const void *from, size_t len);
void rq_copy_out_long(void *to, const void *shared, size_t len);

/* 32 bytes or more, by moves of 16 of which the last two may overlap others. */
static inline void rq_copy_moves(char *to, const char *from, size_t len)
{
	struct {
		char bytes[16];
	} a, b, y, z;
	const char *last_from = from + len - 32;
	char *last_to = to + len - 32;
	memcpy(&y, last_from, 16);
	memcpy(&z, last_from + 16, 16);
	for (; to < last_to; to += 32, from += 32) {
		memcpy(&a, from, 16);
		memcpy(&b, from + 16, 16);
		memcpy(to, &a, 16);
		memcpy(to + 16, &b, 16);
	}
	memcpy(last_to, &y, 16);
	memcpy(last_to + 16, &z, 16);
}

/*
 * What a caller has just written word by word cannot be loaded by the wide moves of libc's memcpy() before it is in the
 * cache, behind all that was stored before. Narrow ones can mostly go on, and up to some length lose less than that.
 */
#define RQ_COPY_MOVES 512u
static inline void rq_copy_in(void *shared, const void *from, size_t len)
{
	if (len >= 32 && len <= RQ_COPY_MOVES)
		rq_copy_moves(shared, from, len);
	else if (rq_likely(len - 1 < RQ_COPY_AT_ONCE))
		memcpy(shared, from, rq_hide(len));
	else if (len)
		rq_copy_in_long(shared, from, len);
}

static inline void rq_copy_out(void *to, const void *shared, size_t len)
{
	if (rq_likely(len - 1 < RQ_COPY_AT_ONCE))
		memcpy(to, shared, rq_hide(len));
	else if (len)
		rq_copy_out_long(to, shared, len);
}

/* Up to 64 bytes, by a few moves that overlap, so that a put or a get of them calls nothing. */
static rq_always_inline void rq_copy_short(char *to, const char *from, size_t len)
{
	struct {
		char bytes[16];
	} a, b, c, d;
	uint64_t x, y;
	uint32_t v, w;
	if (len >= 16) {
		memcpy(&a, from, 16);
		memcpy(&b, from + len - 16, 16);
		if (len > 32) {
			memcpy(&c, from + 16, 16);
			memcpy(&d, from + len - 32, 16);
			memcpy(to + 16, &c, 16);
			memcpy(to + len - 32, &d, 16);
		}
		memcpy(to, &a, 16);
		memcpy(to + len - 16, &b, 16);
	} else if (len >= 8) {
		memcpy(&x, from, 8);
		memcpy(&y, from + len - 8, 8);
		memcpy(to, &x, 8);
		memcpy(to + len - 8, &y, 8);
	} else if (len >= 4) {
		memcpy(&v, from, 4);
		memcpy(&w, from + len - 4, 4);
		memcpy(to, &v, 4);
		memcpy(to + len - 4, &w, 4);
	} else if (len) {
		char first = from[0], middle = from[len / 2], last = from[len - 1];
		to[0] = first;
		to[len / 2] = middle;
		to[len - 1] = last;
	}
}

#define rq_copy_in_short rq_copy_short
#define rq_copy_out_short rq_copy_short
#endif

#endif
