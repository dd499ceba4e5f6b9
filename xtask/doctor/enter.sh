#!/bin/sh
# enter.sh ROOT LINE: runs a line for a shell in the project's folder of a root, as its root, with this machine's ways to
# the network and nothing else of it. Mounts are made in a namespace of their own, and go with it.
set -eu
export ROOT="$1" LINE="$2"
exec unshare --mount --pid --fork --kill-child --mount-proc sh -eu -c '
mount --make-rprivate /
# The root is a mount of its own, as on any machine: programs that make mounts want it so.
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
  if [ -e "$file" ]; then touch "$ROOT$file"; mount --bind "$file" "$ROOT$file"; fi
done
mount --bind /etc/ssl/certs "$ROOT/etc/ssl/certs"
for name in $(env | sed -n "s/^\(CARGO[A-Z_]*\|RUSTC[A-Z_]*\|RUSTUP_HOME\|RUSTUP_TOOLCHAIN\)=.*/\1/p"); do unset "$name"; done
export HOME=/root DEBIAN_FRONTEND=noninteractive
export PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$ROOT" sh -c "cd /project && $LINE"
'
