"""GRIB2 messages made with eccodes."""

from __future__ import annotations

import numpy as np

from connectors.gribfile import library

eccodes = library()  # never alone: see there


def message(
    parameter: tuple[int, int, int], values: np.ndarray, *, step: int = 6, level: int = 10, accumulated: bool = False, missing: bool = False, hour: int = 0,
) -> bytes:
    """One GRIB2 message on a 5 x 5 grid of 0.25 degrees, 31.5-32.5 N, 120.75-121.75 E, of the run of 2021-07-25 at `hour` (UTC)."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    try:
        sets = {
            "centre": "babj", "dataDate": 20210725, "dataTime": 100 * hour, "Ni": 5, "Nj": 5, "latitudeOfFirstGridPointInDegrees": 32.5,
            "longitudeOfFirstGridPointInDegrees": 120.75, "latitudeOfLastGridPointInDegrees": 31.5, "longitudeOfLastGridPointInDegrees": 121.75,
            "iDirectionIncrementInDegrees": 0.25, "jDirectionIncrementInDegrees": 0.25, "productDefinitionTemplateNumber": 8 if accumulated else 0,
            "discipline": parameter[0], "parameterCategory": parameter[1], "parameterNumber": parameter[2], "typeOfFirstFixedSurface": 103,
            "scaleFactorOfFirstFixedSurface": 0, "scaledValueOfFirstFixedSurface": level, "stepUnits": 1,
        }
        for key, value in sets.items():
            eccodes.codes_set(handle, key, value)
        if accumulated:
            eccodes.codes_set(handle, "typeOfStatisticalProcessing", 1)
            eccodes.codes_set(handle, "stepRange", f"0-{step}")
        else:
            eccodes.codes_set(handle, "step", step)
        if missing:
            eccodes.codes_set(handle, "bitmapPresent", 1)
        eccodes.codes_set_values(handle, values.ravel().astype(float))
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def grid(value: float) -> np.ndarray:
    """`value` at the point nearest to 31.9 N 121.2 E (31.75 or 32.0 N; 121.25 E), something else elsewhere."""
    field = np.full((5, 5), value + 50)
    field[2, 2] = value  # 32.0 N, 121.25 E
    return field
