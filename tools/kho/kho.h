/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kho, the operator's command: what its files share.
 */
#ifndef KHO_H
#define KHO_H

#include <fcntl.h>
#include <json-c/json.h>
#include <linux/kernel.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../kernel/kexec_kho_fdt.h"
#include "specs.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

/* Freed, closed, or put when it goes out of scope */
#define __free(fn)	__attribute__((cleanup(auto_##fn)))

static inline void auto_free(void *p)
{
	free(*(void **)p);
}

static inline void auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_json(json_object **o)
{
	json_object_put(*o);
}

/* Exit codes: documented in Documentation/kho/kho.rst, and stable */
enum {
	KHO_OK		= 0,
	KHO_NO		= 1,	/* and nothing was changed */
	KHO_USAGE	= 2,
	KHO_OFF		= 3,	/* KHO is off, or not there */
	KHO_KERNEL	= 4,	/* the kernel refused */
	KHO_REFUSED	= 5,	/* the handover to this kernel was refused */
	KHO_DOUBT	= 6,	/* the machine may be going down */
};

/* kho.c: the command line */
struct options {
	const char *root, *columns;
	bool json, bytes, quiet;
	bool in, out, dts, live, all, unlisted, dry_run, now, force, loaded, unload, acknowledge;
	const char *svg, *table, *kernel, *initrd, *append, *cmdline;
	unsigned int width;
	long timeout;			/* seconds; less than 0: for ever */
	const char *args[2];		/* what follows the verb */
};

/* sys.c: files below --root, and the kernel's log */
#define SYS_KHO		"/sys/kernel/kho"
#define SYS_FW		"/sys/firmware/kho"

#define sys_open(flags, ...)	open(sys_path(__VA_ARGS__), (flags) | O_CLOEXEC)
#define sys_exists(...)		(!access(sys_path(__VA_ARGS__), F_OK))
#define sys_text(...)		file_text(sys_path(__VA_ARGS__))
#define sys_number(...)		file_number(sys_path(__VA_ARGS__))

const char *sys_path(const char *fmt, ...) __printf(1, 2);
char *sys_link(const char *path);
void *read_all(int fd, size_t *len, size_t most);
char *file_text(const char *path);
long long file_number(const char *path);
char **sys_list(const char *path);
void free_list(char ***list);
u64 sys_iomem(const char *what, void (*fn)(const struct kho_mem *mem, void *data), void *data);
bool sys_mem(const char *start, const char *size, struct kho_mem *mem);
int sys_needs_kho(const char *what);
int sys_lock(const char *what);
int kmsg_open(void);
int kmsg_fail(int kmsg, const char *what, int err, const char *todo);
int sys_write(const char *what, const char *path, const char *value, const char *todo);

static inline void auto_list(char ***list)
{
	free_list(list);
}

/* blob.c: a handover FDT with its memory table, checked by the kernel's code */
enum source { FROM_FILE, FROM_IN, FROM_OUT };

struct blob {
	enum source source;
	const char *name;
	void *fdt;
	size_t size;
	struct kho_root root;
	void *table;			/* as sysfs has it: entries, then bits of chunks; or NULL */
	size_t table_size;
};

typedef void (*blob_run_fn)(const struct kho_mem *mem, void *data);
typedef void (*blob_mem_fn)(const struct kho_mem *mem, unsigned int node, void *data);

int blob_open(struct blob *blob, const char *what);
int blob_open_file(struct blob *blob, const char *what, const char *name);
int blob_open_sysfs(struct blob *blob, const char *what, enum source source);
void blob_close(struct blob *blob);
u64 blob_ranges_len(const struct kho_ranges *ranges);
void blob_walk_mem(const struct blob *blob, blob_mem_fn fn, void *data);
u64 blob_mem_len(const struct blob *blob, unsigned int node);
int blob_walk_table(const struct blob *blob, blob_run_fn fn, void *data, struct kho_why *why);
bool blob_has_chunks(const struct blob *blob);

static inline void auto_blob(struct blob *blob)
{
	blob_close(blob);
}

/* decode.c: nodes by their specs */
const struct kho_spec_node *spec_of(const void *fdt, int node);
json_object *decode_node(const void *fdt, int node, const struct kho_spec_node *spec);
void decode_problems(json_object *node, const char *path,
		     void (*fn)(const char *path, const char *problem, void *data), void *data);

