"""`pip install .` in the tree: a wheel that holds the library with its instruments and formats, and needs nothing of the tree."""
import inspect
import shutil
import subprocess
import sys

import pytest

import harness
from harness import BUILD, SOURCE
from test_python import LIBRARY, need, version_of


def test_a_wheel_with_the_library_inside(tmp_path):
    need("pip")
    if version_of("setuptools") < (70, 1):
        pytest.skip(f"{sys.executable} has no setuptools that makes wheels by itself (70.1 or newer)")
    tree, there = tmp_path / "tree", tmp_path / "there"
    tree.mkdir()
    for name in "pyproject.toml", "setup.py", "python", "parameterfiles":
        copy = shutil.copytree if (SOURCE / name).is_dir() else shutil.copy
        copy(SOURCE / name, tree / name)
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
                           "--no-index", "--target", there, tree], text=True, capture_output=True,
                          env=harness.environment(extra={"CUBIX_LIBRARY": str(LIBRARY)}))
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.rmtree(tree)
    tags = (next(there.glob("cubix-*.dist-info")) / "WHEEL").read_text()
    assert "Tag: py3-none-linux_" in tags and "Root-Is-Purelib: false" in tags, tags
    assert (there / "cubix" / "py.typed").exists()
    world = harness.environment(extra={"PYTHONPATH": str(there), "PKG_CONFIG_PATH": str(BUILD)})
    for name in "CUBIX_LIBRARY", "CUBIX_DATA":
        world.pop(name, None)
    script = """
import cubix
try:
    cubix.Chain({"SspFile": "none", "InputFile": "none", "Instrument": "nosuch"})
except cubix.Error as error:
    print(error)
print(cubix._library._library._name)
"""
    done = subprocess.run([sys.executable, "-c", script], env=world, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"'nosuch' is not in {there}/cubix/share/cubix/instruments" in done.stdout and "MUSE" in done.stdout
    assert f"{there}/cubix/lib/libcubix.so" in done.stdout


def test_what_the_package_offers_is_typed_and_told():
    """Every public function and method says what it takes and returns, and has a docstring."""
    sys.path.insert(0, str(SOURCE / "python"))
    try:
        import cubix
    finally:
        sys.path.pop(0)
    members = [getattr(cubix, name) for name in cubix.__all__]
    members += [member for name, member in vars(cubix.Chain).items() if not name.startswith("_")]
    looked = 0
    for member in members:
        function = member.fget if isinstance(member, property) else member
        assert function.__doc__, function
        if inspect.isfunction(function):
            signature = inspect.signature(function)
            assert signature.return_annotation is not inspect.Signature.empty, function
            bare = [p.name for p in list(signature.parameters.values()) if p.annotation is inspect.Parameter.empty]
            assert not [p for p in bare if p != "self"], (function, bare)
            looked += 1
    assert looked > 15
