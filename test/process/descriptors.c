/* SPDX-License-Identifier: MIT */
/* Descriptors of the library: their numbers, numbers that a program closes and uses again, and limits of them. */
#include "../common.h"
#include "../sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static char block[1 << 20];

static void socket_pair(int sockets[2])
{
	check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

/* ---- 0, 1 and 2 ---- */

static int region_at(ringq_region *region)
{
	int fd = ringq_region_fd(region);

	check_compare(fd, >=, 0);
	return fd;
}

static void creates(void *arg)
{
	ringq_region *region;
	(void)arg;
	close(STDERR_FILENO);
	check_eq(ringq_region_create(&region, NULL), 0);
}

static void creates_named(void *arg)
{
	ringq_region *region;
	close(STDERR_FILENO);
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = arg}), 0);
	check_eq(ringq_region_unlink(arg), 0);
}

static void opens(void *arg)
{
	ringq_region *region;
	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = arg}), 0);
	ringq_region_detach(region);
	close(STDERR_FILENO);
	check_eq(ringq_region_open(&region, arg), 0);
	check_eq(ringq_region_unlink(arg), 0);
}

static void attaches(void *arg)
{
	ringq_region *region = region_new(MIB);
	int copy = dup(region_at(region));
	(void)arg;
	ringq_region_detach(region);
	close(STDERR_FILENO);
	check_eq(ringq_region_attach(&region, copy), 0);
}

static void receives(void *arg)
{
	ringq_region *region = region_new(MIB);
	int sockets[2];
	(void)arg;
	socket_pair(sockets);
	check_eq(ringq_region_send(region, sockets[0]), 0);
	ringq_region_detach(region);
	close(STDERR_FILENO);
	check_eq(ringq_region_receive(&region, sockets[1]), 0);
}

static void makes_a_pipe(void *arg)
{
	ringq_region *region = region_new(MIB);
	ringq_pipe *a, *b;
	(void)arg;
	close(STDERR_FILENO);
	check_eq(ringq_pipe_create(&a, &b, region, 0), 0);
}

static void takes_a_pipe(void *arg)
{
	ringq_pipe *a, *b;
	int sockets[2];
	(void)arg;
	socket_pair(sockets);
	check_eq(ringq_pipe_create(&a, &b, NULL, 0), 0);
	check_eq(ringq_pipe_give(b, sockets[0]), 0);
	ringq_pipe_close(b);
	close(STDERR_FILENO);
	check_eq(ringq_pipe_take(&b, sockets[1]), 0);
	check_eq(ringq_send(b, "x", 1, RINGQ_NOWAIT), 0);
}

static void makes_an_array(void *arg)
{
	ringq_region *region = region_new(4 * MIB);
	ringq_array *array;
	(void)arg;
	close(STDERR_FILENO);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 1), 0);
}

/* A check that fails cannot be read there, so its exit status tells. */
static void no_call_takes_the_number_of_a_closed_stderr(void)
{
	static const struct {
		const char *name;
		void (*way)(void *arg);
	} ways[] = {
		{"create", creates},
		{"create, named", creates_named},
		{"open", opens},
		{"attach", attaches},
		{"receive", receives},
		{"pipe_create", makes_a_pipe},
		{"pipe_take", takes_a_pipe},
		{"array_create", makes_an_array},
	};

	for (size_t i = 0; i < COUNT(ways); i++) {
		pid_t child = fork();

		test_context = ways[i].name;
		check_compare(child, >=, 0);
		if (child == 0) {
			ways[i].way((void *)(uintptr_t)unique_name());
			_exit(fcntl(STDERR_FILENO, F_GETFD) >= 0 || errno != EBADF);
		}
		check_eq(wait_status(child), 0);
	}
	test_context = NULL;
}

static void what_is_printed_to_a_closed_stderr_is_not_in_the_region(void *arg)
{
	ringq_queue *queue;
	ringq_region *region;
	int sockets[2];
	char c;
	(void)arg;
	socket_pair(sockets);
	close(STDERR_FILENO);
	queue = queue_new(NULL);
	check_eq(ringq_put(queue, "x", 1, RINGQ_NOWAIT), 0);
	if (write(STDERR_FILENO, block, 100000) != -1)
		_exit(1);
	check_eq(ringq_region_send(ringq_queue_region(queue), sockets[0]), 0);
	ringq_queue_release(queue);
	check_eq(ringq_region_receive(&region, sockets[1]), 0);
	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	check_eq(ringq_get(queue, &c, 1, RINGQ_NOWAIT), 1);
}

