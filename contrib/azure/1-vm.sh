#!/bin/sh
# A confidential VM (AMD SEV-SNP) with a public address of its own that stays.
#   SSH_KEY=~/.ssh/id_ed25519.pub contrib/azure/1-vm.sh
# The memory is encrypted by the processor. The disk, too, with a key that only this VM's
# vTPM gives out (DiskWithVMGuestState): the TLS key lies on it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=contrib/azure/settings.sh
. "$here/settings.sh"

ssh_key=${SSH_KEY:-$HOME/.ssh/id_ed25519.pub}
[ -f "$ssh_key" ] || fail "SSH_KEY names no public key: $ssh_key"

az group create --name "$group" --location "$location" --output none
az network public-ip create --resource-group "$group" --name "$address" --sku Standard \
    --allocation-method Static --version IPv4 --output none
az network nsg create --resource-group "$group" --name "$nsg" --output none
az vm create --resource-group "$group" --name "$vm" --size "$size" --image "$image" \
    --security-type ConfidentialVM --os-disk-security-encryption-type DiskWithVMGuestState \
    --enable-vtpm true --enable-secure-boot true \
    --admin-username "$admin" --ssh-key-values "$ssh_key" --authentication-type ssh \
    --public-ip-address "$address" --nsg "$nsg" --nsg-rule NONE --output none
echo "The VM has the address $(az network public-ip show --resource-group "$group" --name "$address" \
    --query ipAddress --output tsv); now contrib/azure/2-firewall.sh"
