# SPDX-License-Identifier: Apache-2.0
"""bench: what a bench is given, and the figures that it leaves.

A bench is one file beside this one, named in "run". Its first line says what it measures, and its
run(bench) does it:

    def run(bench):
        rates = bench.rounds({"ours": sign_with_agent, "peer": sign_with_peer})
        bench.add("8 connections", "sign/s", rates["ours"], aim=RatioAtLeast(0.5),
                  peer=rates["peer"], peer_name="p11-kit server")
"""
import statistics
from dataclasses import dataclass, field

ROUNDS = 7


@dataclass
class Aim:
    """A bound for what is made of one value of ours and one of the peer in the same round."""
    bound: float
    unit: str = ""

    def text(self):
        return f"{self.sign} {self.bound:.4g}{self.unit}"

    def is_met(self, value):
        return value >= self.bound if self.sign == ">=" else value <= self.bound


class RatioAtLeast(Aim):
    sign = ">="

    @staticmethod
    def compare(ours, peer):
        return ours / peer


class RatioAtMost(RatioAtLeast):
    sign = "<="


class MoreAtMost(Aim):
    """So much more than the peer, in the figure's own unit."""
    sign = "<="

    @staticmethod
    def compare(ours, peer):
        return ours - peer


class AtMost(Aim):
    """There is no peer."""
    sign = "<="

    @staticmethod
    def compare(ours, _):
        return ours


@dataclass
class Figure:
    """One thing that was measured, one value a round. peer is empty where there is none."""
    name: str
    unit: str
    ours: list
    peer: list = field(default_factory=list)
    peer_name: str = ""
    aim: Aim = None
    may_be_zero: bool = False

    def value(self):
        """What the aim is about: the middle one of the rounds, each of which is compared for itself,
        as a noisy machine is noisy for both. None: there is neither aim nor peer."""
        compare = self.aim.compare if self.aim else RatioAtLeast.compare
        if not self.peer and not isinstance(self.aim, AtMost):
            return None
        peer = self.peer or [None] * len(self.ours)
        return statistics.median(map(compare, self.ours, peer))

    def is_met(self):
        return self.aim.is_met(self.value()) if self.aim else None

    def row(self):
        value, met = self.value(), self.is_met()
        return (self.name, self.unit, middle(self.ours), middle(self.peer), self.peer_name,
                "" if value is None else f"{value:.3g}", self.aim.text() if self.aim else "",
                "" if met is None else "yes" if met else "NO")

    def as_json(self):
        return {"name": self.name, "unit": self.unit, "ours": self.ours, "peer": self.peer,
                "peer_name": self.peer_name, "compared": self.value(),
                "aim": self.aim.text() if self.aim else None, "is_met": self.is_met(),
                "may_be_zero": self.may_be_zero}


def middle(values):
    return f"{statistics.median(values):.4g}" if values else ""


class Bench:
    """scratch, sanitizer and programs are as the fixtures of the system tests."""

    def __init__(self, scratch, sanitizer, programs, build, is_quick):
        self.scratch, self.sanitizer, self.programs = scratch, sanitizer, programs
        self.build, self.is_quick = build, is_quick
        self.figures = []

    def choose(self, usual, quick):
        """A size: how much is done, as it is worth the time."""
        return quick if self.is_quick else usual

    def rounds(self, measures):
        """Call each of {name: function} in turn, several rounds: {name: [what it returned]}.
        The order turns around each round, so that nobody always comes after the same other one."""
        results = {name: [] for name in measures}
        for n in range(self.choose(ROUNDS, 1)):
            for name in list(measures)[::-1 if n % 2 else 1]:
                results[name].append(measures[name]())
        return results

    def add(self, name, unit, ours, **more):
        """Leave a figure; more: members of Figure."""
        self.figures.append(Figure(name, unit, ours, **more))
