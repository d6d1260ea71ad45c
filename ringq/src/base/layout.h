/* SPDX-License-Identifier: MIT */
#ifndef RQ_LAYOUT_H
#define RQ_LAYOUT_H

/*
 * What lies in the shared region. Nothing else does. Fixed-width integers and offsets only, native byte order; every
 * word that is read from here is copied once and checked before it is used (region.h has the one way to do that).
 *
 *   offset
 *   0            struct rq_header                     one page
 *   names        rq_u64 name word                     one for each 64 KiB, 64 to 16384 of them; backed as looked at
 *   owners       rq_u64 owner word of each unit       8 bytes a unit, backed up to header.frontier
 *   members      struct rq_member                     one page for 3 members, backed up to header.members_backed
 *   cells        rq_u64 owner word of each cell       64 bytes of a unit each, 64 words a unit; backed where needed
 *   units        the units themselves, a page each    backed while they are owned
 *
 * Where these start follows from size, page and the number of members alone, so attach computes it and believes nothing.
 */

#include "base/atomic.h"

#define RQ_MAGIC UINT64_C(0x0a0d51474e495289) /* not text, and broken by a text transfer */
#define RQ_MAJOR 6
#define RQ_MINOR 0
#define RQ_BYTE_ORDER UINT32_C(0x01020304)
#define RQ_CACHE_LINE 64
#define RQ_FALSE_SHARING 128 /* two of them: x86 fetches them in pairs */

/* Where a field of the format is. */
#define RQ_AT(type, field, at) _Static_assert(offsetof(struct type, field) == (at), "layout")

struct rq_header {
	uint64_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t byte_order;
	uint32_t word_size; /* of the creator's pointers, in bits */
	uint32_t header_size;
	uint64_t compatible;   /* features that an older library may ignore: none yet */
	uint64_t incompatible; /* features that it may not: none yet */
	uint64_t size;
	uint32_t page;
	uint32_t members;
	uint32_t ready;   /* 1, written last by the creator, before anybody else can see the region */
	uint32_t clock;   /* enum rq_clock_kind */
	uint32_t barrier; /* enum rq_barrier */
	uint8_t reserved[52];

	_Alignas(RQ_FALSE_SHARING)
		rq_u64 frontier; /* units whose owner words are backed; grows, written by whoever backs more */
	rq_u64 creations;        /* a number for each object, in its owner words */
	rq_u32 members_backed;   /* members whose pages are backed */
	rq_u32 joins;            /* members that have joined; sleepers wait on it, to know whom to watch */
	rq_u64 naming;           /* id of the object that is being given its name, or 0: objects.h */

	_Alignas(RQ_FALSE_SHARING) rq_u64 ticket; /* RQ_CLOCK_TICKET */
};

RQ_AT(rq_header, magic, 0);
RQ_AT(rq_header, major, 8);
RQ_AT(rq_header, minor, 10);
RQ_AT(rq_header, byte_order, 12);
RQ_AT(rq_header, word_size, 16);
RQ_AT(rq_header, header_size, 20);
RQ_AT(rq_header, compatible, 24);
RQ_AT(rq_header, incompatible, 32);
RQ_AT(rq_header, size, 40);
RQ_AT(rq_header, page, 48);
RQ_AT(rq_header, members, 52);
RQ_AT(rq_header, ready, 56);
RQ_AT(rq_header, clock, 60);
RQ_AT(rq_header, barrier, 64);
RQ_AT(rq_header, frontier, 128);
RQ_AT(rq_header, creations, 136);
RQ_AT(rq_header, members_backed, 144);
RQ_AT(rq_header, joins, 148);
RQ_AT(rq_header, naming, 152);
RQ_AT(rq_header, ticket, 256);
_Static_assert(sizeof(struct rq_header) == 384, "layout");

