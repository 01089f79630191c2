"""What becomes of each command of the pages, for test_page_commands.py.

A page's rules are (pattern, verdict), and the first whose pattern is found in a command, or in a block that is no shell, counts:
run              it is run, in the order of the page, in a folder with a small galaxy, a library and parameter files
file NAME        the block is that file of the folder
functions        every function of CUBIX in it is declared in a header, or in the Fortran module
options          the program knows each of its options
target           the build has it: make TARGET
test FILE WORD   that test does it; WORD stands in its text
excused: WHY     nobody runs it
"""

BUILDS = "excused: builds anew; scripts/check.sh, which is continuous integration, does so, and tests/tree/install.sh installs"
NETWORK = "excused: downloads"
FORMULA = "excused: a formula"
DIAGRAM = "excused: a picture in letters"
EVERYWHERE = [
    (r"^make (check|docs|dist|distcheck|html|install|uninstall|campaign|mutants)\b", "target"),
    (r"^scripts/(check|quickstart)\.sh", "excused: installs packages and builds; .ci/run is check.sh"),
    (r"^cubix-ssp get |^pip (install|download|wheel)|^python3 -m pip", NETWORK),
    (r"^man cubix", "test tree/install.sh man1"),
    (r"^(cubix|cubix-[a-z]+)( -{1,2}[\w-]+(=\w+)?| demo| info| convert emiles)*$", "options"),
]

RULES = {
    "README.md": [
        (r"^scripts/autogen\.sh|configure --prefix", BUILDS),
        (r"^cubix|^mpirun", "run"),
    ],
    "CONTRIBUTING.md": [(r"^scripts/autogen\.sh", BUILDS)],
    "doc/batch.md": [
        (r"^GroupIndex,", "file views.csv"),
        (r"--status TABLE", "test program/test_batch.py --status"),
        (r"^mkdir|^cubix-batch|^mpirun", "run"),
        (r"cubix\.dataset", "run"),
    ],
    "doc/benchmarks.md": [
        (r"^scripts/benchmark\.sh", "test program/test_benchmark.py benchmark.sh"),
        (r"^make check TESTS=", "target"),
    ],
    "doc/benchmarks/direct-method.md": [(r"^cubix-mock --stars", "excused: how a measurement was made")],
    "doc/benchmarks/reading.md": [(r"^cubix-mock --stars", "excused: how a measurement was made")],
    "doc/comparison.md": [
        (r"^cubix-from-rubix", "test program/test_from_rubix.py config.json"),
    ],
    "doc/cookbook.md": [
        (r"cubix --help Name", "excused: Name stands for a parameter"),
        (r".", "test program/test_cookbook.py BLOCKS"),
    ],
    "doc/design.md": [(r"mpi/binding|\n load ", DIAGRAM)],
    "doc/fibres.md": [(r"^cubix my\.param", "run"),
                      (r"covariance\.py", "test program/test_draws.py covariance.py")],
    "doc/formats.md": [
        (r"^with h5py", "run"),
        (r"^cubix (galaxy|my)\.param", "test program/test_formats_page.py COMMANDS"),
        (r"^cubix-import", "test program/test_import.py --initial-mass"),
        (r"^cubix <\(program\)", "test program/test_bad_input.py test_standard_input"),
    ],
    "doc/gas-and-dust.md": [
        (r"^cubix-lines (demo|info)", "run"),
        (r"^cubix-lines convert", "test program/test_lines_tool.py fsps"),
        (r"^cubix-lines get", NETWORK),
        (r"^cubix.* \w+\.(param|fits)", "run"),
        (r" = ", FORMULA),
    ],
    "doc/gradients.md": [
        (r"^cubix", "run"),
        (r"CUBIX_TRY", "functions"),
    ],
    "doc/hpc.md": [
        (r"^cubix.* my\.param|^mpirun -np", "run"),
        (r"^srun", "excused: Slurm; tests/tree/packaging.sh runs the job scripts with a stand-in"),
        (r"^mpirun --oversubscribe$", "excused: an option of mpirun alone"),
    ],
    "doc/insitu.md": [
        (r"^mpicc|^mpifort", "test program/test_examples_insitu.py f90"),
        (r"cubix-watch", "test program/test_watch.py --command"),
        (r"cubix_", "functions"),
    ],
    "doc/installing.md": [
        (r"^scripts/autogen\.sh|configure --prefix", BUILDS),
        (r"^cubix", "run"),
    ],
    "doc/libraries.md": [
        (r"^cubix-ssp get", NETWORK),
        (r"^cubix-ssp convert", "test program/test_ssp_tool.py emiles"),
        (r"^cubix-ssp", "run"),
    ],
    "doc/math.md": [(r".", FORMULA)],
    "doc/mock.md": [(r"cubix-mock", "run")],
    "doc/parameters.md": [(r"cubix --help Name", "excused: Name stands for a parameter")],
    "doc/python.md": [
        (r"^mpirun -np 4 python", "test program/test_python.py ranks"),
        (r"import|thetas", "run"),
    ],
    "doc/running.md": [
        (r"^mpirun", "excused: an option of mpirun alone"),
        (r"^cubix.* \w+\.(param|fits)", "run"),
    ],
    "doc/site/api.md": [(r"^cc ", "test tree/install.sh pkg-config")],
    "doc/snapshots.md": [(r".", "test program/test_snapshots_page.py COMMANDS")],
    "doc/training.md": [(r"import csv|^mpirun|cubix\.Chain", "run")],
    "doc/tutorial.md": [(r".", "test program/test_tutorial.py commands")],
    "examples/colours/README.md": [(r"colours\.py", "test program/test_colours.py SCRIPT")],
    "examples/cookbook/README.md": [(r"run\.sh", "test program/test_cookbook.py run.sh")],
    "examples/dust/README.md": [(r"run\.sh|dusty\.param", "test program/test_dust_example.py run.sh")],
    "examples/fibres/README.md": [(r"run\.sh", "test program/test_fibres_example.py run.sh")],
    "examples/gradient/README.md": [
        (r"^mpicc", "test derivatives/test_examples_gradient.py chi2.c"),
        (r"run\.sh", "test derivatives/test_examples_gradient.py run.sh"),
    ],
    "examples/imf/README.md": [
        (r"->", DIAGRAM),
        (r"imf\.py", "test program/test_python.py imf.py"),
    ],
    "examples/inference/README.md": [
        (r"--abc", "test program/test_cookbook.py --abc"),
        (r"inference\.py", "test program/test_python.py inference.py"),
    ],
    "examples/insitu/README.md": [(r".", "test program/test_examples_insitu.py nbody")],
    "examples/kinematics/README.md": [(r"run\.sh", "test program/test_tutorial.py run.sh")],
    "examples/notebooks/README.md": [(r"^pip install", NETWORK), (r"^jupyter", "test program/test_notebooks.py first-cube.ipynb")],
    "examples/quickstart/README.md": [(r".", "run")],
    "packaging/README.md": [
        (r"^(spack|conda|docker|apptainer|eb) |apptainer exec",
         "excused: needs that packager; tests/tree/packaging.sh compares the recipes"),
    ],
}
