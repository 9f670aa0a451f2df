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

    def write(config, folder):
        asked.append((config, folder))
        yield from ("chip.v", "isa.md")

    monkeypatch.setattr(verilog, "write", write)
    assert leave("verilog", "--config", "tiny", "-o", str(tmp_path)) == 0
    assert asked == [(CONFIGS["tiny"], tmp_path)]
    told = capsys.readouterr().err
    for name in ("chip.v", "isa.md"):
        assert str(tmp_path / name) in told


def test_folder_in_the_way_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert leave("verilog", "-o", str(tmp_path / "file")) == 2
    assert capsys.readouterr().err == f"intarsia: {tmp_path / 'file'}: File exists\n"
