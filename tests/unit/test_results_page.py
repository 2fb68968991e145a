"""The README's opening is what the command makes of the committed decision run."""

import hashlib
import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("make_results", ROOT / "scripts" / "make_results.py")
assert _SPEC
assert _SPEC.loader
make_results = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_results)


def test_the_readme_holds_the_table_of_the_committed_result():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split(make_results.BEGIN)[1].split(make_results.END)[0]
    assert shown == "\n" + make_results.block(json.loads(make_results.RESULT.read_text(encoding="utf-8")))


def test_the_picture_is_drawn_from_the_committed_result():
    digest = hashlib.sha256(make_results.RESULT.read_bytes()).hexdigest()
    assert digest in make_results.PICTURE.read_text(encoding="utf-8")


def test_the_result_is_whole_clean_and_small():
    result = json.loads(make_results.RESULT.read_text(encoding="utf-8"))
    assert (result["sweep"], result["missing"], result["dirty"]) == ("decision", [], False)
    assert len(result["runs"]) == 72
    assert len(result["commits"]) == 1, "one state of the code made all of it"
    assert make_results.RESULT.stat().st_size < 400_000
