/* SPDX-License-Identifier: MIT */

/*
 * Says, once, when a region's name was removed and no other process has it: then nobody new can come, and who waits there
 * waits for nothing. The wait itself is one sleep in the library, which others see for what it is; so a thread of its own
 * looks. It only looks at the file and at /proc, and ends with the program.
 */

#include "nameless.h"

#include "find.h"
#include "message.h"
#include "signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE RINGQ_SEC(1)
#define LAST_PAUSE RINGQ_SEC(8)

struct watched {
	int fd; /* of its own: the region may be let go meanwhile */
	char label[300];
};

/* Whether another process is seen to have it, or that cannot be known. */
static bool is_held_by_others(int fd)
{
	struct search search;
	bool held = false;
	if (search_all(&search))
		return true;
	const struct found *found = search_find(&search, fd);
	for (size_t i = 0; found && i < found->holder_count; i++)
		held |= found->holders[i].pid != getpid();
	search_free(&search);
	return held;
}

static void *watch(void *arg)
{
	struct watched *w = arg;
	struct stat st;
	for (int64_t pause = FIRST_PAUSE;;) {
		struct timespec t = {.tv_sec = pause / 1000000000};
		nanosleep(&t, NULL);
		if (fstat(w->fd, &st))
			break;
		if (st.st_nlink)
			continue;
		if (!is_held_by_others(w->fd)) {
			complain("%s: its name was removed, and no other process is seen to have it: "
				 "nobody will come; it goes on",
				w->label);
			break;
		}
		pause = 2 * pause < LAST_PAUSE ? 2 * pause : LAST_PAUSE;
	}
	close(w->fd);
	free(w);
	return NULL;
}

void tool_watch_name(const struct target *target)
{
	struct stat st;
	sigset_t all, before;
	pthread_t thread;
	if (fstat(ringq_region_fd(target->region), &st) || !st.st_nlink)
		return; /* it never had a name, or has none any more */
	struct watched *w = malloc(sizeof *w);
	if (!w)
		return;
	memcpy(w->label, target->label, sizeof w->label);
	w->fd = fcntl(ringq_region_fd(target->region), F_DUPFD_CLOEXEC, 3);
	sigfillset(&all); /* signals are the other thread's */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (w->fd >= 0 && pthread_create(&thread, NULL, watch, w) == 0) {
		pthread_detach(thread);
	} else {
		if (w->fd >= 0)
			close(w->fd);
		free(w);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
