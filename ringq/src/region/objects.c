/* SPDX-License-Identifier: MIT */
#include "region/objects.h"

#include <errno.h>
#include <string.h>

#include "base/copy.h"
#include "base/sys.h"

/* ---- objects ---- */

/*
 * Units that others had are not clean. The first page keeps its memory and is cleared: a sweep that has read the word of
 * an object that was withdrawn there may be about to read of it. The others are given back, then taken as needed.
 */
int64_t rq_object_claim(struct rq_membership *membership, uint64_t units, uint64_t bytes)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t page = region->at.page;
	int64_t first = rq_units_claim(region, units, rq_owner_member(membership->id), page);
	if (first < 0)
		return first;
	uint64_t at = region->at.units + (uint64_t)first * page;
	int r = units > 1 ? rq_sys.give_back(&region->file, at + page, (units - 1) * page) : 0;
	if (r == 0 && bytes > page)
		r = rq_region_back(region, at + page, bytes - page);
	if (r) {
		rq_object_drop(membership, (uint64_t)first, units);
		return r;
	}
	rq_release_fence(); /* N0: as P3, behind A1: G6 is its reader */
	memset(region->base + at, 0, page);
	return first;
}

/* Where the memory cannot be given back it stays behind the free units, for whoever claims them next. */
void rq_object_drop(struct rq_membership *membership, uint64_t first, uint64_t units)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t page = region->at.page;
	if (units > 1)
		rq_sys.give_back(&region->file, region->at.units + (first + 1) * page, (units - 1) * page);
	rq_units_release(region, first, units, rq_owner_member(membership->id));
}

/* ---- names ---- */

#define ROUNDS_MOST (1u << 20) /* of helping others: a hostile peer could go on for ever */

/*
 * A place of the table, with memory behind it. NULL if there is none to be had. To ask the kernel for each place would
 * make a walk through a table full of names take a second.
 */
static rq_u64 *place_at(struct ringq_region *region, uint64_t i)
{
	uint64_t offset = i % region->at.name_count * sizeof(rq_u64), page = region->at.page;
	uint64_t at = region->at.names + offset, bit = UINT64_C(1) << offset / page,
		 backed = rq_load(&region->names_backed);
	_Static_assert(RQ_NAMES_MOST * sizeof(rq_u64) / 4096 <= 64, "a bit for each page of the name table");
	if (rq_unlikely(!(backed & bit))) {
		if (rq_region_back(region, region->at.names + offset / page * page, page))
			return NULL;
		while (!rq_cas(&region->names_backed, &backed, backed | bit)) /* N9 */
			;
	}
	return (rq_u64 *)(region->base + at);
}

static const struct rq_object_shared *object_at(struct ringq_region *region, uint64_t first)
{
	return (const struct rq_object_shared *)rq_unit_at(region, first);
}

static uint64_t word_of(uint64_t id, uint64_t hash)
{
	return hash << RQ_NAME_HASH_SHIFT | id;
}

/* The word of the object of this id, whatever it is by now; false: there is none. */
static bool owner_of(struct ringq_region *region, uint64_t id, uint64_t *owner)
{
	if ((id & RQ_NAME_UNIT_MASK) >= rq_units_frontier(region))
		return false;
	*owner = rq_load_acquire(rq_owner_at(region, id & RQ_NAME_UNIT_MASK)); /* N4 */
	return rq_owner_kind(*owner) == RQ_OWNER_OBJECT && rq_object_id(*owner, id & RQ_NAME_UNIT_MASK) == id;
}

/* Whether the object with this word has this name. What is read counts if the word is the same afterwards. */
static bool has_name(struct ringq_region *region, uint64_t first, uint64_t owner, const char *name)
{
	char there[RQ_NAME_MAX];
	if (!rq_owner_is_object(owner))
		return false;
	rq_copy_out(there, object_at(region, first)->name, RQ_NAME_MAX);
	bool same = strncmp(there, name, RQ_NAME_MAX) == 0;
	rq_acquire_fence(); /* G6 */
	return same && rq_load(rq_owner_at(region, first)) == owner;
}

/* A place of the table as it was read. */
struct place {
	rq_u64 *at;
	uint64_t word;
};

/*
 * Goes along a name's places. 1, and the object that has it; 0: none has, and *free is the first place that may be taken, or
 * has none. With `mine`, the id of an object without its name, a place that says so already is that. -ENOMEM.
 */
