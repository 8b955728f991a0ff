# SPDX-License-Identifier: GPL-2.0
# From "objdump -dr --no-show-raw-insn": a line for each function, its name and a sum of its code, in which addresses do
# not count: those of the instructions, of branches, and offsets into sections.
function flush() { if (name != "") print name, size, hash; name = "" }
function add(text,    i, n, chars) {
	n = split(text, chars, "")
	for (i = 1; i <= n; i++)
		hash = (hash * 31 + index(letters, chars[i])) % 1000000007
	size++
}
BEGIN { letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:+-_()<>%$*#[]{}!/@ \t" }
/^[0-9a-f]+ <.*>:$/ { flush(); name = $2; gsub(/[<>:]/, "", name); size = hash = 0; next }
/^Disassembly/ { flush(); next }
name == "" || /^$/ { next }
{
	sub(/^[ \t]*[0-9a-f]+:[ \t]*/, "")
	gsub(/[0-9a-f]+ </, "<")
	if (/R_/) {
		sub(/^R_[A-Z0-9_]+/, "R")
		gsub(/(\.[a-z_.0-9]+|\.L[A-Za-z0-9_]+)[+-]0x[0-9a-f]+/, "section")
	}
	add($0)
}
END { flush() }
