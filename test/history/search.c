/* SPDX-License-Identifier: MIT */
/*
 * Whether there is an order of a history's steps in which a queue answers as it did: all orders are tried that keep
 * what was before what, and no state twice (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe,
 * "Testing for Linearizability", 2017). A step may come next if its call began before any of those that are left has
 * ended.
 *
 * A call of several steps is somewhere between them: so is the state. What a call that has not returned would have done
 * may be done or not.
 */
#include "search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MOST (1u << 18)

const char HISTORY_UNDECIDED[] = "undecided";

/* ---- states that have been seen ---- */

static uint64_t digest(const struct state *s, uint64_t seed)
{
	const unsigned char *bytes = (const unsigned char *)s;
	size_t size = offsetof(struct state, queue) + s->count * sizeof(s->queue[0]);

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;

		memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
		seed = (seed ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		seed ^= seed >> 29;
	}
	return (seed ^ seed >> 32) * UINT64_C(0xbf58476d1ce4e5b9) | 1;
}

static void enlarge(struct search *search)
{
	uint32_t size = search->known_size ? 4 * search->known_size : 1024;
	uint64_t(*known)[2] = calloc(size, sizeof(*known));

	check(known);
	for (uint32_t i = 0; i < search->known_size; i++) {
		uint32_t at = search->known[i][0] % size;

		if (!search->known[i][0])
			continue;
		while (known[at][0])
			at = (at + 1) % size;
		memcpy(known[at], search->known[i], sizeof(known[at]));
	}
	free(search->known);
	search->known = known;
	search->known_size = size;
}

/* By two digests of 64 bits, which stand for the state. True if it is new. */
static bool remember(struct search *search, const struct state *s)
{
	uint64_t a = digest(s, 1), b = digest(s, 2);

	if (2 * search->known_count >= search->known_size)
		enlarge(search);
	uint32_t at = a % search->known_size;
	for (; search->known[at][0]; at = (at + 1) % search->known_size)
		if (search->known[at][0] == a && search->known[at][1] == b)
			return false;
	search->known[at][0] = a;
	search->known[at][1] = b;
	search->gave_up = ++search->known_count >= STATES_MOST;
	return true;
}

/* ---- what may come next ---- */

static const struct history_op *op_of(const struct search *search, const struct state *s, uint32_t actor)
{
	const struct history_log *log = &search->history->logs[actor];

	return s->at[actor] < log->count && !s->dead[actor] ? &log->ops[s->at[actor]] : NULL;
}

/* What is left has not ended before this. */
static uint64_t first_end(const struct search *search, const struct state *s)
{
	uint64_t first = HISTORY_NEVER;

	for (uint32_t i = 0; i < search->history->actors; i++) {
		const struct history_op *op = op_of(search, s, i);

		if (op && op->end < first)
			first = op->end;
	}
	return first;
}

uint8_t search_index(const struct search *search, uint32_t value)
{
	for (uint32_t i = 0; i < search->values_count; i++)
		if (search->values[i] == value)
			return (uint8_t)i;
	return SEARCH_VALUES;
}

static bool front_is(const struct search *search, const struct state *s, uint32_t value)
{
	uint8_t index = search_index(search, value);

	for (unsigned i = 0; i < s->count; i++)
		if (s->queue[i].value == index)
			return search_may_be_next(search, s, i);
	return false;
}

/* On the way out: what calls that are not over have taken out. */
static unsigned leaving(const struct search *search, const struct state *s)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < search->history->actors; i++)
		n += s->step[i].left;
	return n;
}

/* Places that nobody has, and those that may be free or not. */
static bool has_place(const struct search *search, const struct state *s)
{
	uint64_t most = search->history->max_records;

	return !most || (uint64_t)s->count + s->held < most;
}

static bool may_be_full(const struct search *search, const struct state *s)
{
	uint64_t most = search->history->max_records;

	return most && (uint64_t)s->count + s->held + leaving(search, s) >= most;
}

unsigned search_done_by(const struct history_op *op)
{
	if (op->end == HISTORY_NEVER)
		return op->asked;
	return op->result > 0 ? (unsigned)op->result : 0;
}

static bool fell_short(const struct history_op *op)
{
	return op->end != HISTORY_NEVER && op->result < (int64_t)op->asked;
}

/* Whether close lets the call go on; and whether the answer of one that went no further is right. */
static bool is_open_to(const struct state *s, const struct history_op *op)
{
	return !s->closed_at || op->begin <= s->closed_at;
}

static bool may_fail(const struct search *search, const struct state *s, const struct history_op *op, bool would)
{
	bool no_more = op->call == CALL_PUT ? s->closed_at != 0 : s->closed_at && would;

	if (op->result == -EPIPE)
		return no_more && (op->call == CALL_PUT || op->call == CALL_PEEK || s->count == 0);
	if (op->result < 0 && op->result != -EAGAIN && op->result != -ETIMEDOUT)
		return false;
	/* What is in hand may come back: then it is too early for -EPIPE. */
	bool may_come = is_open_to(s, op) || (op->call != CALL_PUT && s->count) ||
	                (search->history->acknowledged && search->history->is_part);
	return (would && may_come) || (op->result >= 0 && no_more);
}

