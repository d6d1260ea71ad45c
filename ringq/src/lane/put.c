/* SPDX-License-Identifier: MIT */

/* The producer's side of a lane, but for the fast path, which is in put.h. The protocol is in lane.h. */

#include "lane/put.h"

#include <errno.h>
#include <limits.h>

#include "base/probe.h"
#include "base/sys.h"
#include "lane/chunks.h"
#include "lane/hand.h"

#define RING_KEEP (UINT64_C(64) << 10)     /* smaller rings stay with a lane whose producer has ended */
#define RING_PATIENT (UINT64_C(256) << 10) /* larger ones wait a moment for consumers before they grow */
#define RING_LARGEST RQ_SPARE_LARGEST      /* for records that fit four times */
#define RING_FOUR (UINT64_C(16) << 20)     /* for larger ones, of which it is to hold four; */
#define RING_TWO RQ_SPARE_SINGLE           /* or two. Records that fit less often do not go round */
#define RING_CROWDED \
	(UINT64_C(1) << 30)       /* where there are many rings already; half as many records as there are sequences */
#define LARGE (UINT64_C(4) << 10) /* records from here on */
/* Between polls: each takes the line of head from a consumer, whose next claim then waits for it. */
#define POLL_PAUSES 64
#define POLL_BYTES 1024     /* a consumer at full speed takes more between two */
#define POLL_BYTES_HELD 256 /* the same of an acknowledged queue, where a small record takes more of its time */
#define POLLS_AHEAD 16
#define POLLS_IN_VAIN 2
#define POLLS_NOWAIT 64
#define POLLS 512
#define POLLS_A_CLOCK 16
#define YIELDS 8

static uint64_t at_least_power_of_two(uint64_t n)
{
	return n <= 1 ? 1 : UINT64_C(2) << (63 - __builtin_clzll(n - 1));
}

/* False if head is not where any consumer can have brought it. */
static bool read_head(const struct rq_producer *p, uint64_t *head)
{
	uint64_t h = rq_load_acquire(&p->lane->head); /* P0 */
	rq_release_fence(); /* P3: who sees what is written over sees, behind G4 or G5, a head no older than this one */
	uint32_t behind = p->chunk - rq_head_chunk(h);
	*head = h;
	return behind < p->set->table && (behind || rq_head_bytes(h) <= p->tail);
}

/* Head, or where this producer's records begin if head has not come there. */
static uint64_t own_head(struct rq_producer *p, uint64_t head)
{
	p->inherited = p->inherited && !rq_head_reached(head, p->adopted);
	return p->inherited ? p->adopted : head;
}

/* Bytes of records that wait, and are this producer's. */
static uint64_t waiting(struct rq_producer *p, uint64_t head)
{
	uint64_t from = own_head(p, head);
	if (rq_head_reached(from, rq_producer_end(p)))
		return 0;
	return rq_producer_records_before(p, p->chunk, p->tail) -
	       rq_producer_records_before(p, rq_head_chunk(from), rq_head_bytes(from));
}

/*
 * What is free is what head has passed, and, of an acknowledged queue, what is not in hand: *free is up to where all in
 * head's chunk is done. Bytes of records that wait or are in hand.
 */
static uint64_t undone(struct rq_producer *p, uint64_t head, uint64_t *free)
{
	*free = head;
	if (rq_likely(!p->set->hands))
		return waiting(p, head);
	struct rq_hand_sum hand = rq_hand_of_lane(p->set, p->index, head, p->adopted);
	rq_release_fence(); /* P5: as P3, for what the books say, behind Z6 */
	*free = hand.lowest;
	return waiting(p, head) + hand.bytes;
}

/* Where the tail may go in this ring without meeting head, or what is in hand behind it. */
static uint64_t ring_limit(const struct rq_producer *p, uint64_t head)
{
	uint64_t from = rq_head_chunk(head) == p->chunk ? rq_head_bytes(head) : 0;
	uint64_t limit = p->one_shot ? p->one_shot_end : from + p->ring.size;
	return limit > RQ_CHUNK_BYTES ? 0 : limit;
}

