/* SPDX-License-Identifier: MIT */
#include "words.h"

#include "region/member.h"

enum where { HEADER, NAME, OWNER, MEMBER, LEASE, QUEUE, LANE, ENTRY, PLACE, RECORD, ANYWHERE, HANDS, BOOK };

/* How the values of a word are made up, beside what is done to all. */
enum shape { PLAIN, OFFSET, HEAD, TABLE_ENTRY, RECORD_HEADER, OWNER_WORD, NAME_WORD, PLACE_WORD, OWNER_ID };

struct word {
	const char *name;
	enum where where;
	uint32_t offset; /* in the structure */
	uint32_t bytes;
	enum shape shape;
	uint32_t more;     /* words of the same kind that follow */
	uint8_t widths[6]; /* of its fields in bits, lowest first; none: one field */
};

#define H(member) "header." #member, HEADER, offsetof(struct rq_header, member), sizeof(((struct rq_header *)0)->member)
#define M(member) "member." #member, MEMBER, offsetof(struct rq_member, member), sizeof(((struct rq_member *)0)->member)
#define L(member) "lane." #member, LANE, offsetof(struct rq_lane, member), sizeof(((struct rq_lane *)0)->member)
#define Q(member) \
	"queue." #member, QUEUE, offsetof(struct rq_queue_shared, member), sizeof(((struct rq_queue_shared *)0)->member)

static const struct word words[] = {
	/* The protocols' words more than once: they are chosen more often. */
	{L(head), HEAD, 0, {2, 30, 32}},
	{L(head), HEAD, 0, {2, 30, 32}},
	{L(wake_at), HEAD, 0, {2, 30, 32}},
	{L(not_full), PLAIN, 0, {1, 1, 30}},
	{L(owner), OWNER_ID, 0, {13, 19, 32}},
	{L(puts), PLAIN, 0, {28, 36}},
	{L(newest), PLAIN, 0, {0}},
	{"lane.table", ENTRY, 0, 8, TABLE_ENTRY, 0, {8, 24, 32}},
	{"lane.table", ENTRY, 0, 8, TABLE_ENTRY, 0, {8, 24, 32}},
	{"record.header", RECORD, 0, 8, RECORD_HEADER, 0, {3, 33, 28}},
	{"record.header", RECORD, 0, 8, RECORD_HEADER, 0, {3, 33, 28}},
	{"record.stamp", RECORD, 8, 8, PLAIN, 0, {0}},
	{"place", PLACE, 0, 8, PLACE_WORD, 0, {51, 13}},
	{"owner (lane)", OWNER, 0, 8, OWNER_WORD, 0, {3, 24, 12, 25}},
	{"owner (object)", OWNER, 0, 8, OWNER_WORD, 0, {3, 24, 1, 36}},
	{"owner (member)", OWNER, 0, 8, OWNER_WORD, 0, {3, 5, 24, 32}},
	{"name", NAME, 0, 8, NAME_WORD, 0, {24, 36, 4}},
	{"lease", LEASE, 0, 8, PLAIN, 0, {30, 1, 1, 32}},
	{M(hazard), OWNER_WORD, 0, {3, 24, 12, 25}},
	{M(process), PLAIN, 0, {0}},
	{M(name[0]), PLAIN, 0, {0}},
	{M(name[1]), PLAIN, 0, {0}},
	{Q(kind), PLAIN, 0, {0}},
	{Q(order), PLAIN, 0, {0}},
	{Q(flags), PLAIN, 0, {0}},
	{Q(lanes_max), PLAIN, 0, {0}},
	{Q(max_records), PLAIN, 0, {0}},
	{Q(max_bytes), PLAIN, 0, {0}},
	{Q(table), PLAIN, 0, {0}},
	{Q(stride), PLAIN, 0, {0}},
	{Q(lanes), OFFSET, 0, {0}},
	{Q(permits), OFFSET, 0, {0}},
	{"queue.name", QUEUE, offsetof(struct rq_queue_shared, name), 8, PLAIN, 7, {0}},
	{Q(creator), OWNER_ID, 0, {13, 19, 32}},
	{Q(not_empty), PLAIN, 0, {1, 1, 30}},
	{Q(closed), PLAIN, 0, {0}},
	{Q(lanes_used), PLAIN, 0, {0}},
	{Q(lanes_backed), PLAIN, 0, {0}},
	{Q(not_full), PLAIN, 0, {1, 1, 30}},
	{Q(guard_put), PLAIN, 0, {0}},
	{Q(guard_get), PLAIN, 0, {0}},
	{Q(permit_hint), PLAIN, 0, {0}},
	{"queue.roster", QUEUE, offsetof(struct rq_queue_shared, roster), 8, PLAIN, 1, {2, 2, 2, 26, 32}},
	{H(magic), PLAIN, 0, {0}},
	{H(word_size), PLAIN, 0, {0}},
	{H(header_size), PLAIN, 0, {0}},
	{H(incompatible), PLAIN, 0, {0}},
	{H(size), OFFSET, 0, {0}},
	{H(page), PLAIN, 0, {0}},
	{H(members), PLAIN, 0, {0}},
	{H(ready), PLAIN, 0, {0}},
	{H(clock), PLAIN, 0, {0}},
	{H(frontier), PLAIN, 0, {0}},
	{H(frontier), PLAIN, 0, {0}},
	{H(creations), PLAIN, 0, {0}},
	{H(members_backed), PLAIN, 0, {0}},
	{H(joins), PLAIN, 0, {0}},
	{H(ticket), PLAIN, 0, {0}},
	{H(naming), PLAIN, 0, {24, 36, 4}},
	{M(visit), OWNER_WORD, 0, {3, 24, 1, 36}},
	{M(joined), PLAIN, 0, {0}},
	{Q(deleted), PLAIN, 0, {0}},
	{"queue.users", QUEUE, offsetof(struct rq_queue_shared, users), 8, PLAIN, 1, {0}},
	{M(uses), PLAIN, 0, {0}},
	{L(peeked), HEAD, 0, {2, 30, 32}},
	{L(tail), HEAD, 0, {2, 30, 32}},
	{L(era), PLAIN, 0, {0}},
	{L(most), PLAIN, 0, {0}},
	{Q(bias), OWNER_ID, 0, {13, 19, 32}},
	{Q(peeked), PLAIN, 0, {12, 52}},
	{"anywhere", ANYWHERE, 0, 8, PLAIN, 0, {0}},
};

