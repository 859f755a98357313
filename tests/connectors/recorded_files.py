"""The table of test_recorded: every recorded file with the connector that reads it and what it holds, or with the reason why none does."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import recorded_feeds as feeds
import season_wire
from recorded_feeds import Row, named, only, table

from connectors.reading.records import NO_CODE, UNREAD

SEASON, IRMA, SNAPSHOTS = "typhoon_season_2026/", "outages_irma_2017/", "-outages_2017-09-09_2017-09-30.jsonl.gz"
RTU = {"connector": "sl651", "stations": lambda bodies: [{"station": "12345678"}, {"station": "0011223344", "datum": "1985"}]}
QUAKES = {"connector": "usgs_quakes", "stations": only("LA", 34.05, -118.25), "options": {"min_magnitude": 1.5}}
STAGE = only("1491TH", datum="ASD 1491TH")
NWS = {
    "properties.temperature.value": "temperature", "properties.dewpoint.value": "dew_point", "properties.windSpeed.value": "wind_speed",
    "properties.windDirection.value": "wind_direction", "properties.visibility.value": "visibility",
}
OGC = {"00065": "stage ft", "00060": "discharge ft3/s"}
GAUGES = ("Creator", "EditDate", "Editor", "alertpull", "basin", "globalid", "majorpull", "minorpull", "objectid")
FPL = {"numberofoutages": "customers_out", "numberofaccounts": "customers_total", "numberofrestored": "customers_restored"}
JEMC = ("ETOR", "ETORAltDesc", "ETORBegin", "ETOREnd", "PolyID", "longestDuration", "percentAffected", "position")
SCEG = ("COUNTY_ID", "FIPS", "MESSAGE", "NO_EVENTS", "OBJECTID", "SHAPE.AREA", "SHAPE.LEN")
NO_AREA = f"{NO_CODE}; a polygon or a name alone concerns nobody"
NO_SAME = f"{NO_CODE}; a zone or a polygon alone concerns nobody"
SECOND = "a second, different report for the same time; the later one counts"

ROWS = (
    # 台风 storms
    Row(file="nmc/cma_view_3272323_HAISHEN.jsonp", connector="nmc_typhoon", tracks=12),
    Row(file="nmc/cma_view_3277083_NOUL.jsonp", connector="nmc_typhoon", tracks=73),
    Row(file="nmc/cma_view_3279904_DOLPHIN.jsonp", connector="nmc_typhoon", tracks=59),
    Row(file="nmc/cma_view_3285913_nameless.jsonp", connector="nmc_typhoon", tracks=12),
    Row(file="nmc/view_3227033_Bolaven2005.jsonp", connector="nmc_typhoon", tracks=1),
    Row(file="nmc/view_3346168_NOLO_20261007.jsonp", connector="nmc_typhoon", tracks=10),
    Row(file="nmc/cma_list_full.jsonp", connector="nmc_typhoon", bodies=feeds.joined, tracks=156),
    Row(file="nmc/list_default_20261007.jsonp", connector="nmc_typhoon", bodies=feeds.joined, tracks=10),
    Row(file="nmc/list_1950.jsonp", connector="nmc_typhoon", bodies=feeds.joined),
    Row(file="nmc/list_2024.jsonp", connector="nmc_typhoon", bodies=feeds.joined),
    Row(file="nmc/view_404.html", connector="nmc_typhoon", error="an HTML page came where data were expected (login or error page)"),
    Row(file=SEASON + "typhoon_202613.snapshots.jsonl.gz", connector="zj_typhoon", bodies=feeds.storms, every=10, tracks=2149),
    # 预警 warnings
    Row(file="nmc/findAlarm_1entry.json", connector="nmc_alarms", prefecture="3506", signals=1, rejected={"# warnings announced, # came": 1}),
    Row(file="nmc/alarm_titles_20261006.txt", connector="nmc_alarms", bodies=feeds.titles, signals=21),
    Row(file=SEASON + "cma_warnings_active_JS_SH_ZJ.snapshots.jsonl.gz", connector="nmc_alarms", bodies=feeds.lists, every=20, signals=849),
    Row(file=SEASON + "warnings.json.gz", connector="nmc_alarms", bodies=feeds.nation, prefecture="1405", signals=92),
    Row(file="cap/wis2box_cap_example.xml", connector="cap_feed", signals=1, rejected={NO_AREA: 1}),
    Row(file="cap/meteoalarm/france_sample_detail.xml", connector="cap_feed", signals=1, rejected={NO_AREA: 6}),
    Row(file="cap/meteoalarm/ireland_sample_detail.xml", connector="cap_feed", signals=1, rejected={NO_AREA: 1}),
    Row(file="cap/meteoalarm/uk_nothern_ireland_sample_detail.xml", connector="cap_feed", signals=1, rejected={NO_AREA: 10}),
    Row(file="cap/meteoalarm/france_sample.xml", connector="cap_feed", bodies=feeds.index),
    Row(file="cap/meteoalarm/ireland_sample.xml.gz", connector="cap_feed", bodies=feeds.index),
    Row(file="cap/meteoalarm/uk_sample.xml", connector="cap_feed", bodies=feeds.index),
    Row(file="nws/pynws_alerts_active_zone.json", connector="nws_alerts", signals=1),
    Row(file="nws/pynws_alerts_active_zone_second.json", connector="nws_alerts", signals=2),
    Row(
        file="nws/e2e_active.json.gz", connector="nws_alerts",
        rejected={"field expires": 2, NO_SAME: 140, "field effective": 2, "field sent": 148},
    ),
    Row(
        file="nws/e2e_active.json.gz", connector="nws_alerts", bodies=feeds.templates, signals=141,
        rejected={NO_SAME: 140, SECOND: 1},
    ),
    Row(file="nws/guam_active.json.gz", connector="nws_alerts", rejected={"field sent": 246}),
    Row(
        file="nws/guam_active.json.gz", connector="nws_alerts", bodies=feeds.templates, signals=246, rejected={UNREAD: 1},
    ),
    Row(
        file="nws/testing_active.json.gz", connector="nws_alerts",
        rejected={"field expires": 2, NO_SAME: 4, "field effective": 2, "field sent": 34},
    ),
    Row(
        file="nws/testing_active.json.gz", connector="nws_alerts", bodies=feeds.templates, signals=37,
        rejected={NO_SAME: 4, SECOND: 1},
    ),
    Row(
        file="qweather/getWeatherAlertCurrent-en.json", connector="qweather_alerts", bodies=feeds.point, stations=only("P1", town="haimen"), signals=1,
    ),
    Row(
        file="qweather/getWeatherAlertCurrent-zh.json", connector="qweather_alerts", bodies=feeds.point, stations=only("P1", town="haimen"), signals=1,
    ),
    # 天气 weather
    Row(
        file="qweather/getWeatherHourlyV7-en.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=21,
        sums={"rain": 0.35, "wind_speed": 8.61, "temperature": 73},
    ),
    Row(
        file="qweather/getWeatherHourlyV7-zh.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=168,
        sums={"rain": 0, "wind_speed": 117.78, "temperature": -57},
    ),
    Row(
        file="qweather/getWeatherNowV7-en.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=8,
        sums={"rain": 0, "wind_speed": 1.39, "temperature": 26},
    ),
    Row(
        file="qweather/getWeatherNowV7-zh.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=8,
        sums={"rain": 0, "wind_speed": 0.83, "temperature": 24},
    ),
    Row(
        file="qweather/getGridWeatherNow-en.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=7,
        sums={"rain": 0, "wind_speed": 4.17, "temperature": 31},
    ),
    Row(
        file="qweather/getGridWeatherNow-zh.json", connector="qweather", bodies=feeds.point, stations=only("P1"), observations=7,
        sums={"rain": 0, "wind_speed": 2.78, "temperature": -1},
    ),
    Row(
        file="cimiss/surface.rst", connector="music_surface", bodies=feeds.surface, stations=feeds.surfaced, observations=31,
        sums={"temperature": 507.3},
        rejected={UNREAD: 1},
    ),
    Row(
        file="nws/pynws_stations_observations.json", connector="table", stations=named('"station": "([^"]+)"'),
        table=table("features", "properties.station", NWS, time="properties.timestamp"), observations=5, sums={"temperature": 10, "wind_speed": 10},
        rejected={UNREAD: 1},
    ),
    Row(
        file=SEASON + "metar_all_stations.jsonl.gz", connector="metar", bodies=feeds.metars, every=3, received=datetime(2026, 8, 22, tzinfo=UTC),
        stations=named('"METAR ([A-Z]{4}) '), observations=1854, sums={"wind_speed": 3483.31},
    ),
    Row(
        file=SEASON + "openmeteo_wind_grid_near_nantong.jsonl.gz", connector="open_meteo", bodies=feeds.grids, every=20,
        stations=lambda bodies: [{"station": name, "lat": lat, "lon": lon} for name, (lat, lon) in season_wire.GRID.items()],
        options={"points": " ".join(f"{name}@{lat},{lon}" for name, (lat, lon) in season_wire.GRID.items())}, observations=1556,
        sums={"wind_speed": 4101.17},
    ),
    # 水情 water
    Row(file="ea_flood/get_station_1491TH.json", connector="ea_flood", stations=STAGE, observations=2, sums={"gate_downstream": 1.88, "stage": 2.1}),
    Row(file="ea_flood/get_stations.json.gz", connector="ea_flood", stations=STAGE),
    Row(file="usgs/hydrotools_nwis_iv.json", connector="usgs_nwis", stations=feeds.placed, observations=186, sums={"discharge": 18156.21}),
    Row(file="usgs/nwis_iv_mock.json", connector="usgs_nwis", stations=feeds.placed, observations=2, sums={"discharge": 0.08}),
    Row(file="usgs/nwis_iv_empty_mock.json", connector="usgs_nwis", stations=feeds.placed),
    Row(file="usgs/waterservices_iv.txt", connector="usgs_nwis", stations=feeds.placed, observations=20, sums={"discharge": 203.8, "stage": 14.61}),
    Row(
        file="usgs/waterservices_dv.txt", connector="usgs_nwis", stations=feeds.placed,
        rejected={"parameter # is not one we read": 8, "field dateTime": 4},
    ),
    *(Row(
        file="usgs/waterdata_ogc_fixtures.json", connector="table", stations=named('"monitoring_location_id": "([^"]+)"'), observations=2, sums=sums,
        rejected={UNREAD: 1}, table=table(
            f"{service}.features", "properties.monitoring_location_id", OGC, time="properties.time", quantity="properties.parameter_code", value="properties.value"),
    ) for service, sums in (("continuous", {"stage": 1.07}), ("latest-continuous", {"stage": 0.48, "discharge": 15.15}))),
    Row(
        file="coops/test_station_data.yaml.gz", connector="noaa_coops", bodies=feeds.coops,
        stations=only("9447130", 47.6026, -122.3393, datum="MLLW"), observations=7201, sums={"tide": 15230.57},
    ),
    Row(
        file="sl651/frames.json", **RTU, bodies=feeds.frames, observations=23, sums={"rain": 0, "rain_total": 6, "voltage": 23.08, "stage": 42.49},
        rejected={"dated #, later than its receipt": 1, "function #FH holds no readings we read; the frame is kept": 1},
    ),
    Row(file="sl651/frames.json", **RTU, bodies=partial(feeds.frames, direction="down"), rejected={"a frame of the centre's holds no reading": 2}),
    Row(
        file="gauges/lk_gauges_sample.csv", connector="table", stations=named(r",([A-Z][A-Za-z ]+),[0-9a-f]{8}-"),
        table=table("", "gauge", {"water_level": "stage m", "rain_fall": "rain mm"}, time="CreationDate", form="csv", ignore=GAUGES), observations=13,
        sums={"stage": 8.8, "rain": 0},
    ),
    # 停电 power
    Row(
        file=IRMA + "tampa-electric" + SNAPSHOTS, connector="outage_points", bodies=feeds.snapshots, every=100, stations=only("P1", town="haimen"),
        cell=(-84.0, 26.0, -80.0, 30.0), options={"out": "nbrCust", "lat": "lat", "lon": "lng"}, observations=40, sums={"customers_out": 1837030},
    ),
    Row(
        file=IRMA + "north-georgia" + SNAPSHOTS, connector="outage_points", bodies=feeds.snapshots, every=100, stations=only("P1", town="haimen"),
        cell=(-87.0, 33.0, -83.0, 36.0),
        options={
            "records": "Outages", "lat": "OutageLocation.Y", "lon": "OutageLocation.X", "out": "CustomersOutNow", "restored": "CustomersRestored",
            "id": "OutageRecID",
        },
        observations=30, sums={"customers_out": 1663, "customers_restored": 1216},
    ),
    Row(
        file=IRMA + "fpl-county" + SNAPSHOTS, connector="table", bodies=feeds.snapshots, every=100, stations=named('"County Name": "([^"]+)"'),
        table=table("outages", "County Name", {"Customers Out": "customers_out", "Customers Served": "customers_total"}), observations=2730,
        sums={"customers_out": 21774171, "customers_total": 192417568},
    ),
    Row(
        file=IRMA + "fpl-storm" + SNAPSHOTS, connector="table", bodies=feeds.snapshots, every=100, stations=named('"name": "([^"]+)"'),
        table=table("counties.*", "name", FPL, ignore=("numberofaffected",)),
        observations=315, sums={"customers_out": 3696940, "customers_total": 14712165, "customers_restored": 7943750},
    ),
    Row(
        file=IRMA + "jemc" + SNAPSHOTS, connector="table", bodies=feeds.snapshots, every=100, stations=named('"county": "([^"]+)"'),
        table=table("County", "county", {"affected": "customers_out", "numCustomers": "customers_total"}, ignore=JEMC), observations=700,
        sums={"customers_out": 377622, "customers_total": 7775145},
    ),
    Row(
        file=IRMA + "sceg" + SNAPSHOTS, connector="table", bodies=feeds.snapshots, every=100, stations=named('"NAME": "([^"]+)"'),
        table=table("", "NAME", {"NO_OUTAGES": "customers_out", "NO_CUSTOMERS": "customers_total"}, ignore=SCEG), observations=1344,
        sums={"customers_out": 190270, "customers_total": 20173729},
    ),
    # 地震与火点 earthquakes and fires
    Row(file="usgs_earthquakes/vega_earthquakes_week.json", **QUAKES, observations=348),
    Row(file="usgs_earthquakes/earthquakes-1.json", **QUAKES, rejected={"status # is not known": 3}),
    Row(file="usgs_earthquakes/shakecast_feed.json", **QUAKES, error="225 events announced, 3 came"),
    Row(file="usgs_earthquakes/classes_summary.yaml.gz", **QUAKES, bodies=partial(feeds.cassette, address="orderby="), observations=3),
    Row(file="usgs_earthquakes/search_search.yaml.gz", **QUAKES, bodies=partial(feeds.cassette, address="orderby="), observations=3),
    Row(
        file="usgs_earthquakes/classes_summary.yaml.gz", **QUAKES, bodies=partial(feeds.cassette, address="eventid="), error="no GeoJSON list of earthquakes",
    ),
    Row(
        file="usgs_earthquakes/search_id.yaml.gz", **QUAKES, bodies=partial(feeds.cassette, address="eventid="), error="no GeoJSON list of earthquakes",
    ),
    Row(
        file="firms/firms_viirs_california_2016.csv.gz", connector="firms", stations=only("F1", 36.46, -121.9), options={"reach_km": 30},
        observations=272, sums={"fire_count": 5630, "fire_power": 89644.4},
    ),
)

#: Indexes and lists: how many documents or storms they name.
NAMED = {
    "cap/meteoalarm/france_sample.xml": 2, "cap/meteoalarm/ireland_sample.xml.gz": 16, "cap/meteoalarm/uk_sample.xml": 4, "nmc/cma_list_full.jsonp": 15,
    "nmc/list_default_20261007.jsonp": 5, "nmc/list_1950.jsonp": 2, "nmc/list_2024.jsonp": 1,
}

#: Files and folders that no connector reads, and why.
NOT_READ = {
    "README.md": "says what the others are",
    "amedas_2023-09-08/": "a recorder's own tables (Parquet), no feed's answers; tests/bench/series.py replays them",
    "cap/CAP-v1.2.xsd": "the standard's schema",
    "cap/seevee_meteoalarm_de.json": "CAP turned into JSON by one relay, which gives the same alerts as Atom and XML, which cap_feed reads",
    "cap/seevee_meteoalarm_with_polygons.json": "as the other; its polygons have no administrative code",
    "coops/test_station_metadata.yaml.gz": "describes a station (metadata and inventory services); it holds no reading",
    "geography/": "boundaries and codes: data of a county's folder",
    "landslide_catalog/": "landslides that happened: what a warning is verified by, no feed",
    "landslide_sitka/": "daily maxima beside landslide days; tests/rules/test_rule_recorded.py scores them",
    "nws/HFO_hourly.json.gz": "every time in it is a template ('date:now -4057 seconds'), and nothing else says what hour a value is for",
    "outages_irma_2017/duke-fl-outages_2017-09-09_2017-09-30.jsonl.gz": "shapes of a map, the figures in a list inside each; no table can name them",
    "qweather/alert-events.csv": "a list of codes",
    "qweather/getAirDailyV7-en.json": "air quality: no hazard that is scored",
    "qweather/getAirDailyV7-zh.json": "air quality: no hazard that is scored",
    "qweather/getMinutelyPrecipitation-en.json": "a nowcast of two hours in steps of five minutes; the forecast indicators take hours",
    "qweather/getMinutelyPrecipitation-zh.json": "a nowcast of two hours in steps of five minutes; the forecast indicators take hours",
    "qweather/getOceanTide.json": "heights of a datum that it does not say, so that they could be compared with nothing",
    "qweather/getSolarRadiationV7.json": "sunshine: no hazard that is scored",
    "qweather/getStormForecast.json": "tracks that QWeather relays from the issuers; a relay would be counted as one more witness",
    "qweather/getStormList-en.json": "as its forecast",
    "qweather/getStormList-zh.json": "as its forecast",
    "qweather/getStormTrack.json": "as its forecast",
    "qweather/getWeatherDailyV7-en.json": "extremes and words of a day, which no indicator takes",
    "qweather/getWeatherDailyV7-zh.json": "extremes and words of a day, which no indicator takes",
    "qweather/qweather-apis-zh.yml": "the description of the interface",
    "tracks/": "best tracks and landfalls, made years later: what forecasts are verified by; tests/core/test_tracks.py reads them",
    "twilio_openapi/": "the description of an interface that notifiers speak",
    "typhoon_season_2026/analogs.json": "what past storms did to cities: no feed",
    "typhoon_season_2026/coastal.json": "geography",
    "typhoon_season_2026/nantong_active_warnings_by_snapshot.csv.gz": "a part of the snapshots above, as a table",
    "typhoon_season_2026/rain-history.json.gz": "rain of past storms, reanalysed: no feed",
    "typhoon_season_2026/rain-percentile.json": "rain of past storms, reanalysed: no feed",
    "typhoon_season_2026/regions.json": "geography",
    "typhoon_season_2026/verify_202613.json": "what the agencies' forecasts are verified by; season_wire mends the recording's hole with it",
    "usgs/waterservices_peaks.txt": "yearly peaks: no feed",
    "usgs/waterservices_ratings.txt": "a rating curve: no reading",
    "waterml/": "the XML form of NWIS answers, and services of other owners in WaterML; usgs_nwis asks for the JSON form of the same",
}

#: Connectors of whose feed nothing was recorded, and what stands in for it in their own tests.
NOT_RECORDED = {
    "cenc_quakes": "the list has no public interface; written by hand in its fields",
    "file_drop": "a department's own files",
    "grib": "made with eccodes by the test",
    "hazard_layer": "no public exchange standard; written by hand",
    "inbox": "messages of people of the county",
    "mqtt_sensors": "the county's own messages; published to a real broker",
    "nmc_station": "written by hand in the site's fields (tests/data/nmc_station)",
    "outages": "the county's own format; the recorded utilities are read by table and outage_points",
    "sensorthings": "written by hand after the standard's examples",
    "sl323": "the standard's tables in SQLite and PostgreSQL",
    "synop": "written by hand (tests/data/synop)",
}
