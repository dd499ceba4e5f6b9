# ROOT ARCHITECTURE: the links of a merged /usr, before any package is laid in: the tars go through them.
set -eu
cd "$1"
for folder in bin lib sbin; do
    mkdir -p "usr/$folder"
    ln -s "usr/$folder" "$folder"
done
if [ "$2" = amd64 ]; then
    mkdir usr/lib64
    ln -s usr/lib64 lib64
fi
