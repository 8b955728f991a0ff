# SPDX-License-Identifier: GPL-2.0
# The map of the project: every verb is one program in tools/, given the words typed after "make".

# Words on the command line reach the tools through the environment.
VARS := ARCH BASE CONFIG KERNEL KDIR TEST CHECK TOPIC DIR ICOUNT MEM SMP TAGS DAMAGE APPEND TIMEOUT COMPARE RESULTS URL PORT SUBMITTER PREVIOUS REROLL J V
export $(VARS)
MAKEFLAGS += --no-print-directory

define HELP
ptestate: per-page state in page tables, a patch series for Linux 6.1.176

Try it
  make boot                 fetch, patch, build and boot both architectures, show a guard region at work
  make test                 run the tests in the guests: a table, then "N passed, N failed, N skipped"
  make run ARCH= DIR=path   run your own programs: copies DIR to /job in the guest and runs /job/run
  make shell ARCH=          a shell in the guest
  make gdb ARCH=            the guest stopped at its first instruction, with gdb attached

The tree
  make tree                 out/linux: the pinned release as one commit, each patch a commit on top
  make export [TOPIC=]      write the commits of out/linux back to patches/
  make apply KDIR=path      apply the series to a kernel tree of your own
  make apply-matrix         try it on every release of 6.1 in Debian's archive (1.8 GB), or on KDIR=
  make fetch                only fetch and verify the kernel source

Building
  make build                build the kernels
  make image ARCH=          print the path of the built kernel image
  make deb                  packages of the kernel for Debian 12, with Debian's configuration, in out/deb: hours
  make qemu-tags            build, once, the emulator that TAGS= needs, and print its path
  make deps                 install what boot, test, gdb, mbox and check-fast need; the others say what they need

Submitting
  make mbox SUBMITTER="Name <address>"   mails of the series, and of each topic, in out/mbox; nothing is sent
  make mail SUBMITTER="Name <address>"   the same as b4 would send them, in out/mail; nothing is sent

Checking
  make check-fast           files, style and round trip, under a minute, the first time two
  make check                check-fast and the slower checks
  make bisect [TOPIC=]      compile every patch by itself, boot what each topic but the last (make test) ends with
  make ports [PORT=]        compile it for i386, riscv, powerpc and s390, with and without swap, huge pages, NUMA
  make size                 what it costs a kernel without its options: bytes, and code that must be the same
  make bench                count instructions in the guests, against the goals; COMPARE=old.json adds ratios to it
  make report [RESULTS=dir] one page of tests, benchmarks and checks: out/report.html
  make lava [URL=]          jobs for LAVA that run the tests: out/lava; ci/README.md has more on several machines
  make test-controls        break things on purpose; each must be noticed, with its own exit code
  make clean | distclean    remove what was built | and the tree (downloads and ccache stay in the cache)

Words, with their defaults
  ARCH=x86_64|arm64 (both)  CONFIG=feature|debug|bench (feature)  KERNEL=ours|base (ours)
  deb, test, run: CONFIG=debian ARCH=: Debian's kernel without most drivers, in a Debian 12 on a disk (as root)
  bench: KERNEL=ours|base|both  COMPARE=out/results/bench-KERNEL-ARCH.json of an earlier run
  lava: URL=address of out/lava as the workers see it
  report: RESULTS=directory with files, or directories of files, from out/results of several machines
  TEST=glob, CHECK=glob (*)  KDIR=path: a kernel tree to take the source from  V=1: show the builds
  mbox, mail: PREVIOUS=tag or commit of the version before, for the range-diff  REROLL=2: number of this version
  run, shell, test: MEM=1024 (MiB)  SMP=2  APPEND="kernel parameters"  ICOUNT=1  TIMEOUT=seconds
  run, shell, bench on arm64: TAGS=ram has memory tags in the last 1/33 of RAM (MEM=528); TAGS=4096|8192 tells the guest
endef

# What stands beside another on the command line may need what that makes
.NOTPARALLEL:
.PHONY: help fetch tree export apply apply-matrix bisect ports size build image deb qemu-tags boot test test-controls bench report lava run shell gdb deps mbox mail check check-fast clean distclean

help:
	@: $(info $(HELP))

fetch tree export apply apply-matrix deps mbox mail:
	@tools/$@

bisect ports size build image deb qemu-tags boot test bench report lava run shell gdb:
	@tools/$@

test-controls:
	@tools/controls

check-fast:
	@tools/check fast

check:
	@tools/check all

clean distclean:
	@tools/$@