/* Whether `need` bytes fit in this ring now; goes to the ring's start if it must for that. */
static bool fit(struct rq_producer *p, uint64_t need, uint64_t limit)
{
	uint64_t offset = p->tail & p->ring.mask, rest = p->ring.size - offset;
	if (p->ring.size == 0)
		return false;
	if (need <= rest || p->one_shot)
		return p->tail + need + RQ_GRANULE <= limit;
	if (p->tail + rest + need + RQ_GRANULE > limit)
		return false;
	p->end = rq_producer_end(p);
	rq_producer_header(p, rq_record_header(p->puts, rest, RQ_RECORD_PAD));
	p->tail += rest;
	p->skipped = p->tail;
	rq_producer_note_pad(p, p->chunk, p->tail, rest);
	return true;
}

/* Goes on in a new chunk of this size, with a LINK to it if the tail's chunk has memory. */
static int take_chunk(struct rq_producer *p, uint64_t size, bool once, uint64_t head)
{
	uint64_t page = p->set->region->at.page;
	uint32_t chunk = p->chunk + (p->ring.size != 0);
	unsigned code = rq_size_code((size + page - 1) / page);
	struct rq_ring ring;

	if (!rq_chunk_clear_entry(p->set, p->index, chunk, head))
		return -ENOMEM; /* see grow(): not before memory is so short that rings are small */
	int64_t unit = once ? -ENOMEM : rq_chunk_reuse(p->set, p->index, chunk, code, head);
	if (unit < 0)
		unit = rq_units_claim(
			p->set->region, rq_size_units(code), rq_chunk_owner(p->set, p->index, chunk), size);
	if (unit < 0)
		return (int)unit;
	uint64_t entry = rq_entry(chunk, (uint64_t)unit, code);
	if (!rq_ring_of(p->set, entry, &ring))
		return -EBADMSG;
	rq_release_fence(); /* T6: as P3, for memory that another lane's consumers have left */
	rq_store((rq_u64 *)ring.base, 0);
	rq_store(rq_puts_before(p->set, p->lane, chunk), p->puts);
	rq_store_release(rq_entry_at(p->set, p->lane, chunk), entry); /* T1 */
	p->end = rq_producer_end(p);
	if (chunk != p->chunk) {
		*rq_producer_sent_at(p, chunk) =
			(struct rq_sent){.before = rq_producer_records_before(p, p->chunk, p->tail)};
		rq_producer_header(p, rq_record_header(p->puts, 0, RQ_RECORD_LINK));
	}
	p->chunk = chunk;
	p->ring = ring;
	p->one_shot = once;
	p->one_shot_end = once ? size : 0;
	p->tail = p->room = p->limit = p->skipped = 0;
	p->drained_rounds = 0;
	rq_store_release(&p->lane->newest, chunk); /* a hint, behind T1 */
	rq_probe_chunk_take(rq_lane_set_name(p->set), p->index, size, rq_size_units(code));
	return 0;
}

/* How far the fast path may go: to the end of the ring or of what may wait. */
static void set_room(struct rq_producer *p, uint64_t limit, uint64_t wait)
{
	uint64_t bound = p->set->max_bytes, left = wait < bound ? bound - wait : 0;
	p->room = left < limit - p->tail ? p->tail + left + RQ_GRANULE : limit;
	if (p->room > limit)
		p->room = limit;
}

/*
 * The ring for records of this size, without a backlog: four of them fit, of large ones sixteen, if that is no more than
 * the largest. Rings that have grown so far are not shrunk, either: a line that has left its writer's own cache is had
 * several times faster.
 */
static uint64_t ring_for(uint64_t need)
{
	uint64_t size = at_least_power_of_two(4 * need);
	return need < LARGE || size >= RING_LARGEST ? size : 4 * size < RING_LARGEST ? 4 * size : RING_LARGEST;
}