#define A(member) "hands." #member, HANDS, offsetof(struct rq_hands, member), sizeof(((struct rq_hands *)0)->member)
#define B(member) "book." #member, BOOK, offsetof(struct rq_entry, member), sizeof(((struct rq_entry *)0)->member)

/* What only acknowledged queues use. */
static const struct word words_of_hands[] = {
	{B(state), PLAIN, 0, {3, 13, 48}},
	{B(state), PLAIN, 0, {3, 13, 48}},
	{B(key), OWNER_WORD, 0, {3, 24, 12, 25}},
	{B(pos), HEAD, 0, {2, 30, 32}},
	{B(record), OFFSET, 0, {0}},
	{B(port), OWNER_ID, 0, {13, 19, 32}},
	{B(taken), PLAIN, 0, {0}},
	{B(from), PLAIN, 0, {40, 24}},
	{M(book), PLAIN, 0, {0}},
	{M(open), PLAIN, 0, {0}},
	{M(won), PLAIN, 0, {0}},
	{M(tickets), PLAIN, 0, {0}},
	{A(max_attempts), PLAIN, 0, {0}},
	{A(dead_letters), OWNER_WORD, 0, {3, 24, 1, 36}},
	{A(dead_first), PLAIN, 0, {0}},
	{A(moves), PLAIN, 0, {0}},
	{"hands.takers", HANDS, offsetof(struct rq_hands, takers), 8, PLAIN, 1, {0}},
	{Q(hands), OFFSET, 0, {0}},
	{Q(returned), PLAIN, 0, {1, 63}},
	{Q(drained), PLAIN, 0, {1, 1, 30}},
	{L(taker), PLAIN, 0, {3, 13, 48}},
	{L(taker), PLAIN, 0, {3, 13, 48}},
	{L(freed), PLAIN, 0, {0}},
	{B(killer), PLAIN, 0, {32, 32}},
	{A(dead_lettered), PLAIN, 0, {0}},
	{A(redelivered), PLAIN, 0, {0}},
};

static const uint64_t interesting[] = {0, 1, 2, 3, 7, 8, 16, 63, 64, 127, 4095, 4096, 65535, 65536, 1 << 20, INT32_MAX,
	UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 34, INT64_MAX, UINT64_C(1) << 63,
	UINT64_MAX - 7, UINT64_MAX};

static uint64_t choose_interesting(struct chooser *c)
{
	return interesting[choose(c, COUNT(interesting))];
}

