/* SPDX-License-Identifier: MIT */
#include "region/book.h"

#include <errno.h>
#include <stdlib.h>

#define TICKETS_AT_ONCE (UINT64_C(1) << 20)
#define OPEN_FEW 64u /* a book that has had more open entries is looked through again when it may be empty */

static uint32_t entries_a_page(const struct ringq_region *region)
{
	return (uint32_t)(region->at.page / RQ_ENTRY) - 1;
}

static struct rq_entry *page_at(const struct ringq_region *region, uint64_t page)
{
	return page && page <= region->at.unit_count ? (struct rq_entry *)rq_unit_at(region, page - 1) : NULL;
}

/* ---- the caller's own ---- */

/* The number's pages that exist. A corrupt chain ends where it leaves the region. */
static int adopt_pages(struct rq_book *book, const struct rq_member *member)
{
	const struct ringq_region *region = rq_load(&book->membership->region);
	/* As Z1's reader: pages that an earlier member of this number made. */
	uint64_t next = rq_load_acquire(&member->book);
	for (struct rq_entry *page; (page = page_at(region, next)) && book->pages < RQ_BOOK_PAGES_MOST;) {
		struct rq_entry **more = realloc(book->page, (book->pages + 1) * sizeof(struct rq_entry *));
		if (!more)
			return -ENOMEM;
		book->page = more;
		book->page[book->pages++] = page;
		next = rq_load_acquire(&page->state); /* as above: Z1 */
	}
	return 0;
}

/* Another page, empty, at the end of the chain. */
static int add_page(struct rq_book *book)
{
	struct rq_membership *m = book->membership;
	struct ringq_region *region = rq_load(&m->region);
	if (book->pages == RQ_BOOK_PAGES_MOST)
		return -ENOMEM;
	struct rq_entry **more = realloc(book->page, (book->pages + 1) * sizeof(struct rq_entry *));
	if (!more)
		return -ENOMEM;
	book->page = more;
	int64_t unit = rq_units_claim(region, 1, rq_owner_book(m->id), region->at.page);
	if (unit < 0)
		return (int)unit;
	struct rq_entry *page = page_at(region, (uint64_t)unit + 1);
	for (uint32_t i = 0; i <= entries_a_page(region); i++)
		rq_store(&page[i].state, 0);
	rq_u64 *link = book->pages ? &book->page[book->pages - 1]->state : &m->member->book;
	rq_store_release(link, (uint64_t)unit + 1); /* Z1 */
	book->page[book->pages++] = page;
	return 0;
}

static struct rq_entry *own_entry(const struct rq_book *book, uint32_t i)
{
	uint32_t each = entries_a_page(rq_load(&book->membership->region));
	return &book->page[i / each][1 + i % each];
}

/* Entries below `open` that are free: spare, the lowest on top. */
static int look_through(struct rq_book *book)
{
	if (book->capacity < book->open) {
		struct rq_entry **more = realloc(book->spare, book->open * sizeof(struct rq_entry *));
		if (!more)
			return -ENOMEM;
		book->spare = more;
		book->capacity = book->open;
	}
	book->spares = 0;
	for (uint32_t i = book->open; i-- > 0;) {
		struct rq_entry *entry = own_entry(book, i);
		/* As Z6: another has ended it (Z0), and has read what it said before this one writes there. */
		if (rq_load_acquire(&entry->state) == 0)
			rq_book_spare(book, entry);
	}
	return 0;
}

/* As many entries as the book had again, if there is memory for them. */
static int widen(struct rq_book *book)
{
	uint32_t each = entries_a_page(rq_load(&book->membership->region)), want = book->open ? 2 * book->open : 1;
	if (want > each && want < book->pages * each)
		want = book->pages * each;
	if (want > RQ_BOOK_PAGES_MOST * each)
		want = RQ_BOOK_PAGES_MOST * each;
	if (want == book->open)
		return -ENOMEM;
	while (book->pages * each < want) {
		int r = add_page(book);
		if (r == 0)
			continue;
		if (book->pages * each <= book->open)
			return r;
		want = book->pages * each;
	}
	book->open = want;
	rq_store_release(&book->membership->member->open, want); /* B6: after the Z1 of its pages */
	return 0;
}