/*
 * What a ring of this size, for large records, grows to: it holds two of them, and all that may wait if that is not too
 * much. Else each round or each record would want other memory, which takes longer to get than to fill.
 */
static uint64_t ring_grown(const struct rq_producer *p, uint64_t size)
{
	uint64_t bound = p->set->max_bytes, grown = bound < RING_FOUR ? at_least_power_of_two(bound) : RING_FOUR;
	if (grown < 2 * size)
		grown = 2 * size < RING_TWO ? 2 * size : RING_TWO;
	return size < grown ? grown : size;
}

/*
 * A larger ring: four times the last, but not above the largest, unless for four of these records, or for what a ring of
 * those grows to. Where memory is short, a smaller one; for a record that is larger than all that, one of its own. A lane
 * with half of its table in use, by what others have left there or by much that ends of rings leave unused, goes on in
 * rings that are larger each time: it is memory that ends, not the table.
 */
static int grow(struct rq_producer *p, uint64_t need, uint64_t head, uint64_t wait)
{
	uint64_t page = p->set->region->at.page, bound = p->set->max_bytes, most = RING_LARGEST;
	uint64_t size = ring_for(need), next = p->one_shot ? 0 : 4 * p->ring.size;
	int r = -ENOMEM;

	if (bound < most)
		most = at_least_power_of_two(bound + page);
	if (next > most)
		next = most;
	if (size < next)
		size = next;
	if (size < page)
		size = page;
	if (size > most && (size > bound || size > RING_FOUR)) {
		size = at_least_power_of_two(need + 2 * RQ_GRANULE);
		if (size > 2 * most && size > bound)
			size = 0;
	}
	if (size > most && size <= p->ring.size && !p->one_shot)
		size = ring_grown(p, size);
	if (p->chunk - rq_head_chunk(head) >= p->set->table / 2 && size < 4 * p->ring.size)
		size = 4 * p->ring.size < RING_CROWDED ? 4 * p->ring.size : RING_CROWDED;
	for (; r == -ENOMEM && size >= need + 2 * RQ_GRANULE && size >= page; size /= 4)
		r = take_chunk(p, size, false, head);
	if (r == -ENOMEM)
		r = take_chunk(p, need + 2 * RQ_GRANULE, true, head);
	if (r == 0 && !p->one_shot)
		set_room(p, p->ring.size, wait);
	return r;
}

/* A ring that has been nearly empty for long makes way for one as small as the first for such records. */
static void shrink(struct rq_producer *p, uint64_t need, uint64_t head)
{
	uint64_t size = ring_for(need), most = RING_LARGEST;
	if (size > RING_LARGEST)
		most = ring_grown(p, size);
	else
		size = RING_LARGEST;
	if (p->ring.size > most)
		(void)take_chunk(p, size, false, head); /* if that fails, the ring stays, and does as well */
	p->drained_rounds = 0;
}

/* Whether there is no more room in a ring than an eighth of it. */
static bool is_full(const struct rq_producer *p, uint64_t limit)
{
	return !p->one_shot && limit && limit - p->tail < p->ring.size / 8;
}

/* Whether so many polls have seen as much become free as makes another worth it; `freed` may be negative. */
static bool has_moved(uint64_t freed, uint64_t need, uint64_t least, unsigned polls)
{
	return (int64_t)(freed + need + POLLS_IN_VAIN * least) >= (int64_t)(polls * least);
}

/* Whether it is worth waiting for a moment, or giving others the processor, before more memory is taken. */
static bool may_wait(const struct rq_producer *p, bool poll, unsigned yields)
{
	return (poll && p->ring.size >= RING_PATIENT) || (yields && p->ring.size >= RING_LARGEST);
}

/*
 * Whether a ring of an acknowledged queue makes way for a larger one though there is room in it: each round is a look at the
 * books, at a line for each record that is in hand, so that a round should be many records.
 */
