/* SPDX-License-Identifier: MIT */
/*
 * Each system call that docs/limits.md lists is refused, by each errno that a sandbox may choose, and others, from the start and
 * from some moment on, in all threads. No call crashes, hangs, or says anything but what the page and its header have for it;
 * and what was put comes out, in order, unless a get says why not.
 *
 * Usage: refused_each LIMITS_MD
 */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* What sandboxes say, what a kernel says that is short of memory, and what nobody expects. */
static const int errors[] = {EPERM, EACCES, ENOSYS, EINVAL, EOPNOTSUPP, ENOMEM, EIO};

/* Without these a process does not run, or end: libc's own. */
static const char *const needed_by_libc[] = {"clone", "clone3", "exit", "exit_group", "rseq", "rt_sigreturn"};

/* Calls whose errno is what the header says: any, or one that has a meaning of its own where a file is made or named. */
static const struct own_answer {
	const char *name;
	int error; /* 0: any */
} own_answers[] = {
	{"sendmsg", 0},
	{"recvmsg", 0},
	{"recvfrom", 0},
	{"unlink", EPERM},
	{"unlink", EACCES},
	{"openat", EACCES},
	{"fcntl", EACCES},
	{"memfd_create", EACCES},
	{"ftruncate", EACCES},
	{"pwrite64", EACCES},
};

static struct refusal {
	const char *name;
	long call;
	int error;
	bool later;
} refusal;

static bool is_own_answer(int r)
{
	for (size_t i = 0; i < COUNT(own_answers); i++)
		if (!strcmp(own_answers[i].name, refusal.name) && -r == refusal.error &&
			(!own_answers[i].error || -r == own_answers[i].error))
			return true;
	return false;
}

/* Whether a call has done what it is to do; else what it says is checked. */
static bool did(const char *call, int64_t r)
{
	if (r >= 0)
		return true;
	if (r != -ENOSYS && r != -ENOMEM && !is_own_answer((int)r)) {
		fprintf(stderr, "%s: %s\n", call, strerror((int)-r));
		test_fail(__FILE__, __LINE__, "the header and the page have no such answer");
	}
	return false;
}

/* The same of one that may find nothing, or no room. */
static bool moved(const char *call, int64_t r)
{
	return r != -EAGAIN && r != -ETIMEDOUT && did(call, r);
}

/* ---- records ---- */

enum { PLAIN, BIG, BOUNDED, ACKED, QUEUES };

static const struct ringq_queue_options options[QUEUES] = {
	{.name = "plain"},
	{.name = "big", .max_bytes = RINGQ_UNBOUNDED},
	{.name = "bounded", .max_records = 2},
	{.name = "acked", .flags = RINGQ_ACKNOWLEDGED},
};

static struct {
	ringq_region *region;
	ringq_queue *queues[QUEUES];
	ringq_array *array;
	ringq_pipe *here, *there;
} have;

static int64_t puts_done[QUEUES], gets_done[QUEUES];
static char record[200000];

static void put(int q, int64_t timeout)
{
	memcpy(record, &puts_done[q], 8);
	if (have.queues[q] &&
		moved("ringq_put", ringq_put(have.queues[q], record, q == BIG ? sizeof(record) : 8, timeout)))
		puts_done[q]++;
}

/* Without a hole, and in order. */
static void see(int q, const void *data)
{
	check(!memcmp(data, &gets_done[q], 8));
	gets_done[q]++;
}

static int64_t take(int64_t timeout)
{
	struct ringq_delivery d;
	int r = ringq_take(have.queues[ACKED], &d, timeout);

	if (moved("ringq_take", r)) {
		see(ACKED, d.data);
		did("ringq_ack", ringq_ack(have.queues[ACKED], &d));
	}
	return r;
}

static int64_t get(int q, int64_t timeout)
{
	int64_t r;

	if (!have.queues[q])
		return -ENOSYS;
	if (q == ACKED)
		return take(timeout);
	r = ringq_get(have.queues[q], record, sizeof(record), timeout);
	if (moved("ringq_get", r))
		see(q, record);
	return r;
}