/* How many others read. */
static uint32_t open_entries(const struct rq_book *book)
{
	uint32_t each = entries_a_page(rq_load(&book->membership->region));
	uint32_t open = rq_load(&book->membership->member->open), most = book->pages * each;
	return open < most ? open : most;
}

static void set_tickets_apart(struct rq_book *book)
{
	rq_u64 *tickets = &book->membership->member->tickets;
	uint64_t from = rq_load(tickets), number = ((uint32_t)book->membership->id & RQ_ID_INDEX_MASK)
	                                           << RQ_STATE_KIND_BITS;
	rq_store_release(tickets, from + TICKETS_AT_ONCE); /* B8: before the first claim of them */
	book->claim = from * RQ_TICKET | number;
	book->limit = (from + TICKETS_AT_ONCE - 1) * RQ_TICKET | number;
}

void rq_book_was_left(struct rq_book *book)
{
	book->spares = 0;
	book->open = open_entries(book); /* before B6 */
}

int rq_book_refill(struct rq_book *book)
{
	if (book->claim == book->limit)
		set_tickets_apart(book);
	if (book->spares)
		return 0;
	int r = look_through(book);
	/* With few that are free it would soon be looked through again. */
	if (r == 0 && book->spares <= book->open / 4) {
		r = widen(book);
		if (r && book->spares)
			return 0;
		if (r == 0)
			r = look_through(book);
	}
	/* Entries that are new are free, unless the page is corrupt. */
	return r ? r : book->spares ? 0 : -ENOMEM;
}

void rq_book_narrow(struct rq_book *book)
{
	if (book->open <= OPEN_FEW || book->spares != book->open)
		return;
	book->open = 1;
	rq_store_release(&book->membership->member->open, 1); /* B6: after the end of all, as of each by Z0 */
	book->spares = 0;
	rq_book_spare(book, own_entry(book, 0));
}

int rq_book_open(struct rq_book **out, struct rq_membership *membership)
{
	struct rq_book *book = calloc(1, sizeof *book);
	if (!book)
		return -ENOMEM;
	book->membership = membership;
	int r = adopt_pages(book, membership->member);
	book->open = open_entries(book);
	book->claim = book->limit = 0;
	if (r == 0) {
		set_tickets_apart(book);
		r = rq_book_refill(book);
	}
	if (r) {
		rq_book_forget(book);
		return r;
	}
	membership->forget_book = rq_book_forget;
	*out = book;
	return 0;
}

void rq_book_forget(struct rq_book *book)
{
	if (!book)
		return;
	free(book->spare);
	free(book->page);
	free(book);
}

struct rq_entry *rq_book_beside(const struct rq_book *book, int side)
{
	const struct ringq_region *region = rq_load(&book->membership->region);
	if (!book->spares)
		return NULL;
	struct rq_entry *last = book->spare[book->spares - 1];
	uint64_t offset = (uint64_t)((const char *)(last + side) - region->base);
	/* The first place of a page has its link, and so has the one behind its last. */
	if ((offset - region->at.units) % region->at.page)
		return last + side;
	uint32_t each = entries_a_page(region);
	for (uint32_t i = 0; i < book->pages; i++) {
		uint32_t at = side < 0 ? i * each - 1 : (i + 1) * each;
		if (&book->page[i][side < 0 ? 1 : each] == last)
			return at < book->open ? own_entry(book, at) : NULL;
	}
	return NULL;
}

/* ---- of all ---- */

void rq_book_walk(struct rq_book_walk *walk, const struct ringq_region *region, uint32_t index)
{
	*walk = (struct rq_book_walk){.region = region, .member = rq_member_known(region, index)};
	if (!walk->member)
		return;
	/* B7: before the entries. */
	uint32_t open = rq_load_acquire(&walk->member->open), most = RQ_BOOK_PAGES_MOST * entries_a_page(region);
	walk->left = open < most ? open : most;
	walk->page = page_at(region, rq_load_acquire(&walk->member->book)); /* as Z1's reader */
}

struct rq_entry *rq_book_next(struct rq_book_walk *walk)
{
	if (!walk->left || !walk->page)
		return NULL;
	if (walk->at == entries_a_page(walk->region)) {
		walk->page = page_at(walk->region, rq_load_acquire(&walk->page->state)); /* as Z1's reader */
		walk->at = 0;
		if (!walk->page)
			return NULL;
	}
	walk->left--;
	return &walk->page[1 + walk->at++];
}