static bool is_small(const struct rq_producer *p, uint64_t need, uint64_t limit)
{
	uint64_t size = p->ring.size;
	return p->set->hands && size && !p->one_shot && size < RING_KEEP && limit - p->tail < size / 2 &&
	       need + 2 * RQ_GRANULE <= 4 * size && 4 * size <= p->set->max_bytes;
}

/*
 * How long to wait until the next poll, in polls. Who takes from an acknowledged queue is mostly the slower side, and each look
 * at head holds it up: half of what it needs at its pace so far to free an eighth of the ring.
 */
static unsigned polls_until(const struct rq_producer *p, uint64_t limit, uint64_t freed, unsigned polls)
{
	if (!p->set->hands || !freed || !polls)
		return 1;
	uint64_t lacks = p->ring.size / 8 - (limit - p->tail), n = lacks * polls / freed / 2;
	return n < 1 ? 1 : n > POLLS_AHEAD ? POLLS_AHEAD : (unsigned)n;
}

/*
 * A full ring. When consumers are at work, an eighth of it is worth a short wait: taking what little there is each time
 * would mean to read head, whose line they keep writing, for every record. So is that they come into this ring, if they
 * are in one before it: with a backlog of more than a processor's own cache holds each line comes from farther away,
 * consumers are slower by half, and where the producer is faster, the backlog never ends. Where there are more threads
 * than processors, they may just have none: the producer gives them its own before it goes on.
 */
int rq_producer_make_room(struct rq_producer *p, uint64_t len, struct rq_patience *patience)
{
	if (len > RQ_RECORD_MAX)
		return -EMSGSIZE;
	uint64_t need = rq_footprint(len, p->stamped), head, first_wait = 0, first_undone = 0;
	unsigned books_since = 0; /* the poll at which the books were first read; 0: not yet */
	bool may_yield = rq_patience_may_yield(patience);
	unsigned polls = may_yield ? POLLS : POLLS_NOWAIT, yields = may_yield ? YIELDS : 0;
	uint64_t least = rq_unlikely(p->set->hands != NULL) ? POLL_BYTES_HELD : POLL_BYTES;
	const struct rq_geometry *at = &p->set->region->at;
	if (need + 2 * RQ_GRANULE > at->unit_count * at->page)
		return -EMSGSIZE;

	for (unsigned poll = 0;; poll++) {
		if (!read_head(p, &head))
			return -EBADMSG;
		uint64_t free = head, wait = waiting(p, head), limit = ring_limit(p, head);
		if (poll == 0)
			first_wait = wait;
		uint64_t freed = first_wait - wait;
		bool full = is_full(p, limit), moves = has_moved(freed, need, least, poll);
		/* Where head leaves no room yet, the books need not be read, whose lines are of those who take. */
		if (rq_unlikely(p->set->hands != NULL) && !(full && may_wait(p, poll < polls && moves, yields))) {
			wait = undone(p, head, &free);
			limit = ring_limit(p, free);
			full = is_full(p, limit);
			if (!books_since) {
				books_since = poll + 1;
				first_undone = wait;
			}
			/* Claims alone free nothing. */
			moves = moves && has_moved(first_undone - wait, need, least, poll + 1 - books_since);
		}
		if (wait > rq_load(&p->lane->most))
			rq_store(&p->lane->most, wait);
		if (wait && wait + need > p->set->max_bytes)
			return -EAGAIN;
		if (full && p->ring.size >= RING_PATIENT && poll < polls && moves) {
			unsigned next = polls_until(p, limit, freed, poll);
			for (unsigned i = 0; i < next * POLL_PAUSES; i++)
				rq_pause();
			poll += next - 1;
			if ((next > 1 || poll % POLLS_A_CLOCK == POLLS_A_CLOCK - 1) && rq_patience_is_over(patience))
				yields = polls = 0;
			continue;
		}
		if (full && p->ring.size >= RING_LARGEST && yields) {
			yields--;
			if (rq_patience_yield(patience))
				yields = polls = 0;
			poll = UINT_MAX;
			books_since = 0;
			continue;
		}
		if (p->ring.size > RING_LARGEST && !p->one_shot && wait < p->ring.size / 8 &&
			++p->drained_rounds > RQ_DRAINED_ROUNDS_MOST) {
			shrink(p, need, head);
			limit = ring_limit(p, free);
		} else if (wait >= p->ring.size / 8) {
			p->drained_rounds = 0;
		}
		if (is_small(p, need, limit) && take_chunk(p, 4 * p->ring.size, false, head) == 0) {
			set_room(p, p->ring.size, wait);
			return 0;
		}
		if (!fit(p, need, limit)) {
			return grow(p, need, head, wait);
		}
		set_room(p, limit, wait);
		return 0;
	}
}

