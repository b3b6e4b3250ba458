# SPDX-License-Identifier: Apache-2.0
"""scenario: what somebody does with a repository, made up by a generator and always the same for the
same number."""
import random

KEYS = ("ann", "ben", "cid", "dot")
TOP = ("targets/qa", "targets/dev", "targets/releases")
NAMES = ("v1", "v1.1", "v2", "qa-1", "qa-22", "a/b", "UPPER", "\u00fcml\u00e4ut", "<&>")
PATHS = ("", "v", "v1", "qa-", "a/")
STEPS = (6, 10)
ABSENT = "a role that is not there is taken away"


class Step:
    """One verb. is_checked: whether it succeeds is compared at once; all else is compared at the
    end. but=, of the details: a difference of the table, by which only notary does it."""

    def __init__(self, verb, is_checked=False, **details):
        self.verb, self.is_checked, self.details = verb, is_checked, details

    def __getattr__(self, name):
        try:
            return self.details[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def changed(self, **details):
        """Another one, that differs in this."""
        return Step(self.verb, self.is_checked, **{**self.details, **details})

    def __str__(self):
        mark = "?" if self.is_checked else ""
        return " ".join([self.verb + mark, *(f"{name}={value}"
                                             for name, value in self.details.items())])


class Role:
    """is_signed: whether there is a document of it, be it an empty one."""

    def __init__(self, keys, paths):
        self.keys, self.paths, self.names = list(keys), list(paths), set()
        self.is_signed = False


class Story:
    """What the generator believes of the repository, so that most of what it does makes sense."""

    def __init__(self):
        self.roles = {"targets": Role((), [""])}
        self.former = set()  # removed: what they signed would be back if they were made again

    def paths(self, role):
        """Those that the roles above leave of its paths."""
        own = self.roles[role].paths
        if role == "targets":
            return own
        above = self.paths(role.rsplit("/", 1)[0])
        return [path for path in own if path.startswith(tuple(above))]

    def admits(self, role, name):
        return name.startswith(tuple(self.paths(role)))

    def signable(self, name, outside=False):
        """Roles that can sign a name; or those that have keys, but whose paths forbid it."""
        return [role for role in self.roles if self.admits(role, name) != outside]

    def delegated(self):
        return [role for role in self.roles if role != "targets"]

    def forget(self, role):
        for below in [other for other in self.roles
                      if other == role or other.startswith(f"{role}/")]:
            del self.roles[below]
            self.former.add(below)


class Scenario:
    """steps begin with init. It is told as str()."""

    def __init__(self, number, steps=None):
        self.number = number
        self._random = random.Random(f"scenario {number}")
        self._story, self._rotations = Story(), 0
        self.steps = steps or self._tell()

    def __str__(self):
        return f"scenario {self.number}:\n" + "\n".join(f"  {step}" for step in self.steps)

    def _tell(self):
        steps = [Step("init")]
        length = self._random.randint(*STEPS)
        while len(steps) < length:
            (kind,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            step = kind(self)
            if step:
                steps.append(step)
            if step and step.verb == "expire":
                steps += [Step("look"), Step("witness", roles=[step.role])]
        return steps

    def _pick(self, among, most=1):
        among = sorted(among)
        return self._random.sample(among, min(len(among), self._random.randint(1, most)))

    def _is(self, chance):
        return self._random.random() < chance

    def _hex(self, digits):
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    # Targets

    def _signed(self, verb, name, roles, **details):
        for role in roles:
            self._story.roles[role].names.add(name)
            self._story.roles[role].is_signed = True
        return Step(verb, self._is(0.1), name=name, roles=roles, **details)

    def _addhash(self):
        (name,) = self._pick(NAMES)
        roles = self._pick(self._story.signable(name), 2)
        return self._signed("addhash", name, roles, size=self._random.randint(1, 10 ** 6),
                            sha256=self._hex(64), sha512=self._hex(128) if self._is(0.2) else None)

    def _add(self):
        (name,) = self._pick(NAMES)
        return self._signed("add", name, self._pick(self._story.signable(name), 2),
                            content=f"file {self._hex(8)}\n", custom=self._is(0.3))

    def _sign(self):
        """In all roles at the top that may, as our program chooses by itself."""
        (name,) = self._pick(("v1", "v2", "qa-1"))
        roles = [role for role in self._story.signable(name) if role.count("/") == 1]
        return self._signed("sign", name, roles, seed=self._hex(8)) if roles else None

    def _outside(self):
        (name,) = self._pick(NAMES)
        roles = self._story.signable(name, outside=True)
        return Step("addhash", True, name=name, roles=self._pick(roles), size=1,
                    sha256=self._hex(64), sha512=None) if roles else None

    def _nowhere(self):
        """In a role that there is not."""
        return Step("addhash", True, name="v1", roles=["targets/absent"], size=1,
                    sha256=self._hex(64), sha512=None)

    def _remove(self):
        roles = [role for role, form in self._story.roles.items() if form.names]
        if not roles:
            return None
        (role,) = self._pick(roles)
        (name,) = self._pick(self._story.roles[role].names)
        self._story.roles[role].names.discard(name)
        return Step("remove", self._is(0.1), name=name, roles=[role])

    def _remove_absent(self):
        (role,) = self._pick(self._story.roles)
        (name,) = self._pick(set(NAMES) - self._story.roles[role].names)
        return Step("remove", True, name=name, roles=[role])

    # Roles

    def _pick_paths(self, above):
        """All of them, or some that the role above admits."""
        within = [path for path in PATHS if self._story.admits(above, path)]
        if within[:1] == [""] and self._is(0.4):
            return [""]
        return self._pick(set(within) - {""}, 2)

    def _delegate(self):
        above = "targets"
        if self._is(0.25) and self._story.delegated():
            (above,) = self._pick(self._story.delegated())
        free = [f"{above}/deep"] if above != "targets" else TOP
        free = [role for role in free if role not in self._story.roles.keys() | self._story.former]
        if not free or above.count("/") == 3:
            return None
        (role,) = self._pick(free)
        keys, paths = self._pick(KEYS, 2), self._pick_paths(above)
        if not paths:
            return None
        self._story.roles[role] = Role(keys, paths)
        self._story.roles[above].is_signed = True
        return Step("delegate", self._is(0.1), role=role, keys=keys, paths=paths)

    def _delegate_more(self):
        """Keys, or keys and paths, for a role that is there."""
        if not self._story.delegated():
            return None
        (role,) = self._pick(self._story.delegated())
        keys = self._pick(KEYS, 2)
        paths = self._pick_paths(role.rsplit("/", 1)[0]) if self._is(0.4) else []
        form = self._story.roles[role]
        form.keys += [key for key in keys if key not in form.keys]
        form.paths += [path for path in paths if path not in form.paths]
        return Step("delegate", self._is(0.1), role=role, keys=keys, paths=paths)

    def _delegate_outside(self):
        """A path that the role above does not admit."""
        for above in self._story.delegated():
            outside = [path for path in PATHS[1:] if not self._story.admits(above, path)]
            if outside:
                return Step("delegate", True, role=f"{above}/wide", keys=["ann"],
                            paths=self._pick(outside))
        return None

    def _delegate_orphan(self):
        return Step("delegate", True, role="targets/absent/deep", keys=["ann"], paths=[""])

    # What takes something away

    def _undelegate(self):
        """The role, and those below it."""
        if not self._story.delegated():
            return None
        (role,) = self._pick(self._story.delegated())
        self._story.forget(role)
        return Step("undelegate", self._is(0.1), role=role)

    def _undelegate_absent(self):
        return Step("undelegate", True, role="targets/absent", but=ABSENT)

    def _take_key(self):
        roles = [role for role in self._story.delegated() if len(self._story.roles[role].keys) > 1]
        if not roles:
            return None
        (role,) = self._pick(roles)
        keys = self._pick(self._story.roles[role].keys)
        return self._without(Step("take_keys", self._is(0.1), role=role, keys=keys), [role], keys)

    def _purge(self):
        """A key that is nowhere the last one."""
        for key in self._pick(KEYS, len(KEYS)):
            roles = [role for role in self._story.delegated()
                     if key in self._story.roles[role].keys]
            if roles and all(len(self._story.roles[role].keys) > 1 for role in roles):
                return self._without(Step("purge", self._is(0.1), key=key), roles, [key])
        return None

    def _without(self, step, roles, keys):
        """signed: the roles whose documents may lose who signed them."""
        for role in roles:
            form = self._story.roles[role]
            form.keys = [key for key in form.keys if key not in keys]
        return step.changed(signed=[role for role in roles if self._story.roles[role].is_signed])

    def _take_path(self):
        roles = [role for role in self._story.delegated()
                 if len(self._story.roles[role].paths) > 1]
        if not roles:
            return None
        (role,) = self._pick(roles)
        paths = self._pick(self._story.roles[role].paths)
        self._story.roles[role].paths.remove(paths[0])
        return Step("take_paths", self._is(0.1), role=role, paths=paths)

    # Time

    def _witness(self):
        roles = self._signed_roles()
        return Step("witness", self._is(0.1), roles=self._pick(roles, 2)) if roles else None

    def _expire(self):
        """A role that is signed again before anything else happens to it."""
        roles = self._signed_roles()
        if not roles:
            return None
        (role,) = self._pick(roles)
        return Step("expire", role=role, keys=list(self._story.roles[role].keys))

    def _signed_roles(self):
        return [role for role in self._story.delegated() if self._story.roles[role].is_signed]

    def _recreate(self):
        """All is deleted, and begins again."""
        self._story = Story()
        return Step("recreate")

    # Keys

    def _rotate(self):
        (role,) = self._random.choices(("targets", "root", "snapshot", "timestamp"), (4, 3, 1, 1))
        self._rotations += 1
        return Step("rotate", role=role) if self._rotations < 3 else None

    # Readers

    def _publish(self):
        return Step("publish")

    def _look(self):
        """By readers who keep what they have seen."""
        return Step("look")


WEIGHTS = {
    Scenario._addhash: 6, Scenario._add: 2, Scenario._sign: 1.5, Scenario._outside: 0.6,
    Scenario._nowhere: 0.3, Scenario._remove: 3, Scenario._remove_absent: 0.3,
    Scenario._delegate: 7, Scenario._delegate_more: 4, Scenario._delegate_orphan: 0.2,
    Scenario._delegate_outside: 0.5,
    Scenario._undelegate: 1.5, Scenario._undelegate_absent: 0.2, Scenario._take_key: 3,
    Scenario._purge: 3, Scenario._take_path: 2.5, Scenario._witness: 2, Scenario._expire: 1.3,
    Scenario._recreate: 0.4, Scenario._rotate: 1.5, Scenario._publish: 0.5, Scenario._look: 0.5,
}
