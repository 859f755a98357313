"""The table of connectors in connectors/README.md, made from the registry: `python -m connectors.catalogue` writes it, a test keeps it true."""

from __future__ import annotations

from pathlib import Path

from connectors.registry import CONNECTORS
from core.county.feeds import KINDS

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- table: python -m connectors.catalogue -->", "<!-- end of table -->"


def rows() -> str:
    """One line a connector, by its name: what it reads, what it needs, the options of its row in feeds.yaml."""
    lines = ["| connector | 读什么 reads | 需要 needs | 选项 options |", "|---|---|---|---|"]
    for name, connector in sorted(CONNECTORS.items()):
        options = ", ".join(f"`{option}`" for option in KINDS[name][1]) or "-"
        listing = "（全量列表 list of all in force）" if connector.listing else ""
        lines.append(f"| `{name}` | {connector.title}{listing} | {connector.needs} | {options} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """The README with the table as it now is."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{rows()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
