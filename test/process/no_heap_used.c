/* SPDX-License-Identifier: MIT */
/*
 * A thread's first call of each kind on a handle is refused memory by the heap at each place where it asks: it says -ENOMEM, or
 * does what it is to do without. Nothing that was put is lost, doubled or counted as delivered; made again, the call works.
 */
#include "../common.h"
#include "heap.h"

#include <errno.h>
#include <poll.h>
#include <ringq/look.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHED = 20, BACKLOG = 3, FIRST = 7 };

/* The first thread's, which the heap refuses nothing but where it says so. */
static ringq_region *region, *observed;
static ringq_array *array;
static ringq_pipe *a, *b;
static int sockets[2];

/* Of the queue that a case is about: the first thread's handle, and one that nobody has used. */
static ringq_queue *queue, *fresh;

/* ---- before: some records, and a handle ---- */

static void open_fresh(const char *name)
{
	check_eq(ringq_queue_open(&queue, region, name), 0);
	check_eq(ringq_queue_open(&fresh, region, name), 0);
}

static void plain(void)
{
	open_fresh("plain");
}

static void plain_filled(void)
{
	plain();
	put_numbers(queue, FIRST, FIRST + BACKLOG);
}

static void acknowledged(void)
{
	open_fresh("acknowledged");
	put_numbers(queue, FIRST, FIRST + BACKLOG);
}

static void in_place(void)
{
	open_fresh("in place");
	put_numbers(queue, FIRST, FIRST + BACKLOG);
}

static void counted(void)
{
	open_fresh("counted");
	put_numbers(queue, FIRST, FIRST + BACKLOG);
}

static struct ringq_delivery held;

static void in_hand(void)
{
	acknowledged();
	held = take_number(queue, FIRST, 1);
}

static void has_killed(void)
{
	acknowledged();
	die_with(queue, FIRST, 1, 1);
}

static void seen_from_outside(void)
{
	plain_filled();
	ringq_queue_release(fresh);
	check_eq(ringq_queue_open(&fresh, observed, "plain"), 0);
}

static void doomed(void)
{
	queue = queue_in(region, &(struct ringq_queue_options){.name = "doomed"});
	check_eq(ringq_queue_open(&fresh, region, "doomed"), 0);
}

static void nothing(void)
{
}

/* ---- after ---- */

static void done(void)
{
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_size(queue), 0);
	ringq_queue_release(fresh);
	ringq_queue_release(queue);
}

static void has(int64_t first)
{
	for (int64_t i = first; i < FIRST + BACKLOG; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	done();
}

static void has_all(void)
{
	has(FIRST);
}

static void has_one(void)
{
	has(FIRST + BACKLOG - 1);
}

static void has_the_rest(void)
{
	has(FIRST + 1);
}

static void has_what_was_held(void)
{
	check_eq(ringq_ack(queue, &held), 0);
	has_the_rest();
}

/* What has killed its taker is set aside, once, by whoever comes when there is memory. */
static void is_set_aside(void)
{
	char letter[sizeof(struct ringq_dead_letter) + sizeof(int64_t)];
	int64_t number;
	ringq_queue *dead;

	has(FIRST + 2);
	check_eq(ringq_queue_open(&dead, region, "dead"), 0);
	check_eq(ringq_get(dead, letter, sizeof(letter), RINGQ_NOWAIT), sizeof(letter));
	memcpy(&number, letter + sizeof(struct ringq_dead_letter), sizeof(number));
	check_eq(number, FIRST);
	check_eq(ringq_get(dead, letter, sizeof(letter), RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(dead);
}

static void is_deleted(void)
{
	ringq_queue *found;

	check_eq(ringq_queue_open(&found, region, "doomed"), -ENOENT);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EPIPE);
	ringq_queue_release(fresh);
	ringq_queue_release(queue);
}

static void is_closed(void)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), -EPIPE);
	check_eq(ringq_queue_delete(queue), 0);
	ringq_queue_release(fresh);
	ringq_queue_release(queue);
}

static void is_sent(void)
{
	char byte;

	check_eq(ringq_receive(b, &byte, 1, RINGQ_NOWAIT), 1);
	check_eq(ringq_receive(b, &byte, 1, RINGQ_NOWAIT), -EAGAIN);
}

static void is_received(void)
{
	char byte;

	check_eq(ringq_receive(a, &byte, 1, RINGQ_NOWAIT), -EAGAIN);
}

/* ---- calls: 0 or as the case says, or the error ---- */

static int64_t puts_one(void)
{
	return put_number(fresh, FIRST + BACKLOG - 1, RINGQ_NOWAIT);
}

static int64_t puts_many(void)
{
	int64_t number = FIRST + BACKLOG - 1;

	return ringq_put_many(fresh, &(struct iovec){&number, sizeof(number)}, 1, RINGQ_NOWAIT);
}

