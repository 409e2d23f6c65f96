# SPDX-License-Identifier: GPL-2.0
# Owns the commands of this repository; `make` alone lists them.
export KHO_T0 := $(shell date +%s.%N)
VMTEST := tools/testing/selftests/kho/vmtest.py $(ARCH:%=--arch %) --linux build/linux --build build
MAKEFLAGS += --no-print-directory

help: ## this list
	@echo 'make TARGET [ARCH=x86_64|arm64] [ACCEL=kvm]'
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 18

# What they need for an architecture is installed only when it is asked for.
demo shell kernel: SETUP := $(or $(ARCH),x86_64)
test: SETUP := $(or $(ARCH),all) fuzz docs
soak: SETUP := $(or $(ARCH),all)
fuzz: SETUP := none fuzz
bench: SETUP := $(or $(ARCH),x86_64) bench
cross: SETUP := none cross
mainline-tests: SETUP := $(or $(ARCH),all)
docs: SETUP := none docs
deb: SETUP := $(or $(ARCH),none) deb
test-debian: SETUP := $(or $(ARCH),x86_64) debian

demo: tree ## hand state from one kernel to the next, and show it
	@$(VMTEST) demo

test: tree ## run every test on all architectures; ONLY=name,name runs a few scenarios
	@$(VMTEST) test --only '$(ONLY)'

test-debian: tree ## try the packages of make deb (small, if there are none) on Debian 12 and 13; RELEASE=, ONLY=
	@ls build/deb/packages-$(or $(ARCH),x86_64)/kho_*.deb >/dev/null 2>&1 || { \
		packaging/debs $(ARCH:%=--arch %) --flavour small && packaging/debs $(ARCH:%=--arch %) \
			--flavour small2 --packages build/deb/upgrade-$(or $(ARCH),x86_64); }
	@tools/testing/selftests/kho/debian.py $(ARCH:%=--arch %) --build build \
		$(RELEASE:%=--release %) --only '$(ONLY)'

fuzz: tree ## look for blobs that get past the checks, for FUZZ_SECONDS (600) in all
	@$(VMTEST) fuzz $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS))

soak: tree ## long chains of kernels with random handovers, 10 minutes or more; SEED=n repeats one
	@$(VMTEST) soak --only '$(ONLY)' $(SEED:%=--seed %)

bench: tree ## count the instructions of handovers; ROWS=0,1k measures a few, MAINLINE=1 mainline too
	@tools/testing/selftests/kho/bench.py $(ARCH:%=--arch %) --linux build/linux --build build --rows '$(ROWS)' \
		$(if $(MAINLINE),--mainline) $(if $(PROFILE),--rows $(PROFILE) --profile)

mainline-tests: tree ## run mainline's own KHO tests, as they are, on this kernel
	@tools/testing/selftests/kho/mainline_tests.py $(ARCH:%=--arch %) --linux build/linux --build build

cross: tree ## check that without the option nothing is different, on 6 architectures
	@tools/testing/selftests/kho/cross.py $(ARCH:%=--arch %) --linux build/linux --build build

docs: tree ## make the pages of Documentation/kho: build/docs/kho/index.html
	@tools/testing/selftests/kho/docs.py --linux build/linux --build build

deb: tree ## make Debian packages; FLAVOUR=cloud-amd64 or cloud-arm64 (an hour or more), small (minutes), ...
	@packaging/debs $(ARCH:%=--arch %) $(FLAVOUR:%=--flavour %) $(REVISION:%=--revision %) --linux build/linux --build build

shell: tree ## boot the demo's guest to a prompt
	@$(VMTEST) shell

kernel: tree ## build the test kernels
	@$(VMTEST) kernel

tree: setup ## build/linux: Linux 6.12 with the series on it as git commits
	@scripts/tree sync

# The kho command, the last commit, is no part of the kernel: __free() is not what this
# checkpatch.pl knows, libraries have typedefs, ENOSYS is what a system call says, and what
# specs say in one sentence is one string.
USERLAND := ENOSYS,FUNCTION_ARGUMENTS,LINE_SPACING,LONG_LINE,NEW_TYPEDEFS,$\
	PREFER_DEFINED_ATTRIBUTE_MACRO,SPACING,SPLIT_STRING,STRCPY
CHECKPATCH = cd build/linux && PATH=/usr/bin:$$PATH scripts/checkpatch.pl --quiet --no-signoff --ignore \
	FILE_PATH_CHANGES,REPEATED_WORD,EXPORT_SYMBOL,EXECUTE_PERMISSIONS,UNDOCUMENTED_DT_STRING

patches: ## write edits made in build/linux back; COMMIT=NN-name chooses the patch
	@scripts/tree patches $(COMMIT)

specs: ## generate from Documentation/kho/specs
	@tools/kho/kho-gen

check: tree ## checkpatch.pl and kernel-doc on the series; what specs generate is fresh
	@tools/kho/kho-gen --check
	@cd build/linux && git diff -z --name-only --diff-filter=A base -- '*.[ch]' | \
		xargs -0 scripts/kernel-doc -none -Wall -Werror
	@$(CHECKPATCH) --git base..HEAD~1
	@$(CHECKPATCH),$(USERLAND) --git HEAD~1..HEAD

setup: ## install the Debian packages that are missing
	@scripts/setup $(SETUP)

clean: ## remove everything generated
	rm -rf build

.PHONY: help demo test test-debian fuzz soak bench mainline-tests cross docs deb shell kernel tree patches specs check setup clean