static int look_up(struct ringq_region *region, const char *name, uint64_t mine, uint64_t *first, uint64_t *owner,
	struct place *free)
{
	uint64_t hash = rq_name_hash(name), word = 1;
	*free = (struct place){0};
	for (uint64_t i = 0; i < region->at.name_count && word; i++) {
		rq_u64 *at = place_at(region, hash + i);
		if (!at)
			return -ENOMEM;
		word = rq_load_acquire(at); /* N2 */
		bool is_candidate = word >> RQ_NAME_HASH_SHIFT == (hash & RQ_NAME_HASH_MASK);
		if (word && !is_candidate && (!mine || free->at))
			continue;
		bool there = word && owner_of(region, word & RQ_NAME_ID_MASK, owner);
		if ((!there && !free->at) || (mine && (word & RQ_NAME_ID_MASK) == mine))
			*free = (struct place){at, word};
		*first = word & RQ_NAME_UNIT_MASK;
		if (there && is_candidate && has_name(region, *first, *owner, name))
			return 1;
	}
	return 0;
}

/* Reads the name and the creator of an object that is to get its name. False if that is decided. */
static bool read_candidate(
	struct ringq_region *region, uint64_t id, uint64_t *owner, char name[RQ_NAME_MAX], uint64_t *creator)
{
	uint64_t first = id & RQ_NAME_UNIT_MASK, page = region->at.page;
	if (!owner_of(region, id, owner) || !rq_owner_object_is_unplaced(*owner) ||
		rq_region_back(region, region->at.units + first * page, page))
		return false;
	rq_copy_out(name, object_at(region, first)->name, RQ_NAME_MAX);
	name[RQ_NAME_MAX - 1] = 0;
	*creator = rq_load_once(&object_at(region, first)->creator);
	rq_acquire_fence(); /* G6 */
	return rq_load(rq_owner_at(region, first)) == *owner;
}

/* One try to decide whether an object gets its name. 0; -EAGAIN: others have changed the table; -ENOSPC, -ENOMEM. */
static int decide(struct ringq_region *region, uint64_t id)
{
	char name[RQ_NAME_MAX];
	uint64_t owner, creator, first, other;
	struct place free;
	if (!read_candidate(region, id, &owner, name, &creator))
		return 0;
	int r = look_up(region, name, id, &first, &other, &free);
	if (r < 0)
		return r;
	rq_u64 *word = rq_owner_at(region, id & RQ_NAME_UNIT_MASK);
	if (r == 1) {
		if (rq_object_id(other, first) != id)
			rq_cas(word, &owner, rq_owner_member(creator)); /* N5 */
		return 0;
	}
	if (!free.at)
		return -ENOSPC;
	uint64_t mine = word_of(id, rq_name_hash(name) & RQ_NAME_HASH_MASK);
	if (free.word != mine && !rq_cas(free.at, &free.word, mine)) /* N1 */
		return -EAGAIN;
	rq_cas(word, &owner, rq_owner_object_placed(owner)); /* N5 */
	return 0;
}

/* Gives the object of this id its name, or refuses it, and makes way for the next. 0, -ENOSPC, -ENOMEM. */
static int settle(struct ringq_region *region, uint64_t id)
{
	int r = -EAGAIN;
	for (unsigned rounds = 0; r == -EAGAIN && rounds < ROUNDS_MOST; rounds++)
		r = decide(region, id);
	if (r == 0)
		rq_cas(&region->header->naming, &id, 0); /* N7 */
	return r == -EAGAIN ? -EBADMSG : r;
}

bool rq_object_is_garbage(struct ringq_region *region, uint64_t first, uint64_t owner)
{
	uint64_t page = region->at.page, creator;
	if (rq_region_back(region, region->at.units + first * page, page))
		return false;
	creator = rq_load_once(&object_at(region, first)->creator);
	rq_acquire_fence(); /* G6 */
	return rq_load(rq_owner_at(region, first)) == owner && !rq_member_alive(region, creator);
}

/* Takes an object that did not get its name back into its creator's hands, and drops it. */
static void withdraw(struct rq_membership *membership, uint64_t first, uint64_t units, uint64_t created)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t mine = rq_owner_member(membership->id);
	/* As A4: the word says refused (N5) or unplaced, and nobody changes it any more. */
	rq_store_release(rq_owner_at(region, first), mine);
	rq_units_move(region, first + 1, units - 1, rq_owner_body(created, first), mine);
	rq_object_drop(membership, first, units);
}

