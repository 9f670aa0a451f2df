"""The page of a report, as a browser sees it."""

import json
import re
import shutil
import subprocess

import pytest

from intarsia.isa.counters import Activity
from intarsia.isa.instruction import Stream
from intarsia.report import write_report
from intarsia.report.reasons import stalled
from intarsia.report.tables import stalls
from tests.sw.report.recordings import RECORDING

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FIGURES = ("cycles", "stalls", "roofline", "counters", "traffic")
TABLES = ("layers", "stalls", "engines", "counters")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    write_report(RECORDING, folder)
    return folder


@pytest.fixture(scope="module")
def seen(folder):
    """What a browser makes of the page, and what it complains about."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser; `apt install chromium` brings one")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    blocked = "--host-resolver-rules=MAP * ~NOTFOUND"
    dump = ["--virtual-time-budget=10000", "--window-size=1200,1600", "--dump-dom"]
    page = (folder / "index.html").as_uri()
    profile = f"--user-data-dir={folder.parent / 'profile'}"
    command = [browser, *options, blocked, profile, *dump, page]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, result.stderr


def test_files(folder):
    names = {path.name for path in folder.iterdir()}
    tables = {f"{name}.csv" for name in TABLES}
    assert names == {"index.html", "report.json"} | tables


def test_json_has_everything(folder):
    everything = json.loads((folder / "report.json").read_text())
    assert everything["report"] == RECORDING.report
    assert everything["cycles"] == 1230
    assert everything["inferences"] == [[400, 500], [1000, 1200]]
    for name in TABLES:
        lines = (folder / f"{name}.csv").read_text().splitlines()
        assert len(everything[name]) == len(lines) - 1
        assert list(everything[name][0]) == lines[0].split(",")


def test_same_recording_gives_the_same_page(folder, tmp_path):
    write_report(RECORDING, tmp_path)
    assert (tmp_path / "index.html").read_bytes() == (folder / "index.html").read_bytes()


def test_page_needs_no_other_file(folder):
    text = (folder / "index.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]*\s(src|href)=", text)


def test_names_are_no_markup(folder):
    text = (folder / "index.html").read_text()
    assert "<h1>small &amp; &lt;fine&gt;.onnx</h1>" in text
    assert "<td>&lt;b&gt;first&lt;/b&gt;</td>" in text


def test_browser_draws_every_figure(seen):
    dom, _ = seen
    drawn = dom.split("<section>")[1:]
    for name, section in zip(FIGURES, drawn, strict=False):
        assert f'id="{name}"' in section
        assert "main-svg" in section


def test_browser_shows_what_the_figures_are_of(seen):
    dom, _ = seen
    for text in (
        "waiting for transfers",
        "multiplications at full use",
        "chip memory, all banks: 64 bytes per cycle",
        "waiting for operands",
    ):
        assert text in dom


def test_browser_draws_a_bar_of_each_use_for_each_layer(seen):
    dom, _ = seen
    cycles = dom.split("<section>")[1]
    layers, uses = 2, 6
    assert len(re.findall(r'<g class="point"', cycles)) == layers * uses


def test_browser_stacks_a_bar_of_each_reason_for_each_layer(seen):
    """Of the engine that the menu shows first, and for what belongs to no layer."""
    dom, _ = seen
    stalls = dom.split("<section>")[2]
    rows, reasons = 3, len(Activity)
    assert len(re.findall(r'<g class="point"', stalls)) == rows * reasons
    assert "after the last layer" in stalls
    assert re.findall(r'class="updatemenu-item-text"[^>]*>([a-z]+)<', stalls) == ["conv"]


def test_menu_shows_one_engine_at_a_time():
    figure = stalled(stalls(RECORDING), 2)
    [menu] = figure["layout"]["updatemenus"]
    longest = {}
    for number, entry in enumerate(menu["buttons"]):
        shown = [
            bar
            for bar, seen in zip(figure["data"], entry["args"][0]["visible"], strict=True)
            if seen
        ]
        if number == menu["active"]:
            assert [bar["visible"] for bar in figure["data"]] == entry["args"][0]["visible"]
        assert len(shown) == len(Activity)
        lengths = [sum(parts) for parts in zip(*(bar["x"] for bar in shown), strict=True)]
        assert sum(lengths) == 200
        low, high = entry["args"][1]["xaxis.range"]
        assert low == 0 < max(lengths) < high < 1.1 * max(lengths)
        longest[entry["label"]] = max(lengths)
    assert longest == {"conv": 140, "vector": 200, "local": 200, "remote": 200, "control": 200}


def test_page_has_the_reasons_in_numbers(folder):
    table = (folder / "index.html").read_text().rpartition("<table>")[2]
    row = "<td>&lt;b&gt;first&lt;/b&gt;</td><td>conv</td><td>70</td><td></td><td>6</td><td>9</td>"
    assert f"<tr>{row}<td></td><td></td><td></td><td>5</td><td>90</td></tr>" in table
    rest = [row for row in table.splitlines() if "<td>after the last layer</td>" in row]
    assert len(rest) == len(Stream)
    assert rest[1].endswith("<td>280</td><td>280</td></tr>")


def test_browser_does_not_complain(seen):
    _, complaints = seen
    assert not re.search(r"CONSOLE.*(error|uncaught)", complaints, re.I)
