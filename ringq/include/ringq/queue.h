/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_QUEUE_H
#define RINGQ_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <ringq/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A queue of variable-length records: any number of producers and consumers, threads or processes. */
typedef struct ringq_queue ringq_queue;

enum {
	RINGQ_ORDER_TOTAL = 0,    /* one linearizable FIFO across all producers */
	RINGQ_ORDER_PRODUCER = 1, /* records of one producer come out in its order; none across producers; faster. While
	                             others' wait, a consumer takes 64 of one in a row, or up to 512 if it is fast */
};

/**
 * Flags of queues and pipes.
 *
 * The first two are promises of the caller about turns, of whichever threads and processes these are: each begins when the
 * last one is over. A turn to put is a put, a put_many, or all from a reserve until its commit or abort has returned; a
 * turn to get is a get of any kind, a ringq_poll(), or all from a ringq_take() until its delivery has ended. A turn is over
 * when its call has returned, or when its thread has ended, by death too. Nothing else is a turn, and all of it may happen at
 * any time: the end of a thread, a release, a close, a fork, a peek, a look by ringq_size() and the like.
 * Builds with checks (debug builds, or -Dchecks=true) say -EBUSY to a call that begins beside another's turn; in others
 * records may be lost then.
 * The first put of a turn looks at what was put since this thread's last turn; a thread's first, at all that waits.
 */
enum {
	RINGQ_SINGLE_PRODUCER = 1u << 0, /* no two turns to put overlap in time; all who put are one producer */
	RINGQ_SINGLE_CONSUMER = 1u << 1, /* no two turns to get overlap in time */
	RINGQ_SIMPLEX = 1u << 2,         /* of ringq_pipe_create(): the first end receives, the second sends */
	RINGQ_ACKNOWLEDGED = 1u << 3, /* what a consumer takes comes back unless it is acknowledged: see ringq_take() */
};

#define RINGQ_UNBOUNDED UINT64_MAX

/** All zero means: anonymous, total order, 8 MiB from each producer, 256 producers. */
struct ringq_queue_options {
	const char *name; /* NULL = anonymous; else 1 to 63 bytes, unique among the region's queues */
	uint64_t max_records; /* in the queue at once, exact with any number of producers; 0 = no such bound; at most 2^24 */
	uint64_t max_bytes; /* waiting from one producer before its put blocks, headers and padding (at most 32 bytes a
	                           record) included; 0 = 8 MiB; RINGQ_UNBOUNDED = what the region holds */
	unsigned order;     /* RINGQ_ORDER_TOTAL or RINGQ_ORDER_PRODUCER */
	unsigned max_producers; /* at once; 0 = 256; at most 4096 */
	unsigned flags;         /* RINGQ_SINGLE_PRODUCER, RINGQ_SINGLE_CONSUMER, RINGQ_ACKNOWLEDGED */
	unsigned max_attempts; /* with RINGQ_ACKNOWLEDGED: deliveries of one record; what comes back after so many is set aside.
	                           0 = no such bound; at most 2^24 - 2 */
	const char *dead_letters; /* the name of the queue of the same region that gets what is set aside, which must exist;
	                             NULL = it is dropped, and counted. See struct ringq_dead_letter. Whoever takes puts
	                             there: it should promise no single producer */
};

/**
 * Creates a queue in a region, or in a region of its own if region is NULL: ringq_queue_region() gives it to share.
 * options NULL means the defaults. A queue lives as long as its region, or until ringq_queue_delete().
 *
 * Errors: -EINVAL (an option; also max_attempts without RINGQ_ACKNOWLEDGED, and dead_letters without max_attempts), -ENOENT
 * (the region has no queue that is called dead_letters; one of its own has none), -EEXIST (the name is taken), -ENOMEM,
 * -ENOSPC (the region has room for one name for each 64 KiB of its size, at least 64, at most 16384), and for a region of
 * its own those of ringq_region_create(). Ownership: *out is released by ringq_queue_release(). Threads: any.
 * Progress: lock-free.
 */
RINGQ_API int ringq_queue_create(ringq_queue **out, ringq_region *region, const struct ringq_queue_options *options);

