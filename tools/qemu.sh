# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/guest and tools/lava: the one place that knows how the guests are emulated.

# shellcheck disable=SC2153
case $ARCH in
x86_64)
	# Without MSI-X, whose table QEMU 10.0.2 was once seen to trip over at boot
	QEMU_PROGRAM=qemu-system-x86_64 MACHINE=q35 CPU=max CONSOLE=ttyS0 SERIAL=virtio-serial-pci,vectors=0,ioeventfd=off ;;
arm64)
	# Plain "max" spends its time computing pointer authentication codes
	QEMU_PROGRAM=qemu-system-aarch64 MACHINE=virt,mte=on,gic-version=3 CPU=max,pauth-impdef=true CONSOLE=ttyAMA0
	SERIAL=virtio-serial-device ;;
esac
# TAGS=ram: the memory tags of arm64 are in the last 1/33 of the guest's own RAM, and nothing tells the guest. TAGS=4096
# or 8192: its device tree does, with blocks of that size.
case ${TAGS:-}:$ARCH in
:*) ;;
ram:arm64 | 4096:arm64 | 8192:arm64)
	# shellcheck source=tools/tag-storage.sh
	. "$TOP/tools/tag-storage.sh"
	MEM=${MEM:-528}
	[ $((MEM % 66)) = 0 ] ||
		die 14 "MEM=$MEM cannot have tags in RAM: 32 parts data and one part tags, each a multiple of 2 MiB," \
			"make a multiple of 66; use MEM=528 or MEM=1056"
	QEMU_PROGRAM=$("$TOP/tools/qemu-tags")
	case ${DAMAGE:-} in
	coverage | elsewhere | initrd | outside) ;;
	*) MACHINE=$MACHINE,mte-tags-in-ram=on ;;
	esac ;;
*) die 14 "TAGS=$TAGS is unknown for $ARCH; use TAGS=ram, TAGS=4096 or TAGS=8192 with ARCH=arm64" ;;
esac
# Kernel parameters of a configuration. With all checks, and emulated beside other work, nothing is quick.
case $CONFIG in
debug)
	PARAMETERS="page_poison=on watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=300"
	PARAMETERS="$PARAMETERS workqueue.watchdog_thresh=300 sysctl.kernel.hung_task_timeout_secs=600" ;;
bench) PARAMETERS="mitigations=off" ;;
*) PARAMETERS= ;;
esac

# A processor for KVM: nested KVM may refuse the register that arch-capabilities stands for
KVM_CPU=host,-arch-capabilities

# kvm_works: whether a kernel comes up with it, as far as not finding its init. A /dev/kvm that cannot do that exists,
# so it is tried, once per boot of this machine.
kvm_works() {
	answer=$OUT/guest/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$answer" ]; then
		tried=0
		timeout 10 "$QEMU_PROGRAM" -no-user-config -nodefaults -display none -no-reboot -accel kvm -cpu "$KVM_CPU" \
			-machine "$MACHINE" -m 512 -kernel "$image" -append "console=$CONSOLE panic=-1" \
			-serial stdio < /dev/null > "$answer.$$" 2>&1 || tried=$?
		works=no
		! grep -q 'Kernel panic' "$answer.$$" || works=yes
		echo "$works" > "$answer.$$"
		# Beside other work it may have come too late: the next guest tries again
		[ "$works:$tried" != no:124 ] || { rm "$answer.$$" && return 1; }
		mv "$answer.$$" "$answer"
	fi
	[ "$(cat "$answer")" = yes ]
}

# accelerator: KVM where it works. Not on arm64: memory tags are there with TCG on every host. Not to count instructions.
accelerator() {
	if [ "$ARCH:$(uname -m):${ICOUNT:-}" = x86_64:x86_64: ] && [ -w /dev/kvm ] && kvm_works; then
		echo kvm
	else
		echo tcg
	fi
}

# How much slower than a plain kernel; also for what runs inside the guest
scale() {
	n=1
	case $CONFIG in debug) n=4 ;; debian) n=2 ;; esac
	[ -z "${ICOUNT:-}" ] || n=$((n * 4))
	echo "$n"
}

# qemu RUN...: calls RUN with the whole command line. Two NUMA nodes, each with half of the memory; the last processor
# is on the second one.
qemu() {
	smp=${SMP:-2}
	[ -z "${ICOUNT:-}" ] || smp=1
	mem=${MEM:-1024}
	half=$((mem / 2))
	# Tags are not part of what is divided
	[ -z "${TAGS:-}" ] || half=$((mem * 16 / 33))
	image=$(kernel_image "$ARCH")
	[ "$CONFIG" != debian ] || image=$RUN/vmlinuz
	accel=$(accelerator)
	[ "$accel" = tcg ] || { CPU=$KVM_CPU; say "$SELF: with KVM"; }
	set -- "$@" "$QEMU_PROGRAM" -no-user-config -nodefaults -display none -nic none -no-reboot -accel "$accel" \
		-machine "$MACHINE" -cpu "$CPU" -smp "$smp,sockets=$smp" -m "$mem" \
		-object "memory-backend-ram,id=m0,size=${half}M" -numa "node,nodeid=0,memdev=m0,cpus=0" \
		-object "memory-backend-ram,id=m1,size=$((mem - half))M" \
		-kernel "$image" -initrd "$RUN/initrd" \
		-serial "file:$RUN/console" -device "$SERIAL" \
		-chardev "file,id=job,path=$RUN/job" -device virtserialport,chardev=job,name=job \
		-chardev "file,id=verdict,path=$RUN/verdict" -device virtserialport,chardev=verdict,name=verdict
	if [ "$smp" = 1 ]; then
		set -- "$@" -numa node,nodeid=1,memdev=m1
	else
		set -- "$@" -numa "node,nodeid=1,memdev=m1,cpus=1-$((smp - 1))"
	fi
	[ -z "${ICOUNT:-}" ] || set -- "$@" -icount shift=0,sleep=off
	case ${TAGS:-} in
	[0-9]*)
		dtb=$(tag_storage_dtb "$RUN" "$mem" "$TAGS" "$@")
		set -- "$@" -dtb "$dtb" ;;
	esac
	# Ctrl-C is for the guest
	[ "$JOB" != shell ] || set -- "$@" -chardev stdio,id=terminal,signal=off -device virtconsole,chardev=terminal
	[ -z "${GDB:-}" ] || set -- "$@" -S -chardev "socket,id=gdb,path=$GDB,server=on,wait=off" -gdb chardev:gdb
	# The whole system is on a disk; what it starts in the end gets the job from the kernel command line, too
	if [ "$CONFIG" = debian ]; then
		set -- "$@" -drive "file=$RUN/disk,format=raw,if=virtio,cache=unsafe"
		PARAMETERS="root=/dev/vda rw systemd.setenv=JOB=$JOB systemd.setenv=SCALE=$(scale)"
	fi
	set -- "$@" -append "console=$CONSOLE loglevel=5 panic=-1 $PARAMETERS ${APPEND:-} -- $JOB $(scale) ${SIZE:-0x0} ${TERM:-linux}"
	printf "'%s' " "$@" | sed "s/^'[^']*' //" > "$RUN/qemu"
	"$@"
}
