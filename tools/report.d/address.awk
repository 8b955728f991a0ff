# SPDX-License-Identifier: GPL-2.0
# Prints a path as the relative address that it has in a link.
BEGIN {
	for (i = 1; i < 256; i++)
		code[sprintf("%c", i)] = sprintf("%%%02X", i)
}
{
	if (NR > 1)
		printf "%%0A"
	for (i = 1; i <= length($0); i++) {
		letter = substr($0, i, 1)
		printf "%s", letter ~ /[A-Za-z0-9\/._=,+@-]/ ? letter : code[letter]
	}
}
END { print "" }
