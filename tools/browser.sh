# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Sourced by the checks that look at what a browser shows: a headless one, whose files are in $work.
BROWSER=chromium-headless-shell

# browse URL OPTIONS...: nothing of this machine's browser is used, nothing outside is asked
browse() {
	url=$1
	shift
	[ "$(id -u)" != 0 ] || set -- --no-sandbox "$@"
	HOME=$work timeout 120 "$BROWSER" --user-data-dir="$work/browser" --window-size=1600,900 --disable-gpu \
		--hide-scrollbars --force-device-scale-factor=1 --force-color-profile=srgb \
		--host-resolver-rules='MAP * ~NOTFOUND' "$@" "$url" 2>"$work/log"
}
