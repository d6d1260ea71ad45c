/* SPDX-License-Identifier: MIT */
#include "books.h"

#include <stdio.h>
#include <string.h>

#define NOBODY UINT32_MAX

/* Of a record: whether it came out, and whether a consumer that was killed inside a get had it in hand. */
enum { SEEN = 1, EXCUSED = 2 };

static bool knows(const struct books *books, struct record_id id)
{
	return id.producer - books->first < books->used && id.number < LIFE_RECORDS;
}

struct life *books_life(struct books *books, uint32_t life)
{
	check_compare(life - books->first, <, books->used);
	return &books->lives[life - books->first];
}

void books_begin(struct books *books)
{
	memset(books->lives, 0, books->used * sizeof(*books->lives));
	books->first += books->used;
	books->used = 0;
}

void hand_open(struct hand *hand)
{
	for (size_t i = 0; i < FINGERS; i++)
		memcpy(hand->fingers[i], &(struct record_id){NOBODY, 0}, sizeof(struct record_id));
	hand->begun++;
}

void hand_close(struct hand *hand)
{
	hand->done++;
}

void books_see(struct books *books, struct record_id id)
{
	struct life *life = books_life(books, id.producer);

	check_compare(id.number, <, life->begun);
	check_eq(atomic_fetch_or(&life->seen[id.number], SEEN) & SEEN, 0);
}

void books_excuse(struct books *books, const struct hand *hand)
{
	if (hand->begun == hand->done)
		return;
	check_eq(hand->begun, hand->done + 1);
	for (size_t i = 0; i < FINGERS; i++) {
		struct record_id id;

		memcpy(&id, hand->fingers[i], sizeof(id));
		if (knows(books, id))
			atomic_fetch_or(&books_life(books, id.producer)->seen[id.number], EXCUSED);
	}
}

static void fail_missing(uint32_t life, uint32_t number, const struct life *account)
{
	fprintf(stderr, "life %u: record %u is missing; %u puts returned, %u began\n", life, number, account->done,
		account->begun);
	check(!"each record whose put returned comes out");
}

static void settle_life(struct sums *sums, uint32_t name, const struct life *life)
{
	uint32_t number = 0;

	check_compare(life->begun, <=, LIFE_RECORDS);
	for (; number < life->done; number++) {
		if (!life->seen[number])
			fail_missing(name, number, life);
		sums->lost_with_consumers += life->seen[number] == EXCUSED;
	}
	sums->put += life->done;
	/* What it was putting when it was killed is in, or not; of a batch the first of them. */
	for (; number < life->begun && life->seen[number]; number++)
		sums->in_flight_came++;
	for (; number < LIFE_RECORDS; number++) {
		check_eq(life->seen[number], 0);
		sums->in_flight_gone += number < life->begun;
	}
}

void books_settle(struct books *books)
{
	for (uint32_t i = 0; i < books->used; i++)
		settle_life(&books->sums, books->first + i, &books->lives[i]);
}