/* ---- where ---- */

static uint64_t member_page(const struct stage *s, uint32_t index)
{
	return s->at.members + index / RQ_MEMBERS_A_PAGE * s->at.page;
}

static uint64_t head_of(const struct stage *s, uint32_t lane)
{
	return word_at(s, lane_offset(s, lane));
}

/* A unit that something is in, or any. */
static uint64_t choose_unit(const struct stage *s, struct chooser *c)
{
	uint64_t used = (s->image_len - s->at.units) / s->at.page;

	return choose(c, 8) ? choose(c, used + 2) : choose(c, s->at.unit_count);
}

/* The record at a lane's head, or any place in the chunk, or in some unit if that chunk is nowhere. */
static uint64_t choose_record(const struct stage *s, struct chooser *c, uint32_t lane)
{
	uint64_t head = head_of(s, lane), entry = word_at(s, entry_offset(s, lane, rq_head_chunk(head)));
	uint64_t n = rq_size_units(entry & 0xff), unit = rq_entry_unit(entry), at = rq_head_bytes(head);

	if (n == 0 || n > s->at.unit_count || unit > s->at.unit_count - n) {
		unit = choose_unit(s, c);
		n = 1;
	}
	if (choose(c, 4) == 0)
		at = choose(c, n * s->at.page / RQ_GRANULE) * RQ_GRANULE;
	return s->at.units + unit * s->at.page + at % (n * s->at.page) / RQ_GRANULE * RQ_GRANULE;
}

static uint64_t choose_name(const struct stage *s, struct chooser *c)
{
	uint64_t i = choose(c, s->at.name_count);

	/* The place that the queue's name has, rather than any. */
	for (uint64_t k = 0; choose(c, 8) && k < s->at.name_count; k++)
		if (word_at(s, s->at.names + 8 * k))
			return s->at.names + 8 * k;
	return s->at.names + 8 * i;
}

/* One of the first entries of a member's book; the first of a page is its link to the next. */
static uint64_t choose_entry(const struct stage *s, struct chooser *c)
{
	uint32_t index = (uint32_t)choose(c, 5);
	uint64_t member = member_page(s, index) + index % RQ_MEMBERS_A_PAGE * sizeof(struct rq_member);
	uint64_t page = word_at(s, member + offsetof(struct rq_member, book));

	if (page == 0 || page > s->at.unit_count)
		page = choose_unit(s, c) + 1;
	return s->at.units + (page - 1) % s->at.unit_count * s->at.page + choose(c, 6) * sizeof(struct rq_entry);
}

static const struct word *choose_kind_of_word(const struct stage *s, struct chooser *c)
{
	if (s->hands && choose(c, 2))
		return &words_of_hands[choose(c, COUNT(words_of_hands))];
	return &words[choose(c, COUNT(words))];
}

struct spot spot_choose(const struct stage *s, struct chooser *c)
{
	const struct word *w = choose_kind_of_word(s, c);
	struct spot spot = {.name = w->name, .word = w, .bytes = w->bytes >= 8 ? 8 : 4};
	uint32_t index;

	switch (w->where) {
	case HEADER:
		spot.offset = w->offset;
		break;
	case NAME:
		spot.offset = choose_name(s, c);
		break;
	case OWNER:
		spot.offset = s->at.owners + 8 * choose_unit(s, c);
		break;
	case MEMBER:
		index = (uint32_t)choose(c, 5);
		spot.offset = member_page(s, index) + index % RQ_MEMBERS_A_PAGE * sizeof(struct rq_member) + w->offset;
		break;
	case LEASE:
		index = (uint32_t)choose(c, 5);
		spot.offset = member_page(s, index) + s->at.page - RQ_LEASES_BYTES + index % RQ_MEMBERS_A_PAGE * 8;
		break;
	case QUEUE:
		spot.offset = s->shared + w->offset + (w->more ? 8 * choose(c, w->more + 1) : 0);
		break;
	case LANE:
		spot.lane = (uint32_t)choose(c, s->set.max);
		spot.offset = lane_offset(s, spot.lane) + w->offset;
		break;
	case ENTRY:
		spot.lane = (uint32_t)choose(c, s->set.max);
		index = choose(c, 4) ? rq_head_chunk(head_of(s, spot.lane)) + (uint32_t)choose(c, 2)
		                     : (uint32_t)choose(c, s->set.table);
		spot.offset = entry_offset(s, spot.lane, index);
		break;
	case PLACE:
		spot.offset = s->permits_count ? s->permits + 8 * choose(c, s->permits_count) : s->shared;
		break;
	case RECORD:
		spot.lane = (uint32_t)choose(c, s->set.max);
		spot.offset = choose_record(s, c, spot.lane) + w->offset;
		break;
	case ANYWHERE:
		spot.offset = 8 * choose(c, s->at.size / 8);
		break;
	case HANDS:
		spot.offset = s->hands + w->offset + (w->more ? 8 * choose(c, w->more + 1) : 0);
		break;
	case BOOK:
		spot.offset = choose_entry(s, c) + w->offset;
		break;
	}
	return spot;
}

