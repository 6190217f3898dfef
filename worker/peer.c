/*
 * X-Forwarded-For and -Proto; see peer.h. Read from the right: what stands
 * further left was written by somebody we need not believe.
 */
#include "worker/peer.h"

static bool
in_list(const struct config *cfg, const struct addr *a)
{
	for (size_t i = 0; i < cfg->n_trusted_proxies; i++) {
		if (cidr_contains(&cfg->trusted_proxies[i], a))
			return true;
	}
	return false;
}

bool
peer_is_proxy(const struct config *cfg, const struct addr *peer)
{
	return cfg->trust_proxy && (cfg->n_trusted_proxies == 0 || in_list(cfg, peer));
}

/* Cut the last comma-separated element off list, and empty ones behind it (RFC 9110
 * section 5.6.1.2). Empty: there is none. */
static struct span
take_last(struct span *list)
{
	struct span last = { list->p, 0 };

	while (last.n == 0 && list->n > 0) {
		size_t n = list->n;

		while (n > 0 && list->p[n - 1] != ',')
			n--;
		last = span_trim((struct span){ list->p + n, list->n - n });
		list->n = n > 0 ? n - 1 : 0;
	}
	return last;
}

void
peer_client(const struct config *cfg, const struct http1_head *head,
    const struct addr *peer, struct addr *out)
{
	*out = *peer;
	if (!peer_is_proxy(cfg, peer))
		return;
	for (size_t i = head->n_fields; i > 0; i--) {
		const struct http1_field *f = &head->fields[i - 1];
		struct span list = f->value;

		if (!span_eq_nocase(f->name, SPAN("x-forwarded-for")))
			continue;
		while (list.n > 0) {
			const struct span last = take_last(&list);
			struct addr a;

			if (last.n == 0)
				break;
			if (addr_parse(last, &a) != 0)
				return; /* nonsense: believe what was found so far */
			*out = a;
			if (!in_list(cfg, &a))
				return;
		}
	}
}

bool
peer_is_https(const struct config *cfg, const struct http1_head *head,
    const struct addr *peer, bool tls)
{
	const struct http1_field *last = NULL;
	struct span list;

	if (tls || !peer_is_proxy(cfg, peer))
		return tls;
	for (size_t i = 0; i < head->n_fields; i++) {
		if (span_eq_nocase(head->fields[i].name, SPAN("x-forwarded-proto")))
			last = &head->fields[i];
	}
	if (last == NULL)
		return false;
	list = last->value;
	return span_eq_nocase(take_last(&list), SPAN("https"));
}
