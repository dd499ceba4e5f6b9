# ROOT ARCHITECTURE: a root with musl and busybox, laid out as Alpine lays out its own: /bin, /lib, /sbin and /usr
# stand beside each other, the loader is a file in /lib, and libc.musl-*.so.1 is a link to it.
set -eu
root=$1
. "$(dirname "$0")/lay.sh"
case $2 in
amd64) name=x86_64 ;;
arm64) name=aarch64 ;;
armhf) name=armhf ;;
esac
lay musl busybox-static ca-certificates
bundle
clean

loader=$(readlink -f lib/ld-musl-$name.so.1 2>/dev/null || true)
case $loader in
"$root"/*) ;;
*) loader=$(find usr/lib lib -name libc.so) ;;
esac
cp "$loader" loader
rm -rf usr/lib lib etc/ld-musl-* usr/bin/ld-musl-config
mkdir -p lib usr/lib
mv loader lib/ld-musl-$name.so.1
chmod 755 lib/ld-musl-$name.so.1
ln -s ld-musl-$name.so.1 lib/libc.musl-$name.so.1

# Everything else of Debian goes; the licences stay.
rm -rf var usr/share/ca-certificates usr/share/initramfs-tools etc/apt etc/dpkg etc/ca-certificates* usr/sbin
mkdir -p etc bin sbin usr/bin usr/sbin usr/local/bin home root run srv opt mnt media proc sys dev
mkdir -p var/cache var/lib var/log var/tmp tmp
ln -s /run var/run
chmod 700 root
chmod 1777 tmp var/tmp
if [ -f usr/bin/busybox ]; then mv usr/bin/busybox bin/busybox; fi
for tool in ash base64 cat chmod chown cp date dd df dmesg echo false grep gunzip gzip hostname kill ln ls mkdir \
    mktemp more mount mv nice pidof ping ps pwd rm rmdir sed sh sleep stat stty su sync tar touch true umount \
    uname usleep zcat; do
    ln -s /bin/busybox "bin/$tool"
done
for tool in awk basename bunzip2 cmp cut diff dirname du env expr find head id install less md5sum nc nohup \
    printf readlink realpath seq sha1sum sha256sum sort tail tee test timeout top tr tty uniq unxz unzip uptime \
    vi wc wget which whoami xargs yes; do
    ln -s /bin/busybox "usr/bin/$tool"
done
ln -s /etc/ssl/certs/ca-certificates.crt etc/ssl/cert.pem

cat >etc/os-release <<'EOF'
NAME="A base with musl"
ID=gantry-musl
VERSION_ID=1
PRETTY_NAME="A base with musl, for tests"
EOF
cat >etc/passwd <<'EOF'
root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
EOF
cat >etc/group <<'EOF'
root:x:0:root
bin:x:1:root,bin
nobody:x:65534:
EOF
printf '/bin/sh\n/bin/ash\n' >etc/shells
