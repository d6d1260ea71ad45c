/* SPDX-License-Identifier: MIT */
/* Ends of pipes that are given to others over a socket: unrelated programs, in flight while the giver dies, and lies. */
#include "../common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS = 1000, MAX_LEN = 5000 };

static void socket_pair(int sockets[2], int type)
{
	check_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sockets), 0);
}

/* The started program: sends back what it receives, until the other end is gone. */
static int send_back(int socket)
{
	static char record[MAX_LEN];
	ringq_pipe *end = NULL;
	ssize_t len;

	check_eq(ringq_pipe_take(&end, socket), 0);
	check(ringq_pipe_region(end));
	while ((len = ringq_receive(end, record, MAX_LEN, TEST_SOON)) >= 0)
		check_eq(ringq_send(end, record, (size_t)len, TEST_SOON), 0);
	check_eq(len, -EPIPE);
	ringq_pipe_close(end);
	check_eq(count_region_mappings(), 0);
	return 0;
}

static void start_program(void *arg)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fcntl(*(int *)arg, F_DUPFD, 100));
	execl("/proc/self/exe", "pipe_give", number, (char *)NULL);
}

static void an_unrelated_program_takes_an_end(int type, bool named)
{
	static char record[MAX_LEN];
	const char *name = unique_name();
	struct rng rng = {1};
	ringq_region *region = NULL;
	ringq_pipe *mine, *theirs;
	int sockets[2];
	pid_t program;

	check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = named ? name : NULL}), 0);
	check_eq(ringq_pipe_create(&mine, &theirs, region, 0), 0);
	socket_pair(sockets, type);
	program = fork_child(start_program, &sockets[1]);
	check_eq(ringq_pipe_give(theirs, sockets[0]), 0);
	ringq_pipe_close(theirs);
	for (int i = 0; i < RECORDS; i++) {
		size_t len = record_random_len(&rng, MAX_LEN);

		record_fill(record, len, (struct record_id){0, (uint32_t)i});
		check_eq(ringq_send(mine, record, len, TEST_SOON), 0);
		memset(record, 0, len);
		check_eq(ringq_receive(mine, record, MAX_LEN, TEST_SOON), len);
		check_eq(record_check(record, len).number, i);
	}
	ringq_pipe_close(mine);
	reap_child(program);
	if (named)
		check_eq(ringq_region_unlink(name), 0);
	ringq_region_detach(region);
	close(sockets[0]);
	close(sockets[1]);
}

struct flight {
	ringq_pipe *mine, *theirs;
	int sockets[2];
};

static void give_and_end(void *arg)
{
	struct flight *flight = arg;

	ringq_pipe_close(flight->mine);
	check_eq(ringq_send(flight->theirs, "sent", 4, RINGQ_NOWAIT), 0);
	check_eq(ringq_pipe_give(flight->theirs, flight->sockets[0]), 0);
}

/* Its giver is gone, and nobody has taken it yet: an end on its way is held. */
static void held_in_flight(unsigned flags)
{
	struct flight flight;
	char text[8];
	ringq_pipe *taken;

	check_eq(ringq_pipe_create(&flight.mine, &flight.theirs, NULL, flags), 0);
	socket_pair(flight.sockets, SOCK_STREAM);
	reap_child(fork_child(give_and_end, &flight));
	ringq_pipe_close(flight.theirs);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_NOWAIT), 4);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_MS(250)), -ETIMEDOUT);
	check_eq(ringq_pipe_take(&taken, flight.sockets[1]), 0);
	check_eq(ringq_send(taken, "taken", 5, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_NOWAIT), 5);
	ringq_pipe_close(taken);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_FOREVER), -EPIPE);
	ringq_pipe_close(flight.mine);
	close(flight.sockets[0]);
	close(flight.sockets[1]);
}

/* The socket goes with the end in it: then nobody holds it. */
static void dropped_in_flight(void)
{
	struct flight flight;
	int64_t start = now_ns();
	char text[8];

	check_eq(ringq_pipe_create(&flight.mine, &flight.theirs, NULL, 0), 0);
	socket_pair(flight.sockets, SOCK_STREAM);
	check_eq(ringq_pipe_give(flight.theirs, flight.sockets[0]), 0);
	ringq_pipe_close(flight.theirs);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_MS(250)), -ETIMEDOUT);
	close(flight.sockets[0]);
	close(flight.sockets[1]);
	check_eq(ringq_receive(flight.mine, text, sizeof(text), RINGQ_SEC(60)), -EPIPE);
	check_compare(now_ns() - start, <, TEST_SOON);
	check_eq(ringq_send(flight.mine, text, 1, RINGQ_FOREVER), -EPIPE);
	ringq_pipe_close(flight.mine);
}