static void use_queues(void)
{
	for (int q = 0; q < QUEUES; q++) {
		for (int i = 0; i < 4; i++)
			put(q, q == BOUNDED && i == 2 ? RINGQ_MS(1) : RINGQ_NOWAIT);
		for (int i = 0; i < 2; i++)
			get(q, RINGQ_MS(1));
	}
}

static void drain_queues(void)
{
	for (int q = 0; q < QUEUES; q++) {
		int64_t r;

		while ((r = get(q, RINGQ_NOWAIT)) >= 0)
			continue;
		if (r == -EAGAIN)
			check_eq(gets_done[q], puts_done[q]);
		get(q, RINGQ_MS(1)); /* and gives memory back */
	}
}

/* ---- the others ---- */

static char name_there[64], name_new[80];

static void make(void)
{
	if (!did("ringq_region_create",
		    ringq_region_create(&have.region, &(struct ringq_region_options){.size = 16 * MIB})))
		return;
	for (int q = 0; q < QUEUES; q++)
		did("ringq_queue_create", ringq_queue_create(&have.queues[q], have.region, &options[q]));
	did("ringq_pipe_create", ringq_pipe_create(&have.here, &have.there, have.region, 0));
	did("ringq_array_create", ringq_array_create(&have.array, have.region, "array", RINGQ_INT32, 100));
}

static void use_others(void)
{
	int32_t n[100] = {0};
	char c;

	if (have.array && did("ringq_lock", ringq_lock(have.array, RINGQ_MS(1)))) {
		did("ringq_array_write", ringq_array_write(have.array, n, sizeof(n)));
		did("ringq_unlock", ringq_unlock(have.array));
	}
	if (!have.here)
		return;
	moved("ringq_send", ringq_send(have.here, "x", 1, RINGQ_MS(1)));
	for (int i = 0; i < 2; i++)
		moved("ringq_receive", ringq_receive(have.there, &c, 1, RINGQ_MS(1)));
}

static void look(void)
{
	struct ringq_member members[4];
	struct ringq_object objects[4];
	struct ringq_queue_stat stat;

	did("ringq_region_memory", ringq_region_memory(have.region));
	did("ringq_region_fd", ringq_region_fd(have.region));
	did("ringq_region_is_linked", ringq_region_is_linked(have.region));
	did("ringq_region_members", ringq_region_members(have.region, members, COUNT(members)));
	did("ringq_region_objects", ringq_region_objects(have.region, objects, COUNT(objects)));
	if (have.queues[BIG])
		did("ringq_queue_stat", ringq_queue_stat(have.queues[BIG], &stat));
}

static void make_and_end_queue(void)
{
	ringq_queue *queue;
	int r = ringq_queue_open(&queue, have.region, "nobody's");

	check(r == -ENOENT || !did("ringq_queue_open", r));
	if (!did("ringq_queue_create", ringq_queue_create(&queue, have.region, NULL)))
		return;
	did("ringq_event_fd", ringq_event_fd(queue));
	did("ringq_event_fd_for", ringq_event_fd_for(queue, RINGQ_WRITABLE));
	moved("ringq_wait_any", ringq_wait_any(&queue, 1, RINGQ_MS(1)));
	did("ringq_queue_delete", ringq_queue_delete(queue));
	ringq_queue_release(queue);
}

static void make_and_give_pipe(void)
{
	ringq_pipe *end, *other, *taken;
	int sockets[2];

	if (!did("ringq_pipe_create", ringq_pipe_create(&end, &other, have.region, 0)))
		return;
	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	if (did("ringq_pipe_give", ringq_pipe_give(end, sockets[0])) &&
		did("ringq_pipe_take", ringq_pipe_take(&taken, sockets[1])))
		ringq_pipe_close(taken);
	ringq_pipe_close(end);
	ringq_pipe_close(other);
	close(sockets[0]);
	close(sockets[1]);
}