/* ---- what ---- */

/* A value that could be right, for another word, at another time, or for a larger region. */
static uint64_t make_up(const struct stage *s, struct chooser *c, const struct spot *spot)
{
	uint64_t head = head_of(s, spot->lane);
	uint32_t chunk = rq_head_chunk(head) + (uint32_t)choose(c, 4) - 1;

	switch (spot->word->shape) {
	case OFFSET:
		return choose(c, 2) ? choose(c, s->at.size) / 128 * 128 : s->at.size + 128 * choose(c, 64) - 4096;
	case HEAD:
		return rq_head(chunk, choose(c, 1 << 20) * RQ_GRANULE) | (choose(c, 8) ? 0 : choose(c, 4));
	case TABLE_ENTRY:
		return rq_entry(
			chunk, choose(c, 2) ? choose_unit(s, c) : choose(c, RQ_UNITS_MAX), (unsigned)choose(c, 256));
	case RECORD_HEADER: {
		uint64_t rest = s->at.page - spot->offset % s->at.page;
		uint64_t lens[] = {
			0, rest, rest - 8, rest - 16, rest - 24, 1, 100, RQ_RECORD_MAX, (UINT64_C(1) << 33) - 1};

		return rq_record_header(
			choose(c, 1 << 28), lens[choose(c, COUNT(lens))], (enum rq_record_kind)choose(c, 8));
	}
	case OWNER_WORD:
		switch (choose(c, 4)) {
		case 0:
			return rq_chunk_owner(&s->set, spot->lane, chunk);
		case 1:
			return rq_owner_object(choose(c, 4), choose(c, 300), choose(c, 2));
		case 2:
			return rq_owner_body(choose(c, 4), choose_unit(s, c));
		default:
			return rq_owner_member(choose(c, 3) << 32 | choose(c, 70));
		}
	case NAME_WORD:
		return word_at(s, spot->offset) >> 24 << 24 | choose_unit(s, c);
	case PLACE_WORD:
		return (choose(c, 5) + 1) << 51 |
		       (rq_head(chunk, choose(c, 1 << 16) * RQ_GRANULE) >> 2 & 0x7ffffffffffff);
	case OWNER_ID:
		return choose(c, 3) << 32 | choose(c, 4);
	case PLAIN:
		break;
	}
	return choose_word(c);
}

/* One field of the word takes another value, alone. */
static uint64_t change_field(const struct spot *spot, struct chooser *c, uint64_t old)
{
	unsigned shift = 0, n = 0, width = 8 * spot->bytes;

	while (n < COUNT(spot->word->widths) && spot->word->widths[n])
		n++;
	if (n) {
		unsigned which = (unsigned)choose(c, n);

		for (unsigned i = 0; i < which; i++)
			shift += spot->word->widths[i];
		width = spot->word->widths[which];
	}
	uint64_t mask = (width == 64 ? 0 : UINT64_C(1) << width) - 1, field = old >> shift & mask;
	const uint64_t values[] = {0, mask, field + 1, field - 1, field ^ (mask >> 1) ^ mask, choose_interesting(c),
		choose(c, 64), field + 2};

	return (old & ~(mask << shift)) | (values[choose(c, COUNT(values))] & mask) << shift;
}

uint64_t value_choose(const struct stage *s, struct chooser *c, const struct spot *spot, uint64_t old)
{
	switch (choose(c, 8)) {
	case 0:
		return choose_interesting(c);
	case 1:
	case 2:
		return change_field(spot, c, old);
	case 3: /* what another word has */
		return word_at(s, spot_choose(s, c).offset & ~UINT64_C(7));
	case 4: /* what some word had */
		return s->history[choose(c, COUNT(s->history))];
	case 5:
		return choose_word(c);
	default:
		return make_up(s, c, spot);
	}
}
