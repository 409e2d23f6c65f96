// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes the readers of what a boot loader passes, before any of a handover is
 * checked: add_kho() and the decompressor's list of areas, both of x86, and
 * early_init_dt_check_for_kho(). What is in order is found as it is said, all
 * else is refused, and nothing is read that is not there.
 */
#include <stdlib.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "arch/x86/include/uapi/asm/setup_data.h"
#include "mutate.h"

#define ABSENT		0xffff
#define MAX_NODES	16
/* No reader is interested in more, whatever a length says */
#define MAX_DATA	4096

/**
 * struct input - what a boot loader passes
 * @is_dt:      odd: by /chosen; even: by setup_data
 * @cannot_map: odd: early_memremap() fails
 * @full:       how many parts of RAM the decompressor has room for
 * @len:        bytes of linux,kho-fdt and linux,kho-scratch, or ABSENT
 * @cells:      the root's #address-cells and #size-cells
 * @ram:        where the kernel may be decompressed to
 * @data:       bytes of linux,kho-fdt; or setup_data nodes, none of which has
 *	more than MAX_DATA; a list's address below that counts from the node
 */
struct input {
	u8 is_dt;
	u8 cannot_map;
	u16 full;
	u16 len[2];
	s32 cells[2];
	u64 ram[2];
	u8 data[];
};

static const struct input *in;
/* Each of its own, so that AddressSanitizer knows where it ends */
static u8 *prop[2];
static struct setup_data *node[MAX_NODES];
static unsigned int nr_nodes;
static void *mapped;
/* What the kernel is told, last */
static struct kho_scratch_area told;
static unsigned int nr_told;

/* What the functions want of the files that they are of */

#define in_range(val, start, len)	((u32)(val) - (start) < (len))
#define MAX_SLOT_AREA	100
#define MAXMEM		(1UL << 47)

static struct mem_vector {
	u64 start;
	u64 size;
} ram, parts[MAX_SLOT_AREA];
static unsigned int nr_parts, max_parts;
static struct {
	struct {
		u64 setup_data;
	} hdr;
} params, *boot_params_ptr = &params;
static int dt_root_addr_cells, dt_root_size_cells;

static void kho_set_incoming(phys_addr_t fdt, u64 window)
{
	nr_told++;
	told = (struct kho_scratch_area){ fdt, window };
}

static const void *of_get_flat_dt_prop(unsigned long node, const char *name, int *len)
{
	bool is_scratch = !strcmp(name, "linux,kho-scratch");

	must(is_scratch || !strcmp(name, "linux,kho-fdt"));
	*len = prop[is_scratch] ? in->len[is_scratch] : -1;
	return prop[is_scratch];
}

/* What is mapped ends where that was asked for */
static void *early_memremap(u64 addr, u64 len)
{
	must(!mapped);
	if (!(in->cannot_map & 1))
		mapped = memcpy(malloc(len), (void *)addr, len);
	return mapped;
}

static void early_memunmap(void *p, u64 len)
{
	must(p && p == mapped);
	free(mapped);
	mapped = NULL;
}

static bool process_mem_region(struct mem_vector *part, unsigned long minimum,
			       unsigned long image_size)
{
	must(nr_parts < max_parts);
	parts[nr_parts++] = *part;
	return nr_parts == max_parts;
}

#include "readers.h"

static bool is_told(u64 addr, u64 len)
{
	return nr_told && told.addr == addr && told.size == len;
}

static u64 number_of(const u8 *p, unsigned int cells)
{
	u64 val = 0;

	for (cells *= 4; cells; cells--)
		val = val << 8 | *p++;
	return val;
}

static bool is_good_dt(void)
{
	s64 addr = in->cells[0], size = in->cells[1], range = 4 * (addr + size);

	return prop[0] && prop[1] && (addr == 1 || addr == 2) && (size == 1 || size == 2) &&
	       in->len[0] == range && in->len[1] && in->len[1] % range == 0;
}

static void fuzz_dt(size_t size)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		prop[i] = in->len[i] == ABSENT ? NULL : calloc(1, in->len[i]);
	if (prop[0])
		memcpy(prop[0], in->data, min_t(size_t, size, in->len[0]));
	dt_root_addr_cells = in->cells[0];
	dt_root_size_cells = in->cells[1];

	early_init_dt_check_for_kho(0);
	if (!prop[0] && !prop[1])
		must(!nr_told);
	else if (is_good_dt())
		must(is_told(number_of(prop[0], in->cells[0]),
			     number_of(prop[0] + 4 * in->cells[0], in->cells[1])));
	else
		must(is_told(0, 0));
	tell(!nr_told ? "/chosen has none" :
	     is_good_dt() ? "/chosen is read" : "/chosen is refused");
	free(prop[0]);
	free(prop[1]);
}

