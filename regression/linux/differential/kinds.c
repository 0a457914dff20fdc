/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Kinds of arguments: descriptors, names, pointers, processes, addresses. Each draws a value, writes what it points to,
 * notes where the kernel may write, and says in words what it drew.
 */
#include "differ.h"

struct output outputs[8];
int output_count;
char argument_text[6][256];
pid_t children[8];
int child_count;
pid_t self_pid, parent_pid;
int mapping_count;
int is_root;

static int current;
static uint64_t next_input;

void begin_arguments(void) {
    output_count = 0;
    next_input = ARENA + 0x100;
    memset((void *)(ARENA + 0x100), 0, 8);
}

void begin_argument(int index) {
    current = index;
    argument_text[index][0] = 0;
}

static void describe(const char *text) {
    snprintf(argument_text[current], sizeof argument_text[current], "%s", text);
}

static void may_be_written(uint64_t at, size_t len, normal_fn *normal) {
    if (output_count < 8) {
        memset((void *)at, 0xa5, len);
        outputs[output_count++] = (struct output){at, len, normal};
    }
}

/* An address that is no good, or only just. */
static uint64_t odd_pointer(void) {
    static const uint64_t odd[] = {0, 0, 0, 1, 0xf000000, ODD, ODD + PAGE, EDGE, EDGE - 1, 0xffff800000000000, 0x7ffffffff000, 0x800000000000, -1ul, -8ul, ODD + PAGE - 4};
    uint64_t at = odd[below(sizeof odd / sizeof *odd)];
    char text[32];
    snprintf(text, sizeof text, "odd 0x%lx", at);
    describe(text);
    return at;
}

/* --- descriptors ------------------------------------------------------------------------------------------------------ */

static uint64_t draw_fd(const void *detail) {
    static const uint64_t special[] = {-1ul, 999, (uint64_t)AT_FDCWD, 0x7fffffff, 0x80000000, 1ul << 32};
    (void)detail;
    switch (below(20)) {
    case 0: return special[below(sizeof special / sizeof *special)];
    case 1:
    case 2:
    case 3: return 19 + below(6);
    case 4:
    case 5:
    case 6:
    case 7: return 1 + 2 * below(2);
    default: return below(19);
    }
}

static uint64_t draw_dirfd(const void *detail) {
    static const uint64_t folders[] = {4, 10, 18, 4, 10, 1, 5, 9, 19, 20, -1ul, 999};
    (void)detail;
    return one_in(3) ? folders[below(sizeof folders / sizeof *folders)] : (uint64_t)AT_FDCWD;
}

static uint64_t draw_new_fd(const void *detail) {
    (void)detail;
    return one_in(8) ? draw_fd(NULL) : one_in(12) ? 63 + below(3) : below(26);
}

static uint64_t draw_pipe_fd(const void *detail) {
    return one_in(3) ? draw_fd(detail) : (const uint64_t[]){5, 6, 7, 8, 14, 5, 6, 20, 21}[below(9)];
}

/* --- names ------------------------------------------------------------------------------------------------------------ */

static const char *const names[] = {
    "f1", "f1", "f2", "f3", "f4", "d1", "d1/f5", "d1/d2", "d1/d2/f6", "dt", "dt/f7", "dg", "dg/n1", "dg/n2", "s1", "s2", "s3", "s4", "s5", "p1", "n1", "n2", "n1", "n3", "d1/n1", "dt/n1", "dg/d3",
    "fx", "private", "private/f8", "rootfile", "f1/", "d1/", "f1/x", "s1/", "s2/", "s2/f5", "s4/", "n1/", "n1/x", "", ".", "..", "/", "d1/..", "d1/.", "d1/../f1", "/f1", "//f1", "./f1", "/d1/./d2/",
    "dev/null", "dev/zero", "dev/full", "dev", "suid", "sgid", "script", "noexec", "fifo/none",
};

static const char *draw_name(char *room) {
    if (one_in(30)) {
        static const int lengths[] = {254, 255, 256, 4094, 4095, 4096, 5000};
        int len = lengths[below(7)];
        memset(room, 'a', (size_t)len);
        for (int i = 200; len > 300 && i < len; i += 201) {
            room[i] = '/';
        }
        room[len] = 0;
        return room;
    }
    return names[below(sizeof names / sizeof *names)];
}

