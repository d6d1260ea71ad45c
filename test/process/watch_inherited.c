/* SPDX-License-Identifier: MIT */
/*
 * What a child of fork has of its parent's event descriptor: the same number, which tells the same, also in an epoll set that
 * was made before; whether the parent ends, as where a daemon is made, or lives on, and for both of them then.
 */
#include "../common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static ringq_queue *queue;
static int fd, epoll;

static void drain(void)
{
	while (get_number(queue, RINGQ_NOWAIT) >= 0)
		continue;
}

static bool readable(int number, int64_t timeout)
{
	struct pollfd pollfd = {.fd = number, .events = POLLIN};

	check_compare(poll(&pollfd, 1, timeout / RINGQ_MS(1)), >=, 0);
	check(!(pollfd.revents & (POLLERR | POLLNVAL)));
	return pollfd.revents & POLLIN;
}

static void put_one(void *arg)
{
	(void)arg;
	pause_ns(RINGQ_MS(20));
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
}

/* Another process puts; what was set up before the fork tells of it, and is quiet once it has been taken. */
static void is_told(void)
{
	struct epoll_event event;
	int64_t deadline = now_ns() + TEST_SOON;

	drain();
	while (epoll_wait(epoll, &event, 1, 0) == 1) {
		drain();
		check_compare(now_ns(), <, deadline);
	}
	pid_t putter = fork_child(put_one, NULL);
	check_eq(epoll_wait(epoll, &event, 1, TEST_SOON / RINGQ_MS(1)), 1);
	check(readable(fd, TEST_SOON));
	reap_child(putter);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	do {
		check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
		check_compare(now_ns(), <, deadline);
	} while (readable(fd, 0) || epoll_wait(epoll, &event, 1, 0) == 1);
}

static void set_up(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	queue = queue_new(&(struct ringq_queue_options){0});
	fd = ringq_event_fd(queue);
	check_compare(fd, >=, 0);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	pause_ns(RINGQ_MS(20)); /* the library's thread sleeps */
}

static void in_child(void)
{
	int pipes[2];

	check_eq(pipe(pipes), 0);
	check(pipes[0] != fd && pipes[1] != fd);
	for (int round = 0; round < 5; round++)
		is_told();
	check_eq(ringq_event_fd(queue), fd);
}

/* The child outlives its parent, and says how it went. */
static void as_a_daemon(void)
{
	int pipes[2], ok = 0;
	pid_t parent;

	check_eq(pipe(pipes), 0);
	parent = fork();
	check_compare(parent, >=, 0);
	if (parent == 0) {
		set_up();
		if (fork() == 0) {
			pid_t setter = getppid();

			close(pipes[0]);
			for (int64_t end = now_ns() + TEST_SOON; getppid() == setter && now_ns() < end;)
				pause_ns(RINGQ_MS(1));
			in_child();
			ok = 1;
			check_eq(write(pipes[1], &ok, sizeof(ok)), sizeof(ok));
		}
		_exit(0);
	}
	close(pipes[1]);
	check_eq(waitpid(parent, NULL, 0), parent);
	check_eq(read(pipes[0], &ok, sizeof(ok)), sizeof(ok));
	check_eq(ok, 1);
	close(pipes[0]);
}

static void worker(void *arg)
{
	(void)arg;
	in_child();
}

static void as_a_worker(void)
{
	set_up();
	reap_child(fork_child(worker, NULL));
	is_told();
	ringq_queue_release(queue);
	close(epoll);
}

/* Room is each process's own: the number stays, and tells of the child's puts there. */
static void fills(void *arg)
{
	int room = *(int *)arg;

	check(readable(room, 0));
	while (put_number(queue, 1, RINGQ_NOWAIT) == 0)
		continue;
	check(!readable(room, 0));
	check_eq(ringq_event_fd_for(queue, RINGQ_WRITABLE), room);
	drain();
	check(readable(room, TEST_SOON));
}

static void of_room(void)
{
	queue = queue_new(&(struct ringq_queue_options){.max_bytes = 4000});
	int room = ringq_event_fd_for(queue, RINGQ_WRITABLE);

	check_compare(room, >=, 0);
	while (put_number(queue, 1, RINGQ_NOWAIT) == 0)
		continue;
	check(!readable(room, 0));
	reap_child(fork_child(fills, &room));
	drain();
	check(readable(room, TEST_SOON));
	ringq_queue_release(queue);
}

/* The program closes it, against the rule: no file that gets the number is touched, and a new one can be asked for. */
static void closed_by_the_program(void)
{
	char name[] = "/tmp/ringq-test-XXXXXX", text[4];

	set_up();
	close(fd);
	int file = mkstemp(name);
	check_eq(file, fd);
	check_eq(unlink(name), 0);
	check_eq(write(file, "abc", 3), 3);
	for (int i = 0; i < 20; i++) {
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
		pause_ns(RINGQ_MS(2));
		drain();
	}
	check_eq(lseek(file, 0, SEEK_END), 3);
	check_eq(pread(file, text, sizeof(text), 0), 3);
	fd = ringq_event_fd(queue);
	check(fd >= 0 && fd != file);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check(readable(fd, TEST_SOON));
	ringq_queue_release(queue);
	check_eq(fcntl(file, F_GETFD) >= 0, 1);
	close(file);
	close(epoll);
}

int main(void)
{
	if (TEST_UNDER_TSAN) /* it does not let a child of several threads start one */
		return TEST_SKIPPED;
	as_a_daemon();
	as_a_worker();
	of_room();
	closed_by_the_program();
	return 0;
}
