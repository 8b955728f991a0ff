# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the tools that compile kernels: the same objects wherever and whenever, from the cache if it has them.

export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_USER=ptestate KBUILD_BUILD_HOST=ptestate
# Objects are found again by another clone, at another path
export CCACHE_DIR="${CCACHE_DIR:-$CACHE/ccache}" CCACHE_BASEDIR="$TOP" CCACHE_NOHASHDIR=1
export CCACHE_MAXSIZE="${CCACHE_MAXSIZE:-5G}" CCACHE_COMPILERCHECK=content

# compiler ARCH: gcc, or clang if COMPILER says so, through ccache when it is there
compiler() {
	cc=$(cross "$1")gcc
	[ "${COMPILER:-gcc}" = gcc ] || cc=$COMPILER
	if command -v ccache > /dev/null; then
		echo "ccache $cc"
	else
		echo "$cc"
	fi
}

# kmake SOURCE O ARCH WORDS...: the kernel's make
kmake() {
	kmake_source=$1 kmake_o=$2 kmake_arch=$3
	shift 3
	make -C "$kmake_source" O="$kmake_o" ARCH="$kmake_arch" CROSS_COMPILE="$(cross "$kmake_arch")" \
		CC="$(compiler "$kmake_arch")" -j"${J:-$(nproc)}" "$@" 2>&1 < /dev/null
}

# lost WANTED CONFIG: the requested symbols whose value is another one there; "not set" is met by a symbol that is not there
# at all
lost() {
	awk 'function name(line) { sub(/^# /, "", line); sub(/[= ].*/, "", line); return line }
	     !/^(CONFIG_[A-Z0-9_a-z]+=|# CONFIG_[A-Z0-9_a-z]+ is not set)/ { next }
	     FILENAME == ARGV[1] { want[name($0)] = $0; next }
	     { have[name($0)] = $0 }
	     END { for (s in want) if (want[s] != have[s] && !(want[s] ~ /^#/ && have[s] == "")) print s }' "$1" "$2" | sort
}

# same_kconfig STAMP SOURCE: no Kconfig file of SOURCE changed since STAMP was made
same_kconfig() {
	[ -z "$(find "$2/" -name .git -prune -o -name 'Kconfig*' -newer "$1" -print -quit)" ]
}

# unchanged STAMP SOURCE: neither a file of SOURCE nor the configuration in $O changed since STAMP was made
unchanged() {
	[ -e "$1" ] && [ -z "$(find "$O/.config" "$2/" -name .git -prune -o -cnewer "$1" -print -quit)" ]
}

# first_error LOG: what went wrong, in one line
first_error() { grep -m1 -E '(error|Error|undefined reference|No space left)[ :]|\*\*\*' "$1" || tail -n 1 "$1"; }
