/* SPDX-License-Identifier: MIT */

/* What is in hand: the judging of claims, the readers of books, and what comes back. The protocol is in hand.h. */

#include "lane/hand.h"

#include "base/sys.h"

#define READS_MOST 64u /* of all books, while something moves; of one entry, while it changes */

/* ---- one entry ---- */

static void copy_entry(struct rq_entry *entry, struct rq_hand *hand)
{
	/* Z6: each before its state is read again. */
	*hand = (struct rq_hand){
		.entry = entry,
		.key = rq_load_acquire(&entry->key),
		.pos = rq_load_acquire(&entry->pos),
		.record = rq_load_acquire(&entry->record),
		.port = rq_load_acquire(&entry->port),
		.taken = rq_load_acquire(&entry->taken),
		.from = rq_load_acquire(&entry->from),
		.killer = rq_load_acquire(&entry->killer),
	};
	hand->state = rq_load_acquire(&entry->state); /* Z6 */
}

/*
 * What an entry says; false if it is free, or another by now: then it was freed after the caller came here. One that
 * leaves has its mover's claim from then on, and is read again.
 */
static bool read_entry(struct rq_entry *entry, struct rq_hand *hand)
{
	uint64_t state = rq_load_acquire(&entry->state); /* Z6 */
	for (unsigned reads = 0; reads < READS_MOST && rq_state_kind(state) != RQ_ENTRY_FREE; reads++) {
		copy_entry(entry, hand);
		if (rq_state_kind(hand->state) != RQ_ENTRY_FREE && rq_state_claim(hand->state) == rq_state_claim(state))
			return true;
		if (rq_state_kind(hand->state) != RQ_ENTRY_LEAVING)
			return false;
		state = hand->state;
	}
	return false;
}

enum verdict { OPEN, LOST, WON };

/* Of a claim whose lane is `lane`: see CLAIM. */
static enum verdict judge(const struct ringq_region *region, struct rq_lane *lane, const struct rq_hand *hand)
{
	/* Before taker: Z3 has written both at once, so that is no older. */
	uint64_t claim = rq_state_claim(hand->state), head = rq_load_acquire(&lane->head);
	const struct rq_member *m = rq_member_known(region, rq_claim_member(claim));
	if (head == hand->pos || !rq_head_reached(head, hand->pos))
		return OPEN;
	if (rq_load_acquire(&lane->taker) == claim) /* before `won`: Z4 */
		return WON;
	return m && rq_load_acquire(&m->won) == claim ? WON : LOST; /* Z4 */
}

/* The lane of a key of this set, or NULL. */
static struct rq_lane *lane_of(const struct rq_lane_set *set, uint64_t key)
{
	return rq_owner_lane_index(key) < set->max ? rq_lane_at(set, rq_owner_lane_index(key)) : NULL;
}

/*
 * Whether a record is in hand, or back, by what the entry said. Of a claim that is over without it, the entry is read
 * again: its member may have won, and may have won another since.
 */
static bool is_taken(const struct rq_lane_set *set, struct rq_hand *hand)
{
	struct rq_lane *lane = lane_of(set, hand->key);
	for (unsigned reads = 0; lane && reads < READS_MOST; reads++) {
		enum rq_entry_kind kind = rq_state_kind(hand->state);
		if (kind != RQ_ENTRY_CLAIM)
			return kind != RQ_ENTRY_ARRIVING;
		enum verdict verdict = judge(set->region, lane, hand);
		if (verdict == WON)
			return true;
		if (rq_load_acquire(&hand->entry->state) == hand->state || !read_entry(hand->entry, hand)) /* as Z6 */
			return false;
		lane = lane_of(set, hand->key);
	}
	return lane != NULL;
}

/* Makes sure that a claim which is about to be replaced stands in its member's `won`. Tickets only grow. */
static void record_won(const struct ringq_region *region, uint64_t claim)
{
	struct rq_member *m = rq_member_known(region, rq_claim_member(claim));
	uint64_t won = m ? rq_load_acquire(&m->won) : claim;                /* Z4: compared by the CAS */
	while ((int64_t)(claim - won) > 0 && !rq_cas(&m->won, &won, claim)) /* Z4 */
		;
}

bool rq_hand_claim(const struct rq_lane_set *set, struct rq_lane *lane, uint64_t head, uint64_t next, uint64_t claim)
{
	uint64_t taker = rq_load_acquire(&lane->taker); /* compared by Z3, behind Z4 */
	if (rq_claim_member(taker) != rq_claim_member(claim))
		record_won(set->region, taker);
	return rq_hand_claim_again(lane, head, taker, next, claim);
}

