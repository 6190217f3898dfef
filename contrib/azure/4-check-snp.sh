#!/bin/sh
# In the VM: is its memory encrypted by SEV-SNP? Exit status 0: yes; 1: no, or not to be told.
#   ROOT: another root for /sys and /dev; DMESG: a file instead of the kernel's log (tests)
# The kernel says so by itself, which is a look, no proof: whoever runs the host can lie to a
# kernel that he has chosen. A proof is an attestation report, signed by the processor, checked
# elsewhere: Azure gives it out through the vTPM (contrib/azure/README.md).
set -eu

root=${ROOT:-}
found=1

kernel_log()
{
	if [ -n "${DMESG:-}" ]; then
		cat "$DMESG"
	else
		dmesg 2>/dev/null || journalctl --dmesg --no-pager --quiet 2>/dev/null
	fi
}

# The kernel's line: "Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP". Azure's
# paravisor hides the processor's feature from the guest; Hyper-V then says "isolation ... 0x2".
if kernel_log | grep -Eq 'Memory Encryption Features active:.*SEV-SNP|Isolation Config: .*Group B 0x.*2$'; then
	echo "kernel: memory is encrypted (SEV-SNP)"
	found=0
else
	echo "kernel: its log does not say that memory is encrypted"
fi
if [ -e "$root/dev/sev-guest" ]; then
	echo "device: /dev/sev-guest gives attestation reports"
	found=0
elif [ -e "$root/dev/tpmrm0" ] || [ -e "$root/dev/tpm0" ]; then
	echo "device: a vTPM is there; on Azure the attestation report lies in it, at index 0x01400001"
else
	echo "device: neither /dev/sev-guest nor a vTPM"
fi
[ "$found" -eq 0 ] || echo "NOT confirmed: don't put secrets on this machine" >&2
exit "$found"
