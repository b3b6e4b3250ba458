# SPDX-License-Identifier: Apache-2.0
"""hands: those who do what a scenario says, one with notary and one with our program."""
import collections
import hashlib
import json
import urllib.request

from rig_image import CONFIG, MANIFEST

CUSTOM = {"built": {"by": "ci", "tries": 3}, "notes": ["one", "two"]}
# What the agent has for roles that no delegate signs.
FOUNDERS = {"root": ["root", "root2", "root3"], "targets": ["targets", "targets2"]}
OF_SERVER = ("snapshot", "timestamp")


class Hands:
    """publics: name of a key to the file of its public half. ids: to its canonical ID. allows: of a
    Table."""

    def __init__(self, gun, publics, ids, allows):
        self.gun, self.publics, self.ids, self.allows = gun, publics, ids, allows

    def perform(self, step):
        """Whether it succeeded."""
        return getattr(self, f"_{step.verb}")(step)

    def _options(self, step):
        """Of verbs for targets, the same for both programs."""
        options = [part for role in step.roles for part in ("-r", role)]
        for name in ("sha256", "sha512"):
            if step.details.get(name):
                options += [f"--{name}", step.details[name]]
        return options


class Theirs(Hands):
    """notary stages what it is told; it is published when a step is to be checked, and at the end."""

    def __init__(self, notary, *form):
        super().__init__(*form)
        self.notary, self._is_staged = notary, False

    def settle(self):
        if self._is_staged:
            self.notary.run("publish", self.gun)
            self._is_staged = False

    def _stage(self, step, *args):
        if not step.is_checked:
            self.notary.run(*args)
            self._is_staged = True
            return True
        self.settle()
        is_done = self.notary.try_run(*_published(args)).returncode == 0
        if not is_done:  # or all later publications would fail as well
            self.notary.run("reset", self.gun, "--all")
        return is_done

    def _init(self, _):
        self.notary.run("init", "-p", self.gun)
        if self.allows("the snapshot key of a new repository"):
            self.notary.run("key", "rotate", self.gun, "snapshot", "-r")
        return True

    def _recreate(self, step):
        self.settle()
        self.notary.run("delete", self.gun, "--remote")
        return self._init(step)

    def _addhash(self, step):
        if "expired" in step.details and self.allows("a role that has expired"):
            self._stage(step, "witness", self.gun, step.expired)
        return self._stage(step, "addhash", *self._options(step), "--", self.gun, step.name,
                           str(step.size))

    def _add(self, step):
        file = self.notary.directory / "file"
        file.write_text(step.content)
        custom = self.notary.directory / "custom.json"
        custom.write_text(json.dumps(CUSTOM, sort_keys=True))
        return self._stage(step, "add", *self._options(step),
                           *(["--custom", custom] if step.custom else []), "--", self.gun,
                           step.name, file)

    def _sign(self, step):
        manifest = manifest_of(step)
        return self._stage(step, "addhash", *self._options(step), "--sha256",
                           hashlib.sha256(manifest).hexdigest(), self.gun, step.name,
                           str(len(manifest)))

    def _remove(self, step):
        return self._stage(step, "remove", *self._options(step), "--", self.gun, step.name)

    def _delegate(self, step):
        if "above" in step.details and self.allows("all paths below a role that has some"):
            step = step.changed(paths=step.above)
        is_done = self._stage(step, "delegation", "add", self.gun, step.role,
                              *(self.publics[key] for key in step.keys), *_paths(step))
        if "former" in step.details and self.allows("a role that was taken away comes back"):
            self.settle()  # only then does notary see what comes back
            for name in step.former:
                self._stage(step, "remove", self.gun, name, "-r", step.role)
        return is_done

    def _undelegate(self, step):
        return self._stage(step, "delegation", "remove", self.gun, step.role, "--yes")

    def _take_keys(self, step):
        return self._stage(step, "delegation", "remove", self.gun, step.role,
                           *(self.ids[key] for key in step.keys)) and self._sign_again(step)

    def _take_paths(self, step):
        return self._stage(step, "delegation", "remove", self.gun, step.role, "--paths",
                           ",".join(step.paths))

    def _purge(self, step):
        return self._stage(step, "delegation", "purge", self.gun, "--key", self.ids[step.key]) \
            and self._sign_again(step)

    def _sign_again(self, step):
        if self.allows("who signed a role leaves it") and step.signed:
            self._stage(step, "witness", self.gun, *step.signed)
        return True

    def _witness(self, step):
        return self._stage(step, "witness", self.gun, *step.roles)

    def _rotate(self, step):
        self.settle()
        words = "key", "rotate", self.gun, step.role, *(["-r"] if step.role in OF_SERVER else [])
        if self.allows("a question that nobody answers"):
            self.notary.answer("yes", *words)
        else:
            self.notary.run(*words)
        return True

    def _publish(self, _):
        self.settle()
        return True


