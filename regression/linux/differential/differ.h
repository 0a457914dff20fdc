/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the parts of the differential harness share: where its memory lies, random numbers, the tables of calls, the log.
 *
 * A program is a number: its calls and their arguments follow from seed, number and place alone, never from what a call
 * returned, so that both kernels are asked the same and any call can be left out.
 */
#ifndef DIFFER_H
#define DIFFER_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Fixed places, the same on both kernels. Inputs lie first, outputs behind them, and nothing behind those. */
#define ARENA 0x10000000ul
#define IN_SIZE 0x10000ul
#define OUT_SIZE 0x4000ul
#define ARENA_SIZE (IN_SIZE + 6 * OUT_SIZE)
#define PATTERN (ARENA + 0xc000) /* what is written to files */
#define ODD 0x11000000ul         /* a page to read only, one without access, one to write, nothing */
#define EDGE (ODD + 0x3000)
#define STACKS 0x12000000ul /* alternate signal stacks */
#define STACKS_SIZE 0x20000ul
#define SHARED 0x18000000ul /* struct shared, not for calls */
#define PLAY 0x40000000ul   /* what calls that change mappings work on */
#define PLAY_PAGES 64
#define PAGE 4096ul

#define MAX_CALLS 40
#define KICK 63 /* ends a call that waits */
#define USER 1000
#define RESULTS_FD 100
#define MAPS_FD 90
#define STATUS_FD 91
#define PROC_FD 92

/* What the program that makes the calls leaves to the harness. */
struct shared {
    volatile uint32_t calls; /* made, compared ones only */
    volatile uint32_t steps; /* grows while the program makes progress; odd during a call */
    uint64_t hash;
    volatile int64_t failure; /* of a program that could not be run */
    uint32_t is_detailed;
    uint32_t used;
    char text[1 << 20];
};
#define LOG ((struct shared *)SHARED)

/* An output of a call: where, how long, and what makes it the same on both kernels. */
typedef void normal_fn(unsigned char *bytes, size_t len);
struct output {
    uint64_t at;
    size_t len;
    normal_fn *normal;
};

/* Kinds of arguments: draws one, writes what it points to. `detail` is what follows the colon. */
typedef uint64_t draw_fn(const void *detail);

struct argument {
    draw_fn *draw;
    const void *detail;
};

/* A call. `spec` names the kinds of its arguments, parted by spaces; `result` how the result is made comparable. */
struct call {
    const char *name;
    long number;
    const char *spec;
    char result; /* 0 as it is, p process, m mapping, b break, t time, d dropped unless an error */
    unsigned char weight;
};

struct family {
    const char *name;
    const struct call *calls;
    int count;
    int weight;
    int is_alone; /* not drawn in programs of other families */
};

/* Calls of the harness itself, for what one call alone does not do. */
enum { FORK_EXIT = -1, FORK_PAUSE = -2, FORK_STOP = -3, FORK_EXEC = -4, RUN = -5, RUN_AT = -6, MAKE = -7, CLONE = -8, CLONE3 = -9 };

extern const struct family families[];
extern const int family_count;

/* random.c */
void seed_random(uint64_t a, uint64_t b, uint64_t c);
uint64_t random64(void);
uint64_t below(uint64_t n);
int one_in(uint64_t n);

/* families[]: what needs more than the others */
int is_family(int family, const char *name);

/* kinds.c */
struct argument find_kind(const char *word, size_t len);
void begin_arguments(void);
void begin_argument(int index);
extern struct output outputs[8];
extern int output_count;
extern char argument_text[6][256];
extern pid_t children[8];
extern int child_count;
extern pid_t self_pid, parent_pid;
extern int mapping_count;
extern int is_root;

/* values.c */
uint64_t draw_from_set(const void *set);
const void *find_set(const char *name, size_t len);
uint64_t draw_offset(const void *), draw_length(const void *), draw_copy_length(const void *), draw_mode(const void *), draw_uid(const void *), draw_any(const void *);
uint64_t draw_device(const void *), draw_signal(const void *), draw_small(const void *), draw_constant(const void *);
uint64_t any_value(void);

/* inputs.c */
typedef size_t input_fn(unsigned char *bytes);
input_fn *find_input(const char *name, size_t len);

/* normal.c */
struct shape {
    const char *name;
    size_t len;
    normal_fn *normal;
};
const struct shape *find_shape(const char *name, size_t len);
int64_t normal_pid(int64_t pid);
void forget_ranks(void);
extern uint64_t started_at, break_at_start;

/* log.c */
void log_call(int index, const char *name, int argc);
void log_value(const char *label, int64_t value);
void log_bytes(const char *label, const void *bytes, size_t len);
void log_text(const char *text);
void log_end(void);

/* run.c */
void run_program(uint64_t seed, uint64_t number, int family, uint64_t mask);
int family_of(uint64_t number, uint64_t chosen);
void prepare_specs(void);

/* own.c */
long raw_call(long number, const uint64_t *a);
long own_call(long number, const uint64_t *a);
size_t put_program(unsigned char *bytes, int is_whole);

/* state.c */
void log_state(int family);
void log_tree(const char *folder);

/* setup.c */
void make_folder(const char *folder, int has_programs);
void make_memory(void);
void open_files(void);
void reset_process(uint64_t number, int family);

#endif
