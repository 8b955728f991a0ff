# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/lava and the check of it: ci/lava-job.yaml, filled in. Wants $ARCH, $CONFIG, $KERNEL and $limit, the
# seconds that the tests may take with a plain kernel.
# shellcheck disable=SC2154
JOB='test'
TERM=linux
RUN=$OUT/lava
# shellcheck source=tools/qemu.sh
. "$TOP/tools/qemu.sh"

# A worker may have KVM or not; the seconds in selftests/tests are for emulation
accelerator() { echo tcg; }

# option WORDS...: one that the device type has no word for
option() { echo "  - '$*'" >> "$lava_options"; }

# translate QEMU...: the command line of tools/qemu.sh in the words of LAVA's device type, which itself starts the
# program of context.arch with -nographic, -net and -monitor none. The console of LAVA is all that the guest can write
# to, so both ports go there, and the kernel log.
translate() {
	lava_context="  arch: $ARCH
  no_kvm: 1"
	shift
	while [ $# -gt 0 ]; do
		case $ARCH:$1 in
		*:-no-user-config | *:-nodefaults | *:-no-reboot) option "$1" && shift && continue ;;
		arm64:-machine | arm64:-cpu) lava_context="$lava_context
  ${1#-}: '$2'" ;;
		*:-m) lava_context="$lava_context
  memory: $2" ;;
		*:-append) lava_append=$2 ;;
		*:-kernel | *:-initrd | *:-display | *:-nic | *:-chardev) ;;
		*:-serial) option -chardev stdio,id=all,mux=on && option -serial chardev:all ;;
		*:-device)
			case $2 in
			virtserialport,*) option -device "virtserialport,chardev=all,${2##*,}" ;;
			*) option "$1" "$2" ;;
			esac ;;
		*) option "$1" "$2" ;;
		esac
		shift 2
	done
}

# lava_job NAME KERNEL INITRAMFS URL: the job, which names both files as NAME.kernel and NAME.cpio at URL
lava_job() {
	lava_options=$(mktemp)
	qemu translate
	rm -f "$RUN/qemu"
	seconds=$((limit * $(scale)))
	name=$1 url=$4 seconds=$seconds deploy_seconds=600 job_seconds=$((seconds + 1200)) append=$lava_append \
		kernel_sha256=$(sha256sum < "$2" | cut -c1-64) ramdisk_sha256=$(sha256sum < "$3" | cut -c1-64) \
		context="$lava_context
  extra_options:
$(cat "$lava_options")" awk '
		{
			while (match($0, /@[a-z0-9_]+@/)) {
				printf "%s%s", substr($0, 1, RSTART - 1), ENVIRON[substr($0, RSTART + 1, RLENGTH - 2)]
				$0 = substr($0, RSTART + RLENGTH)
			}
			print
		}' "$TOP/ci/lava-job.yaml"
	rm -f "$lava_options"
}
