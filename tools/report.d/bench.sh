# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Sourced by tools/report: reads what make bench leaves, bench-KERNEL-ARCH[-VARIANT].json. What is compared with what,
# and which goals hold, is for tools/bench.awk to say, whose table this takes apart.
BENCHES=0
GOALS=${GOALS:-$TOP/selftests/bench/goals}

# read_pair DIRECTORY ARCH VARIANT: the results of both kernels, as far as they are there
read_pair() {
	BENCHES=$((BENCHES + 1))
	base='' ours='' tree=''
	for kernel in base ours; do
		file=$1/bench-$kernel-$2$3.json
		[ -f "$file" ] || continue
		if ! why=$(awk -v kernel="$kernel" -v arch="$2" -f "$PARTS/bench-form.awk" "$file"); then
			damaged "$file" "$why"
			continue
		fi
		cp "$file" "$work/$kernel"
		case $kernel in
		base) base=$work/base ;;
		ours) ours=$work/ours tree=$(sed -n 's/^  "tree": "\(.*\)",$/\1/p' "$file") ;;
		esac
	done
	[ -n "$base$ours" ] || return 0
	set -- "$2" "${3#-}" "$(place "$file")" "${ours:+$1/bench-ours-$2$3.json}" "${base:+$1/bench-base-$2$3.json}"
	record bench "$BENCHES" "$1" "$2" "$3" "$tree" "$(old "$tree")" "$(written "$4")" "$(address "$4")" \
		"$(written "$5")" "$(address "$5")"
	awk -v arch="$1" -v base="$base" -v ours="$ours" -f "$TOP/tools/bench.awk" "$GOALS" > "$work/table"
	awk -v bench="$BENCHES" -v base="$base" -v ours="$ours" -f "$PARTS/html.awk" -f "$PARTS/figures.awk" "$GOALS" \
		"$work/table" >> "$RECORDS"
}

# read_bench
read_bench() {
	for directory in "$RESULTS" "$RESULTS"/*; do
		for arch in x86_64 arm64; do
			for file in "$directory/bench-ours-$arch"*.json "$directory/bench-base-$arch"*.json; do
				variant=${file##*/bench-????-"$arch"}
				variant=${variant%.json}
				case ${file##*/} in
				bench-base-*) [ ! -f "$directory/bench-ours-$arch$variant.json" ] || continue ;;
				esac
				[ ! -f "$file" ] || read_pair "$directory" "$arch" "$variant"
			done
		done
	done
}
