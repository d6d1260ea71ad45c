/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ringq/look.h>

enum { RECORD_MOST = 6000, BATCH_MOST = 6, BROWSE_MOST = 40 };

static const char payload[40000];

/* An error that calls may answer with, whatever the region says. */
static void check_error(ssize_t result)
{
	static const int errors[] = {EAGAIN, ETIMEDOUT, EPIPE, EMSGSIZE, ENOMEM, EUSERS, EPROTO, EBADMSG, EBUSY, EEXIST,
		ENOENT, ENOSPC, EINVAL};

	for (size_t i = 0; result < 0 && i < COUNT(errors); i++)
		if (result == -errors[i])
			return;
	check_compare(result, >=, 0);
}

static void check_len(ssize_t result, size_t size)
{
	check_error(result);
	check_compare(result, <=, (ssize_t)size);
}

static int64_t choose_timeout(struct chooser *c)
{
	static const int64_t timeouts[] = {RINGQ_NOWAIT, RINGQ_NOWAIT, RINGQ_NOWAIT, RINGQ_NOWAIT, RINGQ_NOWAIT,
		RINGQ_US(20), RINGQ_MS(1), RINGQ_MS(3)};

	return timeouts[choose(c, c->bytes ? 6 : COUNT(timeouts))]; /* a fuzzer's time is for more inputs */
}

static size_t choose_len(struct chooser *c)
{
	static const size_t most[] = {1, 64, 256, 3000, 20000, sizeof(payload)};

	return choose(c, most[choose(c, COUNT(most))]);
}

/* Memory of just that size, so that the sanitizer sees one byte too many. */
static void *buffer(size_t size)
{
	void *memory = malloc(size ? size : 1);

	check(memory);
	return memory;
}

/* ---- in ---- */

static void put(struct stage *s, struct chooser *c)
{
	size_t len = choose_len(c);

	check_error(ringq_put(s->queue, payload, len, choose_timeout(c)));
}

static void put_many(struct stage *s, struct chooser *c)
{
	struct iovec records[BATCH_MOST];
	size_t n = 1 + choose(c, BATCH_MOST);

	for (size_t i = 0; i < n; i++)
		records[i] = (struct iovec){(char *)(uintptr_t)payload, choose_len(c)};
	check_len(ringq_put_many(s->queue, records, n, choose_timeout(c)), n);
}

static void reserve(struct stage *s, struct chooser *c)
{
	size_t len = choose_len(c);
	void *out;
	int r;

	if (s->reserved)
		return;
	r = ringq_reserve(s->queue, &out, len, choose_timeout(c));
	check_error(r);
	if (r)
		return;
	memset(out, 1, len);
	s->reserved = out;
	s->reserved_len = len;
}

static void commit(struct stage *s, struct chooser *c)
{
	if (!s->reserved)
		return;
	memset(s->reserved, 2, s->reserved_len); /* it is still there to be written */
	if (choose(c, 3)) {
		int r = ringq_commit(s->queue, s->reserved, choose(c, s->reserved_len + 1));

		if (r != -EBUSY) /* the lane's word may say that it is another's by now */
			check_eq(r, 0);
	} else {
		ringq_abort(s->queue, s->reserved);
	}
	s->reserved = NULL;
}

static void *put_and_end(void *arg)
{
	struct stage *s = arg;

	for (int i = 0; i < 3; i++)
		check_error(ringq_put(s->queue, payload, 700, RINGQ_NOWAIT));
	return NULL;
}

/* A new producer finds a lane, which may be that of one who has ended, or is said to. */
static void put_by_another(struct stage *s, struct chooser *c)
{
	(void)c;
	join_thread(start_thread(put_and_end, s));
}

/* ---- out ---- */

static void get(struct stage *s, struct chooser *c)
{
	size_t size = choose(c, 2) ? RECORD_MOST : choose(c, 300);
	void *memory = buffer(size);

	check_len(ringq_get(s->queue, memory, size, choose_timeout(c)), size);
	free(memory);
}

