/* A command line's words; see config_words.h. Runs in the master and in the CLI. */
#include "common/config_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* Reads one quoted part from *p, which stands behind the quote, to *to. Returns 0, or
 * ERR_SYNTAX when the text ends first. */
static int
take_quoted(const char **p, char quote, char **to)
{
	while (**p != quote) {
		if (quote == '"' && **p == '\\' && ((*p)[1] == '"' || (*p)[1] == '\\'))
			(*p)++;
		if (**p == '\0')
			return ERR_SYNTAX;
		*(*to)++ = *(*p)++;
	}
	(*p)++;
	return 0;
}

/* Reads one word from *p, which stands at its first character, to the bytes at to; they
 * have room for all of the text. Returns 0 or ERR_SYNTAX. */
static int
take_word(const char **p, char *to)
{
	int r = 0;

	while (r == 0 && **p != '\0' && strchr(BLANKS, **p) == NULL) {
		const char c = *(*p)++;

		if (c == '\'' || c == '"')
			r = take_quoted(p, c, &to);
		else if (c != '\\')
			*to++ = c;
		else if (**p != '\0')
			*to++ = *(*p)++;
		else
			r = ERR_SYNTAX;
	}
	*to = '\0';
	return r;
}

int
config_words_split(const char *text, struct strlist *words)
{
	char *word = malloc(strlen(text) + 1);
	const char *p = text + strspn(text, BLANKS);
	int r = word == NULL ? -ENOMEM : *p == '\0' ? ERR_SYNTAX : 0;

	while (r == 0 && *p != '\0') {
		r = take_word(&p, word);
		if (r == 0)
			r = strlist_add(words, word);
		p += strspn(p, BLANKS);
	}
	free(word);
	return r;
}
