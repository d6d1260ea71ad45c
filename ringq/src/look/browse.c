/* SPDX-License-Identifier: MIT */

/*
 * Browsing: a cursor over what waits in a queue.
 *
 * Of each lane it knows a position, below which all is shown or taken, and a window: a copy of the bytes from some position on.
 * A window is read twice, whole. Headers count as the first reading found them, payloads as the second: a record whose header
 * was there has been published, and so all of it is there by then. What head has not passed after both (sight.h) is true; it
 * stays true, so that the window serves until head or the cursor has left it. Before a record is shown, head is read once
 * more: a record that it has passed has been taken, and is skipped.
 *
 * Where lanes are merged by stamp, the oldest of the lanes' next records is next, if it is not younger than a time at which
 * all lanes without one were looked at: merge.h says why. What a peek holds comes first.
 *
 * Before all that, what had come back when the browse began, of an acknowledged queue: as it is taken first, too. One that has
 * been taken by the time is skipped; one that comes back meanwhile has been in hand, and is not shown.
 *
 * What is in hand has a cursor of its own, over the members' books alone: no lane is looked at.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringq/look.h>

#include "base/clock.h"
#include "base/sys.h"
#include "lane/hand.h"
#include "lane/sight.h"
#include "look/author.h"
#include "look/hands.h"
#include "queue/enter.h"
#include "region/map.h"

#define WINDOW_MOST (UINT64_C(32) << 10)
#define WINDOW_LEAST (UINT64_C(4) << 10)
#define WINDOWS (UINT64_C(4) << 20) /* of memory for all lanes' windows, unless they are more than that is for */
#define TRIES_MOST 64u              /* beside others who take; then the caller is told */
#define STEPS_MOST 65536u           /* PAD and LINK in a row; a lane's table has at most half as many chunks */
#define ROUNDS_MOST 1024u
#define QUANTUM 64u /* records of one lane in a row, in producer order: as a consumer takes them */

enum cursor_state {
	CURSOR_UNKNOWN = 0,
	CURSOR_RECORD, /* its next record was there at the last look */
	CURSOR_END,    /* there was none */
	CURSOR_BAD,    /* the lane fails validation */
};

struct cursor {
	enum cursor_state state;
	uint64_t at;     /* position of its next record, as a head */
	uint64_t next;   /* and of the one behind that */
	uint64_t header; /* of its next record */
	uint64_t stamp;
	/* The window. */
	struct rq_span span;
	uint64_t from; /* position of its first byte */
	uint64_t len;  /* 0: there is none */
	char *headers; /* two copies, see above */
	char *payloads;
	/* Who puts to the lane, as of when the window was read. */
	struct rq_lane words;
};

struct ringq_browser {
	struct ringq_region *region;
	struct rq_lane_set set;
	uint64_t shared; /* offset of the queue */
	uint64_t owner;
	bool merged; /* by stamp */
	uint32_t lanes;
	struct cursor *cursors;
	uint64_t looked; /* the time at which all lanes without a record were looked at */
	uint64_t window;
	uint32_t turn;  /* the lane to show from, in producer order */
	uint32_t shown; /* of it, in a row */
	bool in_hand;   /* shows what is in hand, and nothing else */
	bool looked_at_hands;
	struct rq_look_hands hands;
	size_t hands_shown; /* of what is back, or of what is in hand; or skipped */
};

/* ---- one lane ---- */

static bool in_window(const struct cursor *c, uint64_t at, uint64_t bytes)
{
	uint64_t offset = rq_head_bytes(at) - rq_head_bytes(c->from);
	return c->len && rq_head_chunk(at) == rq_head_chunk(c->from) && offset < c->len && bytes <= c->len - offset;
}

static uint64_t window_offset(const struct cursor *c, uint64_t at)
{
	return rq_head_bytes(at) - rq_head_bytes(c->from);
}

