"""Listing what is there must answer at once: nothing heavy is imported before something is computed."""

import subprocess
import sys

HEAVY = {"torch", "torchvision", "pandas", "scipy", "sklearn", "matplotlib"}


STATEMENTS = [
    "import simbench",
    "import simbench; registry = simbench.load(); assert registry.entries['indices'] and not registry.broken",
    "import simbench; simbench.load().get('indices', 'svcca[variance=0.9]').claims",
    "import simbench; simbench.run; simbench.Request(seeds=2)",
    "from simbench import Affine, Index, Stitcher, InputError, hookimpl",
    "import simbench.comparison.arrays, simbench.grammar, simbench.registry, simbench.moments.views",
]


def test_heavy_packages_are_not_imported():
    """One after the other in one process, which says after each what it holds."""
    tell = f"import sys; print(*sorted({HEAVY} & set(sys.modules)))"
    code = "\n".join(f"{statement}\n{tell}" for statement in STATEMENTS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert dict(zip(STATEMENTS, done.stdout.split("\n"), strict=False)) == dict.fromkeys(STATEMENTS, "")
