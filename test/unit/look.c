/* SPDX-License-Identifier: MIT */
/* Looking at a region from outside, by a descriptor that may only read: objects, ids; and what is refused. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

Test(observe, shows_the_objects_of_a_region)
{
	ringq_region *region = region_new(16 * MIB), *observed;
	ringq_queue *queue =
		queue_in(region, &(struct ringq_queue_options){.name = "q", .flags = RINGQ_SINGLE_CONSUMER});
	ringq_queue *anonymous = queue_in(region, &(struct ringq_queue_options){0});
	ringq_array *array;
	ringq_pipe *a, *b;
	struct ringq_object objects[8];
	struct timespec now;

	check_eq(ringq_array_create(&array, region, "a", RINGQ_INT32, 100), 0);
	check_eq(ringq_pipe_create(&a, &b, region, RINGQ_SIMPLEX), 0);
	observed = observe_region(region);
	check_eq(ringq_region_objects(observed, objects, 8), 4);
	check_eq(objects[0].kind, RINGQ_OBJECT_QUEUE);
	check_eq(strcmp(objects[0].name, "q"), 0);
	check_eq(objects[0].flags, RINGQ_SINGLE_CONSUMER);
	check_eq(objects[0].id, ringq_queue_id(queue));
	clock_gettime(CLOCK_REALTIME, &now);
	check_compare(objects[0].created, >, (uint64_t)(now.tv_sec - 3600) * 1000000000);
	check_compare(objects[0].created, <, (uint64_t)(now.tv_sec + 1) * 1000000000);
	check_eq(objects[1].kind, RINGQ_OBJECT_QUEUE);
	check_eq(objects[1].name[0], 0);
	check_eq(objects[1].id, ringq_queue_id(anonymous));
	check_eq(objects[2].kind, RINGQ_OBJECT_ARRAY);
	check_eq(strcmp(objects[2].name, "a"), 0);
	check_eq(objects[2].flags, RINGQ_INT32);
	check_eq(objects[2].id, ringq_array_id(array));
	check_compare(objects[2].created, >, 0);
	check_eq(objects[3].kind, RINGQ_OBJECT_PIPE);
	/* A participant sees the same. */
	check_eq(ringq_region_objects(region, objects, 1), 4);
	check_eq(ringq_region_objects(region, NULL, 0), 4);
	ringq_pipe_close(a);
	ringq_pipe_close(b);
	check_eq(ringq_region_objects(observed, NULL, 0), 3);
	ringq_array_release(array);
	ringq_queue_release(anonymous);
	ringq_queue_release(queue);
	ringq_region_detach(observed);
	ringq_region_detach(region);
}

Test(observe, opens_by_name_and_by_id)
{
	ringq_region *region = region_new(16 * MIB), *observed = observe_region(region);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.name = "q", .max_records = 5});
	ringq_queue *anonymous = queue_in(region, &(struct ringq_queue_options){.order = RINGQ_ORDER_PRODUCER}), *found;
	struct ringq_queue_stat stat;

	check_eq(put_number(anonymous, 7, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 2; i++) {
		ringq_region *from = i ? observed : region;
		check_eq(ringq_queue_open(&found, from, "q"), 0);
		check_eq(ringq_queue_id(found), ringq_queue_id(queue));
		check_eq(ringq_queue_stat(found, &stat), 0);
		check_eq(stat.max_records, 5);
		ringq_queue_release(found);
		check_eq(ringq_queue_open(&found, from, NULL), 0);
		check_eq(ringq_queue_id(found), ringq_queue_id(queue));
		ringq_queue_release(found);
		check_eq(ringq_queue_open(&found, from, "r"), -ENOENT);
		check_eq(ringq_queue_open_id(&found, from, ringq_queue_id(anonymous)), 0);
		check_eq(ringq_queue_stat(found, &stat), 0);
		check_eq(stat.order, RINGQ_ORDER_PRODUCER);
		check_eq(stat.records_in, 1);
		ringq_queue_release(found);
		check_eq(ringq_queue_open_id(&found, from, 0), -ENOENT);
		check_eq(ringq_queue_open_id(&found, from, ringq_queue_id(queue) + 1), -ENOENT);
		check_eq(ringq_queue_open_id(&found, from, UINT64_MAX), -ENOENT);
	}
	check_eq(ringq_queue_open_id(&found, region, ringq_queue_id(anonymous)), 0);
	check_eq(get_number(found, RINGQ_NOWAIT), 7);
	ringq_queue_release(found);
	ringq_queue_release(anonymous);
	ringq_queue_release(queue);
	ringq_region_detach(observed);
	ringq_region_detach(region);
}

Test(observe, a_named_array_opens_by_id)
{
	ringq_region *region = region_new(16 * MIB);
	ringq_array *array, *found;
	int64_t value = 41;

	check_eq(ringq_array_create(&array, region, "a", RINGQ_INT64, 1), 0);
	check_eq(ringq_store(array, 0, &value), 0);
	check_eq(ringq_array_open_id(&found, region, ringq_array_id(array)), 0);
	value = 0;
	check_eq(ringq_load(found, 0, &value), 0);
	check_eq(value, 41);
	ringq_array_release(found);
	check_eq(ringq_array_open_id(&found, region, 1), -ENOENT);
	ringq_array_release(array);
	ringq_region_detach(region);
}

