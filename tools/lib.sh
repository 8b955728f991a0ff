# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by every tool: paths, settings, messages, exit codes.
#
# A tool takes the same words as make: "tools/run ARCH=arm64 DIR=job" is "make run ARCH=arm64 DIR=job", with the one
# difference that make turns every failure into its own status 2, while the tool exits with the code below.
#
# Exit codes, one per kind of failure:
#   10 pin     the kernel source is missing, damaged or another release; a package is missing
#   11 apply   a patch does not apply, or the tree has work that would be lost
#   12 export  the patch files and the tree do not say the same
#   13 style   14 config   15 build   16 static analysis
#   20 a test failed   21 splat in the kernel log   22 panic   23 timeout, or no verdict
# shellcheck disable=SC2034
set -eu
# Words for us are none for the kernel's make, which has a CHECK and a V of its own
unset MAKEFLAGS MFLAGS
# Nor do words that others use for their builds decide what is found here
unset COMPILER FRAGMENTS CF KCFLAGS KAFLAGS KCPPFLAGS KCONFIG_CONFIG LLVM LLVM_IAS
unset KBUILD_VERBOSE KBUILD_EXTRA_WARN KBUILD_ENABLE_EXTRA_GCC_CHECKS KBUILD_CHECKSRC

TOP=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
[ -f "$TOP/tools/lib.sh" ] || TOP=$(CDPATH='' cd -- "$TOP/.." && pwd)
SELF=${0##*/}

say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE...: one line, ending with what repairs it
die() {
	code=$1
	shift
	printf '%s: %s\n' "$SELF" "$*" >&2
	exit "$code"
}

for word in "$@"; do
	case $SELF:$word in
	*:[A-Z]*=*)
		export "${word%%=*}=${word#*=}" ;;
	# These take arguments
	check:* | debian-disk:* | deps:* | export:* | maintainers:* | manifest:* | need:* | [0-9][0-9]-*:*) ;;
	*) die 14 "'$word' is no word of ours; words are NAME=VALUE: make lists them" ;;
	esac
done

# What Debian and uname call them
case ${ARCH:-} in
amd64) ARCH=x86_64 ;;
aarch64) ARCH=arm64 ;;
esac

BASE=${BASE:-6.1}
CONFIG=${CONFIG:-feature}
KERNEL=${KERNEL:-ours}
V=${V:-}
# 0 is no, too
[ "$V" != 0 ] || V=
[ "${ICOUNT:-}" != 0 ] || ICOUNT=
OUT=$TOP/out
LINUX=$OUT/linux
LOGS=$OUT/log
CACHE=${PTESTATE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ptestate}

# Who commits and patches are from as long as nobody has submitted them: nobody in particular.
PROJECT_NAME="ptestate developers"
PROJECT_EMAIL=developers@ptestate.invalid

grep -qs '^BASE_VERSION=' "$TOP/base/$BASE" || die 14 "BASE=$BASE is unknown; leave it out, or use BASE=6.1"
# shellcheck source=base/6.1
. "$TOP/base/$BASE"

# repo_files: the files of this repository, also those git does not know yet; without what is generated. Called as
# "files=$(repo_files)", for what ends it would end no more than one side of a pipe.
repo_files() {
	cd "$TOP"
	if [ -e .git ]; then
		listed=$(git -c safe.directory='*' ls-files -co --exclude-standard)
	else
		listed=$(find . -path ./out -prune -o -type f -print | sed 's,^./,,')
	fi || listed=
	[ -n "$listed" ] || die 12 "the files of $TOP cannot be listed; see what git says there: git status"
	printf '%s\n' "$listed" | sort -u | while read -r file; do
		[ ! -f "$file" ] || printf '%s\n' "$file"
	done
}

