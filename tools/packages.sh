# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/need and tools/deps: what is missing for a verb, by the table tools/packages.

# present PROBE
present() {
	case $1 in
	/*)
		for has in $1; do
			[ ! -e "$has" ] || return 0
		done
		return 1 ;;
	*'>='*)
		command -v "${1%%>=*}" >/dev/null || return 1
		has=$("${1%%>=*}" --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9][0-9.]*\).*/\1/p')
		[ "$(printf '%s\n' "${1##*>=}" "$has" | sort -V | head -n 1)" = "${1##*>=}" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# concerns HOST:GUEST: whether a line is for this machine and the architectures asked for
concerns() {
	[ "$1" != - ] || return 0
	case ${1%:*} in
	'*' | "$(uname -m)") ;;
	*) return 1 ;;
	esac
	[ -z "${ARCH:-}" ] || [ "$ARCH" = "${1#*:}" ]
}

# verbs VERB: the words in the table which that verb stands for
verbs() {
	case $1 in
	all) echo fetch tree export apply build qemu qemu-tags tag-storage gdb check mbox deps ;;
	boot | run | shell | test | controls | test-controls) echo fetch tree build qemu ;;
	gdb) echo fetch tree build qemu gdb ;;
	image | guest) echo fetch tree build ;;
	apply-matrix) echo fetch apply-matrix ;;
	build | check | tree | mbox) echo fetch tree "$1" ;;
	mail) echo fetch tree mbox mail ;;
	*) echo "$1" ;;
	esac
}

# missing VERB: "probe package" for each that is not there
missing() {
	wanted=$(verbs "$1")
	sed '/^#/d; /^$/d' "$TOP/tools/packages" | while read -r for probe package where; do
		for verb in $wanted; do
			case ",$for," in *",$verb,"*) ;; *) continue ;; esac
			concerns "$where" || continue
			present "$probe" || echo "$probe $package"
			break
		done
	done
}