/* ---- numbers that are used again ---- */

enum { LOG_MIB = 64 };

/* A daemonizer closes all, and what the daemon opens then has the numbers, up to the region's. */
static int open_log(int number)
{
	char name[] = "/tmp/ringq-test-XXXXXX";
	int fd;

	for (fd = 3; fd < 256; fd++)
		close(fd);
	fd = mkstemp(name);
	check_compare(fd, >=, 0);
	unlink(name);
	while (fd < number)
		fd = dup(fd);
	check_eq(fd, number);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)('A' + i % 23);
	for (int i = 0; i < LOG_MIB; i++)
		check_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	return fd;
}

static void check_log(int fd)
{
	const char *log = mmap(NULL, LOG_MIB * MIB, PROT_READ, MAP_SHARED, fd, 0);
	struct stat st;

	check(log != MAP_FAILED);
	check_eq(fstat(fd, &st), 0);
	check_eq(st.st_size, (off_t)(LOG_MIB * MIB));
	for (size_t i = 0; i < LOG_MIB; i++)
		for (size_t k = 0; k < MIB; k++)
			if (log[i * MIB + k] != (char)('A' + k % 23))
				check_eq(log[i * MIB + k], 'A' + (char)(k % 23));
	munmap((void *)(uintptr_t)log, LOG_MIB * MIB);
}

static void *puts_and_gets_first(void *arg)
{
	char c;

	check_eq(ringq_put(arg, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_get(arg, &c, 1, RINGQ_NOWAIT), 1);
	return NULL;
}

/* Memory comes and goes: a backlog of some dozen MiB, drained by one who then waits in vain. */
static void fill_and_drain(ringq_queue *queue)
{
	static char buf[1 << 20];

	for (int i = 0; i < 32; i++)
		check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	for (int i = 0; i < 32; i++) {
		check_eq(ringq_get(queue, buf, sizeof(buf), RINGQ_NOWAIT), (ssize_t)sizeof(buf));
		check(!memcmp(buf, block, sizeof(buf)));
	}
	check_eq(ringq_get(queue, buf, sizeof(buf), RINGQ_MS(250)), -ETIMEDOUT);
}

/* Old: without what newer kernels have for work through the mapping. */
static void a_number_that_is_a_log_by_now_is_left_alone(void *old)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED}), *second;
	ringq_region *region = ringq_queue_region(queue);
	ringq_pipe *here, *there, *a, *b;
	ringq_array *array;
	char c;
	int number = region_at(region), log, sockets[2];

	if (old)
		sandbox_play_linux_4_18();
	check_eq(ringq_pipe_create(&here, &there, region, 0), 0);
	log = open_log(number);
	socket_pair(sockets);
	for (int i = 0; i < 2; i++)
		fill_and_drain(queue);
	join_thread(start_thread(puts_and_gets_first, queue));
	check_eq(ringq_queue_create(&second, region, &(struct ringq_queue_options){.name = "second"}), 0);
	check_eq(ringq_region_fd(region), -ESTALE);
	check_eq(ringq_region_memory(region), -ESTALE);
	check_eq(ringq_region_send(region, sockets[0]), -ESTALE);
	check_eq(ringq_pipe_give(here, sockets[0]), -ESTALE);
	check_eq(ringq_pipe_create(&a, &b, region, 0), -ESTALE);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 1), -ESTALE);
	check_eq(recv(sockets[1], &c, 1, MSG_DONTWAIT), -1);
	ringq_pipe_close(here);
	ringq_pipe_close(there);
	ringq_queue_release(second);
	ringq_queue_release(queue);
	check_log(log);
	check_eq(fcntl(number, F_GETFD), 0); /* still the log, still open */
}