void search_next_op(struct state *s, uint32_t actor)
{
	s->at[actor]++;
	memset(&s->step[actor], 0, sizeof(s->step[actor]));
}

static int64_t waiting(const struct state *s)
{
	int64_t n = 0;

	for (unsigned i = 0; i < s->count; i++)
		n += !s->queue[i].holder;
	return n;
}

static bool is_in(const struct state *s, uint8_t value)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->queue[i].value == value)
			return true;
	return false;
}

/* An answer that changes nothing: it is best taken as soon as it is right. */
static bool observe(const struct search *search, struct state *s, uint32_t actor)
{
	const struct history_op *op = op_of(search, s, actor);
	bool good = false, none = first_waiting(s) == s->count;

	if (op->end == HISTORY_NEVER && op->call != CALL_PUT)
		return false;
	switch (op->call) {
	case CALL_PUT:
		if (s->step[actor].failed || !fell_short(op) || !may_fail(search, s, op, may_be_full(search, s)) ||
			s->step[actor].placed < (search->history->max_records ? search_done_by(op) : 0))
			return false;
		s->step[actor].failed = 1;
		if (s->step[actor].turned == search_done_by(op))
			search_next_op(s, actor);
		return true;
	case CALL_GET:
	case CALL_TAKE:
		good = fell_short(op) && !s->step[actor].failed && s->step[actor].taken == search_done_by(op) &&
		       may_fail(search, s, op, none);
		if (good && (search->history->max_records || search->history->acknowledged)) {
			s->step[actor].failed = 1;
			return true;
		}
		break;
	case CALL_PEEK:
		good = op->result < 0 ? may_fail(search, s, op, none) : front_is(search, s, op->values[0]);
		break;
	case CALL_EMPTY:
		good = op->result == none;
		break;
	case CALL_FULL:
		good = op->result ? may_be_full(search, s) : has_place(search, s);
		break;
	case CALL_SIZE:
		good = !search->history->sizes || op->result == waiting(s);
		break;
	case CALL_JOIN:
		good = op->result == 0 ? s->count == 0 : s->count && (op->result == -EAGAIN || op->result == -ETIMEDOUT);
		break;
	case CALL_LETTER:
		good = !is_in(s, search_index(search, op->values[0]));
		break;
	default:
		return false;
	}
	if (good)
		search_next_op(s, actor);
	return good;
}

static bool try_place(struct search *search, const struct state *s, uint32_t actor)
{
	struct state next = *s;

	next.held++;
	next.step[actor].placed++;
	return search_from(search, &next);
}

/* Whether a comes out before b whatever the order of what overlaps. */
static bool comes_before(const struct search *search, uint8_t a, uint8_t b)
{
	const struct got *first = &search->got[a], *then = &search->got[b];

	if (!first->op || !then->op)
		return first->op && !search->some_died && !search->history->acknowledged;
	return first->op == then->op ? first->at < then->at : first->op->end < then->op->begin;
}

/* A record that will come out before one that is in would be put in vain now. */
static bool may_be_last(const struct search *search, const struct state *s, uint8_t value)
{
	for (unsigned i = 0; i < s->count; i++)
		if (comes_before(search, value, s->queue[i].value))
			return false;
	return true;
}

static bool try_turn(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	struct state next = *s;
	uint8_t value = search_index(search, op->values[next.step[actor].turned]);

	if (!may_be_last(search, s, value))
		return false;
	next.step[actor].turned++;
	next.held -= search->history->max_records != 0;
	next.queue[next.count++] = (struct place){.value = value};
	if (op->end != HISTORY_NEVER && next.step[actor].turned == search_done_by(op) &&
		(next.step[actor].failed || !fell_short(op)))
		search_next_op(&next, actor);
	return search_from(search, &next);
}

static bool try_put(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	bool bounded = search->history->max_records, open = is_open_to(s, op);
	unsigned n = search_done_by(op), placed = bounded ? s->step[actor].placed : n;

	if (open && s->step[actor].turned < placed && try_turn(search, s, actor, op))
		return true;
	return open && bounded && placed < n && has_place(search, s) && try_place(search, s, actor);
}

/* With places, a get that has taken all may be over later: its records may have theirs until then. */
static bool try_get(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	struct state next = *s;
	unsigned taken = s->step[actor].taken;
	bool took_all = op->end != HISTORY_NEVER && taken == op->asked;

	if (took_all || s->step[actor].failed) {
		search_next_op(&next, actor);
		return search_from(search, &next);
	}
	if (taken == search_done_by(op) || s->count == 0)
		return false;
	if (op->end != HISTORY_NEVER && !front_is(search, s, op->values[taken]))
		return false;
	memmove(&next.queue[0], &next.queue[1], (next.count - 1u) * sizeof(next.queue[0]));
	next.count--;
	next.step[actor].taken++;
	next.step[actor].left++;
	if (!search->history->max_records && op->end != HISTORY_NEVER && next.step[actor].taken == op->asked)
		search_next_op(&next, actor);
	return search_from(search, &next);
}

