"""doc/validation.md: every test that it names is there, and every file of tests is on it."""
import re

import pytest

from harness import SOURCE

TESTS = SOURCE / "tests"
PAGE = (SOURCE / "doc/validation.md").read_text()
FILES = {str(p.relative_to(TESTS)) for pattern in ("*/test_*.py", "*/test_*.c") for p in TESTS.glob(pattern)}
FILE = re.compile(r"(\w+/test_\w+\.(?:py|c))(?:::)?")


def cells():
    """The last cell of each row of a table that is no heading."""
    for row in re.findall(r"^\|(.*)\|$", PAGE, re.M):
        cell = row.split("|")[-1].strip()
        if cell not in ("test", "files") and not set(cell) <= set("-"):
            yield cell


def named(cell):
    """[(file, function or None)] of `a/test_b.py::test_c, test_d, e/test_f.c::g, h/test_i.py`."""
    found, file = [], None
    for word in cell.split(", "):
        at = re.fullmatch(r"(?:(\w+/test_\w+\.(?:py|c))(?:::)?)?(\w+)?", word)
        assert at and word, f"{cell!r}: {word!r} is neither a file of tests nor a test"
        file = at[1] or file
        assert file, f"{cell!r}: {word!r} of which file?"
        found.append((file, at[2]))
    return found


def has(file, function):
    text = (TESTS / file).read_text()
    return bool(re.search(rf"^def {function}\(" if file.endswith(".py") else rf"^static void {function}\(", text, re.M))


ROWS = list(cells())


@pytest.mark.parametrize("cell", [cell for cell in ROWS if cell != "every run"])
def test_every_named_test_is_there(cell):
    for file, function in named(cell):
        assert file in FILES, file
        assert function is None or has(file, function), f"{file} has no {function}"


def test_every_file_of_tests_is_on_the_page():
    missing = sorted(FILES - set(FILE.findall(PAGE)))
    assert not missing, f"doc/validation.md does not name {', '.join(missing)}: a row with the number, or a place in 'The rest'"


def test_tests_against_the_oracle_and_real_data_have_rows():
    """A file that compares with the oracle or with real data names its cases, not only itself."""
    cases = {file for cell in ROWS if cell != "every run" for file, function in named(cell) if function}
    for path in sorted(TESTS.glob("physics/test_*.py")) + [TESTS / "derivatives/test_chain.py", TESTS / "derivatives/test_gradient.py"]:
        assert str(path.relative_to(TESTS)) in cases, path


def test_the_guard_itself():
    assert len(ROWS) > 120 and sum(len(named(cell)) for cell in ROWS if cell != "every run") > 250
    assert not has("physics/test_dust.py", "test_that_nobody_wrote") and has("unit/test_psf.c", "test_kernels")
