#!/usr/bin/env python3
"""layout.py LAYOUT PLATFORM=ROOT.tar...: an OCI layout with an index `latest` of images with one gzip layer each.

The same bytes on every run, and no measured tool in it: bases, and what op E copies.
"""
import gzip
import hashlib
import json
import os
import sys

OCI = "application/vnd.oci.image"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def blob(layout, media, data):
    """Stores bytes; what describes them."""
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}


def document(layout, media, value):
    return blob(layout, media, json.dumps(value, separators=(",", ":")).encode())


def image(layout, platform, tar):
    with open(tar, "rb") as file:
        data = file.read()
    layer = blob(layout, f"{OCI}.layer.v1.tar+gzip", gzip.compress(data, 9, mtime=0))
    parts = dict(zip(("os", "architecture", "variant"), platform.split("/")))
    config = parts | {
        "config": {"Env": [PATH], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": document(layout, f"{OCI}.config.v1+json", config),
        "layers": [layer],
    }
    return document(layout, manifest["mediaType"], manifest) | {"platform": parts}


def main():
    layout, *parts = sys.argv[1:]
    os.makedirs(f"{layout}/blobs/sha256", exist_ok=True)
    media = f"{OCI}.index.v1+json"
    images = [image(layout, *part.split("=", 1)) for part in parts]
    index = document(layout, media, {"schemaVersion": 2, "mediaType": media, "manifests": images})
    index["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(f"{layout}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [index]}, file)
    with open(f"{layout}/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


main()
