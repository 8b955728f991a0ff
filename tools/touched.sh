# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/apply and tools/apply-matrix after git.sh: of a kernel source no more than the files that the series
# touches. $work is a directory for what is unpacked.
# shellcheck disable=SC2034,SC2154

# touched: the files to unpack
touched() { { echo Makefile && series_files; } | sort -u; }

# take SOURCE DIR: the touched files of a tarball or tree, in DIR. Files that are not there are no error: many are new.
take() {
	mkdir -p "$2"
	if [ -f "$1" ]; then
		top=$(xz -qdc "$1" 2>/dev/null | head -c 10240 | tar -tf - 2>/dev/null | head -n 1)
		touched | sed "s,^,${top%%/*}/," >"$work/paths"
		xz -qdc "$1" 2>/dev/null | tar -C "$2" --strip-components=1 -xf - -T "$work/paths" 2>/dev/null || :
	else
		touched | while read -r path; do
			[ ! -f "$1/$path" ] || { mkdir -p "$2/$(dirname "$path")" && cp -p "$1/$path" "$2/$path"; } || exit 1
		done
	fi
}

# debianize DIR TARBALL: Debian's patches onto the touched files in DIR; what they do elsewhere is left out. The name of
# a patch that does not apply goes to $reason.
debianize() {
	rm -rf "$work/debian"
	xz -qdc "$2" | tar -C "$work" -xf - debian/patches
	series_files >"$work/paths"
	set -- "$1"
	while read -r path; do
		set -- "$@" "--include=$path"
	done <"$work/paths"
	dir=$1
	shift
	sed 's/#.*//; s/[[:space:]].*//; /^$/d' "$work/debian/patches/series" >"$work/debian/series"
	[ -s "$work/debian/series" ] || { reason="not tried: it has no debian/patches/series" && return 1; }
	while read -r patch; do
		grep -qFf "$work/paths" "$work/debian/patches/$patch" || continue
		# Outside of any repository, as git apply would leave out what it takes for somebody else's files
		(cd "$dir" && GIT_CEILING_DIRECTORIES=$work g apply "$@" "$work/debian/patches/$patch") 2>"$work/log" || {
			reason="not tried: Debian's own $patch does not apply: $(head -n 1 "$work/log")"
			return 1
		}
	done <"$work/debian/series"
}
