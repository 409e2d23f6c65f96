// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho map: a picture of memory, for the terminal or as SVG: what of it is
 * preserved, unclaimed, scratch, and what the handover itself takes.
 */
#include <errno.h>
#include <libfdt.h>
#include <sys/ioctl.h>

#include "kho.h"

enum kind { FREE, PRESERVED, UNCLAIMED, SCRATCH, TABLE, WINDOW, NR_KINDS };

static const struct {
	const char *name, *colour, *fill;
	char letter;
} kinds[NR_KINDS] = {
	[FREE] = { "free", "2", "#e8e8e8", '.' },
	[PRESERVED] = { "preserved", "1;32", "#2e8b57", '#' },
	[UNCLAIMED] = { "unclaimed", "1;33", "#e0a000", 'u' },
	[SCRATCH] = { "scratch", "34", "#7aa6da", 's' },
	[TABLE] = { "table", "1;35", "#a040a0", 't' },
	[WINDOW] = { "window", "1;36", "#008b8b", 'w' },
};

static const struct column columns[] = {
	{ "address", COL_ADDR }, { "size", COL_SIZE }, { "kind" }, { "node" }, { "numa" },
};

struct run {
	struct kho_mem mem;
	enum kind kind;
	const char *name;		/* of the node, or NULL */
};

/* Memory of one NUMA node without a hole */
struct piece {
	struct kho_mem mem;
	int numa;
};

#define ROW_NAMES	6

struct row {
	int numa;
	u64 index;			/* its address, in lengths of a row */
	struct { const char *name; u64 len; } who[ROW_NAMES];
	u64 *cells;			/* [column][kind], bytes; FREE: all RAM in there */
};

struct map {
	struct run *runs;
	size_t nr_runs;
	struct piece *pieces;
	size_t nr_pieces;
	struct row *rows;
	size_t nr_rows;
	unsigned int width;
	u64 row_len, cell_len;
	bool has_table, has_ram;
	const struct blob *blob;
	const char *names[KHO_MAX_NODES];
	bool unclaimed[KHO_MAX_NODES];
};

/* Make room for one more, in steps that double */
static void *grow(void *array, size_t nr, size_t size)
{
	void *more = nr & (nr - 1) ? array : realloc(array, max(2 * nr, 1UL) * size);

	if (!more) {
		fail(0, "map", "%s; free memory", strerror(errno));
		exit(KHO_NO);
	}
	return more;
}

static void add_run(struct map *m, struct kho_mem mem, enum kind kind, const char *name)
{
	struct run *last = m->nr_runs ? &m->runs[m->nr_runs - 1] : NULL;

	if (last && last->kind == kind && last->name == name &&
	    last->mem.addr + last->mem.len == mem.addr) {
		last->mem.len += mem.len;
		return;
	}
	m->runs = grow(m->runs, m->nr_runs, sizeof(*m->runs));
	m->runs[m->nr_runs++] = (struct run){ mem, kind, name };
}

static int by_address(const void *a, const void *b)
{
	u64 one = ((const struct run *)a)->mem.addr, other = ((const struct run *)b)->mem.addr;

	return one < other ? -1 : one > other;
}

static void add_listed(const struct kho_mem *mem, unsigned int node, void *data)
{
	struct map *m = data;

	if (node < KHO_MAX_NODES)
		add_run(m, *mem, m->unclaimed[node] ? UNCLAIMED : PRESERVED, m->names[node]);
}

struct unlisted {
	struct map *m;
	size_t next, listed;
	enum kind kind;
};

/* What of a run of the table no node lists; both are sorted */
static void add_unlisted(const struct kho_mem *mem, void *data)
{
	struct unlisted *u = data;
	u64 at = mem->addr, end = at + mem->len;

	for (; u->next < u->listed; u->next++) {
		struct kho_mem l = u->m->runs[u->next].mem;

		if (l.addr >= end)
			break;
		if (at < l.addr)
			add_run(u->m, (struct kho_mem){ at, l.addr - at }, u->kind, NULL);
		at = max(at, l.addr + l.len);
		if (l.addr + l.len > end)
			break;
	}
	if (at < end)
		add_run(u->m, (struct kho_mem){ at, end - at }, u->kind, NULL);
}

