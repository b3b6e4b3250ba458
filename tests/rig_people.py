# SPDX-License-Identifier: Apache-2.0
"""people: accounts and groups that one program alone sees, so that groups can be joined and left."""
from rig_scratch import write
from rig_users import User, user

# In a mount namespace of its own, then as the user whom it belongs to.
SCRIPT = """
mount --bind "$1" /etc/passwd
mount --bind "$2" /etc/group
uid=$3 gid=$4
shift 4
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups -- "$@"
"""


class People:
    """accounts: name to User. groups: name to its gid."""

    def __init__(self, directory, accounts, groups):
        user(0)  # needs root
        self._accounts, self._groups = accounts, groups
        self._passwd = write(directory / "passwd", "")
        self._group = write(directory / "group", "")
        self._write()

    def _write(self):
        """In place, as a program may see these very files."""
        accounts = self._accounts.items()
        lines = [f"{name}:x:{one.uid}:{one.gid}::/:/bin/false\n" for name, one in accounts]
        self._passwd.write_text("root:x:0:0::/root:/bin/sh\n" + "".join(lines))
        members = {name: ",".join(account for account, one in accounts if gid in one.groups)
                   for name, gid in self._groups.items()}
        self._group.write_text("root:x:0:\n" + "".join(
            f"{name}:x:{gid}:{members[name]}\n" for name, gid in self._groups.items()))

    def leave(self, name, group):
        """The connections that somebody has stay as they are."""
        one = self._accounts[name]
        gids = [gid for gid in one.groups if gid != self._groups[group]]
        self._accounts[name] = User(one.uid, one.gid, gids)
        self._write()

    def __getitem__(self, name):
        return self._accounts[name]

    def see(self, args, who):
        """Arguments of a program that root starts, and that runs as who."""
        return ["unshare", "--mount", "sh", "-euc", SCRIPT, "sh", self._passwd, self._group,
                who.uid, who.gid, *args]
