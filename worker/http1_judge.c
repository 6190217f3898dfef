/*
 * llhttp behind two functions. The only file that includes <llhttp.h>; it must
 * be compiled with LLHTTP_STRICT_MODE=1 (the Makefile does). llhttp stops at
 * the end of a head and at the end of a message, so that where it saw these
 * ends can be compared with where we saw them.
 */
#include "worker/http1_judge.h"

#include <string.h>

#include <llhttp.h>

_Static_assert(sizeof(llhttp_t) <= HTTP1_JUDGE_BYTES, "llhttp_t has outgrown its place");
_Static_assert(_Alignof(llhttp_t) <= 8, "llhttp_t wants more alignment");

static int
stop_here(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_headers_complete = stop_here,
	.on_message_complete = stop_here,
};

static llhttp_t *
parser_of(struct http1_judge *j)
{
	return (llhttp_t *)(void *)j->llhttp;
}

/* Did the parser stop of its own accord just before end? */
static bool
stopped_at(const llhttp_t *parser, llhttp_errno_t e, const char *end)
{
	return e == HPE_PAUSED && llhttp_get_error_pos(parser) == end;
}

static bool
is_framed_as(const llhttp_t *parser, const struct http1_claim *claim)
{
	return ((parser->flags & F_CHUNKED) != 0) == claim->chunked &&
	    ((parser->flags & F_CONTENT_LENGTH) != 0) == claim->has_length &&
	    (!claim->has_length || parser->content_length == claim->length);
}

int
http1_judge_head(
    struct http1_judge *j, const char *p, size_t n, const struct http1_claim *claim)
{
	llhttp_t *parser = parser_of(j);
	llhttp_errno_t e;

	llhttp_init(parser, claim->request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	e = llhttp_execute(parser, p, n);
	if (!stopped_at(parser, e, p + n))
		return ERR_SYNTAX;
	if (parser->http_major != 1 || parser->http_minor != claim->minor)
		return ERR_SYNTAX;
	if (!claim->request && parser->status_code != claim->status)
		return ERR_SYNTAX;
	if (!claim->bodyless && !is_framed_as(parser, claim))
		return ERR_SYNTAX;
	llhttp_resume(parser);
	return 0;
}

int
http1_judge_chunked(
    struct http1_judge *j, const char *p, size_t n, bool end, bool in_data, uint64_t left)
{
	llhttp_t *parser = parser_of(j);
	llhttp_errno_t e = llhttp_execute(parser, p, n);

	if (end)
		return stopped_at(parser, e, p + n) ? 0 : ERR_SYNTAX;
	if (e != HPE_OK)
		return ERR_SYNTAX;
	return in_data && parser->content_length != left ? ERR_SYNTAX : 0;
}
