/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ringq/look.h>

typedef unsigned char tallies[PARTIES][STAGE_RECORDS];

/* The driver's: one list at a time. */
static struct {
	tallies waits, in_hand, set_aside;
	uint64_t waiting, held;
	struct record_id first; /* of what waits, */
	uint32_t attempt;       /* and how often it will have been delivered */
} account;

static char buffer[STAGE_BUFFER];

static struct record_id known(const struct stage *s, const char *record, size_t len)
{
	struct record_id id = record_check(record, len);

	check_compare(id.producer, <, PARTIES);
	check_compare(id.number, <, s->book->begun[id.producer]);
	return id;
}

/* What the child saw, and did not come to acknowledge, has been delivered once. */
static void enter_waiting(const struct stage *s, struct record_id id, const struct ringq_record_info *info)
{
	check_eq(account.waits[id.producer][id.number]++, 0);
	check_eq(info->in_hand, 0);
	check_compare(info->attempt, >=, 1 + s->book->seen[id.producer][id.number]);
	if (account.waiting++ == 0) {
		account.first = id;
		account.attempt = info->attempt;
	}
}

static void list_waiting(const struct stage *s)
{
	struct ringq_record_info info;
	ringq_browser *browser;
	ssize_t len;

	check_eq(ringq_browse(&browser, s->queue), 0);
	while ((len = ringq_browse_next(browser, buffer, sizeof(buffer), &info)) >= 0)
		enter_waiting(s, known(s, buffer, (size_t)len), &info);
	check_eq(len, -ENOENT);
	ringq_browse_end(browser);
}

/* The driver may have something in hand, too. */
static void list_in_hand(const struct stage *s, bool child_lives)
{
	struct ringq_record_info info;
	ringq_browser *browser;
	ssize_t len;

	check_eq(ringq_browse_in_hand(&browser, s->queue), 0);
	while ((len = ringq_browse_next(browser, buffer, sizeof(buffer), &info)) >= 0) {
		struct record_id id = known(s, buffer, (size_t)len);

		check_eq(account.in_hand[id.producer][id.number]++, 0);
		check_eq(info.in_hand, 1);
		check_eq(info.holder.state, RINGQ_ALIVE);
		if (!child_lives)
			check_eq(info.holder.process, getpid());
		account.held++;
	}
	check_eq(len, -ENOENT);
	ringq_browse_end(browser);
}

/* Empty ones only fill that queue. */
static void list_set_aside(const struct stage *s)
{
	const size_t before = sizeof(struct ringq_dead_letter);
	ringq_browser *browser;
	ssize_t len;

	check_eq(ringq_browse(&browser, s->dead), 0);
	while ((len = ringq_browse_next(browser, buffer, sizeof(buffer), NULL)) >= 0) {
		if (len == 0)
			continue;
		check_compare(len, >=, before);
		struct record_id id = known(s, buffer + before, (size_t)len - before);
		account.set_aside[id.producer][id.number]++;
	}
	check_eq(len, -ENOENT);
	ringq_browse_end(browser);
}

/*
 * What was put and not seen is somewhere, in one place; what was acknowledged, nowhere. What the child is acknowledging is in
 * its hand, or gone; what it is putting waits, or is not there yet.
 */
static void check_places(const struct stage *s)
{
	const struct book *book = s->book;

	for (size_t party = 0; party < PARTIES; party++) {
		for (uint32_t i = 0; i < book->begun[party]; i++) {
			unsigned places = account.waits[party][i] + account.in_hand[party][i];

			check_compare(places, <=, 1);
			if (book->seen[party][i] && !book->at_work[party][i])
				check_eq(places, 0);
			if (!book->seen[party][i] && i < book->done[party])
				check(places == 1 || account.set_aside[party][i]);
		}
	}
}

/* The figures say the same. A put that stands between two of its stores may be counted already, or not yet. */
static void check_figures(const struct stage *s)
{
	struct ringq_queue_stat stat;

	check_eq(ringq_queue_stat(s->queue, &stat), 0);
	check_eq(stat.in_hand, account.held);
	check_eq(ringq_join(s->queue, RINGQ_NOWAIT), account.waiting + account.held ? -EAGAIN : 0);
	check_eq(ringq_empty(s->queue), account.waiting == 0);
	if (s->book->begun[CHILD] == s->book->done[CHILD])
		check_eq(ringq_size(s->queue), account.waiting);
}

static void list(const struct stage *s, bool child_lives)
{
	memset(&account, 0, sizeof(account));
	list_waiting(s);
	list_in_hand(s, child_lives);
	if (s->dead)
		list_set_aside(s);
	check_places(s);
}

static bool is_same(struct record_id a, struct record_id b)
{
	return a.producer == b.producer && a.number == b.number;
}

/* What is back is next in either order; of what waits in the lanes, in producer order the first of any lane. */
static void peek_and_take(struct stage *s, bool total)
{
	bool certain = total || account.attempt > 1;
	uint32_t next[PARTIES] = {0};
	struct record_id seen;
	ssize_t len = ringq_peek(s->queue, buffer, sizeof(buffer));

	if (account.waiting == 0) {
		check_eq(len, -EAGAIN);
		check_eq(ringq_get(s->queue, buffer, sizeof(buffer), RINGQ_NOWAIT), -EAGAIN);
		return;
	}
	check_compare(len, >=, 0);
	seen = known(s, buffer, (size_t)len);
	check_eq(account.waits[seen.producer][seen.number], 1);
	if (certain)
		check(is_same(seen, account.first));
	if (s->call->queue.max_attempts) /* it would be set aside */
		return;
	len = ringq_get(s->queue, buffer, sizeof(buffer), RINGQ_NOWAIT);
	check_compare(len, >=, 0);
	struct record_id taken = known(s, buffer, (size_t)len);
	check_eq(account.waits[taken.producer][taken.number], 1);
	if (certain || taken.producer == seen.producer)
		check(is_same(taken, seen));
	stage_enter(s, taken, next);
}

/* The peek comes before what counts, as that would end for others what they have left half done. */
static void account_all(struct stage *s, bool child_lives)
{
	list(s, child_lives);
	peek_and_take(s, s->order == RINGQ_ORDER_TOTAL);
	list(s, child_lives);
	check_figures(s);
}

void account_beside(struct stage *s)
{
	account_all(s, true);
}

void account_behind(struct stage *s)
{
	account_all(s, false);
}