static void get_alloc(struct stage *s, struct chooser *c)
{
	void *out = NULL;
	ssize_t len = ringq_get_alloc(s->queue, &out, choose_timeout(c));

	check_len(len, s->at.size);
	if (len < 0)
		return;
	check(out);
	memset(out, 1, (size_t)len);
	free(out);
}

static void get_many(struct stage *s, struct chooser *c)
{
	struct iovec records[BATCH_MOST];
	size_t n = 1 + choose(c, BATCH_MOST), size = choose(c, 4) ? RECORD_MOST : 100;

	for (size_t i = 0; i < n; i++)
		records[i] = (struct iovec){buffer(size), size};
	check_len(ringq_get_many(s->queue, records, n, choose_timeout(c)), n);
	for (size_t i = 0; i < n; i++) {
		check_compare(records[i].iov_len, <=, size);
		free(records[i].iov_base);
	}
}

static void peek(struct stage *s, struct chooser *c)
{
	size_t size = choose(c, 2) ? RECORD_MOST : choose(c, 300);
	void *memory = buffer(size);

	check_len(ringq_peek(s->queue, memory, size), size);
	free(memory);
}

/* ---- acknowledged queues ---- */

/* What was delivered is in the region, all of it. */
static void check_delivery(const struct stage *s, const struct ringq_delivery *delivery)
{
	const char *base = s->region->base, *data = delivery->data;

	check_compare(delivery->attempt, >=, 1);
	check(data > base);
	check_compare((uint64_t)(data - base), <=, s->at.size);
	check_compare(delivery->len, <=, s->at.size - (uint64_t)(data - base));
}

static void take(struct stage *s, struct chooser *c)
{
	size_t room = COUNT(s->taken) - s->taken_count, n = 1 + choose(c, COUNT(s->taken));
	struct ringq_delivery *to = &s->taken[s->taken_count];
	ssize_t r;

	if (room == 0)
		return;
	n = n < room ? n : room;
	if (n > 1) {
		r = ringq_take_many(s->queue, to, n, choose_timeout(c));
	} else {
		r = ringq_take(s->queue, to, choose_timeout(c));
		check_compare(r, <=, 0);
		r = r ? r : 1;
	}
	check_len(r, n);
	for (ssize_t i = 0; i < r; i++)
		check_delivery(s, &to[i]);
	s->taken_count += r > 0 ? (unsigned)r : 0;
}

/* -ESTALE: the words may say that it was finished, or is another's. */
static void finish(struct stage *s, struct chooser *c)
{
	struct ringq_delivery *last;
	uint64_t sequence;
	uint32_t lane;
	int r;

	if (s->taken_count == 0)
		return;
	last = &s->taken[s->taken_count - 1];
	check_delivery(s, last);
	r = ringq_delivery_id(s->queue, last, &lane, &sequence);
	if (r != -ESTALE)
		check_error(r);
	switch (choose(c, 3)) {
	case 0:
		r = ringq_requeue(s->queue, last);
		s->taken_count--;
		break;
	case 1:
		r = ringq_ack_many(s->queue, s->taken, s->taken_count);
		s->taken_count = 0;
		break;
	default:
		r = ringq_ack(s->queue, last);
		s->taken_count--;
	}
	if (r != -ESTALE)
		check_error(r);
}

/* Where nothing is acknowledged, it is a get, and makes the choices of one. */
static void get_or_take(struct stage *s, struct chooser *c)
{
	if (!s->hands) {
		get(s, c);
		return;
	}
	switch (choose(c, 8)) {
	case 0:
		get(s, c);
		break;
	case 1:
		check_error(ringq_join(s->queue, choose_timeout(c)));
		break;
	case 2:
	case 3:
	case 4:
		finish(s, c);
		break;
	default:
		take(s, c);
	}
}