static void add_ranges(struct map *m, const struct kho_ranges *ranges, enum kind kind)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++)
		if (kho_range(ranges, i).len)
			add_run(m, kho_range(ranges, i), kind, NULL);
}

/* Sysfs counts bytes, not which: a node of which any are left is drawn as unclaimed */
static void name_nodes(struct map *m)
{
	unsigned int i = 0;
	int node;

	fdt_for_each_subnode(node, m->blob->fdt, 0) {
		m->names[i] = fdt_get_name(m->blob->fdt, node, NULL);
		m->unclaimed[i] = m->blob->source == FROM_IN &&
				  sys_number(SYS_FW "/unclaimed/%s", m->names[i]) > 0;
		i++;
	}
}

static int find_runs(struct map *m)
{
	struct unlisted u = { .m = m };
	struct kho_mem window;
	struct kho_why why;

	name_nodes(m);
	blob_walk_mem(m->blob, add_listed, m);
	if (m->nr_runs)
		qsort(m->runs, m->nr_runs, sizeof(*m->runs), by_address);
	u.listed = m->nr_runs;
	u.kind = m->blob->source == FROM_IN && sys_number(SYS_FW "/unlisted") > 0 ?
		 UNCLAIMED : PRESERVED;
	m->has_table = m->blob->table;
	if (m->has_table && blob_walk_table(m->blob, add_unlisted, &u, &why))
		return fail(KHO_NO, "map", "%s; a kernel would refuse it", why.text);

	add_ranges(m, &m->blob->root.scratch, SCRATCH);
	/* What arrived has gone by now, but for what it preserved */
	if (m->blob->source != FROM_IN)
		add_ranges(m, &m->blob->root.table, TABLE);
	if (m->blob->source == FROM_OUT &&
	    sys_mem(SYS_KHO "/fdt_start", SYS_KHO "/fdt_max", &window))
		add_run(m, window, WINDOW, NULL);
	if (m->nr_runs)
		qsort(m->runs, m->nr_runs, sizeof(*m->runs), by_address);
	return KHO_OK;
}

static void add_piece(const struct kho_mem *mem, void *data)
{
	struct map *m = data;

	m->pieces = grow(m->pieces, m->nr_pieces, sizeof(*m->pieces));
	m->pieces[m->nr_pieces++] = (struct piece){ *mem, 0 };
}

/* Give a block of memory to its NUMA node: cut the piece that it is in */
static void set_numa(struct map *m, u64 addr, u64 len, int numa)
{
	size_t i, nr = m->nr_pieces;

	for (i = 0; i < nr; i++) {
		struct kho_mem p = m->pieces[i].mem, rest;
		u64 from = max(p.addr, addr), to = min(p.addr + p.len, addr + len);

		if (from >= to || m->pieces[i].numa == numa)
			continue;
		rest = (struct kho_mem){ to, p.addr + p.len - to };
		if (p.addr < from) {
			m->pieces[i].mem.len = from - p.addr;
			add_piece(&(struct kho_mem){ from, to - from }, m);
			m->pieces[m->nr_pieces - 1].numa = numa;
		} else {
			m->pieces[i] = (struct piece){ { from, to - from }, numa };
		}
		if (rest.len)
			add_piece(&rest, m);
	}
}

static int piece_order(const void *a, const void *b)
{
	const struct piece *one = a, *other = b;

	return one->numa != other->numa ? one->numa - other->numa :
	       one->mem.addr < other->mem.addr ? -1 : one->mem.addr > other->mem.addr;
}

