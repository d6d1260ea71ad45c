/* SPDX-License-Identifier: MIT */

/*
 * Peek in total order: rq_choose_pin() and look_at_peeked() of merge.c, rq_choose_may_stay() of next.h, peek() of
 * queue/get_many.c.
 *
 * Two lanes, a producer each. How a consumer finds what it may take is order.pml's; here it chooses, at any instant, any
 * record before which none must come, and takes it later. What must come before a record is what was over when its put
 * began. Getters and peekers may stop anywhere for good.
 *
 * What must hold: what a peek says is the first. While it is not taken, no peek that returns later says another, and no
 * get that begins later takes another, nor one whose put began later any get.
 *
 *   PUTS0, PUTS1   records of each lane
 *   PEEKERS        processes that peek once
 *   GETTERS        processes that get GETS times
 *   SETTLED        1: both lanes have been in use and in the roster for long
 *
 * RUN: -DPUTS0=2 -DPUTS1=1 -DPEEKERS=1 -DGETTERS=2 -DGETS=1 -DSETTLED=0
 * RUN: -DPUTS0=1 -DPUTS1=1 -DPEEKERS=2 -DGETTERS=1 -DGETS=1 -DSETTLED=0
 * RUN: -DPUTS0=2 -DPUTS1=1 -DPEEKERS=2 -DGETTERS=1 -DGETS=2 -DSETTLED=1
 * ONLY FAULTS: -DPUTS0=2 -DPUTS1=1 -DPEEKERS=3 -DGETTERS=1 -DGETS=1 -DSETTLED=1
 */

#define LANES 2
#define MOST 4 /* records of a lane */
#define NONE 15

/* Records are numbered by lane * MOST + place in the lane. */
#define RECORD(lane, n) ((lane) * MOST + (n))
#define BIT(r) (1 << (r))

byte lanes_used;     /* rq_queue_shared.lanes_used */
byte head[LANES];    /* records taken from the lane */
byte tail[LANES];    /* records published */
bit listed[LANES];   /* whether the roster has the lane */
byte peeked;         /* rq_queue_shared.peeked: version << 1 | lane */
byte of_lane[LANES]; /* rq_lane.peeked */

/* What an onlooker knows. */
byte over;           /* records that wait and whose puts are over, or as good as that: whoever looks finds them */
byte before[8];      /* of a record: those that waited so when its put began, and still wait */
byte seen = NONE;    /* what the last peek that has returned said */

#define WAITS(r) ((r) != NONE && head[(r) / MOST] <= (r) % MOST)
#define MAY_TAKE(lane) (head[lane] < tail[lane] && !before[RECORD(lane, head[lane])])
#define NAMES(word) (head[(word) & 1] == of_lane[(word) & 1] && head[(word) & 1] < tail[(word) & 1])

/* R1, of the producer or on its behalf */
inline list(lane, n)
{
	d_step {
		listed[lane] = 1;
		if
		:: head[lane] <= n -> over = over | BIT(RECORD(lane, n))
		:: else
		fi
	}
}

/* ringq_put() */
proctype producer(byte lane; byte puts)
{
	byte n;
	atomic { /* show_lane() */
		if
		:: lanes_used <= lane -> lanes_used = lane + 1
		:: else
		fi
	};
	do
	:: n == puts -> break
	:: else ->
		before[RECORD(lane, n)] = over;
		d_step {
			tail[lane]++; /* P */
			if
			:: listed[lane] -> over = over | BIT(RECORD(lane, n))
			:: else
			fi
		};
		list(lane, n);
		n++
	od
}