/* Reads a window from the cursor on. 1; 0: there is no memory there yet; or an error. */
static int fill(struct ringq_browser *b, uint32_t lane)
{
	struct cursor *c = &b->cursors[lane];
	c->len = 0;
	if (!c->headers && !(c->headers = malloc(2 * b->window)))
		return -ENOMEM;
	c->payloads = c->headers + b->window;
	int r = rq_glance_read(b->region, rq_lane_offset(&b->set, lane), &c->words, sizeof c->words);
	if (r == 0)
		r = rq_sight_span(&b->set, lane, rq_head_chunk(c->at), &c->span);
	if (r < 1)
		return r;
	uint64_t offset = rq_head_bytes(c->at) & c->span.mask;
	if (offset + RQ_GRANULE > c->span.size)
		return -EBADMSG;
	uint64_t len = c->span.size - offset < b->window ? c->span.size - offset : b->window;
	r = rq_glance_read(b->region, c->span.offset + offset, c->headers, len);
	if (r == 0)
		r = rq_glance_read(b->region, c->span.offset + offset, c->payloads, len);
	c->from = c->at;
	c->len = r ? 0 : len;
	return r ? r : 1;
}

/* Reads head, and moves the cursor there if it lags behind. 0 or an error. */
static int follow_head(struct ringq_browser *b, uint32_t lane, uint64_t *head)
{
	struct cursor *c = &b->cursors[lane];
	int r = rq_sight_head(&b->set, lane, head);
	if (r == 0 && (int64_t)(*head - c->at) > 0) {
		c->at = *head;
		c->state = CURSOR_UNKNOWN;
	}
	return r;
}

/* Whether a cursor may be where it is: not farther from head than a lane reaches. Else a word is corrupt. */
static bool is_possible(const struct ringq_browser *b, const struct cursor *c, uint64_t head)
{
	uint32_t chunks = rq_head_chunk(c->at) - rq_head_chunk(head);
	uint64_t since = chunks ? 0 : rq_head_bytes(head);
	return chunks < b->set.table && (!c->len || rq_head_bytes(c->at) - since <= c->span.size);
}

/* What is at the cursor, which is in the window: a record kind, or -EBADMSG. */
static int parse_here(struct cursor *c)
{
	const char *header = c->headers + window_offset(c, c->at);
	memcpy(&c->header, header, sizeof c->header);
	int kind = rq_sight_parse(&c->span, c->at, c->header, &c->next);
	c->stamp = 0;
	if (kind == RQ_RECORD_DATA && rq_record_is_stamped(c->header))
		memcpy(&c->stamp, c->payloads + window_offset(c, c->at) + 8, sizeof c->stamp);
	return kind;
}

/* Finds the lane's next record. 1: c->state is CURSOR_RECORD; 0: there is none; -EAGAIN; or an error. */
static int settle(struct ringq_browser *b, uint32_t lane)
{
	struct cursor *c = &b->cursors[lane];
	unsigned fills = 0;
	for (unsigned steps = 0; steps < STEPS_MOST; steps++) {
		uint64_t head;
		int r = follow_head(b, lane, &head), kind;
		if (r)
			return r;
		if (!in_window(c, c->at, RQ_GRANULE)) {
			if (fills++ == TRIES_MOST)
				return -EAGAIN;
			r = fill(b, lane);
			if (r == 1)
				continue; /* what was read counts only if head has not passed it */
			if (r < 0 && r != -EBADMSG)
				return r;
			kind = r;
			r = rq_sight_head(&b->set, lane, &head);
			if (r)
				return r;
			if ((int64_t)(head - c->at) > 0)
				continue;
			return kind;
		}
		kind = parse_here(c);
		if (kind > 0 && !is_possible(b, c, head))
			return -EBADMSG;
		if (kind == RQ_RECORD_DATA) {
			/* Whole in the window; or it is at its start, and longer. */
			if (c->at == c->from || in_window(c, c->at, rq_record_footprint(c->header)))
				return 1;
			c->len = 0;
		} else if (kind == RQ_RECORD_PAD || kind == RQ_RECORD_LINK) {
			c->at = c->next;
		} else if (fills && c->from == c->at) {
			return kind; /* just read, and nothing there */
		} else {
			c->len = 0;
		}
	}
	return -EBADMSG;
}