bool rq_producer_full(struct rq_producer *p, bool stamped)
{
	uint64_t head, free, least = rq_footprint(0, stamped);
	uint64_t wait = read_head(p, &head) ? undone(p, head, &free) : 0;
	return wait && wait + least > p->set->max_bytes;
}

uint64_t rq_producer_wake_at(struct rq_producer *p, uint64_t len, bool exact)
{
	uint64_t head, need = rq_footprint(len, p->stamped), eighth = p->ring.size / 8;
	if (!read_head(p, &head))
		return 0;
	if (p->set->hands) {
		uint64_t free, wait = undone(p, head, &free);
		uint64_t lack = wait + need > p->set->max_bytes ? wait + need - p->set->max_bytes : 1;
		rq_store(&p->lane->freed, 0);
		return exact || lack > eighth || wait < eighth ? lack : eighth;
	}
	uint64_t end = rq_producer_end(p), from = own_head(p, head), wait = waiting(p, head);
	uint64_t next_chunk = rq_head(rq_head_chunk(from) + 1, 0);
	uint64_t step = wait + need > p->set->max_bytes ? wait + need - p->set->max_bytes : 0;
	if (!exact && rq_head_chunk(from) != rq_head_chunk(end))
		return next_chunk;
	if (!exact && step < eighth)
		step = eighth;
	/* What a PAD takes is no record's: then this is too early, never too late. */
	uint64_t at = step >> RQ_POSITION_SHIFT < next_chunk - from ? from + (step >> RQ_POSITION_SHIFT) : next_chunk;
	return rq_head_reached(at, end) ? end : at;
}

void rq_producer_leave(struct rq_producer *p)
{
	uint64_t head;
	if (!read_head(p, &head) || p->chunk + 1 - rq_head_chunk(head) >= p->set->table)
		return; /* no entry for a next chunk now: it is left when there is */
	*rq_producer_sent_at(p, p->chunk + 1) =
		(struct rq_sent){.before = rq_producer_records_before(p, p->chunk, p->tail)};
	p->end = rq_producer_end(p);
	rq_producer_header(p, rq_record_header(p->puts, 0, RQ_RECORD_LINK));
	p->chunk++;
	p->ring = (struct rq_ring){0};
	p->tail = p->room = p->limit = p->skipped = 0;
	p->one_shot = false;
	rq_store_release(&p->lane->newest, p->chunk); /* a hint; P of the LINK is yet to come */
}

void rq_producer_vacate(struct rq_producer *p)
{
	uint64_t head;
	if (!read_head(p, &head))
		return;
	/* A small ring that holds something stays: each LINK is a chunk, and a lane has not many. */
	bool few = p->chunk - rq_head_chunk(head) < p->set->table / 2;
	if (p->ring.size && (waiting(p, head) == 0 || (p->ring.size > RING_KEEP && few)))
		rq_producer_leave(p);
	rq_producer_flush(p);
	rq_store(&p->lane->tail, rq_head(p->chunk, p->tail));
}
