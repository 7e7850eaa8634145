"""A page taken apart, and texts that would do something if they were not text."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = {
    "html": "</script><img src=x onerror=alert(1)><b>bold",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "terminal": "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "markdown": "![i](http://evil.example/i.png) [l](http://evil.example) **b** `c` | d\n# head",
    "rich": "[bold red]x[/] [link=http://evil.example]y[/link]",
    "right-to-left": "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd \u2066x",
    "long": "x" * 10_000,
    "surrogate": "a\ud800b",
    "comment": "--> <!-- ]]> <![CDATA[ </style></title>",
}

VOID = frozenset({"meta", "br", "img", "input", "link", "hr"})


class Page(HTMLParser):
    """Tags, attributes and text of a page; `unbalanced` lists end tags that end nothing."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    @property
    def text(self) -> str:
        """Everything that a reader can see."""
        return " ".join(
            part for tag, parts in self.texts.items() if tag not in ("script", "style") for part in parts
        )