static bool try_close(struct search *search, const struct state *s, uint32_t actor)
{
	struct state next = *s;

	if (!next.closed_at)
		next.closed_at = first_end(search, s);
	search_next_op(&next, actor);
	return search_from(search, &next);
}

static bool try_call(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	switch (op->call) {
	case CALL_GET:
	case CALL_TAKE:
		return search->history->acknowledged ? search_try_take(search, s, actor, op)
		                                     : try_get(search, s, actor, op);
	case CALL_PUT:
		return try_put(search, s, actor, op);
	case CALL_CLOSE:
		return !(op->end == HISTORY_NEVER && s->closed_at) && try_close(search, s, actor);
	case CALL_ACK:
	case CALL_REQUEUE:
		return search_try_finish(search, s, actor, op);
	case CALL_DEATH:
		return search_try_death(search, s, actor, op);
	default:
		return false;
	}
}

static bool try_any(struct search *search, const struct state *s)
{
	uint64_t limit = first_end(search, s);

	for (uint32_t i = 0; i < search->history->actors && !search->gave_up; i++) {
		const struct history_op *op = op_of(search, s, i);

		if (!op || op->begin > limit)
			continue;
		if (try_call(search, s, i, op))
			return true;
	}
	return false;
}

static bool all_done(const struct search *search, const struct state *s)
{
	return first_end(search, s) == HISTORY_NEVER;
}

/* Takes all answers that are right now, then tries each change. *s is scratch. */
bool search_from(struct search *search, struct state *s)
{
	for (bool again = true; again;) {
		uint64_t limit = first_end(search, s);

		again = false;
		if (all_done(search, s))
			return true;
		for (uint32_t i = 0; i < search->history->actors; i++) {
			const struct history_op *op = op_of(search, s, i);

			again |= op && op->begin <= limit && observe(search, s, i);
		}
	}
	return remember(search, s) && !search->gave_up && try_any(search, s);
}

static bool collect_values(struct search *search)
{
	const struct history *history = search->history;

	if (history->actors > SEARCH_ACTORS)
		return false;
	for (uint32_t i = 0; i < history->actors; i++) {
		if (history->logs[i].count > UINT8_MAX)
			return false;
		for (uint32_t j = 0; j < history->logs[i].count; j++) {
			const struct history_op *op = &history->logs[i].ops[j];

			for (uint32_t n = 0; op->call == CALL_PUT && n < op->asked; n++) {
				if (search->values_count == SEARCH_VALUES)
					return false;
				search->put[search->values_count] = op;
				search->values[search->values_count++] = op->values[n];
			}
		}
	}
	return true;
}

/* In which call each record came out; of an acknowledged queue, where that is known to have been the first time. */
static void note_gets(struct search *search, const struct history_op *op)
{
	enum history_call call = search->history->acknowledged ? CALL_TAKE : CALL_GET;

	if (op->call != call && op->call != CALL_LETTER)
		return; /* what a size says is no count of values */
	for (int64_t n = 0; op->end != HISTORY_NEVER && n < op->result; n++) {
		uint8_t value = search_index(search, op->values[n]);

		if (value == SEARCH_VALUES)
			continue;
		if (op->call == call && (call == CALL_GET || op->attempts[n] == 1))
			search->got[value] = (struct got){op, n};
		search->letter[value] |= op->call == CALL_LETTER;
	}
}

static void collect_gets(struct search *search)
{
	const struct history *history = search->history;

	for (uint32_t i = 0; i < history->actors; i++)
		for (uint32_t j = 0; j < history->logs[i].count; j++) {
			const struct history_op *op = &history->logs[i].ops[j];

			search->some_died |= op->call == CALL_GET && op->end == HISTORY_NEVER;
			note_gets(search, op);
		}
}

static const char *search_one(const struct history *history)
{
	struct search search = {.history = history};
	struct state start;
	bool good;

	if (!collect_values(&search))
		return HISTORY_UNDECIDED;
	collect_gets(&search);
	memset(&start, 0, sizeof(start)); /* its padding, too */
	good = search_from(&search, &start);
	free(search.known);
	return good ? NULL : search.gave_up ? HISTORY_UNDECIDED : "there is no order in which all answers are right";
}

/* Of each producer that the history names. */
static const char *search_each(const struct history *history)
{
	uint64_t done = 0; /* producers below 64 */
	const char *why = NULL;

	for (uint32_t i = 0; i < history->actors; i++)
		for (uint32_t j = 0; !why && j < history->logs[i].count; j++) {
			const struct history_op *op = &history->logs[i].ops[j];
			uint32_t producer = HISTORY_PRODUCER(op->values[0]);
			struct history part;

			if (op->call != CALL_PUT || producer >= 64 || done >> producer & 1)
				continue;
			done |= UINT64_C(1) << producer;
			part = history_of_producer(history, producer);
			why = search_one(&part);
			history_free(&part);
		}
	return why;
}

const char *history_search(const struct history *history)
{
	return history->order == RINGQ_ORDER_TOTAL ? search_one(history) : search_each(history);
}
