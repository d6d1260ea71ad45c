/* SPDX-License-Identifier: MIT */

/*
 * Total order: ringq/src/order/merge.h, merge.c, next.h, roster.c, stamp.h, stamp.c; queue/put.h: rq_put_published();
 * get_at_once() of queue/get.c.
 *
 * Two lanes, a producer each. The shared ticket is the clock. A publish stays in its producer's store buffer until the
 * memory takes it, its put returns, or membarrier waits for it; a put that has returned is one that others may know of,
 * as by a message. Any producer may stop anywhere for good: then it is simply not chosen again. Lane 0 has few places,
 * which its producer writes over as soon as head has left them: who reads a stamp there too late reads anything.
 *
 * One consumer does what merge.c does. It keeps what it has learned of the lanes from one get to the next, and takes
 * what it may by that. It dismisses idle lanes whenever it likes. Of the others, its rivals, only the takings are here:
 * at any time, any record that may be taken. No consumer that is right takes another, so that one is right among these
 * says that several are among themselves. What rivals do to the roster is not here: there is one dismisser.
 *
 * What must hold: when a record is taken, no record whose put was over before this one's began is still in the queue;
 * when a get says empty, there was an instant inside it at which every record whose put was over had been taken; and a
 * get that finds records only in lanes that are not listed does not go round for ever, unless something moves.
 *
 *   PUTS0, PUTS1   records of each lane
 *   PLACES0        places of lane 0
 *   RIVALS         records that rivals may take
 *   DISMISS        dismissals
 *   LIVE           lanes that are remembered
 *   ALONE          1: between two puts, a producer may stand alone
 *   SETTLED        1: both lanes have been in use and in the roster for long
 *   UNLISTED       0: without find_unlisted(), which is there so that gets end; the rest must hold all the same
 *
 * RUN: -DPUTS0=2 -DPUTS1=1 -DPLACES0=1 -DRIVALS=1 -DDISMISS=0 -DLIVE=2 -DALONE=0 -DSETTLED=1 -DUNLISTED=1
 * RUN: -DPUTS0=1 -DPUTS1=2 -DPLACES0=1 -DRIVALS=0 -DDISMISS=1 -DLIVE=1 -DALONE=0 -DSETTLED=1 -DUNLISTED=1
 * RUN: -DPUTS0=1 -DPUTS1=2 -DPLACES0=1 -DRIVALS=0 -DDISMISS=1 -DLIVE=2 -DALONE=0 -DSETTLED=1 -DUNLISTED=1
 * RUN: -DPUTS0=2 -DPUTS1=2 -DPLACES0=2 -DRIVALS=0 -DDISMISS=0 -DLIVE=2 -DALONE=0 -DSETTLED=1 -DUNLISTED=1
 * RUN: -DPUTS0=2 -DPUTS1=1 -DPLACES0=1 -DRIVALS=1 -DDISMISS=1 -DLIVE=2 -DALONE=0 -DSETTLED=0 -DUNLISTED=1
 * RUN: -DPUTS0=2 -DPUTS1=2 -DPLACES0=1 -DRIVALS=3 -DDISMISS=0 -DLIVE=2 -DALONE=0 -DSETTLED=1 -DUNLISTED=0
 * RUN: -DPUTS0=1 -DPUTS1=2 -DPLACES0=1 -DRIVALS=0 -DDISMISS=0 -DLIVE=2 -DALONE=1 -DSETTLED=1 -DUNLISTED=0
 * FAULTS FIRST: -DPUTS0=2 -DPUTS1=1 -DPLACES0=1 -DRIVALS=0 -DDISMISS=0 -DLIVE=2 -DALONE=0 -DSETTLED=0 -DUNLISTED=0
 * FAULTS FIRST: -DPUTS0=1 -DPUTS1=1 -DPLACES0=1 -DRIVALS=0 -DDISMISS=1 -DLIVE=2 -DALONE=0 -DSETTLED=0 -DUNLISTED=1
 */

#define LANES 2
#define MOST 4 /* records of a lane */
#define NONE 15
#define NEVER 14 /* later than all stamps */

