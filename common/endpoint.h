/*
 * What a forwarded request is counted as: the label in metrics, logs and the ledger.
 */
#ifndef GATEHOUSE_COMMON_ENDPOINT_H
#define GATEHOUSE_COMMON_ENDPOINT_H

/* What a forwarded request is counted as. */
enum endpoint {
	ENDPOINT_CHAT,
	ENDPOINT_COMPLETIONS,
	ENDPOINT_EMBEDDINGS,
	ENDPOINT_MODELS,
	ENDPOINT_TRANSCRIPTIONS,
	ENDPOINT_TRANSLATIONS,
	ENDPOINT_MESSAGES,
	ENDPOINT_UNSTRUCTURED,
	ENDPOINT_OTHER, /* some other /v1/ path */
	ENDPOINT_NONE,  /* not forwarded */
	ENDPOINT_COUNT
};

/* "chat", "completions", ..., "other", "none": the label in metrics and logs. */
const char *endpoint_name(enum endpoint e);

#endif
