"""Several bundles on one page."""

import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

import deploy
from deploy.__main__ import main
from deploy.bundle.card_text import table
from deploy.commands.compare import compare
from deploy.runtime import load

VOID = {"meta", "br", "circle", "rect", "path"}

CORAL = {
    "compiled": False,
    "note": "not compiled",
    "on_tpu": 10,
    "on_cpu": 2,
    "operators": [
        {"operator": "CONV_2D", "layer": "a", "tpu": True, "reason": None},
        {"operator": "CONV_2D", "layer": "b", "tpu": False, "reason": "is <too> wide"},
        {"operator": "SOFTMAX", "layer": "c", "tpu": False, "reason": "comes after b"},
    ],
}
NPU = {
    "accelerator": "ethos-u55-128",
    "cycles": 420_000,
    "sram_bytes": 30_000,
    "flash_bytes": 150_000,
    "cpu_ops": [{"operator": "EXTRA", "layer": "z", "reason": "not in the NPU"}],
}


def layers(*ratios):
    names = ["conv_1", "conv_2", "dense", "dense"]
    operators = ["CONV_2D", "CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED"]
    return [
        {"layer": layer, "operator": operator, "sqnr_db": ratio}
        for layer, operator, ratio in zip(names, operators, ratios, strict=True)
    ]


def accuracy(keras, deployed):
    return {"metric": "accuracy", "keras": keras, "deployed": deployed, "examples": 1234}


def latency(milliseconds):
    return {
        "median": milliseconds,
        "p95": 2 * milliseconds,
        "runs": 200,
        "threads": 1,
        "runtime": "ai-edge-litert 2.3.0",
        "cpu": "Some CPU",
    }


@pytest.fixture(scope="module")
def fake(exported, tmp_path_factory):
    """`fake(called, **changes)`: a bundle whose card says what it shall."""
    folder = tmp_path_factory.mktemp("fakes")

    def make(called, **changes):
        out = folder / called
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(exported("convnet", "cpu"), out)
        card = json.loads((out / "card.json").read_text()) | changes
        (out / "card.json").write_text(json.dumps(card))
        return out

    return make


@pytest.fixture(scope="module")
def bundles(fake):
    """One model on four targets, with all that a card may have."""
    common = {"name": "net"}
    return [
        fake(
            "cpu",
            **common,
            target="cpu",
            size_bytes=20_000,
            quality=accuracy(0.95, 0.947),
            latency_ms=latency(0.25),
            layers=layers(40.0, 30.0, 25.0, 20.0),
        ),
        fake(
            "float",
            **common,
            target="cpu-float",
            size_bytes=80_000,
            quality=accuracy(0.95, 0.95),
            latency_ms=latency(0.5),
            layers=layers(None, 120.0, 110.0, 100.0),
        ),
        fake(
            "coral",
            **common,
            target="coral",
            size_bytes=20_000,
            quality=accuracy(0.95, 0.94),
            latency_ms=latency(0.125),
            coral=CORAL,
            layers=layers(40.0, 30.0, 25.0, 20.0),
        ),
        fake(
            "npu",
            **common,
            target="ethos-u55-128",
            size_bytes=22_000,
            quality=accuracy(0.95, 0.946),
            latency_ms=latency(0.2),
            npu=NPU,
            memory={"arena_bytes": 31_000},
            layers=None,
        ),
    ]


@pytest.fixture(scope="module")
def report(bundles, tmp_path_factory):
    """The page and the Markdown of those bundles."""
    path = compare(bundles, tmp_path_factory.mktemp("reports") / "new")
    return path.read_text("utf-8"), path.with_name("compare.md").read_text("utf-8")