/* Records are numbered by lane * MOST + place in the lane. */
#define RECORD(lane, n) ((lane) * MOST + (n))
#define BIT(r) (1 << (r))

byte ticket;          /* header.ticket */
byte lanes_used;      /* rq_queue_shared.lanes_used */
byte head[LANES];     /* records taken from the lane */
byte tail[LANES];     /* records published, as all see it */
bit buffer[LANES];    /* one more, as only its producer sees it */
byte stamps[8];       /* of records */
byte alone;           /* rq_queue_shared.alone: 0, or lane + 1 */
byte roster;          /* lane's bits: IN << 2 * lane, SURE << 2 * lane; and above, 4 bits of version */

#define IN(lane) (1 << (2 * (lane)))
#define SURE(lane) (2 << (2 * (lane)))
#define VERSION 16

/* What an onlooker knows. */
byte over;            /* records that wait and whose puts are over: lane 0: bits 0 to 3, lane 1: bits 4 to 7 */
byte before[8];       /* of a record: those that waited so when its put began, and still wait */
bit was_empty;        /* whether there was such an instant in the get that began last */
bit moved = 1;        /* whether a head or a tail has moved since the consumer last began to look at all */
byte dismissals;

#define ALL_TAKEN (head[0] == PUTS0 && head[1] == PUTS1)

/* G3, of lane's record r */
inline take(lane, r)
{
	d_step {
		head[lane]++;
		moved = 1;
		over = over & ~BIT(r);
		for (w : 0 .. 7) {
			before[w] = before[w] & ~BIT(r)
		}
		w = 0;
		was_empty = was_empty || !over
	}
}

/* rq_stamp_published() */
inline stamp_published(lane)
{
	w = alone; /* I2 */
	if
	:: w && w != lane + 1 -> alone = 0 /* I3 */
	:: else
	fi;
	w = 0
}

/* ringq_put() */
proctype producer(byte lane; byte puts)
{
	byte n, w, s, last; /* last: rq_port.stamp */
	/* find_lane(), show_lane() */
	atomic {
		if
		:: lanes_used <= lane -> lanes_used = lane + 1
		:: else
		fi
	};
	do
	:: n == puts -> break
	:: else ->
		atomic { tail[lane] - head[lane] < (lane -> MOST : PLACES0); before[RECORD(lane, n)] = over };
		/* rq_stamp_if() */
		atomic {
			if
#ifdef FAULT_NEVER_STAMP
			:: true -> s = 0
#else
#ifdef FAULT_STAMP_AFTER_PUBLISH
			:: true -> s = 0
#else
#ifdef FAULT_ONE_LANE_FOR_EVER
			:: lanes_used == 1 || (lane == 0 && n > 0 && stamps[RECORD(0, n - 1)] == 0) -> s = 0
#else
			:: lanes_used == 1 -> s = 0
#endif
#endif
#endif
			:: else ->
				if
				:: last && alone == lane + 1 -> s = last /* I1 */
				:: else -> ticket++; s = ticket
				fi
			fi
		};
#if ALONE && defined(FAULT_ALONE_IS_LOOKED_AT_BEFORE)
		stamp_published(lane);
#endif
		atomic {
			stamps[RECORD(lane, n)] = s;
			buffer[lane] = 1; /* P */
			s = 0
		};
#ifdef FAULT_STAMP_AFTER_PUBLISH
		atomic { ticket++; stamps[RECORD(lane, n)] = ticket };
#endif
#if ALONE && !defined(FAULT_ALONE_IS_LEFT) && !defined(FAULT_ALONE_IS_LOOKED_AT_BEFORE)
		stamp_published(lane);
#endif
		/* rq_roster_published() */
#ifndef FAULT_NO_ROSTER
		w = roster;
		if
		:: (w & (IN(lane) | SURE(lane))) != (IN(lane) | SURE(lane)) ->
			atomic { /* R1: a full CAS */
				!buffer[lane];
				roster = (roster | IN(lane) | SURE(lane)) + VERSION
			}
		:: else
		fi;
#endif
		atomic {
			!buffer[lane];
			if
			:: head[lane] <= n -> over = over | BIT(RECORD(lane, n))
			:: else
			fi;
			n++;
			w = 0
		};
#if ALONE
		/* rq_stamp_bias() */
		if
		:: n < puts && lanes_used > 1 ->
#ifdef FAULT_ALONE_WITH_AN_OLDER_STAMP
			atomic { ticket++; last = ticket };
#endif
			alone = lane + 1; /* I4 */
#ifndef FAULT_ALONE_WITHOUT_BARRIER
			!buffer[0];
			!buffer[1];
#endif
#ifndef FAULT_ALONE_WITH_AN_OLDER_STAMP
			atomic { ticket++; last = ticket }
#endif
		:: true
		fi
#endif
	od
}

