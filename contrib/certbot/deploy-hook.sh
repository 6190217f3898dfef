#!/bin/sh
# certbot's deploy hook: has gatehouse take a renewed certificate; connections are kept.
#   install -m 755 deploy-hook.sh /etc/letsencrypt/renewal-hooks/deploy/gatehouse
# Its exit status is the reload's: certbot says so when the new pair was refused (the old one
# stays in force). A gatehouse that does not run needs no reload.
set -eu

gatehouse=${GATEHOUSE:-gatehouse}

status=0
"$gatehouse" reload || status=$?
if [ "$status" -eq 3 ]; then # no master to reach
	exit 0
fi
exit "$status"
