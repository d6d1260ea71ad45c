/* SPDX-License-Identifier: MIT */

/*
 * Gives a region to another process, over a UNIX socket: also one without a name, and one that some other process has. The
 * other end is ringq_region_receive(), or, of one to look at, ringq_region_observe(). This end observes; the descriptor that
 * it sends is another one.
 */

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool serve, look_only;
static uint64_t count = 1;
static int64_t patience = RINGQ_FOREVER;

/* "@NAME" is in the abstract namespace. 0, or an exit status. */
static int parse_address(const char *path, struct sockaddr_un *out, socklen_t *len)
{
	size_t n = strlen(path);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0 || n >= sizeof out->sun_path)
		return usage("%s: no path that a socket can have", path);
	memcpy(out->sun_path, path, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path != '@'));
	if (*path == '@')
		*out->sun_path = 0;
	return 0;
}

/* ---- the region ---- */

/* The same file, with the rights that are to be given. */
static int reopen(const struct target *t, ringq_region **out)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", ringq_region_fd(t->region));
	int fd = open(path, (look_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	int e = fd < 0 ? -errno : ringq_region_observe(out, fd);
	if (fd >= 0)
		close(fd);
	return e;
}

static int send_to(const ringq_region *region, int to, const char *path)
{
	int e = ringq_region_send(region, to);
	return e ? fail(e, path) : STATUS_DONE;
}

/* ---- the socket ---- */

static int connect_to(const ringq_region *region, const char *path, const struct sockaddr_un *address, socklen_t len)
{
	static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
	int e = 0;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int to = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
		if (to < 0)
			return fail(-errno, "a socket");
		e = connect(to, (const struct sockaddr *)address, len) ? -errno : 0;
		int r = e ? 0 : send_to(region, to, path);
		close(to);
		if (e == 0)
			return r;
		if (e != -EPROTOTYPE)
			break;
	}
	if (e != -ECONNREFUSED)
		return fail(e, path);
	complain("%s: nobody listens there", path);
	return STATUS_NOT_FOUND;
}

/*
 * One that nobody listens at any more is what a server that was killed has left. Asked for by datagrams, which no connection
 * comes of that a server would count.
 */
static void remove_left(const char *path, const struct sockaddr_un *address, socklen_t len)
{
	struct stat st;
	int to = *path == '@' || lstat(path, &st) || !S_ISSOCK(st.st_mode)
	                 ? -1
	                 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (to < 0)
		return;
	if (connect(to, (const struct sockaddr *)address, len) && errno == ECONNREFUSED)
		unlink(path);
	close(to);
}

static int give_to_all(const ringq_region *region, int at, const char *path)
{
	int64_t until = patience < 0 ? INT64_MAX : now_ns() + patience;
	for (uint64_t given = 0; (given < count || !count) && !tool_stopped;) {
		if (!tool_poll(at, until - now_ns() < RINGQ_SEC(60) ? until - now_ns() : RINGQ_SEC(60))) {
			if (now_ns() >= until)
				return STATUS_NO;
			continue;
		}
		int to = accept4(at, NULL, NULL, SOCK_CLOEXEC);
		if (to < 0)
			continue; /* it has gone again */
		int e = ringq_region_send(region, to);
		given += e == 0;
		if (e && e != -EPIPE) /* it has gone again */
			fail(e, path);
		close(to);
	}
	return count && tool_stopped ? STATUS_NO : STATUS_DONE;
}

static int listen_at(const ringq_region *region, const char *path, const struct sockaddr_un *address, socklen_t len)
{
	remove_left(path, address, len);
	int at = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177); /* who may connect has the region */
	int e = at < 0 ? -errno : bind(at, (const struct sockaddr *)address, len) ? -errno : 0;
	umask(mask);
	if (e == 0 && listen(at, 128))
		e = -errno;
	int r = e == -EADDRINUSE ? fail(-EEXIST, path) : e ? fail(e, path) : give_to_all(region, at, path);
	if (at >= 0)
		close(at);
	if (e == 0 && *path != '@')
		unlink(path);
	return r;
}

static int run(int argc, char **argv)
{
	struct sockaddr_un address;
	struct target target;
	ringq_region *region;
	socklen_t len = 0; /* as gcc does not see that parse_address() gives it */
	(void)argc;
	int r = parse_address(argv[1], &address, &len);
	if (r == 0)
		r = target_region(&target, argv[0], LOOK);
	if (r)
		return r;
	tool_catch_signals();
	int e = reopen(&target, &region);
	if (e) {
		r = fail(e, argv[0]);
	} else {
		r = serve ? listen_at(region, argv[1], &address, len) : connect_to(region, argv[1], &address, len);
		ringq_region_detach(region);
	}
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'l', "listen", NULL, OPTION_FLAG, &serve, "make the socket, and give the region to whoever connects"},
	{'n', "count", "N", OPTION_NUMBER, &count, "listen: until so many have had it; 1; 0: for ever"},
	{'t', "timeout", "TIME", OPTION_TIME, &patience, "listen: end with 1 then; forever"},
	{0, "look-only", NULL, OPTION_FLAG, &look_only, "send a descriptor for reading, which is enough to observe"},
	OPTIONS_END,
};

const struct command send_command = {
	"send", run, "REGION SOCKET", "Gives a region to another process, over a UNIX socket", options, 2, 2, false};