/* ringq_get() */
proctype getter()
{
	byte n, word, known, lane, h, r, forced, w;
again:	skip;
	d_step { word = 0; lane = 0; h = 0; r = 0; w = 0 };
	if
	:: n == GETS -> goto out
	:: else
	fi;
	forced = seen;

	/* get_at_once() */
	if
	:: atomic { MAY_TAKE(0) -> lane = 0; h = head[0] };
		goto stay
	:: atomic { MAY_TAKE(1) -> lane = 1; h = head[1] };
		goto stay
	:: true
	fi;

choose:	skip;
	d_step { word = 0; lane = 0; h = 0; r = 0 };
#ifndef FAULT_PEEKED_IS_IGNORED
	word = peeked; /* L3 */
	if
	:: word != known ->
		h = of_lane[word & 1];
#ifdef FAULT_PEEKED_FOR_EVER
		if
		:: head[word & 1] < tail[word & 1] -> lane = word & 1; h = head[lane]; goto claim
#else
		if
		:: atomic { head[word & 1] == h && h < tail[word & 1] -> lane = word & 1 };
			goto claim
#endif
		:: else -> known = word; h = 0
		fi
	:: else
	fi;
#endif
	if
	:: atomic { MAY_TAKE(0) -> lane = 0; h = head[0] }
	:: atomic { MAY_TAKE(1) -> lane = 1; h = head[1] }
	:: goto out /* it may find none: what matters here is what it takes */
	fi;
	goto claim;

stay:	skip;
#ifndef FAULT_HORIZON_WHATEVER_IS_PEEKED
	if
	:: peeked != known -> goto choose /* L4 */
	:: else
	fi;
#endif

claim:	atomic { /* G3 */
		if
		:: head[lane] == h ->
			r = RECORD(lane, h);
			assert(!before[r]);
			assert(!WAITS(forced) || forced == r);
			d_step {
				head[lane]++;
				over = over & ~BIT(r);
				for (w : 0 .. 7) {
					before[w] = before[w] & ~BIT(r)
				}
			};
			n++
		:: else -> goto choose
		fi
	};
	goto again;

out:	skip;
	d_step { n = 0; word = 0; known = 0; lane = 0; h = 0; r = 0; forced = 0; w = 0 }
}

/* ringq_peek() */
proctype peeker()
{
	byte word, lane, h, was, r, forced;
	forced = seen;
again:	skip;
	d_step { word = 0; lane = 0; h = 0; was = 0; r = 0 };
#ifndef FAULT_PEEK_READS_THE_WORD_LATE
	word = peeked;
#endif
	/* rq_choose() */
	if
	:: atomic { peeked && NAMES(peeked) -> lane = peeked & 1; h = head[lane] }
	:: atomic { !(peeked && NAMES(peeked)) && MAY_TAKE(0) -> lane = 0; h = head[0] }
	:: atomic { !(peeked && NAMES(peeked)) && MAY_TAKE(1) -> lane = 1; h = head[1] }
	:: goto out
	fi;
	r = RECORD(lane, h);
#ifdef FAULT_PEEK_READS_THE_WORD_LATE
	word = peeked;
#endif
#ifndef FAULT_PEEK_OF_AN_UNLISTED_LANE
	list(lane, h);
#endif
	was = of_lane[lane];
#ifndef FAULT_PEEK_TAKES_HEAD_ON_TRUST
	if
	:: head[lane] != h -> goto again
	:: else
	fi;
#endif
	if
#ifdef FAULT_PEEK_OF_ANY_LONE_RECORD
	:: tail[1 - lane] == head[1 - lane] -> goto say
#else
	:: lanes_used == 1 -> goto say
#endif
	:: else
	fi;
#ifndef FAULT_PEEK_WITHOUT_HOLDING
	atomic { /* L1 */
		if
#ifdef FAULT_PEEK_WRITES_LATE
		:: true -> of_lane[lane] = h
#else
		:: of_lane[lane] == was -> of_lane[lane] = h
		:: else -> goto again
#endif
		fi
	};
#ifdef FAULT_PEEK_OF_THE_SAME_CHANGES_NOTHING
	if
	:: word && (word & 1) == lane && was == h -> goto say
	:: else
	fi;
#endif
	atomic { /* L2 */
		if
		:: peeked == word -> peeked = (((word >> 1) + 1) << 1) | lane
		:: else -> goto again
		fi
	};
#endif

say:	atomic {
		assert(!before[r]);
		assert(!WAITS(forced) || forced == r);
		assert(!WAITS(seen) || !WAITS(r) || seen == r);
		seen = r
	};
out:	skip;
	d_step { word = 0; lane = 0; h = 0; was = 0; r = 0; forced = 0 }
}

init
{
	atomic {
		if
		:: SETTLED -> lanes_used = 2; listed[0] = 1; listed[1] = 1
		:: else
		fi;
		run producer(0, PUTS0);
		run producer(1, PUTS1);
		run getter();
		if
		:: GETTERS > 1 -> run getter()
		:: else
		fi;
		run peeker();
		if
		:: PEEKERS > 1 -> run peeker()
		:: else
		fi;
		if
		:: PEEKERS > 2 -> run peeker()
		:: else
		fi
	}
}
