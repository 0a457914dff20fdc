/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The log of a program: always a hash over all that is compared, and in a detailed run the same as text.
 *
 * One line per call: `call TAB index TAB name(arguments) TAB label=value TAB ...`.
 */
#include "differ.h"
#include <stdarg.h>

static void put(const char *format, ...) {
    va_list list;
    size_t room = sizeof LOG->text - LOG->used;
    if (!LOG->is_detailed || room < 2) {
        return;
    }
    va_start(list, format);
    int n = vsnprintf(LOG->text + LOG->used, room, format, list);
    va_end(list);
    LOG->used += (uint32_t)n < room ? (uint32_t)n : (uint32_t)room - 1;
}

static void mix(uint64_t value) {
    uint64_t h = (LOG->hash ^ value) * 0x9e3779b97f4a7c15ul;
    LOG->hash = h ^ (h >> 29);
}

void log_call(int index, const char *name, int argc) {
    mix((uint64_t)index + 0x100);
    put("call\t%d\t%s(", index, name);
    for (int i = 0; i < argc; i++) {
        put("%s%s", i ? ", " : "", argument_text[i]);
    }
    put(")");
}

void log_value(const char *label, int64_t value) {
    mix((uint64_t)value);
    put(value > -100000 && value < 2000000 ? "\t%s=%ld" : "\t%s=0x%lx", label, value);
}

/* The rest after runs of one byte is what tells, so runs are shortened in the text. */
void log_bytes(const char *label, const void *bytes, size_t len) {
    const unsigned char *at = bytes;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, 8);
        mix(word);
    }
    for (; i < len; i++) {
        mix(at[i]);
    }
    if (!LOG->is_detailed) {
        return;
    }
    put("\t%s=", label);
    int shown = 0;
    for (i = 0; i < len && shown < 120; shown++) {
        size_t run = 1;
        while (i + run < len && at[i + run] == at[i]) {
            run++;
        }
        if (run > 4) {
            put("%02x*%zu ", at[i], run);
            i += run;
        } else {
            put("%02x", at[i++]);
        }
    }
    if (i < len) {
        uint64_t sum = 0;
        for (; i < len; i++) {
            sum = sum * 31 + at[i];
        }
        put("..#%lx", sum);
    }
}

void log_text(const char *text) {
    for (const char *c = text; *c; c++) {
        mix((unsigned char)*c);
    }
    put("\t%s", text);
}

void log_end(void) {
    put("\n");
}
