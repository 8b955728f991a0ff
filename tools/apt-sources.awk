# SPDX-License-Identifier: GPL-2.0
# Reads apt's sources, in both of their forms, and prints deb822 stanzas for other suites of the same archives.
#   types   what the stanzas are for: "deb", "deb-src" or both
#   wanted  suites; those ending in "-security" come from the security archive, all others from the main one
#   code    the code name of the machine's release: the entry with that suite is the main archive
# Only entries for the component main at an address that looks like Debian's count; when there is none (a site's own
# mirror may have any name), the address is not looked at.

function has(list, word,   n, i, part) {
	n = split(list, part)
	for (i = 1; i <= n; i++)
		if (part[i] == word)
			return 1
	return 0
}

function archive(suites,   n, i, part) {
	n = split(suites, part)
	for (i = 1; i <= n; i++) {
		if (part[i] == code || part[i] == "stable" || part[i] == "oldstable")
			return "main"
		if (part[i] == code "-security" || part[i] == "stable-security" || part[i] == code "/updates")
			return "security"
	}
	return ""
}

function select(kind,   n, i, part, out) {
	n = split(wanted, part)
	for (i = 1; i <= n; i++)
		if ((part[i] ~ /-security$/) == (kind == "security"))
			out = out " " part[i]
	return substr(out, 2)
}

function finish(   kind, suites, text, official) {
	kind = archive(field["suites"])
	if (kind != "" && has(field["components"], "main") && has(field["types"], "deb") && field["enabled"] !~ /no|false/) {
		suites = select(kind)
		text = "Types: " types "\nURIs: " field["uris"] "\nSuites: " suites "\nComponents: main\n" kept
		official = field["uris"] ~ /\/debian(-security)?\/?([0-9]+T[0-9]+Z\/?)?( |$)|^mirror/
		if (suites != "" && !((text, official) in seen)) {
			seen[text, official] = 1
			found[official] = found[official] text "\n"
		}
	}
	split("", field)
	kept = name = ""
}

# deb [signed-by=/path arch=amd64] http://host/debian bookworm main
function one_line(   options, n, i, part) {
	finish()
	if (match($0, /\[[^]]*\]/)) {
		options = substr($0, RSTART + 1, RLENGTH - 2)
		$0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
	}
	field["types"] = $1
	field["uris"] = $2
	field["suites"] = $3
	for (i = 4; i <= NF && $i !~ /^#/; i++)
		field["components"] = field["components"] " " $i
	n = split(options, part)
	for (i = 1; i <= n; i++) {
		sub(/=/, ": ", part[i])
		if (tolower(part[i]) ~ /^(signed-by|trusted|check-valid-until|check-date):/)
			kept = kept part[i] "\n"
	}
	finish()
}

/^[ \t]*#/ { next }
/^[ \t]*deb(-src)?[ \t]/ { one_line(); next }
/^[ \t]*$/ { finish(); next }
/^[ \t]/ {
	if (keep)
		kept = kept $0 "\n"
	else
		field[name] = field[name] " " $0
	next
}
{
	name = tolower(substr($0, 1, index($0, ":") - 1))
	keep = name ~ /^(signed-by|trusted|check-valid-until|check-date)$/
	if (keep)
		kept = kept $0 "\n"
	else {
		field[name] = substr($0, index($0, ":") + 1)
		gsub(/^[ \t]+|[ \t]+$/, "", field[name])
	}
}
END {
	finish()
	printf "%s", (1 in found) ? found[1] : found[0]
}
