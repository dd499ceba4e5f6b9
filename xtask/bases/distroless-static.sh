# ROOT ARCHITECTURE: the lower layer of an image without a shell: users, certificates, time zones.
# /usr is not merged: the files lie where their packages have them.
set -eu
root=$1
. "$(dirname "$0")/lay.sh"
lay base-files netbase tzdata ca-certificates
bundle
clean
rm -rf etc/apt var/lib/apt var/lib/dpkg var/cache/apt var/log/apt etc/dpkg usr/sbin/update-ca-certificates
rm -rf etc/ca-certificates* etc/update-motd.d usr/share/base-files
rm -rf var/run var/lock
ln -s /run var/run
ln -s /run/lock var/lock
mkdir -p run/lock tmp home/nonroot root
chmod 1777 tmp var/tmp
chmod 700 root home/nonroot
chown 65532:65532 home/nonroot
cat >etc/passwd <<'EOF'
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
EOF
cat >etc/group <<'EOF'
root:x:0:
nobody:x:65534:
tty:x:5:
staff:x:50:
nonroot:x:65532:
EOF
printf 'hosts:          files dns\n' >etc/nsswitch.conf
