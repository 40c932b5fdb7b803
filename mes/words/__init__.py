"""Every word that screens, messages and the command line share, in Chinese and English: `word("status.fault", "zh")`.

The words stand in `zh.json` and `en.json`, which the screens read too; words of one page alone stand beside the pages
in `dashboards/web/src/words`. Names that belong to a plant (items, reasons) come from its database in both languages.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")


@cache
def words(lang: Lang) -> dict[str, str]:
    """All shared words of a language, by key."""
    loaded: dict[str, str] = json.loads(Path(__file__).with_name(f"{lang}.json").read_text("utf-8"))
    return loaded


def word(key: str, lang: Lang, **holes: object) -> str:
    """The word for `key` with its `{holes}` filled. Raises KeyError for a key that is in no language."""
    return words(lang)[key].format(**holes)


def lang_of(preferred: str) -> Lang:
    """The language for what a browser or system prefers (`zh-CN,zh;q=0.9`): Chinese where it is asked for first."""
    return "zh" if preferred.strip().lower().startswith("zh") else "en"
