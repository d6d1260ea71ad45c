/* SPDX-License-Identifier: MIT */
/*
 * What no queue can have done, found by sorting. For put, get and get's -EAGAIN with distinct values these patterns are
 * all there are: a history without them is one of a first-in-first-out queue (Henzinger, Sezgin, Vafeiadis, "Aspect-
 * Oriented Linearizability Proofs", CONCUR 2013; Bouajjani, Emmi, Enea, Hamza, "On Reducing Linearizability to State
 * Reachability", ICALP 2015). "Before" means that one call ended before another began.
 *
 *   a get of what nobody has put, or that was before its put; two gets of one record
 *   the put of a before the put of b, and the get of b before the get of a, or a never got while b was
 *   an -EAGAIN during which something was in at every instant: records that were in for sure, from the end of their
 *   put to the begin of their get, each overlapping the next, cover the call
 *
 * Calls of many records are calls of one each with the same begin and end, and, besides, in the order of the batch.
 */
#include "history.h"
#include "spans.h"

#include <errno.h>
#include <stdlib.h>

struct item {
	uint32_t value;
	uint32_t gets;
	uint64_t put_begin, put_end;
	uint64_t get_begin, get_end; /* HISTORY_NEVER: not got */
};

struct items {
	size_t count;
	struct item *items; /* by value: so those of one producer in its order */
	struct spans in;    /* when something was in for sure */
	bool some_died;     /* in a get, which may have taken something along */
};

static int by_value(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static int by_put_end(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	return (x->put_end > y->put_end) - (x->put_end < y->put_end);
}

static struct item *find(const struct items *all, uint32_t value)
{
	struct item key = {.value = value};

	return bsearch(&key, all->items, all->count, sizeof(key), by_value);
}

/* How many of an operation's records went in: an operation that has not returned may have put them all. */
static uint32_t went_in(const struct history_op *op)
{
	if (op->end == HISTORY_NEVER)
		return op->asked;
	return op->result > 0 ? (uint32_t)op->result : 0;
}

static void collect_puts(struct items *all, const struct history *history)
{
	size_t most = 0;

	FOR_EACH_OP(op, history)
	most += op->call == CALL_PUT ? op->asked : 0;
	all->items = calloc(most + 1, sizeof(*all->items));
	check(all->items);
	FOR_EACH_OP(op, history)
	{
		all->some_died |= op->call == CALL_GET && op->end == HISTORY_NEVER;
		for (uint32_t i = 0; op->call == CALL_PUT && i < went_in(op); i++)
			all->items[all->count++] =
				(struct item){op->values[i], 0, op->begin, op->end, HISTORY_NEVER, HISTORY_NEVER};
	}
	qsort(all->items, all->count, sizeof(*all->items), by_value);
}

static const char *collect_gets(struct items *all, const struct history *history)
{
	FOR_EACH_OP(op, history)
	for (int64_t i = 0; op->call == CALL_GET && op->end != HISTORY_NEVER && i < op->result; i++) {
		struct item *item = find(all, op->values[i]);

		if (!item)
			return "a record came out that nobody has put";
		if (item->gets++)
			return "a record came out twice";
		if (op->end < item->put_begin)
			return "a record came out before it was put";
		item->get_begin = op->begin;
		item->get_end = op->end;
	}
	return NULL;
}

static const char *lost(const struct items *all, const struct history *history)
{
	for (size_t i = 0; history->drained && !all->some_died && i < all->count; i++)
		if (all->items[i].put_end != HISTORY_NEVER && all->items[i].gets == 0)
			return "a record was lost";
	return NULL;
}

/* What went in before b, and came out after it: whether the latest of these came out after the get of b. */
static const char *out_of_order(const struct items *all)
{
	struct item **ended = malloc((all->count + 1) * sizeof(*ended));
	uint64_t *latest = malloc((all->count + 1) * sizeof(*latest)); /* begin of a get, of those up to each */
	const char *why = NULL;

	check(ended && latest);
	for (size_t i = 0; i < all->count; i++)
		ended[i] = &all->items[i];
	qsort(ended, all->count, sizeof(*ended), by_put_end);
	for (size_t i = 0; i < all->count; i++) {
		/* A get that was killed may have taken what nobody got: when is not known. */
		uint64_t got = all->some_died && !ended[i]->gets ? 0 : ended[i]->get_begin;

		latest[i] = i && latest[i - 1] > got ? latest[i - 1] : got;
	}
	for (size_t i = 0; i < all->count && !why; i++) {
		const struct item *b = &all->items[i];
		size_t low = 0, high = all->count; /* how many puts were before that of b */

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (ended[middle]->put_end < b->put_begin)
				low = middle + 1;
			else
				high = middle;
		}
		if (b->gets && low && latest[low - 1] > b->get_end)
			why = "a record came out before one that was put before it";
	}
	free(latest);
	free(ended);
	return why;
}

static const char *producers_out_of_order(const struct items *all)
{
	uint64_t latest = 0; /* begin of a get */

	for (size_t i = 0; i < all->count; i++) {
		const struct item *b = &all->items[i];

		if (i == 0 || HISTORY_PRODUCER(b[-1].value) != HISTORY_PRODUCER(b->value))
			latest = 0;
		if (b->gets && latest > b->get_end)
			return "a producer's records came out of order";
		/* One that never came out, and whose put was not over, may never have been. */
		if (b->gets || (b->put_end != HISTORY_NEVER && !all->some_died))
			latest = b->get_begin > latest ? b->get_begin : latest;
	}
	return NULL;
}

