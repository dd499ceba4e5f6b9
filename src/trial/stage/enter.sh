# Furnishes the image's root in namespaces of its own, and starts a program there. From outside, as the image may hold
# nothing at all. Variables say how; the arguments are the command that enters the root.
set -e
# Of the host, and not to be changed: modes of devices, the emulator. Old programs mount read-only in two steps, and
# within a user namespace the second may be forbidden; there the kernel asks who owns it.
lend() {
    mount -o bind,ro "$1" "$2" 2> /dev/null || mount --bind "$1" "$2"
}
mount -t proc -o nosuid,nodev,noexec proc "$ROOT/proc"
mount -t tmpfs -o mode=755,nosuid,size=65536k gantry "$ROOT/dev"
for device in null zero full random urandom tty; do
    : > "$ROOT/dev/$device"
    lend "/dev/$device" "$ROOT/dev/$device"
done
# Settings of the kernel are the host's, and belong to root: runtimes lock the same.
for settings in bus fs irq sys sysrq-trigger; do
    [ ! -e "$ROOT/proc/$settings" ] || lend "$ROOT/proc/$settings" "$ROOT/proc/$settings"
done
mkdir "$ROOT/dev/shm" "$ROOT/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev,size=1048576k shm "$ROOT/dev/shm"
if mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620 devpts "$ROOT/dev/pts" 2> /dev/null; then
    ln -s pts/ptmx "$ROOT/dev/ptmx"
fi
ln -s /proc/self/fd "$ROOT/dev/fd"
ln -s fd/0 "$ROOT/dev/stdin"
ln -s fd/1 "$ROOT/dev/stdout"
ln -s fd/2 "$ROOT/dev/stderr"
if [ -n "$EMULATOR" ]; then
    : > "$ROOT/dev/.emulator"
    lend "$EMULATOR" "$ROOT/dev/.emulator"
fi
# Both are missing on small systems, and few programs mind.
hostname "$NAME" 2> /dev/null || :
if [ -n "$MEMORY" ]; then
    # Alone, with a network of its own.
    ip link set lo up 2> /dev/null || ifconfig lo up 2> /dev/null || :
fi
umask 022
ulimit -c 0 2> /dev/null || :
[ -z "$MEMORY" ] || ulimit -d "$MEMORY" 2> /dev/null || :
: > "$ENTERED"
set +e
# The shell stays: a first process is not ended by its own faults, and must bury the orphans. What it says about how
# its child died is nobody's output.
exec 3>&2 2> /dev/null
# Files that whoever called us left open are no business of the program's; a shell knows as many by number.
(exec "$@" 2>&3 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-)
exit $?
