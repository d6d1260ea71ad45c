/* SPDX-License-Identifier: MIT */

/* From what is written on a command line to a region, and what is in it. */

#include "open.h"

#include "find.h"
#include "message.h"
#include "quantity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t objects_of(const ringq_region *region, struct ringq_object **out)
{
	ssize_t have = 0;
	*out = NULL;
	for (;;) {
		ssize_t n = ringq_region_objects(region, *out, (size_t)have);
		if (n >= 0 && n <= have)
			return n;
		free(*out);
		*out = NULL;
		if (n < 0)
			return n;
		have = n + 8; /* more may be made meanwhile */
		*out = calloc((size_t)have, sizeof **out);
		if (!*out)
			return -ENOMEM;
	}
}

ssize_t members_of(const ringq_region *region, struct ringq_member **out)
{
	ssize_t have = 0;
	*out = NULL;
	for (;;) {
		ssize_t n = ringq_region_members(region, *out, (size_t)have);
		if (n >= 0 && n <= have)
			return n;
		free(*out);
		*out = NULL;
		if (n < 0)
			return n;
		have = n + 16;
		*out = calloc((size_t)have, sizeof **out);
		if (!*out)
			return -ENOMEM;
	}
}

struct asleep who_sleeps(const struct ringq_member *members, ssize_t n, uint64_t id, int64_t now)
{
	struct asleep a = {.longest = -1};
	for (ssize_t i = 0; i < n; i++) {
		const struct ringq_member *m = &members[i];
		if (m->object != id || m->activity == RINGQ_AWAKE)
			continue;
		int64_t span = now - (int64_t)m->since;
		a.get += m->activity != RINGQ_ASLEEP_PUT;
		a.put += m->activity == RINGQ_ASLEEP_PUT;
		a.longest = span > a.longest ? span : a.longest;
	}
	return a;
}

const char *object_label(const struct ringq_object *object, char label[80])
{
	if (*object->name)
		snprintf(label, 80, "%s", object->name);
	else
		snprintf(label, 80, "id:%" PRIu64, object->id);
	return label;
}

/* Splits NAME/QUEUE; pid:PID/fd:N has a slash of its own. */
static void split(struct target *t, const char *spec)
{
	char *at = t->spec;
	snprintf(t->spec, sizeof t->spec, "%s", spec);
	if (strncmp(at, "pid:", 4) == 0) {
		char *fd = strstr(at, "/fd:");
		if (fd)
			at = fd + 1;
	}
	char *slash = strchr(at, '/');
	if (slash) {
		*slash = 0;
		snprintf(t->object, sizeof t->object, "%s", slash + 1);
	}
	snprintf(t->label, sizeof t->label, "%.299s", t->spec);
}

