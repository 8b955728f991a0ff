# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the tools that handle the tree: git without the user's settings, the series, slugs, the import.
#
# Commits and patches must come out the same on every machine, so nothing of the user's git configuration, hooks,
# attributes, locale or umask may reach them; not even when make was started by a git hook.
# shellcheck disable=SC2034,SC2046
REF=base/$BASE
SERIES=$TOP/patches/series
RECORD=$LINUX/.git/ptestate

umask 022
export LC_ALL=C TZ=UTC
unset $(git rev-parse --local-env-vars) GIT_EDITOR GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_AUTHOR_DATE GIT_COMMITTER_DATE
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0
export GIT_AUTHOR_NAME="$PROJECT_NAME" GIT_AUTHOR_EMAIL="$PROJECT_EMAIL"
export GIT_COMMITTER_NAME="$PROJECT_NAME" GIT_COMMITTER_EMAIL="$PROJECT_EMAIL"

# g ARGS...: git; the settings here also win over what somebody set in out/linux itself
g() {
	git -c safe.directory='*' -c core.hooksPath=/dev/null -c core.attributesFile=/dev/null -c core.quotePath=false \
		-c core.excludesFile=/dev/null -c core.autocrlf=false -c core.eol=lf -c core.safecrlf=false -c gc.auto=0 \
		-c core.commentChar='#' -c commit.gpgSign=false -c advice.detachedHead=false -c am.threeWay=false \
		-c am.keepcr=false -c mailinfo.scissors=false -c i18n.commitEncoding=UTF-8 -c i18n.logOutputEncoding=UTF-8 \
		-c log.showSignature=false -c color.ui=false -c core.whitespace=trailing-space -c apply.whitespace=nowarn \
		-c diff.noprefix=false -c diff.mnemonicPrefix=false -c diff.algorithm=myers -c diff.context=3 \
		-c diff.interHunkContext=0 -c diff.indentHeuristic=true -c diff.suppressBlankEmpty=false -c diff.renames=false \
		-c diff.external= -c diff.submodule=short -c diff.ignoreSubmodules=none -c diff.statGraphWidth=-1 \
		-c format.encodeEmailHeaders=true -c format.pretty=medium "$@"
}

# lock_tree: one of the tools at a time works on out/linux; tools started by the holder pass through
lock_tree() {
	[ -z "${PTESTATE_LOCKED:-}" ] || return 0
	use_out
	exec 9>"$OUT/.tree.lock"
	if ! flock -n 9; then
		say "waiting for another make that works on out/linux"
		flock 9
	fi
	export PTESTATE_LOCKED=1
}

# series: the patches in order, relative to patches/
series() {
	[ ! -f "$SERIES" ] || sed 's/[[:space:]]*$//; /^#/d; /^$/d' "$SERIES"
}

# series_hash: changes with every byte of the series and its patches
series_hash() {
	series | while read -r patch; do
		[ -f "$TOP/patches/$patch" ] ||
			die 12 "patches/series names $patch, which is not there: git checkout patches, or make export"
	done
	{ cd "$TOP/patches" && { echo "$BASE_TREE"; series; series | xargs -r sha256sum; } | sha256sum | cut -c1-64; }
}

# series_files: every file the patches touch
series_files() {
	series | while read -r patch; do
		sed -n 's,^--- a/,,p; s,^+++ b/,,p; s,^diff --git a/.* b/,,p' "${SERIES%/*}/$patch"
	done | sort -u
}

# kernel_version TREE: by its Makefile
kernel_version() {
	awk '$2 == "=" && $1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL)$/ { v = v d $3; d = "." } END { print v ? v : "none" }' \
		"$1/Makefile" 2>/dev/null || echo none
}

# committed: ends what would call good what no commit has
committed() {
	changes=$(g -C "$LINUX" status --porcelain --untracked-files=no) ||
		die 12 "git cannot read out/linux (see above); what it says there: git -C out/linux status"
	[ -z "$changes" ] ||
		die 12 "out/linux has changes that no commit has; commit them, or put them aside: git -C out/linux stash"
}

