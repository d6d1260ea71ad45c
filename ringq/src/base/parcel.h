/* SPDX-License-Identifier: MIT */
#ifndef RQ_PARCEL_H
#define RQ_PARCEL_H

/*
 * Descriptors that go over a UNIX socket with a few bytes that say what they are.
 *
 * The kernel hands a message over even if the receiver can have no more descriptors, and throws away what it cannot have.
 * So a receiver first waits for a message, which stays in the socket, then makes sure that there is room for all that may
 * come, and only then takes it. A try without room is -EMFILE with the message still there. Only where another thread
 * takes that room between the two is the message lost, with the same error.
 */

#include <stddef.h>
#include <sys/types.h>

#define RQ_PARCEL_MOST 3

struct rq_parcel {
	void *body;
	size_t len;
	unsigned count; /* of descriptors: to send; the most that may come, and then how many came */
	unsigned spare; /* descriptors that the receiver needs besides */
	int fds[RQ_PARCEL_MOST];
};

/* How many bytes went, or what sendmsg() says. */
ssize_t rq_parcel_send(const struct rq_parcel *parcel, int socket);

/*
 * How many bytes came; the descriptors are above 2, and the caller's. -EPIPE: the sender has closed. -EMFILE. -EPROTO:
 * more bytes or descriptors than may come. Or what recvmsg() says. Nothing is left open on error.
 */
ssize_t rq_parcel_receive(struct rq_parcel *parcel, int socket);

/* Closes those of its descriptors that are not -1. */
void rq_parcel_close(struct rq_parcel *parcel);

#endif
