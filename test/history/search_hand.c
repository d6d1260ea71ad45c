/* SPDX-License-Identifier: MIT */
/*
 * The steps of an acknowledged queue in the search: what is in hand keeps its place in the queue, so that when it waits
 * again it comes before all that was put after it. Of two that wait again and whose puts overlapped either may come first,
 * whichever did the first time.
 */
#include "search.h"

#include <string.h>

bool search_holds(const struct state *s, uint32_t actor, enum holding why)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->queue[i].holder == held_by(actor, why))
			return true;
	return false;
}

static bool was_put_before(const struct search *search, uint8_t a, uint8_t b)
{
	return HISTORY_PRODUCER(search->values[a]) == HISTORY_PRODUCER(search->values[b]) ||
	       search->put[a]->end < search->put[b]->begin;
}

bool search_may_be_next(const struct search *search, const struct state *s, unsigned at)
{
	const struct place *queue = s->queue;

	if (queue[at].holder)
		return false;
	for (unsigned i = first_waiting(s); i < at; i++)
		if (!queue[i].holder && (!queue[at].attempts || was_put_before(search, queue[i].value, queue[at].value)))
			return false;
	return true;
}

static bool try_gone(struct search *search, const struct state *s, uint32_t actor, unsigned at)
{
	struct state next = *s;

	next.count--;
	memmove(&next.queue[at], &next.queue[at + 1], (next.count - at) * sizeof(next.queue[0]));
	next.step[actor].left++;
	return search_from(search, &next);
}

/* What it had for itself, or only to set it aside, goes: then it is a letter; else it is none. */
static bool try_all_gone(struct search *search, const struct state *s, uint32_t actor, enum holding why)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->queue[i].holder == held_by(actor, why) &&
			search->letter[s->queue[i].value] == (why == SET_ASIDE) && try_gone(search, s, actor, i))
			return true;
	return false;
}

static bool try_hold(struct search *search, const struct state *s, uint32_t actor, unsigned at, enum holding why)
{
	struct state next = *s;

	next.queue[at].holder = held_by(actor, why);
	next.queue[at].attempts++;
	next.step[actor].taken += why != SET_ASIDE;
	return search_from(search, &next);
}

/* Whether the record there is the one that this call says has come next. */
static bool is_next(
	const struct search *search, const struct state *s, uint32_t actor, const struct history_op *op, unsigned at)
{
	unsigned taken = s->step[actor].taken;

	if (s->step[actor].failed || taken == search_done_by(op))
		return false;
	if (op->end == HISTORY_NEVER)
		return true;
	return s->queue[at].value == search_index(search, op->values[taken]) &&
	       (!op->attempts[taken] || op->attempts[taken] == s->queue[at].attempts + 1u);
}

static bool try_end(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	struct state next = *s;

	if (op->end == HISTORY_NEVER || s->step[actor].taken < search_done_by(op) ||
		(op->result < (int64_t)op->asked && !s->step[actor].failed) || search_holds(s, actor, GOT) ||
		search_holds(s, actor, SET_ASIDE))
		return false;
	search_next_op(&next, actor);
	return search_from(search, &next);
}

static bool try_out(
	struct search *search, const struct state *s, uint32_t actor, const struct history_op *op, unsigned at)
{
	uint32_t most = search->history->max_attempts;

	if (most && s->queue[at].attempts >= most)
		return !search_holds(s, actor, SET_ASIDE) && try_hold(search, s, actor, at, SET_ASIDE);
	return is_next(search, s, actor, op, at) && try_hold(search, s, actor, at, op->call == CALL_GET ? GOT : TAKEN);
}

bool search_try_take(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	if (try_end(search, s, actor, op) || try_all_gone(search, s, actor, GOT) ||
		try_all_gone(search, s, actor, SET_ASIDE))
		return true;
	for (unsigned i = first_waiting(s); i < s->count; i++)
		if (search_may_be_next(search, s, i) && try_out(search, s, actor, op, i))
			return true;
	return false;
}

/* An acknowledgement may be over later than its last record is gone, which may have its place until then. */
bool search_try_finish(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	struct state next = *s;
	unsigned done = s->step[actor].taken, i = 0;

	if (done == op->asked) {
		if (op->end == HISTORY_NEVER || op->result != (int64_t)op->asked)
			return false;
		search_next_op(&next, actor);
		return search_from(search, &next);
	}
	while (i < s->count && (s->queue[i].holder != held_by(actor, TAKEN) ||
				       s->queue[i].value != search_index(search, op->values[done])))
		i++;
	if (i == s->count)
		return false;
	next.step[actor].taken++;
	if (op->call == CALL_ACK)
		return !search->letter[s->queue[i].value] && try_gone(search, &next, actor, i);
	next.queue[i].holder = 0;
	return search_from(search, &next);
}

bool search_try_death(struct search *search, const struct state *s, uint32_t actor, const struct history_op *op)
{
	uint32_t dead = op->asked;
	bool held = false;

	for (unsigned i = 0; i < s->count; i++) {
		struct state next = *s;
		uint8_t holder = s->queue[i].holder;

		if (!holder || (holder - 1u) % SEARCH_ACTORS != dead)
			continue;
		held = true;
		next.queue[i].holder = 0;
		if (search_from(search, &next))
			return true;
	}
	if (held)
		return false;
	struct state next = *s;
	next.dead[dead] = 1;
	memset(&next.step[dead], 0, sizeof(next.step[dead]));
	search_next_op(&next, actor);
	return search_from(search, &next);
}