static int64_t reserves(void)
{
	int64_t number = FIRST + BACKLOG - 1;
	void *at;
	int r = ringq_reserve(fresh, &at, sizeof(number), RINGQ_NOWAIT);

	if (r)
		return r;
	memcpy(at, &number, sizeof(number));
	return ringq_commit(fresh, at, sizeof(number));
}

static int64_t gets(void)
{
	return get_number(fresh, RINGQ_NOWAIT);
}

static int64_t gets_alloc(void)
{
	void *record;
	int64_t number;
	ssize_t len = ringq_get_alloc(fresh, &record, RINGQ_NOWAIT);

	if (len < 0)
		return len;
	check_eq(len, sizeof(number));
	memcpy(&number, record, sizeof(number));
	free(record);
	return number;
}

static int64_t gets_many(void)
{
	int64_t number = 0;
	ssize_t n = ringq_get_many(fresh, &(struct iovec){&number, sizeof(number)}, 1, RINGQ_NOWAIT);

	return n == 1 ? number : n;
}

static int64_t peeks(void)
{
	int64_t number;
	ssize_t len = ringq_peek(fresh, &number, sizeof(number));

	return len < 0 ? len : number;
}

static int64_t acknowledges(struct ringq_delivery *d, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		int64_t number;

		check_eq(d[i].attempt, 1);
		memcpy(&number, d[i].data, sizeof(number));
		check_eq(number, FIRST + i);
	}
	check_eq(ringq_ack_many(fresh, d, (size_t)n), 0);
	return n;
}

static int64_t takes(void)
{
	struct ringq_delivery d;
	int r = ringq_take(fresh, &d, RINGQ_NOWAIT);

	return r ? r : acknowledges(&d, 1);
}

/* As many as there is memory for, in each of some calls; made again, it goes on behind what it has. */
static int64_t takes_many(void)
{
	static struct ringq_delivery d[BACKLOG];
	static ssize_t n;

	while (n < BACKLOG) {
		ssize_t r = ringq_take_many(fresh, d + n, (size_t)(BACKLOG - n), RINGQ_NOWAIT);

		if (r <= 0)
			return r;
		n += r;
	}
	n = 0;
	return acknowledges(d, BACKLOG);
}

static int64_t joins(void)
{
	return ringq_join(fresh, RINGQ_NOWAIT);
}

static int64_t asks_size(void)
{
	return (int64_t)ringq_size(fresh);
}

static int64_t asks_empty(void)
{
	return ringq_empty(fresh);
}

static int64_t asks_for_descriptor(void)
{
	int fd = ringq_event_fd(fresh);

	if (fd < 0)
		return fd;
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)(TEST_SOON / RINGQ_MS(1)));
}

static int64_t asks_for_room(void)
{
	int fd = ringq_event_fd_for(fresh, RINGQ_WRITABLE);

	if (fd < 0)
		return fd;
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)(TEST_SOON / RINGQ_MS(1)));
}

static int64_t waits_for_any(void)
{
	int r = ringq_wait_any((ringq_queue *const[]){fresh, fresh}, 2, TEST_SOON);

	return r < 0 ? r : 1;
}

static int64_t waits_in_vain(void)
{
	return ringq_wait_any((ringq_queue *const[]){fresh, fresh}, 2, RINGQ_MS(1));
}

static int64_t browses(int (*begin)(ringq_browser **, const ringq_queue *))
{
	ringq_browser *browser;
	int64_t number, n = 0;
	ssize_t r = begin(&browser, fresh);

	if (r)
		return r;
	while ((r = ringq_browse_next(browser, &number, sizeof(number), NULL)) >= 0) {
		check_eq(r, sizeof(number));
		check_eq(number, FIRST + n);
		n++;
	}
	ringq_browse_end(browser);
	return r == -ENOENT ? n : r;
}

static int64_t browses_what_waits(void)
{
	return browses(ringq_browse);
}

static int64_t browses_in_hand(void)
{
	return browses(ringq_browse_in_hand);
}

static int64_t looks_at_figures(void)
{
	struct ringq_queue_stat stat;
	int r = ringq_queue_stat(fresh, &stat);

	return r ? r : (int64_t)(stat.records_in - stat.records_out);
}

static int64_t looks_at_lanes(void)
{
	struct ringq_lane_stat lanes[4];
	ssize_t n = ringq_queue_lanes(fresh, lanes, COUNT(lanes)), records = 0;

	for (ssize_t i = 0; i < n; i++)
		records += (ssize_t)(lanes[i].records_in - lanes[i].records_out);
	return n < 0 ? n : records;
}

