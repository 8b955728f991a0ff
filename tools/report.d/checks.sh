# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Sourced by tools/report: reads what make check leaves: the file check, by tools/check, and the file checkpatch, by
# tools/check.d/40-checkpatch, which is compared with the series as it is now.

# read_verdicts FILE: "ok|warning|FAILED NAME SECONDS"
read_verdicts() {
	if grep -qvaxE '(ok|warning|FAILED) [a-z0-9-]+ [0-9]+' "$1"; then
		damaged "$1" "it has a line that is not 'ok NAME SECONDS', or warning or FAILED"
		return
	fi
	record checks "$(place "$1")" "$(written "$1")"
	cp "$1" "$work/checks"
	while read -r verdict name seconds; do
		what=
		[ ! -f "$TOP/tools/check.d/$name" ] || what=$(awk -f "$PARTS/comment.awk" "$TOP/tools/check.d/$name")
		log=${1%/*}/../log/check-$name.log
		record check "$(place "$1")" "$verdict" "$name" "$seconds" "$(address "$log")" "$what"
	done < "$work/checks"
}

# read_checks
read_checks() {
	for file in "$RESULTS/check" "$RESULTS"/*/check; do
		[ ! -f "$file" ] || read_verdicts "$file"
	done
	: > "$work/said"
	for file in "$RESULTS/checkpatch" "$RESULTS"/*/checkpatch; do
		[ -f "$file" ] || continue
		if grep -qvaxE '(ok|FAILED) [0-9a-f]{64} [a-z0-9/-]+\.patch' "$file"; then
			damaged "$file" "it has a line that is not 'ok SHA256 PATCH', or FAILED"
		else
			cat "$file" >> "$work/said"
		fi
	done
	(cd "$TOP/patches" && series | xargs -r sha256sum) > "$work/sums"
	awk -v there="$(address "$TOP/patches")" -f "$PARTS/html.awk" -f "$PARTS/series.awk" "$SERIES" "$work/sums" \
		"$work/said" >> "$RECORDS"
}
