/*
 * What a setting's text may look like. Runs in whoever calls config_load(); pure.
 */
#include "common/config_text.h"

#include <ctype.h>
#include <string.h>

bool
config_text_has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			return true;
	return false;
}

bool
config_text_is_token(const char *s)
{
	const char *p = s;

	while (*p > 0x20 && *p < 0x7F)
		p++;
	return p > s && *p == '\0';
}

bool
config_text_is_placeholder(const char *s)
{
	static const char *const words[] = { "change-me", "change_me", "changeme",
		"change-this", "change_this", "changethis", "your-", "your_", "yourkey",
		"yoursecret", "yourpassword", "example", "placeholder", "replace-",
		"replace_", "insert-", "insert_", "xxxx", "secret-here", "key-here",
		"password-here" };
	const size_t n = strlen(s);

	if (n >= 2 && s[0] == '<' && s[n - 1] == '>')
		return true;
	if (strcasecmp(s, "password") == 0 || strcasecmp(s, "secret") == 0 ||
	    strcasecmp(s, "admin") == 0 || strcmp(s, "...") == 0)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(s, words[i]) != NULL)
			return true;
	return false;
}

/* Lower-case ASCII letters in place. */
static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* RFC 9110 section 5.6.2 */
static bool
is_header_name(const char *s)
{
	const char *p = s;

	while (isalnum((unsigned char)*p) ||
	    (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p) != NULL))
		p++;
	return p > s && *p == '\0';
}

int
config_text_header(char *name, struct errmsg *why)
{
	static const char *const refused[] = { "authorization", "x-api-key", "cookie",
		"cookie2", "proxy-authorization", "proxy-authenticate", "proxy-connection",
		"connection", "keep-alive", "te", "trailer", "transfer-encoding",
		"upgrade", "host", "content-length", "expect", "accept-encoding" };

	if (!is_header_name(name)) {
		errmsg_set(why, "\"%.60s\" is no header name", name);
		return ERR_INVALID;
	}
	lower(name);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(name, refused[i]) == 0) {
			errmsg_set(why,
			    "%s is a credential, holds for one hop or is set here", name);
			return ERR_INVALID;
		}
	return 0;
}

int
config_text_origin(char *origin, struct errmsg *why)
{
	const char *host;

	lower(origin);
	if (strcmp(origin, "*") == 0)
		return 0;
	host = strstr(origin, "://");
	if (host == NULL || host == origin || !config_text_is_token(host + 3) ||
	    strpbrk(host + 3, "/?#@*\"'") != NULL ||
	    strspn(origin, "abcdefghijklmnopqrstuvwxyz0123456789+-.") !=
		(size_t)(host - origin)) {
		errmsg_set(why,
		    "\"%.60s\" is no origin (SCHEME://HOST[:PORT], no slash behind)",
		    origin);
		return ERR_INVALID;
	}
	return 0;
}
