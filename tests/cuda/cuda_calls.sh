#!/usr/bin/env bash
# What cuda/ may call.  Its streams do not wait for the default stream, and a copy of memory that is not page-locked may
# return before it is made: whatever works on the default stream, or copies past the transfer's page-locked memory, lets a
# kernel read what was there before.  No GPU is needed: the words alone are looked at.
cd "$CUBIX_SOURCE" || exit 1
bad=0 checked=0
# copies and memory of another kind than the transfer's, and what the default stream takes part in
banned='Memcpy|Memset|Memcpy[23]D|Memset[23]D|Memcpy(To|From)(Symbol|Array)(Async)?|MemcpyPeer|MallocManaged'
banned+='|HostRegister|HostAlloc|StreamCreate|StreamCreateWithPriority|DeviceSynchronize|DeviceReset|LaunchKernel'
launch='^[0-9]+:#define CUBIX_LAUNCH\(.*<<<grid, block, 0, stream>>>'

complain() { echo "$1:$2   <- $3"; bad=$((bad + 1)); }

for file in cuda/*.c cuda/*.cu cuda/*.h; do
  checked=$((checked + 1))
  while read -r hit; do complain "$file" "$hit" "use the transfer (cuda/transfer.h)"; done < <(grep -nE "\bcuda($banned) *\(" "$file")
  while read -r hit; do complain "$file" "$hit" "launch by CUBIX_LAUNCH, on a stream"; done < <(grep -n '<<<' "$file" | grep -vE "$launch")
done
echo "cuda_calls.sh: $checked files looked at, $bad calls to mend"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
