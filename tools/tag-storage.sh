# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tools/qemu.sh: guests whose memory tags are in their own RAM, with the emulator of tools/qemu-tags.
#
# RAM begins at 1 GiB. Of its 33 parts the last has the tags of the 32 before it: with 528 MiB, the 16 MiB from
# 0x60000000 on, with 1056 MiB the 32 MiB from 0x80000000 on. QEMU puts the kernel 2 MiB into RAM, the initrd 128 MiB
# into it (or half of it, if that is less) and the device tree behind that, all far below the tags.

# cells NUMBER: as two cells of a device tree
cells() { printf '0x%x 0x%x' $(($1 >> 32)) $(($1 & 0xffffffff)); }

# tag_storage_overlay MIB BLOCK: source of what the device tree has to say about tags in a RAM of so many MiB, when the
# hardware reads and writes BLOCK bytes of them at a time. QEMU replaces all nodes of memory by its own, which nothing
# can refer to; so the memory that has the tags is told of once more, under another name.
tag_storage_overlay() {
	data=$(($1 * 32 / 33 << 20))
	tags=$((data / 32))
	cat <<-EOF
	/dts-v1/;
	/plugin/;

	&{/} {
		data: $(printf 'tagged-data@%x' $((1 << 30))) {
			reg = <$(cells $((1 << 30))) $(cells $data)>;
		};

		reserved-memory {
			#address-cells = <2>;
			#size-cells = <2>;
			ranges;

			$(printf 'tag-storage@%x' $(((1 << 30) + data))) {
				compatible = "arm,mte-tag-storage";
				reg = <$(cells $(((1 << 30) + data))) $(cells $tags)>;
				block-size = <$2>;
				tagged-memory = <&data>;
				reusable;
			};
		};
	};
	EOF
}

# add_region DTB PHANDLE REG...: one more region of tag storage, for that memory
add_region() {
	region=/reserved-memory/another-tag-storage
	dtb=$1 memory=$2
	shift 2
	fdtput -c "$dtb" $region &&
		fdtput -t s "$dtb" $region compatible arm,mte-tag-storage &&
		fdtput -t x "$dtb" $region reg "$@" &&
		fdtput -t x "$dtb" $region block-size 1000 &&
		fdtput -t x "$dtb" $region tagged-memory "$memory" &&
		fdtput "$dtb" $region reusable
}

# damage DTB MIB HOW: makes the device tree say something wrong. Of the place "outside", "coverage" and "initrd" do, so
# that tags must not be in RAM; as they are not with "elsewhere", where they cannot be damaged, as with most emulators. "swapped"
# does as well, and tags are in RAM: what the kernel reserves for each half of the memory has the tags of the other.
damage() {
	data=$(($2 * 32 / 33 << 20))
	tags=$((data / 32))
	begin=$((1 << 30))
	node=$(printf '/reserved-memory/tag-storage@%x' $((begin + data)))
	tagged=$(printf '/tagged-data@%x' "$begin")
	case $3 in
	alignment) begin=$((begin + 4096)) ;;
	overlap) begin=$((begin + tags)) ;;
	size) data=$((data / 2)) ;;
	esac
	# shellcheck disable=SC2046
	case $3 in
	alignment | overlap | size) fdtput -t x "$1" "$tagged" reg $(cells $begin) $(cells $data) ;;
	block) fdtput -t x "$1" "$node" block-size 1800 ;;
	blocks) fdtput -t x "$1" "$node" block-size 3000 ;;
	coverage)
		fdtput -t x "$1" "$tagged" reg $(cells $((begin + data / 2))) $(cells $((data / 2))) &&
			fdtput -t x "$1" "$node" reg $(cells $((begin + data + tags / 2))) $(cells $((tags / 2))) ;;
	initrd)
		fdtput -t x "$1" "$tagged" reg $(cells $((begin + data / 2))) $(cells $((data / 2))) &&
			fdtput -t x "$1" "$node" reg $(cells $((begin + (128 << 20)))) $(cells $((tags / 2))) ;;
	outside) fdtput -t x "$1" "$node" reg $(cells $((1 << 33))) $(cells $tags) ;;
	phandle) fdtput -t x "$1" "$node" tagged-memory 7777 ;;
	swapped)
		fdtput -t x "$1" "$tagged" reg $(cells $begin) $(cells $((data / 2))) &&
			fdtput -t x "$1" "$node" reg $(cells $((begin + data + tags / 2))) $(cells $((tags / 2))) &&
			fdtput -c "$1" /other-tagged-data &&
			fdtput -t x "$1" /other-tagged-data reg $(cells $((begin + data / 2))) $(cells $((data / 2))) &&
			fdtput -t x "$1" /other-tagged-data phandle 7777 &&
			add_region "$1" 7777 $(cells $((begin + data))) $(cells $((tags / 2))) ;;
	twice)
		add_region "$1" "$(fdtget -t x "$1" "$node" tagged-memory)" $(cells $((begin + data))) $(cells $tags) ;;
	elsewhere) ;;
	*) echo "DAMAGE=$3 is unknown; the names are in tools/tag-storage.sh"; return 1 ;;
	esac
}

# tag_storage_dtb DIR MIB BLOCK WORDS...: prints the path of the machine's device tree with that overlay. WORDS are the
# command line, of which all before the emulator is left out; the guest gets the same, and -dtb.
tag_storage_dtb() {
	"$TOP/tools/need" tag-storage
	dir=$1
	mib=$2
	tag_storage_overlay "$mib" "$3" > "$dir/overlay.dts"
	shift 3
	while [ "$1" != "$QEMU_PROGRAM" ]; do shift; done
	{
		"$@" -machine dumpdtb="$dir/machine.dtb" < /dev/null > "$dir/log" 2>&1 &&
			dtc -q -I dts -O dtb -o "$dir/overlay.dtb" "$dir/overlay.dts" > "$dir/log" 2>&1 &&
			fdtoverlay -i "$dir/machine.dtb" -o "$dir/tag-storage.dtb" "$dir/overlay.dtb" > "$dir/log" 2>&1 &&
			{ [ -z "${DAMAGE:-}" ] || damage "$dir/tag-storage.dtb" "$mib" "$DAMAGE" > "$dir/log" 2>&1; }
	} || die 14 "no device tree with tag storage: $(grep -v 'dtb dumped' "$dir/log" | head -n 1); see tools/tag-storage.sh"
	echo "$dir/tag-storage.dtb"
}
