/* SPDX-License-Identifier: MIT */
/* The subcommands, in the order in which help shows them; COMMAND(name) is the includer's. */
COMMAND(list)
COMMAND(stat)
COMMAND(who)
COMMAND(peek)
COMMAND(tail)
COMMAND(get)
COMMAND(put)
COMMAND(create)
COMMAND(close)
COMMAND(unlink)
COMMAND(version)
