/* SPDX-License-Identifier: MIT */
#include "base/copy.h"

#include "base/layout.h"

#define PIECE ((size_t)1024) /* short enough for libc to take the widest moves, not `rep movsb` */

/*
 * What another processor has written is copied in several parts by turns, with lines on their way from all of them: a processor
 * fetches ahead in one page at a time. Of shorter ones, and of much longer ones, one part is had as fast.
 */
#define STREAMS 4u
#define STREAMS_FROM ((size_t)32 << 10)
#define STREAMS_TO ((size_t)256 << 10)

/*
 * Copies by `copy` what begins and ends at a multiple of a cache line in streams, and then what is left over: no border
 * between two of the parts is in the middle of anything that is aligned.
 */
static inline void copy_in_streams(
	char *to, const char *from, size_t len, void (*copy)(void *to, const void *from, size_t len))
{
	size_t stream = len / STREAMS / RQ_CACHE_LINE * RQ_CACHE_LINE, copied = STREAMS * stream;
	for (size_t at = 0; at < stream; at += PIECE) {
		size_t n = stream - at < PIECE ? stream - at : PIECE;
		for (size_t i = 0; i < STREAMS; i++)
			copy(to + i * stream + at, from + i * stream + at, n);
	}
	copy(to + copied, from + copied, len - copied);
}

static inline void copy_bytes(void *to, const void *from, size_t len)
{
	memcpy(to, from, rq_hide(len));
}

/*
 * From some length on libc's memcpy() copies by `rep movsb`, if the processor says that this is fast. On AMD's Zen 3 it takes
 * twenty times as long where, within a page, the target lies by less than 32 bytes behind the source: there it is done in
 * pieces. A payload lies 8 or 16 bytes behind a multiple of 16, and what callers have of malloc() at one: so each page's worth of
 * records has such a place, or each record of a page less 8 bytes.
 */
#define PAGE ((uintptr_t)4096)
#define BEHIND 64u
static void copy_whole(char *to, const char *from, size_t len)
{
	if (((uintptr_t)to - (uintptr_t)from) % PAGE < BEHIND)
		for (; len > PIECE; to += PIECE, from += PIECE, len -= PIECE)
			copy_bytes(to, from, PIECE);
	copy_bytes(to, from, len);
}

void rq_copy_in_long(void *shared, const void *from, size_t len)
{
	copy_whole(shared, from, len);
}

void rq_copy_out_long(void *to, const void *shared, size_t len)
{
	if (len >= STREAMS_FROM && len <= STREAMS_TO)
		copy_in_streams(to, shared, len, copy_bytes);
	else
		copy_whole(to, shared, len);
}

/* ---- elements ---- */

/*
 * What one move carries: two words, of which each is loaded and stored at once where its address is a multiple of 8. The
 * shared side is volatile, so that the compiler neither splits the moves nor makes a call of memcpy() of them.
 */
#ifdef RQ_TSAN
typedef rq_u64 words;
#define load_words(at) rq_load(at)
#define store_words(at, value) rq_store(at, value)
typedef uint64_t some_words;
#else
typedef uint64_t some_words __attribute__((vector_size(16), may_alias));
typedef volatile some_words words;
#define load_words(at) (*(at))
#define store_words(at, value) (*(at) = (value))
#endif

#define WIDTH sizeof(some_words)

/* The last bytes, fewer than WIDTH: in steps that halve, each at a multiple of its own length. */
#define REST_OUT(type)                                                 \
	if (len & sizeof(type)) {                                      \
		type one = rq_load((const _Atomic type *)(from + at)); \
		memcpy(to + at, &one, sizeof one);                     \
		at += sizeof one;                                      \
	}

#define REST_IN(type)                                     \
	if (len & sizeof(type)) {                         \
		type one;                                 \
		memcpy(&one, from + at, sizeof one);      \
		rq_store((_Atomic type *)(to + at), one); \
		at += sizeof one;                         \
	}

static void move_out(void *private, const void *shared, size_t len)
{
	char *to = private;
	const char *from = shared;
	size_t at = 0;
	for (; at + 4 * WIDTH <= len; at += 4 * WIDTH) {
		const words *w = (const words *)(from + at);
		some_words a = load_words(w), b = load_words(w + 1), c = load_words(w + 2), d = load_words(w + 3);
		memcpy(to + at, &a, WIDTH);
		memcpy(to + at + WIDTH, &b, WIDTH);
		memcpy(to + at + 2 * WIDTH, &c, WIDTH);
		memcpy(to + at + 3 * WIDTH, &d, WIDTH);
	}
	for (; at + WIDTH <= len; at += WIDTH) {
		some_words a = load_words((const words *)(from + at));
		memcpy(to + at, &a, WIDTH);
	}
	if (WIDTH > sizeof(uint64_t))
		REST_OUT(uint64_t)
	REST_OUT(uint32_t)
	REST_OUT(uint16_t)
	REST_OUT(uint8_t)
}

void rq_copy_elements_out(void *to, const void *shared, size_t len)
{
	if (len >= STREAMS_FROM && len <= STREAMS_TO)
		copy_in_streams(to, shared, len, move_out);
	else
		move_out(to, shared, len);
}

void rq_copy_elements_in(void *shared, const void *private, size_t len)
{
	char *to = shared;
	const char *from = private;
	size_t at = 0;
	for (; at + 4 * WIDTH <= len; at += 4 * WIDTH) {
		words *w = (words *)(to + at);
		some_words a, b, c, d;
		memcpy(&a, from + at, WIDTH);
		memcpy(&b, from + at + WIDTH, WIDTH);
		memcpy(&c, from + at + 2 * WIDTH, WIDTH);
		memcpy(&d, from + at + 3 * WIDTH, WIDTH);
		store_words(w, a);
		store_words(w + 1, b);
		store_words(w + 2, c);
		store_words(w + 3, d);
	}
	for (; at + WIDTH <= len; at += WIDTH) {
		some_words a;
		memcpy(&a, from + at, WIDTH);
		store_words((words *)(to + at), a);
	}
	if (WIDTH > sizeof(uint64_t))
		REST_IN(uint64_t)
	REST_IN(uint32_t)
	REST_IN(uint16_t)
	REST_IN(uint8_t)
}
