# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/tree: the base commit.
#
# The commit is the same on every machine and from every source: its content is the release without the files that
# Debian leaves out (BASE_OMITTED), its author, date and message are fixed. BASE_TREE tells whether that worked.

# need_room: the tree, its git objects and the patches take less than 2 GiB
need_room() {
	free=$(df -Pk "$OUT" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$free" -ge 2048 ] || die 10 "$OUT has $free MiB free and 2048 MiB are needed; make room, then: make tree"
}

# unpack SOURCE: the files of a tarball, of a git clone's tag or of a tree, in $LINUX
unpack() {
	if [ -f "$1" ]; then
		tar -C "$LINUX" --strip-components=1 --no-same-owner -I 'xz -T0' -xf "$1"
	elif [ -n "$tagged" ]; then
		g -C "$1" archive --format=tar "$BASE_TAG" >"$LINUX/.tar" && tar -C "$LINUX" --no-same-owner -xf "$LINUX/.tar" &&
			rm "$LINUX/.tar"
	else
		tar -C "$1" --exclude=./.git --exclude=./.pc -cf "$LINUX/.tar" . &&
			tar -C "$LINUX" --no-same-owner -xf "$LINUX/.tar" --exclude=./.tar && rm "$LINUX/.tar"
	fi
}

# add_files: into the index, straight into one pack instead of tens of thousands of files
add_files() {
	(
		set -f
		IFS=:
		# shellcheck disable=SC2086
		set -- $BASE_OMITTED
		set +f
		cd "$LINUX" || exit 10
		for omitted in "$@"; do
			# shellcheck disable=SC2086
			rm -rf -- $omitted
		done
	)
	set -- -c core.bigFileThreshold=1 -c core.compression=1 -C "$LINUX" add -A
	if [ -f "$source" ] || [ -n "$tagged" ]; then
		g "$@" -f .
	else
		# In a tree that somebody may have built in, .gitignore tells what is source, but for a few shipped files.
		g "$@" .
		(
			set -f
			IFS=:
			# shellcheck disable=SC2086
			set -- $BASE_HIDDEN
			for hidden in "$@"; do
				g -C "$LINUX" add -f -- ":(glob)$hidden" 2>/dev/null || :
			done
		)
		g -C "$LINUX" clean -q -ffdx
	fi
}

create_base() {
	need_room
	source=$("$TOP/tools/fetch")
	tagged=
	[ -f "$source" ] || ! { [ -e "$source/.git" ] || [ -f "$source/HEAD" ]; } ||
		tagged=$(g -C "$source" rev-parse -q --verify "$BASE_TAG^{tree}") || tagged=
	say "unpacking ${source##*/} (20 s)"
	g init -q --template= "$LINUX"
	why=$(unpack "$source" 2>&1) ||
		die 10 "cannot unpack $source: $(echo "$why" | head -n 1); make room under $OUT, or remove that file, then: make tree"
	say "committing Linux $BASE_VERSION (30 s)"
	add_files
	tree=$(g -C "$LINUX" write-tree)
	[ "$tree" = "$BASE_TREE" ] ||
		say "note: some files that no patch touches are not those of $BASE_VERSION, so commit hashes will be others"
	when="$BASE_DATE +0000"
	commit=$(echo "Linux $BASE_VERSION" |
		GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when g -C "$LINUX" commit-tree "$tree")
	g -C "$LINUX" tag "$REF" "$commit"
	"$TOP/tools/manifest" "$LINUX" "$commit"
	g -C "$LINUX" update-ref --no-deref HEAD "$commit"
	g -C "$LINUX" config user.name "$PROJECT_NAME"
	g -C "$LINUX" config user.email "$PROJECT_EMAIL"
	g -C "$LINUX" config gc.auto 0
	mkdir -p "$RECORD"
}

# base_worktree: the base checked out a second time, sharing its objects
base_worktree() {
	plain=$OUT/linux-base
	# After the repository was moved, a worktree and its repository have to find each other again.
	[ ! -e "$plain/.git" ] || g -C "$plain" rev-parse -q --git-dir >/dev/null 2>&1 ||
		g -C "$LINUX" worktree repair "$plain" >/dev/null 2>&1 || :
	[ ! -f "$RECORD/base-complete" ] || [ ! -e "$plain/.git" ] || return 0
	need_room
	say "checking out the base in out/linux-base (10 s)"
	rm -f "$RECORD/base-complete"
	rm -rf "$plain"
	g -C "$LINUX" worktree prune
	g -C "$LINUX" worktree add -q --detach "$plain" "refs/tags/$REF" ||
		die 10 "cannot check out the base; make room under $OUT, then: make tree KERNEL=base"
	: >"$RECORD/base-complete"
}
