/* SPDX-License-Identifier: MIT */
/* Processes that share nothing but a descriptor, a socket or a name. */
#include "../common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORDS = 1000, MAX_LEN = 5000 };

/* What the started program is told: how it gets the region, by what number or name, and the queues' names or "". */
struct invitation {
	const char *way, *where, *there, *back;
};

static const char *name_or_null(const char *name)
{
	return *name ? name : NULL;
}

static ringq_region *accept_invitation(const char *way, const char *where)
{
	ringq_region *region = NULL;
	int rc = -EINVAL;

	if (!strcmp(way, "descriptor"))
		rc = ringq_region_attach(&region, atoi(where));
	else if (!strcmp(way, "socket"))
		rc = ringq_region_receive(&region, atoi(where));
	else if (!strcmp(way, "name"))
		rc = ringq_region_open(&region, where);
	check_eq(rc, 0);
	return region;
}

/* The started program: sends back what it gets. */
static int send_back(char **arguments)
{
	ringq_region *region = accept_invitation(arguments[0], arguments[1]);
	ringq_queue *there, *back;
	static char record[MAX_LEN];

	check_eq(ringq_queue_open(&there, region, name_or_null(arguments[2])), 0);
	check_eq(ringq_queue_open(&back, region, name_or_null(arguments[3])), 0);
	for (int i = 0; i < RECORDS; i++) {
		ssize_t len = ringq_get(there, record, MAX_LEN, TEST_SOON);

		check_eq(record_check(record, len).number, i);
		check_eq(ringq_put(back, record, len, TEST_SOON), 0);
	}
	ringq_queue_release(there);
	ringq_queue_release(back);
	ringq_region_detach(region);
	return 0;
}

static void start_program(void *arg)
{
	const struct invitation *invitation = arg;

	execl("/proc/self/exe", "exec_attach", invitation->way, invitation->where, invitation->there, invitation->back,
		(char *)NULL);
}

static void exchange(ringq_region *region, const struct invitation *invitation)
{
	ringq_queue *there, *back;
	static char record[MAX_LEN];
	struct rng rng = {1};
	pid_t program = fork_child(start_program, (void *)invitation);

	check_eq(ringq_queue_open(&there, region, name_or_null(invitation->there)), 0);
	check_eq(ringq_queue_open(&back, region, name_or_null(invitation->back)), 0);
	for (int i = 0; i < RECORDS; i++) {
		size_t len = record_random_len(&rng, MAX_LEN);

		record_fill(record, len, (struct record_id){.number = i});
		check_eq(ringq_put(there, record, len, TEST_SOON), 0);
	}
	for (int i = 0; i < RECORDS; i++)
		check_eq(record_check(record, ringq_get(back, record, MAX_LEN, TEST_SOON)).number, i);
	reap_child(program);
	check_eq(get_number(back, RINGQ_NOWAIT), -EAGAIN);
	check_eq(get_number(there, RINGQ_NOWAIT), -EAGAIN);
	ringq_queue_release(there);
	ringq_queue_release(back);
}

/* A region with two queues, the first of which may be anonymous. */
static ringq_region *new_region(const char *name, const char *first)
{
	ringq_region *region;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = name}), 0);
	ringq_queue_release(queue_in(region, &(struct ringq_queue_options){.name = first}));
	ringq_queue_release(queue_in(region, &(struct ringq_queue_options){.name = "back"}));
	return region;
}

static void by_descriptor(const char *there)
{
	ringq_region *region = new_region(NULL, name_or_null(there));
	int fd = dup(ringq_region_fd(region)); /* which is not close-on-exec */
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	exchange(region, &(struct invitation){"descriptor", number, there, "back"});
	close(fd);
	ringq_region_detach(region);
}

static void by_socket(const char *there, int type)
{
	ringq_region *region = new_region(NULL, name_or_null(there));
	char number[16];
	int ends[2];

	check_eq(socketpair(AF_UNIX, type, 0, ends), 0);
	check_eq(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
	check_eq(ringq_region_send(region, ends[0]), 0);
	snprintf(number, sizeof(number), "%d", ends[1]);
	exchange(region, &(struct invitation){"socket", number, there, "back"});
	close(ends[0]);
	close(ends[1]);
	ringq_region_detach(region);
}

static void by_name(const char *there)
{
	const char *name = unique_name();
	ringq_region *region = new_region(name, name_or_null(there));

	exchange(region, &(struct invitation){"name", name, there, "back"});
	check_eq(ringq_region_unlink(name), 0);
	ringq_region_detach(region);
}

int main(int argc, char **argv)
{
	static const char *const there[] = {"", "there"};

	if (argc == 5)
		return send_back(argv + 1);
	for (size_t i = 0; i < COUNT(there); i++) {
		by_descriptor(there[i]);
		by_socket(there[i], SOCK_STREAM);
		by_socket(there[i], SOCK_SEQPACKET);
		by_name(there[i]);
	}
	return 0;
}