/* A text in the inputs; now and then it ends where the memory does, or has no end. */
static uint64_t place_text(const char *text) {
    size_t len = strlen(text) + 1;
    char shown[128];
    if (one_in(60)) {
        return odd_pointer();
    }
    uint64_t at = one_in(40) && len < PAGE ? EDGE - len + below(2) : next_input;
    size_t room = at + len > EDGE && at < EDGE && at > EDGE - PAGE ? EDGE - at : len;
    memcpy((void *)at, text, room);
    if (at == next_input) {
        next_input += (len + 15) & ~15ul;
    }
    if (len > 60) {
        snprintf(shown, sizeof shown, "name of %zu%s", len - 1, room < len ? " cut" : "");
    } else {
        snprintf(shown, sizeof shown, "\"%s\"%s", text, room < len ? " cut" : "");
    }
    describe(shown);
    return at;
}

static uint64_t draw_path(const void *detail) {
    char room[5200];
    (void)detail;
    return place_text(draw_name(room));
}

static uint64_t draw_attribute(const void *detail) {
    static const char *const attributes[] = {"user.a", "user.b", "trusted.a", "security.a", "system.posix_acl_access", "nonsense", "user.", "", "security.capability"};
    (void)detail;
    return place_text(attributes[below(9)]);
}

static const char *const files[] = {
    "prog", "prog", "/prog", "uprog", "gprog", "mine", "script", "deep", "bad", "lost", "self", "fx", "fx", "f1", "f2", "noexec", "d1", "s1", "p1", "dev/null", "n1", "private/f8", "prog/", "suid", "./prog", "",
};

/* What may be run; one alone where the specification names it. */
static uint64_t draw_file(const void *detail) {
    return place_text(detail ? detail : one_in(12) ? names[below(sizeof names / sizeof *names)] : files[below(sizeof files / sizeof *files)]);
}

/* An array of texts. */
static uint64_t draw_strings(const void *detail) {
    static const char *const texts[] = {"a", "", "two words", "NAME=value", "LD_PRELOAD=x"};
    char shown[128];
    uint64_t pointers[6] = {0};
    int count = (int)below(5);
    (void)detail;
    if (one_in(12)) {
        return odd_pointer();
    }
    for (int i = 0; i < count; i++) {
        pointers[i] = place_text(texts[below(sizeof texts / sizeof *texts)]);
    }
    uint64_t at = next_input;
    if (one_in(30)) {
        at = EDGE - 8 * (uint64_t)count;
    } else {
        next_input += 64;
    }
    memcpy((void *)at, pointers, 8 * (size_t)(at < EDGE - 64 || at >= EDGE ? count + 1 : count));
    snprintf(shown, sizeof shown, at == EDGE - 8 * (uint64_t)count ? "%d texts, no end" : "%d texts", count);
    describe(shown);
    return at;
}

static uint64_t draw_text_of(const char *const *texts, size_t count) {
    const char *text = texts[below(count)];
    return text ? place_text(text) : 0;
}

static uint64_t draw_type(const void *detail) {
    static const char *const types[] = {"tmpfs", "tmpfs", "tmpfs", "ramfs", "nonsense", "", NULL};
    return detail ? place_text(detail) : draw_text_of(types, 7);
}

static uint64_t draw_options(const void *detail) {
    static const char *const options[] = {NULL, NULL, NULL, "size=64k", "size=1m,mode=700", "mode=1777,uid=1000,gid=1000", "nr_inodes=3", "size=x", "nonsense", "", "size=", "mode=8", "ro", "size=1g,,"};
    (void)detail;
    return draw_text_of(options, sizeof options / sizeof *options);
}

static uint64_t draw_device_name(const void *detail) {
    static const char *const devices[] = {"none", "none", "", "dev/null", "f1", NULL};
    (void)detail;
    return draw_text_of(devices, 6);
}

