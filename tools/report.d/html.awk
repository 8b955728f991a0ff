# SPDX-License-Identifier: GPL-2.0
# What the programs that write the page have in common.

# escape TEXT: for HTML, also in an attribute, and in one line
function escape(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	gsub(/"/, "\\&quot;", text)
	gsub(/[\001-\037\177]/, " ", text)
	return text
}

# commas NUMBER: with a comma every three digits
function commas(number,    whole, rest, at) {
	at = index(number, ".")
	whole = at ? substr(number, 1, at - 1) : number
	rest = at ? substr(number, at) : ""
	for (at = length(whole) - 3; at > 0; at -= 3)
		whole = substr(whole, 1, at) "," substr(whole, at + 1)
	return whole rest
}

# many NUMBER, THING: "1 patch", "2 patches"
function many(number, thing) {
	if (number != 1)
		thing = thing (thing ~ /(ch|s)$/ ? "es" : "s")
	return commas(number) " " thing
}

# anchor ADDRESS, TEXT: a link, or only the text where there is nothing to link to
function anchor(address, text) {
	return address == "" ? text : "<a href=\"" address "\">" text "</a>"
}

# tag NAME, CLASS, TEXT
function tag(name, class, text) {
	return "<" name (class == "" ? "" : " class=\"" class "\"") ">" text "</" name ">"
}

# source TREE, OLD: what a kernel was built from
function source(tree, old) {
	return tree == "" ? "" : "<code>" tree "</code>" (old == "" ? "" : " " tag("span", "old", "outdated"))
}

BEGIN { FS = OFS = "\t" }