/* Total order dismisses idle lanes after so many gets. */
static void get_often(struct stage *s, struct chooser *c)
{
	char record[200];
	int r = 0;

	(void)c;
	for (int i = 0; i < 2200; i++) {
		if (r == 0) /* a put that has no memory looks for some everywhere: once is enough */
			r = ringq_put(s->queue, payload, 8, RINGQ_NOWAIT);
		check_error(r);
		check_len(ringq_get(s->queue, record, sizeof(record), RINGQ_NOWAIT), sizeof(record));
	}
}

/* ---- looks ---- */

/* What has been scribbled over may be told, or look like an object that was deleted; more than that nobody can. */
static void check_look(ssize_t result)
{
	if (result != -EBADMSG && result != -EPIPE)
		check_compare(result, >=, 0);
}

#define check_ended(text) check_compare(strnlen(text, sizeof(text)), <, sizeof(text))

static void check_producer(const struct ringq_producer *producer)
{
	check_compare(producer->state, <=, RINGQ_DEAD);
	check_ended(producer->name);
}

static void look_at_queue(const ringq_queue *queue)
{
	struct ringq_lane_stat lanes[3];
	struct ringq_queue_stat stat;
	int r = ringq_queue_stat(queue, &stat);
	ssize_t n = ringq_queue_lanes(queue, lanes, COUNT(lanes));

	check_look(r);
	if (r == 0)
		check_ended(stat.name);
	check_look(n);
	for (ssize_t i = 0; i < n && i < (ssize_t)COUNT(lanes); i++)
		check_producer(&lanes[i].producer);
}

static void browse(const ringq_queue *queue, int (*begin)(ringq_browser **out, const ringq_queue *queue))
{
	struct ringq_record_info info;
	ringq_browser *browser;
	char record[300];

	check_eq(begin(&browser, queue), 0);
	for (int i = 0; i < BROWSE_MOST; i++) {
		ssize_t r = ringq_browse_next(browser, record, sizeof(record), &info);

		if (r == -ENOENT)
			break;
		if (r != -EAGAIN)
			check_look(r);
		if (r < 0)
			continue;
		check_producer(&info.producer);
		check_producer(&info.holder);
	}
	ringq_browse_end(browser);
}

static void look_at_region(const ringq_region *region)
{
	struct ringq_member members[4];
	struct ringq_object objects[4];
	ssize_t n;

	n = ringq_region_members(region, members, COUNT(members));
	check_look(n);
	for (ssize_t i = 0; i < n && i < (ssize_t)COUNT(members); i++)
		check_ended(members[i].name);
	n = ringq_region_objects(region, objects, COUNT(objects));
	check_look(n);
	for (ssize_t i = 0; i < n && i < (ssize_t)COUNT(objects); i++)
		check_ended(objects[i].name);
	check_compare(ringq_region_memory(region), >=, 0);
	struct ringq_producer holder;
	if (n > 0 && ringq_region_lock_holder(region, objects[0].id, &holder) == 1)
		check_ended(holder.name);
	char elements[64];
	for (ssize_t i = 0; i < n && i < (ssize_t)COUNT(objects); i++)
		check_error(
			ringq_region_elements(region, objects[i].id, RINGQ_UINT64, 1, elements, sizeof(elements) / 8));
}

/* As one who takes no part. */
static void observe(const ringq_region *region)
{
	struct ringq_object object = {0};
	ringq_region *observed;
	ringq_queue *queue;
	int r = ringq_region_observe(&observed, ringq_region_fd(region));

	check_error(r);
	if (r)
		return;
	look_at_region(observed);
	if (ringq_region_objects(observed, &object, 1) < 1)
		object.id = 1;
	r = ringq_queue_open_id(&queue, observed, object.id);
	check_error(r);
	if (r == 0) {
		look_at_queue(queue);
		browse(queue, ringq_browse);
		browse(queue, ringq_browse_in_hand);
		ringq_queue_release(queue);
	}
	ringq_region_detach(observed);
}

/* It makes no choices: kept inputs mean the same however much is looked at. */
static void look(struct stage *s, struct chooser *c)
{
	(void)c;
	ringq_empty(s->queue);
	ringq_full(s->queue);
	ringq_size(s->queue);
	look_at_queue(s->queue);
	browse(s->queue, ringq_browse);
	browse(s->queue, ringq_browse_in_hand);
	look_at_region(s->region);
	observe(s->region);
}

