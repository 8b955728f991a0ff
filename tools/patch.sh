# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/export: one commit as one patch, and the finished patches into place.

# write_patch REPO COMMIT FILE
write_patch() {
	g -C "$1" format-patch -1 --stdout --zero-commit --no-signature -N --full-index --no-renames --no-attach \
		--no-thread --no-to --no-cc --no-add-header --no-signoff --no-notes --no-base --no-from --no-ext-diff \
		--no-textconv --no-color-moved --src-prefix=a/ --dst-prefix=b/ --subject-prefix=PATCH "$2" >"$3"
	! g -C "$1" diff-tree --quiet "$2^" "$2" ||
		die 12 "'$(g -C "$1" log -1 --format=%s "$2")' changes nothing; drop it: git -C out/linux rebase -i $REF"
	g -C "$1" cat-file commit "$2" | sed '1,/^$/d' >"$NEW/said"
	g -C "$1" mailinfo --no-scissors -b "$NEW/body" "$NEW/diff" <"$3" >"$NEW/header" 2>/dev/null || :
	{ sed -n 's/^Subject: //p' "$NEW/header" && echo && cat "$NEW/body"; } | g stripspace >"$NEW/heard"
	cmp -s "$NEW/said" "$NEW/heard" ||
		die 12 "the message of '$(g -C "$1" log -1 --format=%s "$2")' does not survive git am (a subject of one line, no" \
			"blanks at line ends, no line that starts a diff, no '---'); reword it: git -C out/linux rebase -i $REF"
}

# install_export: patches/ becomes what was prepared; the old one is kept aside until the new one is in place
install_export() {
	was=$(series_hash 2>/dev/null) || was=
	rm -rf "$OUT/patches.old"
	mv "$TOP/patches" "$OUT/patches.old"
	mv "$NEW/patches" "$TOP/patches"
	mv "$NEW/preimage" "$TOP/base/$BASE.preimage"
	if [ "$was" = "$(cat "$RECORD/series" 2>/dev/null)" ]; then
		rm -rf "$OUT/patches.old"
	else
		say "note: patches/ had changed since make tree, without out/linux; what it was is in out/patches.old"
	fi
	series_hash >"$RECORD/series"
	g -C "$LINUX" update-ref refs/ptestate/imported HEAD
}
