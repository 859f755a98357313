"""The one table of connectors. Adding a source: copy a file, add a row here, copy its test."""

from __future__ import annotations

from datetime import timedelta

from connectors import (
    cap_feed,
    cenc_quakes,
    ea_flood,
    file_drop,
    firms,
    grib,
    hazard_layer,
    inbox,
    metar,
    mqtt_sensors,
    music_surface,
    nmc_alarms,
    nmc_station,
    nmc_typhoon,
    noaa_coops,
    nws_alerts,
    open_meteo,
    outage_points,
    outages,
    qweather,
    qweather_alerts,
    sensorthings,
    sl323,
    sl651,
    synop,
    table,
    usgs_nwis,
    usgs_quakes,
    zj_typhoon,
)
from connectors.types import Connector

#: A storm's position is fixed every three hours; two of them missed is silence, however promptly the site answers.
TRACKS = timedelta(hours=6)
#: A model runs every six hours; two runs missed. The rules drop a forecast at the same age (rules.forecast.ISSUE_H).
FORECASTS = timedelta(hours=12)

CONNECTORS: dict[str, Connector] = {
    "zj_typhoon": Connector(
        fetch=zj_typhoon.fetch, parse=zj_typhoon.parse, title="浙江台风路径 Zhejiang typhoon tracks", needs="nothing", standstill=TRACKS,
    ),
    "nmc_typhoon": Connector(
        fetch=nmc_typhoon.fetch, parse=nmc_typhoon.parse, title="中央气象台台风 NMC typhoon tracks", needs="nothing", standstill=TRACKS,
    ),
    "music_surface": Connector(fetch=music_surface.fetch, parse=music_surface.parse, title="CIMISS/MUSIC 地面 surface weather", needs="account"),
    "sl323": Connector(fetch=sl323.fetch, parse=sl323.parse, title="SL 323 水情库 water database", needs="read-only SQL account"),
    "outages": Connector(fetch=outages.fetch, parse=outages.parse, title="停电 power outages", needs="key from the power company"),
    "mqtt_sensors": Connector(
        fetch=mqtt_sensors.fetch, parse=mqtt_sensors.parse, title="地质传感器 MQTT sensors", queue=True,
        needs="`mqtt://` our broker, or `mqtts://host` with `secret` `user:password`",
    ),
    "nmc_alarms": Connector(fetch=nmc_alarms.fetch, parse=nmc_alarms.parse, title="官方预警 official warnings", needs="nothing", listing=True),
    "cap_feed": Connector(fetch=cap_feed.fetch, parse=cap_feed.parse, title="CAP 1.2 预警 CAP warnings", needs="a feed's address", listing=True),
    "usgs_nwis": Connector(fetch=usgs_nwis.fetch, parse=usgs_nwis.parse, title="USGS 水文 instantaneous values", needs="nothing"),
    "usgs_quakes": Connector(fetch=usgs_quakes.fetch, parse=usgs_quakes.parse, title="USGS 地震 earthquakes", needs="nothing"),
    "cenc_quakes": Connector(fetch=cenc_quakes.fetch, parse=cenc_quakes.parse, title="地震台网速报 CENC earthquakes", needs="an address"),
    "sl651": Connector(fetch=sl651.fetch, parse=sl651.parse, title="SL 651 遥测 telemetry over TCP", queue=True,
                       needs="stations that are set to our address; `fengsui gateway`"),
    "noaa_coops": Connector(fetch=noaa_coops.fetch, parse=noaa_coops.parse, title="NOAA 潮位与潮汐预报 water level and predictions", needs="nothing"),
    "ea_flood": Connector(fetch=ea_flood.fetch, parse=ea_flood.parse, title="英国环境署水情 EA flood-monitoring", needs="nothing"),
    "sensorthings": Connector(fetch=sensorthings.fetch, parse=sensorthings.parse, title="OGC SensorThings", needs="a server's address"),
    "firms": Connector(fetch=firms.fetch, parse=firms.parse, title="卫星火点 FIRMS active fires", needs="a map key"),
    "open_meteo": Connector(
        fetch=open_meteo.fetch, parse=open_meteo.parse,
        title="Open-Meteo 逐小时预报 hourly forecast", needs="nothing (non-commercial use), else a key", standstill=FORECASTS,
    ),
    "nmc_station": Connector(fetch=nmc_station.fetch, parse=nmc_station.parse, title="中央气象台站点实况 NMC station weather", needs="nothing"),
    "qweather": Connector(fetch=qweather.fetch, parse=qweather.parse, title="和风天气 QWeather now and hourly forecast", needs="key", standstill=FORECASTS),
    "qweather_alerts": Connector(fetch=qweather_alerts.fetch, parse=qweather_alerts.parse, title="和风天气预警 QWeather warnings", needs="key", listing=True),
    "hazard_layer": Connector(
        fetch=hazard_layer.fetch, parse=hazard_layer.parse,
        title="地灾隐患点与岸段图层 hazard points and bank sections (GeoJSON)", needs="an address of the natural-resources office",
    ),
    "metar": Connector(fetch=metar.fetch, parse=metar.parse, title="航空报 METAR and SPECI", needs="nothing"),
    "synop": Connector(fetch=synop.fetch, parse=synop.parse, title="地面天气报 SYNOP (FM 12)", needs="an address of bulletins"),
    "grib": Connector(fetch=grib.fetch, parse=grib.parse, title="GRIB2 预报格点 forecast grids", needs="extra `grib` (eccodes)", standstill=FORECASTS),
    "nws_alerts": Connector(fetch=nws_alerts.fetch, parse=nws_alerts.parse, title="美国国家气象局预警 NWS alerts", needs="nothing", listing=True),
    "table": Connector(fetch=table.fetch, parse=table.parse, title="按表接入 declared JSON or CSV source", needs="`table:` in feeds.yaml, no code"),
    "outage_points": Connector(
        fetch=outage_points.fetch, parse=outage_points.parse,
        title="停电点图层 outage points (ArcGIS, GeoJSON)", needs="an address of the power company",
    ),
    "inbox": Connector(
        fetch=inbox.fetch, parse=inbox.parse, queue=True,
        title="灾情报告与部门推送 field reports, pushed data", needs="departments.yaml and `fengsui gateway push`, or a list's address",
    ),
    "file_drop": Connector(fetch=file_drop.fetch, parse=file_drop.parse, title="文件夹交换 file drop", queue=True,
                           needs="a folder that the department can write to"),
}
