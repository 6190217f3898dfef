/* OpenSSL's reasons in words that can go into the log. */
#ifndef GATEHOUSE_COMMON_TLS_REASON_H
#define GATEHOUSE_COMMON_TLS_REASON_H

/*
 * The reason of this thread's last OpenSSL error: one of OpenSSL's constant strings,
 * which quote nothing. Empties its queue of errors.
 */
const char *tls_reason(void);

#endif
