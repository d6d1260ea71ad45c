/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_LINK_H
#define BRIDGE_LINK_H

/*
 * A connection to a broker, with one channel: made with TLS verified, ended for a reason that can be told, and read frame by
 * frame. One thread uses it; another may only link_cut() it, which ends whatever call is stuck in it.
 *
 * Whatever a broker sends, correct or not, is a frame, or the end of the link.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <amqp.h>

#include "config.h"

enum { LINK_CHANNEL = 1 };

struct link {
	const struct bridge_config *config;
	amqp_connection_state_t amqp; /* NULL: there is none */
	const struct uri *uri;        /* whom it is to, or was */
	pthread_mutex_t lock;         /* of these three */
	int fd;                       /* of a living connection; -1: none */
	bool open;                    /* it is made, and both ends give signs of life */
	bool silent;                  /* it was cut since the other end gave none */
	bool blocked;                 /* the broker takes nothing now, by connection.blocked */
	int64_t blocked_since;
	int channel_error; /* the code of the channel.close that ended it; 0: something else did */
	int64_t heartbeat_sent;
	char why[512]; /* why it ended, or could not be made */
};

void link_init(struct link *link, const struct bridge_config *config);

/* Makes a connection: resolves, connects, verifies, logs in, opens the channel. 0; -1: why says. It takes connect_timeout. */
int link_open(struct link *link, const struct uri *uri);

/* Ends it: politely if it still lives. */
void link_close(struct link *link);

/* From any thread: what is stuck in a call of the link comes back, as if the network were gone. */
void link_cut(struct link *link);

/*
 * From any thread, about a link whose own has been in a call of it for so long: cuts it if nothing has come meanwhile. The
 * library, where it cannot send, waits without bound for what may never come.
 */
void link_cut_if_silent(struct link *link, int64_t ns);

/* The link is of no more use, for this reason. -1. */
int link_fail(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));
int link_fail_with(struct link *link, const char *doing, int status);

/* The last call's answer: 0, or -1 with the reason. */
int link_answer(struct link *link, const char *doing);

/*
 * The next frame of the channel. 1; 0: none is there yet; -1: the link has ended. What concerns the connection as a whole
 * is done here. The frame is good until the next call.
 */
int link_frame(struct link *link, amqp_frame_t *frame);

/* A message that the broker sends: its method, which says that content follows, its header, and its body in parts. */
struct content {
	enum { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY } state; /* what is to come; none: it is whole */
	uint64_t left;                                             /* of its body */
};

/* Whether a frame is what is to come. 0, and the content is what is to come after it; -1: the link has ended. */
int link_content(struct link *link, struct content *content, const amqp_frame_t *frame);

/* For who does not read frames for a while: tells the broker that this end lives. 0, or -1. */
int link_keep_alive(struct link *link);

/* Whether the other end has hung up. */
bool link_is_down(const struct link *link);

/* Holds small packets back until off, so that many messages go in few. */
void link_cork(struct link *link, bool on);

int64_t link_now(void); /* ns, monotonic */

#endif