/* How the one side of an announcement that two sides must not both miss is ordered: region.h. */
enum rq_barrier {
	RQ_BARRIER_SYSTEM = 1, /* the rare side calls membarrier, the frequent one does nothing */
	RQ_BARRIER_FENCES = 2, /* both have a full fence */
};

enum rq_clock_kind {
	RQ_CLOCK_TSC = 1,    /* the invariant time stamp counter of x86, where the kernel trusts it */
	RQ_CLOCK_TICKET = 2, /* header.ticket */
};

/*
 * A member: a thread that takes part. The lease is the truth about it: the low half is the futex word that the kernel
 * itself marks when the thread ends, however it ends; the high half counts the members that had this entry. One CAS on
 * the whole takes it. lease.c explains why leases end a page and how the kernel is told.
 *
 *   0      member 0   struct rq_member, 1024 bytes
 *   1024   member 1
 *   2048   member 2
 *   3072   unused
 *   page - 24, - 16, - 8   the leases of members 0, 1, 2
 */
struct rq_member {
	rq_u64 hazard; /* hazard: the chunk that it may be reading, see lane.h; written by the member */
	uint8_t pad[RQ_FALSE_SHARING - 8];
	rq_u32 process; /* for people; written by the member when it joins */
	rq_u32 thread;
	rq_u64 name[2];
	rq_u32 families; /* how many families have had this number, see family.h; written by who holds its lock */
	/* For people, too: what it sleeps in (enum ringq_activity), on which object, since when. Written right before. */
	rq_u32 activity;
	rq_u64 object;
	rq_u64 since;   /* ns, monotonic */
	rq_u64 book;    /* 0, or unit + 1 of the first page of its book; stays with the number: hand.h */
	rq_u64 tickets; /* claims that members of this number have made, or may have; written by the member */
	rq_u64 won;     /* a ticket whose claim is won; of dead and of slow members, written by who comes next */
	rq_u32 open;    /* entries of the book that may say something; written by the member */
	rq_u32 uses;    /* queues whose `users` may have this number's bit, at least; written by the member */
	rq_u64 visit;   /* the word of an object whose memory must stay for a moment, or 0; written by the member */
	rq_u64 joined;  /* what header.creations was after it had joined */
	uint8_t reserved[1024 - RQ_FALSE_SHARING - 96];
};

RQ_AT(rq_member, hazard, 0);
RQ_AT(rq_member, process, 128);
RQ_AT(rq_member, thread, 132);
RQ_AT(rq_member, name, 136);
RQ_AT(rq_member, families, 152);
RQ_AT(rq_member, activity, 156);
RQ_AT(rq_member, object, 160);
RQ_AT(rq_member, since, 168);
RQ_AT(rq_member, book, 176);
RQ_AT(rq_member, tickets, 184);
RQ_AT(rq_member, won, 192);
RQ_AT(rq_member, open, 200);
RQ_AT(rq_member, uses, 204);
RQ_AT(rq_member, visit, 208);
RQ_AT(rq_member, joined, 216);
_Static_assert(sizeof(struct rq_member) == 1024, "layout");

#define RQ_MEMBERS_A_PAGE 3u
#define RQ_LEASES_BYTES 24u /* at the end of a member page */

#define RQ_ENTRY 64u

/*
 * A member's book: what it has in hand of acknowledged queues, an entry for each delivery; hand.h has the protocol. A
 * page of a book is a unit, and has the unit + 1 of the next page, or 0, in its first entry's place.
 *
 *   state    ticket:48 | member + 1:13 | kind:3     kind: enum rq_entry_kind; the member only where it says to whom it moves
 *   key      the chunk's owner word, as a unit of the record's chunk has it: queue, lane and chunk
 *   from     attempt:24 | offset of another entry in the region, in entries:40, while it moves here
 */
struct rq_entry {
	rq_u64 state;
	rq_u64 key;
	rq_u64 pos;    /* of the record, as a head */
	rq_u64 record; /* its offset in the region */
	rq_u64 port;   /* whose it is: the id of a port, which names the member */
	rq_u64 taken;  /* when, in ns of the monotonic clock, to a few ms */
	rq_u64 from;
	rq_u64 killer; /* process:32 | thread:32 of who has it in hand, for when that ends; 0: it was given back */
};