/**
 * Opens a queue of an attached region by its name; name NULL opens the region's first queue, named or not, which for a
 * region that ringq_queue_create() made is that queue.
 * Errors: -EINVAL, -ENOENT, -EBADMSG. Progress: lock-free; it reads the region's owner table.
 */
RINGQ_API int ringq_queue_open(ringq_queue **out, ringq_region *region, const char *name);

/** The queue's region. It stays the queue's: do not detach it unless you attached it. NULL for NULL. */
RINGQ_API ringq_region *ringq_queue_region(const ringq_queue *queue);

/**
 * Releases this handle, also while other threads are inside calls on it: those end with -EBADF. The queue and what it
 * holds live on for others. NULL is ignored.
 */
RINGQ_API void ringq_queue_release(ringq_queue *queue);

/**
 * Puts one record. len may be 0: an empty record is a record.
 *
 * Returns 0: the record is in the queue, whole. Any error: it is not, and never will be.
 * Errors: -EAGAIN (RINGQ_NOWAIT: full), -ETIMEDOUT (full all that time), -EPIPE (closed), -EMSGSIZE (no region of this
 * size can hold it), -ENOMEM (no memory to back it; waiting for consumers may help), -EUSERS (more producers than
 * max_producers), -EBUSY (this thread has a reservation open).
 * Full means: max_bytes of this thread's records are waiting, whatever others have left, or max_records in all; with
 * RINGQ_SINGLE_PRODUCER, max_bytes of all who take turns. One record larger than max_bytes
 * passes when none of this thread's is waiting.
 * Threads: each thread is a producer of its own; its order is kept. Progress: wait-free while there is room; lock-free
 * where it takes memory or a permit of max_records; blocking when full, if timeout says so. Before it takes memory beyond
 * 256 KiB, it may wait up to 0.5 ms for consumers that are keeping up to make room in what it has, and yield its processor;
 * with RINGQ_NOWAIT it waits up to 62 us and does not yield.
 */
RINGQ_API int ringq_put(ringq_queue *queue, const void *data, size_t len, int64_t timeout);

/**
 * Takes the next record into buf. Returns its length.
 *
 * Errors: -EAGAIN (RINGQ_NOWAIT: empty), -ETIMEDOUT, -EPIPE (closed and drained), -EMSGSIZE (larger than size: the
 * record stays; ringq_get_alloc() takes it). Empty means that there was an instant of the call at which the queue was;
 * with RINGQ_ORDER_PRODUCER, that there was one for each producer's part, not all the same.
 * buf may have been written to beyond the record's length, within size, and on error. Progress: lock-free; blocking when
 * empty, if timeout says so. One that loses record after record to others may yield its processor, except with RINGQ_NOWAIT.
 */
RINGQ_API ssize_t ringq_get(ringq_queue *queue, void *buf, size_t size, int64_t timeout);

/**
 * Takes the next record into memory from malloc(), never NULL on success: free() it. Returns its length. Errors: as
 * ringq_get(), and -ENOMEM.
 */
RINGQ_API ssize_t ringq_get_alloc(ringq_queue *queue, void **out, int64_t timeout);

/**
 * Copies the next record and leaves it there; never waits. Returns its length. Errors: as ringq_get() with RINGQ_NOWAIT.
 * Until the one that was seen is taken, no call that begins after the peek has returned takes or sees another; with
 * RINGQ_ORDER_PRODUCER, no other of its producer.
 */
RINGQ_API ssize_t ringq_peek(ringq_queue *queue, void *buf, size_t size);

/**
 * Puts n records, in order, at one go where there is room, waiting for more room while there is none in time. Each is a
 * put of its own: others' records may come between.
 * Returns how many were put, from the front; an error only when none was. n is 1 to 2^20. Errors: as ringq_put().
 */
RINGQ_API ssize_t ringq_put_many(ringq_queue *queue, const struct iovec *records, size_t n, int64_t timeout);

