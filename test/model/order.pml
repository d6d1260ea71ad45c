/* SPDX-License-Identifier: MIT */

/*
 * Total order: ringq/src/choose.c, roster.c, published() and stamp_for() of queue_put.c.
 *
 * Each producer has a lane; lane 0 has the ring of two places in which it goes round, so that a stamp can be overwritten
 * under who reads it. The shared ticket is the clock. A publish stays in its producer's store buffer until the memory
 * takes it, its put returns, or membarrier waits for it; a put that has returned is one that others may know of, as by
 * a message. Any producer may stop anywhere for good: then it is simply not chosen again.
 *
 * What must hold: when a record is taken, no record whose put was over before this one's began is still in the queue; when
 * a get says empty, there was an instant inside it at which every record whose put was over had been taken.
 *
 * A consumer dismisses idle lanes whenever it likes. Lanes are claimed by CAS, so a look may be stale.
 *
 * RUN: -DPUTS0=2 -DPUTS1=1 -DCONSUMERS=1 -DDISMISS=1
 * ONLY FAULTS: -DPUTS0=2 -DPUTS1=2 -DCONSUMERS=1 -DDISMISS=1
 * ONLY FAULTS: -DPUTS0=3 -DPUTS1=1 -DCONSUMERS=2 -DDISMISS=0
 */

#define LANES 2
#define MOST 4 /* records */
#define RING 2
#define NONE 15

/* Records are numbered by lane * MOST + place in the lane. */
#define RECORD(lane, n) ((lane) * MOST + (n))

byte ticket;          /* header.ticket */
byte lanes_used;      /* rq_queue_shared.lanes_used */
byte head[LANES];     /* records taken from the lane */
byte tail[LANES];     /* records published, as all see it */
bit buffer[LANES];    /* one more, as only its producer sees it */
byte stamps[4];       /* lane * RING + place: what lies there, whichever record it is of */
byte roster;          /* lane's bits: IN << 2 * lane, SURE << 2 * lane; and above, 4 bits of version */

#define IN(lane) (1 << (2 * (lane)))
#define SURE(lane) (2 << (2 * (lane)))
#define VERSION 16

/* What an onlooker knows. before[r]: those whose puts were over before the put of r began, and all that were before. */
byte over;                  /* lane 0: bits 0 to 3, lane 1: bits 4 to 7 */
byte taken;
byte dismissals;
byte before[8];
bit was_empty[2];           /* whether there was such an instant in the get of a consumer that began last */

#define BIT(r) (1 << (r))
#define ALL ((BIT(PUTS0) - 1) + ((BIT(PUTS1) - 1) << MOST))

inline note_emptiness()
{
	if
	:: !(over & ~taken) -> was_empty[0] = 1; was_empty[1] = 1
	:: else
	fi
}

/* ringq_put() */
proctype producer(byte lane; byte puts)
{
	byte n, w, s;
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
		atomic { tail[lane] - head[lane] < RING; before[RECORD(lane, n)] = over };
		/* stamp_for() */
#ifdef FAULT_STAMP_AFTER_PUBLISH
		s = 0;
#else
		atomic {
			if
#ifdef FAULT_NEVER_STAMP
			:: true -> s = 0
#else
			:: lanes_used == 1 -> s = 0
#endif
			:: else -> ticket++; s = ticket
			fi
		};
#endif
		stamps[lane * RING + n % RING] = s;
		buffer[lane] = 1; /* P */
#ifdef FAULT_STAMP_AFTER_PUBLISH
		ticket++;
		stamps[lane * RING + n % RING] = ticket;
#endif
		/* rq_roster_published() */
		w = roster;
#ifndef FAULT_NO_ROSTER
		if
		:: (w & (IN(lane) | SURE(lane))) != (IN(lane) | SURE(lane)) ->
			atomic { /* R1: a full CAS */
				!buffer[lane];
				roster = (roster | IN(lane) | SURE(lane)) + VERSION
			}
		:: else
		fi;
#endif
		atomic { !buffer[lane] -> over = over | BIT(RECORD(lane, n)); n++; w = 0; s = 0 }
	od
}

/* Stores reach the memory at any time. */
active proctype memory()
{
end:	do
	:: atomic { buffer[0] -> buffer[0] = 0; tail[0]++ }
	:: atomic { buffer[1] -> buffer[1] = 0; tail[1]++ }
	od
}

/* rq_lane_look(): h is where head is, NONE if there is nothing. An empty lane's head is looked at again. */
inline lane_look(lane, h)
{
	atomic {
		if
		:: head[lane] < tail[lane] -> h = head[lane]
		:: else -> h = NONE
		fi
	}
}

/* rq_roster_dismiss() of what was found empty */
inline dismiss(lane)
{
	d = roster;
#ifdef FAULT_DISMISS_AT_ONCE
	atomic {
		if
		:: roster == d -> roster = (d & ~(IN(lane) | SURE(lane))) + VERSION; d = 0
		:: else -> d = NONE
		fi
	};
#else
	atomic { /* D1 */
		if
		:: roster == d -> roster = (d & ~SURE(lane)) + VERSION; d = roster
		:: else -> d = 0
		fi
	};
	if
	:: d ->
#ifndef FAULT_NO_BARRIER
		!buffer[0]; /* D2 */
		!buffer[1];
#endif
#ifndef FAULT_DISMISS_WITHOUT_LOOKING
		lane_look(lane, h);
#else
		h = NONE;
#endif
		atomic { /* D3 */
			if
#ifdef FAULT_DISMISS_WHATEVER_CAME
			:: h == NONE -> roster = (roster & ~IN(lane)) + VERSION
#else
			:: h == NONE && roster == d -> roster = (d & ~IN(lane)) + VERSION
#endif
			:: else
			fi;
			h = 0;
			d = 0
		}
	:: else
	fi
#endif
}

