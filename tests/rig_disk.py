# SPDX-License-Identifier: Apache-2.0
"""disk: what is left of the files of a state directory when the power fails.

A file is what its last sync made of it, and a name what the last sync of the directory did. Of what
was written since, any sectors may have reached the disk, or none. What a sync that failed should
have written counts as written for the kernel, which does not try again.
"""
import os

PAGE = 4096
SECTOR = 512


def _resize(content, size):
    del content[size:]
    content.extend(bytes(size - len(content)))


class _File:
    def __init__(self, content=b""):
        self.durable = bytearray(content)
        self.cached = bytearray(content)  # what a process reads
        self.dirty = set()                # pages that the next sync writes
        self.lost = set()                 # pages that a failed sync may have written, or not

    def write(self, offset, data):
        if len(self.cached) < offset + len(data):
            _resize(self.cached, offset + len(data))
        self.cached[offset:offset + len(data)] = data
        self._touch(offset, offset + len(data))

    def resize(self, size):
        self._touch(*sorted((size, len(self.cached))))
        _resize(self.cached, size)

    def _touch(self, begin, end):
        pages = range(begin // PAGE, (end + PAGE - 1) // PAGE)
        self.dirty.update(pages)
        self.lost.difference_update(pages)

    def sync(self):
        _resize(self.durable, len(self.cached))
        for page in self.dirty:
            self._store(page * PAGE, PAGE)
        self.dirty.clear()

    def fail_to_sync(self):
        self.lost |= self.dirty
        self.dirty.clear()

    def _store(self, at, size):
        end = min(at + size, len(self.durable))
        if at < end:
            self.durable[at:end] = self.cached[at:end]

    def lose_power(self, random, share):
        """share: how much of what was not synced is on the disk all the same."""
        unsure = sorted(self.dirty | self.lost)
        if share > 0 and unsure:
            sizes = sorted((len(self.durable), len(self.cached)))
            _resize(self.durable, random.choice((*sizes, random.randint(*sizes))))
        for page in unsure:
            for at in range(page * PAGE, (page + 1) * PAGE, SECTOR):
                if random.random() < share:
                    self._store(at, SECTOR)
        self.cached = bytearray(self.durable)
        self.dirty.clear()
        self.lost.clear()


class Disk:
    """Begins with all that is in the directory, as if it had been synced."""

    def __init__(self, directory, owner):
        self._directory, self._owner = directory, owner
        self._files = {path.name: _File(path.read_bytes()) for path in directory.iterdir()}
        self._named = dict(self._files)  # what the directory on the disk says

    def apply(self, calls):
        """What a process did, by its journal. Every change must be in it."""
        for call in calls:
            if call.names is not None:
                self._rename(call.names)
            if call.file is not None and call.result is not None:
                self._apply(call)
        for name, file in self._files.items():
            assert (self._directory / name).read_bytes() == file.cached, name

    def _rename(self, names):
        for name in names - self._files.keys():
            self._files[name] = _File()
        for name in self._files.keys() - names:
            del self._files[name]

    def _apply(self, call):
        if call.is_sync():
            self._sync(call)
        elif call.is_write():
            self._files[call.file].write(call.offset, call.data)
        elif call.name == "ftruncate" and call.result == 0:
            self._files[call.file].resize(call.length)
        elif call.name == "fallocate" and call.result == 0:
            file = self._files[call.file]
            file.resize(max(len(file.cached), call.offset + call.length))
        else:
            assert call.result < 0 or call.name in (
                "pread64", "read", "openat", "open"), f"no rule for {call.name}"

    def _sync(self, call):
        if call.file == "." and call.result == 0:
            self._named = dict(self._files)
        elif call.file != ".":
            file = self._files[call.file]
            if call.result == 0:
                file.sync()
            else:
                file.fail_to_sync()

    def lose_power(self, random, share):
        """Leave in the directory what a computer finds that starts again."""
        left = dict(self._named)
        for name in self._files.keys() | self._named.keys():
            if self._files.get(name) is not self._named.get(name) and random.random() < share:
                left.pop(name, None)
                if name in self._files:
                    left[name] = self._files[name]
        for path in self._directory.iterdir():
            path.unlink()
        for name, file in left.items():
            file.lose_power(random, share)
            path = self._directory / name
            path.write_bytes(file.cached)
            path.chmod(0o600)
            os.chown(path, self._owner.uid, self._owner.gid)
        self._files, self._named = left, dict(left)
