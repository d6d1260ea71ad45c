/* SPDX-License-Identifier: MIT */

/*
 * Names: ringq/src/region/objects.c, is_garbage() and rq_sweep() of sweep.c.
 *
 * Two creators want the same name. An older object has it, in the second of the name's places, and is deleted at any time;
 * the first place is a stranger's, who is deleted at any time, too. So creators may see either place as theirs, or the third,
 * which is empty. One of them may be killed, at any step; what it has begun is done by the other, or undone by a sweeper, as
 * slowly as they like. Freed units are not used again here: a number is never given twice.
 *
 * What must hold: no object gets the name while another has it; who was told that it has it, has had it; who was refused
 * has met one that had it; what has the name is complete, and is found; who helps the dead comes to an end; what the dead left
 * without its name is freed.
 */

#define CREATORS 2
#define OLD 2
#define STRANGER 3
#define OBJECTS 4
#define PLACES 3
#define NONE 9

#define FREE 0 /* owner words */
#define MEMBER 1
#define UNPLACED 2
#define PLACED 3
#define DELETED 4

byte place[PLACES]; /* 0, or object + 1 */
byte owner[OBJECTS];
byte naming; /* 0, or object + 1 */
bit complete[OBJECTS];
bit killed[CREATORS], dead[CREATORS];
bit told[CREATORS];
bit had[OBJECTS]; /* it has had the name at some time */

/* Whether an object with the name, other than o, has it now. */
#define TAKEN(o) \
	((o != 0 && owner[0] == PLACED) || (o != 1 && owner[1] == PLACED) || (o != OLD && owner[OLD] == PLACED))

/* look_up(): holder is the object that has the name, + 1, or 0; free is the place to take, with the word that it has. */
inline look_up(mine)
{
	p = 0;
	free = NONE;
	holder = 0;
	do
	:: p == PLACES -> break
	:: else ->
		word = place[p];
		if
		:: word == 0 ->
			if
			:: free == NONE -> free = p; old = 0
			:: else
			fi;
			break
		:: else
		fi;
		state = owner[word - 1];
		if
#ifdef FAULT_CANDIDATE_IS_GONE
		:: state != PLACED && free == NONE -> free = p; old = word
#else
		:: state != PLACED && state != UNPLACED && free == NONE -> free = p; old = word
#endif
		:: else
		fi;
		if
		:: mine && word == mine -> free = p; old = word
		:: else
		fi;
		if
		:: word != STRANGER + 1 && state == PLACED -> holder = word; break
		:: else
		fi;
		p++
	od;
	p = 0;
	word = 0;
	state = 0
}

/* settle(): gives the object, of a creator, its name, or refuses it. */
inline settle(id)
{
	do
	:: owner[id - 1] != UNPLACED -> break
	:: atomic { owner[id - 1] == UNPLACED -> assert(complete[id - 1]) };
		look_up(id);
		if
		:: holder == id -> break
		:: holder && holder != id ->
			atomic { /* N5 */
				if
				:: owner[id - 1] == UNPLACED -> owner[id - 1] = MEMBER; assert(had[holder - 1])
				:: else
				fi
			};
			break
		:: else
		fi;
		assert(free != NONE);
		lost = 0;
		atomic { /* N1 */
			if
			:: place[free] == old -> place[free] = id
			:: else -> lost = 1
			fi
		};
		if
		:: lost -> lost = 0
		:: else ->
#ifdef FAULT_DECIDED_BY_STORE
			owner[id - 1] = PLACED; assert(!TAKEN(id - 1)); had[id - 1] = 1;
#else
			atomic { /* N5 */
				if
				:: owner[id - 1] == UNPLACED -> owner[id - 1] = PLACED; assert(!TAKEN(id - 1)); had[id - 1] = 1
				:: else
				fi
			};
#endif
			break
		fi
	od;
	atomic { /* N7 */
		if
		:: naming == id -> naming = 0
		:: else
		fi;
		holder = 0;
		free = NONE;
		old = 0
	}
}

/* rq_object_claim(), rq_object_publish(), get_name() */
proctype creator(byte me)
{
	byte p, word, state, holder, free = NONE, old, id;
	bit lost;
	{
		owner[me] = MEMBER;
		complete[me] = 1;
		owner[me] = UNPLACED; /* N3 */
#ifdef FAULT_NO_TURNS
		id = me + 1;
		settle(id);
#else
		do
		:: owner[me] != UNPLACED -> break
		:: else ->
			id = naming; /* N6 */
			if
			:: id -> settle(id)
			:: else ->
				atomic { /* N6 */
					if
					:: naming == 0 -> naming = me + 1
					:: else
					fi
				}
			fi
		od;
#endif
		atomic { /* N7 */
			if
			:: naming == me + 1 -> naming = 0
			:: else
			fi
		};
		if
		:: owner[me] == MEMBER -> /* withdraw() */
			complete[me] = 0;
			owner[me] = FREE
		:: else -> told[me] = 1
		fi
	} unless { d_step { killed[me] -> p = 0; word = 0; state = 0; holder = 0; free = NONE; old = 0; lost = 0; id = 0 } }
}

/* ringq_queue_delete() */
active proctype deleter()
{
	do
	:: atomic { owner[OLD] == PLACED -> owner[OLD] = DELETED }
	:: atomic { owner[STRANGER] == PLACED -> owner[STRANGER] = DELETED }
	:: atomic { owner[0] == PLACED -> owner[0] = DELETED }; break
	:: break
	od
}

/* is_garbage() of what a creator has, then a CAS. */
inline sweep(u)
{
	was = owner[u];
	bad = 0;
	if
#ifdef FAULT_SWEEP_THE_LIVING
	:: was == MEMBER || was == UNPLACED -> bad = 1
#else
	:: was == MEMBER || was == UNPLACED -> bad = dead[u]
#endif
	:: else
	fi;
	atomic {
		if
#ifdef FAULT_SWEEP_NONE
		:: false
#else
		:: bad && owner[u] == was ->
			owner[u] = FREE;
			complete[u] = 0;
			assert(!told[u] && dead[u])
#endif
		:: else
		fi;
		bad = 0;
		was = 0
	}
}

active proctype sweeper()
{
	byte p, word, state, holder, free = NONE, old, was;
	bit bad;
	sweep(0);
	timeout;
	sweep(0);
	look_up(0);
	/* All is quiet: who has the name is found, nothing else is left but what was deleted. */
	assert(holder == 0 || owner[holder - 1] == PLACED);
	assert(holder || !TAKEN(NONE));
	assert(owner[0] == FREE || owner[0] == PLACED || owner[0] == DELETED);
	assert(owner[1] == FREE || owner[1] == PLACED);
	assert(!told[0] || had[0]);
	assert(!told[1] || had[1])
}

active proctype kernel()
{
	if
	:: atomic { killed[0] = 1 }; dead[0] = 1
	:: true
	fi
}

init
{
	atomic {
		owner[OLD] = PLACED;
		complete[OLD] = 1;
		had[OLD] = 1;
		owner[STRANGER] = PLACED;
		place[0] = STRANGER + 1;
		place[1] = OLD + 1;
		run creator(0);
		run creator(1)
	}
}
