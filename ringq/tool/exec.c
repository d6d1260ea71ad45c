/* SPDX-License-Identifier: MIT */

/*
 * Runs a command for each record of an acknowledged queue: only a command that has ended well finishes its record. What a
 * command fails on, or this program is killed beside, comes back. One thread takes and acknowledges; commands run side by
 * side as its children, each with a record as a file that is its standard input, or as its last argument. On a terminal it
 * says how far it is, in a line that each next one takes the place of.
 */

#include "dead_letter.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit statuses as of xargs, beside those of a command. */
enum {
	SOME_FAILED = 123,
	TOLD_TO_STOP = 124, /* a command ended with 255 */
};

enum { JOBS_MOST = 1024 };

#define FIRST_PAUSE RINGQ_MS(10)
#define LAST_PAUSE RINGQ_MS(1000)
#define SHOW_EVERY RINGQ_MS(100)
#define CLEAR_LINE "\r\x1b[K"

static uint64_t count = UINT64_MAX, jobs = 1, attempts;
static int64_t patience = RINGQ_FOREVER;
static const char *dead_letters;
static bool as_argument, quiet;

struct job {
	struct ringq_delivery delivery;
	pid_t child; /* 0: none */
};

struct work {
	ringq_queue *queue;
	ringq_queue *dead; /* or NULL */
	const char *what;
	char **command;
	char **last; /* of the command's words: where the record goes as an argument */
	struct job *job;
	uint64_t running, taken, done, failed;
	bool shows; /* how far it is */
	int64_t shown;
	bool over; /* no more are taken */
	int result;
};

/* How far it is, now and then; `now`: in any case, as nothing may come for long. */
static void show_progress(struct work *w, bool now)
{
	int64_t time = w->shows ? now_ns() : 0;
	if (!w->shows || (!now && time - w->shown < SHOW_EVERY))
		return;
	w->shown = time;
	fprintf(stderr, CLEAR_LINE "%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " running, %" PRIu64 " waiting",
		w->done, w->failed, w->running, ringq_size(w->queue));
	fflush(stderr);
}

/* Before another line is written there. */
static void clear_progress(const struct work *w)
{
	if (w->shows)
		fputs(CLEAR_LINE, stderr);
}