/* ---- all entries of a queue ---- */

struct walk {
	const struct rq_lane_set *set;
	struct rq_book_walk book;
	uint64_t bits;
	uint32_t word;
	uint32_t words; /* in which there may be bits */
	uint32_t member;
};

#define WORDS (RQ_MEMBERS_MAX / 64)

/*
 * After a look at `moves`: who has come to take since (D4), and has moved something to a book that is not looked at, has
 * changed that.
 */
static struct walk begin(const struct rq_lane_set *set)
{
	/* Who has a bit was known before it had one. */
	uint32_t members = rq_members_known(set->region), words = (members + 63) / 64;
	return (struct walk){.set = set,
		.words = words < WORDS ? words : WORDS,
		.bits = rq_load_acquire(&set->hands->takers[0])}; /* D5 */
}

/* The next entry of the queue that says something; false at the end. */
static bool next_entry(struct walk *w, struct rq_hand *hand)
{
	for (;;) {
		struct rq_entry *entry;
		while ((entry = rq_book_next(&w->book))) {
			if (!read_entry(entry, hand) || !rq_owner_is_of_queue(hand->key, w->set->first))
				continue;
			hand->member = w->member;
			return true;
		}
		while (!w->bits) {
			if (++w->word >= w->words)
				return false;
			w->bits = rq_load_acquire(&w->set->hands->takers[w->word]); /* D5 */
		}
		w->member = w->word * 64 + (uint32_t)__builtin_ctzll(w->bits);
		w->bits &= w->bits - 1;
		rq_book_walk(&w->book, w->set->region, w->member);
	}
}

/* Whether something has moved since: then what moved may not have been seen. */
static bool has_moved(const struct rq_lane_set *set, uint64_t moves)
{
	return rq_load_acquire(&set->hands->moves) != moves; /* Z9 */
}

/* ---- moving ---- */

/* The entry that says ARRIVING with this claim, or NULL. */
static struct rq_entry *arriving(const struct ringq_region *region, uint64_t claim)
{
	struct rq_book_walk book;
	struct rq_entry *entry;
	rq_book_walk(&book, region, rq_claim_member(claim));
	while ((entry = rq_book_next(&book)))
		if (rq_load_acquire(&entry->state) == (claim | RQ_ENTRY_ARRIVING)) /* as Z6: this one word */
			return entry;
	return NULL;
}

/* What is left of a move once the old entry leaves; whoever comes by may do it, any number at once. */
static void finish_move(const struct rq_lane_set *set, struct rq_entry *old, struct rq_entry *to, uint64_t claim)
{
	uint64_t state = claim | RQ_ENTRY_ARRIVING;
	if (to)
		rq_cas(&to->state, &state, claim | RQ_ENTRY_HELD); /* as Z5, by whoever comes first */
	rq_add(&set->hands->moves, 1);                             /* Z8 */
	state = claim | RQ_ENTRY_LEAVING;
	rq_cas(&old->state, &state, 0); /* Z0, behind Z8 */
}

static void finish_leaving(const struct rq_lane_set *set, const struct rq_hand *hand)
{
	uint64_t claim = rq_state_claim(hand->state);
	finish_move(set, hand->entry, arriving(set->region, claim), claim);
}

bool rq_hand_move(const struct rq_lane_set *set, const struct rq_hand *hand, struct rq_entry *to, uint64_t claim,
	uint64_t port, uint32_t attempt, uint64_t who, uint64_t taken)
{
	uint64_t state = hand->state, offset = rq_entry_offset(set->region, hand->entry);
	rq_release_fence(); /* D0 */
	rq_store(&to->key, hand->key);
	rq_store(&to->pos, hand->pos);
	rq_store(&to->record, hand->record);
	rq_store(&to->port, port);
	rq_store(&to->taken, taken);
	rq_store(&to->from, rq_hand_from(attempt, offset));
	rq_store(&to->killer, who);
	rq_store_release(&to->state, claim | RQ_ENTRY_ARRIVING);                   /* as Z2 */
	if (!rq_cas_full(&hand->entry->state, &state, claim | RQ_ENTRY_LEAVING)) { /* Z7 */
		rq_store_release(&to->state, 0);                                   /* as Z0: it never was anything */
		return false;
	}
	finish_move(set, hand->entry, to, claim);
	return true;
}