/* systemd.c: whether it goes down, and to go, or not to */
enum answer { NO, YES, UNKNOWN };
enum mask { MASK_RUN, MASK_ETC };

enum answer systemd_goes_down(void);
bool systemd_has_kexec(void);
bool systemd_is_masked(enum mask where);
int systemctl(const char *verb, const char *option, const char *unit);
int systemd_set_gate(bool close, const char *what);

/* run.c: other programs */
#define PRE	"/etc/kho/pre.d"
#define POST	"/etc/kho/post.d"

int run(const char *const argv[]);
bool has_hooks(const char *dir);
int run_hooks(const char *dir, const char *option);
void each_skipped_hook(const char *dir, void (*fn)(const char *path, const char *why,
						   const char *todo, void *data), void *data);

/* conf.c: /etc/kho.conf, and what is in /etc/kho.conf.d */
#define KHO_CONF	"/etc/kho.conf"

struct conf {
	bool no_gate, trial, pin;
};

int conf_read(struct conf *conf, const char *what);

/* sent.c: the copy of what was sent off */
#define SENT_COPY	"/var/lib/kho/outgoing.dtb"

void sent_keep(void);
void sent_forget(void);
bool sent_take(void);
int sent_compare(json_object *arrival, json_object *missing);
bool sent_lost(json_object *arrival, json_object *missing);

/* target.c: the kernel to come */
struct target {
	char *version, *kernel, *initrd, *cmdline, *config;
};

int target_choose(struct target *t, const char *what);
void target_free(struct target *t);
char *target_next_boot(void);
int target_carries(const char *version);
bool target_lacks_initrd(const char *version);
const char *target_bad_image(const struct target *t);
const char *cmdline_param(const char *p, size_t *len);
const char *cmdline_value(const char *cmdline, const char *name, size_t *len);
bool cmdline_has_kho(const char *cmdline);
int target_config(const struct target *t, const char *option);
u64 target_need(const struct target *t, u64 ram);
void put_target(json_object *doc, const struct target *t);

/* change.c: the steps that are verbs, too */
int do_load(const struct target *t);
int do_unload(void);
int do_activate(void);
int do_abort(void);
int no_root(const char *what);
int done(const char *key, bool value);

static inline void auto_target(struct target *t)
{
	target_free(t);
}

/* status.c */
json_object *arrival_json(void);

/* findings.c: what checks have found */
enum verdict { CHECK_OK, CHECK_WARN, CHECK_FAIL };

void found(json_object *list, enum verdict v, const char *check, const char *todo,
	   const char *fmt, ...) __printf(5, 6);
bool found_failures(json_object *list);
bool found_has_columns(void);
void print_findings(json_object *list, json_object *doc);

/* check_blob.c */
void check_blob(json_object *list, const struct blob *blob);

/* live.c: what could lose the state at a kexec */
void live_checks(json_object *list, const struct target *t);
void live_node_checks(json_object *list, const struct target *t);

/* out.c: for people, and for programs */
extern struct options opt;

int fail(int code, const char *what, const char *fmt, ...) __printf(3, 4);
const char *journal_level(int fd, int level);

enum column_kind { COL_TEXT, COL_SIZE, COL_ADDR };

struct column {
	const char *name;		/* in small letters, the key of the JSON object */
	enum column_kind kind;
	bool hidden;			/* unless -o asks for it */
};

struct out_table;

struct out_table *table_begin(const struct column *columns, unsigned int nr);
void *table_row(struct out_table *t, json_object *row, void *parent);
void table_end(struct out_table *t, int indent);
bool table_has_columns(const struct column *columns, unsigned int nr);
const char *size_text(u64 bytes, char buf[static 24]);
bool is_colour(void);
json_object *json_begin(void);
json_object *text_json(const char *text);
void put_str(json_object *o, const char *key, const char *value);
void put_num(json_object *o, const char *key, u64 value);
void put_bool(json_object *o, const char *key, bool value);
void put_null(json_object *o, const char *key);
const char *get_text(json_object *o, const char *key);
u64 get_value(json_object *o, const char *key);
void json_end(json_object *o);
char *escaped(const char *text, size_t len);

/* The verbs, each in a file of its own or with its kind */
int verb_status(void);
int verb_show(void);
int verb_map(void);
int verb_check(void);
int verb_activate(void);
int verb_abort(void);
int verb_release(void);
int verb_load(void);
int verb_kexec(void);
int verb_wait(void);
int verb_gate(void);
int verb_boot(void);

#endif /* KHO_H */
