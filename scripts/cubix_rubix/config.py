"""A configuration of RUBIX: nested names, of which each must be asked for, or is told of at the end."""
import difflib
import json
import os

from cubix_ssp.fault import INPUT, Fault, reading

MISSING = object()


def flat(tree, path=""):
    """{"telescope.psf.sigma": 0.6, ...}; lists and empty groups are values."""
    if isinstance(tree, dict) and (tree or not path):
        return {name: value for key, below in tree.items()
                for name, value in flat(below, path + "." * bool(path) + str(key)).items()}
    return {path: tree}


class Config:
    def __init__(self, path):
        self.path, self.asked = path, set()
        with reading(path, "cannot be read as %s" % ("YAML" if self._yaml() else "JSON")):
            with open(path, encoding="utf-8") as file:
                if self._yaml():
                    import yaml
                    tree = yaml.safe_load(file)
                else:
                    tree = json.load(file)
        if not isinstance(tree, dict):
            raise Fault(INPUT, "%s holds no configuration: a dict with the keys telescope, galaxy, ssp and others is "
                               "wanted, as json.dump(config, file) writes RUBIX's" % path)
        self.value = flat(tree)

    def _yaml(self):
        return os.path.splitext(self.path)[1].lower() in (".yml", ".yaml")

    def get(self, name, default=MISSING):
        self.asked.add(name)
        value = self.value.get(name, default)
        if value is MISSING:
            raise Fault(INPUT, "%s lacks '%s', which RUBIX needs, too" % (self.path, name))
        return value

    def has(self, name):
        return name in self.value

    def number(self, name, default=MISSING, above=None, at_least=None):
        value = self.get(name, default)
        if value is default and default is not MISSING:
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
            raise Fault(INPUT, "%s: %s is %s, not a number" % (self.path, name, json.dumps(value)))
        if (above is not None and not value > above) or (at_least is not None and not value >= at_least):
            raise Fault(INPUT, "%s: %s is %g; %s %g is wanted" % (self.path, name, value,
                                                                  "more than" if above is not None else "at least",
                                                                  above if above is not None else at_least))
        return float(value)

    def word(self, name, words, default=MISSING):
        """One of words, in any case, as words has it."""
        value = self.get(name, default)
        for word in words:
            if isinstance(value, str) and value.lower() == word.lower():
                return word
        if value is default and default is not MISSING:
            return value
        near = difflib.get_close_matches(str(value), words, 1)
        raise Fault(INPUT, "%s: %s is %s%s; RUBIX knows %s" % (self.path, name, json.dumps(value),
                                                               ", did you mean %s?" % near[0] if near else "", ", ".join(words)))

    def never_asked(self):
        return [name for name in self.value if name not in self.asked]