/* Stores reach the memory at any time. */
active proctype memory()
{
end:	do
	:: atomic { buffer[0] -> buffer[0] = 0; tail[0]++; moved = 1 }
	:: atomic { buffer[1] -> buffer[1] = 0; tail[1]++; moved = 1 }
	od
}

/* rq_lane_look(): h is where head is, NONE if there is nothing. An empty lane's head is looked at again. */
inline lane_look(lane)
{
	atomic {
		h = (head[lane] < tail[lane] -> head[lane] : NONE)
	}
}

/* The stamp is another load, after a while: of what is there then. */
inline read_stamp(lane)
{
	if
	:: head[lane] == h -> s = stamps[RECORD(lane, h)]
	:: head[lane] != h && lane -> s = stamps[RECORD(lane, h)]
	:: head[lane] != h && !lane -> s = 0
	:: head[lane] != h && !lane -> s = NEVER
	fi
}

/*
 * look_at_stamp(). If head has not moved at the second look, it had not when the stamp was read, nor in between: so
 * these are one step.
 */
inline look_at_stamp(lane)
{
#ifdef FAULT_STALE_STAMP
	lane_look(lane);
	if
	:: h != NONE -> atomic { read_stamp(lane) }
	:: else
	fi
#else
#ifdef FAULT_STAMP_AFTER_PUBLISH
	lane_look(lane);
	if
	:: h != NONE -> atomic { read_stamp(lane) }
	:: else
	fi
#else
	atomic {
		h = (head[lane] < tail[lane] -> head[lane] : NONE);
		if
		:: h != NONE -> s = stamps[RECORD(lane, h)]
		:: else
		fi
	}
#endif
#endif
}

/* rq_roster_dismiss() of what was found empty */
inline dismiss(lane)
{
	w = roster;
#ifdef FAULT_DISMISS_AT_ONCE
	atomic {
		if
		:: roster == w -> roster = (w & ~(IN(lane) | SURE(lane))) + VERSION
		:: else
		fi;
		w = 0
	}
#else
	atomic { /* D1 */
		if
		:: roster == w -> roster = (w & ~SURE(lane)) + VERSION; w = roster
		:: else -> w = 0
		fi
	};
	if
	:: w ->
#ifndef FAULT_NO_BARRIER
		!buffer[0]; /* D2 */
		!buffer[1];
#endif
#ifndef FAULT_DISMISS_WITHOUT_LOOKING
		lane_look(lane);
#else
		h = NONE;
#endif
		atomic { /* D3 */
			if
#ifdef FAULT_DISMISS_WHATEVER_CAME
			:: h == NONE -> roster = (roster & ~IN(lane)) + VERSION
#else
			:: h == NONE && roster == w -> roster = (w & ~IN(lane)) + VERSION
#endif
			:: else
			fi;
			h = 0;
			w = 0
		}
	:: else
	fi
#endif
}

/* remember(): with LIVE lanes remembered, those with the oldest heads */
inline remember(lane, stamp)
{
	bound[lane] = stamp;
	if
	:: LIVE == 1 && bound[0] != NONE && bound[1] != NONE ->
		w = (bound[0] > bound[1] -> 0 : 1);
#ifndef FAULT_LEFT_OUT_IS_FORGOTTEN
		rest = (bound[w] < rest -> bound[w] : rest);
#endif
		bound[w] = NONE;
		w = 0
	:: else
	fi
}

