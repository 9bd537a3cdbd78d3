"""Hold what is locked against known weaknesses, and list it: `make audit`.

Where an advisory service cannot be reached that is said loudly and fails nothing, or nobody could
build without a network. A known weakness fails, unless a waiver with a date answers for it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TOOLS = BUILD / "audit-tools"
WAIVERS = ROOT / "audit-waivers.toml"
LOCKS = ("requirements-dev.txt", "requirements-npm.txt", "requirements-audit.txt")
LONGEST = timedelta(days=90)
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
AWAY = re.compile("ConnectionError|SSLError|Max retries|timed out|Timeout|ServiceError|HTTPError")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Unreached(Exception):
    """The advisory service could not be asked."""


# --- What the services said ---


def python_findings(text):
    """{(package, version): ids} of pip-audit's answer, and the packages it knows nothing about."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise Unreached("the advisories for Python packages") from None
    found, unknown = {}, []
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
        for one in package.get("vulns", ()):
            ids = {one["id"], *one.get("aliases", ())}
            found.setdefault((package["name"], package["version"]), []).append(ids)
    return found, unknown


def npm_findings(text):
    """The same of npm's answer; npm has one version of each."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    if "vulnerabilities" not in answer:
        raise Unreached("the advisories for npm packages")
    found = {}
    for name, package in answer["vulnerabilities"].items():
        for via in package["via"]:
            if isinstance(via, dict):  # a name alone leads to a package that is listed itself
                ids = {via["url"].rpartition("/")[2], str(via.get("source", ""))} - {""}
                found.setdefault((name, package["range"]), []).append(ids)
    return found


# --- What that means ---


def waivers(text, today):
    """{(package, id): reason} of those that hold today, and what is wrong with the others."""
    good, wrong = {}, []
    for one in tomllib.loads(text).get("waiver", ()):
        name = f"waiver {one.get('package', '?')} {one.get('id', '?')}"
        until = one.get("until")
        if set(one) != {"package", "id", "reason", "owner", "until"} or not all(one.values()):
            wrong.append(f"{name}: says package, id, reason, owner and until, and nothing else")
        elif type(until) is not date or until > today + LONGEST:
            wrong.append(f"{name}: `until` is a date within {LONGEST.days} days")
        elif until < today:
            wrong.append(f"{name}: ended on {until}")
        else:
            good[one["package"], one["id"]] = one["reason"]
    return good, wrong


def complaints(found, good):
    """One line for each weakness that nobody answers for, and each waiver without a weakness."""
    used = set()
    lines = []
    for (package, version), weaknesses in sorted(found.items()):
        for ids in weaknesses:
            matching = {(package, one) for one in ids} & set(good)
            used |= matching
            if not matching:
                lines.append(f"{package} {version}: {', '.join(sorted(ids))}")
    return lines, [f"waiver {package} {one}: no such weakness" for package, one in set(good) - used]


# --- What is built in ---


def bill_of_materials():
    """A CycloneDX document of every library in the locks: for running, building and checking."""
    runs = set(PIN.findall((ROOT / "requirements.txt").read_text()))
    parts = {}
    for lock in LOCKS:
        for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
            for name, version in PIN.findall(entry):
                scope = "required" if (name, version) in runs else "excluded"
                parts[f"pkg:pypi/{name}@{version}"] = (name, version, scope, HASH.findall(entry))
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for place, package in packages.items():
        if place:
            name = place.rpartition("node_modules/")[2]
            scope = "excluded" if package.get("dev") else "required"
            purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
            parts[purl] = (name, package["version"], scope, [])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "vigil",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "scope": scope,
                "purl": purl,
                # One file of several may be installed; each is known by its hash.
                "externalReferences": [
                    {
                        "type": "distribution",
                        "url": purl,
                        "hashes": [{"alg": "SHA-256", "content": one} for one in hashes],
                    }
                ]
                if hashes
                else [],
            }
            for purl, (name, version, scope, hashes) in sorted(parts.items())
        ],
    }


# --- Asking ---


def bring_tools():
    """pip-audit, apart from what it audits."""
    lock = ROOT / "requirements-audit.txt"
    stamp = TOOLS / ".lock"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    shutil.rmtree(TOOLS, ignore_errors=True)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    arguments = ["--target", TOOLS, "--require-hashes", "-r", lock]
    command = [str(part) for part in (sys.executable, "-m", "pip", "install", *quiet, *arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr.strip()[-300:])
        raise Unreached("the package index, for pip-audit itself")
    stamp.write_bytes(lock.read_bytes())


def ask_python():
    bring_tools()
    found, unknown = {}, set()
    for lock in LOCKS:
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
        command += ["-r", lock, "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
        here = {**os.environ, "PYTHONPATH": str(TOOLS)}
        done = subprocess.run(
            command, cwd=ROOT, env=here, capture_output=True, text=True, check=False
        )
        if not done.stdout.strip() and not AWAY.search(done.stderr):
            sys.exit(f"vigil: pip-audit did not work on {lock}:\n{done.stderr.strip()[-1000:]}")
        more, skipped = python_findings(done.stdout)
        found |= more
        unknown |= set(skipped)
    return found, sorted(unknown)


def ask_npm():
    npm = shutil.which("npm")
    if not npm:
        raise Unreached("npm, which is not installed")
    command = [npm, "audit", "--json", "--package-lock-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return npm_findings(done.stdout)


def _few(names):
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def ask():
    """What is known, and who could not be asked about it."""
    found, unreached = {}, []
    for one in (lambda: (ask_npm(), []), ask_python):
        try:
            more, unknown = one()
        except Unreached as error:
            unreached.append(str(error))
            continue
        found |= more
        if unknown:
            unreached.append(f"the advisories for {_few(unknown)}")
    return found, unreached


def main():
    BUILD.mkdir(exist_ok=True)
    bill = bill_of_materials()
    place = BUILD / "sbom.cdx.json"
    place.write_text(json.dumps(bill, indent=1) + "\n")
    print(f"{len(bill['components'])} components are listed in {place.relative_to(ROOT)}")
    found, unreached = ask()
    today = datetime.now(UTC).date()  # noqa: TID251 (stands alone)
    good, wrong = waivers(WAIVERS.read_text(), today)
    lines, unused = complaints(found, good)
    failed = [*lines, *wrong, *([] if unreached else unused)]
    for line in failed:
        print("FAILED  " + line)
    for (package, one), reason in good.items():
        print(f"waived  {package} {one}: {reason}")
    for what in unreached:
        print(f"NOT CHECKED: could not reach {what}. Run `make audit` where it can be reached.")
    if failed:
        sys.exit(1)
    print("This is no clean bill." if unreached else "Nothing is known against what is locked.")


if __name__ == "__main__":
    main()
