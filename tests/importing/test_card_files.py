from __future__ import annotations

from pathlib import Path

import pytest

from tests import old_system
from tests.conftest import run_cli
from tests.fixtures import pair
from weather.contract.names import CARD_FILE
from weather.importing.reading.artifacts import read
from weather.importing.reading.card_files import MAX_CARD_BYTES, MAX_PICTURE_BYTES, read_card

ABOUT = ["a" * 64, "b" * 64]


def card(folder: Path, text: str) -> None:
    (folder / CARD_FILE).write_text(text + "\n" + "\n".join(ABOUT))


def test_a_card_about_other_artifacts_is_left_out_and_import_says_so(tmp_path: Path) -> None:
    pair.write(tmp_path)
    scaler, model = old_system.write(tmp_path)
    (tmp_path / "manifest.json").unlink()
    assert not read(scaler, model).card.files
    done = run_cli("import", "--scaler", scaler, "--model", model, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "it is about other artifacts" in " ".join(done.stderr.split())
    assert not list((tmp_path / "home").rglob(CARD_FILE))


def test_both_digests_are_wanted(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).write_text(ABOUT[0])
    assert not read_card(tmp_path, ABOUT).files
    card(tmp_path, "")
    assert read_card(tmp_path, ABOUT).files.keys() == {CARD_FILE}


def test_only_pictures_that_the_card_shows_and_of_its_own_folder_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (tmp_path / "outside.svg").write_text("<svg/>")
    for name in ("shown.svg", "shown.png", "not-shown.svg"):
        (folder / name).write_text("<svg/>")
    (folder / "link.svg").symlink_to(tmp_path / "outside.svg")
    (folder / "large.svg").write_bytes(b" " * (MAX_PICTURE_BYTES + 1))
    shown = ["shown.svg", "shown.png", "../outside.svg", "link.svg", "large.svg", "gone.svg", "run.sh"]
    card(folder, " ".join(f"![x]({name})" for name in shown))
    found = read_card(folder, ABOUT)
    assert found.files.keys() == {CARD_FILE, "shown.svg", "shown.png"}
    assert found.note.endswith("link.svg, large.svg, gone.svg")


@pytest.mark.parametrize("content", [b"\xff", b" " * (MAX_CARD_BYTES + 1)])
def test_a_card_that_can_not_be_used_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CARD_FILE).write_bytes(content + "".join(ABOUT).encode())
    found = read_card(tmp_path, ABOUT)
    assert not found.files
    assert "was left out" in found.note


def test_the_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    assert read_card(tmp_path, ABOUT).digest == ""
    card(tmp_path, "![x](a.svg) ![x](b.svg)")
    digests = set()
    for a, b in (("1", "2"), ("2", "1"), ("1", "1")):
        (tmp_path / "a.svg").write_text(a)
        (tmp_path / "b.svg").write_text(b)
        digests.add(read_card(tmp_path, ABOUT).digest)
    assert len(digests) == 3