static void wait_any(struct stage *s, struct chooser *c)
{
	ringq_queue *queues[] = {s->queue, s->second};

	check_len(ringq_wait_any(queues, 2, choose_timeout(c)), 1);
}

static void wait_for_event(struct stage *s, struct chooser *c)
{
	unsigned what = choose(c, 4) ? RINGQ_READABLE : RINGQ_WRITABLE;
	struct pollfd at = {.fd = ringq_event_fd_for(s->queue, what), .events = POLLIN};
	char record[64];

	check_error(at.fd);
	ringq_get(s->queue, record, sizeof(record), RINGQ_NOWAIT);
	check_compare(poll(&at, 1, 1), >=, 0);
}

/* ---- handles ---- */

static void use_and_release(ringq_queue *queue, const struct stage *s)
{
	char record[300];

	check_error(ringq_put(queue, payload, 100, RINGQ_NOWAIT));
	check_len(ringq_get(queue, record, sizeof(record), RINGQ_NOWAIT), sizeof(record));
	check_len((ssize_t)(ringq_size(queue) & 0), s->at.size);
	ringq_queue_release(queue);
}

/* The region again, as one who comes new would check it. */
static void attach(struct stage *s, struct chooser *c)
{
	ringq_region *region;
	int sockets[2], r;

	if (choose(c, 2)) {
		r = ringq_region_attach(&region, ringq_region_fd(s->region));
	} else {
		check_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets), 0);
		check_eq(ringq_region_send(s->region, sockets[0]), 0);
		r = ringq_region_receive(&region, sockets[1]);
		close(sockets[0]);
		close(sockets[1]);
	}
	check_error(r);
	if (r == 0)
		ringq_region_detach(region);
}

static void open_queue(struct stage *s, struct chooser *c)
{
	ringq_queue *queue;
	int r = ringq_queue_open(&queue, s->region, choose(c, 3) ? "q" : NULL);

	check_error(r);
	if (r == 0)
		use_and_release(queue, s);
}

static void create_queue(struct stage *s, struct chooser *c)
{
	struct ringq_queue_options o = {.max_producers = 1 + (unsigned)choose(c, 4),
		.max_records = choose(c, 3) * 100,
		.name = choose(c, 2)   ? "q"
	                : choose(c, 2) ? "other"
	                               : NULL};
	ringq_queue *queue;
	int r = ringq_queue_create(&queue, s->region, &o);

	check_error(r);
	if (r)
		return;
	if (choose(c, 2))
		check_error(ringq_queue_delete(queue));
	use_and_release(queue, s);
}

/* The victim's own handle, if it finds it again. */
static void open_anew(struct stage *s, struct chooser *c)
{
	ringq_queue *queue;

	(void)c;
	if (ringq_queue_open(&queue, s->region, "q"))
		return;
	ringq_queue_release(s->queue);
	s->queue = queue;
	s->reserved = NULL;
	s->taken_count = 0;
}

static void close_queue(struct stage *s, struct chooser *c)
{
	if (choose(c, 4) == 0)
		check_error(ringq_close(s->queue));
}

const struct call calls[] = {
	{"put", put},
	{"put", put},
	{"put_many", put_many},
	{"reserve", reserve},
	{"commit or abort", commit},
	{"put by another thread", put_by_another},
	{"get", get},
	{"get or take", get_or_take},
	{"get_alloc", get_alloc},
	{"get_many", get_many},
	{"get_many", get_many},
	{"peek", peek},
	{"get often", get_often},
	{"looks", look},
	{"wait_any", wait_any},
	{"event_fd", wait_for_event},
	{"attach", attach},
	{"open", open_queue},
	{"create", create_queue},
	{"open anew", open_anew},
	{"close", close_queue},
};
const size_t calls_count = COUNT(calls);
