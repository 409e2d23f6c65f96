/* SPDX-License-Identifier: GPL-2.0-only */
struct work_struct {
	int unused;
};

#define DECLARE_WORK(name, fn)	struct work_struct name; static __used void *fn_##name = fn
#define schedule_work(work)	((void)(work))