static int look_at(struct ringq_browser *b, uint32_t lane)
{
	struct cursor *c = &b->cursors[lane];
	if (c->state == CURSOR_BAD)
		return 0;
	int r = settle(b, lane);
	c->state = r == 1 ? CURSOR_RECORD : r == 0 ? CURSOR_END : r == -EBADMSG ? CURSOR_BAD : CURSOR_UNKNOWN;
	return r;
}

/* ---- which lane ---- */

/* The queue's words that say which lanes there are, and what a peek holds. */
static int read_words(struct ringq_browser *b, struct rq_queue_shared *words)
{
	uint64_t skip = offsetof(struct rq_queue_shared, not_empty);
	int r = rq_glance_read(
		b->region, b->shared + skip, &words->not_empty, offsetof(struct rq_queue_shared, not_full) - skip);
	if (r)
		return r;
	uint32_t n = rq_load(&words->lanes_used);
	if (n > b->set.max)
		n = b->set.max;
	if (n <= b->lanes)
		return 0;
	struct cursor *more = realloc(b->cursors, n * sizeof *more);
	if (!more)
		return -ENOMEM;
	memset(more + b->lanes, 0, (n - b->lanes) * sizeof *more);
	b->cursors = more;
	b->lanes = n;
	return 0;
}

/* A time not later than now, of the clock that stamps. */
static int read_clock(struct ringq_browser *b, uint64_t *now)
{
	if (b->region->clock.kind == RQ_CLOCK_TICKET)
		return rq_glance_word(b->region, offsetof(struct rq_header, ticket), now);
	*now = rq_clock_now(&b->region->clock);
	return 0;
}

/* The lane whose record a peek holds, if that is its next one here; else -1. */
static int held_lane(struct ringq_browser *b, const struct rq_queue_shared *words, uint32_t *lane)
{
	uint64_t pinned;
	*lane = rq_load(&words->peeked) % RQ_LANES_MAX;
	if (rq_load(&words->peeked) == 0 || *lane >= b->lanes || b->cursors[*lane].state != CURSOR_RECORD)
		return 0;
	int r = rq_glance_word(b->region, rq_lane_offset(&b->set, *lane) + offsetof(struct rq_lane, peeked), &pinned);
	return r ? r : pinned == b->cursors[*lane].at;
}

static bool find_oldest(const struct ringq_browser *b, uint32_t *lane)
{
	bool found = false;
	for (uint32_t i = 0; i < b->lanes; i++) {
		const struct cursor *c = &b->cursors[i];
		if (c->state != CURSOR_RECORD || (found && c->stamp >= b->cursors[*lane].stamp))
			continue;
		*lane = i;
		found = true;
	}
	return found;
}

/* Looks at all lanes that have no record to show. */
static int look_at_rest(struct ringq_browser *b)
{
	uint64_t now;
	int r = read_clock(b, &now);
	for (uint32_t i = 0; r >= 0 && i < b->lanes; i++)
		if (b->cursors[i].state != CURSOR_RECORD)
			r = look_at(b, i);
	if (r >= 0)
		b->looked = now;
	return r < 0 ? r : 0;
}

/* 1 and the lane; 0: nothing waits. */
static int choose_merged(struct ringq_browser *b, uint32_t *lane)
{
	struct rq_queue_shared words;
	int r = read_words(b, &words);
	if (r)
		return r;
	if (!find_oldest(b, lane) || b->cursors[*lane].stamp > b->looked) {
		r = look_at_rest(b);
		if (r)
			return r;
	}
	r = held_lane(b, &words, lane);
	return r ? r : find_oldest(b, lane);
}

static int choose_by_turn(struct ringq_browser *b, uint32_t *lane)
{
	struct rq_queue_shared words;
	int r = read_words(b, &words);
	if (r == 0 && b->shown >= QUANTUM) {
		b->turn++;
		b->shown = 0;
	}
	for (uint32_t i = 0; r == 0 && i < b->lanes; i++) {
		b->turn %= b->lanes;
		*lane = b->turn;
		r = look_at(b, b->turn);
		if (r == 0) {
			b->turn++;
			b->shown = 0;
		}
	}
	return r;
}

