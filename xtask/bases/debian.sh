# ROOT ARCHITECTURE: what the maintainer scripts of a minimal Debian would have done, as its slim images show it.
set -eu
root=$1
. "$(dirname "$0")/lay.sh"
for deb in "$root"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" | sed '1a Status: install ok installed'
    echo
done >"$root/var/lib/dpkg/status"
clean

# base-passwd, then shadow.
for table in passwd group; do
    sed 's/^\([^:]*\):[^:]*:/\1:x:/' "usr/share/base-passwd/$table.master" >"etc/$table"
done
sed -i 's|^root:x:0:0:.*|root:x:0:0:root:/root:/bin/bash|' etc/passwd
echo '_apt:x:42:65534::/nonexistent:/usr/sbin/nologin' >>etc/passwd
sed 's/^\([^:]*\):.*/\1:*:19700:0:99999:7:::/' etc/passwd >etc/shadow
sed 's/^\([^:]*\):.*/\1:*::/' etc/group >etc/gshadow
chown 0:42 etc/shadow etc/gshadow
chmod 640 etc/shadow etc/gshadow

# base-files
for file in usr/share/base-files/nsswitch.conf usr/share/libc-bin/nsswitch.conf; do
    if [ -f "$file" ] && [ ! -e etc/nsswitch.conf ]; then cp "$file" etc/nsswitch.conf; fi
done
cp usr/share/base-files/dot.bashrc root/.bashrc
cp usr/share/base-files/dot.profile root/.profile 2>/dev/null || cp usr/share/base-files/profile root/.profile
[ -e etc/profile ] || cp usr/share/base-files/profile etc/profile
[ -e etc/motd ] || cp usr/share/base-files/motd etc/motd
for place in run lock; do
    rm -rf "var/$place"
done
ln -s /run var/run
ln -s /run/lock var/lock
mkdir -p run/lock
chmod 1777 tmp var/tmp run/lock
[ -e etc/localtime ] || ln -s /usr/share/zoneinfo/Etc/UTC etc/localtime
[ -e etc/timezone ] || echo Etc/UTC >etc/timezone
printf '/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n' >etc/shells

# alternatives
alternative() {
    ln -sf "$2" "etc/alternatives/$(basename "$1")"
    ln -sf "/etc/alternatives/$(basename "$1")" "${1#/}"
}
alternative /usr/bin/awk /usr/bin/mawk
alternative /usr/bin/nawk /usr/bin/mawk
alternative /usr/bin/which /usr/bin/which.debianutils
alternative /usr/bin/pager /usr/bin/more
