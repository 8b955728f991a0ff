# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Sourced by tools/report: reads what make test leaves, KERNEL-ARCH-CONFIG[-MACHINE].ktap.
RUNS=0
SKIPS=${SKIPS:-$TOP/selftests/skips}

# ids: how the names begin; this series first
ids() {
	for kernel in ours base; do
		for arch in x86_64 arm64; do
			for config in feature debug bench debian; do echo "$kernel-$arch-$config"; done
		done
	done
}

# named FILE: whether it is named as make test does it
named() {
	for id in $(ids); do
		case ${1##*/} in "$id.ktap" | "$id"-*.ktap) return 0 ;; esac
	done
	return 1
}

# read_run FILE ID: the results of one guest
read_run() {
	RUNS=$((RUNS + 1))
	name=${1##*/}
	name=${name%.ktap}
	machine=${name#"$2"}
	kernel=${2%%-*} arch=${2#*-} config=${2##*-}
	arch=${arch%-*}
	tree=$(sed -n 's/^# tree \([0-9a-f]*+*\)$/\1/p' "$1" | tail -n 1)
	older=
	[ "$kernel" = base ] || older=$(old "$tree")
	"$KTAP" "$arch" "$config" "$SKIPS" "$work/xml" < "$1" > /dev/null
	state=whole
	if ! head -n 1 "$1" | grep -qa '^K*TAP version'; then
		state=unreadable
		damaged "$1" "it does not begin with the version of KTAP"
	elif grep -q '^<testsuite name="missing"' "$work/xml"; then
		state=incomplete
		damaged "$1" "it ends early, before all results that it promises"
	fi
	record run "$RUNS" "$kernel" "$arch" "$config" "${machine#-}" "$(place "$1")" "$(written "$1")" "$tree" \
		"$older" "$state" "$(address "$1")" "$(address "${1%/*}/../log/test-$name.console")"
	sed -n 's/^# guest: //p' "$1" > "$work/guest"
	awk -v run="$RUNS" -f "$PARTS/html.awk" -f "$PARTS/cases.awk" "$work/guest" "$work/xml" >> "$RECORDS"
}

# read_tests
read_tests() {
	for id in $(ids); do
		for file in "$RESULTS/$id.ktap" "$RESULTS/$id"-*.ktap "$RESULTS"/*/"$id.ktap" \
			"$RESULTS"/*/"$id"-*.ktap; do
			[ ! -f "$file" ] || read_run "$file" "$id"
		done
	done
	for file in "$RESULTS"/*.ktap "$RESULTS"/*/*.ktap; do
		[ ! -f "$file" ] || named "$file" || damaged "$file" "its name is not KERNEL-ARCH-CONFIG[-MACHINE].ktap"
	done
}
