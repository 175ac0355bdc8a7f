"""The files of others that we serve are unchanged, and their licences stand beside them."""

import hashlib
import re
from pathlib import Path

from services.foundation import docs_page

FOLDER = Path(docs_page.__file__).parent / "assets"
README = (FOLDER / "README.md").read_text()


def test_the_files_of_others_are_the_published_ones() -> None:
    written = dict(re.findall(r"\| `([\w.-]+)` \| `([0-9a-f]{64})` \|", README))
    others = {path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css")}
    assert set(written) == others - {"docs.js"}
    for name, digest in written.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_the_version_is_the_one_that_the_bundle_names() -> None:
    bundle = (FOLDER / "swagger-ui-bundle.js").read_text()
    (version,) = re.findall(r'PACKAGE_VERSION:"([\d.]+)"', bundle)
    assert f"version {version} of the npm package `swagger-ui-dist`" in README


def test_the_licences_are_where_the_files_say() -> None:
    bundle = (FOLDER / "swagger-ui-bundle.js").read_text()
    (named,) = re.findall(r"license information please see (\S+)", bundle)
    assert "MIT" in (FOLDER / named).read_text()
    assert "Apache License" in (FOLDER / "LICENSE").read_text()
    assert "SmartBear" in (FOLDER / "NOTICE").read_text()
