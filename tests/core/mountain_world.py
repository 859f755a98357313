"""A mountain county from nothing but data: two streams with a gauge each, three rain gauges on lines of their own, barometers from 300 to 2,400 m. The
county is fictitious: no such place, code or person exists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.quality.judge import judge
from core.county import County, load_county
from core.lake import Lake
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Batch, Hazard, Observation, RiskScore
from rules.assess import assess

HEAD = ("station,name,feed,lat,lon,town,properties,units,datum,datum_offset,warning_stage,guaranteed_stage,record_stage,levels_verified,valid_from,path,source,"
        "synthetic,elevation,site\n")
STATIONS = (
    "U1,东溪站,water,30.30,100.10,shang,stage,m,1985,,843.5,845.0,846.2,false,,a,,true,842,stream\n"
    "U2,西溪站,water,30.33,100.12,shang,stage,m,1985,,851.0,852.0,853.0,false,,b,,true,850,stream\n"
    "R1,上虚雨量站,rain,30.31,100.10,shang,rain,mm,,,,,,false,,c,,true,,ridge\n"
    "R2,岭上雨量站,rain,30.36,100.16,shang,rain;pressure;temperature,mm;hPa;degC,,,,,,false,,d,,true,2400,ridge\n"
    "R3,山口雨量站,rain,30.26,100.15,xia,rain;pressure;temperature,mm;hPa;degC,,,,,,false,,e,,true,1450,ridge\n"
    "P1,谷底气象站,rain,30.20,100.20,xia,pressure;temperature,hPa;degC,,,,,,false,,f,,true,300,\n"
)
LIMITS = (
    "station,site,property,limit,value,source,verified\n"
    ",stream,stage,leap,5,虚构,false\n"
    ",stream,stage,step,8,虚构,false\n"
    ",stream,stage,spike,3,虚构,false\n"
    ",ridge,rain,alone,120,虚构,false\n"
    ",ridge,rain,over,120,虚构,false\n"
)
FEED = '{0}:\n  title: {1}\n  sector: {2}\n  connector: {3}\n  sandbox: /{0}\n  cron: "*/10 * * * *"\n  interval_s: 3600\n  max_age_s: 7800\n  expected: 3\n'
COLOURS = ("blue", "yellow", "orange", "red")
FILES = {
    "county.yaml": 'code: "990102"\nname: 虚山县\nname_en: Upper Nowhere\nprefecture: "9901"\nissuer: 虚山县应急管理局\nsignature: 虚山预警\ndatum: "1985"\n'
                   "packs: [cn/rainstorm, cn/mountain_stream]\n",
    "outline.csv": "# 虚构 fictitious\nlon,lat\n100.0,30.0\n100.4,30.0\n100.4,30.4\n100.0,30.4\n",
    "towns.csv": "key,code,code_shared,name,name_en,lat,lon,point_verified,population,over60_share,villages,river_front,sea_front,low_ground,bank_section,"
                 "synthetic\nshang,990102100000,false,上虚镇,Upper,30.31,100.11,false,8000,0.25,9,true,false,false,0,population;over60_share;villages\n"
                 "xia,990102101000,false,下虚镇,Lower,30.22,100.18,false,12000,0.3,14,false,false,true,0,population;over60_share;villages\n",
    "feeds.yaml": FEED.format("rain", "雨量", "weather", "music_surface") + FEED.format("water", "水情", "water", "sl323"),
    "stations.csv": HEAD + STATIONS,
    "limits.csv": LIMITS,
    "groups.yaml": "residents: {title: 居民, title_en: residents, share: 1.0, exposure: all}\n",
    "policy.yaml": "signing: officer\nofficers:\n  writer: {title: 拟稿（虚构）, role: duty_officer}\n  signer: {title: 签发（虚构）, role: chief}\n"
                   "asking_order: {duty_officer: [writer], chief: [signer]}\n"
                   'quiet_hours: {from: "22:00", to: "06:00", below: orange, source: 虚构, verified: false}\n'
                   "renew_before_s: 3600\nmin_update_s: 1800\nkeep_for_s: 3600\nlevels:\n"
                   + "".join(f"  {colour}: {{author_roles: [duty_officer], approver_roles: [chief], deadline_s: 600, on_silence: hold, validity_s: 21600, "
                             "channels: [sms], audience: [residents]}\n" for colour in COLOURS),
    "templates.yaml": 'flood:\n  headline: "{issuer}{action}洪涝{level}预警：{towns}"\n  description: "{issuer}{time}{level}。{advice}"\n'
                      '  sms: "{town}洪涝{level}预警，至{until}。{advice}"\n  broadcast: "{town}洪涝{level}预警，到{until}。{advice}"\n'
                      '  sms_cancel: "{town}洪涝预警解除。"\n  broadcast_cancel: "{town}洪涝预警解除。"\n'
                      + "".join(f'  advice_{colour}: "到高处去。"\n' for colour in COLOURS),
    "loudspeakers.csv": "speaker,town,name,lat,lon,state,synthetic\nspk-1,shang,上虚1号,,,on,true\n",
}
NOW = datetime(2024, 7, 1, 10, tzinfo=UTC)
CALM = {"rain": 0.0, "stage": {"U1": 841.2, "U2": 849.0}, "pressure": {"R2": 757.0, "R3": 852.0, "P1": 975.0}, "temperature": {"R2": 12.0, "R3": 18.5, "P1": 26.0}}


def write(folder: Path, **changed: str) -> Path:
    """The county folder; `changed` by the file's stem replaces a file, "" leaves it out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        text = changed.get(name.split(".")[0], text)
        if text:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


