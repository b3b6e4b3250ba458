# SPDX-License-Identifier: Apache-2.0
"""pair: two repositories with one story, of which notary made one and we the other."""
import datetime
import itertools
import shutil

import rig_users
from rig_agent import Agent
from rig_client import Client
from rig_document import key_id, key_object
from rig_hands import FOUNDERS, Ours, Theirs
from rig_notary import Notary
from rig_policy import Policy
from rig_publisher import new_private_key, private_pem, public_pem, published, sign
from rig_sameness import differences, questions, readings, state
from rig_scenario import KEYS
from rig_scratch import write



class World:
    """What all scenarios of a process share: two servers, an agent with every key, and the same
    delegates' keys in files of notary's. setting: scratch, programs, sanitizer, registry,
    notary_server."""

    def __init__(self, token, **setting):
        self.setting = setting
        self.server, self.registry = setting["notary_server"], setting["registry"]
        self._scratch, self._numbers = setting["scratch"], itertools.count(1)
        self.private = private = {name: new_private_key() for name in KEYS}
        self.pems = {name: public_pem(key) for name, key in private.items()}
        self.names = {key_id(key_object(pem)): name for name, pem in self.pems.items()}
        self._keep_for_notary(private)
        self.agent = self._agent(token, private)

    def _keep_for_notary(self, private):
        keeper = self._notary()
        for name, key in private.items():
            file = write(keeper.directory / f"{name}.key", private_pem(key), mode=0o600)
            keeper.run("key", "import", file, "--role", "delegation")
        self._keys = keeper.directory / "trust" / "private"
        self.publics = {name: write(keeper.directory / f"{name}.pem", pem)
                        for name, pem in self.pems.items()}

    def _agent(self, token, private):
        policy = Policy(token, self.registry.host, self.setting["sanitizer"])
        everywhere = [f"{self.registry.host}/**"]
        roles = {name: ["targets/**"] for name in KEYS}
        roles |= {name: [role] for role, names in FOUNDERS.items() for name in names}
        policy["keys"] = {name: {"token": "hsm", "uri": token.key_uri(name), "scope": [
            {"repositories": everywhere, "roles": of}]} for name, of in roles.items()}
        for name in [name for names in FOUNDERS.values() for name in names[1:]]:
            token.generate(name)
        # To become another user takes longer than all that the client does.
        who = {"users": [rig_users.own().uid]}
        policy["grants"] = {"all": {**who, "keys": list(policy["keys"]), "delegate": True}}
        policy["admins"] = who
        for name, key in private.items():
            token.take_key(name, private_pem(key))
        return Agent(self.setting["programs"], self.setting["sanitizer"],
                     self._scratch.directory("agent"), policy).start()

    def _notary(self):
        return Notary(self._scratch.directory("notary"), self.server)

    def publisher(self):
        """A user of notary who has the delegates' keys."""
        notary = self._notary()
        shutil.copytree(self._keys, notary.directory / "trust" / "private")
        return notary

    def client(self, agent=None):
        return Client(self.setting["programs"], self.setting["sanitizer"],
                      self._scratch.directory("home"), rig_users.own(), agent=agent,
                      notary_server=self.server)

    def readers(self):
        """One of each program, who know nothing yet."""
        return {"notary": self._notary(), "countersign": self.client()}

    def new_name(self):
        """Of a part of the registry that nothing is in."""
        return f"scenarios/{next(self._numbers)}"

    def stop(self):
        self.agent.stop()


class Pair:
    """allows: of the Table of differences. turn: which question comes first."""

    def __init__(self, world, allows, turn=0):
        self._world, self._allows, self._turn = world, allows, turn
        below = f"{world.registry.host}/{world.new_name()}"
        form = world.publics, {name: key for key, name in world.names.items()}, allows
        self.theirs = Theirs(world.publisher(), f"{below}/theirs", *form)
        self.ours = Ours(world.client(world.agent), world.registry, f"{below}/ours", *form)
        self._has_expired = False
        self._friends = None  # who keep what they have seen
        self._roles, self._names = ["targets"], []

    def differences(self, steps, changed=None):
        """Perform steps, or ours as they were changed, and compare; lines, none where all is the
        same."""
        for one, other in zip(steps, changed or steps):
            self._note(one)
            if one.verb == "look":
                found = self.look()
            elif one.verb == "expire":
                found = self._expire(one)
            else:
                found = self._perform(one, other)
            if found:
                return found
        return self._compare(self._world.readers()) or self._compare_states()

    def _perform(self, one, other):
        self._has_expired = self._has_expired and one.verb != "witness"
        if one.verb == "recreate":  # and what old friends see then is another story
            self._friends = None
        if "but" in one.details and self._allows(one.but):
            is_done = self.ours.perform(other)
            return [f"{one}: countersign did it"] if is_done else []
        outcomes = self.theirs.perform(one), self.ours.perform(other)
        return [f"{one}: notary {_done(outcomes[0])}, countersign {_done(outcomes[1])}"
                ] if outcomes[0] != outcomes[1] else []

    def _note(self, step):
        named = step.details.get("roles") or [step.details.get("role")]
        self._roles += [role for role in named if role and role not in (*self._roles, "targets/absent")]
        name = step.details.get("name")
        self._names = [name] if name else self._names

    def _expire(self, step):
        """The document of a role is replaced by the same one that lives for seconds, and these pass."""
        self.theirs.settle()
        self._has_expired = True
        then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        for hands in (self.theirs, self.ours):
            document = self._world.server.document(hands.gun, step.role)["signed"]
            document["version"] += 1
            document["expires"] = then.strftime("%Y-%m-%dT%H:%M:%SZ")
            file = published(document, *(sign(self._world.private[key], document)
                                         for key in step.keys))
            for character in b"<>&":
                file = file.replace(bytes([character]), b"\\u%04x" % character)
            self._world.server.publish(hands.gun, **{step.role: file})
        # We count whole seconds.
        over = then + datetime.timedelta(seconds=1)
        self._world.server.process.wait_until(
            lambda: datetime.datetime.now(datetime.timezone.utc) > over)
        return []

    def look(self):
        self._friends = self._friends or self._world.readers()
        return self._compare(self._friends)

    def _compare(self, readers):
        """Every reader of each repository must see the same."""
        self.theirs.settle()
        # Processes are what costs: lists of roles each time, and one of the other questions.
        always, others = questions(self._roles, self._names)
        if self._has_expired and self._allows("roles below one that has expired are listed"):
            always = [question for question in always if question[0] != "delegation"]
        asked = [*always, others[self._turn % len(others)]]
        self._turn += 1
        first, first_label = None, None
        for program, reader in readers.items():
            for hands in (self.theirs, self.ours):
                seen = readings(reader, hands.gun, asked, self._allows)
                label = f"{program} reads {hands.gun}"
                if first is None:
                    first, first_label = seen, label
                found = differences(first, seen, (first_label, label))
                if found:
                    return found
        return []

    def _compare_states(self):
        states = [state(self._world.server, hands.gun, self._world.names)
                  for hands in (self.theirs, self.ours)]
        return differences(*states, (self.theirs.gun, self.ours.gun))

    def clear(self):
        """What a scenario left on the disk."""
        for directory in (self.theirs.notary.directory, self.ours.client.home):
            shutil.rmtree(directory)


def _done(is_done):
    return "did it" if is_done else "refused"
