"""Makes one small real package for each registry, below FOLDER/www/HOST, and a git repository.

    goods.py FOLDER

The package is called `infield-probe` everywhere, version 1.0.0.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile

NAME, VERSION = "infield-probe", "1.0.0"
MODULE = "infield_probe"


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def archive(files):
    """A .tar.gz of names and contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def python(www):
    info = f"{MODULE}-{VERSION}.dist-info"
    files = {
        f"{MODULE}.py": "MOTTO = 'probed'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: infield\nRoot-Is-Purelib: true\n"
                         "Tag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += f"{name},sha256={digest.rstrip(b'=').decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    wheel = f"{MODULE}-{VERSION}-py3-none-any.whl"
    digest = hashlib.sha256(out.getvalue()).hexdigest()
    link = f"https://files.pythonhosted.org/packages/{wheel}#sha256={digest}"
    put(f"{www}/files.pythonhosted.org/packages/{wheel}", out.getvalue())
    put(f"{www}/pypi.org/simple/{NAME}/index.html",
        f'<!DOCTYPE html><html><body><a href="{link}">{wheel}</a></body></html>\n')


def node(www):
    about = {"name": NAME, "version": VERSION, "main": "index.js", "license": "MIT"}
    package = archive({
        "package/package.json": json.dumps(about),
        "package/index.js": "module.exports = 'probed'\n",
    })
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    file = f"/{NAME}/-/{NAME}-{VERSION}.tgz"
    dist = {"tarball": "https://registry.npmjs.org" + file, "integrity": "sha512-" + digest,
            "shasum": hashlib.sha1(package).hexdigest()}
    page = {"_id": NAME, "name": NAME, "dist-tags": {"latest": VERSION},
            "versions": {VERSION: dict(about, _id=f"{NAME}@{VERSION}", dist=dist)}}
    put(f"{www}/registry.npmjs.org{file}", package)
    put(f"{www}/registry.npmjs.org/{NAME}.json", json.dumps(page))


def cargo(www):
    manifest = (f'[package]\nname = "{NAME}"\nversion = "{VERSION}"\nedition = "2021"\n'
                'description = "A probe"\nlicense = "MIT"\n')
    folder = f"{NAME}-{VERSION}"
    crate = archive({
        f"{folder}/Cargo.toml": manifest,
        f"{folder}/src/lib.rs": 'pub const MOTTO: &str = "probed";\n',
    })
    entry = {"name": NAME, "vers": VERSION, "deps": [], "features": {}, "yanked": False,
             "cksum": hashlib.sha256(crate).hexdigest()}
    settings = {"dl": "https://static.crates.io/crates", "api": "https://crates.io"}
    put(f"{www}/static.crates.io/crates/{NAME}/{VERSION}/download", crate)
    put(f"{www}/index.crates.io/config.json", json.dumps(settings))
    put(f"{www}/index.crates.io/in/fi/{NAME}", json.dumps(entry) + "\n")


def debian(www, scratch):
    control = (f"Package: {NAME}\nVersion: {VERSION}\nArchitecture: all\nSection: misc\n"
               "Priority: optional\nMaintainer: infield <probe@allowed.example>\n"
               "Description: a probe\n")
    put(f"{scratch}/DEBIAN/control", control)
    put(f"{scratch}/usr/share/{NAME}/motto", "probed\n")
    root, pool = f"{www}/deb.debian.org/debian", f"pool/main/{NAME}_{VERSION}_all.deb"
    os.makedirs(os.path.dirname(f"{root}/{pool}"))
    run(["dpkg-deb", "--root-owner-group", "--build", scratch, f"{root}/{pool}"])
    with open(f"{root}/{pool}", "rb") as file:
        package = file.read()
    index = control + (f"Filename: {pool}\nSize: {len(package)}\n"
                       f"SHA256: {hashlib.sha256(package).hexdigest()}\n\n")
    release = ("Origin: infield\nSuite: stable\nCodename: probe\nArchitectures: all amd64 arm64\n"
               "Components: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n")
    for architecture in ("all", "amd64", "arm64"):
        for end, data in (("", index.encode()), (".gz", gzip.compress(index.encode()))):
            path = f"main/binary-{architecture}/Packages{end}"
            put(f"{root}/dists/probe/{path}", data)
            release += f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}\n"
    put(f"{root}/dists/probe/Release", release)


def git(folder):
    work, bare = f"{folder}/work", f"{folder}/git/team/probe.git"
    put(f"{work}/README.md", "probed\n")
    who = ["-c", "user.name=probe", "-c", "user.email=probe@allowed.example"]
    run(["git", "init", "--quiet", "--initial-branch=main", work])
    run(["git", "-C", work, "add", "."])
    run(["git", "-C", work, *who, "commit", "--quiet", "--message=Begin"])
    run(["git", "clone", "--quiet", "--bare", work, bare])


def run(words):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)


def main():
    folder = sys.argv[1]
    for make in (python, node, cargo):
        make(folder + "/www")
    debian(folder + "/www", folder + "/scratch")
    git(folder)


main()
