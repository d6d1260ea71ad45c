/* SPDX-License-Identifier: MIT */
/* Attaching to what is not a region, or no longer a sound one: an error, and nothing left behind. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Attaches to what must not be taken, and checks that nothing is left of it. */
static int attach_nothing(int fd)
{
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();
	ringq_region *untouched = (ringq_region *)&descriptors, *region = untouched;
	int rc = ringq_region_attach(&region, fd);

	check_compare(rc, <, 0);
	check(region == untouched);
	check_eq(count_descriptors(), descriptors);
	check_eq(count_region_mappings(), mappings);
	return rc;
}

static int attach_nothing_and_close(int fd)
{
	int rc;

	check_compare(fd, >=, 0);
	rc = attach_nothing(fd);
	check_eq(close(fd), 0);
	return rc;
}

/* A memfd of some size with some bytes at its start. */
static int memfd_with(const void *bytes, size_t len, size_t size, int seals)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check_compare(fd, >=, 0);
	check_eq(pwrite(fd, bytes, len, 0), len);
	check_eq(ftruncate(fd, size), 0);
	check_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int reopen(const ringq_region *region, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ringq_region_fd(region));
	fd = open(path, flags | O_CLOEXEC);
	check_compare(fd, >=, 0);
	return fd;
}

Test(attach, no_descriptor_is_ebadf)
{
	check_eq(attach_nothing(-1), -EBADF);
	check_eq(attach_nothing(-100), -EBADF);
	check_eq(attach_nothing(1000), -EBADF);
}

Test(attach, what_cannot_be_a_region_is_eproto)
{
	static char letters[8192];
	FILE *file = tmpfile();
	int sockets[2];

	check_eq(attach_nothing_and_close(open("/dev/null", O_RDWR)), -EPROTO);
	check_eq(attach_nothing_and_close(open("/dev/zero", O_RDWR)), -EPROTO);
	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	check_eq(attach_nothing(sockets[0]), -EPROTO);
	check(file);
	check_eq(attach_nothing(fileno(file)), -EPROTO);
	memset(letters, 'x', sizeof(letters));
	check_eq(fwrite(letters, 1, 100, file), 100);
	check_eq(fflush(file), 0);
	check_eq(attach_nothing(fileno(file)), -EPROTO);
	check_eq(fwrite(letters, 1, sizeof(letters), file), sizeof(letters));
	check_eq(fflush(file), 0);
	check_eq(attach_nothing(fileno(file)), -EPROTO);
	fclose(file);
}

Test(attach, what_is_not_open_for_both_reading_and_writing_is_eacces_or_eproto)
{
	int fds[4];

	check_eq(pipe(fds), 0);
	fds[2] = open("/", O_RDONLY | O_DIRECTORY);
	fds[3] = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < COUNT(fds); i++) {
		int rc = attach_nothing_and_close(fds[i]);

		check(rc == -EACCES || rc == -EPROTO);
	}
}

Test(attach, random_and_empty_memory_is_eproto)
{
	static uint64_t words[1024];
	struct rng rng = {1};

	check_eq(attach_nothing_and_close(memfd_with(words, 0, MIB, SEALS)), -EPROTO);
	check_eq(attach_nothing_and_close(memfd_with(words, 0, 1024 * MIB, 0)), -EPROTO);
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < COUNT(words); i++)
			words[i] = rng_next(&rng);
		check_eq(attach_nothing_and_close(memfd_with(words, sizeof(words), 1024 * MIB, 0)), -EPROTO);
		check_eq(attach_nothing_and_close(memfd_with(words, sizeof(words), MIB, SEALS)), -EPROTO);
	}
}

Test(attach, a_region_open_for_one_direction_only_is_eacces)
{
	ringq_region *region = region_new(MIB);

	check_eq(attach_nothing_and_close(reopen(region, O_RDONLY)), -EACCES);
	check_eq(attach_nothing_and_close(reopen(region, O_WRONLY)), -EACCES);
	ringq_region_detach(region);
	check_eq(attach_nothing(-1), -EBADF);
}

Test(attach, a_reopened_region_is_the_same_region)
{
	ringq_region *region = region_new(MIB), *again;
	int fd = reopen(region, O_RDWR);

	check_eq(ringq_region_attach(&again, fd), 0);
	check(again == region);
	ringq_region_detach(again);
	ringq_region_detach(region);
	close(fd);
}

/* A region of 1 MiB with a queue that has been used, as it lies in memory. */
static char image[1 << 20];

