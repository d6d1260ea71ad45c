/* SPDX-License-Identifier: MIT */

/*
 * Names: ringq/src/region/objects.c, is_garbage() and rq_sweep() of sweep.c.
 *
 * Two creators want the same name, whose two first places in the hash table are free; a stranger's name has the same
 * hash and takes a place at any time. One creator is killed, at any step. A sweeper reads owner words and names, and
 * frees what nobody can have, as slowly as it likes; freed units are not used again here, so that what was an object
 * for anybody must stay one.
 *
 * What must hold: at most one of them has the name; who was told that it has it, has it; an object that anybody found by
 * its name is complete and is never freed; what the dead left and no place has, is freed by a sweep when all is quiet.
 */

#define CREATORS 2
#define PLACES 4
#define STRANGER 9

#define FREE 0 /* owner words */
#define MEMBER 1
#define OBJECT 2

byte place[PLACES]; /* 0, or creator + 1 of the object there, or STRANGER */
byte owner[CREATORS];
bit complete[CREATORS]; /* its constants and its name are written */
bit killed[CREATORS], dead[CREATORS];
bit told[CREATORS]; /* it was told that it has the name */
byte found = 15;    /* the object that was found by name */

/* find_or_take(): along the places. mine: 0, or the word to put. holder: the word found, or 0: none. */
inline find_or_take(mine)
{
	p = 0;
	holder = 0;
	do
	:: p == PLACES -> break /* not reached: -ENOSPC is not what this is about */
	:: else ->
		word = place[p];
		if
		:: word == 0 && mine == 0 -> break
		:: else
		fi;
#ifdef FAULT_NAME_BY_STORE
		if
		:: word == 0 -> place[p] = mine; word = mine
		:: else
		fi;
#else
		atomic { /* the CAS that decides; word is what is there if it fails */
			if
			:: word == 0 && place[p] == 0 -> place[p] = mine; word = mine
			:: word == 0 && place[p] != 0 ->
#ifdef FAULT_LOST_PLACE_IS_NOT_READ
				word = STRANGER
#else
				word = place[p]
#endif
			:: else
			fi
		};
#endif
		if
		:: word != STRANGER -> /* has_name() */
			assert(owner[word - 1] == OBJECT && complete[word - 1]);
			holder = word;
			break
		:: else -> p++
		fi
	od;
	p = 0;
	word = 0
}

/* rq_object_claim(), rq_object_publish() */
proctype creator(byte me)
{
	byte p, word, holder;
	{
		owner[me] = MEMBER;
#ifdef FAULT_NAME_BEFORE_OBJECT
		find_or_take(me + 1);
		complete[me] = 1;
		owner[me] = OBJECT;
#else
		complete[me] = 1;
		owner[me] = OBJECT; /* release */
		find_or_take(me + 1);
#endif
		if
		:: holder == me + 1 -> told[me] = 1
		:: else -> /* withdraw(), rq_object_drop() */
			owner[me] = MEMBER;
			complete[me] = 0;
			owner[me] = FREE
		fi
	} unless { d_step { killed[me] -> p = 0; word = 0; holder = 0 } }
}

active proctype stranger()
{
	if
	:: atomic { place[0] == 0 -> place[0] = STRANGER }
	:: atomic { place[1] == 0 && place[0] -> place[1] = STRANGER }
	:: true
	fi
}

/* rq_object_find() */
active proctype opener()
{
	byte p, word, holder;
	find_or_take(0);
	if
	:: holder -> found = holder - 1
	:: else
	fi
}

/* rq_units_sweep() of one unit: is_garbage(), then a CAS. */
inline sweep(u)
{
	was = owner[u];
	bad = 0;
	if
	:: was == MEMBER -> bad = dead[u]
	:: was == OBJECT -> /* rq_object_is_garbage(): dead first, then not placed */
#ifdef FAULT_SWEEP_THE_LIVING
		find_or_take(0);
		bad = holder != u + 1
#else
#ifdef FAULT_PLACE_BEFORE_DEATH
		find_or_take(0);
		bad = holder != u + 1 && dead[u]
#else
		if
		:: dead[u] ->
			find_or_take(0);
			bad = holder != u + 1
		:: else
		fi
#endif
#endif
	:: else
	fi;
	holder = 0;
	atomic {
		if
#ifdef FAULT_SWEEP_NONE
		:: false
#else
		:: bad && owner[u] == was ->
			owner[u] = FREE;
			complete[u] = 0;
			assert(!told[u] && found != u)
#endif
		:: else
		fi;
		bad = 0;
		was = 0
	}
}

active proctype sweeper()
{
	byte p, word, holder, was;
	bit bad;
	sweep(0);
	timeout;
	sweep(0);
	sweep(1);
	find_or_take(0);
	/* All is quiet: one has the name, nothing else is left. */
	assert(holder && told[0] + told[1] <= 1);
	assert((owner[0] != FREE) + (owner[1] != FREE) == 1);
	assert(!told[0] || holder == 1);
	assert(!told[1] || holder == 2);
	assert(found == 15 || found == holder - 1)
}

active proctype kernel()
{
	if
	:: atomic { killed[0] = 1 }; dead[0] = 1
	:: atomic { killed[1] = 1 }; dead[1] = 1
	:: true
	fi
}

init
{
	atomic { run creator(0); run creator(1) }
}
