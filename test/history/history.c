/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *const history_call_names[CALLS_COUNT] = {
	"put", "get", "peek", "empty", "full", "size", "close", "take", "ack", "requeue", "death", "join", "letter"};

struct history history_new(uint32_t actors, uint32_t most, const struct ringq_queue_options *options)
{
	struct history history = {.actors = actors,
		.order = options->order,
		.max_records = options->max_records,
		.acknowledged = options->flags & RINGQ_ACKNOWLEDGED,
		.max_attempts = options->max_attempts};

	history.logs = share_memory(actors * sizeof(*history.logs));
	for (uint32_t i = 0; i < actors; i++) {
		history.logs[i].most = most;
		history.logs[i].ops = share_memory(most * sizeof(struct history_op));
	}
	return history;
}

void history_free(struct history *history)
{
	for (uint32_t i = 0; i < history->actors; i++)
		munmap(history->logs[i].ops, history->logs[i].most * sizeof(struct history_op));
	munmap(history->logs, history->actors * sizeof(*history->logs));
}

static struct history same_kind(const struct history *from)
{
	struct ringq_queue_options options = {.order = from->order, .max_records = from->max_records};
	uint32_t most = 1;

	for (uint32_t i = 0; i < from->actors; i++)
		most = from->logs[i].count > most ? from->logs[i].count : most;
	struct history to = history_new(from->actors, most, &options);
	to.drained = from->drained;
	to.sizes = from->sizes;
	to.acknowledged = from->acknowledged;
	to.max_attempts = from->max_attempts;
	return to;
}

static void append(struct history_log *log, const struct history_op *op)
{
	log->ops[log->count] = *op;
	log->count++;
}

struct history history_without(const struct history *from, enum history_call call)
{
	struct history to = same_kind(from);

	for (uint32_t i = 0; i < from->actors; i++)
		for (uint32_t j = 0; j < from->logs[i].count; j++)
			if (from->logs[i].ops[j].call != call)
				append(&to.logs[i], &from->logs[i].ops[j]);
	return to;
}

/* Which records a call has to do with: those that came, or those that it put or, not having returned, may have put. */
static uint32_t values_of(const struct history_op *op)
{
	bool names = op->call == CALL_PUT || op->call == CALL_ACK || op->call == CALL_REQUEUE;

	if (op->end == HISTORY_NEVER)
		return names ? op->asked : 0;
	names |= op->call == CALL_GET || op->call == CALL_PEEK || op->call == CALL_TAKE || op->call == CALL_LETTER;
	return names && op->result > 0 ? (uint32_t)op->result : 0;
}

/* What a call means to the queue of one producer's records. False: nothing. */
static bool project(struct history_op *op, uint32_t producer)
{
	uint32_t n = values_of(op), kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (HISTORY_PRODUCER(op->values[i]) == producer) {
			op->attempts[kept] = op->attempts[i];
			op->values[kept++] = op->values[i];
		}
	switch (op->call) {
	case CALL_PUT: /* how full is not a question to one of the queues */
		op->asked = kept ? kept : op->asked;
		op->result = op->end == HISTORY_NEVER || kept ? (int64_t)kept : op->result;
		return kept || (op->result == -EPIPE && HISTORY_PRODUCER(op->values[0]) == producer);
	case CALL_GET:
	case CALL_TAKE: { /* one that got fewer than it asked for has found nothing in any of them */
		bool missed = op->end != HISTORY_NEVER && n < op->asked;
		op->asked = op->end == HISTORY_NEVER ? op->asked : kept + missed;
		op->result = n ? (int64_t)kept : op->result; /* 0: of the others' there was one */
		return kept || missed || op->end == HISTORY_NEVER;
	}
	case CALL_PEEK:
		return kept || (op->end != HISTORY_NEVER && op->result < 0);
	case CALL_EMPTY:
		return op->result;
	case CALL_ACK:
	case CALL_REQUEUE:
	case CALL_LETTER:
		op->asked = kept;
		op->result = kept;
		return kept;
	case CALL_JOIN:
		return op->result == 0 && op->end != HISTORY_NEVER;
	default:
		return op->call == CALL_CLOSE || op->call == CALL_DEATH;
	}
}

struct history history_of_producer(const struct history *from, uint32_t producer)
{
	struct history to = same_kind(from);

	to.order = RINGQ_ORDER_TOTAL;
	to.max_records = 0;
	to.is_part = true;
	for (uint32_t i = 0; i < from->actors; i++)
		for (uint32_t j = 0; j < from->logs[i].count; j++) {
			struct history_op op = from->logs[i].ops[j];

			if (project(&op, producer))
				append(&to.logs[i], &op);
		}
	return to;
}

/* ---- showing ---- */

static void print_op(uint32_t actor, const struct history_op *op)
{
	uint32_t n = values_of(op);

	fprintf(stderr, "  %2u  %14" PRIu64, actor, op->begin);
	if (op->end == HISTORY_NEVER)
		fprintf(stderr, " %14s", "-");
	else
		fprintf(stderr, " %14" PRIu64, op->end);
	fprintf(stderr, "  %s", history_call_names[op->call]);
	if (op->asked > 1 || op->call == CALL_DEATH)
		fprintf(stderr, " of %u", op->asked);
	for (uint32_t i = 0; i < n; i++) {
		fprintf(stderr, " %u.%u", HISTORY_PRODUCER(op->values[i]),
			op->values[i] & ((1u << HISTORY_NUMBER_BITS) - 1));
		if (op->attempts[i])
			fprintf(stderr, "(%u)", op->attempts[i]);
	}
	if (op->result < 0)
		fprintf(stderr, " %s", strerrorname_np((int)-op->result));
	else if (n == 0 && op->end != HISTORY_NEVER)
		fprintf(stderr, " %" PRId64, op->result);
	fprintf(stderr, "\n");
}

void history_print(const struct history *history)
{
	uint32_t *next = calloc(history->actors, sizeof(*next));

	fprintf(stderr, "  actor, begin, end, call with records as PRODUCER.NUMBER\n");
	for (unsigned printed = 0; printed < 300; printed++) {
		uint32_t first = history->actors;

		for (uint32_t i = 0; i < history->actors; i++)
			if (next[i] < history->logs[i].count &&
				(first == history->actors || history->logs[i].ops[next[i]].begin <
								     history->logs[first].ops[next[first]].begin))
				first = i;
		if (first == history->actors)
			break;
		print_op(first, &history->logs[first].ops[next[first]++]);
	}
	free(next);
}

static uint32_t count_values(const struct history *history)
{
	uint32_t values = 0;

	for (uint32_t i = 0; i < history->actors; i++)
		for (uint32_t j = 0; j < history->logs[i].count; j++)
			values += history->logs[i].ops[j].call == CALL_PUT ? history->logs[i].ops[j].asked : 0;
	return values;
}

bool history_check(const struct history *history, const char *what)
{
	const char *why = history->acknowledged ? history_deliveries(history) : history_patterns(history);

	if (!why && history->actors <= SEARCH_ACTORS && count_values(history) <= SEARCH_VALUES)
		why = history_search(history);
	if (!why)
		return true;
	if (why == HISTORY_UNDECIDED)
		return false;
	fprintf(stderr, "%s: refused: %s\n", what, why);
	history_print(history);
	test_fail(__FILE__, __LINE__, why);
}
