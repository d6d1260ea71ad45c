/* SPDX-License-Identifier: MIT */
/*
 * What no acknowledged queue can have done, found by sorting. Each take says by its attempt which delivery of its record it
 * is, so that the life of a record is known where no killed process has taken part in it:
 *
 *   put, taken (1), back by a requeue or a death, taken (2), back, ... taken (n), acknowledged
 *
 * From the end of a put, or of what gave it back, to the begin of the next take it has waited for sure; from the end of its
 * put to the begin of its acknowledgement it was in for sure. "Before" means that one call ended before another began.
 *
 *   a delivery of what nobody has put; two with the same attempt; one that began to be in other hands before the last one
 *   was over; one after an acknowledgement; two acknowledgements; none at all
 *   a take of a record while one that was put before it has waited all the time, for the first time or again
 *   an answer that nothing waits while something waited at every instant; a join while something was in at every instant
 */
#include "history.h"
#include "spans.h"

#include <stdlib.h>

struct delivery {
	uint32_t value, attempt, actor;
	bool open, certain;            /* nothing has ended it; an end that is known has */
	bool acked;                    /* that end is an acknowledgement */
	uint64_t begin, end;           /* of the take */
	uint64_t over_begin, over_end; /* of its end */
};

struct record {
	uint32_t value;
	uint64_t put_begin, put_end;
	uint32_t acks, letters;
	bool unclear; /* who has had it when is not known */
	bool maybe_acked;
	size_t first, count; /* its deliveries */
};

struct all {
	const struct history *history;
	size_t records_count, count;
	struct record *records;      /* by value */
	struct delivery *deliveries; /* by value and attempt */
	struct delivery **by_begin;
	struct spans waiting, in;
	bool some_died; /* in a take, or get, which may have taken something along */
};

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_value(const void *a, const void *b)
{
	return compare(((const struct record *)a)->value, ((const struct record *)b)->value);
}

static int by_attempt(const void *a, const void *b)
{
	const struct delivery *x = a, *y = b;

	return x->value != y->value ? compare(x->value, y->value) : compare(x->attempt, y->attempt);
}

static int by_begin(const void *a, const void *b)
{
	return compare((*(struct delivery *const *)a)->begin, (*(struct delivery *const *)b)->begin);
}

static struct record *find(const struct all *all, uint32_t value)
{
	struct record key = {.value = value};

	return bsearch(&key, all->records, all->records_count, sizeof(key), by_value);
}

static void *array(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);

	check(memory);
	return memory;
}

static void collect_puts(struct all *all)
{
	size_t most = 0;

	FOR_EACH_OP(op, all->history)
	most += op->call == CALL_PUT ? op->asked : 0;
	all->records = array(most, sizeof(*all->records));
	FOR_EACH_OP(op, all->history)
	{
		int64_t n = op->end == HISTORY_NEVER ? op->asked : op->result;

		for (int64_t i = 0; op->call == CALL_PUT && i < n; i++)
			all->records[all->records_count++] =
				(struct record){.value = op->values[i], .put_begin = op->begin, .put_end = op->end};
	}
	qsort(all->records, all->records_count, sizeof(*all->records), by_value);
}

/* What came out by a call; NULL, or why it cannot have. */
static const char *note_out(struct all *all, const struct history_op *op, uint32_t actor)
{
	for (int64_t i = 0; i < op->result; i++) {
		struct record *record = find(all, op->values[i]);

		if (!record)
			return "a record came out that nobody has put";
		if (op->end < record->put_begin)
			return "a record came out before it was put";
		record->unclear |= op->call != CALL_TAKE;
		record->acks += op->call == CALL_GET;
		record->letters += op->call == CALL_LETTER;
		if (op->call == CALL_TAKE)
			all->deliveries[all->count++] = (struct delivery){.value = op->values[i],
				.attempt = op->attempts[i],
				.actor = actor,
				.open = true,
				.begin = op->begin,
				.end = op->end,
				.over_begin = HISTORY_NEVER,
				.over_end = HISTORY_NEVER};
	}
	return NULL;
}