static void read_numa(struct map *m)
{
	char *size __free(free) = sys_text("/sys/devices/system/memory/block_size_bytes");
	char **nodes __free(list) = sys_list("/sys/devices/system/node"), **node;
	u64 block = size ? strtoull(size, NULL, 16) : 0;
	char dir[64];
	int numa;

	for (node = nodes; block && node && *node; node++) {
		char **names __free(list) = NULL, **name;

		/* Pieces start as those of node 0 */
		if (sscanf(*node, "node%d", &numa) != 1 || numa < 1)
			continue;
		snprintf(dir, sizeof(dir), "/sys/devices/system/node/node%d", numa);
		names = sys_list(dir);
		for (name = names; name && *name; name++)
			if (!strncmp(*name, "memory", 6) && (*name)[6] >= '0' && (*name)[6] <= '9')
				set_numa(m, strtoull(*name + 6, NULL, 10) * block, block, numa);
	}
}

static void find_ram(struct map *m)
{
	u64 end = 0;
	size_t i;

	/* A file may be of another machine */
	if (m->blob->source != FROM_FILE || *opt.root)
		sys_iomem("System RAM", add_piece, m);
	m->has_ram = m->nr_pieces;
	if (m->has_ram) {
		read_numa(m);
	} else {
		for (i = 0; i < m->nr_runs; i++)
			end = max(end, m->runs[i].mem.addr + m->runs[i].mem.len);
		add_piece(&(struct kho_mem){ 0, end }, m);
	}
	qsort(m->pieces, m->nr_pieces, sizeof(*m->pieces), piece_order);
}

static unsigned int terminal_width(void)
{
	struct winsize w;

	if (opt.width)
		return max(opt.width, 8U);
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < 64)
		return 64;
	return w.ws_col >= 160 ? 128 : 64;
}

static struct row *find_row(struct map *m, int numa, u64 index)
{
	size_t i;

	/* Most often it is the last one */
	for (i = m->nr_rows; i-- > 0; )
		if (m->rows[i].numa == numa && m->rows[i].index == index)
			return &m->rows[i];
	m->rows = grow(m->rows, m->nr_rows, sizeof(*m->rows));
	m->rows[m->nr_rows] = (struct row){ .numa = numa, .index = index,
		.cells = calloc((size_t)m->width * NR_KINDS, sizeof(u64)) };
	return &m->rows[m->nr_rows++];
}

static void row_name(struct row *row, const char *name, u64 len)
{
	unsigned int i;

	for (i = 0; i < ROW_NAMES - 1; i++)
		if (!row->who[i].name || !strcmp(row->who[i].name, name))
			break;
	/* The last stands for all others */
	row->who[i].name = i < ROW_NAMES - 1 ? name : "other";
	row->who[i].len += len;
}

static void paint(struct map *m, struct kho_mem mem, int numa, enum kind kind, const char *name)
{
	u64 at = mem.addr, left = mem.len, len;
	struct row *row = NULL;

	for (; left; at += len, left -= len) {
		u64 index = at / m->row_len, cell = at % m->row_len / m->cell_len;

		len = min(left, m->cell_len - at % m->cell_len);
		if (!row || row->index != index)
			row = find_row(m, numa, index);
		row->cells[cell * NR_KINDS + kind] += len;
		if (kind != FREE)
			row_name(row, name, len);
	}
}

static void paint_run(struct map *m, const struct run *run)
{
	const char *name = run->name;
	size_t i;

	if (!name)
		name = run->kind == PRESERVED || run->kind == UNCLAIMED ? "(no node)" :
		       kinds[run->kind].name;
	for (i = 0; i < m->nr_pieces; i++) {
		struct kho_mem p = m->pieces[i].mem;
		u64 from = max(p.addr, run->mem.addr);
		u64 to = min(p.addr + p.len, run->mem.addr + run->mem.len);

		if (from < to)
			paint(m, (struct kho_mem){ from, to - from }, m->pieces[i].numa, run->kind,
			      name);
	}
}

/* At most eight rows or so for a NUMA node, if it has no holes */
static void draw(struct map *m)
{
	u64 ram = 0;
	size_t i;

	for (i = 0; i < m->nr_pieces; i++)
		ram = max(ram, m->pieces[i].mem.len);
	m->width = terminal_width();
	for (m->cell_len = 1 << 16; m->cell_len < ram / m->width / 8; )
		m->cell_len <<= 1;
	m->row_len = m->cell_len * m->width;
	for (i = 0; i < m->nr_pieces; i++)
		paint(m, m->pieces[i].mem, m->pieces[i].numa, FREE, NULL);
	for (i = 0; i < m->nr_runs; i++)
		paint_run(m, &m->runs[i]);
}