/* What a dead member's entry says for sure: it is in hand, and so back, or nothing. */
static void settle(const struct rq_lane_set *set, const struct rq_hand *hand)
{
	uint64_t state = hand->state, claim = rq_state_claim(state);
	struct rq_lane *lane = lane_of(set, hand->key);
	if (rq_state_kind(state) == RQ_ENTRY_ARRIVING) {
		struct rq_entry *old = rq_entry_of(set->region, hand->from & RQ_FROM_OFFSET_MASK);
		if (old && rq_load_acquire(&old->state) == (claim | RQ_ENTRY_LEAVING)) /* as Z6: this one word */
			finish_move(set, old, hand->entry, claim);
		else
			rq_cas(&hand->entry->state, &state, 0); /* as Z0, for the dead */
	} else if (rq_state_kind(state) == RQ_ENTRY_CLAIM) {
		bool won = lane && judge(set->region, lane, hand) == WON;
		rq_cas(&hand->entry->state, &state, won ? claim | RQ_ENTRY_HELD : 0); /* as Z5 or Z0, for the dead */
	}
}

void rq_hand_settle(const struct rq_lane_set *set, struct rq_entry *entry)
{
	struct rq_hand hand;
	if (read_entry(entry, &hand))
		settle(set, &hand);
}

/* ---- what readers learn ---- */

static void look_again(struct rq_queue_shared *shared)
{
	uint64_t word = rq_load(&shared->returned);
	while (!rq_cas_full(&shared->returned, &word, (word + 2) | RQ_RETURNED_SOME)) /* D6 */
		;
}

void rq_hand_enlist(const struct rq_lane_set *set, struct rq_queue_shared *shared, uint32_t member)
{
	rq_u64 *word = &set->hands->takers[member / 64 % WORDS];
	uint64_t bits = rq_load(word), bit = UINT64_C(1) << member % 64;
	while (!(bits & bit) && !rq_cas_full(word, &bits, bits | bit)) /* D4 */
		;
	look_again(shared);
}

int64_t rq_hand_next_taker(const struct rq_lane_set *set, uint32_t from, uint32_t self)
{
	uint32_t known = rq_members_known(set->region), most = known < RQ_MEMBERS_MAX ? known : RQ_MEMBERS_MAX;
	for (uint32_t i = from; i < most; i++) {
		uint64_t bits = rq_load_acquire(&set->hands->takers[i / 64]) >> i % 64; /* D5 */
		if (!bits) {
			i |= 63;
			continue;
		}
		i += (uint32_t)__builtin_ctzll(bits);
		if (i != self)
			return i;
	}
	return -1;
}

uint64_t rq_hand_header(const struct ringq_region *region, uint64_t record)
{
	uint64_t size = region->at.size;
	if (record < region->at.units || record % RQ_GRANULE || record > size - RQ_GRANULE)
		return 0;
	uint64_t header = rq_load_acquire((rq_u64 *)(region->base + record)); /* as G2 */
	return rq_record_is_data(header) && rq_record_footprint(header) <= size - record ? header : 0;
}

struct rq_hand_sum rq_hand_of_lane(const struct rq_lane_set *set, uint32_t lane, uint64_t head, uint64_t since)
{
	uint64_t key = rq_chunk_owner(set, lane, 0), moves;
	struct rq_hand_sum sum;
	unsigned reads = 0;
	do {
		moves = rq_load_acquire(&set->hands->moves); /* Z9 */
		struct walk w = begin(set);
		struct rq_hand hand;
		sum = (struct rq_hand_sum){.lowest = head};
		while (next_entry(&w, &hand)) {
			if (((hand.key ^ key) & RQ_OWNER_OF_LANE) || !is_taken(set, &hand))
				continue;
			if (rq_state_kind(hand.state) == RQ_ENTRY_LEAVING)
				finish_leaving(set, &hand);
			if (rq_head_reached(hand.pos, since))
				sum.bytes += rq_record_footprint(rq_hand_header(set->region, hand.record));
			if (rq_head_chunk(hand.pos) == rq_head_chunk(head) && !rq_head_reached(hand.pos, sum.lowest))
				sum.lowest = hand.pos;
		}
	} while (has_moved(set, moves) && ++reads < READS_MOST);
	if (reads == READS_MOST) /* where a hostile peer keeps changing the books, the lane has no room */
		sum = (struct rq_hand_sum){.lowest = rq_head(rq_head_chunk(head), 0), .bytes = UINT64_MAX / 2};
	return sum;
}