class Ours(Hands):
    """Each verb publishes. Keys are given by the agent's names, or by their files."""

    def __init__(self, client, registry, *form):
        super().__init__(*form)
        self.client, self._registry = client, registry
        self._keys = {role: collections.deque(keys) for role, keys in FOUNDERS.items()}

    def settle(self):
        """Nothing is ever staged."""

    def _run(self, step, *args):
        if not step.is_checked:
            self.client.run(*args)
            return True
        return self.client.try_run(*args).returncode == 0

    def _init(self, _):
        self.client.run("init", self.gun, "--root-key", f"agent:{self._keys['root'][0]}",
                        "--targets-key", f"agent:{self._keys['targets'][0]}")
        return True

    def _recreate(self, step):
        self.client.run("delete", self.gun, "--remote", "--retire", "--accept-replay", "--yes")
        return self._init(step)

    def _addhash(self, step):
        return self._run(step, "addhash", *self._options(step), "--", self.gun, step.name,
                         step.size)

    def _add(self, step):
        file = self.client.write("file", step.content)
        custom = self.client.write("custom.json", json.dumps(CUSTOM))
        return self._run(step, "add", *self._options(step),
                         *(["--custom", custom] if step.custom else []), "--", self.gun,
                         step.name, file)

    def _sign(self, step):
        self._upload(step.name, manifest_of(step))
        return self._run(step, "sign", f"{self.gun}:{step.name}")

    def _upload(self, tag, manifest):
        path = f"/v2/{self.gun.split('/', 1)[1]}"
        where = self._put("POST", f"{path}/blobs/uploads/", b"")["Location"]
        self._put("PUT", f"{where}&digest={digest_of(EMPTY)}", EMPTY)
        self._put("PUT", f"{path}/manifests/{tag}", manifest, MANIFEST)

    def _remove(self, step):
        return self._run(step, "remove", *self._options(step), "--", self.gun, step.name)

    def _delegate(self, step):
        keys = [f"agent:{key}" if key < "c" else self.publics[key] for key in step.keys]
        return self._run(step, "delegation", "add", self.gun, step.role, *keys, *_paths(step))

    def _undelegate(self, step):
        return self._run(step, "delegation", "remove", self.gun, step.role, "--yes")

    def _take_keys(self, step):
        keys = [f"agent:{key}" if key < "c" else self.ids[key] for key in step.keys]
        return self._run(step, "delegation", "remove", self.gun, step.role, *keys)

    def _take_paths(self, step):
        return self._run(step, "delegation", "remove", self.gun, step.role, "--paths",
                         ",".join(step.paths))

    def _purge(self, step):
        return self._run(step, "delegation", "purge", self.gun, "--key", self.ids[step.key])

    def _witness(self, step):
        return self._run(step, "witness", self.gun, *step.roles)

    def _rotate(self, step):
        if step.role in OF_SERVER:
            return self._run(step, "key", "rotate", self.gun, step.role, "-r")
        self._keys[step.role].rotate(1)
        return self._run(step, "key", "rotate", self.gun, step.role, "--yes", "--key",
                         f"agent:{self._keys[step.role][0]}")

    def _publish(self, step):
        return self._run(step, "publish", self.gun)

    def _put(self, method, path, body, kind="application/octet-stream"):
        url = path if path.startswith("http") else f"http://{self._registry.host}{path}"
        asked = urllib.request.Request(url, body,
                                       {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status in (201, 202), answer.status
            return answer.headers


EMPTY = b"{}"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifest_of(step):
    """An image that is told by its annotation, and has nothing in it."""
    return json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "annotations": {"seed": step.seed},
        "config": {"mediaType": CONFIG, "size": len(EMPTY),
                   "digest": digest_of(EMPTY)}}).encode()


def _published(args):
    """The same for notary, but published at once."""
    at = args.index("--") if "--" in args else len(args)
    return *args[:at], "-p", *args[at:]


def _paths(step):
    if not step.paths:
        return []
    return ["--all-paths"] if step.paths == [""] else ["--paths", ",".join(step.paths)]
