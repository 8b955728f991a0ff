# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the checks that run Coccinelle: what a rule finds in the files that the series touches.
#
# What a rule found in a file is kept in the cache by the hash of both, so that it is asked again only when one of them
# changes.
# shellcheck source=tools/sources.sh
. "$TOP/tools/sources.sh"
# No headers are read: for those of the kernel it would have to be configured, and they take most of the time.
SPATCH="spatch --very-quiet -D report --no-includes --include-headers --sp-file"

# prepare: the files, and $WORK/changed has them without the functions that they have in common with the base
prepare() {
	unpack_touched
	cut -d ' ' -f 2 "$WORK/whole.index" | while read -r file; do
		mkdir -p "$WORK/changed/${file%/*}"
		awk -v base="$WORK/base/$file" -f "$TOP/tools/coccinelle/changed.awk" "$WORK/whole/$file" >"$WORK/changed/$file"
	done
	index "$WORK/changed"
}

# find_all DIR RULE [INDEX]: what a rule finds in the files of $WORK/DIR that an index names: file:line:columns: text
find_all() {
	index=${3:-$WORK/$1.index}
	kept=$CACHE/coccinelle/$({ spatch --version | head -n 1 && echo "$SPATCH, by file" && cat "$2"; } | sha256sum | cut -c1-40)
	mkdir -p "$kept"
	while read -r key file; do
		[ -e "$kept/$key" ] || echo "$key $file"
	done <"$index" >"$WORK/new"
	[ ! -s "$WORK/new" ] || find_new "$1" "$2"
	while read -r key file; do
		[ ! -s "$kept/$key" ] || cat "$kept/$key"
	done <"$index"
}

# find_new DIR RULE: the same for the files in $WORK/new, into the directory of the cache. Each is a group of its own, for
# what spatch finds in a file depends on those it is given with it.
find_new() {
	cut -d ' ' -f 2 "$WORK/new" | sed G >"$WORK/groups"
	# shellcheck disable=SC2086
	(cd "$WORK/$1" && $SPATCH "$2" --file-groups "$WORK/groups") >"$WORK/said" 2>"$WORK/log" || cannot_run "$2"
	awk -v kept="$kept" 'NR == FNR { key[$2] = $1; next }
		/^[^ :]+:[0-9]+:[0-9]+-[0-9]+: / { print > (kept "/" key[substr($0, 1, index($0, ":") - 1)]) }' \
		"$WORK/new" "$WORK/said"
	while read -r key file; do
		[ -e "$kept/$key" ] || : >"$kept/$key"
	done <"$WORK/new"
}

# cannot_run RULE: spatch has said in $WORK/log why
cannot_run() {
	why=$(grep -v -e '^$' -e '^warning: ' "$WORK/log" | head -n 3 | tr -s ' \n' ' ')
	die 16 "spatch cannot run ${1#"$TOP"/}: $why- repair that, then: tools/check.d/$SELF"
}

# judge RULE DIR BASE: what is left of $WORK/found, in $WORK/DIR, without what is in BASE, found in $WORK/base, and what
# tools/coccinelle/allowed explains; leaves $WORK/bad if something is
judge() {
	awk -v rule="$1" -v dir="$WORK/$2" -v basedir="$WORK/base" -f "$TOP/tools/coccinelle/judge.awk" \
		tools/coccinelle/allowed "$3" "$WORK/found" >"$WORK/left" || : >"$WORK/bad"
	sort -t : -k 1,1 -k 2,2n "$WORK/left"
}
