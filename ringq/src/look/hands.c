/* SPDX-License-Identifier: MIT */
#include "look/hands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lane/hand.h"
#include "lane/sight.h"

#define LOOKS_MOST 8u    /* at all books, while something moves from one to another */
#define PAGE_MOST 65536u /* bytes: the largest page of any kernel */

struct look {
	const struct rq_lane_set *set;
	struct rq_look_hands *out;
	size_t capacity, held_capacity;
	/* A page of a book, read three times: an entry says what the second found if its state was the same before and after. */
	char *before;
	char *page;
	char *after;
};

static const struct rq_entry *entry_in(const char *page, uint32_t i)
{
	return (const struct rq_entry *)(page + (size_t)i * RQ_ENTRY);
}

static int member_word(const struct ringq_region *region, uint32_t index, size_t offset, uint64_t *word)
{
	uint64_t page = region->at.members + index / RQ_MEMBERS_A_PAGE * region->at.page;
	if (index >= region->at.member_count)
		return -EBADMSG;
	return rq_glance_word(region, page + index % RQ_MEMBERS_A_PAGE * sizeof(struct rq_member) + offset, word);
}

/* Whether a claim has won its record: 1, 0 or an error. As in hand.c. */
static int is_won(const struct look *l, uint64_t claim, uint64_t key, uint64_t pos)
{
	uint64_t lane = rq_lane_offset(l->set, rq_owner_lane_index(key)), head, taker, won;
	int r = rq_glance_word(l->set->region, lane + offsetof(struct rq_lane, head), &head);
	if (r || head == pos || !rq_head_reached(head, pos))
		return r;
	r = rq_glance_word(l->set->region, lane + offsetof(struct rq_lane, taker), &taker);
	if (r || taker == claim)
		return r ? r : 1;
	r = member_word(l->set->region, rq_claim_member(claim), offsetof(struct rq_member, won), &won);
	return r ? r : won == claim;
}

/* Room for one more. NULL: there is no memory for it. */
static void *grow(void *list, size_t n, size_t *capacity, size_t each)
{
	if (n < *capacity)
		return list;
	size_t more = *capacity ? 2 * *capacity : 64;
	list = realloc(list, more * each);
	if (list)
		*capacity = more;
	return list;
}

/* The words at a record's place: 1; 0: corrupt: no record can be there; or an error. */
static int read_record(const struct ringq_region *region, uint64_t record, uint64_t words[2])
{
	const struct rq_geometry *at = &region->at;
	if (record < at->units || record % RQ_GRANULE || record > at->size - RQ_GRANULE)
		return 0;
	int r = rq_glance_read(region, record, words, 2 * sizeof *words);
	return r ? r : rq_record_is_data(words[0]) && rq_record_footprint(words[0]) <= at->size - record;
}

static int add_back(struct look *l, uint64_t at, const struct rq_entry *e, uint64_t state)
{
	struct rq_look_hands *out = l->out;
	struct rq_back b = {
		.entry = at,
		.state = state,
		.key = rq_load(&e->key),
		.pos = rq_load(&e->pos),
		.record = rq_load(&e->record),
		.attempt = rq_hand_attempt(rq_load(&e->from)),
	};
	struct rq_back *back = grow(out->back, out->returned, &l->capacity, sizeof *back);
	if (!back)
		return -ENOMEM;
	out->back = back;
	uint64_t words[2];
	int r = read_record(l->set->region, b.record, words);
	if (r < 1)
		return r;
	b.header = words[0];
	b.stamp = rq_record_is_stamped(b.header) ? words[1] : 0;
	out->back[out->returned++] = b;
	return 0;
}

static int add_held(
	struct look *l, uint64_t at, const struct rq_entry *e, uint64_t state, const struct rq_person *holder)
{
	struct rq_look_hands *out = l->out;
	struct rq_held *held = grow(out->held, out->held_count, &l->held_capacity, sizeof *held);
	if (!held)
		return -ENOMEM;
	out->held = held;
	out->held[out->held_count++] = (struct rq_held){
		.entry = at,
		.claim = rq_state_claim(state),
		.key = rq_load(&e->key),
		.pos = rq_load(&e->pos),
		.record = rq_load(&e->record),
		.taken = rq_load(&e->taken),
		.attempt = rq_hand_attempt(rq_load(&e->from)),
		.holder = *holder,
	};
	return 0;
}