/* The record as a file. -1 with the complaint made. */
static int file_of(const struct ringq_delivery *d)
{
	int fd = memfd_create("ringq exec", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < d->len) {
		ssize_t n = write(fd, (const char *)d->data + done, d->len - done);
		if (n < 0 && errno != EINTR) {
			close(fd);
			fd = -1;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0)
		complain("a file for the record: %s", strerror(errno));
	else
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* The record as a file that is open for reading, or as the command's last word. -1 with the complaint made. */
static int pass(struct work *w, const struct ringq_delivery *d)
{
	if (!as_argument)
		return file_of(d);
	free(*w->last);
	*w->last = strndup(d->data, d->len);
	int fd = *w->last ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		complain("an argument for the record: %s", strerror(errno));
	return fd;
}

/* 0, or an exit status with the complaint made. */
static int start(struct work *w, struct job *job)
{
	posix_spawn_file_actions_t actions;
	char attempt[16];
	int fd = pass(w, &job->delivery);
	if (fd < 0)
		return STATUS_TROUBLE;
	snprintf(attempt, sizeof attempt, "%u", job->delivery.attempt);
	setenv("RINGQ_ATTEMPT", attempt, 1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	int e = posix_spawnp(&job->child, w->command[0], &actions, NULL, w->command, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
	if (e == 0)
		return 0;
	job->child = 0;
	clear_progress(w);
	complain("%s: %s", w->command[0], strerror(e));
	return e == ENOENT ? NOT_THERE : e == ENOMEM || e == EAGAIN ? STATUS_TROUBLE : CANNOT_RUN;
}

static void stop(struct work *w, int result)
{
	w->over = true;
	if (result > w->result)
		w->result = result;
}

static void give_back(struct work *w, struct job *job)
{
	int e = ringq_requeue(w->queue, &job->delivery);
	if (e)
		stop(w, fail(e, w->what));
}

static void acknowledge(struct work *w, struct job *job)
{
	int e = ringq_ack(w->queue, &job->delivery);
	if (e)
		stop(w, fail(e, w->what));
}

/* First there, then gone here: who is killed in between leaves it in both. */
static void set_aside(struct work *w, struct job *job)
{
	int e = w->dead ? put_dead_letter(w->dead, &job->delivery) : 0;
	if (e) {
		give_back(w, job);
		stop(w, fail(e, dead_letters));
		return;
	}
	clear_progress(w);
	complain("%s: a record of %s is %s after attempt %u", w->what, show_number(job->delivery.len, "byte", "bytes"),
		w->dead ? "set aside" : "dropped", job->delivery.attempt);
	acknowledge(w, job);
}

static bool tried_enough(const struct ringq_delivery *d)
{
	return attempts && d->attempt >= attempts;
}

static void fail_on(struct work *w, struct job *job)
{
	w->failed++;
	if (tried_enough(&job->delivery))
		set_aside(w, job);
	else
		give_back(w, job);
}

static void finish(struct work *w, struct job *job, int status)
{
	job->child = 0;
	w->running--;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		w->done++;
		acknowledge(w, job);
		return;
	}
	fail_on(w, job);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		stop(w, TOLD_TO_STOP);
	else if (w->result < SOME_FAILED)
		w->result = SOME_FAILED;
}

/* Ends the jobs whose commands have ended; waits for one if it may. */
static void reap(struct work *w, bool waits)
{
	int status;
	pid_t child;
	while (w->running && (child = waitpid(-1, &status, waits ? 0 : WNOHANG)) != 0) {
		if (child < 0 && errno != EINTR)
			return;
		for (uint64_t i = 0; child > 0 && i < jobs; i++)
			if (w->job[i].child == child) {
				finish(w, &w->job[i], status);
				waits = false;
				break;
			}
	}
}

/* A record that comes back is tried again after a while, which grows. What others end with meanwhile is not left. */
static void pause_before(struct work *w, uint32_t attempt)
{
	int64_t pause = FIRST_PAUSE;
	for (uint32_t i = 2; i < attempt && pause < LAST_PAUSE; i++)
		pause *= 2;
	int64_t until = now_ns() + (pause < LAST_PAUSE ? pause : LAST_PAUSE);
	while (attempt > 1 && !tool_stopped && now_ns() < until) {
		tool_sleep(until - now_ns());
		reap(w, false);
	}
}

static void child_ended(int signal)
{
	(void)signal;
	if (tool_waits_on)
		ringq_interrupt(tool_waits_on);
}

static void take_one(struct work *w)
{
	struct job *job = w->job;
	while (job->child)
		job++;
	show_progress(w, w->shows && ringq_size(w->queue) == 0);
	/* What runs may fail, and come back: so nothing ends before it has. Its end interrupts. */
	int e = ringq_take(w->queue, &job->delivery, w->running ? RINGQ_FOREVER : patience);
	if (e == -EINTR && !tool_stopped)
		return;
	if (e == -EAGAIN && patience != RINGQ_NOWAIT)
		return; /* lost to others all the time */
	if (e == -EPIPE || e == -EINTR || e == -ETIMEDOUT || e == -EAGAIN) {
		stop(w, STATUS_DONE);
		return;
	}
	if (e) {
		stop(w, fail(e, w->what));
		return;
	}
	if (attempts && job->delivery.attempt > attempts) { /* programs like this one have died with it */
		set_aside(w, job);
		return;
	}
	pause_before(w, job->delivery.attempt);
	if (as_argument && memchr(job->delivery.data, 0, job->delivery.len)) {
		clear_progress(w);
		complain("%s: a record with a zero byte is no argument", w->what);
		w->taken++;
		w->result = w->result < SOME_FAILED ? SOME_FAILED : w->result;
		fail_on(w, job);
		return;
	}
	e = tool_stopped ? STATUS_DONE : start(w, job);
	if (job->child) {
		w->running++;
		w->taken++;
		return;
	}
	give_back(w, job);
	stop(w, e);
}

static void work(struct work *w)
{
	const char *terminal = getenv("TERM");
	w->shows = !quiet && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
	tool_waits_on = w->queue;
	tool_catch_signals();
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = child_ended, .sa_flags = SA_NOCLDSTOP}, NULL);
	while (!w->over && !tool_stopped && w->taken < count) {
		reap(w, w->running == jobs);
		if (!w->over && w->running < jobs)
			take_one(w);
	}
	while (w->running)
		reap(w, true);
	tool_waits_on = NULL;
	show_progress(w, true);
	if (w->shows)
		fputc('\n', stderr);
}

static int run(int argc, char **argv)
{
	struct target target;
	struct ringq_queue_stat stat;
	struct work w = {.what = argv[0]};
	if (jobs < 1 || jobs > JOBS_MOST)
		return usage("--jobs is from 1 to %d", JOBS_MOST);
	int r = target_queue(&target, &w.queue, argv[0], USE);
	if (r)
		return r;
	w.job = calloc(jobs, sizeof *w.job);
	w.command = calloc((size_t)argc + 1, sizeof *w.command);
	int e = w.job && w.command ? ringq_queue_stat(w.queue, &stat) : -ENOMEM, no_dead = 0;
	if (e == 0 && dead_letters)
		no_dead = ringq_queue_open(&w.dead, target.region, dead_letters);
	if (e || no_dead) {
		w.result = e ? fail(e, argv[0]) : fail(no_dead, dead_letters);
	} else if (!(stat.flags & RINGQ_ACKNOWLEDGED)) {
		w.result = usage("%s: not acknowledged, as `ringq create --acknowledged` makes queues", argv[0]);
	} else {
		memcpy(w.command, argv + 1, (size_t)(argc - 1) * sizeof *w.command);
		w.last = w.command + argc - 1;
		tool_watch_name(&target);
		work(&w);
		free(*w.last);
	}
	free(w.command);
	free(w.job);
	ringq_queue_release(w.dead);
	ringq_queue_release(w.queue);
	target_close(&target);
	return w.result;
}

static const struct option_spec options[] = {
	{'n', "count", "N", OPTION_NUMBER, &count, "run it so many times; until the queue is closed"},
	{'j', "jobs", "N", OPTION_NUMBER, &jobs, "side by side; 1"},
	{'a', "argument", NULL, OPTION_FLAG, &as_argument, "a record is the last argument, not standard input"},
	{'q', "quiet", NULL, OPTION_FLAG, &quiet, "say nothing of how far it is, on a terminal"},
	{0, "attempts", "N", OPTION_NUMBER, &attempts, "set a record aside after so many; never"},
	{0, "dead-letters", "QUEUE", OPTION_TEXT, &dead_letters, "of the region, which gets it then; it is dropped"},
	{'w', "wait", "TIME", OPTION_TIME, &patience, "end when no record came for so long; forever"},
	OPTIONS_END,
};

const struct command exec_command = {"exec", run, "REGION[/QUEUE] COMMAND [ARGUMENT]...",
	"Runs a command for each record, which comes back if that fails", options, 2, -1, true};
