# SPDX-License-Identifier: GPL-2.0
# Reads what "apt-cache showsrc" says of Linux source packages and prints a line for each that is a release of "base":
#   version of Linux, package, version of the package, its tarball and sha256, tarball of Debian's changes and sha256
# A source that several suites have comes once. Packages of one release may have tarballs that differ in what Debian
# leaves out; the caller takes one for all.

function finish(   line) {
	release = version
	sub(/-[^-]*$/, "", release)
	line = release " " package " " version " " orig " " changes
	if (index(release, base ".") == 1 && orig != "" && changes != "" && !seen[line]++)
		print line
	package = version = orig = changes = ""
}

/^Package:/ { package = $2 }
/^Version:/ { version = $2 }
/^[^ ]/ { sums = /^Checksums-Sha256:/ }
/^ / && sums && $3 ~ /\.orig\.tar\.xz$/ { orig = $3 " " $1 }
/^ / && sums && $3 ~ /\.debian\.tar\.xz$/ { changes = $3 " " $1 }
/^$/ { finish() }
END { finish() }
