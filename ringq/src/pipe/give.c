/* SPDX-License-Identifier: MIT */

/*
 * Giving an end of a pipe to another process, over a socket.
 *
 * The message has the region's descriptor, and for each side of the end the descriptor that holds it: on its way the
 * socket holds. What the message says of them is not believed: the taker has each descriptor hold what it is said to
 * hold, which changes nothing if it does, and only then looks whether the object there is one of a pipe.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/call.h"
#include "base/parcel.h"
#include "pipe/liveness.h"
#include "pipe/pipe.h"

#define GIFT_MAGIC UINT64_C(0x5249504544474951)
#define FDS_MOST 3 /* of a gift: the region's, and one for each side */

/* first is UINT64_MAX where the end has no such side: [0] to read, [1] to write. */
struct gift {
	uint64_t magic;
	uint64_t first[2];
	uint64_t owner[2];
};

int ringq_pipe_give(const ringq_pipe *end, int socket)
{
	if (!end)
		return -EINVAL;
	struct gift gift = {.magic = GIFT_MAGIC, .first = {UINT64_MAX, UINT64_MAX}};
	const struct ringq_queue *queues[2] = {end->in, end->out};
	const struct rq_file *file = &ringq_pipe_region(end)->file;
	struct rq_parcel parcel = {.body = &gift, .len = sizeof gift, .count = 1, .fds = {rq_file_number(file)}};
	if (parcel.fds[0] < 0)
		return parcel.fds[0];
	for (int i = 0; i < 2; i++) {
		const struct ringq_queue *q = queues[i];
		if (!q)
			continue;
		gift.first[i] = q->set.first;
		gift.owner[i] = rq_load(rq_owner_at(q->region, q->set.first));
		if (!rq_file_is_behind(file, q->hold))
			return -ESTALE;
		parcel.fds[parcel.count++] = q->hold;
	}
	ssize_t r = rq_parcel_send(&parcel, socket);
	return r < 0 ? (int)r : r == (ssize_t)sizeof gift ? 0 : -EMSGSIZE;
}

/* ---- taking ---- */

/* Whether the message is one of ringq_pipe_give(), with as many descriptors as it says. */
static bool is_gift(const struct rq_parcel *parcel, ssize_t n, const struct gift *gift)
{
	unsigned want = 1;
	if (n != (ssize_t)sizeof *gift || gift->magic != GIFT_MAGIC)
		return false;
	for (int i = 0; i < 2; i++)
		want += gift->first[i] != UINT64_MAX;
	return want > 1 && parcel->count == want;
}

/* Has the descriptor, if it is one of the region's file, hold its side of a pipe's queue. 0 or -EBADMSG. */
static int check_side(const struct ringq_region *region, uint64_t owner, int side, struct rq_pipe_side *s)
{
	if (!rq_file_is_behind(&region->file, s->hold) || (fcntl(s->hold, F_GETFL) & (O_ACCMODE | O_PATH)) != O_RDWR ||
		s->first >= rq_units_frontier(region) ||
		rq_hold_keep(region, s->hold, s->first, side ? RQ_SIDE_WRITER : RQ_SIDE_READER))
		return -EBADMSG;
	uint64_t word = rq_load_acquire(rq_owner_at(region, s->first)); /* as N4 */
	s->units = rq_owner_object_units(word);
	return word == owner && rq_owner_is_pipe(word) ? 0 : -EBADMSG;
}

static int open_gift(ringq_pipe **out, const struct gift *gift, int *fds)
{
	struct ringq_region *region;
	struct rq_pipe_side sides[2] = {{.hold = -1}, {.hold = -1}};
	int r = ringq_region_attach(&region, fds[0]);
	if (r)
		return r;
	int *next = fds + 1;
	for (int i = 0; i < 2 && r == 0; i++) {
		if (gift->first[i] == UINT64_MAX)
			continue;
		sides[i] = (struct rq_pipe_side){.first = gift->first[i], .hold = *next};
		*next++ = -1;
		r = check_side(region, gift->owner[i], i, &sides[i]);
	}
	if (r == 0)
		r = rq_pipe_open(out, region, sides);
	for (int i = 0; i < 2; i++)
		if (sides[i].hold >= 0)
			rq_close(sides[i].hold);
	ringq_region_detach(region);
	return r;
}

int ringq_pipe_take(ringq_pipe **out, int socket)
{
	struct gift gift;
	struct rq_parcel parcel = {.body = &gift, .len = sizeof gift, .count = FDS_MOST, .spare = 1};
	if (!out)
		return -EINVAL;
	ssize_t n = rq_parcel_receive(&parcel, socket);
	if (n < 0)
		return (int)n;
	int r = is_gift(&parcel, n, &gift) ? open_gift(out, &gift, parcel.fds) : -EPROTO;
	rq_parcel_close(&parcel);
	return r;
}
