import json

import pytest

from intarsia.chip import verilog
from intarsia.cli import main
from intarsia.isa.config import CONFIGS


def leave(*arguments):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    return leaving.value.code or 0


def test_files_are_told_as_they_are_written(tmp_path, capsys, monkeypatch):
    asked = []
    figures = tmp_path / "new" / "files.json"

    def write(config, folder):
        asked.append((config, folder))
        for name in ("chip.v", "isa.md"):
            (folder / name).write_text(name)
            yield name

    monkeypatch.setattr(verilog, "write", write)
    assert leave("verilog", "--config", "tiny", "-o", str(tmp_path), "--json", str(figures)) == 0
    assert asked == [(CONFIGS["tiny"], tmp_path)]
    told = capsys.readouterr().err
    for name in ("chip.v", "isa.md"):
        assert str(tmp_path / name) in told
    assert json.loads(figures.read_text()) == {
        "config": "tiny",
        "folder": str(tmp_path),
        "bytes": {"chip.v": 6, "isa.md": 6},
    }


def test_folder_in_the_way_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert leave("verilog", "-o", str(tmp_path / "file")) == 2
    assert capsys.readouterr().err == f"intarsia: {tmp_path / 'file'}: File exists\n"
