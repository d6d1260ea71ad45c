/* SPDX-License-Identifier: MIT */
/*
 * Boost.Interprocess message_queue: variable-length messages up to a size that it is made with, under a mutex and two
 * conditions in shared memory. Made by name, and the name removed at once: ends inherit the mapping.
 */
#include <boost/date_time/posix_time/posix_time.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstdio>
#include <unistd.h>

#include "peers/carry.hpp"

namespace peer_boost_mq
{

using boost::interprocess::message_queue;

message_queue &queue(end *end)
{
	return *static_cast<message_queue *>(end->state);
}

int put(end *end, const void *record, size_t len)
{
	queue(end).send(record, len, 0);
	return 1;
}

int get(end *end, void *record, size_t len)
{
	message_queue::size_type got;
	unsigned priority;

	queue(end).receive(record, len, got, priority);
	if (got != len)
		bench_die(0, "a record of a wrong length");
	return 1;
}

int try_put(end *end, const void *record, size_t len)
{
	return queue(end).try_send(record, len, 0);
}

int try_get(end *end, void *record, size_t len)
{
	message_queue::size_type got;
	unsigned priority;

	if (!queue(end).try_receive(record, len, got, priority))
		return 0;
	if (got != len)
		bench_die(0, "a record of a wrong length");
	return 1;
}

void open(channel *c)
{
	static unsigned serial;
	char name[64];

	snprintf(name, sizeof(name), "ringq-peers-%d-%u", (int)getpid(), serial++);
	message_queue::remove(name);
	c->state = new message_queue(boost::interprocess::create_only, name, c->options.depth, c->options.len);
	message_queue::remove(name);
	c->ops.try_put = try_put;
	c->ops.try_get = try_get;
	c->ops.put = put;
	c->ops.get = get;
}

carry::Registered registered("Boost message_queue", "`send`, `receive`, one priority",
	PEER_PROCESSES | PEER_FIFO | PEER_TRIES | PEER_SLEEPS | PEER_BACKLOG, carry::ANY, open);

} // namespace peer_boost_mq
