# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/run, tools/gdb and tools/shell: DIR=, a directory that becomes /job in the guest of $ARCH.

# check_elf PROGRAM: what can be known before the boot
check_elf() {
	case $(readelf -h "$1" 2> /dev/null | sed -n 's/^ *Machine: *//p'):$ARCH in
	*X86-64:x86_64 | AArch64:arm64) ;;
	*) die 20 "$1 is a program for another machine than $ARCH; build it with $(cross "$ARCH")gcc -static" ;;
	esac
	! readelf -l "$1" 2> /dev/null | grep -q INTERP ||
		die 20 "$1 is dynamically linked and the guest has no libraries; build it with $(cross "$ARCH")gcc -static"
}

check_script() {
	interpreter=$(head -n 1 "$1" | sed -n 's/^#! *\([^ ]*\).*/\1/p')
	case $interpreter in
	/bin/sh | /bin/ash | /bin/busybox | /job/* | */env) ;;
	'') die 20 "$1 is neither a program nor a script; start it with #!/bin/sh" ;;
	*) say "$SELF: $1 wants $interpreter, but the guest only has busybox in /bin; #!/bin/sh is there" ;;
	esac
}

# check_dir [WITH]: whether it is one, and can be held in memory
check_dir() {
	[ -d "$DIR" ] || die 20 "DIR=$DIR is not a directory; use make $SELF ARCH=$ARCH DIR=path${1:+, $1}"
	size=$(du -smD "$DIR" | cut -f1)
	[ "$size" -lt $((${MEM:-1024} / 2)) ] ||
		die 20 "$DIR has $size MiB and the guest holds all of it in memory; use MEM=$((size * 3))"
}

# check_job: the same, of one with something to run
check_job() {
	check_dir "with a program path/run"
	[ -e "$DIR/run" ] || die 20 "$DIR/run is missing; put the program or script to run there"
	{ [ -f "$DIR/run" ] && [ -x "$DIR/run" ]; } || die 20 "$DIR/run is not executable; chmod +x $DIR/run"
	if [ "$(head -c 4 "$DIR/run" | tail -c 3)" = ELF ]; then
		check_elf "$DIR/run"
	else
		check_script "$DIR/run"
	fi
}

# copy_job: into $FILES, also from behind a link
copy_job() {
	why=$(cp -a "$DIR/." "$FILES/job" 2>&1) ||
		die 20 "$DIR cannot be copied: $(printf '%s\n' "$why" | head -n 1); make it readable"
}
