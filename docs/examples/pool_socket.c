/* SPDX-License-Identifier: MIT */
/*
 * Workers that did not inherit the queue get it over a UNIX socket: one puts A, B and C, another takes what is there.
 *
 * The counterpart of: q = Manager().Queue() handed to the workers of a Pool, pool.apply(writer) and then
 * pool.apply(reader). Whoever is sent the region may use its queues; nobody else can find it, and it has no name that
 * could stay behind. The socket has no file either: its name is in Linux's abstract namespace.
 */

#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "example.h"

static const char letters[] = "ABC";

static void writer(ringq_queue *queue)
{
	for (const char *letter = letters; *letter; letter++)
		must(ringq_put(queue, letter, 1, RINGQ_FOREVER), "put");
}

static void reader(ringq_queue *queue)
{
	uint64_t size = ringq_size(queue);

	expect(size == strlen(letters), "all letters are there");
	for (uint64_t i = 0; i < size; i++) {
		char letter;

		must(ringq_get(queue, &letter, 1, RINGQ_FOREVER), "get");
		printf("get data from queue:\t%c\n", letter);
		expect(letter == letters[i], "letters come out in the order that they went in");
	}
}

/* An abstract name begins with a zero byte, which sun_path has from its initialization. */
static socklen_t address_of(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static void work(const char *role, const char *name)
{
	struct sockaddr_un address;
	socklen_t len = address_of(&address, name);
	ringq_region *region;
	ringq_queue *queue;

	printf("%s started (%d), its parent is (%d)\n", role, (int)getpid(), (int)getppid());
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect(fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0, "the worker can connect");
	must(ringq_region_receive(&region, fd), "receive region");
	must(ringq_queue_open(&queue, region, NULL), "open queue");
	close(fd);

	if (strcmp(role, "writer") == 0)
		writer(queue);
	else
		reader(queue);

	ringq_queue_release(queue);
	ringq_region_detach(region);
}

static int listen_at(const char *name)
{
	struct sockaddr_un address;
	socklen_t len = address_of(&address, name);
	struct timeval patience = {.tv_sec = 10};

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 8) == 0, "the socket listens");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)); /* if a worker dies before it connects */
	return fd;
}

/* Has one worker do its work on the queues of a region. */
static void apply(char *role, char *name, int listener, const ringq_region *region)
{
	pid_t worker = spawn(role, name);
	int fd = accept(listener, NULL, NULL);

	expect(fd >= 0, "the worker connects");
	must(ringq_region_send(region, fd), "send region");
	close(fd);
	join(worker);
}

int main(int argc, char **argv)
{
	char name[64];
	ringq_queue *queue;

	if (argc == 3) {
		work(argv[1], argv[2]);
		return EXIT_SUCCESS;
	}
	printf("(%d) start\n", (int)getpid());
	snprintf(name, sizeof(name), "ringq-pool-%d", (int)getpid());
	int listener = listen_at(name);
	must(ringq_queue_create(&queue, NULL, NULL), "create queue");

	apply("writer", name, listener, ringq_queue_region(queue));
	apply("reader", name, listener, ringq_queue_region(queue));
	expect(ringq_empty(queue), "nothing is left");
	printf("(%d) end\n", (int)getpid());

	close(listener);
	ringq_queue_release(queue);
	return EXIT_SUCCESS;
}
