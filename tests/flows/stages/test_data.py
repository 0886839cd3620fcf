import json
from pathlib import Path


def test_card_says_what_the_data_are(tiny_run: Path) -> None:
    document = json.loads((tiny_run / "stages/01-data/card.json").read_text())
    assert document["name"] == "jets"
    assert document["rows"] == {"train": 1500, "validation": 1500, "test": 1500}
    assert document["classes"] == ["g", "q", "w", "z", "t"]
    assert len(document["card"]["sha256"]) == 64
