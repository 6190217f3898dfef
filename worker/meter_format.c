/* Which Content-Type is read how. */
#include "worker/meter.h"

#include "worker/meter_params.h"

static bool
ends_in(struct span s, struct span suffix)
{
	return s.n > suffix.n &&
	    span_eq_nocase((struct span){ s.p + s.n - suffix.n, suffix.n }, suffix);
}

static bool
is_json(struct span type)
{
	return span_eq_nocase(type, SPAN("application/json")) ||
	    ends_in(type, SPAN("+json"));
}

/* The boundary of a multipart type; empty if it has none. */
static struct span
find_boundary(struct span params)
{
	struct span name, value;

	while (params_next(&params, &name, &value))
		if (span_eq_nocase(name, SPAN("boundary")))
			return value;
	return (struct span){ 0 };
}

enum meter_format
meter_format_of(struct span content_type, struct span *boundary_out)
{
	const struct span type = params_head(&content_type);

	if (is_json(type))
		return METER_JSON;
	if (span_eq_nocase(type, SPAN("text/event-stream")))
		return METER_EVENTS;
	if (!span_eq_nocase(type, SPAN("multipart/form-data")))
		return METER_NONE;
	if (boundary_out != NULL)
		*boundary_out = find_boundary(content_type);
	return METER_MULTIPART;
}
