"""Training with stand-ins, and classifying without the markers, as whole commands."""

from __future__ import annotations

from commands import run_here
from standing import cases, written


def test_whole_commands(tmp_path, capsys):
    run = run_here(capsys)
    every, known = cases(90)
    runs = written(tmp_path / "runs", every)
    lines = ["file,entity", *(f"{key},{entity}" for key, entity in known.items())]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = run(
        "train", runs, "--labels", tmp_path / "labels.csv", "--id", "file", "--label", "entity",
        "--out", tmp_path / "m.flowml", "--stand-in", "fsc-a=FSC-H", "--stand-in", "CD20=CD22",
        "--tolerance", "0.06", "-q",
    )  # fmt: skip
    assert made.status == 0, made.err
    assert "FSC-H may stand in for FSC-A: 0.0% fewer" in made.out
    assert "CD22 may not stand in for CD20: " in made.out
    lacking = written(tmp_path / "new", cases(6, ("FSC-A",), first=300)[0])
    found = run("classify", lacking, "--model", tmp_path / "m.flowml", "--format", "json", "-q")
    assert found.status == 0, found.err
    assert found.out.count("PANEL-STAND-IN") >= 6
    wrong = run("train", runs, "--labels", tmp_path / "labels.csv", "--id", "file", "--label",
                "entity", "--out", tmp_path / "n.flowml", "--stand-in", "FSC-A")  # fmt: skip
    assert wrong.status == 2
    assert "like FSC-A=FSC-H" in wrong.err