class Mountain:
    """The county with a lake and a ledger: hours of calm, then what is told at the last hour, through the real judge and the real rules."""

    def __init__(self, home: Path, **changed: str) -> None:
        self.county: County = load_county(write(home / "county", **changed))
        self.lake, self.ledger = Lake(home / "lake"), Ledger.open(f"sqlite:///{home / 'ledger.db'}")
        for feed in ("rain", "water"):
            self._ingest(feed, [o for hour in range(26, 0, -1) for o in self._hour(feed, NOW - timedelta(hours=hour), {})], NOW - timedelta(minutes=30))

    def tell(self, told: dict[tuple[str, str], float | None]) -> dict[str, RiskScore]:
        """The readings of the last hour as they come, `told` by station and property in place of the calm (None: not told); the towns' scores then."""
        for feed in ("rain", "water"):
            self._ingest(feed, self._hour(feed, NOW, told), NOW)
        return {score.town: score for score in assess(now=NOW, county=self.county, lake=self.lake, ledger=self.ledger).scores if score.hazard is Hazard.FLOOD}

    def flag(self, station: str, observed_property: str) -> tuple[int, str]:
        """Flag and reasons of a station's newest reading."""
        frame = self.lake.observations(start=NOW - timedelta(minutes=1), end=NOW, as_of=NOW, properties=[observed_property])
        row = frame[frame["station"] == station].iloc[-1]
        return int(row["flag"]), str(row["reasons"])

    def asked(self) -> list[str]:
        """What the duty desk was asked."""
        with self.ledger.begin() as tx:
            return [row.text for row in tx.execute(t.duty_log.select()) if row.kind == "unexplained"]

    def _hour(self, feed: str, time: datetime, told: dict[tuple[str, str], float | None]) -> list[Observation]:
        out = []
        for station in self.county.stations_of(feed):
            for name in station.properties:
                calm = CALM[name]
                ripple = (time.hour % 3) * 0.01
                value = told.get((station.station, name), calm[station.station] + ripple if isinstance(calm, dict) else calm)
                if value is not None:
                    out.append(Observation(feed=feed, station=station.station, observed_property=name, time=time, value=value, raw="a" * 64, received=time,
                                           interval_s=3600 if name == "rain" else 0, datum=station.datum if name == "stage" else ""))
        return out

    def _ingest(self, feed: str, rows: list[Observation], now: datetime) -> None:
        news = judge(Batch(observations=tuple(rows)), feed=self.county.feed(feed), county=self.county, lake=self.lake, now=now).news
        self.lake.append(feed, Batch(observations=news), now)
