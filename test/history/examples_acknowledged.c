/* SPDX-License-Identifier: MIT */
#include "example.h"

#define GOOD .good = true, .acknowledged = true
#define WRONG .acknowledged = true

static const struct example examples[] = {
	{GOOD, .name = "taken and acknowledged",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n1 7 8 take EAGAIN\n1 9 10 join 0", .drained = true},
	{GOOD, .name = "given back, and taken again",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n2 7 8 take a0/2\n2 9 10 ack a0", .drained = true},
	{GOOD, .name = "back before what is younger",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take a0/2\n2 11 12 take "
			"a1"},
	{GOOD, .name = "younger while the older one is in hand",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n2 7 8 take a1\n1 9 10 requeue a0\n2 11 12 take "
			"a0/2"},
	{GOOD, .name = "younger beside a requeue",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 10 requeue a0\n2 8 9 take a1\n2 11 12 take "
			"a0/2"},
	{GOOD, .name = "nothing waits, all is in hand",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 take EAGAIN\n2 7 8 empty 1\n2 9 10 size 0\n2 11 12 join "
			"EAGAIN",
		.sizes = true},
	{GOOD, .name = "a get in the middle of which it is in hand",
		.text = "0 1 2 put a0\n1 3 10 get a0\n2 4 5 take EAGAIN\n2 6 7 join EAGAIN"},
	{GOOD, .name = "killed with one in hand",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 death of 1\n2 7 8 take a0/2\n2 9 10 ack a0", .drained = true},
	{GOOD, .name = "killed in a take, and it was taken",
		.text = "0 1 2 put a0\n1 3 - take\n2 5 6 death of 1\n2 7 8 take a0/2\n2 9 10 ack a0", .drained = true},
	{GOOD, .name = "killed in a take, and it was not",
		.text = "0 1 2 put a0\n1 3 - take\n2 5 6 death of 1\n2 7 8 take a0\n2 9 10 ack a0", .drained = true},
	{GOOD, .name = "killed in an ack, and it was gone",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 - ack a0\n2 6 7 death of 1\n2 8 9 take EAGAIN",
		.drained = true},
	{GOOD, .name = "killed in an ack, and it was there",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 - ack a0\n2 6 7 death of 1\n2 8 9 take a0/2\n2 10 11 ack a0",
		.drained = true},
	{GOOD, .name = "killed in a requeue, and taken before it was dead",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 - requeue a0\n2 6 7 take a0/2\n3 8 9 death of 1"},
	{GOOD, .name = "places are taken until the ack",
		.text = "0 1 2 put a0\n1 3 4 take a0\n0 5 6 put a1 EAGAIN\n1 7 8 ack a0\n0 9 10 put a1",
		.max_records = 1},
	{GOOD, .name = "closed, and one comes back",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 close 0\n2 7 8 take EAGAIN\n1 9 10 requeue a0\n2 11 12 "
			"take a0/2\n2 13 14 ack a0\n2 15 16 take EPIPE"},
	{GOOD, .name = "set aside", .text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take a1\n3 11 12 letter a0",
		.max_attempts = 1},
	{GOOD, .name = "in order of each producer",
		.text = "0 1 2 put a0\n1 3 4 put b0\n2 5 6 take b0\n2 7 8 requeue b0\n2 9 10 take a0",
		.order = RINGQ_ORDER_PRODUCER},
	{GOOD, .name = "of two that are back, and were put at once, the one that came later is first",
		.text = "0 1 8 put a0\n1 2 3 put b0\n2 4 5 take b0\n2 6 7 take EAGAIN\n2 9 10 take a0\n2 11 12 "
			"requeue a0\n2 13 14 requeue b0\n2 15 16 peek a0\n2 17 18 take a0/2\n2 19 20 take b0/2"},
	{WRONG, .name = "of two producers', the one that was put later is first when both are back",
		.text = "1 1 2 put b0\n0 3 4 put a0\n2 5 6 take b0\n2 7 8 take a0\n2 9 10 requeue a0\n2 11 12 "
			"requeue b0\n2 13 14 take a0/2"},
	{WRONG, .name = "of two that are back, and were put at once, one comes behind what nobody has taken",
		.text = "0 1 8 put a0\n1 2 3 put b0\n2 4 5 take b0\n2 6 7 take EAGAIN\n2 9 10 take a0\n1 11 12 put "
			"b1\n2 13 14 requeue a0\n2 15 16 requeue b0\n2 17 18 take a0/2\n2 19 20 take b1"},
	{WRONG, .name = "delivered twice", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 take a0"},
	{WRONG, .name = "delivered twice, and both say which", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 take a0/2"},
	{WRONG, .name = "delivered again before its holder gave it back",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 take a0/2\n1 7 8 requeue a0"},
	{WRONG, .name = "delivered again before its holder was killed",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 take a0/2\n3 7 8 death of 1"},
	{WRONG, .name = "delivered after its ack", .text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n2 7 8 take a0/2"},
	{WRONG, .name = "delivered after its ack, as its holder was killed",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n2 7 8 death of 1\n2 9 10 take a0/2"},
	{WRONG, .name = "acknowledged twice", .text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n1 7 8 ack a0"},
	{WRONG, .name = "acknowledged by who has it no more",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n1 7 8 ack a0"},
	{WRONG, .name = "invented", .text = "0 1 2 put a0\n1 3 4 take a1"},
	{WRONG, .name = "lost", .text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n2 7 8 take EAGAIN",
		.drained = true},
	{WRONG, .name = "lost with its holder",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 death of 1\n2 7 8 take EAGAIN", .drained = true},
	{WRONG, .name = "lost in a take that was killed",
		.text = "0 1 2 put a0\n1 3 - take\n2 5 6 death of 1\n2 7 8 take EAGAIN", .drained = true},
	{WRONG, .name = "younger before what is back",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take a1\n2 11 12 take "
			"a0/2"},
	{WRONG, .name = "younger before what came back by a death",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n2 7 8 death of 1\n2 9 10 take a1\n2 11 12 take "
			"a0/2"},
	{WRONG, .name = "younger before what came back before it was put",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 12 take b0\n1 6 7 requeue a0\n3 8 9 put b0\n2 13 14 take "
			"a0/2"},
	{WRONG, .name = "of two that are back the younger first",
		.text = "0 1 2 put a0 a1\n1 3 4 take a0 a1\n2 5 12 take a1/2\n1 6 7 requeue a0\n1 8 9 requeue a1\n2 13 "
			"14 take a0/2"},
	{WRONG, .name = "nothing waits beside what is back",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n2 7 8 take EAGAIN\n2 9 10 take a0/2"},
	{WRONG, .name = "empty beside what is back",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n2 7 8 empty 1\n2 9 10 take a0/2"},
	{WRONG, .name = "empty while now this, now that waits",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 20 empty 1\n3 2 4 put b0\n1 6 7 requeue a0\n3 8 9 take "
			"a0/2\n3 10 11 requeue a0\n3 21 22 take a0/3"},
	{WRONG, .name = "a peek behind what is back",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 peek a1"},
	{WRONG, .name = "a peek at what is in hand", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 peek a0"},
	{WRONG, .name = "a size that counts what is in hand", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 size 1",
		.sizes = true},
	{WRONG, .name = "joined with one in hand", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 join 0\n1 7 8 ack a0"},
	{WRONG, .name = "joined while now this, now that is in",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 12 join 0\n3 6 7 put b0\n1 8 9 ack a0\n3 13 14 take b0\n3 15 "
			"16 ack b0"},
	{WRONG, .name = "not joined with nothing",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n2 7 8 join EAGAIN"},
	{WRONG, .name = "a place that is still taken",
		.text = "0 1 2 put a0\n1 3 4 take a0\n0 5 6 put a1\n1 7 8 ack a0", .max_records = 1},
	{WRONG, .name = "the end while one may come back",
		.text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 close 0\n2 7 8 take EPIPE\n1 9 10 requeue a0"},
	{WRONG, .name = "no end", .text = "0 1 2 put a0\n1 3 4 take a0\n2 5 6 close 0\n1 7 8 ack a0\n2 9 10 take EAGAIN"},
	{WRONG, .name = "a wrong attempt", .text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n2 7 8 take a0/3"},
	{WRONG, .name = "a third delivery of two",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 requeue a0\n1 7 8 take a0/2\n1 9 10 requeue a0\n2 11 12 "
			"take a0/3",
		.max_attempts = 2},
	{WRONG, .name = "set aside too early",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take a1\n3 11 12 letter "
			"a0",
		.max_attempts = 2},
	{WRONG, .name = "acknowledged, and a letter",
		.text = "0 1 2 put a0\n1 3 4 take a0\n1 5 6 ack a0\n3 11 12 letter a0", .max_attempts = 1},
	{WRONG, .name = "set aside, and no letter",
		.text = "0 1 2 put a0\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take EAGAIN", .max_attempts = 1,
		.drained = true},
	{WRONG, .name = "in order of each producer: younger before what is back",
		.text = "0 1 2 put a0\n0 3 4 put a1\n1 5 6 take a0\n1 7 8 requeue a0\n2 9 10 take a1",
		.order = RINGQ_ORDER_PRODUCER},
};

const struct examples examples_acknowledged = {examples, COUNT(examples)};
