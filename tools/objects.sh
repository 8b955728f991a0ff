# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced, after git.sh and kbuild.sh, by the tools that compile states of the series: the objects of the files that it
# touches, and what the compiler warns of. A state that was found good is not compiled again, as long as its tree, its
# configuration, the compiler and this are the same.
#
# FLAGS, set before, are the words for the kernel's make; COMPILER is clang, or not set. $work is a directory for what is
# temporary.
# shellcheck disable=SC2034,SC2154
KERNEL=ours CONFIG=feature
SRC=$OUT/linux-bisect
GOOD=$CACHE/bisect

# checkout COMMIT: only what differs is written, so that no more is compiled again than it can affect
checkout() {
	[ -e "$SRC/.git" ] || g clone -q --shared --no-checkout --template= "$LINUX" "$SRC" || return 10
	g -C "$SRC" fetch -q "$LINUX" HEAD && g -C "$SRC" checkout -q --force --detach "$1" || return 10
}

# c_files DIRS...: those of the series there
c_files() {
	g -C "$LINUX" diff --name-only --diff-filter=d "$REF" HEAD -- "$@" | sed -n '/\.c$/p'
}

# compiled_files: those that this architecture compiles, as far as they are there already
compiled_files() {
	c_files . | while read -r file; do
		[ ! -e "$(build_dir "$ARCH")/${file%.c}.o" ] || echo "$file"
	done >"$work/sources"
	[ -s "$work/sources" ] || die 12 "the kernel of $ARCH has none of the files that the series touches; make build ARCH=$ARCH"
}

# compile_on ARCH: what is compiled from now on
compile_on() {
	ARCH=$1
	O=$OUT/build/objects-${COMPILER:-gcc}-$ARCH
	mkdir -p "$O" "$LOGS" "$GOOD"
	ARCH=$ARCH "$TOP/tools/build"
	[ "$(g -C "$LINUX" rev-parse HEAD)" = "$head" ] || die 12 "out/linux has changed meanwhile; begin again"
	configuration=$(build_dir "$ARCH")/.config
	compiled_files
	compiled=0
	# shellcheck disable=SC2046
	compilers="$($(compiler "$ARCH") --version) $FLAGS"
	case $FLAGS in *C=*) compilers="$compilers $(sparse --version)" ;; esac
}

# configure: as the whole series is, each time, for the state before may not have known all of it. With FRAGMENTS set,
# $configuration is no more than what is asked for, and what the kernel cannot have is left out.
configure() {
	if [ -n "${FRAGMENTS:-}" ]; then
		kmake "$SRC" "$O" "$ARCH" KCONFIG_ALLCONFIG="$configuration" allnoconfig
		return
	fi
	# shellcheck disable=SC2086
	cp "$configuration" "$O/.config" && kmake "$SRC" "$O" "$ARCH" $FLAGS olddefconfig
}

# option NAME DIR: what has to be set for an object or a directory, by the Makefile or Kbuild where it is named
option() {
	cat "$SRC/$2/Makefile" "$SRC/$2/Kbuild" 2>/dev/null |
		sed -n "s,^[a-z-]*\$(\(CONFIG_[A-Z0-9_]*\)).*[[:space:]]$1\([[:space:]].*\)\?$,\1,p" | head -n 1
}

# wanted FILE: whether the state has it and its configuration compiles it; an option may come with a later patch
wanted() {
	[ -e "$SRC/$1" ] || return 1
	object=${1##*/}
	dir=${1%/*}
	for option in $(option "${object%.c}\.o" "$dir") $(case $dir in */*) option "${dir##*/}/" "${dir%/*}" ;; esac); do
		grep -q "^$option=" "$O/.config" || return 1
	done
}

# objects: what is compiled of the state that is checked out and configured
objects() { while read -r file; do ! wanted "$file" || echo "${file%.c}.o"; done <"$work/sources"; }

# compile: into $log; prints the warnings without the lines they are in, for these are others in each state, and without
# where this clone is. The same words twice are two warnings, but for headers, whose are told to each who includes them.
compile() {
	configure >"$log" 2>&1 || return 1
	objects=$(objects)
	# Without a word the kernel's make would make all of it
	[ -n "$objects" ] || return 0
	# What is there already, as of a run that was interrupted, would not warn again
	# shellcheck disable=SC2086
	(cd "$O" && rm -f $objects)
	# shellcheck disable=SC2086
	kmake "$SRC" "$O" "$ARCH" $FLAGS $objects >>"$log" 2>&1 || return 1
	sed -n 's/^\([^ :]*\):[0-9:]* \(warning\|error\): /\1: /p' "$log" | sed "s,^[^ ]*/${SRC##*/}/,," | sort |
		awk '!/^[^ ]*\.h: / || !seen[$0]++'
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
	checkout "$1" || die 10 "cannot check out $2 in ${SRC#"$TOP"/} (see above); remove that directory, then again"
	compile >"$known.$$" || {
		rm -f "$known.$$"
		say "$ARCH $2: does not compile: $(first_error "$log")"
		return 15
	}
	mv "$known.$$" "$known"
	compiled=$((compiled + 1))
}

# base_state NAME: of the unpatched kernel, which is not the series' fault
base_state() {
	state "$REF" "$1" || die 15 "the unpatched kernel does not compile for $ARCH; the log is $log: is it the machine's compiler?"
}

# begin_states: one at a time checks out what it compiles
begin_states() {
	"$TOP/tools/tree"
	committed
	head=$(g -C "$LINUX" rev-parse HEAD)
	mkdir -p "$OUT"
	exec 8>"$OUT/.bisect.lock"
	flock -n 8 || {
		say "waiting for another make that compiles states of the series"
		flock 8
	}
	work=$(mktemp -d "${TMPDIR:-/tmp}/ptestate-$SELF.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	end_on_signals
}

# new_warnings [NAME]: prints what compilers say of the series that they do not say of the base. Of the base only the files
# of which they say something are compiled, if all of it is in files and not in headers.
new_warnings() {
	state "$head" "series${1:+-$1}" || return
	[ -s "$known" ] || return 0
	whole=$known
	sed 's/: .*//' "$whole" | sort -u >"$work/warned"
	grep -vxFf "$work/sources" "$work/warned" >"$work/elsewhere" || cp "$work/warned" "$work/sources"
	base_state "base${1:+-$1}"
	comm -13 "$known" "$whole" >"$work/new"
	[ ! -s "$work/new" ] || { sed "s/^/$ARCH: /" "$work/new" && return 16; }
}

# both_architectures: the same for both, as a check does it
both_architectures() {
	begin_states
	for arch in x86_64 arm64; do
		compile_on "$arch"
		new_warnings "" ||
			die $? "repair that in out/linux, then: make export && tools/check.d/$SELF (logs: $LOGS/$SELF-*.log)"
	done
}
