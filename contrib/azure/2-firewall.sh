#!/bin/sh
# Who reaches the VM: everybody on 443 and 80 (80: health, ACME and nothing else), SSH from one
# network alone. All else, privatemode-proxy's 8081 and the metrics' 9464 too, stays closed by
# Azure's last rule (DenyAllInBound); contrib/nftables closes 8081 in the VM itself.
#   SSH_FROM=203.0.113.7/32 contrib/azure/2-firewall.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=contrib/azure/settings.sh
. "$here/settings.sh"

from=${SSH_FROM:-}
[ -n "$from" ] || fail "SSH_FROM must name the network that you administer from, as 203.0.113.7/32"
case $from in
'*' | 0.0.0.0/0 | Internet | ::/0) fail "SSH_FROM=$from would open SSH to everybody" ;;
esac

# rule NAME PRIORITY FROM PORT...
rule()
{
	name=$1
	priority=$2
	source=$3
	shift 3
	az network nsg rule create --resource-group "$group" --nsg-name "$nsg" --name "$name" \
	    --priority "$priority" --direction Inbound --access Allow --protocol Tcp \
	    --source-address-prefixes "$source" --destination-port-ranges "$@" --output none
}

rule web 100 Internet 443 80
rule ssh 110 "$from" 22
az network nsg rule list --resource-group "$group" --nsg-name "$nsg" --output table
