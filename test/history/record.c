/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

_Atomic uint64_t *history_clock_new(enum history_clock clock)
{
	return clock == CLOCK_IS_TICKET ? share_memory(sizeof(uint64_t)) : NULL;
}

static uint64_t stamp(const struct actor *actor)
{
	return actor->ticket ? atomic_fetch_add(actor->ticket, 1) + 1 : (uint64_t)now_ns();
}

/* A record says which it is, and its other bytes follow from that. */
static void fill(struct actor *actor, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct record_id id = {actor->producer, actor->number++};

		actor->op->values[i] = HISTORY_VALUE(id.producer, id.number);
		actor->lens[i] = RECORD_MIN + rng_below(&actor->rng, ACTOR_LEN_MOST - RECORD_MIN + 1);
		record_fill(actor->bufs[i], actor->lens[i], id);
	}
}

/* Written down before the call, as one that has not returned: so it is there if the process is killed inside. */
void act_begin(struct actor *actor, enum history_call call, uint32_t n, int64_t timeout)
{
	struct history_log *log = actor->log;
	uint32_t i = atomic_load_explicit(&log->count, memory_order_relaxed);

	check_compare(i, <, log->most);
	actor->op = &log->ops[i];
	*actor->op = (struct history_op){.end = HISTORY_NEVER, .call = call, .asked = n};
	actor->timeout = timeout;
	if (call == CALL_PUT)
		fill(actor, n);
	for (uint32_t i = 0; (call == CALL_ACK || call == CALL_REQUEUE) && i < n; i++)
		actor->op->values[i] = actor->open_values[actor->ends + i];
	actor->op->begin = stamp(actor);
	atomic_store_explicit(&log->count, i + 1, memory_order_release);
}

void act_begin_end(struct actor *actor, enum history_call call, uint32_t n, bool youngest)
{
	check_compare(n, <=, actor->open);
	actor->ends = youngest ? actor->open - n : 0;
	act_begin(actor, call, n, 0);
}

/*
 * Copies what the thread sanitizer need not know of: a consumer that was overtaken may still look at what is reserved
 * now. It throws away what it saw.
 */
__attribute__((no_sanitize("thread"))) static void copy_unwatched(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i];
}

/* To others a reservation is nothing before its commit, but for its place: so it is one call to them. */
static int reserve_and_commit(struct actor *actor)
{
	void *reserved;
	int rc = ringq_reserve(actor->queue, &reserved, actor->lens[0], actor->timeout);

	if (rc < 0)
		return rc;
	copy_unwatched(reserved, actor->bufs[0], actor->lens[0]);
	return ringq_commit(actor->queue, reserved, actor->lens[0]);
}

static int64_t put(struct actor *actor)
{
	struct iovec records[HISTORY_BATCH];
	int rc;

	if (actor->op->asked == 1) {
		rc = actor->reserves ? reserve_and_commit(actor)
		                     : ringq_put(actor->queue, actor->bufs[0], actor->lens[0], actor->timeout);
		return rc == 0 ? 1 : rc;
	}
	for (uint32_t i = 0; i < actor->op->asked; i++)
		records[i] = (struct iovec){actor->bufs[i], actor->lens[i]};
	return ringq_put_many(actor->queue, records, actor->op->asked, actor->timeout);
}

static int64_t take_one(struct actor *actor, ssize_t len)
{
	actor->lens[0] = len < 0 ? 0 : (size_t)len;
	return len < 0 ? len : 1;
}

static int64_t get(struct actor *actor)
{
	struct iovec records[HISTORY_BATCH];
	ssize_t rc;

	if (actor->op->asked == 1)
		return take_one(actor, ringq_get(actor->queue, actor->bufs[0], ACTOR_LEN_MOST, actor->timeout));
	for (uint32_t i = 0; i < actor->op->asked; i++)
		records[i] = (struct iovec){actor->bufs[i], ACTOR_LEN_MOST};
	rc = ringq_get_many(actor->queue, records, actor->op->asked, actor->timeout);
	for (ssize_t i = 0; i < rc; i++)
		actor->lens[i] = records[i].iov_len;
	return rc;
}

static int64_t take(struct actor *actor)
{
	struct ringq_delivery *d = &actor->deliveries[actor->open];
	uint32_t n = actor->op->asked;

	check_compare(actor->open + n, <=, HISTORY_BATCH);
	if (n == 1) {
		int rc = ringq_take(actor->queue, d, actor->timeout);
		return rc == 0 ? 1 : rc;
	}
	return ringq_take_many(actor->queue, d, n, actor->timeout);
}

/* Those that end are together: the oldest or the youngest. */
static int64_t end_delivery(struct actor *actor)
{
	struct ringq_delivery *d = &actor->deliveries[actor->ends];
	uint32_t n = actor->op->asked;
	int rc = actor->op->call == CALL_REQUEUE ? ringq_requeue(actor->queue, d)
	         : n == 1                        ? ringq_ack(actor->queue, d)
	                                         : ringq_ack_many(actor->queue, d, n);

	return rc == 0 ? (int64_t)n : rc;
}