/* Whether any entry that is taken, or may be, has these bits of a field. */
static bool has_entry(const struct rq_lane_set *set, uint64_t key, uint64_t key_mask, uint64_t pos, uint64_t pos_mask)
{
	uint64_t moves;
	unsigned reads = 0;
	if (!set->hands)
		return false;
	do {
		moves = rq_load_acquire(&set->hands->moves); /* Z9 */
		struct walk w = begin(set);
		struct rq_hand hand;
		while (next_entry(&w, &hand))
			if (!((hand.key ^ key) & key_mask) && !((hand.pos >> RQ_POSITION_ZEROS ^ pos) & pos_mask) &&
				is_taken(set, &hand))
				return true;
	} while (has_moved(set, moves) && ++reads < READS_MOST);
	return reads == READS_MOST;
}

bool rq_hand_has_chunk(const struct rq_lane_set *set, uint64_t key)
{
	return has_entry(set, key, UINT64_MAX, 0, 0);
}

bool rq_hand_has_record(const struct rq_lane_set *set, uint32_t lane, uint64_t pos, uint64_t mask)
{
	return has_entry(set, rq_chunk_owner(set, lane, 0), RQ_OWNER_OF_LANE, pos, mask);
}

struct rq_hand_count rq_hand_count(const struct rq_lane_set *set)
{
	struct rq_hand_count count;
	unsigned reads = 0;
	uint64_t moves;
	do {
		moves = rq_load_acquire(&set->hands->moves); /* Z9 */
		struct walk w = begin(set);
		struct rq_hand hand;
		count = (struct rq_hand_count){0};
		while (next_entry(&w, &hand)) {
			if (!is_taken(set, &hand))
				continue;
			if (rq_state_kind(hand.state) == RQ_ENTRY_LEAVING)
				finish_leaving(set, &hand); /* and count again */
			if (rq_state_kind(hand.state) == RQ_ENTRY_BACK || !rq_member_alive(set->region, hand.port)) {
				count.returned++;
				continue;
			}
			count.held++;
			if (!count.oldest || hand.taken < count.oldest)
				count.oldest = hand.taken;
		}
	} while (has_moved(set, moves) && ++reads < READS_MOST);
	return count;
}

/* ---- what comes back ---- */

/* Whether a comes before b. */
static bool is_older(const struct ringq_region *region, const struct rq_hand *a, const struct rq_hand *b)
{
	uint64_t of_a = rq_hand_header(region, a->record), of_b = rq_hand_header(region, b->record);
	if (!((a->key ^ b->key) & RQ_OWNER_OF_LANE))
		return !rq_head_reached(a->pos, b->pos);
	uint64_t stamp_a = rq_record_is_stamped(of_a) ? rq_load((rq_u64 *)(region->base + a->record) + 1) : 0;
	uint64_t stamp_b = rq_record_is_stamped(of_b) ? rq_load((rq_u64 *)(region->base + b->record) + 1) : 0;
	return stamp_a < stamp_b || (stamp_a == stamp_b && a->key < b->key);
}

/* Whether an entry is back. A dead member's is settled first, and then read again. */
static bool is_back(const struct rq_lane_set *set, struct rq_hand *hand)
{
	enum rq_entry_kind kind = rq_state_kind(hand->state);
	if (kind == RQ_ENTRY_BACK)
		return true;
	if (kind == RQ_ENTRY_LEAVING) {
		finish_leaving(set, hand);
		return false;
	}
	if (rq_member_alive(set->region, hand->port))
		return false;
	if (kind != RQ_ENTRY_HELD) {
		settle(set, hand);
		if (!read_entry(hand->entry, hand) || rq_state_kind(hand->state) != RQ_ENTRY_HELD ||
			rq_member_alive(set->region, hand->port))
			return false;
	}
	return true;
}

/* An entry of the dead, or one that is back, which names no record, as only a corrupt one does. It goes. */
static bool is_nothing(const struct rq_lane_set *set, const struct rq_hand *hand)
{
	uint64_t state = hand->state;
	return (!lane_of(set, hand->key) || !rq_hand_header(set->region, hand->record)) &&
	       rq_cas(&hand->entry->state, &state, 0); /* as Z0 */
}

static uint64_t scan_returned(const struct rq_lane_set *set, uint32_t attempts, struct rq_hand *first)
{
	struct rq_hand hand, oldest = {.entry = NULL};
	struct walk w = begin(set);
	uint64_t n = 0;
	while (next_entry(&w, &hand)) {
		if (!is_back(set, &hand) || is_nothing(set, &hand) || rq_hand_attempt(hand.from) >= attempts)
			continue;
		if (n++ == 0 || is_older(set->region, &hand, &oldest))
			oldest = hand;
	}
	*first = oldest;
	return n;
}

/*
 * An older one may have come back behind the scan, before one that the scan then met. So what it says is true only when the
 * next one says the same: at the instant between them.
 */
