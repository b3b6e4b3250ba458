# SPDX-License-Identifier: Apache-2.0
"""prometheus: reads the text form of figures, version 0.0.4, and takes nothing that is not right."""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+|\+Inf)")


class Figures:
    """kinds: of families by name; samples: {(name, ((label, value), …)): number}"""

    def __init__(self, text):
        self.kinds, self.samples = {}, {}
        assert text.endswith("\n")
        family = None
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("# HELP "):
                family, about = re.fullmatch(rf"# HELP ({NAME}) (\S.*\.)", line).groups()
                assert "\\" not in about and family not in self.kinds
                kind = re.fullmatch(rf"# TYPE {family} (counter|gauge|histogram)", next(lines))
                self.kinds[family] = kind[1]
            else:
                self._take(family, *SAMPLE.fullmatch(line).group(1, 2, 7))
        self._check_histograms()

    def _take(self, family, name, labels, value):
        kind = self.kinds[family]
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        assert name in {family + end for end in ends}
        assert (kind == "counter") == family.endswith("_total")
        pairs = tuple((label, value) for label, value in re.findall(LABEL, labels or ""))
        assert len(dict(pairs)) == len(pairs) and (name, pairs) not in self.samples
        self.samples[name, pairs] = float(value)

    def _check_histograms(self):
        """Buckets hold all below their bounds, and the last one all there are."""
        for family in (name for name, kind in self.kinds.items() if kind == "histogram"):
            rows = {}
            for (name, labels), value in self.samples.items():
                if name == f"{family}_bucket":
                    *others, (last, bound) = labels
                    assert last == "le"
                    rows.setdefault(tuple(others), []).append((float(bound), value))
            for labels, buckets in rows.items():
                assert buckets == sorted(buckets) and buckets[-1][0] == math.inf
                counts = [count for _, count in buckets]
                assert counts == sorted(counts)
                assert counts[-1] == self.samples[f"{family}_count", labels]
                assert self.samples[f"{family}_sum", labels] >= 0

    def get(self, name, **labels):
        return self.samples[name, tuple(labels.items())]
