/*
 * A command line taken apart without a shell: for UPSTREAM_COMMAND, where the
 * configuration is checked and where it is started. Pure.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_WORDS_H
#define GATEHOUSE_COMMON_CONFIG_WORDS_H

#include "common/err.h"
#include "common/strlist.h"

/*
 * Append the words of text to words. Blanks (space, tab, end of line) part them. 'x'
 * stands for all that is between the quotes as it is; in "x" and outside of quotes a
 * backslash takes the next character as it is, in "x" only before " and \. Nothing else
 * has a meaning: no variables, no patterns, no redirection.
 * Returns 0, ERR_SYNTAX (a quote without its end, a backslash at the end, no word at
 * all; some words may have been appended) or -ENOMEM.
 */
int config_words_split(const char *text, struct strlist *words) MUSTCHECK;

#endif
