/* SPDX-License-Identifier: MIT */
/*
 * Objects and their names by themselves: words and places of the table, by the calls that the rest of the library makes. What
 * another participant has left half done is made by hand.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "region/objects.h"

#define MIB ((size_t)1 << 20)
#define KIND RQ_OBJECT_ARRAY
#define UNITS 3u

static ringq_region *region;
static struct rq_membership *me;

static void set_up(void)
{
	region = region_new(4 * MIB);
	check_eq(rq_membership_of(&me, region), 0);
}

static void tear_down(void)
{
	ringq_region_detach(region);
}

static uint64_t owner_of(uint64_t unit)
{
	return rq_load(rq_owner_at(region, unit));
}

/* An object as its maker has it, before it is one. */
static uint64_t claim(const char *name, uint32_t kind)
{
	int64_t first = rq_object_claim(me, UNITS, region->at.page);

	check(first >= 0);
	struct rq_object_shared *shared = (struct rq_object_shared *)rq_unit_at(region, (uint64_t)first);
	shared->kind = kind;
	shared->creator = me->id;
	snprintf(shared->name, sizeof shared->name, "%s", name);
	return (uint64_t)first;
}

static int publish(const char *name, uint64_t *first)
{
	uint64_t owner;

	*first = claim(name, KIND);
	int r = rq_object_publish(me, *first, UNITS, name, &owner);
	if (r == 0)
		check_eq(owner, owner_of(*first));
	return r;
}

/* The first unit of the object that has the name, or an error. */
static int64_t find(const char *name)
{
	uint64_t first, owner;
	int r = rq_object_find(region, KIND, name, &first, &owner);

	if (r)
		return r;
	check_eq(owner, owner_of(first));
	return (int64_t)first;
}

static unsigned places_taken(void)
{
	const rq_u64 *names = (const rq_u64 *)(region->base + region->at.names);
	unsigned taken = 0;

	for (uint32_t i = 0; i < region->at.name_count; i++)
		taken += rq_load(&names[i]) != 0;
	return taken;
}

/* As a delete says it: the word alone. */
static void drop(uint64_t first)
{
	rq_store(rq_owner_at(region, first), 0);
}

Test(objects, are_found_by_kind_and_name_or_as_the_first_of_their_kind, .init = set_up, .fini = tear_down)
{
	uint64_t a, b, first, owner;

	check_eq(find(NULL), -ENOENT);
	check_eq(publish("", &a), 0);
	check_eq(publish("b", &b), 0);
	check_eq(find("b"), (int64_t)b);
	check_eq(find("c"), -ENOENT);
	check_eq(find(NULL), (int64_t)a);
	check_eq(rq_object_find(region, RQ_OBJECT_QUEUE, "b", &first, &owner), -ENOENT);
	for (uint64_t u = 1; u < UNITS; u++)
		check_eq(owner_of(b + u), rq_owner_body(rq_owner_created(owner_of(b)), b));
	drop(a);
	check_eq(find(NULL), (int64_t)b);
}

Test(objects, whose_name_another_has_are_refused_and_leave_nothing, .init = set_up, .fini = tear_down)
{
	uint64_t a, b;

	check_eq(publish("a", &a), 0);
	check_eq(publish("a", &b), -EEXIST);
	for (uint64_t u = 0; u < UNITS; u++)
		check_eq(owner_of(b + u), 0);
	check_eq(rq_load(&region->header->naming), 0);
	check_eq(find("a"), (int64_t)a);
	check_eq(places_taken(), 1);
}

Test(objects, take_the_places_of_names_whose_objects_are_gone, .init = set_up, .fini = tear_down)
{
	uint64_t a;

	for (unsigned i = 0; i < 200; i++) {
		check_eq(publish("again", &a), 0);
		check_eq(find("again"), (int64_t)a);
		drop(a);
		check_eq(find("again"), -ENOENT);
		rq_units_release(region, a + 1, UNITS - 1, rq_owner_body(0, a));
	}
	check_eq(places_taken(), 1);
}

