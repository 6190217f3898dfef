#!/bin/sh
# The name that clients use: an A record, and a CAA record that lets Let's Encrypt alone issue
# certificates for it.
#   DNS_GROUP=dns DNS_ZONE=example.org DNS_NAME=gatehouse contrib/azure/3-dns.sh
# With the zone elsewhere, set these two records there; the address is printed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=contrib/azure/settings.sh
. "$here/settings.sh"

ip=$(az network public-ip show --resource-group "$group" --name "$address" --query ipAddress --output tsv)
zone=${DNS_ZONE:-}
name=${DNS_NAME:-gatehouse}
if [ -z "$zone" ]; then
	echo "No DNS_ZONE. Elsewhere, set:  NAME A $ip  and  NAME CAA 0 issue \"letsencrypt.org\""
	exit 0
fi
zone_group=${DNS_GROUP:-$group}

az network dns record-set a create --resource-group "$zone_group" --zone-name "$zone" --name "$name" \
    --ttl 300 --output none
az network dns record-set a add-record --resource-group "$zone_group" --zone-name "$zone" \
    --record-set-name "$name" --ipv4-address "$ip" --output none
az network dns record-set caa add-record --resource-group "$zone_group" --zone-name "$zone" \
    --record-set-name "$name" --flags 0 --tag issue --value letsencrypt.org --output none
echo "$name.$zone is $ip"
