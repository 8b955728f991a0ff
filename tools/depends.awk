# SPDX-License-Identifier: GPL-2.0
# What a Kconfig symbol depends on, from the file that defines it: its own "depends on" lines, and the if and menu blocks
# around it in that file. Then which of the symbols in those expressions are off in the .config given as config=.
function add(expr)
{
	sub(/[ \t]*#.*/, "", expr)
	all = all (all == "" ? "" : " && ") (expr ~ /\|\|/ ? "(" expr ")" : expr)
}

function is_on(name)
{
	return (name in value) && value[name] != "n"
}

BEGIN {
	while ((getline line < config) > 0)
		if (match(line, /^CONFIG_[A-Za-z0-9_]+=/))
			value[substr(line, 8, RLENGTH - 8)] = substr(line, RLENGTH + 1)
}

{
	while (sub(/\\$/, "") && (getline line) > 0)
		$0 = $0 line
}

/^if[ \t]/ { sub(/^if[ \t]+/, ""); block[++depth] = $0; next }
/^menu[ \t]/ { block[++depth] = ""; inside = 0; head = 1; next }
/^(endif|endmenu)/ { depth--; inside = 0; head = 0; next }
/^(menu)?config[ \t]/ {
	head = 0
	inside = $2 == symbol
	if (inside)
		for (i = 1; i <= depth; i++)
			if (block[i] != "")
				add(block[i])
	next
}
/^(source|choice|endchoice|comment)/ { inside = head = 0; next }
/^[ \t]+(---)?help/ { inside = 0; next }
/^[ \t]+depends on / {
	expr = $0
	sub(/^[ \t]+depends on[ \t]+/, "", expr)
	if (inside)
		add(expr)
	else if (head)
		block[depth] = block[depth] (block[depth] == "" ? "" : " && ") expr
}

END {
	rest = all
	while (match(rest, /[A-Z][A-Z0-9_]+/)) {
		name = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (!is_on(name) && !(name in seen))
			off = off (off == "" ? "" : ", ") name
		seen[name] = 1
	}
	print (all == "" ? "it has no prompt of its own, or another choice was taken" \
			 : "depends on " all (off == "" ? "" : "; off: " off))
}