/**
 * Takes up to n records that are there, waiting only for the first: as so many gets, one after the other. iov_len says
 * each buffer's size and becomes the record's length. Returns how many were taken; an error only when none was. Errors: as
 * ringq_get(); -EMSGSIZE only for the first. n is 1 to 2^20. Buffers beyond the returned count may have been written to; their
 * iov_len is left alone.
 */
RINGQ_API ssize_t ringq_get_many(ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout);

/**
 * Reserves len bytes in the queue to be written in place, 8-byte aligned, and gives them in *out.
 *
 * One reservation is open at a time for each thread and queue; until commit or abort this thread's puts are -EBUSY.
 * Nobody sees or waits for a reservation: dropped with its thread, it never existed. Errors: as ringq_put().
 * A consumer that was overtaken may still read there, and throw away what it read: harmless, but a thread sanitizer
 * that sees your writes reports it.
 */
RINGQ_API int ringq_reserve(ringq_queue *queue, void **out, size_t len, int64_t timeout);

/**
 * Puts the reserved record; len may be smaller than was reserved. -EINVAL: not reserved by this thread, or larger. -EBUSY:
 * with RINGQ_SINGLE_PRODUCER another has put since the reserve, against the promise; the reservation is dropped.
 */
RINGQ_API int ringq_commit(ringq_queue *queue, void *reserved, size_t len);

/** Drops the reservation. Anything else than this thread's open one is ignored. */
RINGQ_API void ringq_abort(ringq_queue *queue, void *reserved);

/**
 * A record in the hands of a consumer: what ringq_take() gives. It may be copied; one of the copies is finished, once.
 */
struct ringq_delivery {
	const void *data; /* the record, in place in shared memory, 8-byte aligned; readable until ack or requeue */
	size_t len;
	uint32_t attempt; /* 1 at first; more: it was delivered before, and was given back or its holder ended */
	uint32_t flags;   /* 0 */
	uint64_t own[5];  /* the library's */
};

/**
 * Takes the next record of an acknowledged queue (RINGQ_ACKNOWLEDGED), or of a queue with a single consumer
 * (RINGQ_SINGLE_CONSUMER), without copying it. It is in the caller's hands until ringq_ack() or ringq_requeue().
 *
 * Of an acknowledged queue:
 * A record that was taken and not finished comes back when the thread that took it has ended, in whatever way, or has
 * released the handle: to the next take, before all younger records, with attempt one higher. So each record is delivered
 * at least once, and never to two at the same time. It comes back to those who take all the time at once, or within 5 ms if
 * more than 16 others take; those who sleep are woken as by any death, after 100 ms at most.
 * A thread may hold any number of deliveries, and finish them in any order. A child of fork holds none of its parent's.
 *
 * Order: as the queue's, counted at the take, except that what has come back is older than all that waits. With
 * RINGQ_ORDER_TOTAL several that have come back come out by the order in which they were put.
 * max_records and max_bytes count what is in hand. One that is held for long keeps the memory around it: a ring of up to
 * 1 MiB, or of four such records; its producer continues elsewhere.
 *
 * Of a queue with a single consumer that is not acknowledged: one delivery is open at a time, and until ringq_ack() the
 * record is the first of the queue. It counts for max_records and max_bytes and is shown by ringq_size(), ringq_empty(),
 * ringq_peek() and looks from outside, and an event descriptor stays readable. Gets and takes by this thread with this
 * handle say -EBUSY; it cannot be given back, and need not: has its holder ended, or released the handle, or closed the
 * queue, it is still there for the next, with attempt 1.
 *
 * Returns 0, or: -EAGAIN (RINGQ_NOWAIT: nothing waits), -ETIMEDOUT, -EPIPE (closed, nothing waits, and nothing is in
 * anybody's hands, the caller's included: until then it may come back), -ENOMEM (no memory for one more in this thread's
 * hands), -EBUSY (not acknowledged: one is open), -EINVAL (neither acknowledged nor of a single consumer), -EBADMSG.
 * Threads: any. Progress: lock-free; blocking when empty, if timeout says so.
 */
RINGQ_API int ringq_take(ringq_queue *queue, struct ringq_delivery *out, int64_t timeout);