uint64_t rq_hand_returned(const struct rq_lane_set *set, uint32_t attempts, struct rq_hand *first)
{
	struct rq_hand last = {.entry = NULL};
	uint64_t moves, n;
	unsigned reads = 0;
	do {
		if (reads)
			last = *first;
		moves = rq_load_acquire(&set->hands->moves); /* Z9 */
		n = scan_returned(set, attempts, first);
		if (n ? first->entry == last.entry && first->state == last.state : !has_moved(set, moves))
			break;
	} while (++reads < READS_MOST);
	return n;
}

void rq_hand_say_returned(struct rq_queue_shared *shared)
{
	look_again(shared);
	rq_event_notify(&shared->not_empty, 1);
	if (rq_load(&shared->drained) & (RQ_EVENT_WAITERS | RQ_EVENT_FENCED))
		rq_event_wake_all(&shared->drained);
}

void rq_hand_none_returned(struct rq_queue_shared *shared, uint64_t word)
{
	if (word & RQ_RETURNED_SOME)
		rq_cas_full(&shared->returned, &word, word & ~RQ_RETURNED_SOME); /* D8 */
}

void rq_hand_drop(const struct rq_lane_set *set, struct rq_queue_shared *shared, uint32_t member, uint64_t port)
{
	struct rq_book_walk book;
	struct rq_entry *entry;
	struct rq_hand hand;
	bool some = false;
	rq_book_walk(&book, set->region, member);
	while ((entry = rq_book_next(&book))) {
		if (!read_entry(entry, &hand) || hand.port != port || rq_state_kind(hand.state) != RQ_ENTRY_HELD)
			continue;
		uint64_t state = hand.state;
		some |= rq_cas_full(&entry->state, &state, rq_state_claim(state) | RQ_ENTRY_BACK); /* D9, before D6 */
	}
	if (some)
		rq_hand_say_returned(shared);
}

/* ---- memory ---- */

/* As rq_hand_has_chunk(), of the entries beside the caller's last that is free: what is taken together mostly lies together. */
static bool beside_has_chunk(const struct rq_lane_set *set, const struct rq_book *book, uint64_t key)
{
	for (int side = -1; side <= 1; side += 2) {
		struct rq_hand hand;
		struct rq_entry *entry = rq_book_beside(book, side);
		if (entry && read_entry(entry, &hand) && hand.key == key && is_taken(set, &hand))
			return true;
	}
	return false;
}

void rq_hand_left(const struct rq_lane_set *set, struct rq_membership *membership, uint64_t key, uint64_t record)
{
	struct ringq_region *region = set->region;
	struct rq_lane *lane = lane_of(set, key);
	uint64_t unit = (record - region->at.units) / region->at.page, frontier = rq_units_frontier(region);
	rq_fence(); /* T9 */
	if (!lane || record < region->at.units || unit >= frontier)
		return;
	/* Is it in the table still, it is a spare chunk, as any that head has left. */
	for (uint32_t i = 0; i < set->table; i++) {
		uint64_t entry = rq_load_acquire(&lane->table[i]); /* T9, behind the fence */
		if (entry && ((rq_chunk_owner(set, rq_owner_lane_index(key), rq_entry_chunk(entry)) ^ key) == 0))
			return;
	}
	if (membership->book && beside_has_chunk(set, membership->book, key))
		return;
	if (rq_hand_has_chunk(set, key))
		return;
	uint64_t first = unit, end = unit + 1;
	while (first > 0 && rq_load(rq_owner_at(region, first - 1)) == key)
		first--;
	while (end < frontier && rq_load(rq_owner_at(region, end)) == key)
		end++;
	if (region->fences) /* as T8, before H3 */
		rq_fence();
	else if (rq_sys.barrier())
		rq_sys_settle();
	if (!rq_members_name(region, key))
		rq_units_give_back(membership, first, end - first, key);
	else
		rq_units_release(region, first, end - first, key);
}

/* ---- the end of the queue ---- */

/* What its members have left: nobody who lives takes, so that no entry of it is made, moved or finished meanwhile. */
void rq_hand_forget(const struct ringq_region *region, uint64_t first)
{
	for (uint32_t i = 0; rq_member_known(region, i); i++) {
		struct rq_book_walk book;
		struct rq_entry *entry;
		rq_book_walk(&book, region, i);
		while ((entry = rq_book_next(&book))) {
			uint64_t state = rq_load_acquire(&entry->state); /* Z6 */
			if (state && rq_owner_is_of_queue(rq_load(&entry->key), first))
				rq_cas(&entry->state, &state, 0); /* Z0 */
		}
	}
}