RQ_AT(rq_entry, state, 0);
RQ_AT(rq_entry, key, 8);
RQ_AT(rq_entry, pos, 16);
RQ_AT(rq_entry, record, 24);
RQ_AT(rq_entry, port, 32);
RQ_AT(rq_entry, taken, 40);
RQ_AT(rq_entry, from, 48);
RQ_AT(rq_entry, killer, 56);
_Static_assert(sizeof(struct rq_entry) == RQ_ENTRY, "layout");

/*
 * Owner words: the truth about each unit, in one word. The kind is in the low 3 bits.
 *
 *   free     0
 *   member   incarnation:32 | member:24 | 0:5 | kind        being built or given back by this member; free if it is dead
 *                                         1:5               its first unit of a pipe's or a deleted queue's object, of
 *                                                           which all else goes first: expire.h
 *                                         2:5               a page of the book of this member's number: book.h
 *   object   created:36 | unplaced:1 | units:24 | kind      first unit of an object, and how many it has (objects.h)
 *   body     created:36 | 0:1 | first:24 | kind             another unit of the object whose first unit this is
 *   lane     chunk:25 | lane:12 | first:24 | kind           memory of a lane's chunk (lane.h), of the queue at first
 *   cells    created:36 | 0:25 | kind                       cut into cells, each with an owner word of its own
 *   family   incarnation:32 | number:24 | 0:5 | kind        an anonymous array of this family of processes (family.h)
 *   pipe     created:36 | 0:1 | units:24 | kind             as object, of a pipe; free if nobody holds it (liveness.h)
 *   deleted  created:36 | 1:1 | units:24 | kind of pipe     what was an object; free if no member uses it (expire.h)
 *
 * A cell's owner word says family, or RQ_CELL_FREE, or 0: no cell here (cells.h).
 */
#define RQ_CELL 64u
#define RQ_CELL_FREE UINT64_C(1)

enum rq_owner_kind {
	RQ_OWNER_FREE = 0,
	RQ_OWNER_MEMBER = 1,
	RQ_OWNER_OBJECT = 2,
	RQ_OWNER_BODY = 3,
	RQ_OWNER_LANE = 4,
	RQ_OWNER_CELLS = 5,
	RQ_OWNER_FAMILY = 6,
	RQ_OWNER_PIPE = 7,
};

/*
 * Name words: an open-addressed hash table of the named objects, see objects.h.
 *
 *   0, or    hash:4 | created:36 | first unit:24    of the object that has the name, or had it
 */

#define RQ_UNITS_MAX (UINT64_C(1) << 24)
#define RQ_LANES_MAX 4096u
#define RQ_MEMBERS_MAX 4096u
#define RQ_ROSTER_LANES 16u
#define RQ_NAME_MAX 64u
#define RQ_NAMES_MOST 16384u

/* How every object begins: what objects.c looks at. Other fields are the kind's own. */
struct rq_object_shared {
	uint32_t kind; /* RQ_OBJECT_QUEUE, RQ_OBJECT_ARRAY */
	uint8_t own[52];
	char name[RQ_NAME_MAX];
	uint64_t creator; /* the id of the member that made it */
};

RQ_AT(rq_object_shared, kind, 0);
RQ_AT(rq_object_shared, own, 4);
RQ_AT(rq_object_shared, name, 56);
RQ_AT(rq_object_shared, creator, 120);
_Static_assert(sizeof(struct rq_object_shared) == 128, "layout");

/* What `closed` of a queue says. */
enum rq_closed {
	RQ_OPEN = 0,
	RQ_CLOSED = 1,
	RQ_CLOSED_DELETED = 2, /* and what came back is not delivered any more */
};