static uint64_t draw_stack(const void *detail) {
    (void)detail;
    return one_in(2) ? 0 : one_in(2) ? STACKS + 0x8000 : odd_pointer();
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

static uint64_t draw_input(const void *detail) {
    unsigned char bytes[512];
    input_fn *put = (input_fn *)detail;
    memset(bytes, 0, sizeof bytes);
    size_t len = put(bytes);
    if (one_in(30)) {
        return odd_pointer();
    }
    uint64_t at = one_in(40) ? EDGE - len + below(len) / 4 * 4 : next_input;
    size_t room = at != next_input && at + len > EDGE ? EDGE - at : len;
    memcpy((void *)at, bytes, room);
    if (at == next_input) {
        next_input += len < 128 ? 128 : (len + 15) & ~15ul;
    }
    char *text = argument_text[current];
    int used = snprintf(text, 40, "%s", at >= ODD ? "edge {" : "{");
    for (size_t i = 0; i < room && i < 64; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, len - i < 8 ? len - i : 8);
        used += snprintf(text + used, 24, i ? " %lx" : "%lx", word);
    }
    strcat(text, room < len ? "} cut" : "}");
    return at;
}

static uint64_t draw_input_or_none(const void *detail) {
    return one_in(3) ? 0 : draw_input(detail);
}

static uint64_t draw_output(const void *detail) {
    const struct shape *shape = detail;
    uint64_t at = ARENA + IN_SIZE + OUT_SIZE * (uint64_t)current;
    size_t len = shape->len;
    if (one_in(30)) {
        return odd_pointer();
    }
    if (one_in(30)) {
        /* How much of a structure arrives before the fault is nobody's business; of a buffer it is. */
        size_t room = 1 + below(len < PAGE ? len - 1 : 64);
        if (len >= PAGE && !shape->normal) {
            may_be_written(EDGE - room, room, NULL);
        }
        snprintf(argument_text[current], 40, "edge-%zu", room);
        return EDGE - room;
    }
    may_be_written(at, len, shape->normal);
    describe("out");
    return at;
}

static uint64_t draw_output_or_none(const void *detail) {
    return one_in(3) ? 0 : draw_output(detail);
}

struct both {
    input_fn *put;
    const struct shape *shape;
};

/* Read and written. */
static uint64_t draw_both(const void *detail) {
    const struct both *both = detail;
    uint64_t at = draw_input(both->put);
    if (at >= ARENA && at < ARENA + IN_SIZE && output_count < 8) {
        outputs[output_count++] = (struct output){at, both->shape->len, both->shape->normal};
    }
    return at;
}

static uint64_t draw_both_or_none(const void *detail) {
    return one_in(3) ? 0 : draw_both(detail);
}

static uint64_t draw_vector(const void *detail) {
    (void)detail;
    uint64_t at = draw_input((const void *)find_input("iovecs", 6));
    for (int i = 0; i < 4; i++) {
        may_be_written(ARENA + IN_SIZE + 5 * OUT_SIZE + 0x1000 * (uint64_t)i, 0x1000, NULL);
    }
    return at;
}

static uint64_t draw_pattern(const void *detail) {
    (void)detail;
    return one_in(24) ? odd_pointer() : PATTERN;
}

static uint64_t draw_play(const void *detail) {
    static const uint64_t odd[] = {0, 1, 0x1000, 0xf0000, 1ul << 47, (1ul << 47) - PAGE, 1ul << 63, -1ul << 12};
    (void)detail;
    if (one_in(20)) {
        return odd[below(sizeof odd / sizeof *odd)];
    }
    return PLAY + PAGE * below(PLAY_PAGES) + (one_in(20) ? below(PAGE) : 0);
}

static uint64_t draw_pages(const void *detail) {
    static const uint64_t odd[] = {0, 1, 100, 4095, 4097, 1ul << 31, 1ul << 47, 1ul << 63, -1ul, -4095ul, -4096ul, (1ul << 63) - 1, 0x7fffffff};
    (void)detail;
    return one_in(8) ? odd[below(sizeof odd / sizeof *odd)] : PAGE * (1 + below(one_in(3) ? 40 : 8));
}

static uint64_t draw_break(const void *detail) {
    (void)detail;
    if (one_in(4)) {
        uint64_t any = any_value();
        return one_in(2) || (any > PAGE && any < 1ul << 46) ? 0 : any;
    }
    uint64_t more = (one_in(3) ? 100 : PAGE) * below(40);
    snprintf(argument_text[current], 40, "break+%lu", more);
    return break_at_start + more;
}