# slug TEXT: a subject as a file name
slug() {
	printf '%s\n' "$*" | tr '[:upper:]' '[:lower:]' |
		sed 's/[^a-z0-9][^a-z0-9]*/-/g; s/^-//; s/-$//' |
		awk '{ if (length($0) > 60) { $0 = substr($0, 1, 61); sub(/-[^-]*$/, "") } print }'
}

# touched_clone REPO DIR: a shared clone of REPO, at the base, with nothing but the touched files checked out
touched_clone() {
	g clone -q --shared --no-checkout --template= "$1" "$2"
	g -C "$2" update-ref --no-deref HEAD "refs/tags/$REF"
	g -C "$2" config core.sparseCheckout true
	mkdir -p "$2/.git/info"
	{ echo Makefile; series_files; } | sed 's,^,/,' >"$2/.git/info/sparse-checkout"
	g -C "$2" read-tree -mu HEAD
}

# series_repo REPO DIR: a repository with nothing but the files that the series touches, the series as commits on top of
# the base. Git reads and writes its index for each patch, and a whole kernel's takes most of the time then.
series_repo() {
	rm -rf "$2"
	g init -q --template= "$2"
	mkdir -p "$2/.git/objects/info"
	echo "$1/.git/objects" >"$2/.git/objects/info/alternates"
	# .gitattributes says what a hunk's heading is made of
	{ echo .gitattributes; series_files; } >"$2/.git/touched"
	g -C "$1" ls-tree -r "refs/tags/$REF" |
		awk -F '\t' 'NR == FNR { touched[$0]; next } $2 in touched' "$2/.git/touched" - | g -C "$2" update-index --index-info
	parent=$(echo base | g -C "$2" commit-tree "$(g -C "$2" write-tree)")
	g -C "$2" update-ref "refs/tags/$REF" "$parent"
	g -C "$2" checkout -q --force --detach "$parent"
	series | sed "s,^,${SERIES%/*}/," >"$2/.git/series"
	[ -s "$2/.git/series" ] || return 0
	apply_mails "$2" && return
	why=$(grep -m1 -E '^(error|fatal):' "$2/.git/am.log" || head -n 1 "$2/.git/am.log")
	# What is no mail at all is named by git, if it is not the first, which tells git what mails look like
	if [ -e "$2/.git/rebase-apply/next" ]; then
		patch=$(sed -n "$(cat "$2/.git/rebase-apply/next")p" "$2/.git/series")
	else
		patch=$(grep -oFf "$2/.git/series" "$2/.git/am.log" || cat "$2/.git/series")
		patch=$(printf '%s\n' "$patch" | head -n 1)
	fi
	rm -rf "$2"
	patch=${patch#"$TOP/"}
	die 11 "$patch does not apply: $why; repair the patch, or restore it: git checkout $patch"
}

apply_mails() {
	in=$1
	set --
	while read -r mail; do
		set -- "$@" "$mail"
	done <"$in/.git/series"
	g -C "$in" am -q --keep-non-patch --no-scissors --no-3way --committer-date-is-author-date "$@" \
		>"$in/.git/am.log" 2>&1 </dev/null
}

# import_series REPO: the series as commits on the base of REPO; leaves the new tip in refs/ptestate/new there. Nothing
# has come to REPO when a patch does not apply.
import_series() {
	import=$OUT/import
	series_repo "$1" "$import"
	g -C "$import" update-ref refs/ptestate/new HEAD
	g -C "$import" fast-export --reference-excluded-parents "$parent..refs/ptestate/new" >"$import/.git/stream"
	g -C "$1" update-ref refs/ptestate/new "refs/tags/$REF^{commit}"
	sed "s/^from $parent\$/from $(g -C "$1" rev-parse "refs/tags/$REF^{commit}")/" "$import/.git/stream" |
		g -C "$1" fast-import --quiet
	rm -rf "$import"
}