static void a_number_that_is_closed_is_said_to_be_stale(void *arg)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	ringq_region *region = ringq_queue_region(queue), *again;
	int number = region_at(region), copy = fcntl(number, F_DUPFD, 100);
	ringq_pipe *a, *b;

	(void)arg;
	close(number);
	fill_and_drain(queue);
	check_eq(ringq_region_fd(region), -ESTALE);
	check_eq(ringq_pipe_create(&a, &b, region, 0), -ESTALE);
	/* Who attaches again gives it a number again. */
	check_eq(ringq_region_attach(&again, copy), 0);
	check(again == region);
	check_compare(ringq_region_memory(region), >, 0);
	check_eq(ringq_pipe_create(&a, &b, region, 0), 0);
	ringq_pipe_close(a);
	ringq_pipe_close(b);
	number = region_at(region);
	ringq_region_detach(again);
	ringq_queue_release(queue);
	check_eq(fcntl(number, F_GETFD), -1);
}

/* The parent's end lives. What the child closes is the region's number only. */
static void a_living_peer_is_not_said_to_be_gone(void *arg)
{
	ringq_pipe *here, *there;
	char c;
	pid_t child;

	(void)arg;
	check_eq(ringq_pipe_create(&here, &there, NULL, 0), 0);
	child = fork();
	check_compare(child, >=, 0);
	if (child == 0) {
		int number = region_at(ringq_pipe_region(there));

		ringq_pipe_close(here);
		close(number);
		check_eq(open("/dev/null", O_RDWR), number);
		check_eq(ringq_receive(there, &c, 1, RINGQ_MS(150)), -ETIMEDOUT);
		check_eq(ringq_send(there, "x", 1, RINGQ_NOWAIT), 0);
		check_eq(ringq_receive(there, &c, 1, TEST_SOON), 1);
		_exit(0);
	}
	ringq_pipe_close(there);
	check_eq(ringq_receive(here, &c, 1, TEST_SOON), 1);
	check_eq(ringq_send(here, "y", 1, RINGQ_NOWAIT), 0);
	check_eq(wait_status(child), 0);
	check_eq(ringq_receive(here, &c, 1, TEST_SOON), -EPIPE);
	ringq_pipe_close(here);
}

/* All eventfds have one device and inode. What the other library had in its own is there still, and only that. */
static void an_eventfd_that_has_a_watchs_number_is_left_alone(void *arg)
{
	ringq_queue *queue = queue_new(NULL);
	int number = ringq_event_fd(queue);
	uint64_t count = 0;

	(void)arg;
	check_compare(number, >=, 0);
	close(number);
	check_eq(eventfd(7, EFD_NONBLOCK), number);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN); /* lowers what it has */
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	pause_ns(RINGQ_MS(10)); /* in which the watching thread has looked some times */
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(read(number, &count, sizeof(count)), (ssize_t)sizeof(count));
	check_eq(count, 7);
	check_compare(ringq_event_fd(queue), !=, number); /* a new one */
	ringq_queue_release(queue);
	check_eq(fcntl(number, F_GETFL) & O_NONBLOCK, O_NONBLOCK); /* still open */
}

static void *makes_what_needs_proc(void *arg)
{
	ringq_region *region = arg;
	ringq_pipe *a, *b;
	ringq_array *array;

	while (access("/proc/self/fd", F_OK) == 0 && access("/proc/self/fd/0", F_OK) == 0) /* of the first thread */
		pause_ns(RINGQ_MS(1));
	check_eq(ringq_pipe_create(&a, &b, region, 0), 0);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 1), 0);
	_exit(0);
}

static void the_first_thread_may_have_ended(void *arg)
{
	(void)arg;
	start_thread(makes_what_needs_proc, region_new(MIB));
	pthread_exit(NULL);
}

/* ---- limits ---- */

/* As many descriptors as `more` can be had from now on; holes are filled. */
static void leave_descriptors(int more)
{
	int fd, last = 0;

	for (int i = 0; i < 256; i++)
		last = fcntl(i, F_GETFD) >= 0 ? i : last;
	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd < last);
	check_compare(fd, >, last);
	check_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)(fd + 1 + more), 1024}), 0);
}

