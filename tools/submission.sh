# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/mbox and tools/mail: who submits, and the series as commits of theirs, in a scratch repository.
#
# The patches carry nobody's sign-off, and nobody's name: a sign-off is the promise of the person who gives it, and so
# is only ever made for the SUBMITTER who has been named.
SCRATCH=$OUT/submission
REPO=$SCRATCH/repo
TABLE=$SCRATCH/table
# Where all of the mails go to; others get copies.
# shellcheck disable=SC2034
LIST=linux-mm@kvack.org

# submitter: refuses to go on without one; from here on commits are theirs
submitter() {
	how="make $SELF SUBMITTER=\"Name <address>\""
	[ -n "${SUBMITTER:-}" ] || die 14 "nobody submits: the patches carry no sign-off until somebody has read them and" \
		"takes the responsibility for them (out/linux/Documentation/process/submitting-patches.rst); who does, says so: $how"
	[ "$(printf '%s\n' "$SUBMITTER" | wc -l)" = 1 ] && printf '%s\n' "$SUBMITTER" |
		grep -qxE '[^<>@[:cntrl:]]*[^<>@[:space:]] <[^<>@[:space:]]+@[^<>@[:space:]]+\.[^<>@[:space:].]+>' ||
		die 14 "SUBMITTER=$SUBMITTER is no \"Name <address>\", which a sign-off needs; say who you are: $how"
	case $SUBMITTER in
	*.invalid'>') die 14 "SUBMITTER=$SUBMITTER is nobody: mail to .invalid reaches no one; say who you are: $how" ;;
	esac
	# As git will have it in From:, which is without a dot at the end of the name
	address=${SUBMITTER##*<}
	SUBMITTER=$(GIT_AUTHOR_NAME="${SUBMITTER% <*}" GIT_AUTHOR_EMAIL=${address%>} g var GIT_AUTHOR_IDENT | sed 's/>.*/>/')
	export GIT_AUTHOR_NAME="${SUBMITTER% <*}" GIT_COMMITTER_NAME="${SUBMITTER% <*}"
	export GIT_AUTHOR_EMAIL="${address%>}" GIT_COMMITTER_EMAIL="${address%>}"
	others=$(cd "$TOP/patches" && series | xargs -r grep -Him1 '^signed-off-by:' | head -n 1)
	[ -z "$others" ] || die 12 "patches/$others: that is somebody's promise, and not for the submitter to send along; take" \
		"it out (git -C out/linux rebase -i $REF, make export), then: $how"
	version
}

# version: what the subjects have after PATCH: 6.1, and which version it is if there have been earlier ones
# shellcheck disable=SC2034
version() {
	PREFIX=$BASE
	[ -n "${PREVIOUS:-}${REROLL:-}" ] || return 0
	how="$how PREVIOUS=tag"
	[ -n "${PREVIOUS:-}" ] || die 14 "REROLL=$REROLL has no PREVIOUS to be compared with: $how"
	REROLL=${REROLL:-2}
	case $REROLL in
	1 | 0* | *[!0-9]*) die 14 "REROLL=$REROLL is no version after the first; for the third: $how REROLL=3" ;;
	esac
	PREFIX="$BASE v$REROLL"
}

# sign_off TIP: the commits from the base to TIP once more, by the submitter and signed off; prints their hashes
sign_off() {
	parent=$(g -C "$REPO" rev-parse "refs/tags/$REF^{commit}")
	g -C "$REPO" rev-list --reverse "$parent..$1" | while read -r commit; do
		when=$(g -C "$REPO" log -1 --format=%ad --date=raw "$commit")
		parent=$(g -C "$REPO" log -1 --format=%B "$commit" |
			g interpret-trailers --no-divider --trailer "Signed-off-by: $SUBMITTER" |
			GIT_AUTHOR_DATE="@$when" GIT_COMMITTER_DATE="@$when" g -C "$REPO" commit-tree -p "$parent" "$commit^{tree}")
		echo "$parent"
	done
}