Test(objects, beyond_the_last_place_have_no_name_until_another_goes, .init = set_up, .fini = tear_down)
{
	uint64_t firsts[64], more;
	char name[16];

	check_eq(region->at.name_count, COUNT(firsts));
	for (unsigned i = 0; i < COUNT(firsts); i++) {
		snprintf(name, sizeof name, "object %u", i);
		check_eq(publish(name, &firsts[i]), 0);
	}
	check_eq(publish("one more", &more), -ENOSPC);
	check_eq(owner_of(more), 0);
	for (unsigned i = 0; i < COUNT(firsts); i++) {
		snprintf(name, sizeof name, "object %u", i);
		check_eq(find(name), (int64_t)firsts[i]);
	}
	check_eq(find("one more"), -ENOENT);
	drop(firsts[17]);
	check_eq(publish("one more", &more), 0);
	check_eq(find("one more"), (int64_t)more);
	check_eq(find("object 17"), -ENOENT);
}

/* Somebody has said that it is this object's turn to be named, and does nothing more. */
static uint64_t stop_before_the_name(const char *name)
{
	uint64_t first = claim(name, KIND), word = rq_owner_object(1000, UNITS, true);

	for (uint64_t u = 1; u < UNITS; u++)
		rq_store(rq_owner_at(region, first + u), rq_owner_body(1000, first));
	rq_store(rq_owner_at(region, first), word);
	rq_store(&region->header->naming, rq_object_id(word, first));
	return first;
}

Test(objects, whose_maker_has_stopped_get_their_name_from_the_next, .init = set_up, .fini = tear_down)
{
	uint64_t stopped = stop_before_the_name("stopped"), next;

	check_eq(find("stopped"), -ENOENT);
	check_eq(publish("next", &next), 0);
	check_eq(find("stopped"), (int64_t)stopped);
	check_eq(find("next"), (int64_t)next);
	check(!rq_owner_object_is_unplaced(owner_of(stopped)));
}

Test(objects, whose_maker_has_stopped_are_refused_a_name_that_is_taken, .init = set_up, .fini = tear_down)
{
	uint64_t a, b;

	check_eq(publish("a", &a), 0);
	uint64_t stopped = stop_before_the_name("a");
	check_eq(publish("b", &b), 0);
	check_eq(owner_of(stopped), rq_owner_member(me->id));
	check_eq(find("a"), (int64_t)a);
	check(!rq_object_is_garbage(region, b, owner_of(b)));
}

Test(objects, have_numbers_that_come_round_without_the_one_that_is_none, .init = set_up, .fini = tear_down)
{
	uint64_t a, b, creations = RQ_OWNER_CREATED_MASK - 1;

	rq_store(&region->header->creations, creations);
	check_eq(publish("a", &a), 0);
	check_eq(publish("b", &b), 0);
	check_eq(rq_owner_created(owner_of(a)), RQ_OWNER_CREATED_MASK);
	check_eq(rq_owner_created(owner_of(b)), 1); /* and not 0 */
	creations = rq_load(&region->header->creations);
	check(rq_object_number(creations, owner_of(a)) < rq_object_number(creations, owner_of(b)));
	check_eq(rq_object_number(creations, owner_of(b)), RQ_OWNER_CREATED_MASK + 2);
	check_eq(find(NULL), (int64_t)a);
	check_eq(find("b"), (int64_t)b);
}

Test(objects, are_visited_only_while_their_word_is_the_same, .init = set_up, .fini = tear_down)
{
	uint64_t a, owner;

	check_eq(publish("a", &a), 0);
	owner = owner_of(a);
	check(rq_object_visit(me, a, owner));
	check_eq(rq_load(&me->member->visit), owner);
	rq_object_leave(me);
	check_eq(rq_load(&me->member->visit), 0);
	rq_store(rq_owner_at(region, a), rq_owner_deleted(owner));
	check(!rq_object_visit(me, a, owner));
	check_eq(rq_load(&me->member->visit), 0);
	check_eq(rq_owner_before_deletion(owner_of(a)), owner);
}