/* In one batch, what was put later must not stand before what was put earlier. */
static const char *batch_out_of_order(const struct items *all, const struct history *history, bool across_producers)
{
	FOR_EACH_OP(op, history)
	for (int64_t i = 1; op->call == CALL_GET && op->end != HISTORY_NEVER && i < op->result; i++)
		for (int64_t j = 0; j < i; j++) {
			const struct item *first = find(all, op->values[j]), *then = find(all, op->values[i]);

			if (across_producers && then->put_end < first->put_begin)
				return "a batch came out in another order than it went in";
			if (HISTORY_PRODUCER(first->value) == HISTORY_PRODUCER(then->value) && first > then)
				return "a batch has a producer's records out of order";
		}
	return NULL;
}

static void collect_spans(struct items *all)
{
	all->in.list = malloc((all->count + 1) * sizeof(*all->in.list));
	check(all->in.list);
	for (size_t i = 0; i < all->count; i++) {
		const struct item *item = &all->items[i];

		if (item->put_end < item->get_begin && !(all->some_died && !item->gets))
			all->in.list[all->in.count++] = (struct span){item->put_end, item->get_begin};
	}
	spans_merge(&all->in);
}

/* Whether an operation says that the queue was empty at some instant. */
static bool says_empty(const struct history_op *op, bool of_gets)
{
	if (op->end == HISTORY_NEVER)
		return false;
	if (op->call == CALL_EMPTY)
		return op->result;
	return of_gets && ((op->call == CALL_GET && (op->result < 0 || op->result < op->asked)) ||
				  (op->call == CALL_PEEK && op->result < 0));
}

static const char *empty_but_not(const struct items *all, const struct history *history)
{
	FOR_EACH_OP(op, history)
	if (says_empty(op, history->order == RINGQ_ORDER_TOTAL) && spans_cover(&all->in, op))
		return "empty, it said, while something was in all the time";
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* At any instant, those whose put is over and whose get has not begun. */
static const char *too_many(const struct items *all, uint64_t max_records)
{
	uint64_t *in = malloc((all->count + 1) * sizeof(*in)), *out = malloc((all->count + 1) * sizeof(*out));
	size_t n = 0, left = 0;
	const char *why = NULL;

	check(in && out);
	for (size_t i = 0; max_records && i < all->count; i++)
		if (all->items[i].put_end < all->items[i].get_begin && !(all->some_died && !all->items[i].gets)) {
			in[n] = all->items[i].put_end;
			out[n++] = all->items[i].get_begin;
		}
	qsort(in, n, sizeof(*in), by_time);
	qsort(out, n, sizeof(*out), by_time);
	for (size_t i = 0; i < n && !why; i++) {
		while (left < n && out[left] <= in[i])
			left++;
		if (i + 1 - left > max_records)
			why = "more than max_records were in";
	}
	free(in);
	free(out);
	return why;
}

static const char *wrong_size(const struct items *all, const struct history_op *op)
{
	int64_t least = 0, most = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct item *item = &all->items[i];

		least += item->put_end < op->begin && item->get_begin > op->end && !(all->some_died && !item->gets);
		most += item->put_begin <= op->end && item->get_end >= op->begin;
	}
	return op->result < least  ? "size left out what was in all the time"
	       : op->result > most ? "size counted what was not in"
	                           : NULL;
}

static const char *wrong_sizes(const struct items *all, const struct history *history)
{
	const char *why = NULL;

	FOR_EACH_OP(op, history)
	if (!why && op->call == CALL_SIZE && op->end != HISTORY_NEVER)
		why = wrong_size(all, op);
	return why;
}

/* What a get of the record at the instant of the peek would have been refused for. */
static const char *wrong_peek(const struct items *all, const struct history_op *op, bool total)
{
	const struct item *b = find(all, op->values[0]);

	if (!b)
		return "a peek saw what nobody has put";
	if (op->end < b->put_begin)
		return "a peek saw a record before it was put";
	if (op->begin > b->get_end)
		return "a peek saw a record after it was got";
	for (const struct item *a = all->items; a < all->items + all->count; a++) {
		bool before = total ? a->put_end < b->put_begin : false;

		before |= a < b && HISTORY_PRODUCER(a->value) == HISTORY_PRODUCER(b->value) &&
		          (a->gets || (a->put_end != HISTORY_NEVER && !all->some_died));
		if (before && a->get_begin > op->end && (a->gets || !all->some_died))
			return "a peek saw a record while one that was put before it was in";
	}
	return NULL;
}

static const char *wrong_peeks(const struct items *all, const struct history *history)
{
	const char *why = NULL;

	FOR_EACH_OP(op, history)
	if (!why && op->call == CALL_PEEK && op->end != HISTORY_NEVER && op->result > 0)
		why = wrong_peek(all, op, history->order == RINGQ_ORDER_TOTAL);
	return why;
}

const char *history_patterns(const struct history *history)
{
	bool total = history->order == RINGQ_ORDER_TOTAL;
	struct items all = {0};
	const char *why;

	collect_puts(&all, history);
	why = collect_gets(&all, history);
	if (!why)
		collect_spans(&all);
	(void)(why || (why = lost(&all, history)) || (why = producers_out_of_order(&all)) ||
		(why = batch_out_of_order(&all, history, total)) || (total && (why = out_of_order(&all))) ||
		(why = empty_but_not(&all, history)) || (why = too_many(&all, history->max_records)) ||
		(why = wrong_sizes(&all, history)) || (why = wrong_peeks(&all, history)));
	free(all.in.list);
	free(all.items);
	return why;
}