/* What one entry says: held, back or nothing. */
static int look_at_entry(struct look *l, uint64_t at, const struct rq_entry *e, uint64_t state)
{
	uint64_t key = rq_load(&e->key), port = rq_load(&e->port);
	if (!rq_owner_is_of_queue(key, l->set->first) || rq_owner_lane_index(key) >= l->set->max)
		return 0;
	enum rq_entry_kind kind = rq_state_kind(state);
	if (kind == RQ_ENTRY_CLAIM) {
		int r = is_won(l, rq_state_claim(state), key, rq_load(&e->pos));
		if (r <= 0)
			return r;
	}
	if (kind == RQ_ENTRY_BACK)
		return add_back(l, at, e, state);
	if (kind == RQ_ENTRY_LEAVING)
		return 0; /* it counts where it arrives */
	if (kind == RQ_ENTRY_ARRIVING) {
		uint64_t old, offset = (rq_load(&e->from) & RQ_FROM_OFFSET_MASK) * RQ_ENTRY;
		int r = rq_glance_word(l->set->region, offset + offsetof(struct rq_entry, state), &old);
		if (r || old != (rq_state_claim(state) | RQ_ENTRY_LEAVING))
			return r == -EBADMSG ? 0 : r;
	}
	struct rq_person person = {0};
	int r = rq_glance_person(l->set->region, port, &person);
	return r < 0 ? r : r ? add_held(l, at, e, state, &person) : add_back(l, at, e, state);
}

static int read_page(struct look *l, uint64_t offset)
{
	const struct ringq_region *region = l->set->region;
	int r = rq_glance_read(region, offset, l->before, region->at.page);
	if (r == 0)
		r = rq_glance_read(region, offset, l->page, region->at.page);
	return r ? r : rq_glance_read(region, offset, l->after, region->at.page);
}

static int look_at_book(struct look *l, uint32_t member)
{
	const struct ringq_region *region = l->set->region;
	uint32_t each = (uint32_t)(region->at.page / RQ_ENTRY);
	uint64_t next = 0, open = 0;
	int r = member_word(region, member, offsetof(struct rq_member, book), &next);
	if (r == 0)
		r = member_word(region, member, offsetof(struct rq_member, open), &open);
	open &= UINT32_MAX;
	for (uint32_t pages = 0; r == 0 && open && next && next <= region->at.unit_count && pages < RQ_BOOK_PAGES_MOST;
		pages++) {
		uint64_t offset = rq_unit_offset(region, next - 1);
		r = read_page(l, offset);
		for (uint32_t i = 1; r == 0 && open && i < each; i++, open--) {
			uint64_t state = rq_load(&entry_in(l->before, i)->state);
			if (rq_state_kind(state) != RQ_ENTRY_FREE && rq_load(&entry_in(l->after, i)->state) == state)
				r = look_at_entry(l, offset + (uint64_t)i * RQ_ENTRY, entry_in(l->page, i), state);
		}
		next = rq_load(&entry_in(l->page, 0)->state);
	}
	return r;
}

/* The order in which takes have what is back: as in hand.c. */
static int compare(const void *of_a, const void *of_b)
{
	const struct rq_back *a = of_a, *b = of_b;
	if (!((a->key ^ b->key) & RQ_OWNER_OF_LANE))
		return a->pos == b->pos ? 0 : rq_head_reached(a->pos, b->pos) ? 1 : -1;
	if (a->stamp != b->stamp)
		return a->stamp < b->stamp ? -1 : 1;
	return a->key < b->key ? -1 : 1;
}

/* Who has had one for longest comes first; what was taken at one time, as it lies. */
static int compare_held(const void *of_a, const void *of_b)
{
	const struct rq_held *a = of_a, *b = of_b;
	if (a->taken != b->taken)
		return a->taken < b->taken ? -1 : 1;
	if ((a->key ^ b->key) & RQ_OWNER_OF_LANE)
		return (a->key & RQ_OWNER_OF_LANE) < (b->key & RQ_OWNER_OF_LANE) ? -1 : 1;
	return a->pos == b->pos ? 0 : rq_head_reached(a->pos, b->pos) ? 1 : -1;
}

/*
 * Sorts by any comparison, also one that contradicts itself, as corrupt words may make it do: qsort() may leave the array then.
 * 0 or -ENOMEM.
 */