static int64_t observes(void)
{
	ringq_region *own;
	ringq_queue *found = NULL;
	int r = ringq_region_observe(&own, ringq_region_fd(region));

	if (r)
		return r;
	r = ringq_queue_open(&found, own, "plain");
	ringq_queue_release(found);
	ringq_region_detach(own);
	return r;
}

static int64_t deletes(void)
{
	return ringq_queue_delete(fresh);
}

static int64_t closes(void)
{
	return ringq_close(fresh);
}

static int64_t sends(void)
{
	return ringq_send(a, "x", 1, RINGQ_NOWAIT);
}

/* What it sent is there, or the next call sends it again: so both are one. */
static int64_t sends_and_receives(void)
{
	static bool is_sent_already;
	char byte;
	ssize_t len;

	if (!is_sent_already) {
		int r = ringq_send(b, "x", 1, RINGQ_NOWAIT);

		if (r)
			return r;
		is_sent_already = true;
	}
	len = ringq_receive(a, &byte, 1, RINGQ_NOWAIT);
	is_sent_already = len < 0;
	return len;
}

static int64_t gives_and_takes(void)
{
	ringq_pipe *end;
	int r;

	check_eq(ringq_pipe_give(b, sockets[0]), 0);
	r = ringq_pipe_take(&end, sockets[1]);
	if (r == 0)
		ringq_pipe_close(end);
	return r;
}

static int64_t locks(void)
{
	int r = ringq_lock(array, RINGQ_NOWAIT);

	return r ? r : ringq_unlock(array);
}

static int64_t writes(void)
{
	int64_t elements[10] = {0};

	return ringq_array_write(array, elements, sizeof(elements));
}

static const struct use {
	const char *name;
	void (*before)(void);
	int64_t (*call)(void);
	int64_t expect;
	void (*after)(void);
} uses[] = {
	{"put", plain, puts_one, 0, has_one},
	{"put_many", plain, puts_many, 1, has_one},
	{"reserve", plain, reserves, 0, has_one},
	{"get", plain_filled, gets, FIRST, has_the_rest},
	{"get_alloc", plain_filled, gets_alloc, FIRST, has_the_rest},
	{"get_many", plain_filled, gets_many, FIRST, has_the_rest},
	{"get, counted", counted, gets, FIRST, has_the_rest},
	{"peek", plain_filled, peeks, FIRST, has_all},
	{"take", acknowledged, takes, 1, has_the_rest},
	{"take_many", acknowledged, takes_many, BACKLOG, done},
	{"get, acknowledged", acknowledged, gets, FIRST, has_the_rest},
	{"get_alloc, acknowledged", acknowledged, gets_alloc, FIRST, has_the_rest},
	{"peek, acknowledged", acknowledged, peeks, FIRST, has_all},
	{"get, with one to be set aside", has_killed, gets, FIRST + 1, is_set_aside},
	{"join", acknowledged, joins, -EAGAIN, has_all},
	{"take, in place", in_place, takes, 1, has_the_rest},
	{"size", plain_filled, asks_size, BACKLOG, has_all},
	{"empty", plain_filled, asks_empty, false, has_all},
	{"event_fd", plain_filled, asks_for_descriptor, 1, has_all},
	{"event_fd_for", plain_filled, asks_for_room, 1, has_all},
	{"wait_any", plain_filled, waits_for_any, 1, has_all},
	{"wait_any, in vain", plain, waits_in_vain, -ETIMEDOUT, done},
	{"browse", plain_filled, browses_what_waits, BACKLOG, has_all},
	{"browse, from outside", seen_from_outside, browses_what_waits, BACKLOG, has_all},
	{"browse_in_hand", in_hand, browses_in_hand, 1, has_what_was_held},
	{"stat", in_hand, looks_at_figures, BACKLOG - 1, has_what_was_held},
	{"lanes", plain_filled, looks_at_lanes, BACKLOG, has_all},
	{"observe", nothing, observes, 0, nothing},
	{"delete", doomed, deletes, 0, is_deleted},
	{"close", doomed, closes, 0, is_closed},
	{"send", nothing, sends, 0, is_sent},
	{"receive", nothing, sends_and_receives, 1, is_received},
	{"pipe_take", nothing, gives_and_takes, 0, nothing},
	{"lock", nothing, locks, 0, nothing},
	{"array_write", nothing, writes, 0, nothing},
};

struct attempt {
	const struct use *use;
	int granted;
	bool refused;
	int64_t result;
};

/* By a thread that is new to the library. */
static void *call(void *arg)
{
	struct attempt *attempt = arg;

	heap_refuse_after(attempt->granted);
	attempt->result = attempt->use->call();
	attempt->refused = heap_grant();
	if (attempt->refused && attempt->result == -ENOMEM)
		attempt->result = attempt->use->call();
	return NULL;
}