/* count_descriptors() needs one itself. */
static unsigned count_open(void)
{
	unsigned n = 0;

	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void a_region_waits_in_its_socket_for_a_descriptor(void *arg)
{
	ringq_region *region = region_new(MIB), *received = NULL;
	int sockets[2];

	(void)arg;
	socket_pair(sockets);
	check_eq(ringq_region_send(region, sockets[0]), 0);
	ringq_region_detach(region);
	leave_descriptors(0);
	for (int i = 0; i < 3; i++)
		check_eq(ringq_region_receive(&received, sockets[1]), -EMFILE);
	check_eq(ringq_region_attach(&received, sockets[0]), -EMFILE);
	check_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){512, 1024}), 0);
	check_eq(ringq_region_receive(&received, sockets[1]), 0);
	ringq_region_detach(received);
}

static void an_end_waits_in_its_socket_for_descriptors(void *arg)
{
	ringq_pipe *here, *there;
	int sockets[2];
	char c;

	(void)arg;
	socket_pair(sockets);
	check_eq(ringq_pipe_create(&here, &there, NULL, 0), 0);
	check_eq(ringq_pipe_give(there, sockets[0]), 0);
	ringq_pipe_close(there);
	for (int more = 0; more < 3; more++) {
		pid_t child = fork(); /* its limit is its own; the message is for all */
		check_compare(child, >=, 0);
		if (child == 0) {
			unsigned before;

			leave_descriptors(more);
			before = count_open();
			check_eq(ringq_pipe_take(&there, sockets[1]), -EMFILE);
			check_eq(count_open(), before);
			_exit(0);
		}
		check_eq(wait_status(child), 0);
	}
	check_eq(ringq_pipe_take(&there, sockets[1]), 0);
	check_eq(ringq_send(there, "x", 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(here, &c, 1, RINGQ_NOWAIT), 1);
	ringq_pipe_close(here);
	ringq_pipe_close(there);
}

/* The kernel then says that the number is no good. */
static void no_descriptor_above_the_standard_ones_is_too_many_open_files(void *arg)
{
	ringq_region *region = region_new(MIB), *again = NULL;

	(void)arg;
	check_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 1024}), 0);
	check_eq(ringq_region_attach(&again, ringq_region_fd(region)), -EMFILE);
	check_eq(ringq_region_create(&again, &(struct ringq_region_options){.size = 2 * MIB}), -EMFILE);
	check(!again);
	ringq_region_detach(region);
}

/* Services lower the limit once they have what they need: then poll() is refused, too. */
static void a_limit_that_is_lowered_later_leaves_event_descriptors(void *arg)
{
	ringq_queue *queue = queue_new(NULL);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll = epoll_create1(EPOLL_CLOEXEC), more = 0;

	(void)arg;
	check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, ringq_event_fd(queue), &event), 0);
	check_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}), 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(epoll_wait(epoll, &event, 1, 10000), 1);
	for (int i = 0; i < 20; i++) {
		pause_ns(RINGQ_MS(5));
		more += epoll_wait(epoll, &event, 1, 0);
	}
	check_compare(more, <=, 1); /* the first may have been told of twice */
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	check_eq(get_number(queue, RINGQ_NOWAIT), -EAGAIN);
	check_eq(put_number(queue, 2, RINGQ_NOWAIT), 0);
	check_eq(epoll_wait(epoll, &event, 1, 10000), 1);
	ringq_queue_release(queue);
}

int main(void)
{
	no_call_takes_the_number_of_a_closed_stderr();
	reap_child(fork_child(what_is_printed_to_a_closed_stderr_is_not_in_the_region, NULL));
	reap_child(fork_child(a_number_that_is_a_log_by_now_is_left_alone, NULL));
	if (sandbox_works())
		reap_child(fork_child(a_number_that_is_a_log_by_now_is_left_alone, block));
	reap_child(fork_child(a_number_that_is_closed_is_said_to_be_stale, NULL));
	reap_child(fork_child(a_living_peer_is_not_said_to_be_gone, NULL));
	reap_child(fork_child(a_region_waits_in_its_socket_for_a_descriptor, NULL));
	reap_child(fork_child(an_end_waits_in_its_socket_for_descriptors, NULL));
	reap_child(fork_child(no_descriptor_above_the_standard_ones_is_too_many_open_files, NULL));
	reap_child(fork_child(an_eventfd_that_has_a_watchs_number_is_left_alone, NULL));
	reap_child(fork_child(the_first_thread_may_have_ended, NULL));
	reap_child(fork_child(a_limit_that_is_lowered_later_leaves_event_descriptors, NULL));
	return 0;
}