/* ---- what is shown ---- */

/* Copies the record at the cursor, as much as fits. 1; 0: it has been taken meanwhile; or an error. */
static int show(struct ringq_browser *b, uint32_t lane, void *buf, size_t size, struct ringq_record_info *info)
{
	struct cursor *c = &b->cursors[lane];
	uint64_t at = c->at, len = rq_record_len(c->header), offset = rq_record_offset(c->header), head;
	uint64_t n = len < size ? len : size;
	int r = 0;
	if (in_window(c, at, offset + n)) {
		if (n)
			memcpy(buf, c->payloads + window_offset(c, at) + offset, n);
	} else {
		r = rq_glance_read(b->region, c->span.offset + (rq_head_bytes(at) & c->span.mask) + offset, buf, n);
		if (r == 0)
			r = rq_sight_head(&b->set, lane, &head);
		if (r == 0 && (int64_t)(head - at) > 0)
			return 0;
	}
	if (r || !info)
		return r ? r : 1;
	*info = (struct ringq_record_info){
		.sequence = rq_sight_sequence(c->header, rq_load(&c->words.puts)),
		.lane = lane,
		.attempt = 1,
	};
	r = rq_author_of(&b->set, &c->words, info->sequence, &info->producer);
	return r ? r : 1;
}

/* What is known of a record by its place and its header. 0 or an error. */
static int inform(const struct ringq_browser *b, uint64_t key, uint64_t header, struct ringq_record_info *info)
{
	uint32_t lane = rq_owner_lane_index(key);
	struct rq_lane words;
	int r = rq_glance_read(b->region, rq_lane_offset(&b->set, lane), &words, sizeof words);
	if (r)
		return r;
	*info = (struct ringq_record_info){
		.sequence = rq_sight_sequence(header, rq_load(&words.puts)),
		.lane = lane,
	};
	return rq_author_of(&b->set, &words, info->sequence, &info->producer);
}

/* The same of a record that has come back. Its length; -ENOENT: it has been taken meanwhile; or an error. */
static ssize_t show_back(
	struct ringq_browser *b, const struct rq_back *back, void *buf, size_t size, struct ringq_record_info *info)
{
	uint64_t len = rq_record_len(back->header), n = len < size ? len : size;
	int r = rq_glance_read(b->region, back->record + rq_record_offset(back->header), buf, n);
	if (r == 0)
		r = rq_look_is_back(&b->set, back);
	if (r < 1)
		return r ? r : -ENOENT;
	if (!info)
		return (ssize_t)len;
	r = inform(b, back->key, back->header, info);
	info->attempt = back->attempt + 1;
	return r ? r : (ssize_t)len;
}

static void name_holder(const struct rq_person *person, struct ringq_producer *out)
{
	*out = (struct ringq_producer){.process = person->process, .thread = person->thread, .state = RINGQ_ALIVE};
	memcpy(out->name, person->name, sizeof out->name - 1);
}

/* The same of a record in hand. */
static ssize_t show_held(
	struct ringq_browser *b, const struct rq_held *held, void *buf, size_t size, struct ringq_record_info *info)
{
	uint64_t header, len = 0;
	int r = rq_look_header(&b->set, held, &header);
	if (r == 1) {
		len = rq_record_len(header);
		r = rq_glance_read(b->region, held->record + rq_record_offset(header), buf, len < size ? len : size);
		if (r == 0)
			r = rq_look_is_held(&b->set, held);
	}
	if (r < 1)
		return r ? r : -ENOENT;
	if (!info)
		return (ssize_t)len;
	r = inform(b, held->key, header, info);
	int64_t ns = (int64_t)((uint64_t)rq_sys.tick() - held->taken);
	info->attempt = held->attempt;
	info->in_hand = 1;
	info->held_ms = ns < 0 ? 0 : ns / 1000000 < UINT32_MAX ? (uint32_t)(ns / 1000000) : UINT32_MAX;
	name_holder(&held->holder, &info->holder);
	return r ? r : (ssize_t)len;
}

