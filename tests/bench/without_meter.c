/*
 * Linked in place of the product's meter in a build of the benchmarks alone, to show what
 * it costs: all bytes pass, none is looked at, so no usage is ever seen.
 */
#include "worker/meter.h"

void without_request_feed(struct meter_request *m, struct span data) __asm__(
    "__wrap_meter_request_feed");
void without_answer_feed(struct meter_answer *m, struct span data, meter_emit_fn emit,
    void *arg) __asm__("__wrap_meter_answer_feed");
void without_answer_end(struct meter_answer *m, meter_emit_fn emit, void *arg) __asm__(
    "__wrap_meter_answer_end");

void
without_request_feed(struct meter_request *m, struct span data)
{
	(void)m;
	(void)data;
}

void
without_answer_feed(
    struct meter_answer *m, struct span data, meter_emit_fn emit, void *arg)
{
	(void)m;
	emit(arg, data);
}

void
without_answer_end(struct meter_answer *m, meter_emit_fn emit, void *arg)
{
	(void)m;
	(void)emit;
	(void)arg;
}
