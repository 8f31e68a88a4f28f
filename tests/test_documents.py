"""The documents say what the records say, and point at what is there."""

import re
from pathlib import Path

import pytest

from benchmarks import tables
from courses import SESSIONS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [path for pattern in tables.DOCUMENTS for path in sorted(ROOT.glob(pattern))]


def test_the_tables_are_written_from_the_records():
    assert tables.main(["--check"]) == 0


def test_a_document_that_differs_from_the_records_is_found():
    text = "before\n<!-- table: s06-digits -->\nold\n<!-- end -->\nafter\n"
    filled = tables.filled(text)
    assert "old" not in filled and filled.startswith("before\n") and filled.endswith("after\n")
    assert "| cpu " in filled and tables.filled(filled) == filled


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_are_there(document):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


def test_the_readme_says_honestly_which_sessions_exist():
    text = (ROOT / "README.md").read_text("utf-8")
    for session in SESSIONS.values():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {session.key} |")]
        assert session.title in line
        assert (f"courses/{session.folder}" in line) == session.written