/* What a cell is drawn as: the rarest that is in it; FREE in part: '+' */
static enum kind cell_kind(const u64 *cell, bool *part)
{
	static const enum kind order[] = { WINDOW, TABLE, UNCLAIMED, PRESERVED, SCRATCH };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		if (cell[order[i]])
			break;
	if (i == ARRAY_SIZE(order))
		return FREE;
	*part = order[i] == PRESERVED && cell[PRESERVED] < cell[FREE] / 2;
	return order[i];
}

static void print_cells(const struct map *m, const struct row *row, bool colour)
{
	unsigned int i;

	for (i = 0; i < m->width; i++) {
		const u64 *cell = row->cells + i * NR_KINDS;
		bool part = false;
		enum kind kind = cell_kind(cell, &part);
		char letter = !cell[FREE] ? ' ' : part ? '+' : kinds[kind].letter;

		if (colour && letter != ' ')
			printf("\033[%sm%c\033[0m", kinds[kind].colour, letter);
		else
			putchar(letter);
	}
}

static void print_row(const struct map *m, const struct row *row, bool colour)
{
	char buf[24];
	unsigned int i;

	printf("0x%010llx  ", row->index * m->row_len);
	print_cells(m, row, colour);
	for (i = 0; i < ROW_NAMES && row->who[i].name; i++)
		printf("%s %s %s", i ? "," : " ", size_text(row->who[i].len, buf),
		       row->who[i].name);
	putchar('\n');
}

static void print_map(const struct map *m)
{
	bool colour = is_colour();
	char cell[24], row[24];
	size_t i;

	if (opt.quiet)
		return;
	for (i = 0; i < m->nr_rows; i++) {
		if (m->rows[m->nr_rows - 1].numa && (!i || m->rows[i].numa != m->rows[i - 1].numa))
			printf("NUMA node %d\n", m->rows[i].numa);
		print_row(m, &m->rows[i], colour);
	}
	printf("# preserved  + in part  u unclaimed  s scratch  t memory table  w window  . other\n"
	       "one column is %s, one row %s\n", size_text(m->cell_len, cell),
	       size_text(m->row_len, row));
	if (!m->has_table)
		printf("Only what nodes list is drawn: the memory table cannot be read here.\n");
	if (!m->has_ram)
		printf("Where there is RAM is not known.\n");
}

static int numa_of(const struct map *m, u64 addr)
{
	size_t i;

	for (i = 0; i < m->nr_pieces; i++)
		if (addr - m->pieces[i].mem.addr < m->pieces[i].mem.len)
			return m->pieces[i].numa;
	return -1;
}

static json_object *runs_json(const struct map *m)
{
	json_object *list = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < m->nr_runs; i++) {
		int numa = m->has_ram ? numa_of(m, m->runs[i].mem.addr) : -1;

		o = json_object_new_object();
		put_num(o, "address", m->runs[i].mem.addr);
		put_num(o, "size", m->runs[i].mem.len);
		put_str(o, "kind", kinds[m->runs[i].kind].name);
		put_str(o, "node", m->runs[i].name);
		if (numa < 0)
			put_null(o, "numa");
		else
			put_num(o, "numa", numa);
		json_object_array_add(list, o);
	}
	return list;
}

static void print_runs(const struct map *m)
{
	json_object *list __free(json) = runs_json(m);
	struct out_table *t = table_begin(columns, ARRAY_SIZE(columns));
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		table_row(t, json_object_array_get_idx(list, i), NULL);
	table_end(t, 0);
}

static void print_json(const struct map *m)
{
	json_object *doc __free(json) = json_begin();

	put_str(doc, "source", m->blob->name);
	put_bool(doc, "complete", m->has_table);
	json_object_object_add(doc, "runs", runs_json(m));
	json_end(doc);
}