/* all_empty() */
inline all_empty(sign)
{
	l = 0;
	do
	:: l == used -> l = 0; break
	:: else ->
		lane_look(l);
		if
		:: h != NONE -> assert(moved || !UNLISTED); goto choose
		:: else -> d_step { heads = heads + sign * head[l]; h = 0; l++ }
		fi
	od
}

/* Other consumers: up to RIVALS times, one takes what a consumer may take, whenever it may. */
active proctype rivals()
{
	byte n, s, w;
end:	do
	:: atomic { n < RIVALS && head[0] < tail[0] && !before[RECORD(0, head[0])] ->
			s = RECORD(0, head[0]); take(0, s); s = 0; n++ }
	:: atomic { n < RIVALS && head[1] < tail[1] && !before[RECORD(1, head[1])] ->
			s = RECORD(1, head[1]); take(1, s); s = 0; n++ }
	od
}

/* ringq_get(), until there is nothing. */
proctype consumer()
{
	byte bound[LANES], rest, watermark, lane = NONE; /* rq_merge; a lane that is not remembered: NONE */
	byte used, in, l, h, s, w, best, best_head, best_stamp, bare, heads;
	d_step { bound[0] = NONE; bound[1] = NONE };

again:	skip;
	d_step {
		used = 0; in = 0; l = 0; h = 0; s = 0; w = 0; bare = 0; heads = 0;
		best = 0; best_head = 0; best_stamp = 0
	};
	if
	:: ALL_TAKEN -> goto out
	:: else
	fi;
	was_empty = !over;

	/* get_at_once(): rq_choose_quick() */
	if
	:: lane == NONE
	:: else ->
		lane_look(lane);
		if
		:: h == NONE ->
			if /* rq_choose_nothing_yet(); for gets that do not wait */
#ifdef FAULT_NOTHING_IN_ONE_LANE
			:: true ->
#else
			:: lanes_used == 1 ->
#endif
				assert(was_empty);
				goto again
			:: true
			fi
		:: else ->
			atomic { read_stamp(lane) };
			d_step {
				if
				:: s <= watermark -> best = lane; best_head = h
				:: else -> best_head = NONE
				fi;
				h = 0;
				s = 0
			};
			if
			:: best_head != NONE -> goto claim
			:: else
			fi
		fi
	fi;

choose:	skip;
	d_step {
		used = 0; in = 0; l = 0; h = 0; s = 0; w = 0; bare = 0; heads = 0;
		best = 0; best_head = 0; best_stamp = 0
	};
	/* merge() */
	do
	:: bound[0] == NONE && bound[1] == NONE -> break
	:: else ->
		d_step {
			l = (bound[0] <= bound[1] -> 0 : 1);
			w = (bound[1 - l] < rest -> bound[1 - l] : rest) /* others */
		};
		if
		:: bound[l] > rest -> break
		:: else
		fi;
		look_at_stamp(l);
		d_step {
			if
#ifdef FAULT_MERGE_BY_BOUND
			:: h != NONE ->
#else
			:: h != NONE && s <= w ->
#endif
				bound[l] = s;
				lane = l;
#ifdef FAULT_HORIZON_IS_REST
				watermark = rest;
#else
				watermark = w;
#endif
				best = l;
				best_head = h;
				in = 1
#ifndef FAULT_LATER_IS_FORGOTTEN
			:: h != NONE && s > w && s <= rest -> bound[l] = s
			:: h == NONE || s > rest -> bound[l] = NONE /* nothing there that `rest` does not know */
#else
			:: h == NONE || s > w -> bound[l] = NONE
#endif
			fi;
			l = 0;
			h = 0;
			s = 0;
			w = 0
		};
		if
		:: in -> in = 0; goto claim
		:: else
		fi
	od;

	/* look_at_all() */
	skip;
	d_step { bound[0] = NONE; bound[1] = NONE; rest = 0; best = NONE; l = 0; w = 0; moved = 0 };
#ifndef FAULT_TIME_AFTER_THE_LOOKS
	rest = ticket; /* K2 */
#endif
#ifdef FAULT_NO_NOTED_TIME
	rest = NEVER;
#endif
	used = lanes_used; /* U4 */
	if
	:: used -> in = roster /* R2 */
	:: else
	fi;
	do
	:: l == used -> break
	:: else ->
		if
		:: in & IN(l) ->
			look_at_stamp(l);
			d_step {
				if
				:: h == NONE -> bare = bare | BIT(l)
				:: else ->
					if
					:: best == NONE || s < best_stamp -> best = l; best_head = h; best_stamp = s
					:: else
					fi;
					remember(l, s)
				fi;
				h = 0;
				s = 0
			}
		:: else
		fi;
		l++
	od;
	l = 0;
#ifdef FAULT_TIME_AFTER_THE_LOOKS
	rest = ticket;
#endif
	if
	:: best == NONE -> goto look_at_everything
	:: else
	fi;
	if
	#define MAY(lane) (bare == BIT(lane) && (roster & IN(lane)))
	:: atomic { dismissals < DISMISS && (MAY(0) || MAY(1)) -> dismissals++ };
		if
		:: bare == 1 -> dismiss(0)
		:: bare == 2 -> dismiss(1)
		fi
	:: true
	fi;
	if
	:: best_stamp <= rest -> goto choose
	:: best_stamp <= rest && (bound[0] == NONE || bound[1] == NONE) -> goto stay /* no other lane was read since */
	:: else
	fi;
	/* nothing_came() */
#ifndef FAULT_EMPTY_LANES_FORGOTTEN
	do
	:: l == LANES -> l = 0; break
	:: else ->
		if
		:: bare & BIT(l) ->
			lane_look(l);
			if
			:: h != NONE -> goto choose
			:: else -> h = 0
			fi
		:: else
		fi;
		l++
	od;
#endif
#ifndef FAULT_ROSTER_ONCE
	if /* R3 */
	:: roster != in -> goto choose
	:: else
	fi;
#endif
#ifndef FAULT_NEW_LANES_FORGOTTEN
	if
	:: lanes_used != used -> goto choose
	:: else
	fi;
#endif
stay:	skip;
	d_step { lane = best; watermark = rest; used = 0; in = 0; bare = 0; best_stamp = 0; l = 0; h = 0 };

claim:	atomic { /* G3 */
		if
		:: head[best] == best_head ->
			s = RECORD(best, best_head);
			assert(!before[s]);
			take(best, s)
		:: else -> goto choose
		fi
	};
	goto again;

look_at_everything:
	skip;
	/* find_unlisted() */
	d_step { l = 0; h = 0; in = 0; bare = 0; best = 0 };
#ifndef FAULT_ROSTER_IS_TRUSTED
	do
	:: !UNLISTED || l >= lanes_used -> break
	:: else ->
		lane_look(l);
		if
		:: h != NONE -> atomic {
				if
				:: (roster & (IN(l) | SURE(l))) != (IN(l) | SURE(l)) ->
					roster = (roster | IN(l) | SURE(l)) + VERSION
				:: else
				fi
			};
			goto choose
		:: else -> h = 0
		fi;
		l++
	od;
#endif
	/* was_empty() */
	skip;
	d_step { l = 0; heads = 0; h = 0 };
	used = lanes_used;
	all_empty(1);
#ifndef FAULT_ONE_LOOK_AT_ALL
	all_empty(-1);
	if
	:: heads != 0 || used != lanes_used -> goto choose
	:: else
	fi;
#endif
	assert(was_empty);
	moved = 1;
	goto again;

out:	skip;
	d_step {
		used = 0; in = 0; l = 0; h = 0; s = 0; w = 0; bare = 0; heads = 0;
		best = 0; best_head = 0; best_stamp = 0;
		bound[0] = 0; bound[1] = 0; rest = 0; watermark = 0; lane = 0; was_empty = 0; moved = 1
	}
}

init
{
	atomic {
		if
		:: SETTLED -> roster = 15; lanes_used = 2 /* as after a while */
		:: else
		fi;
		run producer(0, PUTS0);
		run producer(1, PUTS1);
		run consumer()
	}
}