#define RQ_OBJECT_QUEUE 0x51455545u
#define RQ_OBJECT_ARRAY 0x41525259u

/*
 * A queue, or a direction of a pipe: an object whose first unit starts with this. Behind it, from the next unit on, its
 * lanes, then its permits. The constants are written before the object's owner word makes them visible.
 */
struct rq_queue_shared {
	uint32_t kind; /* RQ_OBJECT_QUEUE */
	uint32_t order;
	uint32_t flags;
	uint32_t lanes_max;
	uint64_t max_records;
	uint64_t max_bytes;
	uint32_t table;   /* entries in each lane's table, a power of two */
	uint32_t stride;  /* from lane to lane */
	uint64_t lanes;   /* offset in the region */
	uint64_t permits; /* offset in the region; 0 = no max_records */
	char name[RQ_NAME_MAX];
	uint64_t creator; /* the id of the member that made it */

	/* Read by every put and written when somebody sleeps, closes, or comes: stays shared in all caches. */
	_Alignas(RQ_FALSE_SHARING) rq_u32 not_empty; /* event: consumers sleep here (event.h) */
	rq_u32 closed;                               /* enum rq_closed */
	rq_u32 lanes_used;                           /* lanes below this have been owned; only grows */
	rq_u32 lanes_backed;
	rq_u64 witness[2]; /* of a pipe: members that hold the reader's side, the writer's, or 0: liveness.h */
	rq_u64 bias;       /* id of a producer that puts alone, or 0: stamp.h */
	rq_u64 peeked;     /* version:52 | lane:12, whose record a peek has seen, if lane.peeked says so: merge.h */
	uint64_t created;  /* ns since 1970, by the clock of who made it; a constant */
	rq_u64 returned; /* of an acknowledged queue: version:63 | SOME:1, whether something may have come back: hand.h */
	rq_u32 drained; /* event: who waits until nothing waits and nothing is in hand sleeps here */
	rq_u64 deleted; /* what header.creations was after it had been deleted; 0: it was not, or by one who died then */

	_Alignas(RQ_FALSE_SHARING) rq_u32 not_full; /* event: producers sleep here for one of max_records */
	rq_u32 pad;
	rq_u64 permit_hint;
	rq_u64 guard_put; /* the id of the port whose turn it is, with RINGQ_SINGLE_PRODUCER, in builds with checks */
	rq_u64 guard_get;
	/* Figures, counted by who sleeps or wakes anyway. */
	rq_u64 sleeps_get; /* sleeps of consumers */
	rq_u64 sleeps_put; /* sleeps of producers, for a permit or for a lane's room */
	rq_u64 wakes;      /* sleepers that puts and gets have woken */
	uint64_t hands; /* offset in the region of struct rq_hands; 0: nothing is acknowledged. As the constants above */

	_Alignas(RQ_FALSE_SHARING) rq_u64 roster[RQ_LANES_MAX / RQ_ROSTER_LANES]; /* lanes that total order looks at: roster.h */
	rq_u64 users[RQ_MEMBERS_MAX / 64]; /* a bit for each number whose member uses the queue, or died so: expire.h */
};

