// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the form of an input of the boot fuzzer: makes good ones, and makes them
 * bad in such a way that checksums hold in most.
 */
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "image.h"
#include "kernel/kexec_kho_fdt.h"

#define MAX_ENTRIES	600
#define MAX_FOLIO	((u64)PAGE_SIZE << MAX_PAGE_ORDER)
/* A part of the table is in one page, with bytes before it */
#define PART_ENTRIES	100U
/* So many may have a node */
#define NODE_ENTRIES	48U
/* More than the kernel wants to have left, in one piece */
#define ROOM_FRAMES	6144

const struct image *image_parse(const u8 *data, size_t size)
{
	const struct image *image = (void *)data;

	if (size < sizeof(*image) || image->magic != IMAGE_MAGIC ||
	    image->fdt_len > size - sizeof(*image))
		return NULL;
	return image;
}

/* The one after @prev, or the first */
const struct piece *image_piece(const struct image *image, size_t size,
				const struct piece *prev)
{
	const void *end = (void *)image + size;
	const struct piece *p = prev ? (void *)prev + sizeof(*p) + prev->len :
				       (void *)(image + 1) + image->fdt_len;

	if (end - (void *)p < (long)sizeof(*p) ||
	    p->len > end - (void *)p - sizeof(*p))
		return NULL;
	return p;
}

static void load(u64 at, const void *data, size_t len)
{
	if (machine_has(RAM_BASE + at, len))
		memcpy((void *)RAM_BASE + at, data, len);
}

void image_load(const struct image *image, size_t size)
{
	const struct piece *p = NULL;

	while ((p = image_piece(image, size, p)))
		load(p->at, p->data, p->len);
	load(image->window, image + 1, image->fdt_len);
}

/* What a reader takes the table's checksum of, as far as it is in RAM */
static u32 part_crc(u32 crc, struct kho_mem part, bool bits)
{
	const struct kho_entry *e = phys_to_virt(part.addr);

	if (!machine_has(part.addr, part.len) || part.addr % 8 || part.len > 0x10000)
		return crc;
	if (!bits)
		return kho_crc(crc, e, part.len);
	for (; part.len >= sizeof(*e); e++, part.len -= sizeof(*e)) {
		u64 at = be64_to_cpu(e->bitmap), shift = be32_to_cpu(e->shift);

		if (be32_to_cpu(e->type) == KHO_ENTRY_BITMAP && shift <= 16 &&
		    machine_has(at, 1 << shift))
			crc = kho_crc(crc, phys_to_virt(at), 1 << shift);
	}
	return crc;
}

/**
 * image_table_crc() - checksum of a memory table in RAM
 * @fdt: the blob that says where it is
 *
 * Return: what mem-table-checksum should be.
 */
u32 image_table_crc(const void *fdt)
{
	struct kho_ranges parts;
	unsigned int i, bits;
	u32 crc = 0;

	if (kho_fdt_ranges(fdt, 0, KHO_ROOT_MEM_TABLE, &parts) || parts.nr > 64)
		return 0;
	for (bits = 2; bits--;)
		for (i = 0; i < parts.nr; i++)
			crc = part_crc(crc, kho_range(&parts, i), bits);
	return crc;
}

/* Good ones */

static u8 busy[FRAMES];
static struct kho_entry entries[MAX_ENTRIES];
static unsigned int nr_entries;
/* Nothing is known for which it could be refused */
static bool good;

static void occupy(struct frames f)
{
	memset(busy + f.first, 1, frames_len(f) >> FRAME_SHIFT);
}

static bool is_busy(unsigned int first, unsigned int nr)
{
	return first + nr > FRAMES || memchr(busy + first, 1, nr);
}

/* Frames that nobody has yet; none if there seem to be none */
static struct frames place(unsigned int nr, unsigned int align)
{
	unsigned int try, first = 0;
	struct frames f = { };

