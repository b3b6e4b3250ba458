# SPDX-License-Identifier: Apache-2.0
"""fault_world: a registry, a trust server and a token server with fault proxies before them, and who
pushes there.

The proxies' addresses are the servers' names; tests look at what is really there behind them.
"""
import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import types
import urllib.error
import urllib.request

from rig_agent import Agent
from rig_client import Client
from rig_fault_proxy import FaultProxy, Traffic
from rig_image import INDEX, MANIFEST, Image
from rig_notary_server import NotaryServer
from rig_policy import Policy
from rig_registry import Registry
from tokenserver import Authority, TokenServer

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
SECRETS = {"alice": "open:sesame", "bob": "other:words"}
RIGHTS = {user: ["pull", "push", "*"] for user in SECRETS}


@dataclasses.dataclass(frozen=True)
class State:
    """Digests that everybody can see: the one that a tag names, and the one that is signed for it;
    None: there is no such thing."""
    tag: str
    trust: str


class FaultWorld:
    """is_open: nobody has to say who he is; the world has no token server then."""

    def __init__(self, scratch, programs, sanitizer, made_token, is_open=False):
        self.scratch = scratch
        self.traffic = Traffic()
        self.authority = Authority(scratch.directory("authority"))
        self._ends = contextlib.ExitStack()
        self._n = 0
        tokens = None if is_open else self._token_server()
        self.real_registry = self._keep(Registry(scratch, tokens and tokens.registry_auth()))
        self.real_server = self._keep(
            NotaryServer(scratch, tokens and tokens.notary_auth(), is_plain=True))
        self.registry = self._front(self.real_registry.port)
        self.server = self._front(self.real_server.port, tls=self.real_server.tls)
        # A storage that knows nobody and takes what has a good address.
        self.elsewhere = self._front(self.real_registry.port, name="localhost",
                                     authorize=lambda request: self.bearer(_name(request.path)))
        policy = Policy(made_token.copy(scratch.directory("token")), self.registry.host, sanitizer)
        agent = self._keep(Agent(programs, sanitizer, scratch.directory("agent"), policy).start())
        self.new_user = lambda agent=None: Client(
            programs, sanitizer, scratch.directory("home"), None, agent=agent,
            notary_server=self.server)
        self.client = self.new_user(agent)
        self.client.believe(self.authority.certificate_file)
        entry = {"auth": base64.b64encode(f"alice:{SECRETS['alice']}".encode()).decode()}
        self.client.write(".docker/config.json", json.dumps(
            {"auths": {front.host: entry for front in (self.registry, self.server)}}))

    def _token_server(self):
        server = self._ends.enter_context(TokenServer(self.authority, SECRETS, RIGHTS))
        tls = types.SimpleNamespace(
            certificate=self.authority.certificate_file, key=self.authority.key_file)
        self.tokens = self._front(server.port, tls=tls, certificate=tls.certificate)
        server.realm = f"{self.tokens.url}/token"
        return server

    def _keep(self, thing):
        self._ends.callback(thing.stop)
        return thing

    def _front(self, port, **form):
        return self._keep(FaultProxy(self.traffic, port, **form))

    def stop(self):
        self._ends.close()

    def image(self, text, **form):
        """A layout on the disk."""
        self._n += 1
        return Image(self.scratch.directory("image"), f"{text} {self._n}", **form)

    def upload(self, image, reference):
        """With another program, past the proxies."""
        host, _, name = reference.partition("/")
        assert host == self.registry.host
        self.real_registry.push(image, f"{self.real_registry.host}/{name}",
                                credentials=f"alice:{SECRETS['alice']}")

    def bearer(self, name):
        """Somebody with all rights to a repository."""
        return "Bearer " + self.authority.token("tests", [
            {"type": "repository", "name": name, "actions": ["pull", "push"]}], 300)

    def ask(self, front, path, name, accept="*/*"):
        """What the server behind a front has; None: nothing."""
        asked = urllib.request.Request(f"http://127.0.0.1:{front.port_behind}{path}", headers={
            "Authorization": self.bearer(name), "Accept": accept})
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    def state(self, gun, tag="v1"):
        """What is there, of which all must be whole."""
        name = gun.partition("/")[2]
        manifest = self.manifest(name, tag)
        targets = json.loads(self.ask(
            self.server, f"/v2/{gun}/_trust/tuf/targets.json", gun))["signed"]["targets"]
        signed = targets.get(tag)
        if signed is None:
            return State(_hex(manifest), None)
        digest = base64.b64decode(signed["hashes"]["sha256"]).hex()
        content = self.manifest(name, f"sha256:{digest}")
        assert _hex(content) == digest and len(content) == signed["length"]
        return State(_hex(manifest), digest)

    def manifest(self, name, reference):
        """Bytes of a manifest in the registry, of which every part must be there; None: nothing."""
        data = self.ask(self.registry, f"/v2/{name}/manifests/{reference}", name,
                        f"{INDEX}, {MANIFEST}, {DOCKER}")
        if data is None:
            return None
        document = json.loads(data)
        for part in document.get("manifests", []):
            assert _hex(self.manifest(name, part["digest"])) == part["digest"].split(":")[1]
        for part in [document["config"], *document["layers"]] if "config" in document else []:
            blob = self.ask(self.registry, f"/v2/{name}/blobs/{part['digest']}", name)
            assert _hex(blob) == part["digest"].split(":")[1]
        return data


def _hex(data):
    return None if data is None else hashlib.sha256(data).hexdigest()


def _name(path):
    """The repository of an address of the registry; the registry's own has none."""
    found = re.match("/v2/(.+)/(blobs|manifests)/", path)
    return found.group(1) if found else ""
