"""YAML that nobody should trust: one error with one sentence, soon, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.runlog.safe_yaml import MAX_BYTES, YamlError, load_yaml

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i}\n  <<: [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "aliases stand for more than"),
        (MERGES, "aliases stand for more than"),
        ("a: &a {b: *a}", "line 1, what is there contains itself"),
        ("a: &a [*a]", "contains itself"),
        ("? [a, b]\n: 1", "line 1, found unhashable key"),
        ("x: " + "1" * 5000, "limit"),
        ("x: 0x" + "f" * 5000, "300 digits"),
        ("seed: 2021-13-45", "month"),
        ("[" * 3000, "deep"),
        ("{a: " * 3000, "deep"),
        ("- " * 3000 + "1", "deep"),
        ("!!int 'zz'", "invalid literal"),
        ("!!timestamp 'zz'", "not of the kind"),
        ("!!bool zz", "not of the kind"),
        ("!!python/object:os.x {}", "line 1, could not determine a constructor"),
        ("a: b\nc: d: e", "line 2, mapping values"),
        ("\0", "special characters"),
        ("a: *b", "undefined alias"),
        ("x: " + "a" * MAX_BYTES, "larger than"),
    ],
)
def test_yaml_that_cannot_be_a_configuration_is_one_error_with_one_sentence(text: str, words: str) -> None:
    with pytest.raises(YamlError, match=words) as caught:
        load_yaml(text)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_configurations_really_say_is_read() -> None:
    text = "base: &base {lr: 1e-3, steps: 10}\nrun:\n  <<: *base\n  steps: 20\nalso: [*base, *base]\n"

    assert load_yaml(text)["run"] == {"lr": "1e-3", "steps": 20}
    assert load_yaml("") is None


def test_a_file_is_read_and_one_that_cannot_be_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbfseed: 3\n")
    (tmp_path / "binary.yaml").write_bytes(b"\x80\x02}")

    assert load_yaml(tmp_path / "config.yaml") == {"seed": 3}
    for path, words in ((tmp_path, "cannot be read: Is a directory"), (tmp_path / "binary.yaml", "not text")):
        with pytest.raises(YamlError, match=words):
            load_yaml(path)