/**
 * The record is done, and gone. Its data must not be read any more.
 * Errors: -ESTALE: it is not in hand any more, as it was finished before, or its taker has ended, or released the handle,
 * or it is the parent's of this process: it may have been delivered again. -EINVAL.
 * Threads: any of the process that took it, with the handle that took it. Progress: wait-free by the thread that took
 * it, except that it may wake others; another thread may wait for a call of that thread that is under way.
 * Of a queue that is not acknowledged, too; then its memory is the producer's again.
 */
RINGQ_API int ringq_ack(ringq_queue *queue, struct ringq_delivery *delivery);

/**
 * Gives the record back, before all younger ones; the next take gets it, with attempt one higher. Otherwise as ringq_ack().
 * -EINVAL: the queue is not acknowledged.
 */
RINGQ_API int ringq_requeue(ringq_queue *queue, struct ringq_delivery *delivery);

/**
 * What names a record that is in hand, for as long as its queue exists: no other has both, and each delivery of it has the
 * same. *sequence is how many records were put to its lane before it, as struct ringq_record_info has it (ringq/look.h).
 * Right while less than 2^27 records are put to the lane behind it.
 * Errors: -ESTALE (it is not in hand any more), -EINVAL (or not of an acknowledged queue). Threads: any of the process that
 * took it. Progress: wait-free.
 */
RINGQ_API int ringq_delivery_id(
	ringq_queue *queue, const struct ringq_delivery *delivery, uint32_t *lane, uint64_t *sequence);

/**
 * Takes up to n records that are there, waiting only for the first. Returns how many; an error only when there was none.
 * n is 1 to 2^20. Errors: as ringq_take(). Of a queue that is not acknowledged it takes one.
 */
RINGQ_API ssize_t ringq_take_many(ringq_queue *queue, struct ringq_delivery *out, size_t n, int64_t timeout);

/** Acknowledges n deliveries. 0, or the first error; all others are acknowledged nevertheless. */
RINGQ_API int ringq_ack_many(ringq_queue *queue, struct ringq_delivery *deliveries, size_t n);

/**
 * Waits until nothing waits in an acknowledged queue and nothing is in hand, at one instant of the call, whoever dies
 * meanwhile. Of others' deliveries and its own. It does not poll: it sleeps until somebody has acknowledged the last one.
 * Errors: -EAGAIN (RINGQ_NOWAIT: not so now), -ETIMEDOUT, -EINVAL (the queue is not acknowledged). Progress: blocking.
 */
RINGQ_API int ringq_join(ringq_queue *queue, int64_t timeout);

/**
 * How each record of a queue of dead letters begins; the record that was set aside follows, at `size`. While that queue has no
 * room for it, or is closed, the record stays where it was, passed over, and each take tries again: ringq_join() waits for it.
 */
struct ringq_dead_letter {
	uint32_t size;     /* of this; more in later versions */
	uint32_t attempts; /* how often it was delivered */
	uint32_t process;  /* that had it in hand last, and ended, as getpid() said there; 0: it was given back */
	uint32_t thread;   /* of that, as gettid() said */
};

/**
 * Closes the queue for everybody: puts that begin later get -EPIPE, gets drain what is there and then get -EPIPE; all
 * sleepers wake. A put that overlaps close may still go in, and then comes out, of a get that may have to come after
 * one that said -EPIPE. Closing twice is fine. Errors: -EINVAL, -EBADF, -ENOMEM, -EUSERS, -EPIPE (deleted). Wait-free.
 */
RINGQ_API int ringq_close(ringq_queue *queue);