/* Without O_NONBLOCK, a FIFO of that name would keep us waiting. */
static int open_named(const char *name, int flags)
{
	char path[512];
	if (!*name || strlen(name) > 200)
		return -EINVAL;
	snprintf(path, sizeof path, "/dev/shm/ringq.%s", name);
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The one region of a search, or the complaint that there are none, or several. */
static int open_found(struct target *t, const struct search *s, int flags, int *fd)
{
	char label[300];
	if (s->count == 0) {
		complain("%s: no region there", t->label);
		return s->denied ? STATUS_NOT_PERMITTED : STATUS_NOT_FOUND;
	}
	if (s->count > 1) {
		complain("%s has several regions; which one?", t->label);
		for (size_t i = 0; i < s->count; i++)
			complain("%s", found_label(&s->found[i], label));
		return STATUS_USAGE;
	}
	*fd = found_open(s->found, flags);
	return *fd < 0 ? fail(*fd, t->label) : 0;
}

static int open_process(struct target *t, int flags, int *fd)
{
	char path[64], *end;
	long pid = strtol(t->spec + 4, &end, 10), number;
	if (pid <= 0 || (*end && strncmp(end, "/fd:", 4) != 0))
		return usage("%s: no process", t->spec);
	if (*end) {
		number = strtol(end + 4, &end, 10);
		if (*end)
			return usage("%s: no descriptor", t->spec);
		snprintf(path, sizeof path, "/proc/%ld/fd/%ld", pid, number);
		*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
		return *fd < 0 ? fail(-errno, t->label) : 0;
	}
	struct search s;
	int r = search_process(&s, (pid_t)pid);
	if (r)
		return fail(r, t->label);
	r = open_found(t, &s, flags, fd);
	search_free(&s);
	return r;
}

static int open_inode(struct target *t, int flags, int *fd)
{
	struct search s;
	uint64_t inode;
	if (!parse_number(t->spec + 4, &inode))
		return usage("%s: no inode", t->spec);
	int r = search_all(&s);
	if (r)
		return fail(r, t->label);
	r = STATUS_NOT_FOUND;
	for (size_t i = 0; i < s.count; i++) {
		if (s.found[i].inode != inode)
			continue;
		*fd = found_open(&s.found[i], flags);
		r = *fd < 0 ? fail(*fd, t->label) : 0;
		break;
	}
	if (r == STATUS_NOT_FOUND)
		complain("%s: no region there", t->label);
	search_free(&s);
	return r;
}

/* A name that is the beginning of just one. */
static int open_prefix(struct target *t, int flags, int *fd)
{
	struct search s;
	const struct found *one = NULL;
	size_t len = strlen(t->spec), n = 0;
	int r = search_all(&s);
	if (r)
		return fail(r, t->label);
	for (size_t i = 0; i < s.count; i++) {
		if (!s.found[i].unlinked && !s.found[i].elsewhere && strncmp(s.found[i].name, t->spec, len) == 0) {
			one = &s.found[i];
			n++;
		}
	}
	if (n == 1) {
		*fd = found_open(one, flags);
		r = *fd < 0 ? fail(*fd, t->label) : 0;
		snprintf(t->label, sizeof t->label, "%s", one->name);
	} else {
		complain(n ? "%s: several regions begin so" : "%s: no such region", t->label);
		r = n ? STATUS_USAGE : STATUS_NOT_FOUND;
	}
	search_free(&s);
	return r;
}

/* One that was inherited: opened anew, so that it is for reading only where it is to be. */
static int open_own(struct target *t, int flags, int *fd)
{
	char path[64];
	uint64_t number;
	if (!parse_number(t->spec + 3, &number) || number > INT_MAX)
		return usage("%s: no descriptor", t->spec);
	snprintf(path, sizeof path, "/proc/self/fd/%d", (int)number);
	*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	return *fd < 0 ? fail(-errno, t->label) : 0;
}

static int open_file(struct target *t, int flags, int *fd)
{
	if (strncmp(t->spec, "fd:", 3) == 0)
		return open_own(t, flags, fd);
	if (strncmp(t->spec, "pid:", 4) == 0)
		return open_process(t, flags, fd);
	if (strncmp(t->spec, "ino:", 4) == 0)
		return open_inode(t, flags, fd);
	*fd = open_named(t->spec, flags);
	if (*fd == -ENOENT && *t->spec)
		return open_prefix(t, flags, fd);
	return *fd < 0 ? fail(*fd, t->label) : 0;
}

/* Says of a region that is refused what layout it has. */
static int refuse(const struct target *t, int fd, int error)
{
	unsigned major, minor, own, own_minor;
	if (error == -EPROTO && ringq_region_layout(fd, &major, &minor) == 0 &&
		ringq_region_layout(-1, &own, &own_minor) == 0 && major != own) {
		complain("%s: of layout %u.%u; this library knows %u.%u", t->label, major, minor, own, own_minor);
		return STATUS_DAMAGED;
	}
	return fail(error, t->label);
}

static bool is_linked(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int target_region(struct target *t, const char *spec, enum access access)
{
	int fd = -1;
	*t = (struct target){0};
	split(t, spec);
	if (!*t->spec)
		return usage("no region is named");
	int r = open_file(t, access == LOOK ? O_RDONLY : O_RDWR, &fd);
	if (r)
		return r;
	int error = access == LOOK ? ringq_region_observe(&t->region, fd) : ringq_region_attach(&t->region, fd);
	if (error == -EPROTO && access == USE && !is_linked(fd))
		error = ringq_region_observe(&t->region, fd) == 0 ? -EROFS : -EPROTO; /* named once, and unsealed */
	if (error == -EROFS) {
		ringq_region_detach(t->region);
		t->region = NULL;
	}
	r = error ? refuse(t, fd, error) : 0;
	close(fd);
	return r;
}

int stat_object(ringq_region *region, const struct ringq_object *object, struct ringq_queue_stat *out)
{
	ringq_queue *queue;
	int e = ringq_queue_open_id(&queue, region, object->id);
	if (e == 0) {
		e = ringq_queue_stat(queue, out);
		ringq_queue_release(queue);
	}
	return e == 0 ? 1 : e == -ENOENT || e == -EPIPE ? 0 : e;
}

bool object_is(const struct ringq_object *object, const char *word)
{
	char id[32];
	snprintf(id, sizeof id, "id:%" PRIu64, object->id);
	return strcmp(word, object->name) == 0 || strcmp(word, id) == 0;
}

/* How many objects of a kind are meant, by a name, by the beginning of one or as id:N; or those that there are. *out is the last. */
static ssize_t match_objects(const struct target *t, const struct ringq_object *objects, ssize_t n, bool array,
	bool beginning, struct ringq_object *out)
{
	ssize_t matches = 0;
	for (ssize_t i = 0; i < n; i++) {
		bool named = *t->object != 0;
		if ((objects[i].kind == RINGQ_OBJECT_ARRAY) != array ||
			(!named && objects[i].kind == RINGQ_OBJECT_PIPE && n > 1))
			continue;
		if (named && !object_is(&objects[i], t->object) &&
			!(beginning && strncmp(objects[i].name, t->object, strlen(t->object)) == 0))
			continue;
		*out = objects[i];
		matches++;
	}
	return matches;
}

/* The one that is meant. The beginning of its name is enough to look at it. */
static int find_object(struct target *t, bool array, enum access access, struct ringq_object *out)
{
	struct ringq_object *objects;
	ssize_t n = objects_of(t->region, &objects);
	const char *what = array ? "array" : "queue";
	char label[80];
	if (n < 0)
		return fail((int)n, t->label);
	ssize_t matches = match_objects(t, objects, n, array, false, out);
	if (matches == 0 && access == LOOK && *t->object)
		matches = match_objects(t, objects, n, array, true, out);
	free(objects);
	if (matches == 1) {
		snprintf(t->object, sizeof t->object, "%s", object_label(out, label));
		return 0;
	}
	if (matches == 0) {
		complain(*t->object ? "%s has no %s %s" : "%s has no %s", t->label, what, t->object);
		return STATUS_NOT_FOUND;
	}
	return usage("%s has several %ss: name one, as %s/NAME or %s/id:N (`ringq list %s` shows them)", t->label, what,
		t->label, t->label, t->label);
}

int target_queue(struct target *t, ringq_queue **queue, const char *spec, enum access access)
{
	struct ringq_object object;
	int r = target_region(t, spec, access);
	if (r)
		return r;
	r = find_object(t, false, access, &object);
	if (r == 0) {
		int error = ringq_queue_open_id(queue, t->region, object.id);
		if (error == -EINVAL && object.kind == RINGQ_OBJECT_PIPE) {
			complain("%s/%s is of a pipe: it can only be looked at", t->label, t->object);
			r = STATUS_NOT_PERMITTED;
		} else if (error) {
			r = fail(error, spec);
		}
	}
	if (r)
		target_close(t);
	return r;
}

int target_array(struct target *t, ringq_array **array, const char *spec)
{
	struct ringq_object object;
	int r = target_region(t, spec, USE);
	if (r)
		return r;
	r = find_object(t, true, USE, &object);
	if (r == 0) {
		int error = ringq_array_open_id(array, t->region, object.id);
		r = error ? fail(error, spec) : 0;
	}
	if (r)
		target_close(t);
	return r;
}

int region_make(ringq_region **region, const char *name, uint64_t size)
{
	int e = name ? ringq_region_open(region, name) : -ENOENT;
	if (e == -ENOENT)
		e = ringq_region_create(region, &(struct ringq_region_options){.name = name, .size = size});
	if (e == -EEXIST) /* somebody was faster */
		e = ringq_region_open(region, name);
	return e;
}

void target_close(struct target *t)
{
	ringq_region_detach(t->region);
	t->region = NULL;
}