# topics TIP FILE: FILE becomes "topic first last" of every topic, and of "all"; FILE.series "commit topic slug" of each
topics() {
	sign_off "$1" >"$2.commits"
	series | sed 's,/, ,; s,\.patch$,,' | paste -d ' ' "$2.commits" - |
		awk -f "$TOP/tools/topics.awk" >"$2.series" || die 12 "$(tail -n 1 "$2.series")"
	awk '
	!($2 in first) { first[$2] = $1; name[++n] = $2 }
	{ last[$2] = $1 }
	END {
		for (i = 1; i <= n; i++)
			print name[i], first[name[i]], last[name[i]]
		print "all", first[name[1]], last[name[n]]
	}
	' "$2.series" >"$2"
}

# previous: the topics of the series as it was in the commit PREVIOUS of this repository
previous() {
	again="name a commit or tag whose series is on this base: $how"
	commit=$(git -C "$TOP" -c safe.directory='*' rev-parse -q --verify "$PREVIOUS^{commit}" 2>/dev/null) ||
		die 11 "PREVIOUS=$PREVIOUS is no commit of this repository; $again"
	mkdir "$SCRATCH/previous"
	git -C "$TOP" -c safe.directory='*' archive "$commit" patches "base/$BASE" 2>/dev/null |
		tar -C "$SCRATCH/previous" -xf - 2>/dev/null ||
		die 11 "PREVIOUS=$PREVIOUS has no series; $again"
	grep -qx "BASE_TREE=$BASE_TREE" "$SCRATCH/previous/base/$BASE" ||
		die 11 "PREVIOUS=$PREVIOUS is on another release than $BASE_VERSION; $again"
	# shellcheck disable=SC2034
	SERIES=$SCRATCH/previous/patches/series
	why=$(import_series "$REPO" 2>&1) || die 11 "PREVIOUS=$PREVIOUS: ${why%;*}; $again"
	topics refs/ptestate/new "$TABLE.previous"
}

# scratch: the repository, with a branch for each topic and one for "all"
scratch() {
	rm -rf "$SCRATCH"
	mkdir -p "$SCRATCH/mbox"
	touched_clone "$LINUX" "$REPO"
	g -C "$REPO" config user.name "$GIT_AUTHOR_NAME"
	g -C "$REPO" config user.email "$GIT_AUTHOR_EMAIL"
	: >"$TABLE.previous"
	[ -z "${PREVIOUS:-}" ] || (previous)
	topics "$(g -C "$LINUX" rev-parse refs/ptestate/imported)" "$TABLE"
	awk '{ print "create refs/heads/" $1 " " $3 }' "$TABLE" | g -C "$REPO" update-ref --stdin
}

# letter NAME: its cover letter
letter() {
	case $1 in
	all) echo "$TOP/cover-letter.txt" ;;
	*) echo "$TOP/cover-letters/$1.txt" ;;
	esac
}

# title NAME: the subject of its cover letter, which format-patch will number
title() { sed -n '1s/^Subject: *\(\[[^]]*\] *\)\{0,1\}//p' "$(letter "$1")"; }

# applied FROM TO MAILS...: git am of the mails on FROM gives the tree of TO, else this ends
applied() {
	from=$1 to=$2
	shift 2
	g -C "$REPO" checkout -q --detach "$from"
	g -C "$REPO" am -q --empty=drop --no-3way "$@" >"$SCRATCH/am.log" 2>&1 </dev/null ||
		die 11 "$1 does not apply: $(grep -m1 -E '^(error|fatal|Patch)' "$SCRATCH/am.log"); nothing can be sent, try again:" \
			"make tree, then $how"
	[ "$(g -C "$REPO" rev-parse 'HEAD^{tree}')" = "$(g -C "$REPO" rev-parse "$to^{tree}")" ] ||
		die 11 "git am of $1 gives another tree than out/linux has, in $REPO; nothing can be sent, try again: make tree," \
			"then $how"
}
