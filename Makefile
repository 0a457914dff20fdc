# SPDX-License-Identifier: Apache-2.0 OR MIT
# Every job of the project is a target here; bare `make` lists them.
.DEFAULT_GOAL := help
export PATH := $(PATH):$(HOME)/.cargo/bin
OSDK := cargo osdk

.PHONY: help setup run test check ci miri loom oracle checked tdx tdx-linux fuzz fuzz-syscalls differential hostile disk hostile-linux mutants stalls fail-alloc latency reproducible census doc clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the other targets need (they call it themselves)
	@tools/setup.sh

run: setup ## boot the kernel into a busybox shell (leave it with exit)
	@$(OSDK) run

test: setup ## host unit tests, in-guest tests and the regression programs
	@$(OSDK) ci host guest regression

check: setup ## formatting, lints, links of the documentation; rules of the tree: crate arrows, circles of files, unsafe code, the size of the framework, assembly, vendors, ABI layouts, locks, errors, forms of tests, allocations that cannot fail, host inputs, pages
	@$(OSDK) check

ci: setup ## all that has to pass before a change lands
	@$(OSDK) ci

miri: setup ## the framework's unsafe code under Miri (wants a nightly with miri)
	@$(OSDK) ci miri

loom: setup ## models of the framework's lock-free parts, tried in all interleavings
	@$(OSDK) ci loom

oracle: setup ## the regression programs on Debian's stock Linux
	@tools/setup.sh oracle
	@$(OSDK) ci oracle

checked: setup ## the regression programs on two CPUs, in the build that stops at a wrong lock order, sleep or overflow
	@$(OSDK) ci checked-all

tdx: setup ## the regression programs in a TD on the simulated host, on one and on two CPUs
	@$(OSDK) ci tdx-all

tdx-linux: setup ## Debian's stock Linux as a TD on the simulated host: report, quote, event log by its own drivers
	@tools/setup.sh oracle
	@$(OSDK) ci tdx-linux

fuzz: setup ## fuzz the parsers of host input for SECONDS (3600) each; what is new goes into fuzz/corpus
	@cargo run --quiet --package fuzz -- run --keep --seconds $(or $(SECONDS),3600) --seed $$(date +%s)

fuzz-syscalls: setup ## two million random system calls, three seeds
	@$(OSDK) ci fuzz-syscalls

differential: setup ## two million random system calls on Nacre and on Debian's Linux: what differs, shrunk
	@tools/setup.sh oracle
	@cargo run --quiet --package regression -- differential --seed $(or $(SEED),1) --calls $(or $(CALLS),2000000) --shrink

fail-alloc: setup ## the regression programs while allocations fail, at three rates with three seeds: the kernel never stops
	@$(OSDK) ci fail-alloc-all

latency: setup ## the longest times that the kernel keeps a CPU to itself, beside Debian's Linux
	@tools/setup.sh oracle
	@cargo run --quiet --package regression -- latency

hostile: setup ## attacks by a simulated hostile host on a TDX guest; writes the matrix
	@$(OSDK) ci hostile-all disk-all

disk: setup ## a vhost-user disk that replays, swaps, tears, over-reports, completes twice: to a TD and to a plain machine
	@$(OSDK) ci disk-all

hostile-linux: setup ## the same attacks on Debian's stock Linux, for comparison
	@tools/setup.sh oracle
	@$(OSDK) ci hostile-linux

mutants: setup ## break one check of the kernel at a time: a scenario must notice each
	@$(OSDK) ci mutants

stalls: setup ## stop a CPU at every instruction of start, shootdown, task switch, idle and shutdown, past every time-out
	@$(OSDK) ci stalls

reproducible: setup ## two clones in different folders build the same kernel
	@$(OSDK) ci reproducible

census: setup ## code lines, unsafe blocks, panicking sites
	@$(OSDK) census

doc: setup ## build the documentation
	@cargo doc --workspace --no-deps --document-private-items

clean: ## remove what was built (the downloaded tools in .toolchain stay)
	@cargo clean
