"""Steps that are all run, each told by its name, and the script's verdict."""

import os
import sys
import traceback

SITE = os.environ["SITE"]
TOKEN = os.environ["TOKEN"]
WRITES = os.environ.get("WRITES") == "1"
CLOUD = os.environ.get("CLOUD", "1") == "1"
BOARDS = os.environ.get("BOARDS", "1") == "1"

_failed = []


def step(function=None, *, when=True):
    """Runs the function at once; later steps use what it returned."""
    if function is None:
        return lambda function: step(function, when=when)
    name = function.__name__.replace("_", " ")
    if not when:
        print(f"  --  {name}")
        return None
    try:
        found = function()
        print(f"  ok  {name}")
        return found
    except Exception as error:  # whatever the client makes of the answer
        _failed.append(name)
        print(f"FAIL  {name}: {type(error).__name__}: {str(error)[:600]}")
        response = getattr(error, "response", None)
        if response is not None and getattr(response, "request", None) is not None:
            print(f"      {response.request.method} {response.request.url} -> {response.status_code} {response.text[:600]}")
        traceback.print_exc(limit=-3, file=sys.stdout)
        return None


def same(found, expected, what=""):
    assert found == expected, f"{what}: {found!r} is not {expected!r}"


def verdict():
    if _failed:
        print(f"{len(_failed)} failed: {', '.join(_failed)}")
        sys.exit(1)
    print("all well")
