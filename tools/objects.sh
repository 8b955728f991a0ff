# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced, after git.sh and kbuild.sh, by the tools that compile states of the series: the objects of the files that it
# touches, and what the compiler warns of. A state that was found good is not compiled again, as long as its tree, its
# configuration, the compiler and this are the same.
#
# FLAGS are the words for the kernel's make, $work is a directory for what is temporary.
# shellcheck disable=SC2034,SC2154
KERNEL=ours CONFIG=feature
SRC=$OUT/linux-bisect
GOOD=$CACHE/bisect

# checkout COMMIT: only what differs is written, so that no more is compiled again than it can affect
checkout() {
	[ -e "$SRC/.git" ] || g clone -q --shared --no-checkout --template= "$LINUX" "$SRC"
	g -C "$SRC" fetch -q "$LINUX" HEAD
	g -C "$SRC" checkout -q --force --detach "$1"
}

# sources: the files of the series that this architecture compiles, as far as they are there already
sources() {
	g -C "$LINUX" diff --name-only --diff-filter=d "$REF" HEAD -- '*.c' | while read -r file; do
		[ ! -e "$(build_dir "$ARCH")/${file%.c}.o" ] || echo "$file"
	done >"$work/sources"
	[ -s "$work/sources" ] || die 12 "the kernel of $ARCH has none of the files that the series touches; make build ARCH=$ARCH"
}

# compile_on ARCH: what is compiled from now on
compile_on() {
	ARCH=$1
	O=$OUT/build/bisect-$ARCH
	mkdir -p "$O" "$LOGS" "$GOOD"
	ARCH=$ARCH "$TOP/tools/build"
	configuration=$(build_dir "$ARCH")/.config
	sources
	compiled=0
	# shellcheck disable=SC2046
	compilers="$($(compiler "$ARCH") --version) $FLAGS"
}

# configure: as the whole series is, each time, for the state before may not have known all of it
configure() {
	cp "$configuration" "$O/.config"
	# shellcheck disable=SC2086
	kmake "$SRC" "$O" "$ARCH" $FLAGS olddefconfig
}

# option NAME DIR: what has to be set for an object or a directory, by the Makefile where it is named
option() { sed -n "s,^[a-z-]*\$(\(CONFIG_[A-Z0-9_]*\)).*[[:space:]]$1\([[:space:]].*\)\?$,\1,p" "$SRC/$2/Makefile" | head -n 1; }

# wanted FILE: whether the state has it and its configuration compiles it; an option may come with a later patch
wanted() {
	[ -e "$SRC/$1" ] || return 1
	object=${1##*/}
	dir=${1%/*}
	for option in $(option "${object%.c}\.o" "$dir") $(case $dir in */*) option "${dir##*/}/" "${dir%/*}" ;; esac); do
		grep -q "^$option=" "$O/.config" || return 1
	done
}

# compile: into $log; prints the warnings without the lines they are in, for these are others in each state, and without
# where this clone is
compile() {
	configure >"$log" 2>&1 || return 1
	objects=$(while read -r file; do ! wanted "$file" || echo "${file%.c}.o"; done <"$work/sources")
	# What is there already, as of a run that was interrupted, would not warn again
	# shellcheck disable=SC2086
	(cd "$O" && rm -f $objects)
	# shellcheck disable=SC2086
	kmake "$SRC" "$O" "$ARCH" $FLAGS $objects >>"$log" 2>&1 || return 1
	sed -n 's/^\([^ :]*\):[0-9:]* warning: /\1: /p' "$log" | sed "s,^[^ ]*/${SRC##*/}/,," | sort -u
}

# key COMMIT: what the result depends on
key() {
	{
		g -C "$LINUX" rev-parse "$1^{tree}"
		cat "$configuration" "$work/sources" "$TOP/tools/objects.sh"
		echo "$compilers"
	} | sha256sum | cut -c1-40
}

# state COMMIT NAME: compile it if it is not known; its warnings are in $known then
state() {
	known=$GOOD/$(key "$1")
	[ ! -e "$known" ] || return 0
	log=$LOGS/$SELF-$ARCH-$2.log
	checkout "$1"
	compile >"$work/warnings" || {
		say "$ARCH $2: does not compile: $(first_error "$log")"
		return 15
	}
	mv "$work/warnings" "$known"
	compiled=$((compiled + 1))
}

# begin_states: one at a time checks out what it compiles
begin_states() {
	mkdir -p "$OUT"
	exec 8>"$OUT/.bisect.lock"
	flock 8
	work=$(mktemp -d "${TMPDIR:-/tmp}/ptestate-$SELF.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	end_on_signals
}
