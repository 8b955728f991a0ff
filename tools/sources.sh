# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by checks: the C files that the series touches, as they are with it and as they were.
WORK=$OUT/sources/$SELF

# sources FILTER: C files that the series touches, by git's letter for it; without test programs: the checks are about
# the kernel
sources() {
	g -C "$LINUX" diff --name-only --diff-filter="$1" "$REF" HEAD -- '*.c' '*.h' ':!tools/testing'
}

# unpack DIR COMMIT FILES...: these files as they are in COMMIT, in $WORK/DIR
unpack() {
	dir=$WORK/$1 commit=$2
	shift 2
	mkdir -p "$dir"
	[ $# = 0 ] || g -C "$LINUX" archive "$commit" -- "$@" | tar -C "$dir" -xf -
	index "$dir"
}

# index DIR: DIR.index, for each file a key that changes with its name and content, and its name
index() {
	(cd "$1" && find . -type f | sed 's,^\./,,' | sort | xargs -r sha256sum) |
		awk '{ key = $2; gsub("/", "+", key); print substr($1, 1, 40) "+" key, $2 }' >"$1.index"
}

# unpack_touched: $WORK/whole has the files, $WORK/base what they were, if they were
unpack_touched() {
	rm -rf "$WORK"
	# shellcheck disable=SC2046
	unpack whole HEAD $(sources d)
	# shellcheck disable=SC2046
	unpack base "$REF" $(sources M)
}
