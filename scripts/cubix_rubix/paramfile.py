"""The parameter file: each parameter with the keys that it comes from, and at its end what has none."""
import json


def quoted(value):
    """As parameter files want values with blanks and signs of comments."""
    return '"%s"' % value.replace('"', '""') if any(c in value for c in ' \t%#"') else value


class ParamFile:
    def __init__(self):
        self.lines, self.not_needed, self.unknown = [], [], []

    def title(self, text):
        self.lines += ["", "% " + text]

    def put(self, name, value, keys, remark=""):
        """A parameter from RUBIX's keys; a number comes with its unit."""
        if remark:
            self.lines.append("% " + remark)
        self.lines.append("%-18s %-24s %% %s" % (name, value, ", ".join(keys)))

    def remark(self, text):
        self.lines.append("% " + text)

    def drop(self, key, value, why):
        """A key of RUBIX without a parameter."""
        self.not_needed.append("%s = %s: %s" % (key, json.dumps(value), why))

    def miss(self, key, value):
        """A key that is not known."""
        self.unknown.append("%s = %s" % (key, json.dumps(value)))

    def text(self, source, version):
        lines = ["%% Made by cubix-from-rubix from %s (of RUBIX %s)." % (source, version),
                 "% Behind a value stand the keys that it comes from.  doc/comparison.md says how the two codes differ."] + self.lines
        for title, what in (("Keys of RUBIX without a parameter here", self.not_needed),
                            ("UNKNOWN keys, which were not converted", self.unknown)):
            if what:
                lines += ["", "% " + title] + ["%   " + text for text in what]
        return "\n".join(lines) + "\n"
