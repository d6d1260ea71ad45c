#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What Meson installs below another root is complete, and works from there: command, library, headers, pages, completion, and
# the Python package if it was built.
#
# usage: install.sh RINGQ BUILD
set -uo pipefail
ringq=$1 build=$2
name=test-install-$$
. "${BASH_SOURCE%/*}/common.sh"

meson=$(command -v meson) || { echo 'no meson'; exit 77; }
DESTDIR=$dir/root "$meson" install -C "$build" --no-rebuild >"$dir/log" 2>&1 || {
	cat "$dir/log"
	fail 'meson install'
}

there() { # PATTERN: a path below the root
	[[ -n $(find "$dir/root" -path "*$1" -print -quit) ]] || fail "not installed: $1"
}

installed=$(find "$dir/root" -path '*/bin/ringq' -print -quit)
library=$(find "$dir/root" -name 'libringq.so.0' -print -quit)
[[ $installed && $library ]] || { fail 'no command, or no library'; exit 1; }
export LD_LIBRARY_PATH=${library%/*}
status 0 "$installed" version
status 0 "$installed" create "$name/q"
echo installed | "$installed" put "$name/q"
status 0 "$installed" get "$name/q" -n 1 --format=text
prints installed
needs=$(readelf -d "$installed" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libringq|libc|libpthread|ld-|libasan|libubsan)')
[[ -z $needs ]] || fail "the command needs $needs"

for header in ringq.h queue.h region.h look.h pipe.h array.h version.h ringq.hpp; do there "/include/ringq/$header"; done
there /pkgconfig/ringq.pc
for schema in list stat top get; do there "/ringq/schema/$schema.json"; done
there /bash-completion/completions/ringq
there /zsh/site-functions/_ringq
there /fish/vendor_completions.d/ringq.fish
if command -v python3 >/dev/null; then
	there /man7/ringq.7
	there /man3/ringq_put.3
fi
if command -v scdoc >/dev/null; then
	there /man1/ringq.1
	for command in $("$installed" --commands); do there "/man1/ringq-$command.1"; done
	if command -v man >/dev/null; then
		pages=$(find "$dir/root" -type d -path '*/man/man1' -print -quit)
		MANPAGER=cat man -M "${pages%/man1}" ringq-put 2>/dev/null | grep -q 'put records' ||
			echo 'man shows nothing here: it may be a stub'
	fi
fi
package=$(find "$dir/root" -path '*/ringq/__init__.py' -print -quit)
if [[ -n $(find "$build/ringq/python" -name '_ringq*.so' -print -quit 2>/dev/null) ]]; then
	[[ $package ]] || fail 'no Python package'
	extension=$(find "${package%/*}" -name '_ringq*.so' -print -quit)
	python=python3
	[[ $extension != *cpython-3* ]] || python=$(sed -nE 's/.*cpython-3([0-9]+)-.*/python3.\1/p' <<<"$extension")
	if command -v "$python" >/dev/null && [[ -z ${ASAN_LIBRARY-} ]]; then
		PYTHONPATH=${package%/ringq/__init__.py} "$python" -c 'import ringq; q = ringq.Queue(); q.put(1); assert q.get() == 1' ||
			fail 'the installed Python package'
	fi
	# Debian's interpreter finds it where it is, in /usr and /usr/local.
	found=${package#"$dir/root"}
	if [[ $found == /usr/*/dist-packages/* ]]; then
		/usr/bin/python3 -c 'import sys; sys.exit(sys.argv[1] not in sys.path)' "${found%/ringq/__init__.py}" ||
			fail "${found%/ringq/__init__.py} is not where /usr/bin/python3 looks"
	fi
fi
exit $failed
