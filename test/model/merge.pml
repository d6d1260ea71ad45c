/* SPDX-License-Identifier: MIT */

/*
 * The merge of several lanes in total order: merge.c of ringq/src/order, rq_choose_may_stay() of next.h.
 *
 * order.pml has two lanes, with all that can happen to each; here are three, as it takes three for one to be left out of what
 * a consumer remembers, and for the second oldest of what it remembers to be another than the oldest and the last. All lanes
 * are in the roster, for good, nothing is peeked, and stores come at once: of a put there are two steps, one in which it
 * begins and has its stamp, one in which its record is there and the put is over. In between, where a put has begun
 * before or is over later, less is asked for.
 *
 * One consumer does what merge.c does, and keeps what it has learned from one get to the next. Rivals take, at any time,
 * whatever may be taken.
 *
 * What must hold: when a record is taken, no record whose put was over before this one's began is still in the queue; when
 * a get says empty, there was an instant inside it at which the queue was; and gets come to an end when nothing moves.
 *
 *   PUTS0, PUTS1, PUTS2   records of each lane
 *   RIVALS                records that rivals may take
 *   LIVE                  lanes that are remembered
 *
 * RUN: -DPUTS0=1 -DPUTS1=1 -DPUTS2=2 -DRIVALS=0 -DLIVE=2
 * RUN: -DPUTS0=1 -DPUTS1=1 -DPUTS2=1 -DRIVALS=1 -DLIVE=2
 * RUN: -DPUTS0=2 -DPUTS1=1 -DPUTS2=1 -DRIVALS=0 -DLIVE=3
 */

#define LANES 3
#define MOST 2 /* records of a lane */
#define RECORDS (LANES * MOST)
#define NONE 15

/* Records are numbered by lane * MOST + place in the lane. */
#define RECORD(lane, n) ((lane) * MOST + (n))
#define BIT(r) (1 << (r))
#define PUTS(lane) ((lane) == 0 -> PUTS0 : ((lane) == 1 -> PUTS1 : PUTS2))

byte ticket; /* the clock */
byte head[LANES];
byte tail[LANES];
byte stamps[RECORDS];

/* What an onlooker knows. */
byte waiting;         /* records that are there, a bit each */
byte before[RECORDS]; /* of a record: those that were there when its put began, and still are */
bit was_empty;        /* whether there was such an instant in the get that began last */
bit moved = 1;        /* whether anything has since the consumer last began to look at all */

#define ALL_TAKEN (head[0] == PUTS0 && head[1] == PUTS1 && head[2] == PUTS2)

/* G3, of the lane's first record */
inline take(lane, r)
{
	d_step {
		r = RECORD(lane, head[lane]);
		assert(!before[r]);
		head[lane]++;
		moved = 1;
		waiting = waiting & ~BIT(r);
		for (w : 0 .. RECORDS - 1) {
			before[w] = before[w] & ~BIT(r)
		}
		w = 0;
		before[r] = 0;
		stamps[r] = 0;
		r = 0;
		was_empty = was_empty || !waiting
	}
}

proctype producer(byte lane)
{
	byte n;
	do
	:: n == PUTS(lane) -> break
	:: else ->
		d_step { ticket++; stamps[RECORD(lane, n)] = ticket; before[RECORD(lane, n)] = waiting };
		d_step { tail[lane]++; waiting = waiting | BIT(RECORD(lane, n)); moved = 1; n++ } /* P */
	od
}

active proctype rivals()
{
	byte n, w, r;
end:	do
	:: atomic { n < RIVALS && head[0] < tail[0] && !before[RECORD(0, head[0])] -> take(0, r); n++ }
	:: atomic { n < RIVALS && head[1] < tail[1] && !before[RECORD(1, head[1])] -> take(1, r); n++ }
	:: atomic { n < RIVALS && head[2] < tail[2] && !before[RECORD(2, head[2])] -> take(2, r); n++ }
	od
}

/* look_at_stamp(): h is where head is, NONE if there is nothing; s the stamp there. */
inline look_at(lane)
{
	d_step {
		if
		:: head[lane] < tail[lane] -> h = head[lane]; s = stamps[RECORD(lane, h)]
		:: else -> h = NONE; s = 0
		fi
	}
}

/* remember(), inside a d_step */
inline remember(lane, stamp)
{
	if
	:: n < LIVE -> bound[n] = stamp; whose[n] = lane; n++
	:: else ->
		at = 0;
		i = 1;
		do
		:: i >= n -> break
		:: else ->
			if
			:: bound[i] > bound[at] -> at = i
			:: else
			fi;
			i++
		od;
#ifndef FAULT_LEFT_OUT_IS_FORGOTTEN
		w = (stamp > bound[at] -> stamp : bound[at]);
		rest = (w < rest -> w : rest);
#endif
		if
		:: stamp < bound[at] -> bound[at] = stamp; whose[at] = lane
		:: else
		fi;
		i = 0; at = 0; w = 0
	fi
}

/* The oldest of what is remembered, o, and what no record after which may pass the others, w. Inside a d_step. */
inline find_oldest()
{
	o = 0;
	w = rest;
	i = 1;
	do
	:: i >= n -> break
	:: else ->
		at = i;
		if
		:: bound[i] < bound[o] ->
#ifndef FAULT_WAS_OLDEST_IS_FORGOTTEN
			at = o;
#endif
			o = i
		:: else
		fi;
		if
		:: at != o && bound[at] < w -> w = bound[at]
		:: else
		fi;
		i++
	od;
	i = 0; at = 0
}

