// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes kernel/kexec_kho_fdt.c. An input that begins as an FDT does is one;
 * any other is taken for entries of a memory table, and for the bits of a chunk.
 */
#include <stdlib.h>
#include <linux/bitops.h>
#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <linux/libfdt.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "kernel/kexec_kho_fdt.h"
#include "mutate.h"

static const unsigned int shifts[] = { 12, 14, 16 };
/* Those of larger pages take longer */
static const unsigned int chunk_shifts[] = { 12, 12, 12, 12, 12, 14, 14, 16 };

/* A reason is one printable line */
static void expect_refusal(int err, const struct kho_why *why)
{
	const char *p;

	must(err == -EINVAL);
	must(why->text[0] && strnlen(why->text, sizeof(why->text)) < sizeof(why->text));
	for (p = why->text; *p; p++)
		must(*p >= ' ' && *p <= '~');
}

/* The ranges of mem properties, found by libfdt only */
static int count_ranges(const struct kho_ranges *ranges, unsigned int node,
			void *walked, struct kho_why *why)
{
	unsigned int i;

	must(node < KHO_MAX_NODES);
	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		must(mem.len && mem.addr + mem.len > mem.addr);
		must(!((mem.addr | mem.len) & 0xfff));
	}
	*(unsigned int *)walked += ranges->nr;
	return 0;
}

static void check_walk(const void *fdt)
{
	unsigned int walked = 0, listed = 0;
	struct kho_why why;
	int node, len;

	must(!kho_fdt_walk_mem(fdt, count_ranges, &walked, &why));
	for (node = fdt_next_node(fdt, 0, NULL); node >= 0;
	     node = fdt_next_node(fdt, node, NULL))
		if (fdt_getprop(fdt, node, KHO_PROP_MEM, &len))
			listed += len / 16;
	must(walked == listed);
}

static void check_root(const u8 *fdt, size_t size, const struct kho_root *root)
{
	const u8 *release = (void *)root->release, *cells = root->table.cells;

	must(fdt_totalsize(fdt) <= size);
	must(release > fdt && release + strlen(root->release) < fdt + size);
	must(cells > fdt && cells + 16 * root->table.nr <= fdt + size);
	must(root->scratch.nr == 1);
	kho_range(&root->scratch, root->scratch.nr - 1);
}

/* A bit that is wrong, wherever it is, does not pass */
static void check_flip(u8 *fdt, size_t size)
{
	size_t bit = kho_crc(0, fdt, 64) % (fdt_totalsize(fdt) * 8);
	struct kho_root root;
	struct kho_why why;

	fdt[bit / 8] ^= 1 << bit % 8;
	expect_refusal(kho_fdt_check(fdt, size, &root, &why), &why);
	fdt[bit / 8] ^= 1 << bit % 8;
}

/* Sealed, a good blob is still good, and sealed again it is the same */
static void check_seal(const void *fdt, bool is_good)
{
	size_t size = fdt_totalsize(fdt), room = 2 * size;
	struct kho_root root;
	struct kho_why why;
	void *first, *second;
	int err, len;

	if (!is_written(fdt))
		return;
	first = malloc(room);
	second = malloc(room);
	memcpy(first, fdt, size);
	err = kho_fdt_seal(first, room);
	if (!err) {
		size = fdt_totalsize(first);
		must(!kho_fdt_check_tree(first, size, &why));
		if (is_good)
			must(!kho_fdt_check(first, size, &root, &why));
		memcpy(second, first, size);
		must(!kho_fdt_seal(second, room));
		must(fdt_totalsize(second) == size && !memcmp(first, second, size));
	} else if (err != -FDT_ERR_NOSPACE) {
		must(!fdt_getprop(fdt, 0, KHO_ROOT_CHECKSUM, &len) || len != sizeof(u32));
	}
	free(first);
	free(second);
}

static void fuzz_blob(const u8 *data, size_t size)
{
	struct kho_why why = { }, other;
	struct kho_root root;
	u8 *fdt = malloc(size);
	int err;

	memcpy(fdt, data, size);
	err = kho_fdt_check(fdt, size, &root, &why);
	must(!memcmp(fdt, data, size));
	if (err)
		expect_refusal(err, &why);
	if (!kho_fdt_check_tree(fdt, size, &other)) {
		check_walk(fdt);
		check_seal(fdt, !err);
	} else {
		must(err);
	}
	if (!err) {
		check_root(fdt, size, &root);
		check_flip(fdt, size);
	}
	tell(err ? why.text : "accepted");
	free(fdt);
}

static void fuzz_entries(const u8 *data, size_t size, unsigned int page_shift)
{
	unsigned int max_order = 10;
	u64 end = 0;

	for (; size >= sizeof(struct kho_entry); data += sizeof(struct kho_entry),
	     size -= sizeof(struct kho_entry)) {
		struct kho_why why = { };
		struct kho_entry e;
		u64 addr, len;
		u32 shift;
		int err;

		memcpy(&e, data, sizeof(e));
		err = kho_entry_check(&e, end, page_shift, max_order, &why);
		if (err) {
			expect_refusal(err, &why);
			continue;
		}
		addr = be64_to_cpu(e.addr);
		len = be64_to_cpu(e.len);
		shift = be32_to_cpu(e.shift);
		must(addr >= end && len && addr + len > addr);
		must(!((addr | len) & ((1ULL << page_shift) - 1)));
		must(shift >= 12 && !((addr | len) & ((1ULL << shift) - 1)));
		if (be32_to_cpu(e.type) == KHO_ENTRY_BITMAP)
			must(shift <= 16 && len == 1ULL << (2 * shift + 2));
		else
			must(be32_to_cpu(e.type) == KHO_ENTRY_EXTENT &&
			     shift <= page_shift + max_order);
		end = addr + len;
	}
}