static const char *collect_takes(struct all *all)
{
	const char *why = NULL;
	size_t most = 0;

	FOR_EACH_OP(op, all->history)
	most += op->call == CALL_TAKE ? op->asked : 0;
	all->deliveries = array(most, sizeof(*all->deliveries));
	FOR_EACH_OP(op, all->history)
	{
		bool takes = op->call == CALL_TAKE || op->call == CALL_GET;

		all->some_died |= takes && op->end == HISTORY_NEVER;
		if (!why && op->end != HISTORY_NEVER && (takes || op->call == CALL_LETTER))
			why = note_out(all, op, actor_);
	}
	qsort(all->deliveries, all->count, sizeof(*all->deliveries), by_attempt);
	for (size_t i = 0; i < all->count; i++) {
		struct record *record = find(all, all->deliveries[i].value);

		record->first = record->count ? record->first : i;
		record->count++;
	}
	return why;
}

/* The actor's open delivery of a record: the last that began before. */
static struct delivery *open_delivery(const struct all *all, uint32_t value, uint32_t actor, uint64_t before)
{
	const struct record *record = find(all, value);
	struct delivery *last = NULL;

	for (size_t i = 0; record && i < record->count; i++) {
		struct delivery *d = &all->deliveries[record->first + i];

		if (d->actor == actor && d->open && d->begin < before && (!last || d->begin > last->begin))
			last = d;
	}
	return last;
}

static const char *collect_ends(struct all *all)
{
	FOR_EACH_OP(op, all->history)
	for (uint32_t i = 0; (op->call == CALL_ACK || op->call == CALL_REQUEUE) && i < op->asked; i++) {
		struct delivery *d = open_delivery(all, op->values[i], actor_, op->begin);
		struct record *record = find(all, op->values[i]);

		if (!d)
			return "a delivery was ended that there was not";
		if (op->end == HISTORY_NEVER) { /* the end of its actor may have come first */
			record->maybe_acked |= op->call == CALL_ACK;
			record->unclear = true;
			d->over_begin = op->begin;
			continue;
		}
		d->open = false;
		d->certain = true;
		d->acked = op->call == CALL_ACK;
		d->over_begin = op->begin;
		d->over_end = op->end;
		record->acks += d->acked;
	}
	return NULL;
}

static void collect_deaths(struct all *all)
{
	FOR_EACH_OP(op, all->history)
	for (size_t i = 0; op->call == CALL_DEATH && i < all->count; i++) {
		struct delivery *d = &all->deliveries[i];

		if (d->open && d->actor == op->asked) {
			d->open = false;
			d->certain = true;
			d->over_begin = op->begin < d->over_begin ? op->begin : d->over_begin;
			d->over_end = op->end;
		}
	}
}

static const char *wrong_life(const struct all *all, const struct record *record)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct delivery *d = &all->deliveries[record->first + i], *next = d + 1;

		if (i == 0 && d->attempt != 1 && !all->some_died && !record->unclear)
			return "a first delivery says that it is none";
		if (i + 1 == record->count)
			break;
		if (d->attempt == next->attempt)
			return "a record was delivered twice by the same attempt";
		if (d->attempt + 1 != next->attempt && !all->some_died && !record->unclear)
			return "attempts are left out";
		if (d->acked && d->over_end < next->begin)
			return "a record came after it was acknowledged";
		if (next->end < d->over_begin)
			return "a record was in two hands at once";
	}
	if (record->acks > 1)
		return "a record was acknowledged twice";
	if (record->acks && record->letters)
		return "a record was acknowledged, and is in the dead-letter queue";
	if (all->history->drained && record->put_end != HISTORY_NEVER && !record->acks && !record->letters &&
		!record->maybe_acked && !all->some_died)
		return "a record was lost";
	/* A get that was killed may have ended what it took; a take may not. */
	return NULL;
}

static const char *wrong_lives(const struct all *all)
{
	const char *why = NULL;

	for (size_t i = 0; !why && i < all->records_count; i++)
		why = wrong_life(all, &all->records[i]);
	return why;
}

