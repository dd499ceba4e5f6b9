# Read by the recipes: downloads packages of the root's own architecture and lays their files into it.
# Nothing of them is run. mmdebstrap names apt's settings in MMDEBSTRAP_APT_CONFIG.

lay() {
    debs=$(mktemp -d)
    (
        cd "$debs"
        APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq -o APT::Sandbox::User=root download "$@"
    )
    for deb in "$debs"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" --keep-directory-symlink -xf -
    done
    rm -r "$debs"
}

# The one file that programs read root certificates from, as update-ca-certificates writes it.
bundle() {
    mkdir -p "$root/etc/ssl/certs"
    cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
}

# What mmdebstrap and apt leave of themselves and of this machine, and what slim images do without.
# /dev, /proc and /sys may be this machine's own here.
clean() {
    cd "$root"
    rm -f etc/apt/sources.list etc/apt/apt.conf.d/*mmdebstrap* etc/dpkg/dpkg.cfg.d/*mmdebstrap*
    rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/* var/cache/ldconfig/* var/log/apt var/log/*.log
    rm -f etc/resolv.conf etc/hostname etc/fstab
    find usr/share/doc \( -type l -o -type f ! -name copyright -o -path '*/examples/*' -type f \) -delete 2>/dev/null || true
    rm -rf usr/share/doc-base usr/share/lintian usr/share/info usr/share/locale usr/share/groff usr/share/linda
    find usr/share/man -mindepth 1 -delete 2>/dev/null || true
    find usr/share/doc usr/share/man -depth -type d -empty -delete 2>/dev/null || true
}
