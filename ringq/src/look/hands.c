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
	size_t capacity;
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
	if (out->returned == l->capacity) {
		size_t more = l->capacity ? 2 * l->capacity : 64;
		struct rq_back *back = realloc(out->back, more * sizeof *back);
		if (!back)
			return -ENOMEM;
		out->back = back;
		l->capacity = more;
	}
	const struct rq_geometry *region = &l->set->region->at;
	if (b.record < region->units || b.record % RQ_GRANULE || b.record > region->size - RQ_GRANULE)
		return 0; /* corrupt */
	uint64_t words[2];
	int r = rq_glance_read(l->set->region, b.record, words, sizeof words);
	if (r || !rq_record_is_data(words[0]) || rq_record_footprint(words[0]) > region->size - b.record)
		return r;
	b.header = words[0];
	b.stamp = rq_record_is_stamped(b.header) ? words[1] : 0;
	out->back[out->returned++] = b;
	return 0;
}

/* What one entry says: held, back or nothing. */
static int look_at_entry(struct look *l, uint64_t at, const struct rq_entry *e, uint64_t state)
{
	uint64_t key = rq_load(&e->key), port = rq_load(&e->port), taken = rq_load(&e->taken);
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
	if (r == 0)
		return add_back(l, at, e, state);
	if (r < 0)
		return r;
	l->out->held++;
	if (l->out->oldest && taken >= l->out->oldest)
		return 0;
	l->out->oldest = taken;
	l->out->process = person.process;
	l->out->thread = person.thread;
	return 0;
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
	l->out->held = l->out->oldest = l->out->returned = 0;
	l->out->process = l->out->thread = 0;
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
	if (r) {
		free(out->back);
		*out = (struct rq_look_hands){0};
	} else if (out->returned) {
		qsort(out->back, out->returned, sizeof *out->back, compare);
		out->returned = without_twice(out->back, out->returned);
	}
	return r;
}

int rq_look_is_back(const struct rq_lane_set *set, const struct rq_back *back)
{
	uint64_t state;
	int r = rq_glance_word(set->region, back->entry + offsetof(struct rq_entry, state), &state);
	return r ? r : state == back->state;
}
