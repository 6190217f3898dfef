/*
 * The endpoints' names; see endpoint.h.
 */
#include "common/endpoint.h"

static const char *const endpoint_names[ENDPOINT_COUNT] = {
	[ENDPOINT_CHAT] = "chat",
	[ENDPOINT_COMPLETIONS] = "completions",
	[ENDPOINT_EMBEDDINGS] = "embeddings",
	[ENDPOINT_MODELS] = "models",
	[ENDPOINT_TRANSCRIPTIONS] = "transcriptions",
	[ENDPOINT_TRANSLATIONS] = "translations",
	[ENDPOINT_MESSAGES] = "messages",
	[ENDPOINT_UNSTRUCTURED] = "unstructured",
	[ENDPOINT_OTHER] = "other",
	[ENDPOINT_NONE] = "none",
};

const char *
endpoint_name(enum endpoint e)
{
	return (unsigned)e < ENDPOINT_COUNT ? endpoint_names[e] : "none";
}