/**
 * Deletes the queue, for everybody: its name is free at once, nobody finds it any more, and whoever still has a handle gets
 * -EPIPE from all that puts, gets, takes or waits, sleepers at once; event descriptors show that. What waits in it is
 * gone; where RINGQ_SINGLE_CONSUMER is promised, the consumer's gets still take it first, as after a close. What consumers have
 * in hand of an acknowledged queue they keep until they finish it; what is given back then is gone. A queue of dead letters
 * that is deleted gets none any more: they are dropped, and counted. A put or a get that overlaps may still succeed. The
 * caller's handle is to be released, too.
 *
 * The records' memory is freed at once, except a ring of each living producer. The rest, and the queue itself, is freed when
 * no thread that has used the queue has a handle of it any more, by release, end or death. A death is noticed when memory
 * runs short, or when another thread joins the region.
 * A process that is killed inside has closed the queue, or deleted it, or neither.
 *
 * Errors: -EINVAL (NULL, or of a pipe), -EPIPE (it has been deleted), -EBADF, -ENOMEM, -EUSERS, -EROFS (an observed region).
 * Progress: lock-free; it drops the records one at a time.
 */
RINGQ_API int ringq_queue_delete(ringq_queue *queue);

/**
 * Whether there was no record at some instant of the call. Lock-free. True for NULL. A thread that cannot become a member of
 * the region (-EUSERS, -ENOMEM) is told, too, by system calls.
 */
RINGQ_API bool ringq_empty(const ringq_queue *queue);

/**
 * Whether this thread's put of an empty record would not have gone in, at some instant of the call. Lock-free. A put that
 * is under way counts for max_records from when it has its permit, before its record can be got; what a get takes may
 * count until that get is over. True for a thread that cannot become a member of the region: its puts are -EUSERS or -ENOMEM.
 */
RINGQ_API bool ringq_full(const ringq_queue *queue);

/**
 * How many records were waiting at an instant of the call, if for some microsecond of it nothing was put or got; it looks
 * for one up to sixteen times. Else at no one instant: what was put or got meanwhile may count or not. Right whoever has
 * died. A put that is stopped under way, and has its turn, may come out before a record that this counted. Lock-free.
 */
RINGQ_API uint64_t ringq_size(const ringq_queue *queue);

enum { RINGQ_READABLE = 1, RINGQ_WRITABLE = 2 };

/**
 * A descriptor for poll, select and epoll. RINGQ_READABLE: it is readable while a get would not say -EAGAIN. RINGQ_WRITABLE: it
 * is readable while a put of a small record by the thread that asks would not; each thread is a producer of its own, and has
 * a descriptor of its own. Either is right within a millisecond, whatever call changed it, in this process or another, and
 * before that once a call of this process has found nothing, or no room. Edge-triggered epoll tells of each change, and of
 * records that come while others wait, within a millisecond.
 *
 * It belongs to the handle: poll it, but do not read, write or close it, nor give it a signal (F_SETSIG), by which the library
 * knows it. If a program closes it all the same, no other file that gets the number is touched; to ask again makes a new one.
 * After a fork the child has it too, by the same number, and an epoll set made before keeps telling of records; the child's own
 * watching begins with the first call of a thread on the handle, until when the parent's serves, while the parent lives. One for
 * RINGQ_WRITABLE is about puts of the thread that has forked there, and in the child about that thread's puts, by a new eventfd
 * of the same number: make epoll sets anew for it.
 *
 * A thread of the library does the watching, one for the process from the first call on, with all signals blocked and the
 * scheduling of who made the first call; where one sleep cannot be on all queues, more of them sleep: one for each 127 queues,
 * or one for each queue where the kernel has no futex_waitv (before 5.16) or refuses it. It is a member of the region. While
 * something waits in a watched queue it looks each millisecond, which is about a hundredth of a CPU.
 *
 * Errors: -EINVAL (not one of the two, or a pipe's other side), -EMFILE, -ENFILE, -ENOMEM, -EAGAIN (no thread to be had),
 * -EUSERS (the region has no place for the watching thread).
 */
RINGQ_API int ringq_event_fd_for(ringq_queue *queue, unsigned what);

/** ringq_event_fd_for() of RINGQ_READABLE. */
RINGQ_API int ringq_event_fd(ringq_queue *queue);

/**
 * Waits until one of n queues has a record or is closed, and returns its index; which one, if several, goes round.
 * Errors: -EAGAIN, -ETIMEDOUT, -EINTR (ringq_interrupt()), -EINVAL (n of 0 or over 2^20), -ENOMEM; above 127 queues, or where
 * the kernel refuses futex_waitv, or where a queue is interruptible, those of ringq_event_fd_for(), as its thread does the
 * waiting. A record may be gone before you get it.
 */
