/* SPDX-License-Identifier: MIT */
#ifndef CRASH_PIPES_H
#define CRASH_PIPES_H

#include "stage.h"

/* Calls on pipes, beside the round's queue. The child alone has one end, taken from a socket; the driver the other. */
extern const struct act act_pipe_create, act_pipe_send, act_pipe_receive, act_pipe_close, act_pipe_close_both,
	act_pipe_take;

void pipe_for_child(struct stage *stage);      /* prepare */
void pipe_for_child_sent(struct stage *stage); /* the same, with records on the way to it */
void set_pipe(struct stage *stage);            /* setup: takes the end, and uses it */
void set_pipe_both(struct stage *stage);       /* the same with a pipe of its own, whose ends are both the child's */
void set_pipe_untaken(struct stage *stage);    /* the end is still in the socket */
void check_pipe_open(struct stage *stage);     /* during */
void check_pipe_ended(struct stage *stage);    /* after: the other end is gone, and nothing is left of the pipe */
void check_pipes_gone(struct stage *stage);    /* after: nothing is left of any pipe */

#endif