static void refuse_each(const struct use *use)
{
	struct attempt attempt = {.use = use, .refused = true};
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();

	test_context = use->name;
	for (; attempt.refused; attempt.granted++) {
		use->before();
		join_thread(start_thread(call, &attempt));
		check_eq(attempt.result, use->expect);
		use->after();
		check_eq(count_descriptors(), descriptors);
		check_eq(count_region_mappings(), mappings);
	}
	check_compare(attempt.granted, >, 1);
}

/* ---- what the dead have left, where there is no memory to find it ---- */

static void reserve_and_die(void *arg)
{
	void *at;

	check_eq(ringq_reserve(arg, &at, 100000, RINGQ_NOWAIT), 0);
	kill(getpid(), SIGKILL);
}

static int64_t finds_it_full(ringq_queue *one)
{
	int64_t r = put_number(one, 1, RINGQ_NOWAIT);

	return r == -ENOMEM ? -EAGAIN : r;
}

static int64_t is_told_that_it_is_full(ringq_queue *one)
{
	return ringq_full(one) ? -EAGAIN : 0;
}

static int64_t counts(ringq_queue *one)
{
	return ringq_size(one) ? 0 : -EAGAIN;
}

/* Whoever comes when there is memory again finds it: the only permit, and what was reserved. */
static void leave_it_for_later(int64_t (*look)(ringq_queue *one))
{
	ringq_queue *one = queue_in(region, &(struct ringq_queue_options){.max_records = 1});
	int64_t before;

	check_eq(put_number(one, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(one, RINGQ_NOWAIT), 1);
	before = ringq_region_memory(region);
	await_death(fork_child(reserve_and_die, one));
	check_compare(ringq_region_memory(region), >, before + 50000);
	heap_refuse_after(0);
	check_eq(look(one), -EAGAIN);
	check(heap_grant());
	check_eq(put_number(one, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(one, RINGQ_NOWAIT), 1);
	check_compare(ringq_region_memory(region), <, before + 50000);
	check_eq(ringq_queue_delete(one), 0);
	ringq_queue_release(one);
}

/* ---- the watching thread ---- */

static bool readable(int fd, int64_t timeout)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)(timeout / RINGQ_MS(1))) == 1;
}

/* It is refused all that it asks for: a descriptor is not to be had then, or tells what is so. */
static void watch_without_memory(void)
{
	ringq_queue *watched[WATCHED];
	int fds[WATCHED];

	test_context = "watching";
	for (int i = 0; i < WATCHED; i++) {
		watched[i] = queue_in(region, NULL);
		fds[i] = ringq_event_fd(watched[i]);
		if (fds[i] < 0) {
			check_eq(fds[i], -ENOMEM);
			heap_refuse_others(false);
			fds[i] = ringq_event_fd(watched[i]);
			check_compare(fds[i], >=, 0);
		}
		heap_refuse_others(true);
	}
	for (int i = 0; i < WATCHED; i++) {
		check_eq(put_number(watched[i], i, RINGQ_NOWAIT), 0);
		check(readable(fds[i], TEST_SOON));
		check_eq(get_number(watched[i], RINGQ_NOWAIT), i);
		check_eq(get_number(watched[i], RINGQ_NOWAIT), -EAGAIN);
		check(!readable(fds[i], 0));
	}
	heap_refuse_others(false);
	for (int i = 0; i < WATCHED; i++) {
		check_eq(ringq_queue_delete(watched[i]), 0);
		ringq_queue_release(watched[i]);
	}
}

int main(void)
{
	const struct ringq_queue_options queues[] = {
		{.name = "dead"},
		{.name = "plain"},
		{.name = "counted", .max_records = 100},
		{.name = "in place", .flags = RINGQ_SINGLE_CONSUMER},
		{.name = "acknowledged", .flags = RINGQ_ACKNOWLEDGED, .max_attempts = 1, .dead_letters = "dead"},
	};

	heap_refuse_after(-1);
	region = region_new(64 << 20);
	observed = observe_region(region);
	check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	check_eq(ringq_pipe_create(&a, &b, region, 0), 0);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT64, 10), 0);
	for (size_t i = 0; i < COUNT(queues); i++)
		ringq_queue_release(queue_in(region, &queues[i]));
	/* What a process has once: its watching thread is a member. */
	plain();
	check_compare(ringq_event_fd(fresh), >=, 0);
	done();
	for (size_t i = 0; i < COUNT(uses); i++)
		refuse_each(&uses[i]);
	test_context = "what the dead have left";
	leave_it_for_later(finds_it_full);
	leave_it_for_later(is_told_that_it_is_full);
	leave_it_for_later(counts);
	watch_without_memory();
	return 0;
}
