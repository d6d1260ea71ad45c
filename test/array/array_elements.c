/* SPDX-License-Identifier: MIT */
/*
 * Elements stay whole in copies of the whole array, whatever their width, the array's length and the buffer's alignment.
 *
 * A copy goes on one machine instruction at a time, by the processor's trap flag. Before each instruction all elements
 * are stored anew beside a read, each byte of them the count of instructions; beside a write, they are looked at. So an
 * element that is read or written in two parts shows in one pass, wherever that is.
 */
#include "../common.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !TEST_UNDER_TSAN

enum { SMALL = 1024, TRAP_FLAG = 0x100, OLD = 0x11, NEW = 0xee };

static struct {
	unsigned char *data;
	size_t bytes, width;
	bool writing;
	volatile uint64_t steps, torn;
} copy;

static bool is_whole(const unsigned char *element, size_t width)
{
	for (size_t i = 1; i < width; i++)
		if (element[i] != element[0])
			return false;
	return true;
}

static size_t count_torn(const unsigned char *data)
{
	size_t torn = 0;

	for (size_t at = 0; at < copy.bytes; at += copy.width)
		torn += !is_whole(data + at, copy.width);
	return torn;
}

static void between_two_instructions(int signal)
{
	(void)signal;
	copy.steps++;
	if (copy.writing)
		copy.torn += count_torn(copy.data);
	else
		memset(copy.data, (int)(copy.steps & 0xff), copy.bytes);
}

static void set_trap_flag(bool on)
{
	uint64_t flags = __builtin_ia32_readeflags_u64();

	__builtin_ia32_writeeflags_u64(on ? flags | TRAP_FLAG : flags & ~(uint64_t)TRAP_FLAG);
}

static void try_copy(enum ringq_type type, size_t width, size_t count, size_t align)
{
	ringq_array *array;
	unsigned char *buffer = malloc(width * count + 64), *aligned = buffer + align;

	check(buffer);
	check_eq(ringq_array_create(&array, NULL, NULL, type, count), 0);
	copy.data = ringq_array_data(array);
	copy.bytes = width * count;
	copy.width = width;
	for (int writing = 0; writing < (copy.bytes <= SMALL ? 2 : 1); writing++) {
		copy.steps = copy.torn = 0;
		copy.writing = writing;
		memset(copy.data, OLD, copy.bytes);
		memset(aligned, NEW, copy.bytes);
		set_trap_flag(true);
		if (writing)
			ringq_array_write(array, aligned, copy.bytes);
		else
			ringq_array_read(array, aligned, copy.bytes);
		set_trap_flag(false);
		check_compare(copy.steps, >, copy.bytes / 64);
		check_eq(copy.torn, 0);
		check_eq(count_torn(aligned), 0);
		check(!writing || (copy.data[0] == NEW && !memcmp(copy.data, aligned, copy.bytes)));
	}
	ringq_array_release(array);
	free(buffer);
}

/* Buffers that malloc() aligns to 16, and so many bytes behind that. */
static const size_t aligns[] = {0, 1, 4, 15};

static const struct {
	enum ringq_type type;
	size_t width;
} types[] = {{RINGQ_UINT16, 2}, {RINGQ_FLOAT, 4}, {RINGQ_INT64, 8}};

static void small_ones(void)
{
	static const size_t sizes[] = {16, 24, 72, 136, 600};

	for (size_t t = 0; t < COUNT(types); t++)
		for (size_t s = 0; s < COUNT(sizes); s++)
			for (size_t a = 0; a < COUNT(aligns); a++)
				try_copy(types[t].type, types[t].width, sizes[s] / types[t].width + 1, aligns[a]);
}

/* Those that are read in streams, and those that are too long for it: no border of the streams is in an element. */
static void large_ones(void)
{
	static const size_t sizes[] = {(32 << 10) + 8, (256 << 10) - 8, (256 << 10) + 8};
	size_t n = (size_t)brief_or_long(1, COUNT(sizes));

	for (size_t s = 0; s < n; s++)
		for (size_t a = 0; a < brief_or_long(1, COUNT(aligns)); a++)
			try_copy(RINGQ_INT64, 8, sizes[s] / 8, aligns[a]);
}

int main(void)
{
	struct sigaction action = {.sa_handler = between_two_instructions};

	check_eq(sigaction(SIGTRAP, &action, NULL), 0);
	small_ones();
	large_ones();
	return 0;
}

#else

int main(void)
{
	return TEST_SKIPPED;
}

#endif
