/* SPDX-License-Identifier: MIT */
/*
 * The system calls that docs/limits.md says must stay allowed are enough: a process whose sandbox ends it for any other
 * makes and uses all that there is, and one that has set up before needs no more than the shorter list.
 *
 * Usage: allowed LIMITS_MD
 */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is done inside ---- */

struct things {
	ringq_region *region;
	ringq_queue *queue, *bounded;
	ringq_pipe *here, *there;
	ringq_array *named, *anonymous;
};

static void make(struct things *t)
{
	check_eq(ringq_region_create(&t->region, NULL), 0);
	check_eq(ringq_queue_create(&t->queue, t->region, &(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED}),
		0);
	check_eq(ringq_queue_create(
			 &t->bounded, t->region, &(struct ringq_queue_options){.name = "bounded", .max_records = 1}),
		0);
	check_eq(ringq_pipe_create(&t->here, &t->there, t->region, 0), 0);
	check_eq(ringq_array_create(&t->named, t->region, "named", RINGQ_INT32, 100), 0);
	check_eq(ringq_array_create(&t->anonymous, t->region, NULL, RINGQ_INT32, 1), 0);
}

static void end(struct things *t)
{
	ringq_array_release(t->anonymous);
	ringq_array_release(t->named);
	ringq_pipe_close(t->here);
	ringq_pipe_close(t->there);
	ringq_queue_release(t->bounded);
	ringq_queue_release(t->queue);
	ringq_region_detach(t->region);
}

static void *puts_much(void *arg)
{
	static char block[64 << 10];
	struct things *t = arg;

	for (int i = 0; i < 400; i++)
		check_eq(ringq_put(t->queue, block, sizeof(block), TEST_SOON), 0);
	for (int i = 0; i < 100; i++)
		check_eq(ringq_put(t->bounded, "x", 1, TEST_SOON), 0);
	check_eq(ringq_lock(t->named, TEST_SOON), 0);
	check_eq(ringq_unlock(t->named), 0);
	check_eq(ringq_send(t->there, "x", 1, TEST_SOON), 0);
	return NULL;
}

static void use(struct things *t)
{
	static char block[64 << 10];
	pthread_t other = start_thread(puts_much, t);
	void *out;
	char c;

	for (int i = 0; i < 400; i++)
		check_eq(ringq_get(t->queue, block, sizeof(block), TEST_SOON), (ssize_t)sizeof(block));
	check_eq(ringq_get(t->queue, block, sizeof(block), RINGQ_MS(230)), -ETIMEDOUT); /* sleeps in all ways */
	check_eq(ringq_lock(t->named, RINGQ_NOWAIT), 0);
	for (int i = 0; i < 100; i++) {
		if (i == 50)
			pause_ns(RINGQ_MS(120)); /* the put sleeps, too */
		check_eq(ringq_get(t->bounded, &c, 1, TEST_SOON), 1);
	}
	pause_ns(RINGQ_MS(20)); /* the lock is waited for */
	check_eq(ringq_unlock(t->named), 0);
	check_eq(ringq_receive(t->here, &c, 1, TEST_SOON), 1);
	check_eq(ringq_add(t->anonymous, 0, 1, NULL), 0);
	check_eq(ringq_put(t->queue, "x", 1, RINGQ_NOWAIT), 0);
	check_compare(ringq_get_alloc(t->queue, &out, RINGQ_NOWAIT), ==, 1);
	free(out);
	check_compare(ringq_region_memory(t->region), >, 0);
	join_thread(other);
}

static void has_them_too(void *arg)
{
	struct things *t = arg;

	check_eq(ringq_put(t->bounded, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_put(t->bounded, "y", 1, RINGQ_NOWAIT), -EAGAIN);
	check_eq(ringq_get(t->bounded, &(char){0}, 1, RINGQ_NOWAIT), 1);
}

static void waits_on_several(struct things *t)
{
	ringq_queue *queues[2] = {t->queue, t->bounded};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0), fd;
	char c;

	check_eq(ringq_wait_any(queues, 2, RINGQ_MS(20)), -ETIMEDOUT);
	check_compare(ringq_event_fd_for(t->bounded, RINGQ_WRITABLE), >=, 0);
	reap_child(fork_child(has_them_too, t));
	fd = ringq_event_fd(t->queue);
	check_compare(fd, >=, 0);
	check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	check_eq(ringq_put(t->queue, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(epoll_pwait(epoll, &event, 1, 10000, NULL), 1);
	pause_ns(RINGQ_MS(10)); /* the watching thread looks whether it is readable still */
	close(epoll);
	check_eq(ringq_get(t->queue, &c, 1, RINGQ_NOWAIT), 1);
	check_eq(ringq_get(t->queue, &c, 1, RINGQ_NOWAIT), -EAGAIN);
}

static void sends_and_receives(struct things *t)
{
	int sockets[2];
	ringq_region *received;
	ringq_pipe *end;

	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	check_eq(ringq_region_send(t->region, sockets[0]), 0);
	check_eq(ringq_region_receive(&received, sockets[1]), 0);
	check_eq(ringq_pipe_give(t->here, sockets[0]), 0);
	check_eq(ringq_pipe_take(&end, sockets[1]), 0);
	ringq_pipe_close(end);
	ringq_region_detach(received);
	close(sockets[0]);
	close(sockets[1]);
}

/* ---- the two ways ---- */

struct lists {
	struct sandbox_calls use, make;
};

/* Calls of this test's own. */
static void add_own(struct sandbox_calls *list)
{
	static const long own[] = {
		SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_wait4, SYS_getppid, SYS_socketpair,
		SYS_clock_nanosleep, SYS_getrandom, /* libc's malloc */
	};

	for (size_t i = 0; i < COUNT(own); i++)
		list->calls[list->n++] = own[i];
}

static void enters_later(void *arg)
{
	struct lists *lists = arg;
	struct things t;

	make(&t);
	add_own(&lists->use);
	sandbox_allow_only(lists->use.calls, lists->use.n, 0);
	use(&t);
	end(&t);
}

static void enters_first(void *arg)
{
	struct lists *lists = arg;
	struct sandbox_calls all = lists->use;
	ringq_region *named;
	struct things t;
	const char *name = unique_name();

	memcpy(all.calls + all.n, lists->make.calls, lists->make.n * sizeof(*all.calls));
	all.n += lists->make.n;
	add_own(&all);
	sandbox_allow_only(all.calls, all.n, 0);
	make(&t);
	use(&t);
	waits_on_several(&t);
	sends_and_receives(&t);
	end(&t);
	check_eq(ringq_region_create(&named, &(struct ringq_region_options){.name = name, .size = 1 << 20}), 0);
	check_eq(ringq_region_is_linked(named), 1);
	ringq_region_detach(named);
	check_eq(ringq_region_open(&named, name), 0);
	ringq_region_detach(named);
	check_eq(ringq_region_unlink(name), 0);
}

int main(int argc, char **argv)
{
	static struct lists lists;

	check_eq(argc, 2);
	if (!sandbox_works() || TEST_UNDER_TSAN || TEST_UNDER_ASAN)
		return TEST_SKIPPED;
	sandbox_read_calls(argv[1], "use", &lists.use);
	sandbox_read_calls(argv[1], "make", &lists.make);
	reap_child(fork_child(enters_later, &lists));
	reap_child(fork_child(enters_first, &lists));
	return 0;
}