class Page(HTMLParser):
    """Checks that every element is closed in its turn, and keeps elements and tables."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.tables, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.attributes.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.attributes.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def markdown_tables(text):
    """The tables' cells, by heading."""
    found = {}
    for part in text.split("\n## ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        found[part.splitlines()[0]] = [rows[0], *rows[2:]]
    return found


def test_the_page_is_well_formed_and_needs_nothing_else(report):
    page = Page(report[0])
    tags = {tag for tag, _ in page.attributes}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed"}
    keys = {key for _, attributes in page.attributes for key in attributes}
    assert not keys & {"src", "href", "xlink:href", "srcset", "onload"}
    assert not re.search(r"https?:|url\(|@import", report[0])


def test_the_tables_are_the_cards(bundles, report):
    cards = [load(bundle).card for bundle in bundles]
    found = markdown_tables(report[1])
    expected = markdown_tables(f"\n## x\n{table(cards)}")["x"]
    assert [row[1:] for row in found["Figures: accuracy"][1:]] == [row[1:] for row in expected[1:]]
    assert found["Figures: accuracy"][1] == [
        "cpu", "int8", "95.00 %", "94.70 %", "20.0 kB", "0.250 ms", "–", "–"
    ]  # fmt: skip
    assert "latency" in found["Figures: accuracy"][0]
    parity = cards[0]["parity"]
    assert found["Parity with Keras"][1] == [
        "cpu",
        f"{parity['max_abs_error']:.3g}",
        f"{parity['mean_abs_error']:.3g}",
        f"{parity['sqnr_db']:.1f} dB",
        f"{parity['examples']}",
        "test data",
    ]
    memory = found["Size and memory"]
    row = dict(zip(memory[0], memory[4], strict=True))
    assert row["model, bytes"] == "22,000" and row["arena, bytes"] == "31,000"
    assert found["Figures: accuracy"][4][-1] == "420,000" and row["NPU SRAM, bytes"] == "30,000"
    assert row["NPU flash, bytes"] == "150,000" and "NPU DRAM, bytes" not in row
    assert dict(zip(memory[0], memory[3], strict=True))["operators on the Edge TPU"] == "10 of 12"
    assert found["How it was measured"][1][1:3] == [
        "accuracy over 1,234 test examples",
        "median of 200 runs, 1 thread(s), ai-edge-litert 2.3.0, Some CPU",
    ]
    assert found["Tools"] == [["tool", "all bundles"], *map(list, cards[0]["tools"].items())]


def test_the_page_has_the_same_tables(report):
    found = markdown_tables(report[1].replace("\\<", "<"))
    assert Page(report[0]).tables == list(found.values())


def test_operators_left_to_the_cpu_are_marked(bundles, report):
    found = markdown_tables(report[1])
    rows = {row[0]: row[1:] for row in found["Operators"]}
    count = load(bundles[0]).card["ops"]["CONV_2D"]
    assert rows["operator"] == ["cpu", "cpu-float", "coral", "ethos-u55-128"]
    assert rows["CONV_2D"] == [f"{count}", f"{count}", f"{count}, 1 on the CPU", f"{count}"]
    assert rows["SOFTMAX"] == ["1", "1", "1, on the CPU", "1"]
    assert rows["EXTRA"] == ["–", "–", "–", "–, 1 on the CPU"]
    assert report[0].count("fallback'>") == 3
    assert found["Left to the CPU"][1:] == [
        ["coral", "CONV_2D × 1", "is \\<too> wide"],
        ["coral", "SOFTMAX × 1", "comes after b"],
        ["ethos-u55-128", "EXTRA × 1", "not in the NPU"],
    ]


def test_the_compilers_own_word_counts_more_than_the_rules(fake, tmp_path):
    rows = [
        {"operator": "CONV_2D", "count": 4, "status": "Mapped to Edge TPU", "tpu": True},
        {"operator": "CONV_2D", "count": 2, "status": "Too large", "tpu": False},
    ]
    compiled = CORAL | {"compiled": True, "report": {"operators": rows}}
    path = compare([fake("compiled", coral=compiled)], tmp_path / "report")
    found = markdown_tables(path.with_name("compare.md").read_text())
    assert found["Left to the CPU"][1:] == [["cpu", "CONV_2D × 2", "Too large"]]


def test_the_charts_hold_every_bundle(report):
    charts = re.findall(r"<svg viewBox='?\"?0 0.*?</svg>", report[0], re.DOTALL)
    labels = [re.search(r'aria-label="([^"]*)"', chart)[1] for chart in charts]
    assert labels == [
        "deployed accuracy, % against model size, kB",
        "deployed accuracy, % against median latency on the exporting CPU, ms",
        "deployed accuracy, % against NPU cycles, estimated by its compiler",
        "net: SQNR of each layer, dB, row by row",
    ]
    titles = [re.findall(r"<title>(.*?)</title>", chart) for chart in charts]
    assert titles[0] == [
        "cpu: accuracy 94.70 %, 20.0 kB",
        "cpu-float: accuracy 95.00 %, 80.0 kB",
        "coral: accuracy 94.00 %, 20.0 kB",
        "ethos-u55-128: accuracy 94.60 %, 22.0 kB",
    ]
    assert titles[1][2] == "coral: accuracy 94.00 %, 0.125 ms"
    assert titles[2] == ["ethos-u55-128: accuracy 94.60 %, 420,000 cycles"]
    # Two bundles with the same figures share a line; one without layers has none.
    assert titles[3][4:] == [
        "cpu, coral, conv_1: 40.0",
        "cpu, coral, conv_2: 30.0",
        "cpu, coral, dense: 25.0",
        "cpu, coral, dense: 20.0",
        "cpu-float, conv_2: 120.0",
        "cpu-float, dense: 110.0",
        "cpu-float, dense: 100.0",
    ]
    assert titles[3][0] == "conv_1 (CONV_2D)"
    assert "More than 90 dB, the rounding of floats, is drawn at 90 dB." in report[0]


def test_rows_of_bundles_whose_layers_differ_keep_their_order(fake, tmp_path):
    made = [
        fake(
            target,
            target=target,
            layers=[{"layer": n, "operator": "X", "sqnr_db": 9.0} for n in names],
        )
        for target, names in {"cpu": "abcd", "gpu": "axd", "coral": "bcye"}.items()
    ]
    page = compare(made, tmp_path / "report").read_text()
    assert re.findall(r"<title>(\w) \(X\)</title>", page) == list("axbcyed")


def test_the_headline_says_what_the_reader_wants_to_know(report):
    lines = [
        "Most accurate: cpu-float with 95.00 %.",
        "Smallest of those that lose at most 0.5 points of accuracy against Keras: cpu with "
        "20.0 kB.",
        "Fastest of them on the CPU it was exported on (Some CPU): cpu with 0.250 ms.",
        "Fewest NPU cycles: ethos-u55-128 with 420,000 cycles.",
    ]
    assert report[1].startswith("# Bundles compared\n\n- " + "\n- ".join(lines) + "\n\n## ")
    page = html.unescape(report[0]).replace("\N{NO-BREAK SPACE}", " ")
    assert all(f"<li>{line}</li>" in page for line in lines)


def test_the_least_of_error_rates_is_the_best(fake, tmp_path):
    rate = {"metric": "symbol_error_rate", "keras": 0.04, "examples": 9}
    made = [
        fake("a", quality=rate | {"deployed": 0.042}),
        fake("b", target="gpu", quality=rate | {"deployed": 0.041}),
        fake("c", target="coral", quality=rate | {"deployed": 0.06}),
    ]
    text = compare(made, tmp_path / "report").with_name("compare.md").read_text()
    assert "- Best symbol error rate: gpu with 4.10 %.\n" in text
    assert "that lose at most 0.5 points of symbol error rate against Keras: " in text


def test_models_and_metrics_that_differ(fake, tmp_path):
    error = {"metric": "mean_absolute_error", "keras": 0.2, "deployed": 0.21, "examples": 9}
    made = [
        fake("a", name="one", quality=accuracy(0.9, 0.8)),
        fake("b", name="two", quality=error),
        fake("c", name="two", target="gpu", quality=error | {"deployed": 0.2}),
        fake("d", name="three", quality=None),
        fake("e", name="four", quality=None, parity={"sqnr_db": None, "examples": 9,
             "max_abs_error": 0.0, "mean_abs_error": 0.0}),
    ]  # fmt: skip
    path = compare(made, tmp_path / "report")
    page, text = path.read_text(), path.with_name("compare.md").read_text()
    Page(page)
    assert "- None keeps within 0.5 points of accuracy against Keras.\n" in text
    assert "- Best mean absolute error: two · gpu with 0.2.\n" in text
    assert "- Closest to Keras: four · cpu, without error.\n" in text
    assert list(markdown_tables(text))[:3] == [
        "Figures: accuracy",
        "Figures: mean absolute error",
        "Figures: no metric measured",
    ]
    ratio = load(made[3]).card["parity"]["sqnr_db"]
    assert f"<title>three · cpu: SQNR {ratio:.1f} dB, " in page
    assert "Without any error, so not in the chart: four · cpu." in page
    assert "one in Keras" in page and page.count("two in Keras") == 2


def test_names_are_escaped(fake, tmp_path):
    odd = fake("odd", name="<b>net|1</b>\n", target="cpu")
    path = compare([odd, fake("even", name="other")], tmp_path / "report")
    page, text = path.read_text(), path.with_name("compare.md").read_text()
    Page(page)
    assert "<b>" not in page and "&lt;b&gt;net|1&lt;/b&gt;" in page
    assert "| \\<b>net\\|1\\</b> · cpu |" in text
    assert not re.search(r"(?<!\\)<", text)


def test_bundles_of_one_name_are_told_apart(fake, tmp_path):
    twice = [fake("before"), fake("after")]
    path = compare([*twice, fake("short", scheme="int4"), twice[0]], tmp_path / "report")
    rows = markdown_tables(path.with_name("compare.md").read_text())["Figures: accuracy"]
    assert [row[0] for row in rows[1:]] == [
        f"cpu (int8) ({twice[0]})",
        f"cpu (int8) ({twice[1]})",
        "cpu (int4)",
    ]


def test_tools_that_differ_stand_side_by_side(fake, tmp_path):
    made = [fake("new", target="gpu"), fake("old", tools={"keras": "3.10"})]
    path = compare(made, tmp_path / "report")
    rows = markdown_tables(path.with_name("compare.md").read_text())["Tools"]
    assert rows[0] == ["tool", "gpu", "cpu"]
    assert ["keras", load(made[0]).card["tools"]["keras"], "3.10"] in rows


def test_an_earlier_report_is_replaced_and_nothing_else(bundles, tmp_path):
    out = tmp_path / "report"
    out.mkdir()
    compare(bundles[:1], out)
    first = (out / "compare.html").read_text()
    compare(bundles, out)
    assert (out / "compare.html").read_text() != first
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "compare.html", "compare.md", "report"
    ]  # fmt: skip
    (out / "notes.txt").write_text("mine")
    with pytest.raises(deploy.DeployError, match="which is or holds something else"):
        compare(bundles, out)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "link", "page", "bundle"])