# own_out: ends what could not write to out/, because it or something in it is somebody else's
own_out() {
	mkdir -p "$OUT" || die 10 "cannot create $OUT; make it writable: chmod u+w $TOP"
	for mine in "$OUT" "$OUT"/* "$OUT"/.*.lock; do
		[ ! -e "$mine" ] || [ -w "$mine" ] ||
			die 10 "$mine is another user's; be that user, or take all of it: sudo chown -R $(id -un) $OUT"
	done
}

# use_out: from here on make clean leaves out/ alone, until this and all that it has started have ended
use_out() {
	own_out
	exec 6>>"$OUT/.use.lock"
	flock -s 6
}

# clear_out: ends what would remove the files that another make works with
clear_out() {
	own_out
	exec 6>>"$OUT/.use.lock"
	flock -n 6 || die 11 "another make works in $OUT; wait until it has ended, then: make $SELF"
}

# archs: the architectures asked for, both if none was
archs() {
	case ${ARCH:-} in
	'') echo x86_64 arm64 ;;
	x86_64 | arm64) echo "$ARCH" ;;
	*) die 14 "ARCH=$ARCH is unknown; use ARCH=x86_64 or ARCH=arm64" ;;
	esac
}

# build_dir ARCH: where that kernel is built (O=)
build_dir() {
	case $CONFIG in
	debian) echo "$OUT/deb/$1-reduced/build" ;;
	*) echo "$OUT/build/$KERNEL-$1-$CONFIG" ;;
	esac
}

# kernel_source: the tree KERNEL= stands for
kernel_source() {
	case $KERNEL in
	ours) echo "$LINUX" ;;
	base) echo "$OUT/linux-base" ;;
	*) die 14 "KERNEL=$KERNEL is unknown; use KERNEL=ours or KERNEL=base" ;;
	esac
}

# cross ARCH: the prefix of the compiler for ARCH, empty when this machine is one
cross() {
	case $(uname -m):$1 in
	x86_64:arm64) echo aarch64-linux-gnu- ;;
	aarch64:x86_64 | aarch64:i386) echo x86_64-linux-gnu- ;;
	*:riscv) echo riscv64-linux-gnu- ;;
	*:powerpc) echo powerpc64le-linux-gnu- ;;
	*:s390) echo s390x-linux-gnu- ;;
	esac
}

# kernel_image ARCH: the file a boot loader takes
kernel_image() {
	case $1 in
	x86_64) echo "$(build_dir "$1")/arch/x86/boot/bzImage" ;;
	arm64) echo "$(build_dir "$1")/arch/arm64/boot/Image" ;;
	esac
}

# one_arch: for what runs one guest at a time; this machine's own architecture if none was asked for
one_arch() {
	case ${ARCH:-$(uname -m)} in
	x86_64) echo x86_64 ;;
	arm64 | aarch64) echo arm64 ;;
	*) die 14 "ARCH=${ARCH:-$(uname -m)} is unknown; use ARCH=x86_64 or ARCH=arm64" ;;
	esac
}

# no_debian: ends what CONFIG=debian is not for
no_debian() { [ "$CONFIG" != debian ] || die 14 "CONFIG=debian is for make deb, build, boot, run, shell and test"; }

# fixed NAME=VALUE...: ends what was given another value of a word than the only one that this tool works with
fixed() {
	for word in "$@"; do
		given=
		eval "given=\${${word%%=*}:-}"
		[ "$given" = "${word#*=}" ] ||
			die 14 "${word%%=*}=$given is not for make $SELF, which has its own; leave it out: make $SELF"
	done
}

# wanted_for WHAT: what a check needs, by tools/packages; without it the check says so, and that is a warning
wanted_for() {
	mkdir -p "$LOGS"
	"$TOP/tools/need" "$1" >"$LOGS/need-$1.log" 2>&1 || {
		echo "nothing was looked for: $(tail -n 1 "$LOGS/need-$1.log")"
		exit 250
	}
}

# end_on_signals: signals end a tool in a way that still runs what it set for EXIT
end_on_signals() {
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# attended WORDS...: runs a program which a signal that ends us ends, too
attended() {
	"$@" &
	attended_pid=$!
	trap 'kill "$attended_pid" 2> /dev/null; wait; exit 130' INT
	trap 'kill "$attended_pid" 2> /dev/null; wait; exit 143' TERM HUP
	attended_status=0
	wait "$attended_pid" || attended_status=$?
	end_on_signals
	return "$attended_status"
}
