# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/apply-matrix after apt.sh and touched.sh: the releases of $BASE in Debian's archive. Every file is
# verified by the sha256 in apt's signed indexes, each time it is used. $work is a directory for what is unpacked.
# shellcheck disable=SC2034,SC2154

# Where 6.1 is: Debian 12, and the security archive of Debian 11, which has it as linux-6.1
RELEASE_SUITES="$BASE_SUITE $BASE_SUITE-updates $BASE_SUITE-proposed-updates $BASE_SUITE-security bullseye-security"
STORE=$CACHE/downloads

# releases: a line for each source package, see releases.awk; in the order of versions
releases() {
	apt_private apt-cache showsrc --only-source linux "linux-$BASE" 2>"$apt_dir/log" |
		awk -v base="$BASE" -f "$TOP/tools/releases.awk" | sort -k1,1V -k2,2 -k3,3V
}

# unread_suites: what the machine's mirror did not give when its lists were read
unread_suites() {
	[ -f "$apt_dir/fresh" ] ||
		awk '$1 ~ /^Err:/ { print $3 }' "$apt_dir/update.log" | sort -u | tr '\n' ' '
}

holds() { [ "$(sha256sum <"$1" | cut -c1-64)" = "$2" ]; }

# download FILE SHA256 WORDS...: apt-get WORDS puts it into the cache, under its name only when it is what it must be; or
# else the reason is in $reason. An archive may list what it does not have, or no longer.
download() {
	file=$STORE/$1
	sum=$2
	shift 2
	if [ -f "$file" ]; then
		! holds "$file" "$sum" || return 0
		say "$file is damaged (its sha256 is not that of the archive): removed, fetching it again"
		rm -f "$file"
	fi
	free=$(df -Pk "$STORE" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$free" -ge 200 ] || die 10 "$STORE has $free MiB free and 200 MiB are needed; make room, or choose another place:" \
		"PTESTATE_CACHE=/path make $SELF"
	say "fetching ${file##*/}"
	part=$STORE/part.$$
	exec 9>"$STORE/.lock"
	flock 9
	rm -rf "$part"
	mkdir "$part"
	reason=
	if ! (cd "$part" && apt_private apt-get "$@") >"$apt_dir/log" 2>&1; then
		reason="not tried: $(apt_reason)"
		! grep -q ' 404 ' "$apt_dir/log" || reason="not there: the archive lists ${file##*/} and does not have it"
	elif [ -f "$part/${file##*/}" ] && holds "$part/${file##*/}" "$sum"; then
		mv "$part/${file##*/}" "$file"
	else
		reason="not tried: what came as ${file##*/} is something else"
	fi
	rm -rf "$part"
	exec 9>&-
	[ -z "$reason" ]
}

# from_source tar|diff PACKAGE VERSION FILE SHA256: a file of a source package
from_source() { download "$4" "$5" source --download-only --only-source "--$1-only" "$2=$3"; }

# from_binary VERSION DIR: the touched files of the package linux-source-..., which has Debian's patches applied; for a
# release whose tarball the archive does not have. Where it has no such package either, $reason stays as it was.
from_binary() {
	sum=$(apt_private apt-cache show "linux-source-$BASE=$1" 2>/dev/null | sed -n 's/^SHA256: //p' | head -n 1)
	deb=linux-source-${BASE}_$1_all.deb
	[ -n "$sum" ] && download "$deb" "$sum" download "linux-source-$BASE=$1" || return 1
	dpkg-deb --fsys-tarfile "$STORE/$deb" | tar -xOf - "./usr/src/linux-source-$BASE.tar.xz" >"$work/source.tar.xz"
	take "$work/source.tar.xz" "$2"
	rm -f "$work/source.tar.xz"
}
