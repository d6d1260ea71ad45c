#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds a small program with ringq in each of the ways that users have: as a Meson subproject, shared, static and optimized at
# link time, found by the name that the project provides; installed under a prefix of its own with DESTDIR, and moved, by
# pkg-config and by CMake. Two builds of the library in different folders are the same, bit by bit.
# Usage: consumers.sh TREE WORK
set -euo pipefail

tree=$(realpath "$1")
rm -rf "$2"
mkdir -p "$2"
work=$(realpath "$2")
options=(-Dtests=disabled -Dbench=disabled -Dexamples=disabled -Dpython=disabled -Dtool=disabled -Dbridge=disabled)
# What the test's own environment says is of no use to other builds.
unset CFLAGS LDFLAGS DESTDIR

quietly() { "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; echo "failed: $*"; exit 1; }; }

cat >"$work/program.c" <<'END'
#include <stdio.h>
#include <ringq/ringq.h>

int main(void)
{
	ringq_queue *queue;
	int number = 41;

	if (ringq_queue_create(&queue, NULL, NULL) < 0 || ringq_put(queue, &number, sizeof(number), RINGQ_NOWAIT) < 0 ||
		ringq_get(queue, &number, sizeof(number), RINGQ_NOWAIT) != sizeof(number))
		return 1;
	ringq_queue_release(queue);
	return printf("got %d\n", number + 1) < 0;
}
END

runs() { [[ $(LD_LIBRARY_PATH=${2-} "$1") == 'got 42' ]] || { echo "$1 does not run"; exit 1; }; }
is_shared() { readelf -d "$1" | grep -q 'NEEDED.*libringq\.so\.0'; }

# The folder of the subproject is a link, as a wrap file would make it. There is no ringq on the system that would be found first:
# the fallback is forced.
as_subproject() {
	local name=$1 dir=$work/$1
	shift
	mkdir -p "$dir/subprojects"
	ln -s "$tree" "$dir/subprojects/ringq"
	cp "$work/program.c" "$dir/"
	cat >"$dir/meson.build" <<-'END'
		project('consumer', 'c', default_options: ['c_std=c11'])
		ringq = dependency('ringq', version: '>=0.2', fallback: 'ringq')
		executable('program', 'program.c', dependencies: ringq)
	END
	quietly meson setup "$dir/build" "$dir" --wrap-mode=forcefallback "${options[@]/#-D/-Dringq:}" "$@"
	quietly ninja -C "$dir/build" program
	runs "$dir/build/program"
	echo "as a subproject, $name: runs"
}

as_subproject shared
is_shared "$work/shared/build/program"
# Both libraries are there: only the program is linked anew.
quietly meson configure "$work/shared/build" -Ddefault_library=static -Dringq:default_library=static
quietly ninja -C "$work/shared/build" program
runs "$work/shared/build/program"
if is_shared "$work/shared/build/program"; then exit 1; fi
echo 'as a subproject, static: runs'
# What release builds are optimized to takes longer, and shows no more of this.
as_subproject optimized --default-library=static --buildtype=release -Doptimization=1 -Db_lto=true

# --- Installed ---

for copy in one two; do
	quietly meson setup "$work/lib-$copy" "$tree" --prefix=/opt/of-its-own --buildtype=release -Doptimization=1 "${options[@]}"
	quietly ninja -C "$work/lib-$copy"
done
for file in libringq.so.0 libringq.a; do
	cmp "$work/lib-one/ringq/$file" "$work/lib-two/ringq/$file" || { echo "two builds of $file differ"; exit 1; }
done
echo 'two builds in different folders: the same'

DESTDIR=$work/stage quietly meson install -C "$work/lib-one"
[[ $(ls "$work/stage") == opt ]]
mv "$work/stage/opt/of-its-own" "$work/moved"
libdir=$(dirname "$work"/moved/lib*/libringq.so "$work"/moved/lib/*/libringq.so 2>/dev/null | while read -r d; do [[ -d $d ]] && echo "$d"; done)

# Only this one is found, and all that a program needs comes from what pkg-config says.
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR CPATH C_INCLUDE_PATH LIBRARY_PATH
by_pkg_config() { pkg-config --define-variable=prefix="$work/moved" "$@" ringq; }
build() { cc -o "$work/by-pkg-config" "$work/program.c" "$@" >"$work/log" 2>&1; }
read -ra flags < <(by_pkg_config --cflags --libs)
[[ " ${flags[*]} " == *" -I$work/moved/include "* && " ${flags[*]} " == *" -L$libdir "* ]] ||
	{ echo "pkg-config says ${flags[*]}"; exit 1; }
build "${flags[@]}" || { cat "$work/log"; exit 1; }
runs "$work/by-pkg-config" "$libdir"
is_shared "$work/by-pkg-config"
read -ra flags < <(by_pkg_config --static --cflags --libs)
build -static "${flags[@]}" || { cat "$work/log"; exit 1; }
runs "$work/by-pkg-config"
[[ $(by_pkg_config --modversion) == "$(sed -nE "s/^\tversion: '([0-9.]+)',$/\1/p" "$tree/meson.build")" ]] ||
	{ echo 'pkg-config says another version'; exit 1; }
# This can fail: without the header's folder, without the library, for a version that there is not.
read -ra flags < <(by_pkg_config --libs)
if build "${flags[@]}"; then echo 'the program does not need the headers'; exit 1; fi
read -ra flags < <(by_pkg_config --cflags)
if build "${flags[@]}"; then echo 'the program does not need the library'; exit 1; fi
if pkg-config --exists 'ringq >= 9.9'; then echo 'pkg-config takes a version that there is not'; exit 1; fi
echo 'installed and moved, by pkg-config, shared and static: runs'

if ! command -v cmake >/dev/null; then
	echo 'CMake is missing: its way was left out'
	exit
fi
mkdir "$work/cmake"
cp "$work/program.c" "$work/cmake/"
cat >"$work/cmake/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(consumer C)
find_package(ringq 0.2 REQUIRED)
add_executable(shared program.c)
target_link_libraries(shared ringq::ringq)
add_executable(static program.c)
target_link_libraries(static ringq::static)
END
quietly cmake -S "$work/cmake" -B "$work/cmake/build" "-DCMAKE_PREFIX_PATH=$work/moved"
quietly cmake --build "$work/cmake/build"
runs "$work/cmake/build/shared"
runs "$work/cmake/build/static"
is_shared "$work/cmake/build/shared"
if is_shared "$work/cmake/build/static"; then exit 1; fi
sed -i 's/ringq 0.2/ringq 9.9/' "$work/cmake/CMakeLists.txt"
if cmake -S "$work/cmake" -B "$work/cmake/other" "-DCMAKE_PREFIX_PATH=$work/moved" >"$work/log" 2>&1; then
	echo 'CMake takes a version that there is not'
	exit 1
fi
echo 'installed and moved, by CMake, shared and static: runs'