/* If it is long enough for one */
static struct kho_data *kho_of(struct setup_data *sd)
{
	return sd->len < sizeof(struct kho_data) ? NULL : (void *)sd->data;
}

static void read_nodes(const u8 *data, size_t size)
{
	struct setup_data head, *sd;
	u64 *link = &params.hdr.setup_data;
	size_t len;

	for (nr_nodes = 0; nr_nodes < MAX_NODES && size >= sizeof(head); nr_nodes++) {
		memcpy(&head, data, sizeof(head));
		len = sizeof(head) + min(head.len, MAX_DATA);
		node[nr_nodes] = sd = calloc(1, len);
		len = min(size, len);
		memcpy(sd, data, len);
		data += len;
		size -= len;
		if (kho_of(sd) && kho_of(sd)->scratch_addr < MAX_DATA)
			kho_of(sd)->scratch_addr += (unsigned long)sd;
		*link = (unsigned long)sd;
		link = (void *)&sd->next;
	}
	*link = 0;
}

static void check_add(struct setup_data *sd)
{
	const struct kho_data *kho = kho_of(sd);
	/* This is how parse_setup_data() reckons; some lengths are too long for it */
	u32 len = sd->len + sizeof(*sd);

	nr_told = 0;
	add_kho((unsigned long)sd, len);
	must(!mapped);
	if (kho && len > sd->len && !(in->cannot_map & 1))
		must(is_told(kho->fdt_addr, kho->fdt_size));
	else
		must(is_told(0, 0));
}

/* What is in RAM of each area is looked at, and nothing else */
static void check_parts(const struct kho_scratch_area *area, unsigned int nr, bool is_full)
{
	u64 ram_end = ram.start + ram.size;
	unsigned int i, n = 0;

	for (i = 0; i < nr && n < max_parts; i++) {
		u64 start = area[i].addr, end = start + area[i].size;

		if (end <= start || end <= ram.start || start >= ram_end)
			continue;
		must(n < nr_parts);
		must(parts[n].start == max(start, ram.start));
		must(parts[n].start + parts[n].size == min(end, ram_end));
		n++;
	}
	must(n == nr_parts);
	must(is_full == (n == max_parts));
}

/* Whether the decompressor finds areas: those of the first node */
static bool check_areas(struct setup_data *sd)
{
	const struct kho_data *kho = sd ? kho_of(sd) : NULL;
	u64 all = kho ? min(kho->scratch_size / 16, MAX_SLOT_AREA) : 0, at;
	struct kho_scratch_area *area;
	unsigned int nr = 0;
	bool is_full;

	area = kho_scratch_areas(&nr);
	if (area) {
		must(kho && (u64)area == kho->scratch_addr && nr == all);
		must((u64)area <= MAXMEM - 16 * all);
		/* Elsewhere than in the node there is nothing to be read */
		at = (u64)area - (u64)sd;
		if (at > MAX_DATA || at + 16 * all > sizeof(*sd) + min(sd->len, MAX_DATA))
			return true;
	} else {
		must(!kho || kho->scratch_addr > MAXMEM - 16 * all);
	}

	nr_parts = 0;
	is_full = process_usable_region(&ram, 0, 0);
	if (area && nr)
		check_parts(area, nr, is_full);
	else
		must(nr_parts == 1 && !memcmp(parts, &ram, sizeof(ram)));
	return area && nr;
}

static void fuzz_setup_data(size_t size)
{
	struct setup_data *first = NULL;
	bool has_areas;
	unsigned int i;

	read_nodes(in->data, size);
	/* RAM has a byte, and ends */
	ram.start = in->ram[0] >> 1;
	ram.size = in->ram[1] >> 1 | 1;
	max_parts = 1 + in->full % MAX_SLOT_AREA;
	for (i = nr_nodes; i--;) {
		if (node[i]->type != SETUP_KEXEC_KHO)
			continue;
		check_add(node[i]);
		first = node[i];
	}
	has_areas = check_areas(first);
	tell(!first ? "setup_data has none" :
	     has_areas ? "setup_data lists areas" : "setup_data lists no areas");
	for (i = 0; i < nr_nodes; i++)
		free(node[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	in = (const void *)data;
	if (size < sizeof(*in))
		return 0;
	nr_told = 0;
	limit_steps(STEPS_MIN);
	if (in->is_dt & 1)
		fuzz_dt(size - sizeof(*in));
	else
		fuzz_setup_data(size - sizeof(*in));
	limit_steps(0);
	return 0;
}
