"""Compiles Verilator's own C++, which every simulator contains, once for all of them.

Verilator's makefiles put this program in front of each command of the compiler, as they would
``ccache``: ``python objects.py FOLDER SOURCES c++ … -c -o OUTPUT SOURCE``.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["compile_once"]


def compile_once(folder: Path, sources: Path, command: Sequence[str]) -> int:
    """Run `command`, or copy what it made before from `folder`; gives its exit code.

    That goes for what lies in `sources`, and must not depend on anything else; other commands are
    just run. Workers that want the same object at once wait for one of them.
    """
    source = Path(command[-1])
    if source.parent != sources:
        return subprocess.call(command)

    place = command.index("-o") + 1
    before, output, after = command[:place], command[place], command[place + 1 :]
    kept = folder / f"{source.stem}_{_digest(source, [*before, *after])}.o"
    folder.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            unfinished = kept.with_suffix(".unfinished")
            if code := subprocess.call([*before, str(unfinished), *after]):
                return code
            unfinished.rename(kept)
    shutil.copyfile(kept, output)
    return 0


def _digest(source: Path, command: Sequence[str]) -> str:
    """Of the command, the compiler, and all that lies beside `source`, headers among it."""
    compiler = Path(shutil.which(command[0]) or command[0]).resolve()
    digest = hashlib.sha256("\0".join(command).encode())
    for path in (compiler, *sorted(source.parent.iterdir())):
        found = path.stat()
        digest.update(f"{path} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(compile_once(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