RQ_AT(rq_queue_shared, kind, 0);
RQ_AT(rq_queue_shared, order, 4);
RQ_AT(rq_queue_shared, flags, 8);
RQ_AT(rq_queue_shared, lanes_max, 12);
RQ_AT(rq_queue_shared, max_records, 16);
RQ_AT(rq_queue_shared, max_bytes, 24);
RQ_AT(rq_queue_shared, table, 32);
RQ_AT(rq_queue_shared, stride, 36);
RQ_AT(rq_queue_shared, lanes, 40);
RQ_AT(rq_queue_shared, permits, 48);
RQ_AT(rq_queue_shared, name, 56);
RQ_AT(rq_queue_shared, creator, 120);
RQ_AT(rq_queue_shared, not_empty, 128);
RQ_AT(rq_queue_shared, closed, 132);
RQ_AT(rq_queue_shared, lanes_used, 136);
RQ_AT(rq_queue_shared, lanes_backed, 140);
RQ_AT(rq_queue_shared, witness, 144);
RQ_AT(rq_queue_shared, bias, 160);
RQ_AT(rq_queue_shared, peeked, 168);
RQ_AT(rq_queue_shared, created, 176);
RQ_AT(rq_queue_shared, returned, 184);
RQ_AT(rq_queue_shared, drained, 192);
RQ_AT(rq_queue_shared, deleted, 200);
RQ_AT(rq_queue_shared, not_full, 256);
RQ_AT(rq_queue_shared, permit_hint, 264);
RQ_AT(rq_queue_shared, guard_put, 272);
RQ_AT(rq_queue_shared, guard_get, 280);
RQ_AT(rq_queue_shared, sleeps_get, 288);
RQ_AT(rq_queue_shared, sleeps_put, 296);
RQ_AT(rq_queue_shared, wakes, 304);
RQ_AT(rq_queue_shared, hands, 312);
RQ_AT(rq_queue_shared, roster, 384);
RQ_AT(rq_queue_shared, users, 2432);
_Static_assert(sizeof(struct rq_queue_shared) == 2944, "layout");

/* What an acknowledged queue has more: between the above and its lanes. Who has what in hand is in the members' books. */
struct rq_hands {
	uint32_t max_attempts; /* as created */
	uint32_t reserved;
	uint64_t dead_letters; /* the object's word of the queue that it names, */
	uint64_t dead_first;   /* and its first unit; both 0: there is none */
	rq_u64 dead_lettered;
	rq_u64 redelivered;
	rq_u64 moves;                       /* entries that have moved from book to book, or are about to */
	rq_u64 takers[RQ_MEMBERS_MAX / 64]; /* a bit for each number of which a member has taken; never cleared */
	uint64_t reserved2[64];
};

RQ_AT(rq_hands, max_attempts, 0);
RQ_AT(rq_hands, dead_letters, 8);
RQ_AT(rq_hands, dead_first, 16);
RQ_AT(rq_hands, dead_lettered, 24);
RQ_AT(rq_hands, redelivered, 32);
RQ_AT(rq_hands, moves, 40);
RQ_AT(rq_hands, takers, 48);
_Static_assert(sizeof(struct rq_hands) == 1072, "layout");

/*
 * Who has put to a lane, for people: the lane's records from `since` on, up to the next author's, are this member's. It
 * outlives the author. An owner writes the entry that is the older one when it comes to the lane, `id` last.
 */
struct rq_author {
	rq_u64 id;    /* as the lane's owner word; 0: none, or just being written */
	rq_u64 since; /* as the lane's puts */
	rq_u32 process;
	rq_u32 thread;
	rq_u64 name[2];
};

RQ_AT(rq_author, id, 0);
RQ_AT(rq_author, since, 8);
RQ_AT(rq_author, process, 16);
RQ_AT(rq_author, thread, 20);
RQ_AT(rq_author, name, 24);
_Static_assert(sizeof(struct rq_author) == 40, "layout");

/*
 * A lane, see lane.h for its protocol.
 *
 *   head     chunk:32 | position in the chunk in 16 bytes:30 | 0:2       written by consumers
 *   table    chunk:32 | first unit:24 | size code:8, or 0                entry i is chunk c's where c mod table = i
 */
struct rq_lane {
	rq_u64 head;
	rq_u64 taker;    /* ticket:48 | member + 1:13 | 0:3, who made the last claim of an acknowledged queue: hand.h */
	rq_u64 wake_at;  /* head at which a sleeping producer wants to be woken; written by the producer */
	rq_u32 not_full; /* event: the lane's producer sleeps here */
	rq_u32 pad;
	rq_u64 peeked; /* head when a peek saw the record there: it is first in the queue while head is still this */
	rq_u64 freed;  /* bytes acknowledged since the producer has announced its sleep, while it says so: lane/put.c */
	uint8_t pad0[RQ_FALSE_SHARING - 48];

