/* SPDX-License-Identifier: MIT */
#include "survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what is wanted ---- */

int survey_scope(struct survey_scope *out, int argc, char **argv)
{
	*out = (struct survey_scope){.want = calloc((size_t)argc + 1, sizeof *out->want)};
	if (!out->want)
		return fail(-ENOMEM, "operands");
	for (int i = 0; i < argc; i++) {
		struct target target;
		ringq_queue *queue = NULL;
		struct stat st;
		bool whole = true;
		int r = target_region(&target, argv[i], LOOK);
		if (r)
			return r;
		if (*target.object) {
			target_close(&target);
			r = target_queue(&target, &queue, argv[i], LOOK);
			whole = false;
			if (r)
				return r;
		}
		if (fstat(ringq_region_fd(target.region), &st) == 0)
			out->want[out->n++] =
				(struct survey_want){st.st_dev, st.st_ino, whole ? 0 : ringq_queue_id(queue)};
		ringq_queue_release(queue);
		target_close(&target);
	}
	return 0;
}

static bool wants(const struct survey_scope *scope, dev_t device, ino_t inode, uint64_t id)
{
	if (!scope->n)
		return true;
	for (size_t i = 0; i < scope->n; i++) {
		const struct survey_want *w = &scope->want[i];
		if (w->device == device && w->inode == inode && (!w->id || !id || w->id == id))
			return true;
	}
	return false;
}

void survey_scope_free(struct survey_scope *scope)
{
	free(scope->want);
	search_free(&scope->found);
	*scope = (struct survey_scope){0};
}

/* ---- looking ---- */

/* Room for one more behind n things of a size. Where it is, or NULL. */
static void *room_for(void *things, size_t n, size_t size)
{
	void **list = things;
	if (n % 64 == 0) {
		void *more = realloc(*list, (n + 64) * size);
		if (!more)
			return NULL;
		*list = more;
	}
	return (char *)*list + n * size;
}

/* One that is deleted meanwhile is not there. */
static int look_at_queue(struct survey *s, ringq_region *region, const struct ringq_object *object,
	const struct ringq_member *members, ssize_t n)
{
	struct survey_queue *q = room_for(&s->queues, s->queue_count, sizeof *q);
	const struct survey_region *of = &s->regions[s->region_count];
	if (!q)
		return -ENOMEM;
	*q = (struct survey_queue){
		.region = s->region_count, .device = of->device, .inode = of->inode, .id = object->id, .at = now_ns()};
	object_label(object, q->name);
	int r = stat_object(region, object, &q->stat);
	q->at += (now_ns() - q->at) / 2;
	q->asleep = who_sleeps(members, n, object->id, q->at);
	s->queue_count += r == 1;
	return r < 0 ? r : 0;
}

/* An array that a bridge counts in is told by its name and form; another one is none. */
static int look_at_array(struct survey *s, const ringq_region *region, const struct ringq_object *object)
{
	static const size_t prefix = sizeof METERS_PREFIX - 1;
	const struct survey_region *of = &s->regions[s->region_count];
	struct ringq_producer holder;
	if (object->flags != RINGQ_UINT64 || strncmp(object->name, METERS_PREFIX, prefix) != 0)
		return 0;
	struct survey_bridge *b = room_for(&s->bridges, s->bridge_count, sizeof *b);
	if (!b)
		return -ENOMEM;
	*b = (struct survey_bridge){
		.region = s->region_count, .device = of->device, .inode = of->inode, .id = object->id, .at = now_ns()};
	snprintf(b->name, sizeof b->name, "%s", object->name + prefix);
	if (ringq_region_elements(region, object->id, RINGQ_UINT64, 0, b->meters, METERS_END) < METERS_END)
		return 0;
	b->killed = ringq_region_lock_holder(region, object->id, &holder) == 1 && holder.state == RINGQ_DEAD;
	s->bridge_count++;
	return 0;
}

static int look_at_region(struct survey *s, ringq_region *region, const struct survey_scope *scope)
{
	struct survey_region *of = &s->regions[s->region_count];
	struct ringq_object *objects;
	struct ringq_member *members = NULL;
	of->memory = ringq_region_memory(region);
	ssize_t n = objects_of(region, &objects), m = n < 0 ? n : members_of(region, &members);
	int r = m < 0 ? (int)m : 0;
	of->members = m < 0 ? 0 : (uint64_t)m;
	for (ssize_t i = 0; r == 0 && i < n; i++) {
		of->arrays += objects[i].kind == RINGQ_OBJECT_ARRAY;
		of->queues += objects[i].kind != RINGQ_OBJECT_ARRAY;
		if (!wants(scope, of->device, of->inode, objects[i].id))
			continue;
		r = objects[i].kind == RINGQ_OBJECT_ARRAY ? look_at_array(s, region, &objects[i])
		                                          : look_at_queue(s, region, &objects[i], members, m);
	}
	free(objects);
	free(members);
	return r;
}

static int look(struct survey *s, const struct found *found, const struct survey_scope *scope)
{
	struct survey_region *of = &s->regions[s->region_count];
	ringq_region *region;
	*of = (struct survey_region){
		.device = found->device, .inode = found->inode, .size = found->size, .holders = found->holder_count};
	found_label(found, of->label);
	of->error = found_observe(found, &region);
	if (of->error == 0) {
		of->error = look_at_region(s, region, scope);
		ringq_region_detach(region);
	}
	of->state = found_state(found, of->error);
	s->region_count++;
	return of->error == -ENOMEM ? -ENOMEM : 0;
}

/* In mount namespaces of their own, regions may have one name: a label tells them apart. */
static void tell_apart(struct survey *s)
{
	for (size_t i = 0; i < s->region_count; i++) {
		struct survey_region *a = &s->regions[i];
		bool twice = false;
		for (size_t k = i + 1; k < s->region_count && strcmp(a->label, s->regions[k].label) == 0; k++) {
			snprintf(s->regions[k].label, sizeof a->label, "ino:%llu",
				(unsigned long long)s->regions[k].inode);
			twice = true;
		}
		if (twice)
			snprintf(a->label, sizeof a->label, "ino:%llu", (unsigned long long)a->inode);
	}
}

static int search_again(struct survey_scope *scope)
{
	int64_t now = now_ns();
	if (scope->searched && now - scope->searched < RINGQ_SEC(1))
		return 0;
	search_free(&scope->found);
	scope->searched = now;
	return search_all(&scope->found);
}

int survey_take(struct survey *out, struct survey_scope *scope)
{
	const struct search *search = &scope->found;
	*out = (struct survey){0};
	int r = search_again(scope);
	if (r)
		return fail(r, "/proc");
	out->denied = search->denied;
	out->regions = calloc(search->count + 1, sizeof *out->regions);
	r = out->regions ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < search->count; i++)
		if (wants(scope, search->found[i].device, search->found[i].inode, 0))
			r = look(out, &search->found[i], scope);
	tell_apart(out);
	if (r)
		survey_free(out);
	return r ? fail(r, "a survey") : 0;
}

void survey_free(struct survey *s)
{
	free(s->regions);
	free(s->queues);
	free(s->bridges);
	*s = (struct survey){0};
}
