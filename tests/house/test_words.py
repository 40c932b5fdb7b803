"""Words: every one in both languages, with the same holes, and none that no screen says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from mes.words import LANGS, word, words

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "dashboards" / "web" / "src"
OF_PAGES = PAGES / "words"
PLACES = {"shared": ROOT / "mes" / "words" / "{lang}.json"} | {
    file.name.removesuffix("en.json") or "pages": OF_PAGES / f"{file.name.removesuffix('en.json')}{{lang}}.json"
    for file in OF_PAGES.glob("*en.json")
}
HOLE = re.compile(r"\{(\w+)\}")


def read(place: str, lang: str) -> dict[str, str]:
    return json.loads(Path(str(PLACES[place]).format(lang=lang)).read_text("utf-8"))


@pytest.mark.parametrize("place", PLACES)
def test_every_word_is_there_in_both_languages(place: str) -> None:
    """Chinese and English have the same words with the same holes, none of them empty."""
    zh, en = (read(place, lang) for lang in ("zh", "en"))
    assert sorted(zh) == sorted(en)
    assert [key for key in zh if sorted(HOLE.findall(zh[key])) != sorted(HOLE.findall(en[key]))] == []
    assert [key for key in zh if not zh[key].strip() or not en[key].strip()] == []


def test_no_file_shadows_a_word_of_another() -> None:
    """A word has one meaning everywhere."""
    keys = [key for place in PLACES for key in read(place, "en")]
    assert [key for key, times in Counter(keys).items() if times > 1] == []


def test_words_of_pages_are_said_by_one() -> None:
    """A word nobody says any more is taken out."""
    source = "\n".join(
        path.read_text("utf-8")
        for path in PAGES.rglob("*")
        if path.suffix in (".ts", ".vue") and path.name != "types.ts"
    )
    families = set(re.findall(r"`([a-z_]+)\.\$\{", source))
    said = {key for place in PLACES if place != "shared" for key in read(place, "en")}
    silent = [key for key in sorted(said) if f"'{key}'" not in source and key.split(".")[0] not in families]
    assert silent == []


def test_chinese_is_chinese() -> None:
    """Nothing was left in English in the Chinese words, but for names that are the same in both."""
    latin = [
        key
        for place in PLACES
        for key, text in read(place, "zh").items()
        if not re.search(r"[\u4e00-\u9fff]", HOLE.sub("", text))
    ]
    assert latin == []


def test_a_word_is_found_with_its_holes_filled() -> None:
    """The finder of messages and command line answers in both languages and refuses a word nobody has."""
    assert [word("status.fault", lang) for lang in LANGS] == ["故障", "Fault"]
    assert len(words("zh")) == len(words("en"))
    with pytest.raises(KeyError):
        word("status.dancing", "en")