static void make_and_send_regions(void)
{
	struct ringq_region_options named = {.size = MIB, .name = name_new};
	ringq_region *region, *received;
	int sockets[2];

	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	if (did("ringq_region_open", ringq_region_open(&region, name_there))) {
		if (did("ringq_region_send", ringq_region_send(region, sockets[0])) &&
			did("ringq_region_receive", ringq_region_receive(&received, sockets[1])))
			ringq_region_detach(received);
		ringq_region_detach(region);
	}
	if (did("ringq_region_create", ringq_region_create(&region, &(struct ringq_region_options){.size = MIB})))
		ringq_region_detach(region);
	if (did("ringq_region_create, named", ringq_region_create(&region, &named))) {
		ringq_region_detach(region);
		did("ringq_region_unlink", ringq_region_unlink(name_new));
	}
	close(sockets[0]);
	close(sockets[1]);
}

static void make_and_end_value(void)
{
	ringq_array *value;

	if (!did("ringq_array_create", ringq_array_create(&value, have.region, NULL, RINGQ_INT32, 1)))
		return;
	did("ringq_add", ringq_add(value, 0, 1, NULL));
	ringq_array_release(value);
}

static void end(void)
{
	ringq_array_release(have.array);
	ringq_pipe_close(have.here);
	ringq_pipe_close(have.there);
	release_queues(have.queues, QUEUES);
	ringq_region_detach(have.region);
}

static void is_refused(void *unused)
{
	(void)unused;
	alarm(TEST_SOON / RINGQ_SEC(1) * 3);
	if (refusal.later) {
		make();
		check_compare(ringq_event_fd(have.queues[PLAIN]), >=, 0); /* and so there is another thread */
		use_queues();
		use_others();
	}
	sandbox_refuse(refusal.call, refusal.error, refusal.later);
	if (!refusal.later)
		make();
	if (have.region) {
		use_queues();
		use_others();
		look();
		make_and_end_queue();
		make_and_give_pipe();
		make_and_end_value();
		make_and_send_regions();
		drain_queues();
		end();
	}
	_exit(0);
}

/* ---- all of them ---- */

static bool is_needed_by_libc(const char *name)
{
	for (size_t i = 0; i < COUNT(needed_by_libc); i++)
		if (!strcmp(name, needed_by_libc[i]))
			return true;
	return false;
}

/* Where the name could not be removed. In a child, as this process must not be the one that begins. */
static void remove_left(void *unused)
{
	int r = ringq_region_unlink(name_new);

	(void)unused;
	check(r == -ENOENT || (r == 0 && !strcmp(refusal.name, "unlink")));
}

static void refuse(long call, int error)
{
	char row[96];

	for (int later = 0; later < 2; later++) {
		refusal = (struct refusal){sandbox_name(call), call, error, later};
		snprintf(row, sizeof(row), "%s, %s, %s", refusal.name, strerror(error),
			later ? "later" : "from the start");
		test_context = row;
		reap_child(fork_child(is_refused, NULL));
		reap_child(fork_child(remove_left, NULL));
		test_context = NULL;
	}
}

static void make_named(void *name)
{
	ringq_region *region;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name, .size = MIB}), 0);
}

static void remove_named(void *name)
{
	check_eq(ringq_region_unlink(name), 0);
}

int main(int argc, char **argv)
{
	static struct sandbox_calls list;

	check_eq(argc, 2);
	if (!sandbox_works() || TEST_UNDER_TSAN || TEST_UNDER_ASAN) /* which make calls of their own */
		return TEST_SKIPPED;
	sandbox_read_calls(argv[1], "use", &list);
	sandbox_read_calls(argv[1], "make", &list);
	snprintf(name_there, sizeof(name_there), "%s", unique_name());
	snprintf(name_new, sizeof(name_new), "%s-new", name_there);
	reap_child(fork_child(make_named, name_there));
	for (size_t i = 0; i < list.n; i++)
		for (size_t e = 0; e < COUNT(errors); e++)
			if (!is_needed_by_libc(sandbox_name(list.calls[i])) &&
				(test_size() != TEST_QUICK || e == i % COUNT(errors)))
				refuse(list.calls[i], errors[e]);
	reap_child(fork_child(remove_named, name_there));
	return 0;
}