static int sort(void *array, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *from = array, *to = malloc(n * size + 1), *spare = to;
	if (!to)
		return -ENOMEM;
	for (size_t run = 1; run < n; run *= 2) {
		for (size_t i = 0; i < n; i += 2 * run) {
			size_t a = i, a_end = i + run < n ? i + run : n, b = a_end,
			       b_end = i + 2 * run < n ? i + 2 * run : n;
			for (size_t k = i; k < b_end; k++) {
				bool first = a < a_end && (b == b_end || compare(from + a * size, from + b * size) <= 0);
				memcpy(to + k * size, from + (first ? a++ : b++) * size, size);
			}
		}
		char *sorted = to;
		to = from;
		from = sorted;
	}
	if (from != array)
		memcpy(array, from, n * size);
	free(spare);
	return 0;
}

/* Where others move all the time, one may have been seen in two books. How many there are. */
static size_t without_twice(struct rq_back *back, size_t n)
{
	size_t kept = 1;
	for (size_t i = 1; i < n; i++)
		if (back[i].key != back[kept - 1].key || back[i].pos != back[kept - 1].pos)
			back[kept++] = back[i];
	return kept;
}

/* All books once. *moves: whether something has moved meanwhile. */
static int look_once(struct look *l, uint64_t hands, uint64_t *moves)
{
	const struct ringq_region *region = l->set->region;
	struct rq_hands words;
	int r = rq_glance_read(region, hands, &words, sizeof words);
	uint64_t before = rq_load(&words.moves);
	l->out->held_count = l->out->returned = 0;
	for (uint32_t i = 0; r == 0 && i < RQ_MEMBERS_MAX && i < region->at.member_count; i++)
		if (rq_load(&words.takers[i / 64]) >> i % 64 & 1)
			r = look_at_book(l, i);
	l->out->redelivered = rq_load(&words.redelivered);
	l->out->dead_lettered = rq_load(&words.dead_lettered);
	l->out->max_attempts = words.max_attempts;
	l->out->dead_letters = words.dead_letters;
	l->out->dead_first = words.dead_first;
	if (r == 0)
		r = rq_glance_word(region, hands + offsetof(struct rq_hands, moves), moves);
	*moves -= before;
	return r;
}

int rq_look_at_hands(const struct rq_lane_set *set, struct rq_look_hands *out)
{
	const struct ringq_region *region = set->region;
	uint64_t hands, moves = 1;
	struct look l = {.set = set, .out = out};
	*out = (struct rq_look_hands){0};
	int r = rq_glance_word(
		region, rq_unit_offset(region, set->first) + offsetof(struct rq_queue_shared, hands), &hands);
	if (r || !hands || region->at.page > PAGE_MOST)
		return r;
	l.before = malloc(3 * region->at.page);
	if (!l.before)
		return -ENOMEM;
	l.page = l.before + region->at.page;
	l.after = l.page + region->at.page;
	for (unsigned looks = 0; r == 0 && moves && looks < LOOKS_MOST; looks++)
		r = look_once(&l, hands, &moves);
	free(l.before);
	if (r == 0 && out->returned) {
		r = sort(out->back, out->returned, sizeof *out->back, compare);
		out->returned = without_twice(out->back, out->returned);
	}
	if (r)
		rq_look_hands_free(out);
	return r;
}

int rq_look_order_held(struct rq_look_hands *hands)
{
	return sort(hands->held, hands->held_count, sizeof *hands->held, compare_held);
}

void rq_look_hands_free(struct rq_look_hands *hands)
{
	free(hands->back);
	free(hands->held);
	*hands = (struct rq_look_hands){0};
}

int rq_look_is_back(const struct rq_lane_set *set, const struct rq_back *back)
{
	uint64_t state;
	int r = rq_glance_word(set->region, back->entry + offsetof(struct rq_entry, state), &state);
	return r ? r : state == back->state;
}

int rq_look_header(const struct rq_lane_set *set, const struct rq_held *held, uint64_t *header)
{
	uint64_t words[2];
	int r = read_record(set->region, held->record, words);
	*header = r == 1 ? words[0] : 0;
	return r;
}

/* CLAIM and ARRIVING become HELD, and no claim's ticket is used twice. */
int rq_look_is_held(const struct rq_lane_set *set, const struct rq_held *held)
{
	uint64_t state;
	int r = rq_glance_word(set->region, held->entry + offsetof(struct rq_entry, state), &state);
	if (r || rq_state_claim(state) != held->claim)
		return r;
	enum rq_entry_kind kind = rq_state_kind(state);
	return kind == RQ_ENTRY_HELD || kind == RQ_ENTRY_CLAIM || kind == RQ_ENTRY_ARRIVING;
}
