/*
 * The page: files that are part of the executable (admin/www/ and Chart.js), served as they
 * are. They hold no secret and are for everybody who reaches /admin.
 */
#ifndef GATEHOUSE_ADMIN_WWW_H
#define GATEHOUSE_ADMIN_WWW_H

#include "admin/http.h"

#define WWW_STATIC "/admin/static/"

/* A file as it is embedded. The table is made by contrib/build/www_table.sh. */
struct www_file {
	const char *name;
	const char *start, *end;
};
extern const struct www_file www_files[];
extern const size_t www_n_files;

enum { WWW_TAG_BYTES = 16 }; /* hex digits of a file's hash */

/* Their ETags. */
struct www;

/* Returns 0 or -ENOMEM. */
int www_create(struct www **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void www_destroy(struct www **w);

/*
 * Answer a request for a page, which is index.html whatever its name, or for
 * WWW_STATIC NAME. With `?v=` and the file's hash the answer may be kept for ever.
 */
void www_handle(const struct www *w, struct http_request *rq);

#endif
