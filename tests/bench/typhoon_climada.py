"""climada's side of typhoon.py, run by an interpreter that has climada: `PYTHON typhoon_climada.py WORLD.npz ROUNDS`; prints one line of JSON.

Install it apart, for it wants a gigabyte: `echo 'gdal; sys_platform == "never"' > over.txt; uv venv V; uv pip install --python V --override over.txt climada`.
The file holds `track` (P, 4): lat, lon, wind in m/s, pressure in hPa; `towns` (N, 2): lat, lon; `ambient` in hPa; `radius` (P,) of maximum wind in km. The
steps are made so long that the storm does not move: what is left is the Holland (1980) profile. The winds go back as WORLD.winds.npy.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from climada.hazard import Centroids, TCTracks, TropCyclone

KNOTS, MILES, STILL_H, REACH_KM = 1 / 0.514444, 1 / 1.852, 1e6, (300.0, 800.0)


def tracks(world: dict[str, np.ndarray]) -> TCTracks:
    """The storm as climada keeps one."""
    lat, lon, wind, pressure = world["track"].T
    points = len(lat)
    made = xr.Dataset(
        {"time_step": ("time", np.full(points, STILL_H)), "radius_max_wind": ("time", world["radius"] * MILES), "radius_oci": ("time", np.zeros(points)),
         "max_sustained_wind": ("time", wind * KNOTS), "central_pressure": ("time", pressure),
         "environmental_pressure": ("time", np.full(points, float(world["ambient"]))),
         "basin": ("time", np.full(points, "WP"))},
        coords={"time": pd.date_range("2024-07-26", periods=points, freq="h"), "lat": ("time", lat), "lon": ("time", lon)},
        attrs={"max_sustained_wind_unit": "kn", "central_pressure_unit": "mb", "name": "synthetic", "sid": "synthetic", "orig_event_flag": True,
               "data_provider": "synthetic", "id_no": 1.0, "category": 3})
    return TCTracks([made])


def main(path: Path, rounds: int) -> None:
    """Time `from_tracks` at each cut-off."""
    world = dict(np.load(path))
    storm, towns = tracks(world), Centroids(lat=world["towns"][:, 0], lon=world["towns"][:, 1])
    spent: dict[float, list[float]] = {km: [] for km in REACH_KM}
    for _ in range(rounds):
        for km in REACH_KM:
            began = time.process_time()
            hazard = TropCyclone.from_tracks(storm, centroids=towns, model="H1980", ignore_distance_to_coast=True, intensity_thres=0.0, max_dist_eye_km=km)
            spent[km].append(time.process_time() - began)
    np.save(path.with_suffix(".winds.npy"), hazard.intensity.toarray()[0])
    print(json.dumps({km: statistics.median(times) for km, times in spent.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
