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
	mkdir -p "$OUT" || die 10 "cannot create $OUT; make it writable: chmod u+w $TOP"
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

# slug TEXT: a subject as a file name
slug() {
	printf '%s\n' "$*" | tr '[:upper:]' '[:lower:]' |
		sed 's/[^a-z0-9][^a-z0-9]*/-/g; s/^-//; s/-$//' |
		awk '{ if (length($0) > 60) { $0 = substr($0, 1, 61); sub(/-[^-]*$/, "") } print }'
}

# touched_clone REPO DIR PATHS...: a shared clone of REPO, at the base, with nothing but the touched files and these paths
# checked out
touched_clone() {
	g clone -q --shared --no-checkout --template= "$1" "$2"
	g -C "$2" update-ref --no-deref HEAD "refs/tags/$REF"
	g -C "$2" config core.sparseCheckout true
	mkdir -p "$2/.git/info"
	clone=$2
	shift 2
	{ printf '%s\n' Makefile "$@"; series_files; } | sed 's,^,/,' >"$clone/.git/info/sparse-checkout"
	g -C "$clone" read-tree -mu HEAD
}

# import_series REPO: the series as commits on the base of REPO; leaves the new tip in refs/ptestate/new there.
# It works in a clone, so a failure leaves REPO alone.
import_series() {
	import=$OUT/import
	rm -rf "$import"
	touched_clone "$1" "$import"
	series | sed "s,^,${SERIES%/*}/," >"$import/.git/series"
	if [ -s "$import/.git/series" ] && ! import_am >"$import/.git/am.log" 2>&1; then
		nr=$(cat "$import/.git/rebase-apply/next" 2>/dev/null || echo 1)
		patch=$(sed -n "${nr}s,^$TOP/,,p" "$import/.git/series")
		why=$(grep -m1 -E '^(error|fatal):' "$import/.git/am.log" || tail -n 1 "$import/.git/am.log")
		rm -rf "$import"
		die 11 "$patch does not apply: $why; repair the patch, or restore it: git checkout $patch"
	fi
	g -C "$1" fetch -q --no-tags --no-write-fetch-head "$import" +HEAD:refs/ptestate/new
	rm -rf "$import"
}

import_am() {
	set --
	while read -r mail; do
		set -- "$@" "$mail"
	done <"$import/.git/series"
	g -C "$import" am -q --keep-non-patch --no-scissors --no-3way --committer-date-is-author-date "$@" </dev/null
}
