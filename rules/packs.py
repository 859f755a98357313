"""Rule packs found by name and loaded together: the county's own, else the shipped ones, with everything wrong in all of them told at once."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from core.errors import ConfigError, ConfigErrors
from core.signing import digest
from rules.catalogue import Catalogue, Indicator, clash, load_catalogue
from rules.language import Place, unknown_word
from rules.packfile import read_pack
from rules.rule import COLOURS, Cause, Hold, Pack, Rule, asked_names, used_names, vocabulary
from rules.yamltext import Problems

__all__ = [
    "COLOURS", "FOLDER", "Cause", "Hold", "Pack", "Rule", "asked_names", "find", "load_pack", "load_packs", "shipped", "used_names", "vocabulary",
]

FOLDER = Path(__file__).with_name("packs")


def load_pack(path: Path, catalogue: Catalogue | None = None) -> Pack:
    """Read and check one pack file (kept while its bytes stay the same); ConfigErrors with file:line:column otherwise."""
    try:
        sha = digest(path.read_bytes())
    except OSError as error:
        raise ConfigError("规则包读不到 / the pack cannot be read", path=path) from error
    return _load(path, sha) if catalogue is None else read_pack(path, sha, catalogue)


@functools.lru_cache(maxsize=256)
def _load(path: Path, sha: str) -> Pack:
    return read_pack(path, sha, load_catalogue())


def find(names_: Iterable[str], county_root: Path | None = None, folder: Path = FOLDER) -> list[Path]:
    """Files of pack names such as "cn/rainstorm": in the county's own packs/ first, else in `folder` (the shipped ones). ConfigErrors otherwise.

    Another folder than the shipped one stands for a trial of its packs: what lies there goes before the county's own.
    """
    problems, paths = Problems(), []
    own = [county_root / "packs"] if county_root else []
    folders = [*own, FOLDER] if folder == FOLDER else [folder, *own, FOLDER]
    for name in names_:
        place = next((f / f"{name}.yaml" for f in folders if (f / f"{name}.yaml").is_file()), None)
        if place is None or ".." in Path(name).parts:
            where = Place((county_root or FOLDER) / "county.yaml")
            problems.errors.append(unknown_word("规则包", "pack", name, _shipped(), where))
        else:
            paths.append(place)
    problems.raise_any()
    return paths


def _shipped() -> list[str]:
    return [str(p.relative_to(FOLDER).with_suffix("")) for p in shipped()]


def shipped() -> list[Path]:
    """All shipped packs, sorted."""
    return sorted(p for p in FOLDER.glob("*/*.yaml") if not p.name.endswith(".test.yaml"))


def load_packs(paths: Iterable[Path]) -> tuple[Pack, ...]:
    """All packs of a county; every error of every file at once, no rule id twice, and no word with two meanings."""
    problems, packs = Problems(), []
    seen: dict[str, str] = {}
    named: dict[str, Path] = {}
    words: dict[str, Indicator] = {}
    for path in paths:
        try:
            pack = load_pack(path)
        except ConfigErrors as error:
            problems.errors += error.errors
            continue
        except ConfigError as error:
            problems.errors.append(error)
            continue
        packs.append(pack)
        if pack.pack in named:
            problems.add(f"包名 {pack.pack} 已由 {named[pack.pack].name} 用了，依据与审计里分不清", "pack name used twice", Place(path, 1), "换一个名字 / take another")
        named.setdefault(pack.pack, path)
        for rule in pack.rules:
            if rule.id in seen:
                problems.add(f"规则编号 {rule.id} 已在 {seen[rule.id]} 中", "rule id used twice", Place(path))
            seen[rule.id] = path.name
        problems.errors += [clash(word, words[word.name]) for word in pack.words if words.setdefault(word.name, word) != word]
    problems.raise_any()
    return tuple(packs)