/* What the books show: what has come back, or what is in hand. -ENOENT: there is no more of it. */
static ssize_t next_of_hands(struct ringq_browser *b, void *buf, size_t size, struct ringq_record_info *info)
{
	struct rq_look_hands *hands = &b->hands;
	if (!b->looked_at_hands) {
		int r = rq_look_at_hands(&b->set, hands);
		if (r == 0 && b->in_hand)
			r = rq_look_order_held(hands);
		if (r)
			return r;
		b->looked_at_hands = true;
	}
	while (b->hands_shown < (b->in_hand ? hands->held_count : hands->returned)) {
		size_t i = b->hands_shown++;
		ssize_t r = b->in_hand ? show_held(b, &hands->held[i], buf, size, info)
		                       : show_back(b, &hands->back[i], buf, size, info);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

static void advance(struct ringq_browser *b, uint32_t lane)
{
	struct cursor *c = &b->cursors[lane];
	c->at = c->next;
	c->state = CURSOR_UNKNOWN;
	b->shown++;
}

static ssize_t next_record(struct ringq_browser *b, void *buf, size_t size, struct ringq_record_info *info)
{
	ssize_t n = next_of_hands(b, buf, size, info);
	if (n != -ENOENT || b->in_hand)
		return n;
	for (unsigned round = 0; round < ROUNDS_MOST; round++) {
		uint32_t lane = 0;
		int r = b->merged ? choose_merged(b, &lane) : choose_by_turn(b, &lane);
		if (r <= 0)
			return r ? r : -ENOENT;
		/* What was chosen may have been looked at a while ago. */
		uint64_t at = b->cursors[lane].at;
		r = look_at(b, lane);
		if (r < 0)
			return r;
		if (r == 0 || b->cursors[lane].at != at)
			continue;
		r = show(b, lane, buf, size, info);
		if (r < 0)
			return r;
		uint64_t len = rq_record_len(b->cursors[lane].header);
		advance(b, lane);
		/* The next record's stamp must be known before another lane's is chosen. */
		if (b->merged) {
			int e = look_at(b, lane);
			if (e < 0 && e != -EBADMSG && e != -EAGAIN)
				return e;
		}
		if (r == 1)
			return (ssize_t)len;
	}
	return -EAGAIN;
}

/* What was read was the queue's if it is still there. */
ssize_t ringq_browse_next(ringq_browser *b, void *buf, size_t size, struct ringq_record_info *info)
{
	uint64_t owner;
	if (!b || (!buf && size))
		return -EINVAL;
	ssize_t n = next_record(b, buf, size, info);
	int r = rq_glance_owner(b->region, b->set.first, &owner);
	return r ? r : owner == b->owner ? n : -ENOENT;
}

static int begin(ringq_browser **out, const ringq_queue *queue, bool in_hand)
{
	if (!out || !queue)
		return -EINVAL;
	struct ringq_browser *b = calloc(1, sizeof *b);
	int r = b ? rq_look_enter(queue) : -ENOMEM;
	if (r) {
		free(b);
		return r;
	}
	*b = (struct ringq_browser){
		.region = queue->region,
		.set = queue->set,
		.shared = rq_unit_offset(queue->region, queue->set.first),
		.owner = queue->owner,
		.merged = queue->total,
		.in_hand = in_hand,
	};
	rq_region_ref(b->region);
	rq_leave();
	b->window = WINDOWS / 2 / b->set.max;
	b->window = b->window > WINDOW_MOST ? WINDOW_MOST : b->window < WINDOW_LEAST ? WINDOW_LEAST : b->window;
	*out = b;
	return 0;
}

int ringq_browse(ringq_browser **out, const ringq_queue *queue)
{
	return begin(out, queue, false);
}

int ringq_browse_in_hand(ringq_browser **out, const ringq_queue *queue)
{
	return begin(out, queue, true);
}

void ringq_browse_end(ringq_browser *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->lanes; i++)
		free(b->cursors[i].headers);
	free(b->cursors);
	rq_look_hands_free(&b->hands);
	ringq_region_detach(b->region);
	free(b);
}
