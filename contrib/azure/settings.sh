# What the scripts beside this one have in common; each name may be set from outside.
# shellcheck shell=sh disable=SC2034

group=${AZURE_GROUP:-gatehouse}
location=${AZURE_LOCATION:-westeurope}        # one that has DCasv5: az vm list-skus --size Standard_DC
vm=${AZURE_VM:-gatehouse}
size=${AZURE_SIZE:-Standard_DC2as_v5}         # DCasv5, ECasv5: AMD SEV-SNP
admin=${AZURE_ADMIN:-azureuser}
image=${AZURE_IMAGE:-Canonical:ubuntu-24_04-lts:cvm:latest} # an image made for confidential VMs
nsg=${AZURE_NSG:-$vm-nsg}
address=${AZURE_ADDRESS:-$vm-ip}

fail()
{
	echo "azure: $*" >&2
	exit 1
}

command -v az >/dev/null || fail "the Azure CLI (az) is not installed"