/* --- processes -------------------------------------------------------------------------------------------------------- */

static uint64_t draw_pid(const void *detail) {
    char *text = argument_text[current];
    (void)detail;
    switch (below(14)) {
    case 0: return 4000000;
    case 1: return is_root ? 0 : (uint64_t)-1l;
    case 2: return 1ul << 31;
    case 3: return 4194305;
    case 4: strcpy(text, "-self"); return (uint64_t)-self_pid;
    case 5:
    case 6:
    case 7: return 0;
    case 8:
    case 9: strcpy(text, "self"); return (uint64_t)self_pid;
    default:
        if (child_count == 0) {
            strcpy(text, "self");
            return (uint64_t)self_pid;
        }
        int which = (int)below((uint64_t)child_count);
        int negative = one_in(10);
        snprintf(text, 40, negative ? "-child%d" : "child%d", which);
        return (uint64_t)(int64_t)(negative ? -children[which] : children[which]);
    }
}

/* For calls in which -1 means every child. */
static uint64_t draw_waited(const void *detail) {
    return one_in(3) ? (uint64_t)-1l : draw_pid(detail);
}

/* --- words of a specification ----------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    draw_fn *draw;
} plain[] = {
    {"fd", draw_fd},         {"dirfd", draw_dirfd}, {"newfd", draw_new_fd},   {"pipefd", draw_pipe_fd}, {"path", draw_path},     {"attribute", draw_attribute},
    {"vector", draw_vector}, {"data", draw_pattern}, {"play", draw_play},     {"pages", draw_pages},    {"break", draw_break},   {"pid", draw_pid},
    {"waited", draw_waited}, {"offset", draw_offset}, {"len", draw_length}, {"copylen", draw_copy_length},   {"mode", draw_mode},      {"uid", draw_uid},       {"any", draw_any},
    {"file", draw_file},     {"strings", draw_strings}, {"type", draw_type},  {"options", draw_options}, {"device", draw_device_name}, {"stack", draw_stack},
    {"dev", draw_device},    {"signal", draw_signal}, {"small", draw_small},
};

static const void *both_of(const char *name, size_t len) {
    static struct both all[64];
    static int count;
    struct both *both = &all[count++];
    both->put = find_input(name, len);
    both->shape = find_shape(name, len);
    return count < 64 && both->put && both->shape ? both : NULL;
}

struct argument find_kind(const char *word, size_t len) {
    const char *colon = memchr(word, ':', len);
    struct argument none = {NULL, NULL};
    if (!colon) {
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
            if (strlen(plain[i].word) == len && memcmp(plain[i].word, word, len) == 0) {
                return (struct argument){plain[i].draw, NULL};
            }
        }
        return none;
    }
    size_t head = (size_t)(colon - word), rest = len - head - 1;
    const char *name = colon + 1;
    if (memcmp(word, "n", head) == 0 && head == 1) {
        return (struct argument){draw_constant, (void *)strtoul(name, NULL, 0)};
    }
    draw_fn *draw = NULL;
    const void *detail = NULL;
    if (head == 4 && (memcmp(word, "file", 4) == 0 || memcmp(word, "type", 4) == 0)) {
        draw = word[0] == 'f' ? draw_file : draw_type, detail = strndup(name, rest);
    } else if (strncmp(word, "set", head) == 0) {
        draw = draw_from_set, detail = find_set(name, rest);
    } else if (strncmp(word, "in", head) == 0) {
        draw = draw_input, detail = (const void *)find_input(name, rest);
    } else if (strncmp(word, "in?", head) == 0) {
        draw = draw_input_or_none, detail = (const void *)find_input(name, rest);
    } else if (strncmp(word, "out", head) == 0) {
        draw = draw_output, detail = find_shape(name, rest);
    } else if (strncmp(word, "out?", head) == 0) {
        draw = draw_output_or_none, detail = find_shape(name, rest);
    } else if (strncmp(word, "io", head) == 0) {
        draw = draw_both, detail = both_of(name, rest);
    } else if (strncmp(word, "io?", head) == 0) {
        draw = draw_both_or_none, detail = both_of(name, rest);
    }
    return detail ? (struct argument){draw, detail} : none;
}
