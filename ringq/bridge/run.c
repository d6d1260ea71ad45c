/* SPDX-License-Identifier: MIT */

/*
 * The process: a thread for each bridge, signals, and the service manager. A bridge that ends leaves the others alone; the
 * process ends with the last one.
 */

#include "run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"
#include "thread.h"

#define STUCK RINGQ_SEC(60) /* a thread that has not come by for so long is not waiting for a broker */
#define GRACE RINGQ_SEC(3)  /* beyond `stop-timeout`: to part from the broker */

struct all {
	struct bridge *bridge;
	size_t n;
	int signals; /* a signalfd */
	int ended;   /* an eventfd: readable once a bridge has ended since it was read */
	bool stopping;
	int64_t give_up; /* stopping: until when threads may end */
	int64_t watchdog, pinged;
};

static int start(struct all *all, const struct config *config, const struct run_options *options)
{
	all->bridge = calloc(config->bridges, sizeof *all->bridge);
	if (!all->bridge)
		return -ENOMEM;
	for (size_t i = 0; i < config->bridges; i++) {
		struct bridge *b = &all->bridge[all->n];
		if (config->bridge[i].skip)
			continue;
		b->config = &config->bridge[i];
		b->options = options;
		b->tick = link_now();
		b->wake = eventfd(0, EFD_CLOEXEC);
		b->done = all->ended;
		link_init(&b->link, b->config);
		int e = b->wake < 0 ? errno : pthread_create(&b->thread, NULL, thread_run, b);
		if (e)
			return -e;
		all->n++;
	}
	return 0;
}

static void stop(struct all *all)
{
	int64_t now = link_now();
	uint64_t one = 1;
	all->give_up = now + GRACE;
	if (!all->stopping)
		notify_send("STOPPING=1");
	for (size_t i = 0; i < all->n; i++) {
		struct bridge *b = &all->bridge[i];
		int64_t until = now + (all->stopping ? 0 : b->config->stop_timeout);
		atomic_store(&b->stop_at, until);
		atomic_store(&b->stop, true);
		if (until + GRACE > all->give_up)
			all->give_up = until + GRACE;
		if (write(b->wake, &one, sizeof one) < 0)
			log_line(LOG_LEVEL_ERROR, b->config->name, "cannot be woken: %s", strerror(errno));
		if (all->stopping)
			link_cut(&b->link); /* the second signal */
	}
	all->stopping = true;
}

/* How many still run. Those that are stuck in their link are cut from it when their time is over. */
static size_t look_after(struct all *all)
{
	int64_t now = link_now();
	size_t running = 0;
	bool lively = true;
	for (size_t i = 0; i < all->n; i++) {
		struct bridge *b = &all->bridge[i];
		if (atomic_load(&b->ended))
			continue;
		running++;
		if (all->stopping && now > atomic_load(&b->stop_at) + GRACE / 3)
			link_cut(&b->link);
		int64_t last_seen = atomic_load(&b->tick), silence = 2 * b->config->heartbeat + RINGQ_SEC(1);
		if (now - last_seen > silence)
			link_cut_if_silent(&b->link, silence);
		lively = lively && now - last_seen < STUCK + b->config->connect_timeout;
	}
	if (all->watchdog && lively && now - all->pinged >= all->watchdog) {
		notify_send("WATCHDOG=1");
		all->pinged = now;
	}
	return running;
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until all have ended. Whether they have. */
static bool watch(struct all *all)
{
	struct signalfd_siginfo info;
	struct pollfd p[] = {{.fd = all->signals, .events = POLLIN}, {.fd = all->ended, .events = POLLIN}};
	uint64_t ended;
	for (;;) {
		int64_t pause = all->watchdog && all->watchdog < RINGQ_SEC(1) ? all->watchdog : RINGQ_SEC(1);
		if (all->stopping && pause > RINGQ_MS(100))
			pause = RINGQ_MS(100);
		if (look_after(all) == 0)
			return true;
		if (poll(p, 2, (int)(pause / 1000000)) > 0 && (p[1].revents & POLLIN) &&
			read(all->ended, &ended, sizeof ended) < 0)
			log_line(LOG_LEVEL_ERROR, NULL, "eventfd: %s", strerror(errno));
		if (read(all->signals, &info, sizeof info) == sizeof info)
			stop(all);
		if (all->stopping && link_now() > all->give_up)
			return false;
	}
}

int run_all(const struct config *config, const struct run_options *options)
{
	struct all all = {.signals = open_signals(), .ended = eventfd(0, EFD_CLOEXEC), .watchdog = notify_watchdog()};
	int status = STATUS_DONE;
	if (all.signals < 0 || all.ended < 0) {
		log_line(LOG_LEVEL_ERROR, NULL, "%s: %s", all.signals < 0 ? "signalfd" : "eventfd", strerror(errno));
		return STATUS_TROUBLE;
	}
	int e = start(&all, config, options);
	if (e) {
		log_line(LOG_LEVEL_ERROR, NULL, "cannot start: %s", strerror(-e));
		status = STATUS_TROUBLE;
		stop(&all);
	} else {
		notify_send("READY=1");
	}
	if (!watch(&all)) {
		/* Nothing is lost by that: what is in hand comes back with the end of the process. */
		log_line(LOG_LEVEL_WARNING, NULL, "a bridge is stuck: ending without it");
		_exit(status ? status : STATUS_DONE);
	}
	for (size_t i = 0; i < all.n; i++) {
		pthread_join(all.bridge[i].thread, NULL);
		close(all.bridge[i].wake);
		if (status == STATUS_DONE)
			status = all.bridge[i].status;
	}
	free(all.bridge);
	close(all.signals);
	close(all.ended);
	return status;
}
