#!/bin/sh
# Builds in two parts, makes one image of them, promotes it where the commit has a version tag, and clears away.
#
#   REGISTRY=registry.example.com/acme ./release.sh
#
# It ends with the exit code of the command that failed. PAUSE: seconds before something is tried again. KEEP: how many
# candidates stay.
set -eu

registry=${REGISTRY:?say where to publish, as in REGISTRY=registry.example.com/acme}
repository=$registry/greeter

# A compiler cache, where there is one.
if [ -z "${RUSTC_WRAPPER-}" ] && command -v sccache >/dev/null; then
    export RUSTC_WRAPPER=sccache
fi

say() {
    echo "release.sh: $*" >&2
}

# A command of cargo gantry that talks to the registry.
gantry() {
    try=1
    while :; do
        code=0
        cargo gantry "$@" || code=$?
        case $code in
        6) # The registry was not reached, or not well: the one thing that may get better by itself.
            if [ "$try" -ge 3 ]; then
                say "given up after $try tries"
                return 6
            fi
            try=$((try + 1))
            say "try $try in ${PAUSE:-30} s"
            sleep "${PAUSE:-30}"
            ;;
        9) # A rule of ours said no: a version that is there with other content, a tag that would move back, a platform
            # that is missing. It says so again however often it is asked; going on is a person's decision.
            say "refused: nothing is changed until somebody has looked at it"
            return 9
            ;;
        *) return "$code" ;;
        esac
    done
}

# The parts may as well be built on two machines: `parts` is all that has to come back from there.
cargo gantry build --locked --install-targets --platform linux/amd64,linux/386 \
    --output 'oci-archive:parts/{image}-intel.tar' --digests-file parts/intel.json
cargo gantry build --locked --install-targets --platform linux/arm64 \
    --output 'oci-archive:parts/{image}-arm.tar' --digests-file parts/arm.json

# One image of both, under a name that says no version: a candidate, for whoever wants to try it.
candidate=candidate-$(git rev-parse --short=12 HEAD)
gantry publish --locked --repository "$registry/{image}" --tag "$candidate" \
    digests:parts/intel.json digests:parts/arm.json

# A version tag on the commit makes it a release: 1.2.3, 1.2, 1, latest. Nothing is built or sent again.
tag=$(git describe --exact-match --tags --match 'v[0-9]*' 2>/dev/null) || tag=
if [ -n "$tag" ]; then
    gantry tag "$repository:$candidate" "${tag#v}" --semver
else
    say "no version tag on this commit: it stays a candidate"
fi

# Of the candidates the newest stay. What a release shares with them stays as well.
gantry prune "$repository" --pattern 'candidate-*' --keep-last "${KEEP:-5}" --delete
