"""Several bundles on one page: what each costs, how good it is, and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.bundle.write import write_folder
from deploy.compare.bundles import read_bundles
from deploy.compare.headline import headline
from deploy.compare.page import GENERATOR, html_report
from deploy.compare.tables import markdown_report, sections
from deploy.runtime.errors import DeployError

_PAGE, _TEXT = "compare.html", "compare.md"


def compare(bundles: Sequence[str | Path], out: str | Path) -> Path:
    """One page about several bundles: `compare.html`, which needs no other file, and `compare.md`.

    Args:
        bundles: folders that `export` wrote, of one model or of several.
        out: the folder of the report: a new one, an empty one or that of an earlier report.

    Returns:
        The path of the page.

    Raises:
        DeployError: no bundle, a damaged one, or a folder `out` that holds anything else.
    """
    out = Path(out)
    _check_output(out)
    read = read_bundles(bundles)
    try:
        sentences, tables = headline(read), sections(read)
        page, text = html_report(read, sentences, tables), markdown_report(sentences, tables)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DeployError(
            f"expected the cards that export wrote, received one that has been changed "
            f"({type(error).__name__}: {error}); export the bundle again"
        ) from error
    write_folder(out, {_PAGE: page.encode(), _TEXT: text.encode()}, "the report")
    return out / _PAGE


def _check_output(out: Path) -> None:
    try:
        names = {path.name for path in out.iterdir()} if out.is_dir() else set()
        page = (out / _PAGE).read_text("utf-8", "replace") if _PAGE in names else GENERATOR
    except OSError as error:
        raise DeployError(f"expected a folder for the report, received '{out}': {error}") from error
    known = names <= {_PAGE, _TEXT} and GENERATOR in page
    if out.is_symlink() or (out.exists() and not out.is_dir()) or not known:
        raise DeployError(
            f"expected a new folder or an earlier report's for the report, received '{out}', which "
            "is or holds something else; choose another with --out"
        )