/* The message of ringq_pipe_give(), as sent. */
struct gift {
	uint64_t magic, first[2], owner[2];
};

static void send_message(int socket, const void *body, size_t len, const int *fds, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)body, len};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = n ? control : NULL,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};

	if (n) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	} else {
		m.msg_controllen = 0;
	}
	check_eq(sendmsg(socket, &m, 0), len);
}

static size_t receive_message(int socket, struct gift *gift, int fds[8])
{
	struct iovec iov = {gift, sizeof(*gift)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	size_t n;

	check_eq(recvmsg(socket, &m, MSG_CMSG_CLOEXEC), sizeof(*gift));
	n = (CMSG_FIRSTHDR(&m)->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), n * sizeof(int));
	return n;
}

enum {
	HONEST,
	MAGIC,
	SHORT,
	UNIT,
	FAR_UNIT,
	OWNER,
	NO_SIDE,
	FEWER,
	MORE,
	NO_FDS,
	OTHER_FILE,
	OTHER_REGION,
	QUEUE,
	READ_ONLY,
	LIES
};

/* Whoever takes an end does not believe what came with it, and keeps nothing of a lie. */
static void lies_are_refused(void)
{
	struct flight flight;
	ringq_region *other = region_new(0);
	ringq_queue *queue;
	int unrelated = open("/dev/null", O_RDWR | O_CLOEXEC), fds[8], read_only;
	struct gift gift, lie;
	char path[64];

	check_eq(ringq_pipe_create(&flight.mine, &flight.theirs, NULL, 0), 0);
	queue = queue_in(ringq_pipe_region(flight.mine), NULL); /* an object that is no pipe's */
	socket_pair(flight.sockets, SOCK_SEQPACKET);
	check_eq(ringq_pipe_give(flight.theirs, flight.sockets[0]), 0);
	check_eq(receive_message(flight.sockets[1], &gift, fds), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	for (int kind = HONEST; kind < LIES; kind++) {
		int with[8] = {fds[0], fds[1], fds[2], fds[2], fds[2]};
		size_t n = 3, len = sizeof(lie);
		unsigned before = count_descriptors();
		ringq_pipe *taken = NULL;
		int rc;

		test_row((size_t)kind);
		lie = gift;
		lie.magic += kind == MAGIC;
		lie.first[0] += kind == UNIT;
		lie.first[1] = kind == FAR_UNIT ? UINT64_C(1) << 40 : lie.first[1];
		lie.owner[0] += kind == OWNER ? 1 << 28 : 0;
		lie.first[0] = kind == NO_SIDE ? UINT64_MAX : lie.first[0];
		len -= kind == SHORT ? 8 : 0;
		n = kind == FEWER ? 2 : kind == MORE ? 5 : kind == NO_FDS ? 0 : 3;
		with[1] = kind == OTHER_FILE ? unrelated : kind == READ_ONLY ? read_only : with[1];
		with[0] = kind == OTHER_REGION ? ringq_region_fd(other) : with[0];
		if (kind == QUEUE) {
			/* Nothing but the kind of owner word tells: behind the two directions there is the queue. */
			lie.first[0] = lie.first[1] + (gift.owner[1] >> 3 & 0xffffff);
			lie.owner[0] = gift.owner[1];
		}
		send_message(flight.sockets[0], &lie, len, with, n);
		rc = ringq_pipe_take(&taken, flight.sockets[1]);
		if (kind == HONEST) {
			check_eq(rc, 0);
			ringq_pipe_close(taken);
		} else {
			check(rc == -EPROTO || rc == -EBADMSG);
			check(!taken);
		}
		check_eq(count_descriptors(), before);
	}
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	close(read_only);
	close(unrelated);
	close(flight.sockets[0]);
	check_eq(ringq_pipe_take(&flight.theirs, flight.sockets[1]), -EPIPE);
	close(flight.sockets[1]);
	ringq_pipe_close(flight.mine);
	ringq_pipe_close(flight.theirs);
	ringq_queue_release(queue);
	ringq_region_detach(other);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return send_back(atoi(argv[1]));
	an_unrelated_program_takes_an_end(SOCK_STREAM, false);
	an_unrelated_program_takes_an_end(SOCK_SEQPACKET, true);
	held_in_flight(0);
	held_in_flight(RINGQ_SIMPLEX);
	dropped_in_flight();
	lies_are_refused();
	return 0;
}
