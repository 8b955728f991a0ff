# SPDX-License-Identifier: GPL-2.0
# The section of the files that cannot be read, or not to their end, if there are any.
$1 == "damaged" {
	if (!count++)
		print "<section id=\"damaged\" class=\"notice\">\n<h2>Damaged files</h2>\n<ul>"
	print "<li><code>" $2 "</code>: " $3 "</li>"
}
END {
	if (count)
		print "</ul>\n</section>"
}
