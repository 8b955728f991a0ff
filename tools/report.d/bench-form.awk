# SPDX-License-Identifier: GPL-2.0
# Whether a file is what tools/bench has written for this kernel and arch, to its last line; says what is wrong with it.
function wrong(what) {
	print what
	failed = 1
	exit 1
}

NR == 1 && $0 == "{" { next }
NR == 2 && $0 == "  \"kernel\": \"" kernel "\"," { next }
NR == 3 && $0 == "  \"arch\": \"" arch "\"," { next }
NR == 4 && /^  "release": "[^"\\]*",$/ { next }
NR == 5 && /^  "tree": "[0-9a-f]+\+?",$/ { next }
(NR == 5 || NR == 6) && !opened && $0 == "  \"results\": {" { opened = 1; next }
!opened { wrong("line " NR " is not what make bench writes for " kernel "-" arch) }
!last && /^    "[a-z0-9_-]+": { "value": (null|-?[0-9]+(\.[0-9]+)?), "unit": "[a-zA-Z\/]+" },?$/ {
	last = !/,$/
	next
}
last && !closed && $0 == "  }" { closed = NR; next }
closed == NR - 1 && $0 == "}" { whole = 1; next }
{ wrong("line " NR " is not what make bench writes") }
END {
	if (!failed && !whole)
		wrong("it ends after line " NR)
}