static int64_t make(struct actor *actor)
{
	switch (actor->op->call) {
	case CALL_PUT:
		return put(actor);
	case CALL_GET:
		return get(actor);
	case CALL_PEEK:
		return take_one(actor, ringq_peek(actor->queue, actor->bufs[0], ACTOR_LEN_MOST));
	case CALL_EMPTY:
		return ringq_empty(actor->queue);
	case CALL_FULL:
		return ringq_full(actor->queue);
	case CALL_SIZE:
		return (int64_t)ringq_size(actor->queue);
	case CALL_TAKE:
		return take(actor);
	case CALL_ACK:
	case CALL_REQUEUE:
		return end_delivery(actor);
	case CALL_JOIN:
		return ringq_join(actor->queue, actor->timeout);
	default:
		return ringq_close(actor->queue);
	}
}

void act_make(struct actor *actor)
{
	actor->result = make(actor);
}

static void note_taken(struct actor *actor)
{
	struct history_op *op = actor->op;

	for (int64_t i = 0; i < actor->result; i++) {
		const struct ringq_delivery *d = &actor->deliveries[actor->open];
		struct record_id id = record_check(d->data, d->len);

		op->values[i] = HISTORY_VALUE(id.producer, id.number);
		op->attempts[i] = d->attempt;
		actor->open_values[actor->open++] = op->values[i];
	}
}

static void note_ended(struct actor *actor)
{
	uint32_t n = actor->op->asked, first = actor->ends;

	actor->open -= n;
	memmove(&actor->deliveries[first], &actor->deliveries[first + n],
		(actor->open - first) * sizeof(actor->deliveries[0]));
	memmove(&actor->open_values[first], &actor->open_values[first + n],
		(actor->open - first) * sizeof(actor->open_values[0]));
}

void act_death(struct actor *reaper, uint32_t dead, void (*kill)(void *), void *arg)
{
	act_begin(reaper, CALL_DEATH, dead, 0);
	kill(arg);
	reaper->result = 0;
	act_end(reaper);
}

/* Each is written down once. */
void act_letters(struct actor *actor, ringq_queue *dead_letters)
{
	struct ringq_dead_letter letter;
	char buf[sizeof letter + ACTOR_LEN_MOST];
	ssize_t len;

	while ((len = ringq_get(dead_letters, buf, sizeof buf, RINGQ_NOWAIT)) > 0) {
		check_compare(len, >, sizeof letter);
		memcpy(&letter, buf, sizeof letter);
		struct record_id id = record_check(buf + letter.size, (size_t)len - letter.size);
		uint32_t value = HISTORY_VALUE(id.producer, id.number), i = 0;
		while (i < actor->log->count && actor->log->ops[i].values[0] != value)
			i++;
		if (i < actor->log->count)
			continue; /* who set it aside was killed, and another has done it again */
		act_begin(actor, CALL_LETTER, 1, 0);
		actor->op->values[0] = value;
		actor->op->attempts[0] = letter.attempts;
		actor->result = 1;
		act_end(actor);
	}
	check_eq(len, -EAGAIN);
}

int64_t act_end(struct actor *actor)
{
	struct history_op *op = actor->op;

	if (!actor->ticket)
		atomic_thread_fence(memory_order_seq_cst);
	uint64_t now = stamp(actor);
	op->result = actor->result;
	for (int64_t i = 0; (op->call == CALL_GET || op->call == CALL_PEEK) && i < op->result; i++) {
		struct record_id id = record_check(actor->bufs[i], actor->lens[i]);

		op->values[i] = HISTORY_VALUE(id.producer, id.number);
	}
	if (op->call == CALL_TAKE)
		note_taken(actor);
	else if (op->call == CALL_ACK || op->call == CALL_REQUEUE)
		note_ended(actor);
	op->end = now; /* last: a call has returned only when its answer is there */
	return op->result;
}

int64_t act(struct actor *actor, enum history_call call, uint32_t n, int64_t timeout)
{
	act_begin(actor, call, n, timeout);
	act_make(actor);
	return act_end(actor);
}

/* ---- rests ---- */

static void rest(int signal)
{
	(void)signal;
	pause_ns(RINGQ_US(30));
}

timer_t rest_timer_new(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct sigaction action = {.sa_handler = rest, .sa_flags = SA_RESTART};
	timer_t timer;

	event._sigev_un._tid = thread_id();
	check_eq(sigaction(SIGUSR1, &action, NULL), 0);
	check_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	return timer;
}

void rest_soon(timer_t timer, struct rng *rng)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1 + (long)rng_below(rng, rng_below(rng, 2) ? 1000 : 10000)};

	check_eq(timer_settime(timer, 0, &soon, NULL), 0);
}
