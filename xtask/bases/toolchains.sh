# ROOT ARCHITECTURE: the least that dynamic programs of gcc, clang and zig need, C++ included.
set -eu
root=$1
. "$(dirname "$0")/lay.sh"
lay libc6 libgcc-s1 libstdc++6
clean
rm -rf etc/apt etc/dpkg tmp var run usr/lib/*/gconv usr/share/gcc usr/share/gdb
