/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ACTS_H
#define CRASH_ACTS_H

#include "stage.h"

/* The calls under test, one for each function of the library; calls.c says in which states they are made. */
extern const struct act act_put, act_put_many, act_reserve_commit, act_reserve_abort, act_get, act_get_alloc,
	act_get_many, act_take, act_take_returned, act_take_many, act_requeue, act_join, act_peek, act_peek_returned,
	act_close, act_create_named, act_delete, act_create_anonymous, act_open, act_attach, act_thread_exit,
	act_release;

/* The name that act_create_named gives. */
#define ACT_NAME "made"

#endif
