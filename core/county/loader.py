"""Read and check a county folder. Every problem found is told at once, with file:line and what to do, before anything starts."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from core.county.county import County
from core.county.decisions import read_groups, read_policy
from core.county.departments import read_departments
from core.county.feeds import read_feeds
from core.county.limits import read_limits
from core.county.outline import read_outline, with_cells
from core.county.overrides import read_overrides
from core.county.people import read_reporters
from core.county.places import DATUMS, read_loudspeakers, read_stations, read_towns
from core.county.problems import Problems, meant, shown
from core.county.texts import harmless, read_templates
from core.county.things import read_things
from core.county.together import check_together
from core.county.tree import Node
from core.county.watch import read_climate, read_links, read_maintenance
from core.county.words import read_words
from core.county.zone import clock_fits, read_zone
from core.errors import ConfigError, ConfigErrors
from core.signing import digest

#: Where the packs that come with the house lie; a county may have its own in packs/. What is in them is the rule engine's business.
SHIPPED_PACKS = Path(__file__).resolve().parents[2] / "rules" / "packs"
HEAD = ("code", "name", "name_en", "prefecture", "issuer", "signature", "datum", "packs")
#: A folder that `fengsui county new` made; the clock that people read.
HEAD_EXTRA = ("draft", "zone")
#: Every file that a county folder may hold beside scenarios/ and packs/.
FILES = ("county.yaml", "outline.csv", "towns.csv", "feeds.yaml", "stations.csv", "things.csv", "links.csv", "climate.csv", "maintenance.csv", "limits.csv",
         "groups.yaml", "policy.yaml", "templates.yaml", "words.yaml", "loudspeakers.csv", "reporters.csv", "departments.yaml", "overrides.csv", "drill.yaml")
_CACHE: dict[tuple[Path, str], County] = {}


def load_county(path: Path) -> County:
    """The county in folder `path`; ConfigErrors with all problems when it is wrong. Unchanged folders are read once a process."""
    root = path.resolve()
    if not (root / "county.yaml").is_file():
        raise ConfigErrors([ConfigError("这不是县域文件夹：缺 county.yaml / not a county folder", path=path, hint="新建一个 / make one: fengsui county new 文件夹")])
    version = _version(root)
    if (root, version) not in _CACHE:
        _CACHE[root, version] = _read(root, version)
    return _CACHE[root, version]


def _version(root: Path) -> str:
    """Digest of every file of the folder itself; a file that cannot be read is the readers' business."""
    lines = []
    for path in sorted(p for p in root.iterdir() if p.suffix in (".yaml", ".csv")):
        try:
            lines.append(f"{path.name}:{digest(path.read_bytes())}\n")
        except OSError:
            lines.append(f"{path.name}:-\n")
    return digest("".join(lines))


def _read(root: Path, version: str) -> County:
    problems = Problems(root)
    head = Node.read(problems, "county.yaml").fields(HEAD, HEAD_EXTRA)
    code = head["code"].text(r"[0-9]{6}", "应为 6 位数字并加引号，例如 \"320614\" / six digits in quotes")
    prefecture = head["prefecture"].text(r"[0-9]{4}", "应为 4 位数字并加引号 / four digits in quotes")
    if code and prefecture and not code.startswith(prefecture):
        head["prefecture"].refuse(f"不是 {code} 的前四位 / not the first four digits of the code", f"应为 / should be: \"{code[:4]}\"")
    datum, zone = head["datum"].word(DATUMS), read_zone(head["zone"])
    outline = read_outline(problems)
    towns = read_towns(problems, code, outline)
    feeds = read_feeds(problems)
    keys = [town.key for town in towns]
    stations = read_stations(problems, keys, [feed.feed for feed in feeds], datum)
    known = {station.station: station for station in stations}
    maintenance, climate, links = read_maintenance(problems, known), read_climate(problems, known), read_links(problems, known)
    overrides, limits = read_overrides(problems, towns, known), read_limits(problems, known)
    things = read_things(problems, known)
    reporters = read_reporters(problems, keys)
    departments = read_departments(problems, feeds)
    groups = read_groups(problems)
    speakers = read_loudspeakers(problems, keys, outline)
    policy = read_policy(problems, groups, [s.speaker for s in speakers], [feed.cron for feed in feeds if feed.enabled], zone)
    templates, words = read_templates(problems), read_words(problems)
    said = {key: _said(head[key]) for key in ("name", "name_en", "issuer", "signature")}
    packs = _packs(head["packs"], root)
    check_together(problems, feeds, known, towns)
    clock_fits(head["zone"], zone, outline)
    _strangers(problems)
    errors = problems.settle()
    if errors:
        raise ConfigErrors(errors)
    return County(
        code=code, prefecture=prefecture, datum=datum, root=root, version=version, towns=with_cells(towns, outline), stations=stations,
        feeds=feeds, policy=policy, groups=groups, loudspeakers=speakers, templates=templates, packs=packs,
        maintenance=maintenance, climate=climate, links=links, things=things, reporters=reporters, departments=departments, overrides=overrides,
        limits=limits, zone=zone, words=words, draft=head["draft"].yes(), **said,
    )


def _strangers(problems: Problems) -> None:
    """A data file that nobody reads: an optional one whose name is misspelt would be left out in silence."""
    for path in sorted(problems.root.iterdir()):
        if path.suffix.lower() in (".csv", ".yaml", ".yml", ".xls", ".xlsx") and path.name not in FILES:
            near = get_close_matches(path.name, FILES, 1, 0.6)
            problems.add(path.name, None, "没有人读这个文件 / nobody reads this file",
                         f"是否 / did you mean: {near[0]}；不用的移走 / else move it away" if near else "移出本文件夹 / move it out of the folder")


def _said(node: Node) -> str:
    """A name that is spoken to people: short, without braces, brackets, addresses or numbers."""
    text = node.text(r"[^{}【】\[\]]{1,24}|[^{}【】\[\]\u2e80-\uffff]{1,48}", "1 到 24 字，拉丁字母到 48 个，不带括号 / 1 to 48 letters without brackets")
    if text:
        harmless(node)
    return text


def _packs(node: Node, root: Path) -> tuple[str, ...]:
    """Names of packs, each a file of the county's packs/ or of the shipped ones."""
    names = node.words()
    known = sorted(str(p.relative_to(SHIPPED_PACKS).with_suffix("")) for p in SHIPPED_PACKS.glob("*/*.yaml") if not p.name.endswith(".test.yaml"))
    for n, name in enumerate(names):
        own = ".." not in Path(name).parts and not Path(name).is_absolute() and (root / "packs" / f"{name}.yaml").is_file()
        if name not in known and not own:
            node.child(n, name).refuse(f"没有规则包 {shown(name)} / no such pack", meant(name, known, len(known)))
    return names