static bool fast get_bit(const u8 *bits, unsigned long i)
{
	return bits[i / 8] >> i % 8 & 1;
}

/* What Documentation/kho/format.rst says of the bits, page by page */
static bool fast are_good(const u8 *bits, unsigned int shift,
			  unsigned int page_shift, unsigned int max_order)
{
	unsigned long pages = 1UL << (shift + 2), i, nr, some = 0;
	unsigned long group = page_shift > shift ? 1UL << (page_shift - shift) : 1;
	const u8 *joined = bits + pages / 8;

	for (i = 0; i < pages; i++) {
		some += get_bit(bits, i);
		if (get_bit(bits, i) != get_bit(bits, i - i % group))
			return false;
		if (get_bit(joined, i) && (!i || !get_bit(bits, i) || !get_bit(bits, i - 1)))
			return false;
	}
	for (i = 0; i < pages; i += nr) {
		for (nr = 1; i + nr < pages && get_bit(joined, i + nr); nr++)
			;
		if ((nr & (nr - 1)) || i % nr || (nr > 1 &&
		    (u64)nr << shift > 1ULL << (page_shift + max_order)))
			return false;
	}
	return some;
}

static void fast check_ends(const u8 *bits, unsigned int shift, unsigned int seed)
{
	unsigned long pages = 1UL << (shift + 2), gap = max(KHO_GAP >> shift, 64);
	unsigned long bit, end, limit, last, i;

	bit = find_next_bit((void *)bits, pages, seed % pages);
	if (bit >= pages)
		bit = find_next_bit((void *)bits, pages, 0);
	end = kho_bits_end((void *)bits, shift, bit);
	must(end > bit && end <= pages && get_bit(bits, end - 1));
	limit = min(pages, end + gap);
	must(find_next_bit((void *)bits, limit, end) >= limit);
	for (i = last = bit; i < end; i++) {
		if (get_bit(bits, i))
			last = i;
		must(i - last < gap + 64);
	}
}

static void fuzz_bits(const u8 *data, size_t size, unsigned int how)
{
	unsigned int page_shift = shifts[how % 3], shift = chunk_shifts[how / 3 % 8];
	unsigned int max_order = how / 24 % 16;
	size_t len = 1UL << shift, half = len / 2;
	u8 *bits = calloc(1, len);
	struct kho_why why = { };
	int err;

	/* The first part of the input are bits, the second those of folios */
	memcpy(bits, data, min(size / 2, half));
	memcpy(bits + half, data + size / 2, min(size - size / 2, half));
	err = kho_bits_check((void *)bits, shift, page_shift, max_order, &why);
	if (err)
		expect_refusal(err, &why);
	if (shift < 16)
		must(!err == are_good(bits, shift, page_shift, max_order));
	if (!err)
		check_ends(bits, shift, how);
	free(bits);
}

static bool is_fdt(const u8 *data, size_t size)
{
	return size >= sizeof(u32) && fdt32_ld((void *)data) == FDT_MAGIC;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	limit_steps(STEPS_MIN + 500 * size);
	if (is_fdt(data, size)) {
		fuzz_blob(data, size);
	} else if (size >= 2) {
		fuzz_entries(data + 2, size - 2, shifts[data[0] % 3]);
		fuzz_bits(data + 2, size - 2, data[0] | data[1] << 8);
		tell("entries and bits");
	}
	limit_steps(0);
	return 0;
}

/* Bits that are some pages, or one folio */
static void mutate_bits(u8 *data, size_t size)
{
	unsigned long half = size / 2, nr = 1UL << random_below(11), i;
	unsigned long first = random_below(half * 8);
	u32 how = random_below(4);

	if (random_below(8))
		first -= first % nr;
	for (i = first; i < first + nr && i < half * 8; i++) {
		u8 bit = 1 << i % 8;

		data[i / 8] = how ? data[i / 8] | bit : data[i / 8] & ~bit;
		if (how == 2 && i > first)
			data[half + i / 8] |= bit;
		else
			data[half + i / 8] &= ~bit;
	}
}

static const struct hints hints = {
	.val = { 0x2000000, 0x4000000, 0x40000000, 1ULL << 34, 0x140000000, 0x3000,
		 16384, 1, 2, 3, 12, 14, 16, 21, 22, FDT_MAGIC, 17 },
	.nr = 17,
};

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	static u8 fdt[KHO_FDT_MAX] __aligned(8);

	seed_random(seed);
	if (is_fdt(data, size) && size <= sizeof(fdt) && random_below(16)) {
		memcpy(fdt, data, size);
		size = mutate_fdt(fdt, size, min(max, sizeof(fdt)), &hints);
		memcpy(data, fdt, size);
		return size;
	}
	if (size > 18 && random_below(2)) {
		mutate_bits(data + 2, size - 2);
		return size;
	}
	if (size >= 34 && random_below(2)) {
		mutate_cells(data + 2, (size - 2) / sizeof(u32), &hints);
		return size;
	}
	return LLVMFuzzerMutate(data, size, max);
}
