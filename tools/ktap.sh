# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/test and tools/report, which read results with the same program: tools/ktap.c, as $KTAP.
KTAP=$OUT/guest/ktap

# parser: builds it, if it is not there or older than its source
parser() {
	mkdir -p "$OUT/guest" "$LOGS"
	[ -n "$(find "$KTAP" -newer "$TOP/tools/ktap.c" 2> /dev/null)" ] ||
		cc -O1 -Wall -o "$KTAP" "$TOP/tools/ktap.c" > "$LOGS/ktap.log" 2>&1 ||
		die 15 "tools/ktap.c: $(head -n 1 "$LOGS/ktap.log"); see $LOGS/ktap.log, then make $SELF"
}
