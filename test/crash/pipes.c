/* SPDX-License-Identifier: MIT */
#include "pipes.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "region/units.h"
#include "sweep.h"

enum { LEN = 100, SENT = 3 };

/* ---- the driver's part ---- */

/* A pile prepares again and again: the last child is dead, and nobody took what was in the socket. */
static void drop_last(struct stage *s)
{
	if (!s->mine)
		return;
	close(s->sockets[0]);
	close(s->sockets[1]);
	ringq_pipe_close(s->mine);
	s->mine = NULL;
}

void pipe_for_child(struct stage *s)
{
	drop_last(s);
	s->received = 0;
	check_eq(ringq_pipe_create(&s->mine, &s->theirs, s->region, 0), 0);
	check_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->sockets), 0);
	check_eq(ringq_pipe_give(s->theirs, s->sockets[0]), 0);
	ringq_pipe_close(s->theirs);
}

static void send_record(ringq_pipe *end, uint32_t number)
{
	char record[LEN];

	record_fill(record, LEN, (struct record_id){0, number});
	check_eq(ringq_send(end, record, LEN, RINGQ_NOWAIT), 0);
}

void pipe_for_child_sent(struct stage *s)
{
	pipe_for_child(s);
	for (uint32_t i = 0; i < SENT; i++)
		send_record(s->mine, i);
}

/* What came is whole and in order. The result of the receive that found none. */
static ssize_t receive_all(struct stage *s, int64_t timeout)
{
	char record[LEN];
	ssize_t len;

	while ((len = ringq_receive(s->mine, record, LEN, timeout)) >= 0) {
		check_eq(len, LEN);
		check_eq(record_check(record, LEN).number, s->received);
		s->received++;
	}
	return len;
}

/* Stopped is not dead, whatever it was doing. */
void check_pipe_open(struct stage *s)
{
	check_eq(receive_all(s, RINGQ_NOWAIT), -EAGAIN);
	send_record(s->mine, SENT);
}

void check_pipes_gone(struct stage *s)
{
	uint64_t frontier;

	rq_sweep(s->region);
	frontier = rq_units_frontier(s->region);
	for (uint64_t u = 0; u < frontier; u++) {
		uint64_t owner = rq_load(rq_owner_at(s->region, u)), of = 0;

		if (rq_owner_kind(owner) == RQ_OWNER_LANE || rq_owner_kind(owner) == RQ_OWNER_BODY)
			of = rq_load(rq_owner_at(s->region, rq_owner_first(owner)));
		else if (owner)
			of = owner;
		check_eq(rq_owner_kind(of), owner ? RQ_OWNER_OBJECT : 0);
	}
}

void check_pipe_ended(struct stage *s)
{
	int64_t deadline = now_ns() + TEST_SOON;

	/* What is still in the socket is held until that is closed. */
	close(s->sockets[1]);
	s->sockets[1] = -1;
	check_eq(receive_all(s, TEST_SOON), -EPIPE);
	check_compare(s->received, >=, s->call->setup == set_pipe);
	check_compare(s->received, <=, (s->call->setup == set_pipe) + (s->call->act == &act_pipe_send));
	while (ringq_send(s->mine, "", 0, TEST_SOON) == 0)
		check_compare(now_ns(), <, deadline);
	check_eq(ringq_send(s->mine, "", 0, TEST_SOON), -EPIPE);
	drop_last(s);
	check_pipes_gone(s);
}

/* ---- the child's part ---- */

static void leave_mine(struct stage *s)
{
	ringq_pipe_close(s->mine);
	close(s->sockets[0]);
}

void set_pipe_untaken(struct stage *s)
{
	leave_mine(s);
}

void set_pipe(struct stage *s)
{
	leave_mine(s);
	check_eq(ringq_pipe_take(&s->theirs, s->sockets[1]), 0);
	check_compare(ringq_receive(s->theirs, s->buffer, LEN, RINGQ_NOWAIT), >=, -EAGAIN);
	record_fill(s->buffer, LEN, (struct record_id){0, 0});
	check_eq(ringq_send(s->theirs, s->buffer, LEN, RINGQ_NOWAIT), 0);
	record_fill(s->buffer, LEN, (struct record_id){0, 1});
}

void set_pipe_both(struct stage *s)
{
	check_eq(ringq_pipe_create(&s->mine, &s->theirs, s->region, 0), 0);
	memset(s->buffer, 1, 30000);
	check_eq(ringq_send(s->mine, s->buffer, 30000, RINGQ_NOWAIT), 0);
	check_eq(ringq_send(s->theirs, s->buffer, LEN, RINGQ_NOWAIT), 0);
	check_eq(ringq_receive(s->mine, s->buffer, LEN, RINGQ_NOWAIT), LEN);
}

static void create(struct stage *s)
{
	s->result = ringq_pipe_create(&s->mine, &s->theirs, s->region, 0);
}

static void finish_well(struct stage *s)
{
	check_eq(s->result, 0);
}

const struct act act_pipe_create = {create, finish_well};

static void send_it(struct stage *s)
{
	s->result = ringq_send(s->theirs, s->buffer, LEN, RINGQ_NOWAIT);
}

const struct act act_pipe_send = {send_it, finish_well};

static void receive(struct stage *s)
{
	s->result = ringq_receive(s->theirs, s->buffer, LEN, RINGQ_NOWAIT);
}

/* It has taken the first before. */
static void finish_receive(struct stage *s)
{
	check_eq(s->result, LEN);
	check_eq(record_check(s->buffer, LEN).number, 1);
	s->result = 0;
}

const struct act act_pipe_receive = {receive, finish_receive};

static void close_end(struct stage *s)
{
	ringq_pipe_close(s->theirs);
}

const struct act act_pipe_close = {close_end, NULL};

static void close_both(struct stage *s)
{
	ringq_pipe_close(s->mine);
	ringq_pipe_close(s->theirs);
}

const struct act act_pipe_close_both = {close_both, NULL};

static void take(struct stage *s)
{
	s->result = ringq_pipe_take(&s->theirs, s->sockets[1]);
}

const struct act act_pipe_take = {take, finish_well};