	for (try = 0; try < 32; try++) {
		/* Some things are next to each other */
		if (!try || random_below(3))
			first = random_below(FRAMES);
		first = ALIGN(first, align);
		if (!is_busy(first, nr)) {
			f = (struct frames){ first, nr };
			occupy(f);
			return f;
		}
		first += align;
		if (first >= FRAMES)
			first = 0;
	}
	return f;
}

static unsigned int page_frames(void)
{
	return PAGE_SIZE >> FRAME_SHIFT;
}

static void add_extent(bool is_small)
{
	unsigned int order = is_small || random_below(4) ? 0 : random_below(6);
	unsigned int align = page_frames() << order;
	unsigned int pages = is_small ? 1 : random_below(6) ? 8 : 600;
	unsigned int nr = align * (1 + random_below(pages));
	struct frames f = place(nr, align);

	if (!f.nr || nr_entries == MAX_ENTRIES)
		return;
	entries[nr_entries++] = (struct kho_entry){
		.addr = cpu_to_be64(frames_addr(f)),
		.len = cpu_to_be64(frames_len(f)),
		.type = cpu_to_be32(KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(PAGE_SHIFT + order),
	};
}

static u8 *add_piece(u8 *out, u64 addr, const void *data, size_t len)
{
	struct piece *p = (void *)out;

	p->at = addr - RAM_BASE;
	p->len = len;
	memcpy(p->data, data, len);
	return out + sizeof(*p) + len;
}

/* A folio, or a few pages, where nobody has anything */
static void preserve_bits(u8 *bits, u64 base, unsigned int shift)
{
	unsigned long half = (1UL << shift) / 2, pages = 1UL << (shift + 2), i;
	unsigned long group = 1UL << (max(shift, PAGE_SHIFT) - shift);
	unsigned long nr = group << (random_below(3) ? random_below(3) : random_below(9));
	unsigned long first = ALIGN_DOWN(random_below(pages), nr);
	u64 addr = base + ((u64)first << shift), len = (u64)nr << shift;
	bool is_folio = random_below(2);

	if (nr >= pages || (nr << shift) > MAX_FOLIO || !machine_has(addr, len) ||
	    is_busy((addr - RAM_BASE) >> FRAME_SHIFT, len >> FRAME_SHIFT))
		return;
	memset(busy + ((addr - RAM_BASE) >> FRAME_SHIFT), 1, len >> FRAME_SHIFT);
	for (i = first; i < first + nr; i++) {
		bits[i / 8] |= 1 << i % 8;
		if (is_folio && i > first)
			bits[half + i / 8] |= 1 << i % 8;
	}
}

static u8 *add_chunk(u8 *out, u64 base, unsigned int shift)
{
	static u8 bits[1 << 16];
	unsigned int frames = max(1U << (shift - FRAME_SHIFT), page_frames());
	struct frames f = place(frames, frames);
	unsigned int nr = 1 + random_below(40);
	size_t len = 1UL << shift;

	if (!f.nr || nr_entries == MAX_ENTRIES)
		return out;
	memset(bits, 0, len);
	while (nr--)
		preserve_bits(bits, base, shift);
	while (len && !bits[len - 1])
		len--;
	if (!len)
		return out;
	entries[nr_entries++] = (struct kho_entry){
		.addr = cpu_to_be64(base),
		.len = cpu_to_be64(KHO_CHUNK_BYTES(shift)),
		.type = cpu_to_be32(KHO_ENTRY_BITMAP),
		.shift = cpu_to_be32(shift),
		.bitmap = cpu_to_be64(frames_addr(f)),
	};
	return add_piece(out, frames_addr(f), bits, len);
}

static int cmp_entries(const void *a, const void *b)
{
	const struct kho_entry *x = a, *y = b;

	return be64_to_cpu(x->addr) < be64_to_cpu(y->addr) ? -1 : 1;
}

/* Entries in ascending order, some of them chunks */
static u8 *make_entries(u8 *out)
{
	unsigned int shift = random_below(8) ? 12 : 14 + 2 * random_below(2);
	bool are_many = !random_below(16);
	unsigned int nr = random_below(are_many ? MAX_ENTRIES : 12), chunk, bits = 0;
	u64 base;

	nr_entries = 0;
	if (shift > 12) {
		base = ALIGN_DOWN(RAM_BASE, KHO_CHUNK_BYTES(shift));
		return add_chunk(out, base, shift);
	}

	/* No extent is in the range of a chunk */
	for (chunk = 0; chunk < 4; chunk++)
		bits |= !random_below(3) << chunk;
	for (chunk = 0; chunk < 4; chunk++)
		if (bits & 1 << chunk)
			out = add_chunk(out, RAM_BASE + chunk * KHO_CHUNK_BYTES(12), 12);
	for (chunk = 0; chunk < 4; chunk++)
		if (bits & 1 << chunk)
			occupy((struct frames){ chunk << 14, 1 << 14 });
	while (nr--)
		add_extent(are_many);
	qsort(entries, nr_entries, sizeof(*entries), cmp_entries);
	return out;
}

/* In one part or several */
static u8 *put_table(u8 *out, void *fdt)
{
	unsigned int i, nr, align;
	fdt64_t cells[2 * MAX_ENTRIES];
	unsigned int parts = 0;

	for (i = 0; i < nr_entries; i += nr, parts++) {
		struct frames f = place(page_frames(), page_frames());

		good &= f.nr;
		nr = 1 + random_below(min(nr_entries - i, PART_ENTRIES));
		align = random_below(4) ? 0 : 8 * random_below(16);
		cells[2 * parts] = cpu_to_fdt64(frames_addr(f) + align);
		cells[2 * parts + 1] = cpu_to_fdt64(nr * sizeof(*entries));
		out = add_piece(out, frames_addr(f) + align, entries + i,
				nr * sizeof(*entries));
	}
	must(!fdt_property(fdt, KHO_ROOT_MEM_TABLE, cells, parts * 16));
	return out;
}

/* Some nodes with some of the extents */
static int put_nodes(void *fdt)
{
	unsigned int i, nr;
	char name[16];
	int err = 0;

	for (i = 0; i < min(nr_entries, NODE_ENTRIES) && !err; i++) {
		fdt64_t cells[] = { entries[i].addr, entries[i].len };

		if (entries[i].type != cpu_to_be32(KHO_ENTRY_EXTENT) || !random_below(3))
			continue;
		snprintf(name, sizeof(name), "node-%u", i);
		nr = random_below(4) ? 1 : 0;
		if (!random_below(3))
			cells[1] = cpu_to_fdt64(PAGE_SIZE);
		err = fdt_begin_node(fdt, name) ?:
		      fdt_property_string(fdt, "compatible", "linux,test") ?:
		      fdt_property(fdt, KHO_PROP_MEM, cells, 16 * nr) ?:
		      fdt_end_node(fdt);
	}
	return err;
}

static int put_root(void *fdt, struct frames scratch)
{
	fdt64_t cells[] = {
		cpu_to_fdt64(frames_addr(scratch)), cpu_to_fdt64(frames_len(scratch)),
	};

	return fdt_property_string(fdt, "compatible", KHO_ROOT_COMPATIBLE) ?:
	       fdt_property_string(fdt, KHO_ROOT_KERNEL_RELEASE, "6.12.0") ?:
	       fdt_property_u32(fdt, KHO_ROOT_HANDOVER_COUNT, 1) ?:
	       (random_below(2) ? 0 : fdt_property_u32(fdt, KHO_ROOT_PAGE_SIZE,
						       4096U << 2 * random_below(3))) ?:
	       fdt_property(fdt, KHO_ROOT_SCRATCH, cells, sizeof(cells)) ?:
	       fdt_property_u32(fdt, KHO_ROOT_MEM_TABLE_CHECKSUM, 0) ?:
	       fdt_property_u32(fdt, KHO_ROOT_CHECKSUM, 0);
}

/* libfdt wants it aligned */
static u8 *copy_fdt(const struct image *image)
{
	static u8 fdt[KHO_FDT_MAX] __aligned(8);

	if (image->fdt_len <= sizeof(fdt))
		memcpy(fdt, image + 1, image->fdt_len);
	return fdt;
}

static bool has_tree(const struct image *image)
{
	struct kho_why why;

	return image->fdt_len <= KHO_FDT_MAX &&
	       !kho_fdt_check_tree(copy_fdt(image), image->fdt_len, &why);
}

static void fix_crcs(struct image *image, size_t size)
{
	size_t len = image->fdt_len;
	u8 *fdt;

	if (!has_tree(image))
		return;
	fdt = copy_fdt(image);
	image_load(image, size);
	fdt_setprop_inplace_u32(fdt, 0, KHO_ROOT_MEM_TABLE_CHECKSUM, image_table_crc(fdt));
	machine_stop();
	fix_fdt_crc(fdt, len);
	memcpy(image + 1, fdt, len);
}

static bool meet(struct frames a, struct frames b)
{
	return a.nr && b.nr && a.first < b.first + b.nr && b.first < a.first + a.nr;
}

/* Not more than half of memory, even if this becomes whole pageblocks */
static bool is_small_enough(const struct image *image, struct frames scratch)
{
	unsigned int block = page_frames() << pageblock_order;
	unsigned int first = ALIGN_DOWN(scratch.first, block);
	unsigned int end = ALIGN(scratch.first + scratch.nr, block);
	unsigned int i, ram = FRAMES;

	for (i = 0; i < ARRAY_SIZE(image->hole); i++)
		ram -= image->hole[i].nr;
	return end - first <= ram / 2;
}

/* What there is only on some machines */
static void make_special(struct image *image, struct frames scratch, struct frames room)
{
	unsigned int align = page_frames();
	struct frames f = { random_below(FRAMES), 1 + random_below(FRAMES / 2) };

	image->flags |= random_below(2) ? IMAGE_MAP_MEM : 0;
	if (!random_below(4)) {
		image->far_at = random_below(100);
		image->far_len = 1 + random_below(500);
	}
	/* As x86 has memory that drivers are to have */
	if (!random_below(4))
		image->used[4] = image->hole[0];
	/* memblock has 128 regions in the beginning */
	if (!random_below(3))
		image->carved = place(2 * align * (1 + random_below(64)), align);
	if (!random_below(4) && !meet(f, scratch) && !meet(f, room))
		image->hotplug = f;
	if (!random_below(4))
		image->mirror = (struct frames){ random_below(FRAMES), 1 + random_below(FRAMES) };
	if (!random_below(3))
		image->node = ALIGN_DOWN(random_below(FRAMES), align);
}

static void make_machine(struct image *image, struct frames *scratch)
{
	unsigned int i, align = page_frames();
	struct frames room;

	memset(image, 0, sizeof(*image));
	memset(busy, 0, sizeof(busy));
	image->magic = IMAGE_MAGIC;
	image->flags = random_below(4) ? 0 : IMAGE_BOTTOM_UP;
	if (!random_below(4))
		image->low = align * (1 + random_below(256));
	occupy((struct frames){ 0, image->low });

	*scratch = place(2048 + align * random_below(64), align);
	room = place(ROOM_FRAMES, align);
	image->used[0] = (struct frames){ scratch->first + random_below(16), 64 };
	for (i = random_below(3); i; i--)
		image->hole[i - 1] = place(ALIGN(1 + random_below(2000), align), align);
	for (i = 1 + random_below(4); i > 1; i--)
		image->used[i - 1] = place(1 + random_below(100), 1);
	if (!random_below(3))
		image->late[0] = place(1 + random_below(20), 1);
	if (!random_below(3))
		image->after[0] = place(1 + random_below(20), 1);
	if (!random_below(3))
		image->after[1] = (struct frames){ random_below(FRAMES), 1 + random_below(20) };
	image->alloc[0] = random_below(300);
	image->uses = random_below(1 << 16);
	make_special(image, *scratch, room);
	good = scratch->nr && room.nr && is_small_enough(image, *scratch);
}

/**
 * image_build() - make an image that is good, or, where memory is short, nearly so
 * @data: where
 * @max:  bytes there
 *
 * Return: its bytes.
 */
size_t image_build(u8 *data, size_t max)
{
	static u8 fdt[0x4000] __aligned(8), pieces[0x40000];
	struct image *image = (void *)data;
	struct frames scratch, window;
	u8 *end;
	size_t len;

	make_machine(image, &scratch);
	window = place(max(2U, page_frames()), page_frames());
	good &= window.nr;
	end = make_entries(pieces);
	must(!fdt_create(fdt, sizeof(fdt)) && !fdt_finish_reservemap(fdt) &&
	     !fdt_begin_node(fdt, "") && !put_root(fdt, scratch));
	end = put_table(end, fdt);
	must(!put_nodes(fdt) && !fdt_end_node(fdt) && !fdt_finish(fdt));
	must(!kho_fdt_seal(fdt, sizeof(fdt)));

	image->window = frames_addr(window) - RAM_BASE;
	image->window_len = frames_len(window);
	image->flags |= good ? IMAGE_GOOD : 0;
	image->fdt_len = fdt_totalsize(fdt);
	len = sizeof(*image) + image->fdt_len + (end - pieces);
	if (len > max)
		return 0;
	memcpy(image + 1, fdt, image->fdt_len);
	memcpy((void *)(image + 1) + image->fdt_len, pieces, end - pieces);
	fix_crcs(image, len);
	return len;
}

/* Bad ones */

static void hint(struct hints *h, u64 val)
{
	if (h->nr < ARRAY_SIZE(h->val))
		h->val[h->nr++] = val;
}

static void hint_frames(struct hints *h, const struct frames *f, unsigned int nr)
{
	for (; nr; nr--, f++) {
		if (!f->nr)
			continue;
		hint(h, frames_addr(*f));
		hint(h, frames_addr(*f) + frames_len(*f));
	}
}

static void find_hints(struct hints *h, const struct image *image, size_t size)
{
	const struct piece *p = NULL;

	h->nr = 0;
	hint(h, RAM_BASE);
	hint(h, RAM_END);
	hint(h, RAM_BASE + image->window);
	hint_frames(h, image->hole, ARRAY_SIZE(image->hole));
	hint_frames(h, image->used, ARRAY_SIZE(image->used));
	hint_frames(h, image->late, ARRAY_SIZE(image->late));
	hint_frames(h, &image->carved, 3);
	while ((p = image_piece(image, size, p))) {
		struct kho_entry e;

		hint(h, RAM_BASE + p->at);
		if (p->len % sizeof(e) || !p->len)
			continue;
		memcpy(&e, p->data + random_below(p->len / sizeof(e)) * sizeof(e),
		       sizeof(e));
		hint(h, be64_to_cpu(e.addr));
		hint(h, be64_to_cpu(e.addr) + be64_to_cpu(e.len));
		hint(h, be64_to_cpu(e.bitmap));
	}
}

static struct piece *random_piece(struct image *image, size_t size)
{
	const struct piece *p = NULL, *found = NULL;
	unsigned int seen = 0;

	while ((p = image_piece(image, size, p)))
		if (!random_below(++seen))
			found = p;
	return (void *)found;
}

static void swap_entries(u8 *data, unsigned int nr)
{
	u8 *a = data + random_below(nr) * sizeof(struct kho_entry);
	u8 *b = data + random_below(nr) * sizeof(struct kho_entry);
	struct kho_entry copy;

	memcpy(&copy, a, sizeof(copy));
	if (random_below(2))
		memmove(a, b, sizeof(copy));
	memmove(b, &copy, sizeof(copy));
}

static void mutate_bits(u8 *data, unsigned long len, unsigned long half)
{
	unsigned long nr = 1UL << random_below(11), i;
	unsigned long first = random_below(min(len, half) * 8);
	unsigned int how = random_below(4);

	for (i = first; i < first + nr && i / 8 < len; i++) {
		data[i / 8] = how ? data[i / 8] | 1 << i % 8 : data[i / 8] & ~(1 << i % 8);
		if (half + i / 8 < len && i > first && how > 1)
			data[half + i / 8] ^= 1 << i % 8;
	}
}

static void mutate_piece(struct image *image, size_t size, const struct hints *h)
{
	struct piece *p = random_piece(image, size);

	if (!p || p->len < sizeof(u32))
		return;
	if (!random_below(16))
		p->at = near_number(p->at);
	else if (p->len % sizeof(struct kho_entry))
		mutate_bits(p->data, p->len, 2048);
	else if (random_below(3))
		mutate_cells(p->data, p->len / sizeof(u32), h);
	else
		swap_entries(p->data, p->len / sizeof(struct kho_entry));
}

static void mutate_machine(struct image *image)
{
	u8 *head = (void *)image;
	unsigned int at = random_below(4) ? offsetof(struct image, hole) :
					    offsetof(struct image, flags);
	u16 val;

	at += ALIGN_DOWN(random_below(sizeof(*image) - at), sizeof(val));
	if (at >= offsetof(struct image, fdt_len) &&
	    at < offsetof(struct image, fdt_len) + sizeof(image->fdt_len))
		return;
	memcpy(&val, head + at, sizeof(val));
	val = random_below(3) ? val ^ 1 << random_below(16) : random_below(1 << 16);
	memcpy(head + at, &val, sizeof(val));
}

static size_t mutate_blob(struct image *image, size_t size, size_t max,
			  const struct hints *h)
{
	size_t len = image->fdt_len, rest = size - sizeof(*image) - len;
	u8 *at = (void *)(image + 1), *fdt = copy_fdt(image);

	max = min(max - sizeof(*image) - rest, (size_t)KHO_FDT_MAX);
	if (len > max)
		return size;
	image->fdt_len = mutate_fdt(fdt, len, max, h);
	memmove(at + image->fdt_len, at + len, rest);
	memcpy(at, fdt, image->fdt_len);
	return sizeof(*image) + image->fdt_len + rest;
}

/**
 * image_mutate() - make an image another
 * @data: the image
 * @size: its bytes
 * @max:  bytes that may be used there
 *
 * Return: its bytes now.
 */
size_t image_mutate(u8 *data, size_t size, size_t max)
{
	struct image *image = (void *)data;
	struct hints hints;

	/* What has no tree is for the other fuzzer to change */
	if (!image_parse(data, size) || size > max ||
	    !random_below(has_tree(image) ? 16 : 2))
		return image_build(data, max);
	do {
		find_hints(&hints, image, size);
		switch (random_below(8)) {
		case 0:
			mutate_machine(image);
			break;
		case 1:
		case 2:
		case 3:
			mutate_piece(image, size, &hints);
			break;
		case 4:
			if (!random_below(32))
				size = LLVMFuzzerMutate(data, size, max);
			break;
		default:
			size = mutate_blob(image, size, max, &hints);
		}
	} while (image_parse(data, size) && !random_below(3));

	if (!image_parse(data, size))
		return size;
	image->flags &= ~IMAGE_GOOD;
	if (random_below(16))
		fix_crcs(image, size);
	return size;
}
