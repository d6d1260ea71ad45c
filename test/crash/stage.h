/* SPDX-License-Identifier: MIT */
#ifndef CRASH_STAGE_H
#define CRASH_STAGE_H

/*
 * What one round of the stepping test consists of.
 *
 * A round: a fresh region with one queue; a child that brings it into the state that the call under test is about
 * (setup), begins the call, and stops after a number of its machine instructions. There it is killed, or stays, or stays
 * until the others have done much and then goes on; or many children are killed, one after the other, in one region, so
 * that what one leaves is what the next finds, and what was lost each time would add up. The others are two producers
 * and two consumers, threads of the driver. Then the books are compared: which records were put, by whom, and which
 * came out.
 */

#include "../common.h"
#include "trace.h"

enum {
	STAGE_BURST = 1500,   /* records of each of the others' producers */
	STAGE_HELD = 2500,    /* the same, before a child goes on: puts and gets together are 10 000 */
	STAGE_RECORDS = 3000, /* the most of one party in a round */
	STAGE_MANY = 10,      /* records of a put_many or get_many */
	STAGE_SLOT = 1024,    /* of the buffer, for each of these */
	STAGE_BUFFER = 4 << 20,
};

enum party { CHILD, FIRST, SECOND, OTHER, ANOTHER, PARTIES, LAST = 100 /* its records end a consumer */ };

enum fate { KILLED, STOPPED, RESUMED, PILED, FATES };

/* Shared by the driver, the child and who supervises them. */
struct book {
	_Atomic uint32_t begun[PARTIES], done[PARTIES]; /* puts */
	_Atomic uint32_t gets_begun, gets_done;         /* of the child: what it may have taken and not booked */
	atomic_uchar at_work[PARTIES][STAGE_RECORDS];   /* of the child: what it has seen and not acknowledged */
	atomic_uchar seen[PARTIES][STAGE_RECORDS];
	atomic_uchar set_aside[PARTIES][STAGE_RECORDS]; /* how often a record came into the queue of dead letters */
	struct record_id poison;                        /* the record that has killed its taker, */
	_Atomic pid_t poisoned;                         /* who this was */
	/* Where the driver is, for when it fails. */
	_Atomic uint64_t instruction, pc, rounds;
	/* What an undisturbed call is like. */
	_Atomic uint64_t memory, arrays;
	struct trace_path path;
};

struct stage {
	const struct call *call;
	struct book *book;
	ringq_region *region;
	ringq_queue *queue;
	ringq_queue *dead;  /* the queue's dead letters, if it has any */
	ringq_array *array; /* arrays.h */
	/* The child's. */
	char *buffer;
	size_t len;
	struct iovec records[STAGE_MANY];
	struct ringq_delivery deliveries[STAGE_MANY];
	void *reserved;
	ringq_array *made;
	ringq_queue *doomed; /* the driver's and the child's: another than the queue */
	int fd;
	long result;
	/* The driver's: those who sleep already when the call begins. */
	pthread_t first_producer, first_consumer;
	bool producer_began, consumer_began;
	_Atomic pid_t sleeper;
	/* A pipe beside the queue: the driver's end, the child's, and the socket by which that goes. */
	ringq_pipe *mine, *theirs;
	int sockets[2];
	uint32_t received; /* by the driver */
	uint32_t burst;    /* of each of the others' producers */
	unsigned order;
	bool undisturbed;
	bool dies;         /* the child is killed, sooner or later */
	bool none_missing; /* nobody has anything in hand */
};

/* A call under test, and what follows for the books from its result. */
struct act {
	void (*call)(struct stage *);
	void (*finish)(struct stage *);
};

struct call {
	const char *name;
	void (*setup)(struct stage *); /* the child's, before the call */
	const struct act *act;
	long expect;                     /* the result of an undisturbed call; of gets, 0 stands for a record */
	void (*prepare)(struct stage *); /* the driver's, before it forks the child; */
	void (*ready)(struct stage *);   /* after the setup, before the call */
	void (*held)(struct stage *);    /* the driver's, when the child has come to its instruction, */
	void (*killed)(struct stage *);  /* and when it has been killed there */
	void (*settle)(
		struct stage *); /* the driver's, when the others have put and taken, before it takes what is left */
	void (*during)(struct stage *); /* the driver's, while the child is stopped */
	void (*after)(struct stage *);  /* the driver's, after all */
	struct ringq_queue_options queue;
	bool one_order;    /* the order of the queue makes no difference */
	bool closes;       /* the queue, for everybody */
	bool acknowledges; /* what it sees before it acknowledges it: if it is killed, nothing is missing */
	bool turn;     /* of a single producer, or consumer: nobody else may before it is over, by death for instance */
	bool looks;    /* it takes no part: not a byte of the region becomes another, and no memory is taken */
	size_t region; /* its size, if it is to be a small one */
	int64_t memory; /* what the lane of a dead child may keep until it has another owner */
};

extern const struct call calls[];
extern const size_t calls_count;

/* One round: the call stops after so many of its instructions. UINT64_MAX: undisturbed, and its figures are booked. */
void stage_round(struct book *book, const struct call *call, unsigned order, uint64_t instruction, enum fate fate);

/* Whether rounds with this fate make sense. */
bool stage_allows(const struct call *call, enum fate fate);

/* Puts a record that must fit, and takes one that must be there. */
void stage_put(struct stage *stage, enum party party, size_t len);
void stage_get(struct stage *stage);

/* A record that a call is about to put, in the child's buffer from `at` on. */
void stage_write(struct stage *stage, size_t at, size_t len);

/* Enters a record that came out; next: what this consumer may see next of each party. */
void stage_see(struct stage *stage, const void *record, size_t len, uint32_t next[PARTIES]);

/* The same of one that is checked later: that takes many instructions. */
void stage_enter(struct stage *stage, struct record_id id, uint32_t next[PARTIES]);

/* Begin one of the two producers or consumers ahead of the call, and wait until it sleeps. */
void stage_sleeping_producer(struct stage *stage);
void stage_sleeping_consumer(struct stage *stage);

#endif
