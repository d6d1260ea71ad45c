/* SPDX-License-Identifier: MIT */
/* Regions sent over sockets. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int socket_types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

struct pair {
	int near, far;
};

static struct pair socket_pair(int type)
{
	int ends[2];

	check_eq(socketpair(AF_UNIX, type, 0, ends), 0);
	return (struct pair){ends[0], ends[1]};
}

static void close_pair(struct pair pair)
{
	close(pair.near);
	close(pair.far);
}

/* Sends a message of len bytes with some descriptors. */
static void send_message(int socket, const char *text, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)text, len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	check_eq(sendmsg(socket, &message, 0), len);
}

/* Receives what must not be taken, and checks that nothing is left of it. */
static int receive_nothing(int socket)
{
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();
	ringq_region *untouched = (ringq_region *)&descriptors, *region = untouched;
	int rc = ringq_region_receive(&region, socket);

	check_compare(rc, <, 0);
	check(region == untouched);
	check_eq(count_descriptors(), descriptors);
	check_eq(count_region_mappings(), mappings);
	return rc;
}

Test(transfer, gives_the_same_handle_in_the_same_process)
{
	for (size_t i = 0; i < COUNT(socket_types); i++) {
		struct pair pair = socket_pair(socket_types[i]);
		ringq_region *region = region_new(0), *received;

		check_eq(ringq_region_send(region, pair.near), 0);
		check_eq(ringq_region_receive(&received, pair.far), 0);
		check(received == region);
		ringq_region_detach(region);
		check_compare(ringq_region_memory(received), >=, 0);
		ringq_region_detach(received);
		close_pair(pair);
	}
}

Test(transfer, keeps_the_region_alive_on_the_way)
{
	unsigned descriptors = count_descriptors(), mappings = count_region_mappings();
	struct pair pair = socket_pair(SOCK_STREAM);
	ringq_region *region = region_new(0);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){0});

	check_eq(put_number(queue, 5, RINGQ_NOWAIT), 0);
	check_eq(ringq_region_send(region, pair.near), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	check_eq(count_region_mappings(), mappings);

	check_eq(ringq_region_receive(&region, pair.far), 0);
	check(fcntl(ringq_region_fd(region), F_GETFD) & FD_CLOEXEC);
	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 5);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	close_pair(pair);
	check_eq(count_descriptors(), descriptors);
}

Test(transfer, keeps_several_regions_in_a_stream_apart)
{
	struct pair pair = socket_pair(SOCK_STREAM);
	ringq_region *regions[5], *received;

	for (size_t i = 0; i < COUNT(regions); i++) {
		regions[i] = region_new(0);
		check_eq(ringq_region_send(regions[i], pair.near), 0);
	}
	for (size_t i = 0; i < COUNT(regions); i++) {
		check_eq(ringq_region_receive(&received, pair.far), 0);
		check(received == regions[i]);
		ringq_region_detach(received);
		ringq_region_detach(received);
	}
	close_pair(pair);
}

Test(transfer, receive_from_a_closed_peer_is_epipe)
{
	struct pair pair = socket_pair(SOCK_STREAM);

	close(pair.near);
	check_eq(receive_nothing(pair.far), -EPIPE);
	close(pair.far);
}

Test(transfer, receive_gets_what_came_before_the_close)
{
	struct pair pair = socket_pair(SOCK_STREAM);
	ringq_region *region = region_new(0), *received;

	check_eq(ringq_region_send(region, pair.near), 0);
	close(pair.near);
	check_eq(ringq_region_receive(&received, pair.far), 0);
	check_eq(receive_nothing(pair.far), -EPIPE);
	ringq_region_detach(received);
	ringq_region_detach(region);
	close(pair.far);
}

Test(transfer, a_message_without_a_descriptor_is_eproto)
{
	for (size_t i = 0; i < COUNT(socket_types); i++) {
		struct pair pair = socket_pair(socket_types[i]);

		send_message(pair.near, "x", 1, NULL, 0);
		check_eq(receive_nothing(pair.far), -EPROTO);
		close_pair(pair);
	}
}

Test(transfer, a_message_with_a_wrong_descriptor_is_eproto)
{
	for (size_t i = 0; i < COUNT(socket_types); i++) {
		struct pair pair = socket_pair(socket_types[i]);
		int null = open("/dev/null", O_RDWR);

		send_message(pair.near, "x", 1, &null, 1);
		check_eq(receive_nothing(pair.far), -EPROTO);
		close(null);
		close_pair(pair);
	}
}

Test(transfer, a_region_that_is_open_for_reading_only_is_eacces)
{
	struct pair pair = socket_pair(SOCK_SEQPACKET);
	ringq_region *region = region_new(0);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ringq_region_fd(region));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check_compare(fd, >=, 0);
	send_message(pair.near, "x", 1, &fd, 1);
	check_eq(receive_nothing(pair.far), -EACCES);
	close(fd);
	ringq_region_detach(region);
	close_pair(pair);
}

Test(transfer, more_descriptors_than_one_leave_nothing_open)
{
	struct pair pair = socket_pair(SOCK_SEQPACKET);
	int fds[8];

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = open("/dev/null", O_RDWR);
	for (size_t n = 2; n <= COUNT(fds); n++) {
		send_message(pair.near, "x", 1, fds, n);
		check_eq(receive_nothing(pair.far), -EPROTO);
	}
	close_pair(pair);
}

Test(transfer, bad_arguments_are_einval_and_bad_sockets_what_the_system_says)
{
	struct pair pair = socket_pair(SOCK_STREAM);
	ringq_region *region = region_new(0);
	int null = open("/dev/null", O_RDWR);

	check_eq(ringq_region_send(NULL, pair.near), -EINVAL);
	check_eq(ringq_region_receive(NULL, pair.near), -EINVAL);
	check_eq(ringq_region_send(region, -1), -EBADF);
	check_eq(receive_nothing(-1), -EBADF);
	check_eq(ringq_region_send(region, null), -ENOTSOCK);
	check_eq(receive_nothing(null), -ENOTSOCK);
	close(pair.far);
	check_eq(ringq_region_send(region, pair.near), -EPIPE);
	close(pair.near);
	close(null);
	ringq_region_detach(region);
}

Test(transfer, a_non_blocking_socket_does_not_block)
{
	struct pair pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);

	check_eq(receive_nothing(pair.far), -EAGAIN);
	close_pair(pair);
}
