#!/bin/sh
# The first certificate, then renewals: certbot writes challenges to a folder that gatehouse
# serves on port 80 by itself (ACME_WEBROOT), so nothing is stopped or opened for a renewal.
#   contrib/certbot/obtain.sh NAME EMAIL      as root; gatehouse serves port 80 already
#   DRY_RUN=1: with Let's Encrypt's staging, keeping nothing
set -eu

webroot=${ACME_WEBROOT:-/var/www/acme}
here=$(cd "$(dirname "$0")" && pwd)

[ $# -eq 2 ] || { echo "usage: obtain.sh NAME EMAIL" >&2; exit 2; }
name=$1
email=$2

# the admin process serves them, so others may read
install -d -m 755 "$webroot/.well-known/acme-challenge"
install -D -m 755 "$here/deploy-hook.sh" /etc/letsencrypt/renewal-hooks/deploy/gatehouse

# ECDSA: small and fast handshakes. Must-staple is not asked for: gatehouse staples nothing.
certbot certonly --non-interactive --agree-tos --email "$email" --webroot --webroot-path "$webroot" \
    --key-type ecdsa --elliptic-curve secp256r1 --domain "$name" ${DRY_RUN:+--dry-run}

cat <<END
In /etc/gatehouse/gatehouse.env:
  LISTEN=https://[::]:443,http://[::]:80
  TLS_CERT_FILE=/etc/letsencrypt/live/$name/fullchain.pem
  TLS_KEY_FILE=/etc/letsencrypt/live/$name/privkey.pem
  ACME_WEBROOT=$webroot
then: systemctl restart gatehouse
END
