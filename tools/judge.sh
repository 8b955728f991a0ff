# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/apply-matrix: the series on other files than those it is made for. The repository $repo has the files
# of the pinned release (tag "base/..."), the series on top (tag "series"), whose blobs git am -3 needs, and those of
# each other release as a commit. $work/series lists the patches, $work/known what has been judged.
# shellcheck disable=SC2154

# commit DIR: its files, as a commit on the pinned release
commit() {
	rm -f "$work/index"
	(
		export GIT_INDEX_FILE="$work/index"
		g --git-dir="$repo/.git" --work-tree="$1" add -Af .
		parent=$(g -C "$repo" rev-parse -q --verify "refs/tags/$REF") || parent=
		echo files | g -C "$repo" commit-tree ${parent:+-p "$parent"} "$(g -C "$repo" write-tree)"
	)
}

# am OPTION: git am of the series on what is checked out; the first conflict is in $result
am() {
	while read -r patch; do
		set -- "$@" "$TOP/patches/$patch"
	done <"$work/series"
	g -C "$repo" am -q --keep-non-patch --no-scissors "$@" >"$work/log" 2>&1 </dev/null && return 0
	next=$(cat "$repo/.git/rebase-apply/next" 2>/dev/null || echo 1)
	files=$(g -C "$repo" diff --name-only --diff-filter=U | paste -sd ' ')
	# Without a merge, or where that has nothing to start with, the message tells the file
	[ -n "$files" ] || files=$(sed -n 's/^error: //p; s/^fatal: //p' "$work/log" | sed 's/^patch failed: //; s/:.*//; q')
	result="conflicts in $files ($(sed -n "${next}p" "$work/series"))"
	g -C "$repo" am --abort >/dev/null 2>&1 || :
	return 1
}

# begin DIR: the repository, from the files of the pinned release
begin() {
	series >"$work/series"
	: >"$work/known"
	g init -q --template= "$repo"
	g -C "$repo" tag "$REF" "$(commit "$1")"
	g -C "$repo" checkout -q --detach "$REF"
	am --no-3way && g -C "$repo" tag series HEAD
}

# judge DIR: what becomes of the series there, in $result. What quilt has put elsewhere than a merge would is told.
judge() {
	commit=$(commit "$1")
	tree=$(g -C "$repo" rev-parse "$commit^{tree}")
	result=$(sed -n "s/^$tree //p" "$work/known")
	[ -z "$result" ] || return 0
	rm -rf "$work/quilt"
	cp -a "$1" "$work/quilt"
	if (cd "$work/quilt" && QUILT_PATCHES=$TOP/patches quilt --quiltrc - push -a --fuzz=0 -q) >"$work/log" 2>&1; then
		rm -rf "$work/quilt/.pc"
		merged=$(g -C "$repo" merge-tree --write-tree series "$commit" | head -n 1)
		other=$(g -C "$repo" diff --name-only "$merged" "$(commit "$work/quilt")" | paste -sd ' ')
		result="applies clean${other:+, but otherwise than a merge in $other}"
	else
		g -C "$repo" checkout -q -f --detach "$commit"
		! am -3 || {
			had=$(($(wc -l <"$work/series") - $(g -C "$repo" rev-list --count "$commit..HEAD")))
			result="with git am -3$([ "$had" = 0 ] || echo ", $had were there already")"
		}
	fi
	echo "$tree $result" >>"$work/known"
}