/* Names of nodes are visible ASCII, with what XML has other uses for */
static void print_xml(FILE *f, const char *text)
{
	for (; *text; text++)
		if (strchr("<>&\"'", *text))
			fprintf(f, "&#%d;", *text);
		else
			fputc(*text, f);
}

static void svg_cell(FILE *f, unsigned int x, unsigned int y, enum kind kind, bool part)
{
	fprintf(f, "<rect x=\"%u\" y=\"%u\" width=\"9\" height=\"15\" fill=\"%s\"%s/>\n",
		x, y, kinds[kind].fill, part ? " opacity=\"0.5\"" : "");
}

static void svg_row(FILE *f, const struct map *m, const struct row *row, unsigned int y)
{
	unsigned int i;
	char buf[24];

	fprintf(f, "<text x=\"0\" y=\"%u\">0x%010llx</text>\n", y + 12, row->index * m->row_len);
	for (i = 0; i < m->width; i++) {
		const u64 *cell = row->cells + i * NR_KINDS;
		bool part = false;
		enum kind kind = cell_kind(cell, &part);

		if (cell[FREE])
			svg_cell(f, 110 + 10 * i, y, kind, part);
	}
	fprintf(f, "<text x=\"%u\" y=\"%u\">", 120 + 10 * m->width, y + 12);
	for (i = 0; i < ROW_NAMES && row->who[i].name; i++) {
		fprintf(f, "%s%s ", i ? ", " : "", size_text(row->who[i].len, buf));
		print_xml(f, row->who[i].name);
	}
	fputs("</text>\n", f);
}

static int write_svg(const struct map *m)
{
	FILE *f = fopen(opt.svg, "we");
	unsigned int kind, bad;
	char buf[24];
	size_t i;

	if (!f)
		return fail(KHO_NO, "map --svg", "%s: %s; name a file that can be written", opt.svg,
			    strerror(errno));
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%zu\" "
		"font-family=\"monospace\" font-size=\"12\">\n", 10 * m->width + 520,
		18 * m->nr_rows + 50);
	for (i = 0; i < m->nr_rows; i++)
		svg_row(f, m, &m->rows[i], 18 * i);
	for (kind = FREE; kind < NR_KINDS; kind++) {
		svg_cell(f, 110 + 100 * kind, 18 * m->nr_rows + 20, kind, false);
		fprintf(f, "<text x=\"%u\" y=\"%zu\">%s</text>\n", 124 + 100 * kind,
			18 * m->nr_rows + 32, kind ? kinds[kind].name : "other");
	}
	fprintf(f, "<text x=\"0\" y=\"%zu\">%s each%s</text>\n</svg>\n", 18 * m->nr_rows + 32,
		size_text(m->cell_len, buf), m->has_table ? "" : "; without what no node lists");
	bad = ferror(f);
	if (fclose(f) || bad)
		return fail(KHO_NO, "map --svg", "%s: %s; free space there", opt.svg,
			    strerror(errno));
	return KHO_OK;
}

static void free_map(struct map *m)
{
	size_t i;

	for (i = 0; i < m->nr_rows; i++)
		free(m->rows[i].cells);
	free(m->rows);
	free(m->pieces);
	free(m->runs);
}

static int show_map(struct map *m)
{
	int code = find_runs(m);

	if (code)
		return code;
	find_ram(m);
	if (opt.json) {
		print_json(m);
		return KHO_OK;
	}
	if (opt.columns) {
		print_runs(m);
		return KHO_OK;
	}
	draw(m);
	if (opt.svg)
		return write_svg(m);
	print_map(m);
	return KHO_OK;
}

int verb_map(void)
{
	struct blob blob __free(blob) = { };
	struct map m = { .blob = &blob };
	int code;

	if (!table_has_columns(columns, ARRAY_SIZE(columns)))
		return KHO_USAGE;
	code = blob_open(&blob, "map") ?: show_map(&m);
	free_map(&m);
	return code;
}