/* Makes the run an object's, the first unit last. */
static void put_words(struct ringq_region *region, uint64_t first, uint64_t units, uint64_t word)
{
	for (uint64_t u = 1; u < units; u++)
		rq_store(rq_owner_at(region, first + u), rq_owner_body(rq_owner_created(word), first));
	rq_store_release(rq_owner_at(region, first), word); /* N3 */
}

/* Never 0, which with the first unit would be no object's id. */
static uint64_t next_created(struct ringq_region *region)
{
	uint64_t created;
	do
		created = (rq_add(&region->header->creations, 1) + 1) & RQ_OWNER_CREATED_MASK; /* N8 */
	while (!created);
	return created;
}

void rq_object_publish_pipe(struct rq_membership *membership, uint64_t first, uint64_t units)
{
	put_words(rq_load(&membership->region), first, units,
		rq_owner_pipe(next_created(rq_load(&membership->region)), units));
}

/* Has the object of the caller's named, after all whose turn is before its own. 0, -EEXIST, -ENOSPC, -ENOMEM. */
static int get_name(struct ringq_region *region, uint64_t first, uint64_t unplaced, uint64_t refused)
{
	rq_u64 *word = rq_owner_at(region, first), *naming = &region->header->naming;
	uint64_t id = rq_object_id(unplaced, first);
	int r = 0;
	for (unsigned rounds = 0;; rounds++) {
		uint64_t owner = rq_load_acquire(word); /* N5 */
		if (owner != unplaced)
			return owner == refused ? r ? r : -EEXIST : 0;
		if (rounds == ROUNDS_MOST)
			r = -EBADMSG;
		uint64_t other = rq_load_acquire(naming); /* N6 */
		if (r)                                    /* nobody gets it any further */
			rq_cas(word, &owner, refused);    /* N5 */
		else if (other)
			r = settle(region, other);
		else
			rq_cas(naming, &other, id); /* N6 */
	}
}

int rq_object_publish(
	struct rq_membership *membership, uint64_t first, uint64_t units, const char *name, uint64_t *owner)
{
	struct ringq_region *region = rq_load(&membership->region);
	uint64_t created = next_created(region), id = 0;
	uint64_t word = rq_owner_object(created, units, *name);
	put_words(region, first, units, word);
	*owner = rq_owner_object_placed(word);
	if (!*name)
		return 0;
	int r = get_name(region, first, word, rq_owner_member(membership->id));
	id = rq_object_id(word, first);
	rq_cas(&region->header->naming, &id, 0); /* N7 */
	if (r)
		withdraw(membership, first, units, created);
	return r;
}

static int find_first(struct ringq_region *region, uint32_t kind, uint64_t *first, uint64_t *owner)
{
	uint64_t frontier = rq_units_frontier(region), oldest = 0;
	int r = -ENOENT;
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t word = rq_load_acquire(rq_owner_at(region, u)); /* N4 */
		if (!rq_owner_is_object(word) || object_at(region, u)->kind != kind)
			continue;
		uint64_t number = rq_object_number(rq_load(&region->header->creations), word);
		if (r == 0 && number >= oldest)
			continue;
		oldest = number;
		*first = u;
		*owner = word;
		r = 0;
	}
	return r;
}

int rq_object_find(struct ringq_region *region, uint32_t kind, const char *name, uint64_t *first, uint64_t *owner)
{
	struct place unused;
	if (!name)
		return find_first(region, kind, first, owner);
	int r = look_up(region, name, 0, first, owner, &unused);
	if (r < 0)
		return r;
	return r == 1 && object_at(region, *first)->kind == kind ? 0 : -ENOENT;
}

/* ---- visits ---- */

bool rq_object_visit(struct rq_membership *membership, uint64_t first, uint64_t owner)
{
	rq_store(&membership->member->visit, owner);                                    /* X4 */
	rq_fence();                                                                     /* after X4, before X5 */
	if (rq_load_acquire(rq_owner_at(rq_load(&membership->region), first)) == owner) /* X5 */
		return true;
	rq_object_leave(membership);
	return false;
}

void rq_object_leave(struct rq_membership *membership)
{
	rq_store_release(&membership->member->visit, 0); /* X4 */
}