/* ringq_get(): find(), choose_oldest(), rq_lane_claim(), until there is nothing. */
proctype consumer(byte me)
{
	byte used, in, l, h, s, best, best_head, best_stamp, bare, d;
	byte heads;
again:	skip;
	d_step { used = 0; in = 0; l = 0; h = 0; s = 0; best = NONE; best_head = 0; best_stamp = 0; bare = 0; d = 0; heads = 0 };
	if
	:: taken == ALL -> goto out
	:: else
	fi;
	atomic { was_empty[me] = 0; note_emptiness() };
look:	skip;
	d_step { l = 0; h = 0; s = 0; best = NONE; best_head = 0; best_stamp = 0; bare = 0; heads = 0 };
	/* oldest() */
	used = lanes_used;
	if
	:: used == 1 -> /* rq_choose(): with one lane there is nothing to merge */
		lane_look(0, h);
		if
		:: h == NONE -> goto look_at_all
		:: else -> best = 0; best_head = h
		fi;
#ifndef FAULT_ONE_LANE_FOR_EVER
		if
		:: lanes_used == 1 -> goto claim
		:: else -> goto look
		fi
#else
		goto claim
#endif
	:: used == 0 -> goto look_at_all
	:: used == 2
	fi;
	in = roster;
	l = 0;
	do
	:: l == LANES -> break
	:: else ->
		if
		:: in & IN(l) ->
			lane_look(l, h);
			if
			:: h == NONE -> bare = bare | BIT(l)
			:: else ->
				s = stamps[l * RING + h % RING]; /* rq_record_at(): another load, after a while */
#ifndef FAULT_STALE_STAMP
				if /* look_with_stamp(): rq_view_is_current() */
				:: head[l] != h -> goto look
				:: else
				fi;
#endif
				if
				:: best == NONE || s < best_stamp -> d_step { best = l; best_head = h; best_stamp = s; s = 0; h = 0 }
				:: else -> d_step { s = 0; h = 0 }
				fi
			fi
		:: else
		fi;
		l++
	od;
	l = 0; h = 0; s = 0;
	if
	:: best == NONE -> goto look_at_all
	:: else
	fi;
	/* nothing_came() */
#ifndef FAULT_LOOK_ONCE
	do
	:: l == LANES -> break
	:: else ->
		if
		:: bare & BIT(l) ->
			lane_look(l, h);
			if
			:: h != NONE -> goto look
			:: else
			fi
		:: else
		fi;
		l++
	od;
	l = 0; h = 0;
#endif
#ifndef FAULT_ROSTER_ONCE
	if
	:: roster != in -> goto look
	:: else
	fi;
#endif
	if
	:: lanes_used != used -> goto look
	:: else
	fi;
	if
	#define MAY(lane) (bare == BIT(lane) && (roster & IN(lane)))
	:: atomic { dismissals < DISMISS && (MAY(0) || MAY(1)) -> dismissals++ };
		if
		:: bare == 1 -> dismiss(0)
		:: bare == 2 -> dismiss(1)
		:: else
		fi
	:: true
	fi;
	d_step { in = 0; bare = 0; l = 0; h = 0 };
claim:
	atomic { /* G3 */
		if
		:: head[best] == best_head ->
			head[best]++;
			taken = taken | BIT(RECORD(best, best_head));
			assert(!(before[RECORD(best, best_head)] & ~taken));
			note_emptiness()
		:: else -> goto look
		fi
	};
	if
	:: me -> goto out /* one get is enough of the second */
	:: else -> goto again
	fi;
look_at_all:
	if
	:: CONSUMERS == 2 -> tail[0] > head[0] || tail[1] > head[1] || taken == ALL; goto again /* the other run has the rest */
	:: else
	fi;
	/* find_unlisted() */
	l = 0;
	do
	:: l >= lanes_used -> break
	:: else ->
		lane_look(l, h);
		if
		:: h != NONE -> atomic {
				if
				:: (roster & (IN(l) | SURE(l))) != (IN(l) | SURE(l)) -> roster = (roster | IN(l) | SURE(l)) + VERSION
				:: else
				fi
			};
			goto look
		:: else
		fi;
		l++
	od;
	/* was_empty(): all_empty() twice */
	used = lanes_used;
	d_step { l = 0; heads = 0 };
	do
	:: l == used -> break
	:: else ->
		lane_look(l, h);
		if
		:: h != NONE -> goto look
		:: else -> heads = heads + head[l]
		fi;
		l++
	od;
	l = 0;
	do
	:: l == used -> break
	:: else ->
		lane_look(l, h);
		if
		:: h != NONE -> goto look
		:: else -> heads = heads - head[l]
		fi;
		l++
	od;
	if
	:: heads != 0 || used != lanes_used -> goto look
	:: else
	fi;
	assert(was_empty[me]);
	if
	:: me -> goto out
	:: else -> goto again
	fi;
out:	skip;
	d_step { used = 0; in = 0; l = 0; h = 0; s = 0; best = 0; best_head = 0; best_stamp = 0; bare = 0; d = 0; heads = 0 }
}

init
{
	atomic {
		if
		:: !DISMISS -> roster = 15; lanes_used = 2 /* as after a while */
		:: else
		fi;
		run producer(0, PUTS0);
		run producer(1, PUTS1);
		run consumer(0);
		if
		:: CONSUMERS == 2 -> run consumer(1)
		:: else
		fi
	}
}
