#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Packages of Debian for the scripts that need some, which source this: test/run, bench/run, ringq/bridge/demo,
# ringq/debian/build. What fails says in $why what is to be done instead; the script decides whether it can do without.

# Runs a command as root, through sudo if need be.
as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		why="needs root, or sudo, for: $*"
		echo "$why" >&2
		return 1
	fi
}

# Whether these packages could be installed: there is apt-get, with lists as they are now.
apt_update() {
	if ! command -v apt-get >/dev/null; then
		why="there is no apt-get here: install what holds $*, then run again"
	elif ((EUID != 0)) && ! command -v sudo >/dev/null; then
		why="not root and no sudo: ask an administrator to install Debian's packages $*"
	elif ! as_root apt-get update -q </dev/null; then
		why="apt-get update failed: is there a network? Needed: $*"
	else
		return 0
	fi
	return 1
}

# Installs packages, behind apt_update.
apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null && return 0
	# shellcheck disable=SC2034 # for who sources this
	why="apt-get could not install $*"
	return 1
}

apt_install() { apt_update "$@" && apt_get "$@"; }

# The servers of packages that came just now are not to run: what needs one has its own.
stop_new_servers() {
	local package
	for package; do
		case $package in
		rabbitmq-server | redis-server | beanstalkd)
			as_root invoke-rc.d --force "$package" stop </dev/null >/dev/null 2>&1 || true
			[[ $package != rabbitmq-server ]] || as_root epmd -kill </dev/null >/dev/null 2>&1 || true
			;;
		esac
	done
}