/* From when to when a record waits for its delivery i for sure. False: that is not known. */
static bool waits(const struct all *all, const struct record *record, size_t i, struct span *span)
{
	const struct delivery *next = &all->deliveries[record->first + i], *last = i ? next - 1 : NULL;

	if (record->unclear || (i == record->count && all->some_died))
		return false;
	if (i > 0 && (!last->certain || last->acked || (i < record->count && last->attempt + 1 != next->attempt)))
		return false;
	if (i == 0 && i < record->count && next->attempt != 1)
		return false;
	span->from = i ? last->over_end : record->put_end;
	span->to = i < record->count ? next->begin : HISTORY_NEVER;
	return span->from < span->to;
}

/* A take in this span of what was put later by another, or by the same producer. */
static const char *overtaken(const struct all *all, const struct record *a, const struct span *span)
{
	size_t low = 0, high = all->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (all->by_begin[middle]->begin <= span->from)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->count && all->by_begin[low]->begin < span->to; low++) {
		const struct delivery *d = all->by_begin[low];
		const struct record *b = find(all, d->value);
		bool same = HISTORY_PRODUCER(a->value) == HISTORY_PRODUCER(b->value);

		if (d->end < span->to && (same ? a->value < b->value
					       : all->history->order == RINGQ_ORDER_TOTAL && a->put_end < b->put_begin))
			return "a record was taken while one that was put before it waited";
	}
	return NULL;
}

static bool is_in(const struct all *all, const struct record *record, struct span *span)
{
	const struct delivery *last = all->deliveries + record->first;

	if (record->unclear || !record->count)
		return false;
	last += record->count - 1;
	*span = (struct span){record->put_end, last->over_begin};
	return last->acked && span->from < span->to;
}

/* Also collects when what has waited, and when what was in. */
static const char *wrong_order(struct all *all)
{
	all->by_begin = array(all->count, sizeof(*all->by_begin));
	all->waiting.list = array(all->count + all->records_count, sizeof(struct span));
	all->in.list = array(all->records_count, sizeof(struct span));
	for (size_t i = 0; i < all->count; i++)
		all->by_begin[i] = &all->deliveries[i];
	qsort(all->by_begin, all->count, sizeof(*all->by_begin), by_begin);
	for (size_t i = 0; i < all->records_count; i++) {
		const struct record *record = &all->records[i];
		const char *why = NULL;
		struct span span;

		for (size_t n = 0; !why && n <= record->count; n++)
			if (waits(all, record, n, &span)) {
				all->waiting.list[all->waiting.count++] = span;
				why = overtaken(all, record, &span);
			}
		if (why)
			return why;
		if (is_in(all, record, &span))
			all->in.list[all->in.count++] = span;
	}
	return NULL;
}

/* Whether an operation says that nothing waited at some instant. Of one producer's records each lane says so by itself. */
static bool says_nothing_waits(const struct history_op *op, bool total)
{
	if (op->call == CALL_EMPTY)
		return op->result;
	if (op->call == CALL_TAKE || op->call == CALL_GET)
		return total && (op->result < 0 || op->result < op->asked);
	return op->call == CALL_PEEK && total && op->result < 0;
}

static const char *wrong_answers(struct all *all)
{
	bool total = all->history->order == RINGQ_ORDER_TOTAL;

	spans_merge(&all->waiting);
	spans_merge(&all->in);
	FOR_EACH_OP(op, all->history)
	{
		if (op->end == HISTORY_NEVER)
			continue;
		if (says_nothing_waits(op, total) && spans_cover(&all->waiting, op))
			return "nothing waits, it said, while something waited all the time";
		if (op->call == CALL_JOIN && op->result == 0 && spans_cover(&all->in, op))
			return "all is done, it said, while something was in all the time";
	}
	return NULL;
}

const char *history_deliveries(const struct history *history)
{
	struct all all = {.history = history};
	const char *why;

	collect_puts(&all);
	(void)((why = collect_takes(&all)) || (why = collect_ends(&all)));
	if (!why)
		collect_deaths(&all);
	(void)(why || (why = wrong_lives(&all)) || (why = wrong_order(&all)) || (why = wrong_answers(&all)));
	free(all.waiting.list);
	free(all.in.list);
	free(all.by_begin);
	free(all.deliveries);
	free(all.records);
	return why;
}