#define FORGET_ALL \
	used = 0; i = 0; l = 0; h = 0; s = 0; w = 0; o = 0; at = 0; bare = 0; heads = 0; best = 0; best_head = 0; \
	best_stamp = 0

/* ringq_get(), until there is nothing */
proctype consumer()
{
	byte bound[LIVE], whose[LIVE], n, rest, watermark, lane = NONE; /* rq_merge */
	byte used, i, l, h, s, w, o, at, best, best_head, best_stamp, bare, heads;

again:	skip;
	d_step { FORGET_ALL };
	if
	:: ALL_TAKEN -> goto out
	:: else
	fi;
	was_empty = !waiting;

	/* rq_choose_again() */
	if
	:: lane == NONE
	:: else ->
		look_at(lane);
		if
		:: h != NONE && s <= watermark -> best = lane; best_head = h; goto claim
		:: else
		fi
	fi;

choose:	skip;
	d_step { FORGET_ALL };
	/* merge() */
	do
	:: n == 0 -> break
	:: else ->
		d_step { find_oldest() };
		if
		:: bound[o] > rest -> break
		:: else
		fi;
		look_at(whose[o]);
		d_step {
			if
#ifdef FAULT_OTHERS_ARE_FORGOTTEN
			:: h != NONE && s <= rest ->
#else
			:: h != NONE && s <= w ->
#endif
				bound[o] = s;
				lane = whose[o];
#ifdef FAULT_WATERMARK_IS_REST
				watermark = rest;
#else
				watermark = w;
#endif
				best = lane;
				best_head = h;
				used = 1
#ifdef FAULT_OTHERS_ARE_FORGOTTEN
			:: h == NONE || s > rest -> n--; bound[o] = bound[n]; whose[o] = whose[n]
#else
#ifdef FAULT_LATER_IS_FORGOTTEN
			:: h == NONE || s > w -> n--; bound[o] = bound[n]; whose[o] = whose[n]
#else
			:: h != NONE && s > w && s <= rest -> bound[o] = s
			:: h == NONE || s > rest -> /* nothing there that `rest` does not know */
				n--;
#ifndef FAULT_THE_LAST_IS_FORGOTTEN
				bound[o] = bound[n]; whose[o] = whose[n];
#endif
				bound[n] = 0; whose[n] = 0
#endif
#endif
			fi;
			h = 0; s = 0; w = 0; o = 0
		};
		if
		:: used -> used = 0; goto claim
		:: else
		fi
	od;

	/* look_at_all() */
	skip;
	d_step {
		FORGET_ALL;
		best = NONE; rest = 0; watermark = 0; moved = 0;
		for (i : 0 .. LIVE - 1) {
			bound[i] = 0;
			whose[i] = 0
		}
		i = 0; n = 0
	};
#ifndef FAULT_TIME_AFTER_THE_LOOKS
	rest = ticket; /* K2 */
#endif
	do
	:: l == LANES -> break
	:: else ->
		look_at(l);
		d_step {
			if
			:: h == NONE -> bare = bare | BIT(l)
			:: else ->
				if
#ifdef FAULT_THE_LAST_IS_BEST
				:: true ->
#else
				:: best == NONE || s < best_stamp ->
#endif
					best = l; best_head = h; best_stamp = s
#ifndef FAULT_THE_LAST_IS_BEST
				:: else
#endif
				fi;
				remember(l, s)
			fi;
			h = 0; s = 0; l++
		}
	od;
#ifdef FAULT_TIME_AFTER_THE_LOOKS
	rest = (ticket > rest -> ticket : rest);
#endif
	l = 0;
	if
	:: best == NONE -> goto look_at_everything
	:: else
	fi;
	if
	:: best_stamp <= rest && n == 1 -> goto stay /* if no other lane was read since */
	:: best_stamp <= rest -> goto choose
	:: else
	fi;
	/* nothing_came() */
	do
	:: l == LANES -> break
	:: else ->
		if
		:: bare & BIT(l) ->
			look_at(l);
			if
			:: h != NONE -> goto choose
			:: else
			fi
		:: else
		fi;
		l++
	od;
stay:	skip;
	d_step { lane = best; watermark = rest; best_stamp = 0; bare = 0; l = 0; h = 0; s = 0 };

claim:	if
	:: atomic { head[best] == best_head -> take(best, l) }
	:: else -> goto choose
	fi;
	goto again;

look_at_everything:
	skip;
	/* rq_lanes_were_empty() */
	d_step { FORGET_ALL };
	do
	:: l == 2 * LANES -> break
	:: else ->
		d_step {
			o = l % LANES;
			h = head[o] < tail[o];
			heads = (l < LANES -> heads + head[o] : heads - head[o]);
			l++
		};
		if
		:: h -> assert(moved); goto choose
		:: else
		fi
	od;
	if
	:: heads != 0 -> goto choose
	:: else
	fi;
	assert(was_empty);
	moved = 1;
	goto again;

out:	skip;
	d_step {
		FORGET_ALL;
		for (i : 0 .. LIVE - 1) {
			bound[i] = 0;
			whose[i] = 0
		}
		i = 0; n = 0; rest = 0; watermark = 0; lane = 0; was_empty = 0; moved = 1
	}
}

init
{
	atomic {
		run producer(0);
		run producer(1);
		run producer(2);
		run consumer()
	}
}