def test_what_is_no_report_is_not_replaced(bundles, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        out.symlink_to(tmp_path / "elsewhere")
    elif kind == "page":
        out.mkdir()
        (out / "compare.html").write_text("mine")
    else:
        out = bundles[0]
    with pytest.raises(deploy.DeployError, match=re.escape(f"received '{out}', which is or holds")):
        compare(bundles, out)


def test_a_folder_that_cannot_be_made_is_an_error(bundles, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(deploy.DeployError, match="could not write the report"):
        compare(bundles[:1], tmp_path / "file" / "out")


def test_no_bundle_is_an_error(tmp_path):
    with pytest.raises(deploy.DeployError, match="expected at least one bundle to compare"):
        compare([], tmp_path / "out")
    with pytest.raises(deploy.DeployError, match="expected the folder of a bundle, received"):
        compare([tmp_path / "nothing"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_bundle_is_an_error(fake, tmp_path):
    damaged = fake("damaged")
    content = (damaged / "model.tflite").read_bytes()
    (damaged / "model.tflite").write_bytes(content[:-1])
    with pytest.raises(deploy.DeployError, match="damaged or replaced"):
        compare([damaged], tmp_path / "out")
    card = json.loads((damaged / "card.json").read_text())
    del card["parity"], card["tools"]
    (damaged / "card.json").write_text(json.dumps(card))
    (damaged / "model.tflite").write_bytes(content)
    with pytest.raises(deploy.DeployError, match="expected a card with parity, tools, received"):
        compare([damaged], tmp_path / "out")
    (damaged / "card.json").write_text(json.dumps(card | {"parity": 3, "tools": {}}))
    with pytest.raises(deploy.DeployError, match="received one that has been changed"):
        compare([damaged], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bundle_named_twice_counts_once(bundles, tmp_path):
    again = bundles[0] / ".." / bundles[0].name
    compare([bundles[0], again], tmp_path / "out")
    tables = markdown_tables((tmp_path / "out" / "compare.md").read_text())
    assert len(tables["Parity with Keras"]) == 2  # the header and one bundle


def test_the_command_line(bundles, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["compare", *map(str, bundles), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'compare.html'}\n"
    assert main(["compare", str(tmp_path), "--out", str(out)]) == 2
    assert "deploy: error: expected a bundle folder" in capsys.readouterr().err
