# SPDX-License-Identifier: Apache-2.0
"""edits: small changes of a forge, in which tables say what is wrong with a repository."""
import base64

from rig_forge import b64, listing, objects


def both(*edits):
    """One edit after the other."""
    def edit(forge):
        for function in edits:
            function(forge)
    return edit


def on(stage, role, function):
    """Whatever function makes of it; see Forge.edit()."""
    return lambda forge: forge.edit(stage, role, function)


# The document


def at(document, *names):
    for name in names:
        document = document[name]
    return document


def change(role, **members):
    """Members of the document are others, also in a state that is edited further."""
    return lambda forge: forge.documents[role].update(members)


def put(role, *names, value):
    """A member somewhere in the document is another, or there is one more."""
    return on("document", role, lambda document: at(document, *names[:-1]).__setitem__(
        names[-1], value))


def drop(role, *names):
    """The document lacks a member, to which the names lead."""
    def edit(document):
        del at(document, *names[:-1])[names[-1]]
    return on("document", role, edit)


def text(role, was, now, stage="file"):
    """A piece of the text is another one; in the message, before it is signed."""
    def edit(data):
        old, new = (t if isinstance(t, bytes) else t.encode() for t in (was, now))
        assert old in data, (old, data)
        return data.replace(old, new, 1)
    return on(stage, role, edit)


def signed_text(role, was, now):
    return text(role, was, now, "message")


# Roots and keys


def new_root(*edits):
    """What is edited is edited in a second root, which follows from a first one that is sound."""
    return both(lambda forge: forge.next_root(), *edits)


def signer_of(forge, key):
    return forge.keys[key] if isinstance(key, str) else key(forge) if callable(key) else key


def signed_by(role, *keys):
    """The role is signed by these keys of the forge, or signers, and by no others."""
    return lambda forge: forge.signers.update({role: [signer_of(forge, key) for key in keys]})


def listed_for(role, *keys, threshold=1):
    """A second root lists these keys for a base role; the role is signed by all of them."""
    def edit(forge):
        signers = [signer_of(forge, key) for key in keys]
        forge.documents["root"]["keys"].update(objects(*signers))
        forge.documents["root"]["roles"][role] = listing(*signers, threshold=threshold)
        forge.signers[role] = signers + (forge.signers["root"] if role == "root" else [])
    return new_root(edit)


def delegated_to(*keys, threshold=1):
    """targets/qa is delegated to these keys, and signed by all of them."""
    def edit(forge):
        signers = [signer_of(forge, key) for key in keys]
        forge.documents["targets"]["delegations"]["keys"] = objects(*signers)
        forge.documents["targets"]["delegations"]["roles"][0].update(listing(
            *signers, threshold=threshold))
        forge.signers["targets/qa"] = signers
    return edit


# Signatures


def signature(role, **members):
    """The signature has other members; a function is given the member that was there."""
    def edit(signatures, _message):
        return [{**s, **{name: value(s.get(name)) if callable(value) else value
                         for name, value in members.items()}} for s in signatures]
    return on("signatures", role, edit)


def sig(role, function):
    """The bytes of the signature are others."""
    return signature(role, sig=lambda text: b64(function(base64.b64decode(text))))


def resigned(role, function, **members):
    """The signature is what function makes of the message."""
    return on("signatures", role, lambda signatures, message: [
        {**signatures[0], "sig": b64(function(message)), **members}])


# How files are listed and served


def entry(role, *names, value):
    """The snapshot, or the timestamp, lists something else for the role."""
    def edit(listed):
        inner = at(listed, *names[:-1])
        inner[names[-1]] = value(inner.get(names[-1])) if callable(value) else value
    return on("entry", role, edit)


def listed_as(role, value):
    return on("entry", role, lambda _: value)


def answer(role, value):
    """The server answers with something else than what is listed; a function is given the file."""
    return on("answer", role, value if callable(value) else lambda _: value)


def serve(name, value):
    """The server has one more file, or another one under this name."""
    return lambda forge: forge.answers.update({name: value})


def absent(role):
    """The server has no such file."""
    return lambda forge: forge.absent.add(role)


def unlisted(role):
    """The snapshot does not list the role."""
    return lambda forge: forge.unlisted.add(role)
