#!/usr/bin/env python3
"""join.py LAYOUT PLATFORM...: adds an index named `latest` over the layout's entries OS-ARCH[-VARIANT]."""
import hashlib
import json
import sys

layout, platforms = sys.argv[1], sys.argv[2:]
NAME = "org.opencontainers.image.ref.name"
INDEX = "application/vnd.oci.image.index.v1+json"
with open(f"{layout}/index.json") as file:
    top = json.load(file)
entries = {entry["annotations"][NAME]: entry for entry in top["manifests"]}


def described(platform):
    entry = entries[platform.replace("/", "-")]
    kept = {key: entry[key] for key in ("mediaType", "digest", "size")}
    return kept | {"platform": dict(zip(("os", "architecture", "variant"), platform.split("/")))}


index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described(platform) for platform in platforms]}
data = json.dumps(index).encode()
digest = hashlib.sha256(data).hexdigest()
with open(f"{layout}/blobs/sha256/{digest}", "wb") as file:
    file.write(data)
top["manifests"].append(
    {"mediaType": INDEX, "digest": f"sha256:{digest}", "size": len(data), "annotations": {NAME: "latest"}}
)
with open(f"{layout}/index.json", "w") as file:
    json.dump(top, file)