static void make_image(unsigned order, uint64_t max_records)
{
	static char record[5000];
	ringq_region *region = region_new(MIB);
	ringq_queue *queue = queue_in(
		region, &(struct ringq_queue_options){.order = order, .max_records = max_records, .name = "q"});

	for (int i = 0; i < 20; i++)
		check_eq(ringq_put(queue, record, 250 * i, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 10; i++)
		check_eq(ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT), 250 * i);
	check_eq(pread(ringq_region_fd(region), image, MIB, 0), MIB);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* A copy of the image, mapped, and its descriptor. */
static char *copy_image(int *fd)
{
	char *copy;

	*fd = memfd_with(image, MIB, MIB, SEALS);
	copy = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	check(copy != MAP_FAILED);
	return copy;
}

Test(attach, a_faithful_copy_is_a_region_of_its_own)
{
	char record[5000];
	ringq_region *region;
	ringq_queue *queue;
	int fd;

	make_image(RINGQ_ORDER_TOTAL, 0);
	copy_image(&fd);
	check_eq(ringq_region_attach(&region, fd), 0);
	check_eq(ringq_queue_open(&queue, region, "q"), 0);
	for (int i = 10; i < 20; i++)
		check_eq(ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT), 250 * i);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

/* Where the header has them: base/layout.h. */
enum { AT_MAJOR = 8, AT_BYTE_ORDER = 12, AT_WORD_SIZE = 16, AT_COMPATIBLE = 24, AT_INCOMPATIBLE = 32 };

/* Attaches to, observes and asks a copy of the image in which `size` bytes at `at` are others. */
static void try_layout(size_t at, const void *other, size_t size, int expected)
{
	unsigned major = 0, minor = 0;
	ringq_region *region;
	uint16_t told;
	char *copy;
	int fd;

	copy = copy_image(&fd);
	memcpy(copy + at, other, size);
	memcpy(&told, copy + AT_MAJOR, sizeof(told));
	/* In another order of bytes nothing can be told of it. */
	if (at == AT_BYTE_ORDER) {
		check_eq(ringq_region_layout(fd, &major, &minor), -EPROTO);
	} else {
		check_eq(ringq_region_layout(fd, &major, &minor), 0);
		check_eq(major, told);
	}
	for (int looking = 0; looking < 2; looking++) {
		check_eq(looking ? ringq_region_observe(&region, fd) : ringq_region_attach(&region, fd), expected);
		if (expected == 0)
			ringq_region_detach(region);
	}
	check_eq(munmap(copy, MIB), 0);
	close(fd);
}

Test(attach, a_region_of_another_layout_is_refused_and_never_misread)
{
	uint32_t byte_order = UINT32_C(0x04030201), word_size = 32;
	unsigned major, minor;

	make_image(RINGQ_ORDER_TOTAL, 0);
	check_eq(ringq_region_layout(-1, &major, &minor), 0);
	for (unsigned i = 0; i < 0x10000; i += i < 20 ? 1 : 3277)
		try_layout(AT_MAJOR, &(uint16_t){(uint16_t)i}, sizeof(uint16_t), i == major ? 0 : -EPROTO);
	try_layout(AT_MAJOR + 2, &(uint16_t){(uint16_t)(minor + 7)}, sizeof(uint16_t), 0);
	try_layout(AT_BYTE_ORDER, &byte_order, sizeof(byte_order), -EPROTO);
	try_layout(AT_WORD_SIZE, &word_size, sizeof(word_size), -EPROTO);
	for (int bit = 0; bit < 64; bit += 21) {
		try_layout(AT_INCOMPATIBLE, &(uint64_t){UINT64_C(1) << bit}, sizeof(uint64_t), -EPROTO);
		try_layout(AT_COMPATIBLE, &(uint64_t){UINT64_C(1) << bit}, sizeof(uint64_t), 0);
	}
}

Test(attach, a_truncated_copy_is_an_error)
{
	static const size_t sizes[] = {1, 8, 64, 256, 4096, 65536, MIB / 2, MIB - 65536, MIB - 4096, MIB - 1};

	make_image(RINGQ_ORDER_TOTAL, 0);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int rc = attach_nothing_and_close(memfd_with(image, sizes[i], sizes[i], SEALS));

		check(rc == -EBADMSG || rc == -EPROTO);
	}
}

/* Uses a scribbled region in every way that must not wait. What it answers is open; that it answers is the point. */
static void use_region(ringq_region *region)
{
	struct ringq_queue_stat stat;
	struct ringq_member member;
	static char record[5000];
	ringq_queue *queue;

	ringq_region_members(region, &member, 1);
	check_compare(ringq_region_memory(region), >=, 0);
	if (ringq_queue_open(&queue, region, "q") < 0)
		return;
	ringq_peek(queue, record, sizeof(record));
	ringq_size(queue);
	ringq_full(queue);
	ringq_queue_stat(queue, &stat);
	for (int i = 0; i < 12; i++)
		ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT);
	ringq_put(queue, record, 100, RINGQ_NOWAIT);
	ringq_put(queue, record, 5000, RINGQ_NOWAIT);
	ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT);
	ringq_close(queue);
	ringq_queue_release(queue);
}

/* Every word of the image's first bytes takes values that somebody bad would choose. */
static void scribble(size_t bytes)
{
	unsigned mappings = count_region_mappings(), descriptors;
	int fd;
	char *copy = copy_image(&fd);

	descriptors = count_descriptors();
	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t old;

		memcpy(&old, image + at, 8);
		const uint64_t values[] = {0, 1, UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 31,
			UINT32_MAX, MIB, MIB - 8, 0x0101010101010101, old + 1, old - 1, old ^ UINT64_C(1) << 32,
			old << 1, old >> 1, ~old, __builtin_bswap64(old)};

		for (size_t i = 0; i < COUNT(values); i++) {
			ringq_region *region;

			memcpy(copy, image, MIB);
			memcpy(copy + at, &values[i], 8);
			if (ringq_region_attach(&region, fd) == 0) {
				use_region(region);
				ringq_region_detach(region);
			}
		}
	}
	check_eq(count_descriptors(), descriptors);
	munmap(copy, MIB);
	check_eq(count_region_mappings(), mappings);
	close(fd);
}

Test(scribbled, header_of_a_total_queue_hurts_nobody, .timeout = 200)
{
	make_image(RINGQ_ORDER_TOTAL, 0);
	scribble(brief_or_long(4096, 32768));
}

Test(scribbled, header_of_a_bounded_producer_queue_hurts_nobody, .timeout = 200)
{
	make_image(RINGQ_ORDER_PRODUCER, 100);
	scribble(brief_or_long(4096, 32768));
}
