# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the tools that get something from Debian's archive: apt with lists and state of its own under out/apt.
#
# The machine's apt configuration is read and never changed. Where Debian's archive is, and which key signs it, is
# derived from the machine's own sources; its proxies, pins and credentials apply as usual.

os_release() { sed -n "s/^$1=//p" "${OS_RELEASE:-/etc/os-release}" 2>/dev/null | tr -d "\"'"; }

# is_debian: whether this machine is a Debian with apt
is_debian() { command -v apt-get >/dev/null && [ "$(os_release ID)" = debian ]; }

# apt_sources TYPES SUITES: sources for those suites, made from the machine's
apt_sources() {
	for file in "${APT_ETC:-/etc/apt}/sources.list" "${APT_ETC:-/etc/apt}"/sources.list.d/*; do
		case $file in
		*.list | *.sources) [ ! -r "$file" ] || { cat "$file" && echo; } ;;
		esac
	done | awk -v types="$1" -v wanted="$2" -v code="$(os_release VERSION_CODENAME)" -f "$TOP/tools/apt-sources.awk"
}

# apt_setup SUITES...: choose the suites and read their lists, at most once a day. Before it, APT_TYPES="deb-src" asks
# for sources instead of packages, and APT_ARCH=arm64 for another architecture than the machine's.
apt_setup() {
	apt_types=${APT_TYPES:-deb}
	apt_arch=${APT_ARCH:-$(dpkg --print-architecture)}
	apt_dir=$OUT/apt/$(echo "$apt_types $apt_arch $*" | tr ' ' '+')
	mkdir -p "$apt_dir/sources" "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" || return 1
	exec 8>"$apt_dir/lock"
	flock 8
	apt_sources "$apt_types" "$*" >"$apt_dir/new"
	[ -s "$apt_dir/new" ] || return 1
	# A foreign architecture is resolved on its own, against a machine with nothing installed.
	[ "$apt_arch" = "$(dpkg --print-architecture)" ] || : >"$apt_dir/status"
	if ! cmp -s "$apt_dir/new" "$apt_dir/sources/debian.sources" || [ -z "$(find "$apt_dir/fresh" -mtime -1 2>/dev/null)" ]; then
		mv "$apt_dir/new" "$apt_dir/sources/debian.sources"
		# One suite that cannot be read does not matter unless what we want is in it.
		rm -f "$apt_dir/fresh"
		! apt_private apt-get update -o APT::Update::Error-Mode=any >"$apt_dir/update.log" 2>&1 || touch "$apt_dir/fresh"
	fi
	exec 8>&-
}

# apt_private apt-get|apt-cache ARGS...: apt with the sources of the last apt_setup
apt_private() {
	apt_tool=$1
	shift
	set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt_dir/sources" \
		-o Dir::State::Lists="$apt_dir/lists" -o Dir::Cache="$apt_dir/cache" -o Acquire::Languages=none \
		-o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
	# As root apt would download as its own user, who may not enter out/ or the cache.
	[ "$(id -u)" != 0 ] || set -- -o APT::Sandbox::User=root "$@"
	[ ! -f "$apt_dir/status" ] || set -- -o APT::Architecture="$apt_arch" -o APT::Architectures="$apt_arch" \
		-o Dir::State::Status="$apt_dir/status" "$@"
	"$apt_tool" -q "$@"
}

# apt_reason: the first thing apt complained about, for a message
apt_reason() {
	apt_log=$apt_dir/log
	[ -f "$apt_dir/fresh" ] || apt_log=$apt_dir/update.log
	{ grep -m1 -A1 '^Err:' "$apt_log" || grep -m1 '^E:' "$apt_log"; } | tr -s '\n ' ' ' | cut -c1-160
}

# debian_arch ARCH: what Debian calls it
debian_arch() { case $1 in x86_64) echo amd64 ;; *) echo "$1" ;; esac; }

# apt_unpack PACKAGE ARCH DIR: the files of a package of any architecture, without installing it; its version is then in
# $apt_version. It is from the machine's release, or from APT_SUITE=.
apt_unpack() {
	APT_ARCH=$(debian_arch "$2")
	apt_suite=$(os_release VERSION_CODENAME)
	# shellcheck disable=SC2086
	is_debian && apt_setup ${APT_SUITE:-$apt_suite $apt_suite-security} ||
		die 10 "the package $1 for $2 comes from Debian's archive, which this machine has no source for; add one to" \
			"/etc/apt/sources.list or, elsewhere than on Debian, use a container of Debian 12; then try again"
	mkdir -p "$3" "$apt_dir/debs"
	rm -f "$apt_dir/debs/$1"_*.deb
	apt_status=0
	# shellcheck disable=SC2034
	(cd "$apt_dir/debs" && apt_private apt-get download "$1" >"$apt_dir/log" 2>&1) &&
		dpkg -x "$apt_dir/debs/$1"_*.deb "$3" && apt_version=$(dpkg-deb -f "$apt_dir/debs/$1"_*.deb Version) ||
		apt_status=$?
	unset APT_ARCH
	[ "$apt_status" != 0 ] || return 0
	apt_why=$(apt_reason)
	rm -f "$apt_dir/fresh"
	die 10 "cannot get the package $1 for $2: $apt_why; check the network, then try again"
}