	rq_u64 owner; /* incarnation:32 | the owner's own:19 | member + 1:13, or 0; who owns it is the lane's producer */
	rq_u64 puts;  /* records published; written by the owner */
	rq_u32 newest; /* the chunk where the tail is; written by the owner */
	rq_u32 era;    /* of its permits, see permits.h; written by the owner */
	rq_u64 tail;   /* where the tail was when the owner came, or when it went: at or before the tail, as a head */
	rq_u64 most;   /* bytes that have waited, at most, when an owner looked for room; written by the owner */
	struct rq_author authors[2];
	uint8_t pad1[RQ_FALSE_SHARING - 120];

	rq_u64 table[]; /* and behind it, of each entry's chunk, what puts was when the chunk began */
};

RQ_AT(rq_lane, head, 0); /* with taker, one pair of 16 bytes */
RQ_AT(rq_lane, taker, 8);
RQ_AT(rq_lane, wake_at, 16);
RQ_AT(rq_lane, not_full, 24);
RQ_AT(rq_lane, peeked, 32);
RQ_AT(rq_lane, freed, 40);
RQ_AT(rq_lane, owner, 128);
RQ_AT(rq_lane, puts, 136);
RQ_AT(rq_lane, newest, 144);
RQ_AT(rq_lane, era, 148);
RQ_AT(rq_lane, tail, 152);
RQ_AT(rq_lane, most, 160);
RQ_AT(rq_lane, authors, 168);
RQ_AT(rq_lane, table, 256);
_Static_assert(sizeof(struct rq_lane) == 256, "layout");

/*
 * An array. A named one is an object and has this behind struct rq_object_shared; an anonymous one starts with it, in
 * cells, or in units of its own. Data of up to 8 bytes follow at once, so that a Value is one cell; others begin at 64,
 * and their shadow, the second copy that array.h tells of, at the next multiple of 64 behind them.
 *
 *   lock     incarnation:32 | WAITERS:1 | 0:18 | member + 1:13, or 0     who holds the lock, see lock.c
 */
struct rq_array_shared {
	rq_u64 lock;
	rq_u64 version; /* of the content; odd: the shadow is the content. Written by who holds the lock */
	rq_u32 depth;   /* how often the holder has locked it; written by the holder */
	uint32_t type;  /* enum ringq_type */
	uint64_t count;
	uint64_t created; /* ns since 1970, by the clock of who made it */
	uint64_t reserved[2];
};

RQ_AT(rq_array_shared, lock, 0);
RQ_AT(rq_array_shared, version, 8);
RQ_AT(rq_array_shared, depth, 16);
RQ_AT(rq_array_shared, type, 20);
RQ_AT(rq_array_shared, count, 24);
RQ_AT(rq_array_shared, created, 32);
_Static_assert(sizeof(struct rq_array_shared) == 56, "layout");

#define RQ_ARRAY_DATA 64u /* where data of more than 8 bytes begin */

/*
 * A record in a chunk, 16-byte aligned:
 *
 *   0    header: sequence:28 | length:33 | kind:3; 0 where nothing is published yet
 *   8    the stamp, if it is stamped, and then the payload; else the payload at once
 *
 * Its footprint is all that rounded up to 16. Behind the last record there is always a zero header.
 */
enum rq_record_kind {
	RQ_RECORD_NONE = 0,
	RQ_RECORD_DATA = 1,
	RQ_RECORD_PAD = 2,  /* the rest of the ring is unused: go on at its start */
	RQ_RECORD_LINK = 3, /* go on in the next chunk */
	RQ_RECORD_STAMPED = 4,
	RQ_RECORD_DATA_STAMPED = RQ_RECORD_DATA | RQ_RECORD_STAMPED,
};

#define RQ_GRANULE 16u
#define RQ_RECORD_MAX ((UINT64_C(1) << 33) - 64)

#endif
