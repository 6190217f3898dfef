/*
 * Linked in place of the product's accounting in a build of the benchmarks alone, to show
 * what it costs: nothing is noted in the arena, so no request is ever counted.
 */
#include "worker/account.h"

void without_open(struct accounts *a, struct account *acc, const char *key_id,
    struct span model, enum endpoint endpoint, unsigned status,
    int64_t now_ms) __asm__("__wrap_account_open");
void without_note(struct accounts *a, struct account *acc, const struct usage *used,
    bool complete) __asm__("__wrap_account_note");
void without_settle(struct accounts *a, struct account *acc) __asm__(
    "__wrap_account_settle");

void
without_open(struct accounts *a, struct account *acc, const char *key_id,
    struct span model, enum endpoint endpoint, unsigned status, int64_t now_ms)
{
	(void)a;
	(void)acc;
	(void)key_id;
	(void)model;
	(void)endpoint;
	(void)status;
	(void)now_ms;
}

void
without_note(
    struct accounts *a, struct account *acc, const struct usage *used, bool complete)
{
	(void)a;
	(void)acc;
	(void)used;
	(void)complete;
}

void
without_settle(struct accounts *a, struct account *acc)
{
	(void)a;
	(void)acc;
}
