"""A registry on loopback, and a proxy before it that counts. Each is started here and ended by its own number."""
import collections
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")


class Registry:
    """docker-registry with its data in a folder of its own."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        os.makedirs(folder)
        settings = os.path.join(folder, "config.yml")
        with open(settings, "w") as file:
            file.write(
                "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, maintenance: {{uploadpurging: {{enabled: false}}}}}}\n"
                f"http: {{addr: '{self.address}', relativeurls: true}}\n"
            )
        self.process = subprocess.Popen(
            ["docker-registry", "serve", settings],
            env=dict(os.environ, OTEL_TRACES_EXPORTER="none"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        sys.exit("docker-registry does not answer (`cargo xtask setup` installs it)")

    def take(self, layout, reference):
        """An index of an OCI layout, as it is."""
        to = f"docker://{self.address}/{reference}"
        copy = ["skopeo", "copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{layout}:latest", to]
        subprocess.run(copy, check=True)

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            user, system = file.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def end(self):
        self.process.terminate()
        self.process.wait()


class Proxy:
    """countproxy.py before a registry; with a delay it is a registry at a distance."""

    def __init__(self, registry, folder, delay=0):
        self.log = os.path.join(folder, f"requests-{delay}")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "countproxy.py"), registry.address, self.log],
            env=dict(os.environ, DELAY_MS=str(delay)),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()

    def take(self):
        """What went through since the last call."""
        time.sleep(0.1)
        with open(self.log, "r+") as file:
            requests = [json.loads(line) for line in file]
            file.truncate(0)
        return {
            "requests": len(requests),
            "connections": len({request["conn"] for request in requests}),
            "sent": sum(request["up"] for request in requests),
            "received": sum(request["down"] for request in requests),
            "kinds": dict(collections.Counter(kind(request) for request in requests)),
        }

    def end(self):
        self.process.terminate()
        self.process.wait()


def kind(request):
    """A request in two or three words: what is asked of what."""
    path, _, query = request["p"].partition("?")
    if "mount=" in query:
        return "POST mount" if request["s"] == 201 else "POST mount, refused"
    kinds = {"/uploads": "upload", "/blobs/": "blob", "/manifests/": "manifest"}
    what = next((name for part, name in kinds.items() if part in path), "ping" if path == "/v2/" else "other")
    absent = " (absent)" if request["s"] == 404 else ""
    return f"{request['m']} {what}{absent}"
