"""What height does to readings: physics where the house would otherwise choose, for stations whose elevation the county tells.

The pressure at a height z above the sea follows the hypsometric equation p(z) = p(0) exp(-g z / (R T)), T being the mean virtual temperature (K) of the
air between (Wallace and Hobbs 2006, Atmospheric Science, 2nd ed., section 3.2; g and R of the ICAO standard atmosphere, ISO 2533; restated from memory).
Elevations are metres above mean sea level, NaN where nobody told one: such a station is judged as one at the sea.
"""

from __future__ import annotations

import numpy as np

from core.checks import Floats

#: m/s2 and J/(kg K).
GRAVITY, DRY_AIR = 9.80665, 287.05
#: K at the sea, and K a metre upwards, of the standard atmosphere.
SEA_K, LAPSE = 288.15, 0.0065
#: Coldest and hottest mean temperature of the air below a station, K (chosen: the range of believable temperatures, -25 to 45 degC).
COLUMN_K = (248.15, 318.15)
#: By property what a metre of height between two stations may add to their difference beyond the standard atmosphere's, in the property's unit: for
#: pressure the whole of COLUMN_K, for temperature anything from an inversion to twice the standard lapse (chosen).
A_METRE = {"pressure": 1013.25 * GRAVITY / (DRY_AIR * np.mean(COLUMN_K) ** 2) * np.ptp(COLUMN_K) / 2, "temperature": LAPSE}


def pressure_range(low: float, high: float, elevation: Floats) -> tuple[Floats, Floats]:
    """(S,) twice, hPa: a range of pressures at sea level brought up to each station's height, the lower end by the coldest and the upper by the hottest
    air. NaN where the height is not known."""
    cold, hot = (np.exp(-GRAVITY * elevation / (DRY_AIR * kelvin)) for kelvin in COLUMN_K)
    return low * np.minimum(cold, hot), high * np.maximum(cold, hot)


def brought_down(name: str, values: Floats, elevation: Floats) -> Floats:
    """(T, S) readings as they would be at sea level under a standard atmosphere; as they are of what does not depend on height."""
    z = np.where(np.isnan(elevation), 0.0, elevation)
    if name == "pressure":
        return np.asarray(values * np.exp(GRAVITY * z / (DRY_AIR * (SEA_K - LAPSE * z / 2))))
    return np.asarray(values + LAPSE * z) if name == "temperature" else values
