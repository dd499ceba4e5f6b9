# ROOT ARCHITECTURE: the upper layer of an image without a shell: the C library and what C++ and OpenSSL need.
set -eu
root=$1
. "$(dirname "$0")/lay.sh"
lay libc6 libgcc-s1 libgomp1 libssl3 libstdc++6
clean
# A layer of its own: only what these packages bring.
rm -rf etc/apt etc/dpkg tmp var run usr/lib/*/gconv usr/share/gcc usr/share/gdb