Test(observe, takes_no_part)
{
	ringq_region *region = region_new(MIB), *observed;
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){0}), *looked;
	int64_t memory = ringq_region_memory(region);
	struct ringq_queue_stat stat;
	struct ringq_object objects[4];
	struct ringq_lane_stat lanes[4];
	ssize_t members = ringq_region_members(region, NULL, 0);

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	memory = ringq_region_memory(region);
	for (int i = 0; i < 100; i++) {
		observed = observe_region(region);
		check_eq(ringq_region_objects(observed, objects, 4), 1);
		check_eq(ringq_queue_open(&looked, observed, NULL), 0);
		check_eq(ringq_queue_stat(looked, &stat), 0);
		check_eq(stat.records_in, 1);
		check_eq(ringq_queue_lanes(looked, lanes, 4), 1);
		check_eq(ringq_region_members(observed, NULL, 0), members);
		ringq_queue_release(looked);
		ringq_region_detach(observed);
	}
	check_eq(ringq_region_memory(region), memory); /* no hole was filled by a look */
	check_eq(ringq_region_members(region, NULL, 0), members);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(observe, all_that_takes_part_is_refused)
{
	ringq_region *region = region_new(MIB), *observed = observe_region(region);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.name = "q"}),
		    *looked = observe_queue(queue), *made;
	struct iovec part = {.iov_base = (char[8]){0}, .iov_len = 8};
	ringq_array *array;
	ringq_pipe *a, *b;
	void *data;
	char buf[8];

	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(looked, buf, 8, RINGQ_NOWAIT), -EROFS);
	check_eq(ringq_put_many(looked, &part, 1, RINGQ_NOWAIT), -EROFS);
	check_eq(ringq_reserve(looked, &data, 8, RINGQ_NOWAIT), -EROFS);
	check_eq(ringq_get(looked, buf, sizeof(buf), RINGQ_NOWAIT), -EROFS);
	check_eq(ringq_get_many(looked, &part, 1, RINGQ_FOREVER), -EROFS);
	check_eq(ringq_get_alloc(looked, &data, RINGQ_FOREVER), -EROFS);
	check_eq(ringq_peek(looked, buf, sizeof(buf)), -EROFS);
	check_eq(ringq_close(looked), -EROFS);
	check_eq(ringq_event_fd(looked), -EROFS);
	check_eq(ringq_wait_any(&looked, 1, RINGQ_FOREVER), -EROFS);
	check(ringq_empty(looked));
	check(!ringq_full(looked));
	check_eq(ringq_size(looked), 0);
	check_eq(ringq_queue_create(&made, observed, NULL), -EROFS);
	check_eq(ringq_array_create(&array, observed, NULL, RINGQ_INT32, 1), -EROFS);
	check_eq(ringq_array_create(&array, observed, "a", RINGQ_INT32, 1), -EROFS);
	check_eq(ringq_array_open(&array, observed, "a"), -EROFS);
	check_eq(ringq_array_open_id(&array, observed, 1), -EROFS);
	check_eq(ringq_pipe_create(&a, &b, observed, 0), -EROFS);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(looked);
	ringq_queue_release(queue);
	ringq_region_detach(observed);
	ringq_region_detach(region);
}

Test(observe, what_is_no_region_is_refused)
{
	ringq_region *region;
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check_eq(ringq_region_observe(NULL, 0), -EINVAL);
	check_eq(ringq_region_observe(&region, -1), -EBADF);
	check_eq(ringq_region_observe(&region, fd), -EPROTO);
	check_eq(ftruncate(fd, 4 * MIB), 0);
	check_eq(ringq_region_observe(&region, fd), -EPROTO);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	check_eq(ringq_region_observe(&region, fd), -EPROTO);
	close(fd);
}

Test(observe, a_truncated_region_is_an_error)
{
	char name[128];
	ringq_region *region, *observed;
	ringq_queue *queue, *looked;
	struct ringq_queue_stat stat;
	char path[256];

	snprintf(name, sizeof(name), "%s", unique_name());
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name, .size = MIB}), 0);
	queue = queue_in(region, &(struct ringq_queue_options){0});
	looked = observe_queue(queue);
	observed = observe_region(region);
	check_eq(ringq_queue_stat(looked, &stat), 0);
	snprintf(path, sizeof(path), "/dev/shm/ringq.%s", name);
	check_eq(truncate(path, 4096), 0);
	check_eq(ringq_queue_stat(looked, &stat), -EBADMSG);
	check_eq(ringq_region_objects(observed, NULL, 0), -EBADMSG);
	check_eq(ringq_region_members(observed, NULL, 0), -EBADMSG);
	check_eq(truncate(path, (off_t)MIB), 0);
	check_eq(ringq_region_unlink(name), 0);
	ringq_queue_release(looked);
	ringq_region_detach(observed);
	/* The mapping is whole again, though its content is gone: nothing but giving it up is safe to do. */
	ringq_region_detach(region);
}

Test(version, of_headers_and_library_and_layout_agree)
{
	unsigned major, minor, own_major, own_minor;
	ringq_region *region = region_new(MIB);
	uint16_t other = 0xfff0;
	int fd;

	check_eq(ringq_version(), RINGQ_VERSION);
	check_eq(ringq_region_layout(-1, &own_major, &own_minor), 0);
	fd = open_read_only(region);
	check_eq(ringq_region_layout(fd, &major, &minor), 0);
	check_eq(major, own_major);
	check_eq(minor, own_minor);
	/* Of a layout that nobody knows. */
	check_eq(pwrite(ringq_region_fd(region), &other, sizeof(other), 8), sizeof(other));
	check_eq(ringq_region_layout(fd, &major, &minor), 0);
	check_eq(major, other);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	check_eq(ringq_region_layout(fd, &major, &minor), -EPROTO);
	close(fd);
	check_eq(ringq_region_layout(fd, &major, &minor), -EBADF);
	check_eq(ringq_region_layout(-1, NULL, &minor), -EINVAL);
	ringq_region_detach(region);
}
