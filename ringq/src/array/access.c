/* SPDX-License-Identifier: MIT */

/*
 * Elements, one at a time: the machine's own atomics, of the element's own width. Loads acquire and stores release, so
 * that an element can say that others are ready; what changes one does both.
 */

#include <errno.h>
#include <string.h>

#include "array/snapshot.h"

static void *element(const struct ringq_array *array, size_t index)
{
	if (!array || index >= array->count)
		return NULL;
	return array->data + index * rq_array_width(array->type);
}

static bool is_integer(enum ringq_type type)
{
	return type >= RINGQ_INT8 && type <= RINGQ_UINT64;
}

/* Bits of an element as the number that its type makes of them. */
static int64_t as_number(enum ringq_type type, uint64_t bits)
{
	switch (type) {
	case RINGQ_INT8:
		return (int8_t)bits;
	case RINGQ_UINT8:
		return (uint8_t)bits;
	case RINGQ_INT16:
		return (int16_t)bits;
	case RINGQ_UINT16:
		return (uint16_t)bits;
	case RINGQ_INT32:
		return (int32_t)bits;
	case RINGQ_UINT32:
		return (uint32_t)bits;
	default:
		return (int64_t)bits;
	}
}

/* A statement for each width, with `word` the type of its atomics and `plain` that of its values. */
#define FOR_WIDTH(width, statement)     \
	switch (width) {                \
	case 1: {                       \
		typedef rq_u8 word;     \
		typedef uint8_t plain;  \
		statement;              \
	} break;                        \
	case 2: {                       \
		typedef rq_u16 word;    \
		typedef uint16_t plain; \
		statement;              \
	} break;                        \
	case 4: {                       \
		typedef rq_u32 word;    \
		typedef uint32_t plain; \
		statement;              \
	} break;                        \
	default: {                      \
		typedef rq_u64 word;    \
		typedef uint64_t plain; \
		statement;              \
	} break;                        \
	}

int ringq_load(const ringq_array *array, size_t index, void *value)
{
	void *e = element(array, index);
	if (!e || !value)
		return -EINVAL;
	/* V6, promised to callers: sees what was before the store that it reads of. */
	FOR_WIDTH(rq_array_width(array->type), plain v = rq_load_acquire((word *)e); memcpy(value, &v, sizeof v));
	return 0;
}

int ringq_store(ringq_array *array, size_t index, const void *value)
{
	void *e = element(array, index);
	if (!e || !value)
		return -EINVAL;
	/* V6, promised to callers: with it comes what was before. */
	FOR_WIDTH(rq_array_width(array->type), plain v; memcpy(&v, value, sizeof v); rq_store_release((word *)e, v));
	return 0;
}

int ringq_add(ringq_array *array, size_t index, int64_t delta, int64_t *previous)
{
	void *e = element(array, index);
	uint64_t was;
	if (!e || !is_integer(array->type))
		return -EINVAL;
	/* V6, promised to callers: both. */
	FOR_WIDTH(rq_array_width(array->type), was = rq_add((word *)e, (plain)delta));
	if (previous)
		*previous = as_number(array->type, was);
	return 0;
}

int ringq_compare_exchange(ringq_array *array, size_t index, int64_t *expected, int64_t desired)
{
	void *e = element(array, index);
	bool done;
	uint64_t was;
	if (!e || !expected || !is_integer(array->type))
		return -EINVAL;
	/* V6, promised to callers: both, or as a load. */
	FOR_WIDTH(rq_array_width(array->type), plain v = (plain)*expected; done = rq_cas((word *)e, &v, (plain)desired);
		  was = v);
	if (done)
		return 0;
	*expected = as_number(array->type, was);
	return -EAGAIN;
}

/* ---- the whole ---- */

static void write_word(struct ringq_array *a, const void *buf)
{
	uint64_t word = 0;
	memcpy(&word, buf, a->bytes);
	rq_store_release((rq_u64 *)a->data, word); /* as V6 */
}

int ringq_array_write(ringq_array *array, const void *buf, size_t size)
{
	if (!array || !buf || size != array->bytes)
		return -EINVAL;
	int r = ringq_lock(array, RINGQ_FOREVER);
	if (r && r != -EOWNERDEAD)
		return r;
	if (array->shadow)
		rq_snapshot_write(array, buf);
	else
		write_word(array, buf);
	return ringq_unlock(array);
}

int ringq_array_read(const ringq_array *array, void *buf, size_t size)
{
	if (!array || !buf || size != array->bytes)
		return -EINVAL;
	if (!array->shadow) {
		/* As V6. */
		uint64_t word = rq_load_acquire((rq_u64 *)array->data);
		memcpy(buf, &word, size < sizeof word ? size : sizeof word); /* never more; a compiler cannot know */
		return 0;
	}
	while (!rq_snapshot_read(array, buf))
		rq_pause();
	return 0;
}
