# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/report: everything that is read becomes a record, a line of the file $RECORDS. Its fields have tabs
# between them, the first one says what it is, and all text in them is escaped for HTML:
#   run NR KERNEL ARCH CONFIG MACHINE PLACE DATE TREE OLD STATE KTAP LOG     STATE is whole, incomplete or unreadable
#   case NR SUITE passed|failed|skipped NAME REASON      text NR LINE: what a failed one had printed
#   bench NR ARCH VARIANT PLACE TREE OLD DATE-OURS OURS DATE-BASE BASE
#   figure NR KEY UNIT BASE OURS RATIO GOAL MAINLINE HOLDS MEANING     lacks NR KEY: no result
#   checks PLACE DATE     check PLACE VERDICT NAME SECONDS LOG WHAT
#   topic NAME WHAT     patch TOPIC NAME clean|complained|changed|unknown LINK
#   damaged FILE WHY
# PLACE is a directory below RESULTS, TREE what the kernel was built from (see tools/tree-id), OLD is "old" or nothing;
# files are addresses as seen from the page. What is not known is nothing.

# printable TEXT: without control characters
printable() { printf '%s' "$1" | tr '\000-\037\177' '?'; }

# record KIND FIELDS...
record() { awk -f "$PARTS/html.awk" -f "$PARTS/record.awk" -- "$@" >> "$RECORDS"; }

# damaged FILE WHY: the page says so, and we do, and go on
damaged() {
	record damaged "${1#"$RESULTS"/}" "$2"
	say "$SELF: $(printable "$1") is damaged: $2"
}

# place FILE: the directory below RESULTS that it is in, if it is
place() {
	place_of=${1%/*}
	[ "$place_of" = "$RESULTS" ] || echo "${place_of##*/}"
}

# address FILE: as seen from the page, if there is something in it
address() { [ ! -s "$1" ] || realpath --relative-to="${PAGE%/*}" "$1" | awk -f "$PARTS/address.awk"; }

# written FILE: when, if it is there
written() { [ ! -f "$1" ] || date -r "$1" '+%Y-%m-%d %H:%M'; }

# old TREE: whether out/linux, $CURRENT, has other sources now
old() { [ -z "$1" ] || [ -z "$CURRENT" ] || [ "$1" = "$CURRENT" ] || echo old; }