RINGQ_API int ringq_wait_any(ringq_queue *const *queues, size_t n, int64_t timeout);

/**
 * Ends the waits of this process on this handle: they say -EINTR. If no call waits, the next that would says so. A wait that
 * ends in another way just then leaves the interrupt for the next one.
 * Async-signal-safe: it may be called from a signal handler, whatever that has interrupted, and leaves errno alone. Calls
 * that do not wait, RINGQ_NOWAIT among them, take no interrupt. Errors: -EINVAL.
 */
RINGQ_API int ringq_interrupt(ringq_queue *queue);

/**
 * With on, a call that sleeps on this handle says -EINTR when a signal handler has run in its thread meanwhile, whether or not
 * the handler was installed with SA_RESTART. One that has run right before the call fell asleep is not seen: a handler that
 * must not be missed calls ringq_interrupt(). While the process has a handler with SA_RESTART, and in ringq_wait_any(), such a
 * wait wakes ten times a second; else it sleeps as any other. Errors: -EINVAL.
 */
RINGQ_API int ringq_queue_interruptible(ringq_queue *queue, bool on);

/**
 * A look at a queue from outside. Counts are of all lanes since creation; nobody is delayed by the look, and the looker does
 * not become a member. What a producer put right before it died may not be counted before another has its lane, and never if it
 * has been taken by then. While records come and go, the counts are of about the same time, not of one instant.
 */
struct ringq_queue_stat {
	uint64_t records_in;       /* put */
	uint64_t records_out;      /* taken, and not come back: records_in less this is what waits */
	uint64_t bytes_held;       /* memory that the queue's lanes hold now */
	uint64_t max_records;      /* as created */
	uint64_t max_bytes;        /* as created */
	uint32_t order;            /* as created */
	uint32_t flags;            /* as created */
	uint32_t lanes;            /* that were ever used: the most producers there were at once */
	uint32_t producers;        /* alive now */
	uint32_t closed;           /* 0 or 1 */
	uint32_t consumers_asleep; /* 1 if some consumer may be asleep */
	uint32_t producers_asleep; /* 1 if some producer may be asleep */
	char name[64];
	uint32_t max_producers;  /* as created */
	uint32_t dead_producers; /* who died as producers, and whose lane nobody has taken over yet */
	uint64_t bytes_most; /* the most that waited in one lane when its producer looked for room: a high-water mark,
	                              as exact as the lane's ring is small */
	uint64_t sleeps_get; /* how often a get or the like has slept */
	uint64_t sleeps_put; /* how often a put or the like has */
	uint64_t wakes;      /* sleepers that others' calls have woken */
	uint64_t created;    /* when, in ns since 1970, by the system's clock */
	/* Of an acknowledged queue; else 0. */
	uint64_t in_hand;        /* taken, and neither acknowledged nor back */
	uint64_t redelivered;    /* deliveries of what had come back */
	uint64_t dead_lettered;  /* set aside after max_attempts */
	uint64_t oldest_ns;      /* for how long the oldest has been in hand, to some milliseconds */
	uint64_t returned;       /* come back, and waiting to be delivered again */
	uint32_t oldest_process; /* who has the oldest in hand, by the ids that it saw; 0: nothing is in hand */
	uint32_t oldest_thread;
	uint32_t max_attempts; /* as created */
	uint32_t reserved;
	char dead_letters[64]; /* the name of the queue that gets what is set aside; "": there is none, or it was deleted */
};

/**
 * Fills *out. Works on a queue of an observed region too (ringq/look.h), which also has the same figures for each lane, and
 * who puts there. Errors: -EINVAL, -EBADF, -ENOMEM, -EBADMSG (a lane fails validation: no figures then), -ESTALE.
 * Progress: bounded, some system calls for each lane.
 */
RINGQ_API int ringq_queue_stat(const ringq_queue *queue, struct ringq_queue_stat *out);

#ifdef __cplusplus
}
#endif
#endif
