# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/test and tools/lava: what selftests/tests lists, and what has to be there for it.
# shellcheck disable=SC2034

LIST=${TESTS:-$TOP/selftests/tests}

# wanted ARCH: machine, name, seconds and command of each test wanted there
wanted() {
	while read -r name arch machine seconds command; do
		case $name in '' | '#'*) continue ;; esac
		# shellcheck disable=SC2254
		case $1 in $arch) ;; *) continue ;; esac
		# shellcheck disable=SC2254
		case $name in ${TEST:-*}) echo "$machine $name $seconds $command" ;; esac
	done < "$LIST"
}

# select_tests ARCH MACHINE FILE: what the guest reads, /tests. What they need comes from the network the first time, so
# only those who want these tests wait for it. The seconds they may take, together, are in $limit.
select_tests() {
	wanted "$1" | sed -n "s/^$2 //p" > "$3"
	limit=$(awk '{ sum += $2 } END { print sum + 60 }' "$3")
	! grep -q ' /clients/' "$3" || ARCH=$1 "$TOP/tools/clients"
	! grep -q ' /criu/' "$3" || ARCH=$1 "$TOP/tools/criu"
}
